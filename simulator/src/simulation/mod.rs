//! One run from start to end.

mod chooser;
mod world;
mod serving;
mod probing;
mod deciding;
mod answering;
mod watching;

pub use chooser::{Chooser, Oracle};

use crate::{agenda::Event, clock, observer::Observer, outcome::RunResult, scenario::Scenario};
use lb_policy::time::Timestamp;
use world::World;

/// Most servers, and most balancers, of one run: events name them by 16 bits.
const COUNT_MAX: usize = u16::MAX as usize;

/// Runs `scenario` with one chooser for each balancer. The same scenario and choosers give the
/// same result, bit for bit.
///
/// # Panics
/// When there are not as many choosers as balancers, more than 65 535 of these or of servers,
/// or when a change names a server that there is not.
pub fn run(
    scenario: &Scenario,
    choosers: Vec<Chooser>,
    observer: Option<&mut dyn Observer>,
) -> RunResult {
    assert_eq!(
        choosers.len(),
        scenario.balancers.len(),
        "one chooser for each balancer"
    );
    assert!(
        choosers.len() <= COUNT_MAX && scenario.servers.len() <= COUNT_MAX,
        "at most {COUNT_MAX} balancers and as many servers"
    );
    let observer = observer.map(|observer| observer as &mut dyn Observer);
    let mut world = World::new(scenario, choosers, observer);
    world.run();
    world.result()
}

/// What happens next.
enum Next {
    Change,
    Arrival,
    Deadline,
    Event,
}

impl World<'_> {
    fn run(&mut self) {
        let end = clock::point(self.scenario.duration);
        while let Some((at, next)) = self.next()
            && at <= end
        {
            self.now = at;
            self.step(next);
        }
        self.now = end;
    }

    /// What happens next, and when; of several at the same time the first of this order.
    fn next(&mut self) -> Option<(Timestamp, Next)> {
        let change = self.scenario.changes.get(self.next_change);
        let change_at = change.map(|change| clock::point(change.at).max(self.now));
        let arrival_at = self
            .arrivals
            .peek()
            .map(|incoming| incoming.at.max(self.now));
        let mut first = change_at.map(|at| (at, Next::Change));
        for (at, next) in [
            (arrival_at, Next::Arrival),
            (self.timeouts.front().map(|d| d.at), Next::Deadline),
            (self.agenda.next_at(), Next::Event),
        ] {
            if let Some(at) = at
                && first.as_ref().is_none_or(|(earliest, _)| at < *earliest)
            {
                first = Some((at, next));
            }
        }
        first
    }

    fn step(&mut self, next: Next) {
        match next {
            Next::Change => {
                let scenario = self.scenario;
                let change = &scenario.changes[self.next_change];
                self.next_change += 1;
                self.change(change);
            }
            Next::Arrival => {
                if let Some(incoming) = self.arrivals.next() {
                    self.arrive(incoming);
                }
            }
            Next::Deadline => {
                if let Some(deadline) = self.timeouts.pop_front()
                    && self.is_open(&deadline)
                {
                    self.give_up(deadline.request);
                }
            }
            Next::Event => {
                if let Some(event) = self.agenda.pop() {
                    self.happen(event);
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reach { request } => self.reach(request),
            Event::Depart { server, turn } => self.depart(usize::from(server), turn),
            Event::Answer { request } => self.answer(request),
            Event::Resume { server } => self.resume(usize::from(server)),
            Event::Check { balancer, server } => self.check(balancer, server),
            Event::Checked { balancer, server } => self.checked(balancer, server),
            Event::Report { server } => self.report(server),
            Event::Reported { server } => self.reported(server),
            Event::Release { balancer } => self.release(balancer),
            Event::Forgive { balancer } => self.forgive(balancer),
            Event::Refresh { balancer } => self.refresh(balancer),
            Event::Probed { balancer, server } => self.probed(balancer, server),
        }
    }

    fn result(mut self) -> RunResult {
        for request in self.requests.waited_for() {
            self.tally.left_open(request.incoming.at, self.now);
        }
        self.tally.result()
    }
}

#[cfg(test)]
mod tests;
