//! When each request is to start and of which kind it is; decided by the seed alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::plan::{Arrivals, Plan, Step};

/// One request to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Intended start, counted from the start of the run.
    pub(crate) at: Duration,
    /// Index into the plan's mix.
    pub(crate) kind: usize,
}

/// The arrivals of a plan in order; computed one by one, so that a long plan needs no memory.
#[derive(Debug)]
pub(crate) struct Schedule {
    steps: std::vec::IntoIter<Step>,
    arrivals: Arrivals,
    /// Upper ends of the kinds' shares of the whole weight, ascending to 1.
    shares: Vec<f64>,
    rng: StdRng,
    step: Option<Running>,
}

/// The step underway, in seconds since the start of the run.
#[derive(Clone, Copy, Debug)]
struct Running {
    rate_per_s: f64,
    next_s: f64,
    end_s: f64,
}

impl Schedule {
    /// The schedule of a checked plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut schedule = Schedule {
            steps: plan.steps.clone().into_iter(),
            arrivals: plan.arrivals,
            shares: shares(plan.mix.iter().map(|kind| kind.weight)),
            rng: StdRng::seed_from_u64(plan.seed),
            step: None,
        };
        schedule.enter_step(0.0);
        schedule
    }

    fn enter_step(&mut self, start_s: f64) {
        let Some(step) = self.steps.next() else {
            self.step = None;
            return;
        };
        let first_gap = self.gap(step.rate_per_s);
        self.step = Some(Running {
            rate_per_s: step.rate_per_s,
            next_s: start_s + first_gap,
            end_s: start_s + step.duration.as_secs_f64(),
        });
    }

    fn gap(&mut self, rate_per_s: f64) -> f64 {
        match self.arrivals {
            Arrivals::Fixed => 1.0 / rate_per_s,
            // 1 - u is in (0, 1], so the logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.rng.random::<f64>()).ln() / rate_per_s,
        }
    }

    fn draw_kind(&mut self) -> usize {
        let drawn = self.rng.random::<f64>();
        let last = self.shares.len() - 1;
        self.shares.partition_point(|end| *end <= drawn).min(last)
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let step = self.step?;
            // A hair of tolerance: sums of gaps would lose a fixed plan's last arrival to rounding.
            if step.next_s > step.end_s + 1e-9 {
                self.enter_step(step.end_s);
                continue;
            }
            let next_s = step.next_s + self.gap(step.rate_per_s);
            self.step = Some(Running { next_s, ..step });
            return Some(Arrival {
                at: Duration::from_secs_f64(step.next_s),
                kind: self.draw_kind(),
            });
        }
    }
}

fn shares(weights: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let whole: f64 = weights.clone().sum();
    let mut end = 0.0;
    let upper_end = |weight: f64| {
        end += weight / whole;
        end
    };
    weights.map(upper_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Kind;
    use http::Uri;

    fn plan(rate_per_s: f64, seconds: u64) -> Plan {
        let target = Uri::from_static("http://127.0.0.1:1");
        Plan::new(target, rate_per_s, Duration::from_secs(seconds))
    }

    fn arrivals(plan: &Plan) -> Vec<Arrival> {
        Schedule::new(plan).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_another_seed_others() {
        let mut plan = plan(100.0, 10);
        let first = arrivals(&plan);
        assert_eq!(first, arrivals(&plan));
        plan.seed = 1;
        assert_ne!(first, arrivals(&plan));
    }

    #[test]
    fn poisson_counts_and_gaps_are_those_of_a_poisson_process() {
        let arrivals = arrivals(&plan(1000.0, 100));
        let count = arrivals.len() as f64;
        // Four standard deviations of a Poisson count of 100,000.
        assert!((count - 1e5).abs() < 4.0 * 1e5_f64.sqrt(), "{count}");
        let gaps = arrivals
            .windows(2)
            .map(|pair| (pair[1].at - pair[0].at).as_secs_f64());
        let above_mean = gaps.filter(|gap| *gap > 1e-3).count() as f64 / count;
        assert!((above_mean - (-1.0_f64).exp()).abs() < 0.01, "{above_mean}");
    }

    #[test]
    fn fixed_arrivals_are_equally_spaced_and_exactly_as_many() {
        let mut plan = plan(50.0, 2);
        plan.arrivals = Arrivals::Fixed;
        let arrivals = arrivals(&plan);
        assert_eq!(arrivals.len(), 100);
        for (number, arrival) in arrivals.iter().enumerate() {
            let expected = (number + 1) as f64 * 0.02;
            assert!((arrival.at.as_secs_f64() - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn each_step_has_its_own_rate() {
        let mut plan = plan(100.0, 10);
        plan.steps.push(Step {
            rate_per_s: 500.0,
            duration: Duration::from_secs(10),
        });
        let arrivals = arrivals(&plan);
        let (first, second): (Vec<Arrival>, Vec<Arrival>) = arrivals
            .iter()
            .copied()
            .partition(|a| a.at <= Duration::from_secs(10));
        assert!((873..1127).contains(&first.len()), "{}", first.len());
        assert!((4717..5283).contains(&second.len()), "{}", second.len());
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
    }

    #[test]
    fn kinds_come_by_weight() {
        let mut plan = plan(1000.0, 20);
        plan.mix.push(Kind {
            weight: 3.0,
            ..Kind::get("/b")
        });
        let arrivals = arrivals(&plan);
        let of_b = arrivals.iter().filter(|arrival| arrival.kind == 1).count();
        let share = of_b as f64 / arrivals.len() as f64;
        assert!((share - 0.75).abs() < 0.015, "{share}");
    }
}
