//! Consistent hashing: equal affinity keys go to equal endpoints, and an endpoint that leaves
//! takes only its own keys along.

use super::{Decision, Pick, Policy, random};
use crate::telemetry::EndpointStats;
use std::sync::Arc;

/// Points on the ring per unit of weight: shares are even to some 10 %.
const POINTS_PER_WEIGHT: u64 = 100;
/// Points on the whole ring. Heavier sets get fewer points per weight, in powers of two, so
/// that an endpoint's number of points seldom depends on the others; each has at least one.
const MAX_POINTS: u64 = 16_384;

/// Chooses by the affinity key of the request; at random where it has none.
#[derive(Debug)]
pub(super) struct RingHash;

/// Points in order, each owned by an endpoint.
#[derive(Debug)]
pub(super) struct Ring {
    points: Vec<(u64, u32)>,
}

impl Policy for RingHash {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        match decision.request.affinity {
            0 => random::weighted(decision.candidates, &mut decision.scratch.rng),
            key => decision
                .candidates
                .ring()
                .owner(key)
                .map(|index| Pick::own(index, 1.0)),
        }
    }
}

impl Ring {
    pub(super) fn of(endpoints: &[Arc<EndpointStats>]) -> Self {
        let weights: u64 = endpoints
            .iter()
            .map(|endpoint| u64::from(endpoint.weight()))
            .sum();
        let points_of_all = weights.saturating_mul(POINTS_PER_WEIGHT);
        let halvings = points_of_all
            .div_ceil(MAX_POINTS)
            .max(1)
            .next_power_of_two()
            .ilog2();
        let mut points = Vec::new();
        for (index, endpoint) in (0u32..).zip(endpoints) {
            let count = ((u64::from(endpoint.weight()) * POINTS_PER_WEIGHT) >> halvings).max(1);
            let seed = hash_text(endpoint.id().as_str());
            points.extend((0..count).map(|point| (mix(seed ^ mix(point)), index)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// Owner of the first point from `key` on, round the ring.
    fn owner(&self, key: u64) -> Option<usize> {
        let place = mix(key);
        let next = self.points.partition_point(|(point, _)| *point < place);
        let (_, index) = self.points.get(next).or(self.points.first())?;
        Some(*index as usize)
    }
}

/// FNV-1a, 64 bits.
fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Spreads near keys over the whole range (the finaliser of SplitMix64).
fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{endpoint::EndpointId, time::Timestamp};
    use proptest::prelude::*;

    fn endpoints(weights: &[u32]) -> Vec<Arc<EndpointStats>> {
        let endpoint = |(i, weight): (usize, &u32)| {
            let id = EndpointId::new(&format!("10.0.0.{i}:80"));
            Arc::new(EndpointStats::new(id, *weight, Timestamp::ZERO))
        };
        weights.iter().enumerate().map(endpoint).collect()
    }

    #[test]
    fn shares_follow_the_weights() {
        let ring = Ring::of(&endpoints(&[1, 1, 2]));
        let mut counts = [0u32; 3];
        for key in 1..=40_000 {
            counts[ring.owner(key).expect("the ring has points")] += 1;
        }
        assert!((8_000..12_000).contains(&counts[0]), "{counts:?}");
        assert!((8_000..12_000).contains(&counts[1]), "{counts:?}");
        assert!((17_000..23_000).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn huge_weights_keep_the_ring_small() {
        let ring = Ring::of(&endpoints(&[u32::MAX, u32::MAX, 1]));
        assert!(ring.points.len() as u64 <= MAX_POINTS + 3);
        assert!(ring.points.iter().any(|(_, index)| *index == 2));
    }

    proptest! {
        #[test]
        fn removing_an_endpoint_moves_only_its_keys(
            weights in proptest::collection::vec(1u32..5, 2..20),
            removed in any::<prop::sample::Index>(),
            keys in proptest::collection::vec(1u64.., 50),
        ) {
            let all = endpoints(&weights);
            let removed = removed.index(all.len());
            let mut rest = all.clone();
            rest.remove(removed);
            let (before, after) = (Ring::of(&all), Ring::of(&rest));
            for key in keys {
                let old = before.owner(key).expect("the ring has points");
                let new = after.owner(key).expect("the ring has points");
                if old != removed {
                    prop_assert_eq!(all[old].id(), rest[new].id());
                }
            }
        }
    }
}
