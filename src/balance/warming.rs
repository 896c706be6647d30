//! Slow start: an endpoint that became ready a moment ago gets a growing part of what the
//! policy would give it. Works the same for every policy: its choice of a warming endpoint
//! stands with a probability, else the policy chooses among the others.

use lb_policy::{policies::Candidates, telemetry::EndpointStats, time::Timestamp};
use std::{sync::Arc, time::Duration};

/// Part of its traffic that an endpoint gets at once, as Envoy's `min_weight_percent`.
const PART_MIN: f32 = 0.1;

/// Whether the choice of `index` stands, given a `draw` in [0, 1).
///
/// Parts are relative to the warmest candidate: after a start everyone is new, and nobody
/// has to wait. So the choice of the only candidate always stands.
pub(super) fn stands(
    endpoints: &[Arc<EndpointStats>],
    index: usize,
    window: Duration,
    now: Timestamp,
    draw: f32,
) -> bool {
    let own = part(&endpoints[index], window, now);
    if own >= 1.0 {
        return true;
    }
    let warmest = endpoints
        .iter()
        .map(|endpoint| part(endpoint, window, now))
        .fold(0.0, f32::max);
    draw < own / warmest
}

/// The candidates but for the one at `index`.
pub(super) fn without(candidates: &Candidates, index: usize) -> Candidates {
    let mut others = candidates.endpoints().to_vec();
    others.remove(index);
    Candidates::new(others)
}

/// The index among all candidates of the one at `index` among those without `removed`.
pub(super) fn index_in_all(index: usize, removed: usize) -> usize {
    index + usize::from(index >= removed)
}

fn part(endpoint: &EndpointStats, window: Duration, now: Timestamp) -> f32 {
    let ready_for = now.since(endpoint.ready_since());
    (ready_for.as_secs_f32() / window.as_secs_f32()).clamp(PART_MIN, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_policy::endpoint::EndpointId;

    const WINDOW: Duration = Duration::from_secs(10);

    fn endpoint(ready_at_seconds: u64) -> Arc<EndpointStats> {
        let at = Timestamp::ZERO + Duration::from_secs(ready_at_seconds);
        let stats = EndpointStats::new(EndpointId::new("h:1"), 1, at);
        stats.mark_ready(at);
        Arc::new(stats)
    }

    #[test]
    fn a_new_endpoint_gets_a_tenth_at_first_and_all_of_it_after_the_window() {
        let endpoints = [endpoint(0), endpoint(100)];
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        assert!(stands(&endpoints, 1, WINDOW, at(100), 0.05));
        assert!(!stands(&endpoints, 1, WINDOW, at(100), 0.15));
        assert!(stands(&endpoints, 1, WINDOW, at(105), 0.45));
        assert!(!stands(&endpoints, 1, WINDOW, at(105), 0.55));
        assert!(stands(&endpoints, 1, WINDOW, at(110), 0.999));
    }

    #[test]
    fn an_index_among_the_others_is_found_among_all() {
        let all = Candidates::new((0..4).map(endpoint).collect());
        for removed in 0..4 {
            let others = without(&all, removed);
            for (index, endpoint) in others.endpoints().iter().enumerate() {
                let in_all = &all.endpoints()[index_in_all(index, removed)];
                assert!(Arc::ptr_eq(endpoint, in_all));
            }
        }
    }

    #[test]
    fn nobody_waits_when_all_are_new() {
        let endpoints = [endpoint(100), endpoint(100)];
        assert!(stands(
            &endpoints,
            0,
            WINDOW,
            Timestamp::ZERO + Duration::from_secs(101),
            0.999
        ));
    }
}
