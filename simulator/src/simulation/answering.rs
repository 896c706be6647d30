//! How attempts and requests end at the balancer, in the order in which the proxy records it.

use super::world::{EJECTION_TICK, World};
use crate::{agenda::Event, open_requests::Answer};
use lb_policy::{request::Outcome, telemetry::InFlight};

impl World<'_> {
    /// An answer reaches the balancer, which may have given up.
    pub(super) fn answer(&mut self, place: u32) {
        let request = &mut self.requests[place];
        request.is_somewhere = false;
        let answer = request.answer;
        let Some(in_flight) = request.in_flight.take() else {
            return self.requests.free_if_done(place);
        };
        self.end_attempt(place, in_flight, &answer);
        if answer.outcome == Outcome::Success || !self.retry(place) {
            self.end(place, answer.outcome);
        }
    }

    /// A balancer gives a request up.
    pub(super) fn give_up(&mut self, place: u32) {
        let Some(in_flight) = self.requests[place].in_flight.take() else {
            return;
        };
        let outcome = Outcome::Timeout;
        let answer = Answer {
            outcome,
            report: None,
        };
        self.end_attempt(place, in_flight, &answer);
        self.end(place, outcome);
    }

    fn end_attempt(&mut self, place: u32, mut in_flight: InFlight, answer: &Answer) {
        let Answer { outcome, report } = answer;
        if let Some(report) = report {
            in_flight.endpoint().record_report(report, self.now);
        }
        in_flight.respond(*outcome, self.now);
        self.tell_observer(place, &in_flight, *outcome);
        self.observe_result(place, &in_flight, outcome.is_error());
        in_flight.finish(*outcome, self.now);
    }

    fn tell_observer(&mut self, place: u32, in_flight: &InFlight, outcome: Outcome) {
        let token = self.requests[place].token.take();
        if let (Some(token), Some(watch)) = (token, &mut self.watch) {
            let seconds = self.now.seconds_since(in_flight.sent_at());
            watch.observer.ended(token, outcome, seconds);
        }
    }

    /// Lets outlier detection know.
    fn observe_result(&mut self, place: u32, in_flight: &InFlight, is_error: bool) {
        let request = &self.requests[place];
        let (index, server) = (request.incoming.balancer, request.server);
        let balancer = &mut self.balancers[index];
        let ejected = balancer.observe_result(server, in_flight.endpoint(), is_error, self.now);
        if ejected && !self.releases[index] {
            self.releases[index] = true;
            let balancer = index as u16;
            self.agenda
                .add(self.now + EJECTION_TICK, Event::Release { balancer });
        }
    }

    /// Tries a failed request at another endpoint; false when it may not be.
    fn retry(&mut self, place: u32) -> bool {
        let request = &mut self.requests[place];
        request.tried.push(request.server);
        let balancer = &self.balancers[request.incoming.balancer];
        let may_retry = balancer.may_retry(&request.tried, self.now);
        if may_retry {
            self.attempt(place);
        }
        may_retry
    }

    fn end(&mut self, place: u32, outcome: Outcome) {
        let arrived_at = self.requests[place].incoming.at;
        self.tally.ended(arrived_at, outcome, self.now);
        self.requests.free_if_done(place);
    }
}
