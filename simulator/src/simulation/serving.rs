//! What happens at servers.

use super::world::World;
use crate::{
    agenda::Event,
    clock,
    open_requests::Answer,
    scenario::{Change, TimedChange},
    server::{Job, Reception},
};
use lb_policy::request::Outcome;
use rand::RngExt;
use std::time::Duration;

impl World<'_> {
    /// A request reaches its server.
    pub(super) fn reach(&mut self, place: u32) {
        let request = &mut self.requests[place];
        request.reached_at = self.now;
        let (index, work) = (request.server, request.incoming.work);
        let job = Job {
            request: place,
            work,
        };
        let server = &mut self.servers[index];
        request.met = server.in_flight();
        // Drawn only where it matters: most servers never fail fast.
        let draw = if server.failing_share() > 0.0 {
            self.chance.failures.random()
        } else {
            1.0
        };
        match server.receive(job, draw, self.now) {
            Reception::Taken => self.reschedule(index),
            Reception::Refused => self.answer_error(place, Duration::ZERO),
            Reception::Failed(after) => self.answer_error(place, after),
            Reception::Reset => self.send_back(place, Answer::broken(), Duration::ZERO),
            Reception::Lost => self.lose(place),
        }
    }

    /// A server is done with a request.
    pub(super) fn depart(&mut self, index: usize, turn: u32) {
        let server = &mut self.servers[index];
        if !server.is_turn(turn) {
            return;
        }
        if let Some(place) = server.depart(self.now) {
            let request = &self.requests[place];
            let seconds = clock::seconds(request.reached_at, self.now);
            self.servers[index].note_latency(request.met, seconds);
            let answer = self.answer_of(index, Outcome::Success);
            self.send_back(place, answer, Duration::ZERO);
        }
        self.reschedule(index);
    }

    /// A pause may be over.
    pub(super) fn resume(&mut self, index: usize) {
        self.servers[index].advance(self.now);
        self.reschedule(index);
    }

    /// The next change of the scenario happens.
    pub(super) fn change(&mut self, timed: &TimedChange) {
        let (index, change) = (timed.server, timed.change);
        match change {
            Change::Join => {
                let weight = self.scenario.servers[index].weight;
                for balancer in &mut self.balancers {
                    balancer.join(index, weight, self.now);
                }
            }
            Change::Leave => self.balancers.iter_mut().for_each(|b| b.leave(index)),
            _ => {}
        }
        for place in self.servers[index].change(change, self.now) {
            if self.servers[index].swallows() {
                self.lose(place);
            } else {
                self.send_back(place, Answer::broken(), Duration::ZERO);
            }
        }
        let pause_left = self.servers[index].pause_left(self.now);
        if matches!(change, Change::Pause(_)) {
            let server = index as u16;
            self.agenda
                .add(self.now + pause_left, Event::Resume { server });
        }
        self.reschedule(index);
    }

    /// Whatever was planned for a server, its next departure is now another.
    fn reschedule(&mut self, index: usize) {
        if let Some((at, turn)) = self.servers[index].next_departure(self.now) {
            let server = index as u16;
            self.agenda.add(at, Event::Depart { server, turn });
        }
    }

    fn answer_error(&mut self, place: u32, after: Duration) {
        let answer = self.answer_of(self.requests[place].server, Outcome::ServerError);
        self.send_back(place, answer, after);
    }

    fn answer_of(&self, index: usize, outcome: Outcome) -> Answer {
        let information = self.scenario.information;
        let momentary = information.momentary_utilization;
        let report = || self.servers[index].report(1, momentary);
        Answer {
            outcome,
            report: information.piggyback.then(report),
        }
    }

    /// Sends an answer on its way, or nothing where nobody waits.
    fn send_back(&mut self, place: u32, answer: Answer, after: Duration) {
        let request = &mut self.requests[place];
        if request.in_flight.is_none() {
            return self.lose(place);
        }
        request.answer = answer;
        let at = self.now + after + self.servers[request.server].half_rtt();
        self.agenda.add(at, Event::Answer { request: place });
    }

    /// The server knows nothing of a request any more, and nothing comes back.
    fn lose(&mut self, place: u32) {
        self.requests[place].is_somewhere = false;
        self.requests.free_if_done(place);
    }
}
