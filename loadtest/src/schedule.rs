//! When each request is to start and of which kind it is; decided by the seed alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::plan::{Arrivals, Plan};

/// One arrival to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Place among all arrivals of the schedule, from 0.
    pub(crate) number: u64,
    /// Intended start, counted from the start of the run.
    pub(crate) at: Duration,
    /// Index into the mix.
    pub(crate) kind: usize,
}

/// A rate that goes evenly from one value to another over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slope {
    pub(crate) from_per_s: f64,
    pub(crate) to_per_s: f64,
    pub(crate) duration: Duration,
}

/// The arrivals of a plan in order; computed one by one, so that a long plan needs no memory.
#[derive(Debug)]
pub(crate) struct Schedule {
    slopes: std::vec::IntoIter<Slope>,
    arrivals: Arrivals,
    /// Upper ends of the kinds' shares of the whole weight, ascending to 1.
    shares: Vec<f64>,
    rng: StdRng,
    slope: Option<Running>,
    next_number: u64,
}

/// The slope underway, in seconds since the start of the run.
#[derive(Clone, Copy, Debug)]
struct Running {
    /// Of the next arrival's time.
    rate_per_s: f64,
    rise_per_s2: f64,
    next_s: f64,
    end_s: f64,
}

impl Schedule {
    /// The schedule of a checked plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let slopes = plan.steps.iter().map(|step| Slope {
            from_per_s: step.rate_per_s,
            to_per_s: step.rate_per_s,
            duration: step.duration,
        });
        let weights = plan.mix.iter().map(|kind| kind.weight);
        Schedule::new(slopes.collect(), plan.arrivals, weights, plan.seed)
    }

    /// Arrivals at these rates, one slope after another; kinds by weight.
    pub(crate) fn new(
        slopes: Vec<Slope>,
        arrivals: Arrivals,
        weights: impl Iterator<Item = f64> + Clone,
        seed: u64,
    ) -> Self {
        let mut schedule = Schedule {
            slopes: slopes.into_iter(),
            arrivals,
            shares: shares(weights),
            rng: StdRng::seed_from_u64(seed),
            slope: None,
            next_number: 0,
        };
        schedule.enter_slope(0.0);
        schedule
    }

    fn enter_slope(&mut self, start_s: f64) {
        let Some(slope) = self.slopes.next() else {
            self.slope = None;
            return;
        };
        let length_s = slope.duration.as_secs_f64();
        let before = Running {
            rate_per_s: slope.from_per_s,
            rise_per_s2: (slope.to_per_s - slope.from_per_s) / length_s.max(1e-9),
            next_s: start_s,
            end_s: start_s + length_s,
        };
        self.slope = Some(self.advanced(before));
    }

    fn advanced(&mut self, slope: Running) -> Running {
        let gap_s = self.gap(slope.rate_per_s, slope.rise_per_s2);
        Running {
            rate_per_s: slope.rate_per_s + slope.rise_per_s2 * gap_s,
            next_s: slope.next_s + gap_s,
            ..slope
        }
    }

    /// The time until the rate has added up to the drawn amount: infinite where it falls to 0
    /// before, which is beyond the slope's end.
    fn gap(&mut self, rate_per_s: f64, rise_per_s2: f64) -> f64 {
        let amount = match self.arrivals {
            Arrivals::Fixed => 1.0,
            // 1 - u is in (0, 1], so the logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.rng.random::<f64>()).ln(),
        };
        let square = rate_per_s * rate_per_s + 2.0 * rise_per_s2 * amount;
        match square {
            // The root of rate·t + rise·t²/2 = amount, in the form that loses no digits.
            0.0.. => 2.0 * amount / (rate_per_s + square.sqrt()),
            _ => f64::INFINITY,
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
            let slope = self.slope?;
            // A hair of tolerance: sums of gaps would lose a fixed plan's last arrival to rounding.
            // Written so that no number at all (0 of 0 expected) ends the slope as well.
            let within = slope.next_s <= slope.end_s + 1e-9;
            if !within {
                self.enter_slope(slope.end_s);
                continue;
            }
            self.slope = Some(self.advanced(slope));
            let number = self.next_number;
            self.next_number += 1;
            return Some(Arrival {
                number,
                at: Duration::from_secs_f64(slope.next_s),
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
    use crate::plan::{Kind, Step};
    use http::Uri;

    fn plan(rate_per_s: f64, seconds: u64) -> Plan {
        let target = Uri::from_static("http://127.0.0.1:1");
        Plan::new(target, rate_per_s, Duration::from_secs(seconds))
    }

    fn arrivals(plan: &Plan) -> Vec<Arrival> {
        Schedule::of(plan).collect()
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

    #[test]
    fn a_ramp_adds_up_to_its_mean_and_its_second_half_is_the_fuller_one() {
        let ramp = Slope {
            from_per_s: 0.0,
            to_per_s: 100.0,
            duration: Duration::from_secs(10),
        };
        let arrivals = |kind, slope| -> Vec<f64> {
            let schedule = Schedule::new(vec![slope], kind, [1.0].into_iter(), 3);
            schedule.map(|arrival| arrival.at.as_secs_f64()).collect()
        };
        let fixed = arrivals(Arrivals::Fixed, ramp);
        assert_eq!(fixed.len(), 500);
        let early = fixed.iter().filter(|at| **at <= 5.0).count();
        assert_eq!(early, 125);
        let poisson = arrivals(Arrivals::Poisson, ramp).len() as f64;
        assert!(
            (poisson - 500.0).abs() < 4.0 * 500.0_f64.sqrt(),
            "{poisson}"
        );
        let down = Slope {
            from_per_s: 100.0,
            to_per_s: 0.0,
            ..ramp
        };
        let down = arrivals(Arrivals::Poisson, down);
        assert!((410..590).contains(&down.len()), "{}", down.len());
        assert!(down.iter().all(|at| *at <= 10.0 + 1e-6));
    }
}
