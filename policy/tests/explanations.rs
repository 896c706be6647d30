//! An explanation shows what a decision compared, and the chosen one among it.

use lb_policy::{
    endpoint::EndpointId,
    features::{CONTEXT, FEATURES},
    model::{ScoreError, Scorer, Workspace},
    policies::{
        Candidates, Decision, Explanation, Onnx, OnnxSettings, Pick, PickKind, Policy,
        PolicyConfig, Scoring, Scratch, build,
    },
    request::Request,
    telemetry::{ClusterStats, EndpointStats},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// The cost of a candidate is a tenth of its place, or NaN.
#[derive(Debug)]
struct ByPlace {
    is_broken: bool,
}

impl Scorer for ByPlace {
    fn score(
        &self,
        _rows: &[f32],
        _context: &[f32; CONTEXT],
        costs: &mut [f32],
        _workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        for (place, cost) in costs.iter_mut().enumerate() {
            *cost = if self.is_broken {
                f32::NAN
            } else {
                place as f32 * 0.1
            };
        }
        Ok(())
    }
}

fn candidates(count: usize) -> Candidates {
    let endpoint = |index| {
        let id = EndpointId::new(&format!("10.0.0.{index}:80"));
        Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
    };
    Candidates::new((0..count).map(endpoint).collect())
}

/// One decision of `policy` among `count` endpoints, explained.
fn explained(policy: &dyn Policy, count: usize, scoring: Option<Scoring>) -> (Pick, Explanation) {
    let mut scratch = Scratch::from_seed(3);
    let (candidates, cluster) = (candidates(count), ClusterStats::default());
    policy.refresh(&candidates, &cluster, Timestamp::ZERO, &mut scratch);
    let mut decision = Decision {
        request: &Request::default(),
        candidates: &candidates,
        cluster: &cluster,
        now: Timestamp::ZERO,
        scratch: &mut scratch,
    };
    let pick = policy.pick(&mut decision).expect("there are candidates");
    let explanation = decision.explain(&pick, scoring);
    assert_eq!(explanation.shown[explanation.chosen], pick.index);
    assert_eq!(
        explanation.features.len(),
        explanation.shown.len() * FEATURES
    );
    assert!(explanation.features.iter().all(|value| value.is_finite()));
    (pick, explanation)
}

fn onnx(scoring: Scoring, is_broken: bool) -> Onnx {
    let settings = OnnxSettings {
        scoring,
        exploration: 0.0,
        ..OnnxSettings::default()
    };
    let fallback = build(&PolicyConfig::LEAST_REQUEST);
    Onnx::new(Arc::new(ByPlace { is_broken }), settings, fallback)
}

#[test]
fn few_candidates_are_all_shown_and_of_many_sixteen_with_the_chosen_one() {
    for policy in [
        PolicyConfig::RoundRobin,
        PolicyConfig::LEAST_REQUEST,
        PolicyConfig::PEAK_EWMA,
        PolicyConfig::ClientSideWeightedRoundRobin,
        PolicyConfig::RingHash,
    ] {
        for (count, shown) in [(1, 1), (32, 32), (33, 16), (200, 16)] {
            let (_, explanation) = explained(&*build(&policy), count, None);
            let mut different = explanation.shown.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), shown, "{policy:?} among {count}");
            assert!(explanation.costs.is_empty());
        }
    }
}

#[test]
fn a_model_shows_the_costs_of_what_it_scored() {
    for scoring in [
        Scoring::PerRequest,
        Scoring::Interval(Duration::from_millis(5)),
    ] {
        for count in [4, 32, 100] {
            let policy = onnx(scoring, false);
            let (pick, explanation) = explained(&policy, count, Some(scoring));
            assert_eq!(pick.kind, PickKind::Policy);
            assert_eq!(explanation.costs.len(), explanation.shown.len());
            let least = explanation.costs.iter().copied().fold(f32::MAX, f32::min);
            let cost = explanation.costs[explanation.chosen];
            assert!((cost - least).abs() < 1e-6, "{scoring:?} among {count}");
        }
    }
}

#[test]
fn a_fallback_has_no_costs() {
    let policy = onnx(Scoring::PerRequest, true);
    let (pick, explanation) = explained(&policy, 40, Some(Scoring::PerRequest));
    assert!(matches!(pick.kind, PickKind::Fallback(_)));
    assert!(explanation.costs.is_empty());
}
