//! The two phases of a round, and what happens to which service when in the degraded one.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde_json::{Value, json};

/// Condition of the services during a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Unequal and well.
    Healthy,
    /// Four of the services misbehave.
    Degraded,
}

/// An order to a service, as the body of its `POST /faults`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    /// Counted from the start of the block.
    pub(crate) at: Duration,
    /// Index of the service.
    pub(crate) service: usize,
    pub(crate) fault: Value,
}

/// How many services misbehave; there must be as many.
pub(crate) const FAULTY: usize = 4;
const SLOW_FACTOR: f64 = 8.0;
const FAILING_SHARE: f64 = 0.5;
const PAUSE: Duration = Duration::from_millis(400);
/// Seconds from the start of one pause to that of the next: a third of the time at most is lost.
const PAUSE_EVERY_S: std::ops::Range<f64> = 0.8..2.0;
/// The degrading service reaches this factor at the end of the block, in equal steps from 1.
const DEGRADED_FACTOR: f64 = 6.0;
const DEGRADING_STEPS: u32 = 8;

impl Phase {
    pub(crate) const BOTH: [Phase; 2] = [Phase::Healthy, Phase::Degraded];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Healthy => "healthy",
            Phase::Degraded => "degraded",
        }
    }

    /// The orders of a block in order of time. The same seed gives the same ones, so that every
    /// policy of a round meets the same.
    pub(crate) fn orders(self, services: usize, block: Duration, seed: u64) -> Vec<Order> {
        match self {
            Phase::Healthy => Vec::new(),
            Phase::Degraded => degraded(services, block, &mut StdRng::seed_from_u64(seed)),
        }
    }
}

fn degraded(services: usize, block: Duration, rng: &mut StdRng) -> Vec<Order> {
    let mut order: Vec<usize> = (0..services).collect();
    order.shuffle(rng);
    let [slow, pausing, failing, degrading, ..] = order[..] else {
        unreachable!("invariant: at least {FAULTY} services");
    };
    let at_once = |service, fault| Order {
        at: Duration::ZERO,
        service,
        fault,
    };
    let mut orders = vec![
        at_once(slow, slowness(SLOW_FACTOR)),
        at_once(
            failing,
            json!({ "kind": "fast_fail", "rate": FAILING_SHARE, "status": 503 }),
        ),
    ];
    orders.extend(pauses(pausing, block, rng));
    orders.extend((1..DEGRADING_STEPS).map(|step| {
        let part = f64::from(step) / f64::from(DEGRADING_STEPS - 1);
        Order {
            at: block * step / DEGRADING_STEPS,
            service: degrading,
            fault: slowness(1.0 + part * (DEGRADED_FACTOR - 1.0)),
        }
    }));
    orders.sort_by_key(|order| order.at);
    orders
}

fn pauses(service: usize, block: Duration, rng: &mut StdRng) -> Vec<Order> {
    let mut pauses = Vec::new();
    // The first within one gap of the start, so that short blocks meet it as well.
    let mut at = Duration::from_secs_f64(rng.random_range(0.0..PAUSE_EVERY_S.start));
    while at < block {
        pauses.push(Order {
            at,
            service,
            fault: json!({ "kind": "pause", "seconds": PAUSE.as_secs_f64() }),
        });
        at += Duration::from_secs_f64(rng.random_range(PAUSE_EVERY_S));
    }
    pauses
}

fn slowness(factor: f64) -> Value {
    json!({ "kind": "slow", "factor": factor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use services_mock::{Fault, Order as Written};
    use std::collections::BTreeSet;

    const BLOCK: Duration = Duration::from_secs(4);

    #[test]
    fn nothing_happens_while_all_is_well() {
        assert!(Phase::Healthy.orders(8, BLOCK, 1).is_empty());
    }

    #[test]
    fn four_different_services_misbehave_in_four_ways_that_the_mock_understands() {
        let orders = Phase::Degraded.orders(8, BLOCK, 1);
        let services: BTreeSet<usize> = orders.iter().map(|order| order.service).collect();
        assert_eq!(services.len(), FAULTY);
        let faults = orders.iter().map(|order| {
            match Written::from_json(order.fault.to_string().as_bytes()) {
                Ok(Written::Inject { fault, .. }) => fault,
                other => panic!("{other:?}"),
            }
        });
        let kinds: BTreeSet<_> = faults.map(Fault::kind).collect();
        assert_eq!(kinds, BTreeSet::from(["fast_fail", "pause", "slow"]));
    }

    #[test]
    fn the_seed_alone_decides_and_rounds_differ() {
        let orders = |seed| Phase::Degraded.orders(8, BLOCK, seed);
        assert_eq!(orders(1), orders(1));
        assert!((2..10).any(|seed| orders(seed) != orders(1)));
    }

    #[test]
    fn one_service_degrades_in_steps_and_another_pauses_more_than_once() {
        let orders = Phase::Degraded.orders(8, BLOCK, 3);
        assert!(orders.is_sorted_by_key(|order| order.at));
        assert!(orders.iter().all(|order| order.at < BLOCK));
        let pauses = orders.iter().filter(|order| order.fault["kind"] == "pause");
        assert!(pauses.count() >= 2);
        let later = orders.iter().filter(|order| !order.at.is_zero());
        let factors = later.filter_map(|order| order.fault["factor"].as_f64());
        let factors: Vec<f64> = factors.collect();
        assert_eq!(factors.len(), 7);
        assert!(factors.is_sorted() && factors[0] > 1.0);
        assert!(factors.last().is_some_and(|last| (last - 6.0).abs() < 1e-9));
    }
}
