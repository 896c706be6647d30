//! Looks at some of the decisions of a simulation and labels every candidate with what it would
//! truly have cost.

use crate::dataset::{Dataset, DecisionRows};
use lb_policy::{request::Outcome, time::Timestamp};
use lb_simulator::observer::{Observed, Observer, TrueCost, Upcoming};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Numbers of candidates looked at.
const CANDIDATES: [usize; 5] = [2, 4, 8, 16, 32];
/// Latency samples that a balancer needs before its features mean anything.
const MIN_SAMPLES: u32 = 20;
/// Costs in class means are cut to this range before the logarithm.
pub const COST_RANGE: [f32; 2] = [0.01, 100.0];

/// What counts in a label beside the own time to completion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostWeights {
    /// Weight of the delay inflicted on other requests.
    pub inflicted: f32,
    /// Power of `1 + mean delay by pauses to come / mean of the class` that the cost is multiplied
    /// with.
    pub coming_pauses: f32,
}

/// Collects labelled decisions of one run.
#[derive(Debug)]
pub struct Recorder {
    rng: Xoshiro256PlusPlus,
    start: Timestamp,
    sampled: f32,
    cost_weights: CostWeights,
    data: Dataset,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

impl Recorder {
    /// Looks at a share `sampled` of the decisions from `start` on.
    pub fn new(seed: u64, start: Timestamp, sampled: f32, cost_weights: CostWeights) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            start,
            sampled,
            cost_weights,
            data: Dataset::default(),
            targets: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// What was collected.
    pub fn into_data(self) -> Dataset {
        self.data
    }
}

impl Observer for Recorder {
    fn sample(&mut self, moment: Upcoming) -> Option<usize> {
        let drawn: f32 = self.rng.random();
        let wanted = CANDIDATES[self.rng.random_range(0..CANDIDATES.len())];
        let telling =
            moment.now >= self.start && moment.samples >= MIN_SAMPLES && moment.ready >= 2;
        (telling && drawn < self.sampled).then_some(wanted)
    }

    fn decided(&mut self, decision: &Observed<'_>) -> usize {
        let each = 1.0 / decision.costs.len().max(1) as f32;
        self.targets.clear();
        self.targets.extend(
            decision
                .costs
                .iter()
                .map(|cost| label(cost, self.cost_weights, decision.class_mean_seconds)),
        );
        self.weights.clear();
        self.weights.resize(decision.costs.len(), each);
        self.data.push(DecisionRows {
            rows: decision.features,
            targets: &self.targets,
            weights: &self.weights,
            context: decision.context,
        });
        0
    }

    fn ended(&mut self, _token: usize, _outcome: Outcome, _latency_seconds: f32) {}
}

/// The logarithm of a true cost in means of the class, and what pauses to come add to it. They
/// multiply the cost rather than add to it: where all servers pause, a sum would blur what else
/// tells them apart.
fn label(cost: &TrueCost, weights: CostWeights, class_mean_seconds: f32) -> f32 {
    let mean_seconds = class_mean_seconds.max(1e-5);
    let seconds = cost.own_seconds + weights.inflicted * cost.inflicted_seconds;
    let pauses = (cost.coming_pauses_seconds / mean_seconds).max(0.0).ln_1p();
    let [least, greatest] = COST_RANGE.map(f32::ln);
    // In this order NaN becomes the least.
    ((seconds / mean_seconds).ln() + weights.coming_pauses * pauses)
        .max(least)
        .min(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_policy::{
        features::{CONTEXT, FEATURES},
        policies::PickKind,
        request::Class,
    };

    const START: Timestamp = Timestamp::from_nanos(1_000);
    const WEIGHTS: CostWeights = CostWeights {
        inflicted: 2.0,
        coming_pauses: 4.0,
    };

    fn moment(nanos: u64, ready: usize, samples: u32) -> Upcoming {
        Upcoming {
            now: Timestamp::from_nanos(nanos),
            ready,
            samples,
        }
    }

    #[test]
    fn samples_its_share_and_only_once_a_balancer_knows_something() {
        let mut recorder = Recorder::new(1, START, 0.25, WEIGHTS);
        for early in [
            moment(999, 9, 99),
            moment(5_000, 1, 99),
            moment(5_000, 9, 19),
        ] {
            assert!((0..100).all(|_| recorder.sample(early).is_none()));
        }
        let asked: Vec<_> = (0..10_000)
            .filter_map(|_| recorder.sample(moment(5_000, 9, 20)))
            .collect();
        assert!((2300..2700).contains(&asked.len()), "{}", asked.len());
        for size in CANDIDATES {
            assert!(asked.contains(&size));
        }
    }

    #[test]
    fn every_candidate_gets_the_log_of_its_cost_in_class_means() {
        let mut recorder = Recorder::new(1, START, 1.0, WEIGHTS);
        let cost = |own_seconds, inflicted_seconds, coming_pauses_seconds| TrueCost {
            own_seconds,
            inflicted_seconds,
            coming_pauses_seconds,
        };
        let costs = [
            cost(0.1, 0.0, 0.0),
            cost(0.1, 0.05, 0.0),
            cost(0.1, 0.0, 0.05),
            cost(1e9, 0.0, 0.0),
        ];
        recorder.decided(&Observed {
            request: 0,
            now: START,
            balancer: 0,
            class: Class::of_route(0),
            class_mean_seconds: 0.1,
            servers: &[0, 1, 2, 3],
            features: &[0.0; 4 * FEATURES],
            context: &[0.0; CONTEXT],
            costs: &costs,
            own_costs: &costs,
            chosen: 0,
            propensity: 1.0,
            kind: PickKind::Policy,
        });
        let data = recorder.into_data();
        let targets = data.decision(0).targets;
        for (found, expected) in targets.iter().zip([1.0f32, 2.0, 1.5f32.powi(4), 100.0]) {
            assert!((found - expected.ln()).abs() < 1e-5, "{targets:?}");
        }
        let weights: f32 = data.decision(0).weights.iter().sum();
        assert!((weights - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_cost_that_is_no_number_counts_as_the_least() {
        let cost = TrueCost {
            own_seconds: f32::NAN,
            inflicted_seconds: 0.0,
            coming_pauses_seconds: 0.0,
        };
        assert!((label(&cost, WEIGHTS, 0.1) - 0.01f32.ln()).abs() < 1e-6);
    }
}
