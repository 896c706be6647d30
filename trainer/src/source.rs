//! Where scenarios come from, and how they are thinned for less work.

use anyhow::Context as _;
use lb_simulator::{
    family::Family,
    scenario::{Arrivals, Demand, Scenario},
};
use std::fmt::Debug;

/// Draws scenarios.
pub trait Source: Debug + Sync {
    /// The scenario of `seed`; the same for the same seed.
    ///
    /// # Errors
    /// When the family cannot give it.
    fn draw(&self, seed: u64) -> anyhow::Result<Scenario>;
}

impl Source for Family {
    fn draw(&self, seed: u64) -> anyhow::Result<Scenario> {
        Family::draw(self, seed).with_context(|| format!("cannot draw scenario {seed}"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use lb_simulator::scenario::{Class, Information, Rate, Retry, Server, TimedChange};

    fn scenario() -> Scenario {
        Scenario {
            name: "test".to_owned(),
            seed: 1,
            duration: 10.0,
            warm_up: 1.0,
            counted: Vec::new(),
            balancers: vec![1.0],
            servers: Vec::<Server>::new(),
            classes: vec![Class {
                share: 1.0,
                demand: Demand::Lognormal {
                    mean: 0.01,
                    sigma: 1.0,
                },
            }],
            arrivals: Arrivals::Rates(vec![Rate {
                from: 0.0,
                per_second: 100.0,
            }]),
            changes: Vec::<TimedChange>::new(),
            timeout: 1.0,
            health_check: None,
            outlier: None,
            panic_threshold: 0.5,
            retry: Retry {
                attempts: 0,
                budget: 0.0,
            },
            information: Information {
                piggyback: true,
                momentary_utilization: false,
                registry: None,
            },
        }
    }

    #[test]
    fn a_thinned_scenario_has_the_same_load_of_fewer_and_longer_requests() {
        let thin = thinned(scenario(), 0.25);
        let Arrivals::Rates(rates) = &thin.arrivals else {
            panic!("rates stay rates");
        };
        assert!((rates[0].per_second - 25.0).abs() < 1e-9);
        let Demand::Lognormal { mean, sigma } = thin.classes[0].demand else {
            panic!("the distribution stays");
        };
        assert!((mean - 0.04).abs() < 1e-9 && (sigma - 1.0).abs() < 1e-9);
        assert!((thin.timeout - 4.0).abs() < 1e-9);
        assert_eq!(thinned(scenario(), 1.0), scenario());
    }
}
