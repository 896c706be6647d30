//! When requests come, and what they are. Depends on the scenario alone, so that all policies
//! meet the same requests.

use crate::{
    chance::{self, Purpose},
    clock,
    scenario::{Arrivals, Rate, Scenario},
};
use lb_policy::time::Timestamp;
use rand::{RngExt, rngs::Xoshiro256PlusPlus};

/// A request on its way in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Incoming {
    pub(crate) at: Timestamp,
    /// Place in the order of arrival.
    pub(crate) number: u64,
    pub(crate) balancer: usize,
    pub(crate) class: usize,
    pub(crate) work: f64,
}

/// The requests of a run, in order of time.
#[derive(Debug)]
pub(crate) struct ArrivalStream<'a> {
    scenario: &'a Scenario,
    rng: Xoshiro256PlusPlus,
    number: u64,
    /// Time of the last arrival, in seconds.
    last: f64,
    /// Index of the present rate.
    step: usize,
}

impl<'a> ArrivalStream<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            rng: Purpose::Arrivals.stream(scenario.seed),
            number: 0,
            last: 0.0,
            step: 0,
        }
    }

    /// The next time of a Poisson process with steps: an exponential amount of rate times time
    /// passes between two arrivals.
    fn next_of_rates(&mut self, rates: &[Rate]) -> Option<f64> {
        let mut left = chance::exponential(&mut self.rng);
        loop {
            let rate = rates.get(self.step)?;
            let from = self.last.max(rate.from);
            let until = rates.get(self.step + 1).map_or(f64::INFINITY, |r| r.from);
            let at = from + left / rate.per_second;
            if at <= until {
                self.last = at;
                return at.is_finite().then_some(at);
            }
            left -= (until - from).max(0.0) * rate.per_second;
            self.last = until.max(from);
            self.step += 1;
        }
    }

    /// Index drawn in proportion to shares that add up to 1.
    fn draw(&mut self, shares: impl ExactSizeIterator<Item = f64>) -> usize {
        let last = shares.len().saturating_sub(1);
        let point = self.rng.random::<f64>();
        let mut sum = 0.0;
        for (index, share) in shares.enumerate() {
            sum += share;
            if point < sum {
                return index;
            }
        }
        last
    }
}

impl Iterator for ArrivalStream<'_> {
    type Item = Incoming;

    fn next(&mut self) -> Option<Incoming> {
        let scenario = self.scenario;
        let (at, class, work) = match &scenario.arrivals {
            Arrivals::Rates(rates) => (self.next_of_rates(rates)?, None, None),
            Arrivals::Replay(records) => {
                let record = records.get(usize::try_from(self.number).ok()?)?;
                (record.at, Some(record.class), record.work)
            }
        };
        let balancer = self.draw(scenario.balancers.iter().copied());
        let drawn_class = self.draw(scenario.classes.iter().map(|class| class.share));
        let class = class.unwrap_or(drawn_class);
        let demand = scenario.classes.get(class)?.demand;
        let drawn_work = chance::work(demand, &mut self.rng);
        let number = self.number;
        self.number += 1;
        Some(Incoming {
            at: clock::point(at),
            number,
            balancer,
            class,
            work: work.unwrap_or(drawn_work),
        })
    }
}
