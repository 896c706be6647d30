//! Weighted round robin whose weights the balancer works out from load reports, as gRPC does
//! (proposal A58): what an endpoint gets done per second over how busy that makes it.

use super::{
    Candidates, Decision, Pick, PickKind, Policy, by_endpoint::ByEndpoint, round_robin::RoundRobin,
    scratch::Scratch,
};
use crate::{
    telemetry::{ClusterStats, EndpointStats},
    time::Timestamp,
};
use arc_swap::ArcSwapOption;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Time between two looks at the reports.
const PERIOD: Duration = Duration::from_secs(1);
/// An endpoint that became ready less long ago is not judged yet: its caches are cold.
const BLACKOUT_SECONDS: f32 = 10.0;
/// Older reports are not believed.
const EXPIRY_SECONDS: f32 = 180.0;
/// How much utilisation an error rate of 1 counts as.
const ERROR_PENALTY: f32 = 1.0;
/// Weights are kept within these multiples of their mean: one odd report neither starves an
/// endpoint nor sends it everything.
const LEAST_OF_MEAN: f32 = 0.01;
const MOST_OF_MEAN: f32 = 10.0;
/// A utilisation next to nothing means no greater weight: sums over endpoints stay finite.
const GREATEST_WEIGHT: f32 = 1e30;
/// The greatest weight in the schedule.
const FULL: u64 = 1 << 16;
/// `FULL` by the golden ratio: endpoints of equal weight take their turns apart.
const STAGGER: u64 = 40_503;

/// Goes round the candidates by weights from their reports; by configured weights as long as
/// fewer than two have told enough.
#[derive(Debug, Default)]
pub(super) struct ClientSideWeightedRoundRobin {
    step: AtomicU64,
    weights: ArcSwapOption<Weights>,
    without_reports: RoundRobin,
}

/// Weights as of one time.
#[derive(Debug)]
struct Weights {
    made_at: Timestamp,
    /// Mean of the weights that are known, which the others count as.
    mean: f32,
    /// `None` where the endpoint has not told enough.
    of_endpoints: ByEndpoint<Option<f32>>,
}

impl Policy for ClientSideWeightedRoundRobin {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let weights = self.weights.load();
        let Some(weights) = weights.as_ref() else {
            return self.without_reports.pick(decision);
        };
        let endpoints = decision.candidates.endpoints();
        let (mut sum, mut greatest) = (0.0f32, 0.0f32);
        for (index, endpoint) in endpoints.iter().enumerate() {
            let weight = weights.of(index, endpoint);
            sum += weight;
            greatest = greatest.max(weight);
        }
        let index = self.next(endpoints.len(), |index| {
            let share = weights.of(index, &endpoints[index]) / greatest;
            (share * FULL as f32) as u64
        })?;
        let propensity = weights.of(index, &endpoints[index]) / sum;
        Some(Pick {
            index,
            propensity: propensity.min(1.0),
            kind: PickKind::Policy,
        })
    }

    fn refresh_interval(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn refresh(
        &self,
        candidates: &Candidates,
        _cluster: &ClusterStats,
        now: Timestamp,
        _scratch: &mut Scratch,
    ) {
        // As a fallback it is called as often as the learned policy wants to be.
        let age = self.weights.load().as_ref().map(|w| now.since(w.made_at));
        if age.is_none_or(|age| age >= PERIOD / 2) {
            let weights = Weights::from_reports(candidates.endpoints(), now);
            self.weights.store(weights.map(Arc::new));
        }
    }
}

impl ClientSideWeightedRoundRobin {
    /// The next in a smooth order of `count` endpoints, each with a weight of at most `FULL`,
    /// which at least one of them has. Endpoints get a chance in turn and take it whenever the
    /// sum of their weight over the rounds passes a multiple of `FULL`, so that one with half
    /// the greatest weight takes every second chance.
    fn next(&self, count: usize, weight: impl Fn(usize) -> u64) -> Option<usize> {
        let count = count as u64;
        // Two rounds: another thread may take the turn of the endpoint with the full weight.
        for _ in 0..2 * count {
            let step = self.step.fetch_add(1, Relaxed);
            let (round, index) = (step / count, step % count);
            let weight = weight(index as usize);
            let before = round
                .wrapping_mul(weight)
                .wrapping_add(index.wrapping_mul(STAGGER));
            if before % FULL + weight >= FULL {
                return Some(index as usize);
            }
        }
        (0..count as usize).max_by_key(|index| weight(*index))
    }
}

impl Weights {
    /// The weights by the latest reports, `None` when fewer than two endpoints told enough.
    fn from_reports(endpoints: &[Arc<EndpointStats>], now: Timestamp) -> Option<Self> {
        let known: Vec<Option<f32>> = endpoints.iter().map(|e| weight(e, now)).collect();
        let count = known.iter().flatten().count();
        if count < 2 {
            return None;
        }
        let mean = known.iter().flatten().sum::<f32>() / count as f32;
        let within = |weight: f32| weight.clamp(LEAST_OF_MEAN * mean, MOST_OF_MEAN * mean);
        let weights = known.iter().map(|weight| weight.map(within));
        Some(Self {
            made_at: now,
            mean,
            of_endpoints: ByEndpoint::new(endpoints, weights),
        })
    }

    fn of(&self, index: usize, endpoint: &Arc<EndpointStats>) -> f32 {
        let known = self.of_endpoints.find(index, endpoint).copied().flatten();
        known.unwrap_or(self.mean)
    }
}

/// Requests per second over utilisation with errors, above 0 and finite; `None` where the
/// endpoint is too new or did not tell lately.
fn weight(endpoint: &EndpointStats, now: Timestamp) -> Option<f32> {
    let told = endpoint.throughput(now)?;
    let is_settled = endpoint.since_ready_seconds(now) >= BLACKOUT_SECONDS;
    let is_telling = told.requests_per_second > 0.0 && told.utilization > 0.0;
    if !is_settled || !is_telling || told.age_seconds > EXPIRY_SECONDS {
        return None;
    }
    let error_rate = told.errors_per_second / told.requests_per_second;
    let weight = told.requests_per_second / (told.utilization + ERROR_PENALTY * error_rate);
    (weight > 0.0 && weight.is_finite()).then_some(weight.min(GREATEST_WEIGHT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{endpoint::EndpointId, request::Request, telemetry::LoadReport};

    struct Bench {
        policy: ClientSideWeightedRoundRobin,
        candidates: Candidates,
        scratch: Scratch,
        now: Timestamp,
    }

    fn second(s: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(s)
    }

    impl Bench {
        fn new(count: usize) -> Self {
            let endpoint = |i| {
                let id = EndpointId::new(&format!("10.0.0.{i}:80"));
                Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
            };
            Self {
                policy: ClientSideWeightedRoundRobin::default(),
                candidates: Candidates::new((0..count).map(endpoint).collect()),
                scratch: Scratch::from_seed(1),
                now: second(20),
            }
        }

        fn report(&self, index: usize, requests: f32, errors: f32, utilization: f32) {
            let report = LoadReport {
                utilization: Some(utilization),
                requests_per_second: Some(requests),
                errors_per_second: Some(errors),
                ..LoadReport::default()
            };
            self.candidates.endpoints()[index].record_report(&report, self.now);
        }

        fn refresh(&mut self) {
            let cluster = ClusterStats::new();
            self.policy
                .refresh(&self.candidates, &cluster, self.now, &mut self.scratch);
        }

        /// Shares of `picks` picks, each checked against its propensity.
        fn shares(&mut self, picks: u32) -> Vec<f32> {
            let mut counts = vec![(0u32, 0.0f32); self.candidates.endpoints().len()];
            for _ in 0..picks {
                let pick = self.pick();
                counts[pick.index].0 += 1;
                counts[pick.index].1 = pick.propensity;
            }
            let share = |(count, propensity): &(u32, f32)| {
                let share = *count as f32 / picks as f32;
                assert!((share - propensity).abs() < 0.01, "{share} of {propensity}");
                share
            };
            counts.iter().map(share).collect()
        }

        fn pick(&mut self) -> Pick {
            let picked = self.policy.pick(&mut Decision {
                request: &Request::default(),
                candidates: &self.candidates,
                cluster: &ClusterStats::new(),
                now: self.now,
                scratch: &mut self.scratch,
            });
            picked.expect("there are candidates")
        }
    }

    fn assert_near(shares: &[f32], expected: &[f32]) {
        assert_eq!(shares.len(), expected.len());
        let near = shares
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 0.01);
        assert!(near, "{shares:?}, expected {expected:?}");
    }

    #[test]
    fn shares_follow_requests_over_utilisation() {
        let mut bench = Bench::new(3);
        bench.report(0, 100.0, 0.0, 0.5);
        bench.report(1, 100.0, 0.0, 0.25);
        bench.report(2, 50.0, 0.0, 0.25);
        bench.refresh();
        assert_near(&bench.shares(4000), &[0.25, 0.5, 0.25]);
    }

    #[test]
    fn a_utilisation_next_to_nothing_makes_no_infinite_sum() {
        let mut bench = Bench::new(3);
        bench.report(0, 3.0, 0.0, 1e-38);
        bench.report(1, 3.0, 0.0, 1e-38);
        bench.refresh();
        assert_near(&bench.shares(3000), &[1.0 / 3.0; 3]);
    }

    #[test]
    fn errors_count_as_utilisation() {
        let mut bench = Bench::new(2);
        bench.report(0, 100.0, 0.0, 0.5);
        bench.report(1, 100.0, 50.0, 0.5);
        bench.refresh();
        assert_near(&bench.shares(3000), &[2.0 / 3.0, 1.0 / 3.0]);
    }

    #[test]
    fn turns_of_a_heavy_endpoint_are_spread() {
        let mut bench = Bench::new(2);
        bench.report(0, 100.0, 0.0, 0.25);
        bench.report(1, 100.0, 0.0, 0.5);
        bench.refresh();
        let order: Vec<usize> = (0..300).map(|_| bench.pick().index).collect();
        let longest = order.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
        assert!(longest <= Some(2), "{order:?}");
    }

    #[test]
    fn who_did_not_tell_or_is_new_counts_as_the_mean() {
        let mut bench = Bench::new(4);
        bench.report(0, 100.0, 0.0, 0.5);
        bench.report(1, 300.0, 0.0, 0.5);
        bench.report(3, 9999.0, 0.0, 0.5);
        bench.candidates.endpoints()[3].mark_ready(second(15));
        bench.refresh();
        assert_near(&bench.shares(8000), &[0.125, 0.375, 0.25, 0.25]);
        bench.now = second(300);
        bench.report(3, 200.0, 0.0, 0.5);
        bench.refresh();
        assert_near(&bench.shares(8000), &[0.25; 4]);
    }

    #[test]
    fn an_odd_report_does_not_take_it_all() {
        let mut bench = Bench::new(2);
        bench.report(0, 1e9, 0.0, 1e-6);
        bench.report(1, 1.0, 0.0, 1.0);
        bench.refresh();
        let rare = bench.shares(10_000)[1];
        assert!((0.004..0.02).contains(&rare), "{rare}");
    }

    #[test]
    fn weights_follow_their_endpoint_and_not_its_place() {
        let mut bench = Bench::new(2);
        bench.report(0, 300.0, 0.0, 0.5);
        bench.report(1, 100.0, 0.0, 0.5);
        bench.refresh();
        let mut turned = bench.candidates.endpoints().to_vec();
        turned.reverse();
        bench.candidates = Candidates::new(turned);
        assert_near(&bench.shares(4000), &[0.25, 0.75]);
    }
}
