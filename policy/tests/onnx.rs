//! The learned policy's guardrails: what it does when the model is wrong, greedy or late.

use lb_policy::{
    endpoint::EndpointId,
    features::{CONTEXT, FEATURES},
    model::{ScoreError, Scorer, Workspace},
    policies::{
        Candidates, Decision, FallbackReason, Onnx, OnnxSettings, Pick, PickKind, Policy,
        PolicyConfig, Scoring, Scratch, build,
    },
    request::{Class, Outcome, Request},
    telemetry::{ClusterStats, EndpointStats, InFlight},
    time::Timestamp,
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

const INTERVAL: Duration = Duration::from_millis(5);

/// Gives the candidates these costs, in order, or fails.
#[derive(Debug)]
struct Fixed(Result<Vec<f32>, &'static str>);

impl Scorer for Fixed {
    fn score(
        &self,
        rows: &[f32],
        _context: &[f32; CONTEXT],
        costs: &mut [f32],
        _workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        assert_eq!(rows.len(), costs.len() * FEATURES, "one row for each cost");
        let fixed = self
            .0
            .as_ref()
            .map_err(|cause| ScoreError::Runtime((*cause).to_owned()))?;
        for (cost, fixed) in costs.iter_mut().zip(fixed) {
            *cost = *fixed;
        }
        Ok(())
    }
}

struct Bench {
    policy: Onnx,
    endpoints: Vec<Arc<EndpointStats>>,
    candidates: Candidates,
    cluster: Arc<ClusterStats>,
    scratch: Scratch,
    now: Timestamp,
}

impl Bench {
    fn new(model: Result<Vec<f32>, &'static str>, settings: OnnxSettings) -> Self {
        let fallback = build(&PolicyConfig::PEAK_EWMA);
        let endpoints: Vec<_> = (0..8).map(endpoint).collect();
        Self {
            policy: Onnx::new(Arc::new(Fixed(model)), settings, fallback),
            candidates: Candidates::new(endpoints.clone()),
            endpoints,
            cluster: Arc::default(),
            scratch: Scratch::from_seed(5),
            now: Timestamp::ZERO,
        }
    }

    fn pick(&mut self) -> Pick {
        let picked = self.policy.pick(&mut Decision {
            request: &Request::default(),
            candidates: &self.candidates,
            cluster: &self.cluster,
            now: self.now,
            scratch: &mut self.scratch,
        });
        picked.expect("there are candidates")
    }

    fn refresh(&mut self) {
        self.policy
            .refresh(&self.candidates, &self.cluster, self.now, &mut self.scratch);
    }

    fn send(&self, index: usize) -> InFlight {
        self.candidates.endpoints()[index].start(&self.cluster, Class::default(), self.now)
    }
}

fn endpoint(i: usize) -> Arc<EndpointStats> {
    let id = EndpointId::new(&format!("10.0.0.{i}:80"));
    Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
}

fn greedy() -> OnnxSettings {
    OnnxSettings {
        exploration: 0.0,
        ..OnnxSettings::default()
    }
}

fn by_interval() -> OnnxSettings {
    OnnxSettings {
        scoring: Scoring::Interval(INTERVAL),
        ..greedy()
    }
}

fn rising() -> Vec<f32> {
    (0..8).map(|i| i as f32).collect()
}

fn with(value: f32) -> Vec<f32> {
    let mut costs = rising();
    costs[5] = value;
    costs
}

#[test]
fn a_broken_model_leaves_the_choice_to_the_fallback_and_says_why() {
    use FallbackReason::{NotFinite, OutOfRange, Runtime};
    let cases = [
        (Ok(with(f32::NAN)), NotFinite),
        (Ok(with(f32::INFINITY)), NotFinite),
        (Ok(with(f32::NEG_INFINITY)), NotFinite),
        (Ok(with(50.1)), OutOfRange),
        (Ok(with(-50.1)), OutOfRange),
        (Err("no session"), Runtime),
    ];
    for (model, reason) in cases {
        for settings in [greedy(), by_interval()] {
            let mut bench = Bench::new(model.clone(), settings);
            bench.refresh();
            let pick = bench.pick();
            assert_eq!(pick.kind, PickKind::Fallback(reason), "{model:?}");
            assert!(pick.index < 8);
        }
    }
}

#[test]
fn the_lowest_cost_is_chosen_for_sure_without_exploration() {
    for settings in [greedy(), by_interval()] {
        let mut bench = Bench::new(Ok(with(-3.0)), settings);
        bench.refresh();
        let expected = Pick {
            index: 5,
            propensity: 1.0,
            kind: PickKind::Policy,
        };
        assert_eq!(bench.pick(), expected);
    }
}

#[test]
fn exploration_of_any_range_is_even_and_its_propensity_is_told() {
    let settings = OnnxSettings {
        exploration: 0.2,
        exploration_range: f32::INFINITY,
        ..OnnxSettings::default()
    };
    let mut bench = Bench::new(Ok(rising()), settings);
    let mut explored = [0u32; 8];
    for _ in 0..8000 {
        let pick = bench.pick();
        let expected = if pick.index == 0 { 0.8 + 0.025 } else { 0.025 };
        assert!((pick.propensity - expected).abs() < 1e-6, "{pick:?}");
        match pick.kind {
            PickKind::Explored => explored[pick.index] += 1,
            kind => assert_eq!((pick.index, kind), (0, PickKind::Policy)),
        }
    }
    // 200 are expected, with a standard deviation of 14.
    assert!(
        explored.iter().all(|count| (130..270).contains(count)),
        "{explored:?}"
    );
}

/// Chi-square statistic of counts that should be equal.
fn chi_square(counts: &[u32]) -> f64 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let part = |count: &u32| (f64::from(*count) - mean).powi(2) / mean;
    counts.iter().map(part).sum()
}

#[test]
fn exploration_stays_among_candidates_within_its_range() {
    let settings = OnnxSettings {
        exploration: 0.5,
        exploration_range: 3.0,
        ..OnnxSettings::default()
    };
    let three = 3f32.ln();
    let costs = vec![2.0, 0.0, three - 0.01, 0.5, three + 0.01, 9.0, -0.0, 49.0];
    let mut bench = Bench::new(Ok(costs), settings);
    let (mut explored, mut chosen) = ([0u32; 8], [0u32; 8]);
    for _ in 0..16_000 {
        let pick = bench.pick();
        let best = if pick.index == 6 { 0.5 } else { 0.0 };
        assert!((pick.propensity - (0.125 + best)).abs() < 1e-6, "{pick:?}");
        let counts = match pick.kind {
            PickKind::Explored => &mut explored,
            _ => &mut chosen,
        };
        counts[pick.index] += 1;
    }
    let near: Vec<u32> = [1, 2, 3, 6].map(|index| explored[index]).to_vec();
    assert_eq!(explored.iter().sum::<u32>(), near.iter().sum::<u32>());
    assert_eq!(chosen.iter().sum::<u32>(), chosen[6], "-0.0 is the lowest");
    // With 3 degrees of freedom 16.3 is exceeded by one in a thousand.
    assert!(chi_square(&near) < 16.3, "{explored:?}");
}

#[test]
fn exploration_spares_endpoints_over_their_cap() {
    let settings = OnnxSettings {
        exploration: 1.0,
        ..OnnxSettings::default()
    };
    let mut bench = Bench::new(Ok(vec![0.0; 8]), settings);
    let _in_flight: Vec<_> = (0..40).map(|i| bench.send(i % 40 / 35)).collect();
    for _ in 0..1000 {
        let pick = bench.pick();
        assert_ne!(pick.index, 0, "it has 35 of 40 recent requests");
        assert!((pick.propensity - 1.0 / 7.0).abs() < 1e-6, "{pick:?}");
    }
}

impl Bench {
    /// Ends requests until the cluster's error rate is past `rate`.
    fn end_until(&self, outcome: Outcome, is_past: impl Fn(f32) -> bool) {
        for index in 0..10_000 {
            if is_past(self.cluster.error_rate()) {
                return;
            }
            self.send(index % 8).finish(outcome, self.now);
        }
        panic!("an error rate of {} stays", self.cluster.error_rate());
    }
}

#[test]
fn in_a_saturated_cluster_the_fewest_in_flight_decide_until_errors_are_few() {
    for settings in [greedy(), by_interval()] {
        let mut bench = Bench::new(Ok(rising()), settings);
        bench.refresh();
        bench.end_until(Outcome::ServerError, |rate| rate > 0.06);
        assert_eq!(bench.pick().kind, PickKind::Policy);
        bench.end_until(Outcome::ServerError, |rate| rate > 0.07);
        let saturated = PickKind::Fallback(FallbackReason::Saturated);
        assert_eq!(bench.pick().kind, saturated);
        // Busy endpoints that the model likes best, and one idle one that it likes least.
        let busy: Vec<_> = (0..7).map(|index| bench.send(index)).collect();
        assert_eq!(bench.pick().index, 7);
        drop(busy);
        bench.end_until(Outcome::Success, |rate| rate < 0.04);
        assert_eq!(bench.pick().kind, saturated);
        bench.end_until(Outcome::Success, |rate| rate < 0.035);
        assert_ne!(bench.pick().kind, saturated);
    }
}

#[test]
fn in_a_saturated_cluster_who_fails_more_than_the_others_does_not_draw_the_traffic() {
    let mut bench = Bench::new(Ok(rising()), greedy());
    bench.end_until(Outcome::ServerError, |rate| rate > 0.2);
    let _busy: Vec<_> = (1..8).map(|index| bench.send(index)).collect();
    assert_eq!(bench.pick().index, 0, "all fail, it alone is idle");
    for _ in 0..40 {
        bench.send(0).finish(Outcome::ServerError, bench.now);
        bench.send(1).finish(Outcome::Success, bench.now);
    }
    let pick = bench.pick();
    let saturated = PickKind::Fallback(FallbackReason::Saturated);
    assert_eq!(pick.kind, saturated);
    assert_ne!(pick.index, 0, "idle because it fails at once");
}

#[test]
fn saturation_can_be_switched_off() {
    let settings = OnnxSettings {
        saturation_errors: 1.0,
        ..greedy()
    };
    let mut bench = Bench::new(Ok(rising()), settings);
    bench.end_until(Outcome::Timeout, |rate| rate > 0.99);
    assert_eq!(bench.pick().kind, PickKind::Policy);
}

#[test]
fn one_endpoint_gets_no_more_than_its_cap() {
    let settings = OnnxSettings {
        share_cap: 3.0,
        ..greedy()
    };
    let mut bench = Bench::new(Ok(rising()), settings);
    let mut counts = [0u32; 8];
    let mut in_flight = Vec::new();
    for _ in 0..800 {
        let pick = bench.pick();
        counts[pick.index] += 1;
        if pick.index != 0 {
            assert_eq!(pick.kind, PickKind::Capped);
        }
        in_flight.push(bench.send(pick.index));
        bench.now = bench.now + Duration::from_millis(2);
    }
    // Three times an eighth, and the first 16 are not capped.
    assert!(
        (0.35..0.40).contains(&(f64::from(counts[0]) / 800.0)),
        "{counts:?}"
    );
    assert!(
        (0.35..0.40).contains(&(f64::from(counts[1]) / 800.0)),
        "{counts:?}"
    );
}

#[test]
fn few_requests_are_not_capped() {
    let mut bench = Bench::new(Ok(rising()), greedy());
    let mut in_flight = Vec::new();
    for _ in 0..16 {
        let pick = bench.pick();
        assert_eq!((pick.index, pick.kind), (0, PickKind::Policy));
        in_flight.push(bench.send(pick.index));
    }
}

/// Sends 400 requests, each for 10 ms, and counts those by kind that the last endpoint got, which
/// the model likes least and which became ready at `ready`.
fn sends_to_last(ready: Duration, outcome: Outcome) -> (u32, u32) {
    const START: Duration = Duration::from_secs(60);
    let mut bench = Bench::new(Ok(rising()), greedy());
    bench.candidates.endpoints()[7].mark_ready(Timestamp::ZERO + ready);
    bench.now = Timestamp::ZERO + START;
    let (mut owed, mut others) = (0, 0);
    let mut in_flight = VecDeque::new();
    for _ in 0..400 {
        let pick = bench.pick();
        match (pick.index, pick.kind) {
            (7, PickKind::New) => owed += 1,
            (7, _) => others += 1,
            (_, kind) => assert_ne!(kind, PickKind::New),
        }
        in_flight.push_back((pick.index, bench.send(pick.index)));
        bench.now = bench.now + Duration::from_millis(2);
        if in_flight.len() > 5 {
            let (index, request) = in_flight.pop_front().expect("it holds six");
            let outcome = if index == 7 {
                outcome
            } else {
                Outcome::Success
            };
            request.finish(outcome, bench.now);
        }
    }
    (owed, others)
}

#[test]
fn a_new_endpoint_is_owed_more_than_half_of_its_share_unless_it_fails() {
    let seconds = Duration::from_secs;
    let (owed, others) = sends_to_last(seconds(58), Outcome::Success);
    assert!((26..40).contains(&owed), "{owed} of 400, 50 being fair");
    assert_eq!(others, 0);
    let (owed, _) = sends_to_last(seconds(58), Outcome::ServerError);
    assert!((1..5).contains(&owed), "{owed}: it was asked, and fails");
    for ready in [seconds(0), seconds(50)] {
        assert_eq!(sends_to_last(ready, Outcome::Success), (0, 0), "not new");
    }
}

#[test]
fn the_propensity_of_a_new_endpoint_tells_how_it_was_chosen() {
    let settings = OnnxSettings {
        exploration: 0.5,
        exploration_range: 3.0, // of costs 0 to 7, which are logarithms: the first two
        ..OnnxSettings::default()
    };
    let mut bench = Bench::new(Ok(rising()), settings);
    let _busy: Vec<_> = (0..5).flat_map(|i| [i; 8]).map(|i| bench.send(i)).collect();
    bench.now = bench.now + Duration::from_millis(100);
    for index in [6, 7] {
        bench.candidates.endpoints()[index].mark_ready(bench.now);
    }
    for _ in 0..200 {
        let pick = bench.pick();
        let expected = match pick.kind {
            PickKind::New => pick.index >= 6,
            PickKind::Explored => pick.index < 2,
            _ => false,
        };
        assert!(expected, "{pick:?}");
        // Half of the time one of two is explored, else one of two is owed.
        assert!((pick.propensity - 0.25).abs() < 1e-6, "{pick:?}");
    }
}

#[test]
fn interval_scores_are_missing_before_and_stale_twenty_intervals_after_a_refresh() {
    let mut bench = Bench::new(Ok(rising()), by_interval());
    assert_eq!(bench.policy.refresh_interval(), Some(INTERVAL));
    let stale = PickKind::Fallback(FallbackReason::Stale);
    assert_eq!(bench.pick().kind, stale);
    bench.refresh();
    bench.now = bench.now + INTERVAL * 20;
    assert_eq!(bench.pick().kind, PickKind::Policy);
    bench.now = bench.now + Duration::from_millis(1);
    assert_eq!(bench.pick().kind, stale);
}

#[test]
fn interval_scores_are_corrected_by_what_was_sent_since() {
    let costs = vec![0.0, 0.5, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0];
    let mut bench = Bench::new(Ok(costs), by_interval());
    bench.refresh();
    assert_eq!(bench.pick().index, 0);
    let sent = bench.send(0);
    assert_eq!(bench.pick().index, 1, "ln 2 more than 0.0 is above 0.5");
    drop(sent);
    assert_eq!(bench.pick().index, 0);
}

#[test]
fn interval_scores_follow_the_endpoint_and_not_its_place() {
    let mut bench = Bench::new(Ok(rising()), by_interval());
    bench.refresh();
    let mut changed: Vec<_> = bench.endpoints.iter().rev().map(Arc::clone).collect();
    changed.insert(0, endpoint(99));
    bench.candidates = Candidates::new(changed);
    let pick = bench.pick();
    assert_eq!(
        (pick.index, pick.kind),
        (8, PickKind::Policy),
        "the former first is now last"
    );
}

#[test]
fn interval_scores_of_other_endpoints_are_no_scores() {
    let mut bench = Bench::new(Ok(rising()), by_interval());
    bench.refresh();
    bench.candidates = Candidates::new((100..103).map(endpoint).collect());
    assert_eq!(bench.pick().kind, PickKind::Fallback(FallbackReason::Stale));
}

#[test]
fn settings_out_of_range_are_brought_into_it() {
    let settings = OnnxSettings {
        share_cap: f32::NAN,
        exploration: f32::NAN,
        exploration_range: f32::NAN,
        saturation_errors: f32::NAN,
        ..OnnxSettings::default()
    };
    let mut bench = Bench::new(Ok(rising()), settings);
    let expected = Pick {
        index: 0,
        propensity: 1.0,
        kind: PickKind::Policy,
    };
    assert_eq!(bench.pick(), expected);
}
