//! Seeded chance: one stream for each purpose, so that what one of them draws shifts no other,
//! and the distributions that runs draw from.

use crate::scenario::Demand;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::f64::consts::TAU;

/// Bound of the Pareto distribution, as a multiple of its least value.
const PARETO_BOUND: f64 = 200.0;

/// What a stream of chance is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Arrivals, classes, demands, and to which balancer a request comes.
    Arrivals,
    /// Which requests a server fails fast.
    Failures,
    /// When timers start.
    Phases,
    /// Which decisions are judged for the share of optimal ones.
    Judging,
    /// Which endpoints an observer is shown beside the chosen one.
    Observing,
    /// How long health checks take beside what their server does.
    Checks,
    /// Choices of the balancer with this index.
    Choices(usize),
    /// Ties of its oracle, and whom it probes.
    Draws(usize),
}

impl Purpose {
    fn number(self) -> u64 {
        match self {
            Self::Arrivals => 1,
            Self::Failures => 2,
            Self::Phases => 3,
            Self::Judging => 4,
            Self::Observing => 5,
            Self::Checks => 6,
            Self::Choices(balancer) => 1 << 32 | balancer as u64,
            Self::Draws(balancer) => 2 << 32 | balancer as u64,
        }
    }

    /// A seed of its own for this purpose in a run seeded with `seed`.
    pub(crate) fn seed(self, seed: u64) -> u64 {
        hash(seed ^ hash(self.number()))
    }

    /// The stream for this purpose in a run seeded with `seed`.
    pub(crate) fn stream(self, seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed(seed))
    }
}

/// Spreads a number evenly over all 64 bits (the finisher of SplitMix64).
pub(crate) fn hash(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// An exponential draw of mean 1.
pub(crate) fn exponential(rng: &mut impl RngExt) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

/// A draw of the work of one request, in seconds of a core of speed 1.
pub(crate) fn work(demand: Demand, rng: &mut impl RngExt) -> f64 {
    match demand {
        Demand::Fixed(work) => work,
        Demand::Exponential { mean } => mean * exponential(rng),
        Demand::Lognormal { mean, sigma } => {
            mean * (sigma * normal(rng) - 0.5 * sigma * sigma).exp()
        }
        Demand::Pareto { mean, alpha } => mean * bounded_pareto(alpha, rng),
    }
}

impl Demand {
    /// Mean work of a request.
    pub fn mean(self) -> f64 {
        match self {
            Self::Fixed(mean)
            | Self::Exponential { mean }
            | Self::Lognormal { mean, .. }
            | Self::Pareto { mean, .. } => mean,
        }
    }
}

fn normal(rng: &mut impl RngExt) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

/// A Pareto draw cut at [`PARETO_BOUND`] and scaled to mean 1.
fn bounded_pareto(alpha: f64, rng: &mut impl RngExt) -> f64 {
    let within = 1.0 - PARETO_BOUND.powf(-alpha);
    let draw = (1.0 - rng.random::<f64>() * within).powf(-1.0 / alpha);
    let mean = alpha / (alpha - 1.0) * (1.0 - PARETO_BOUND.powf(1.0 - alpha)) / within;
    draw / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample_mean(demand: Demand) -> f64 {
        let mut rng = Purpose::Arrivals.stream(7);
        let count = 200_000;
        (0..count).map(|_| work(demand, &mut rng)).sum::<f64>() / f64::from(count)
    }

    #[test]
    fn every_demand_has_the_mean_it_tells() {
        let (mean, sigma, alpha) = (0.02, 1.0, 1.8);
        for demand in [
            Demand::Fixed(mean),
            Demand::Exponential { mean },
            Demand::Lognormal { mean, sigma },
            Demand::Pareto { mean, alpha },
        ] {
            assert!((demand.mean() - mean).abs() < 1e-12);
            let relative = sample_mean(demand) / mean;
            assert!((relative - 1.0).abs() < 0.02, "{demand:?}: {relative}");
        }
    }

    #[test]
    fn streams_of_different_purposes_differ() {
        let mut arrivals = Purpose::Arrivals.stream(1);
        let mut failures = Purpose::Failures.stream(1);
        assert_ne!(arrivals.random::<u64>(), failures.random::<u64>());
        assert_ne!(Purpose::Choices(0).seed(1), Purpose::Draws(0).seed(1));
    }
}
