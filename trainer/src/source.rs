//! Where scenarios come from, and how they are thinned for less work.

use lb_simulator::scenario::{Arrivals, Demand, Scenario};
use std::fmt::Debug;

/// Draws scenarios.
pub trait Source: Debug + Sync {
    /// The scenario of `seed`; the same for the same seed.
    ///
    /// # Errors
    /// When the family cannot give it.
    fn draw(&self, seed: u64) -> anyhow::Result<Scenario>;
}

/// The scenario with `share` of its requests, each that much longer, so that the load stays what
/// it is. Time-outs grow with the requests. Recorded arrivals stay as they are.
#[must_use]
pub fn thinned(mut scenario: Scenario, share: f64) -> Scenario {
    let Arrivals::Rates(rates) = &mut scenario.arrivals else {
        return scenario;
    };
    for rate in rates {
        rate.per_second *= share;
    }
    for class in &mut scenario.classes {
        let (Demand::Fixed(mean)
        | Demand::Exponential { mean }
        | Demand::Lognormal { mean, .. }
        | Demand::Pareto { mean, .. }) = &mut class.demand;
        *mean /= share;
    }
    scenario.timeout /= share;
    scenario
}
