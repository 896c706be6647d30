//! The contract of a policy, held against every one of them.

mod histories;
mod linear;
mod simulation;

use histories::{World, any_world, usual_world};
use lb_policy::{
    policies::{
        Candidates, Choices, Decision, LoadSource, Onnx, OnnxSettings, Pick, Policy, PolicyConfig,
        Scoring, Scratch, build, peak_ewma_cost,
    },
    request::{Class, Request},
};
use linear::PeakEwmaScorer;
use proptest::prelude::*;
use simulation::{Plan, Server, run};
use std::{ops::Range, sync::Arc};

fn onnx(settings: OnnxSettings) -> Box<dyn Policy> {
    let fallback = build(&PolicyConfig::PEAK_EWMA);
    Box::new(Onnx::new(Arc::new(PeakEwmaScorer), settings, fallback))
}

fn by_latency_and_errors() -> Vec<(&'static str, Box<dyn Policy>)> {
    let interval = Scoring::Interval(OnnxSettings::DEFAULT_INTERVAL);
    vec![
        ("peak_ewma", build(&PolicyConfig::PEAK_EWMA)),
        (
            "least_request of all, reported, with errors",
            least_of_all(LoadSource::Reported, 20.0),
        ),
        ("c3 with errors", c3(100.0)),
        (
            "shortest_expected_delay",
            build(&PolicyConfig::ShortestExpectedDelay),
        ),
        ("onnx", onnx(OnnxSettings::default())),
        (
            "onnx by interval",
            onnx(OnnxSettings {
                scoring: interval,
                ..OnnxSettings::default()
            }),
        ),
    ]
}

fn peak_ewma(choices: Choices, error_factor: f32) -> Box<dyn Policy> {
    build(&PolicyConfig::PeakEwma {
        choices,
        error_factor,
    })
}

fn least_of_all(load: LoadSource, error_factor: f32) -> Box<dyn Policy> {
    build(&PolicyConfig::LeastRequest {
        choices: Choices::All,
        load,
        error_factor,
    })
}

fn c3(error_factor: f32) -> Box<dyn Policy> {
    build(&PolicyConfig::C3 {
        balancers: 1,
        error_factor,
    })
}

fn all() -> Vec<(&'static str, Box<dyn Policy>)> {
    let mut policies = by_latency_and_errors();
    policies.extend([
        ("round_robin", build(&PolicyConfig::RoundRobin)),
        ("random", build(&PolicyConfig::Random)),
        ("least_request of two", build(&PolicyConfig::LEAST_REQUEST)),
        ("least_request of all", least_of_all(LoadSource::Own, 0.0)),
        ("peak_ewma of two", peak_ewma(Choices::TWO, 0.0)),
        ("prequal", build(&PolicyConfig::PREQUAL)),
        ("prequal, probing", build(&PolicyConfig::PREQUAL_PROBING)),
        ("c3", build(&PolicyConfig::C3)),
        (
            "client_side_weighted_round_robin",
            build(&PolicyConfig::ClientSideWeightedRoundRobin),
        ),
        ("ring_hash", build(&PolicyConfig::RingHash)),
    ]);
    policies
}

fn pick(
    policy: &dyn Policy,
    world: &World,
    candidates: &Candidates,
    affinity: u64,
    scratch: &mut Scratch,
) -> Option<Pick> {
    let request = Request {
        class: Class::of_route(affinity as usize % 20),
        affinity,
    };
    policy.pick(&mut Decision {
        request: &request,
        candidates,
        cluster: &world.cluster,
        now: world.now,
        scratch,
    })
}

fn refresh(policy: &dyn Policy, world: &World, candidates: &Candidates, scratch: &mut Scratch) {
    policy.refresh(candidates, &world.cluster, world.now, scratch);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_policy_picks_a_candidate_after_any_history(
        world in any_world(1, 40),
        affinity in prop_oneof![Just(0u64), any::<u64>()],
        seed in any::<u64>(),
    ) {
        let candidates = Candidates::new(world.endpoints.clone());
        let mut scratch = Scratch::from_seed(seed);
        for (name, policy) in all() {
            for _ in 0..3 {
                let pick = pick(&*policy, &world, &candidates, affinity, &mut scratch);
                let pick = pick.expect("there are candidates");
                prop_assert!(pick.index < world.endpoints.len(), "{} picked {:?}", name, pick);
                let propensity = pick.propensity;
                prop_assert!(propensity > 0.0 && propensity <= 1.0 + 1e-6, "{} {:?}", name, pick);
                refresh(&*policy, &world, &candidates, &mut scratch);
            }
        }
    }

    #[test]
    fn the_linear_model_picks_what_peak_ewma_would(world in usual_world(1, 30), seed in any::<u64>()) {
        let mean_seconds = world.cluster.mean_latency_seconds();
        let peak_ratio = |e: &Arc<_>| {
            let e: &lb_policy::telemetry::EndpointStats = e;
            e.peak_latency_seconds(mean_seconds, world.now) / mean_seconds
        };
        // e^-4 to e^5, the clamp range of the feature.
        prop_assume!(world.endpoints.iter().map(peak_ratio).all(|r| (0.019..148.0).contains(&r)));
        let candidates = Candidates::new(world.endpoints.clone());
        let settings =
            OnnxSettings { exploration: 0.0, share_cap: f32::MAX, saturation_errors: 1.0, ..OnnxSettings::default() };
        let mut scratch = Scratch::from_seed(seed);
        let picked = pick(&*onnx(settings), &world, &candidates, 0, &mut scratch);
        let cost = |e: &Arc<_>| peak_ewma_cost(e, mean_seconds, world.now);
        let costs: Vec<f32> = world.endpoints.iter().map(cost).collect();
        let least = costs.iter().copied().fold(f32::INFINITY, f32::min);
        let picked = costs[picked.expect("there are candidates").index];
        prop_assert!(picked <= least * (1.0 + 1e-4), "{} picked, least {}", picked, least);
    }

    #[test]
    fn a_choice_comes_as_often_as_its_propensity_says(world in usual_world(1, 6), seed in any::<u64>()) {
        let candidates = Candidates::new(world.endpoints.clone());
        let mut scratch = Scratch::from_seed(seed);
        // The propensity of a sampled choice is that within its sample.
        for (name, policy) in all().into_iter().filter(|(name, _)| !name.ends_with("of two")) {
            refresh(&*policy, &world, &candidates, &mut scratch);
            let mut counts = vec![(0u32, 0.0f32); world.endpoints.len()];
            for _ in 0..2000 {
                let pick = pick(&*policy, &world, &candidates, 0, &mut scratch).expect("there are candidates");
                counts[pick.index].0 += 1;
                counts[pick.index].1 = pick.propensity;
            }
            for (count, propensity) in counts {
                let frequency = count as f32 / 2000.0;
                // Five standard deviations of a frequency of one half.
                prop_assert!((frequency - propensity).abs() < 0.056, "{}: {} of {}", name, frequency, propensity);
            }
        }
    }
}

#[test]
fn no_policy_picks_from_none() {
    let world = World {
        endpoints: Vec::new(),
        cluster: Arc::default(),
        now: lb_policy::time::Timestamp::ZERO,
        guards: Vec::new(),
    };
    let candidates = Candidates::new(Vec::new());
    let mut scratch = Scratch::from_seed(1);
    for (name, policy) in all() {
        refresh(&*policy, &world, &candidates, &mut scratch);
        for affinity in [0, 1] {
            let pick = pick(&*policy, &world, &candidates, affinity, &mut scratch);
            assert_eq!(pick, None, "{name}");
        }
    }
}

fn five_servers(clients: usize, counted_s: Range<f64>) -> Plan {
    Plan {
        servers: vec![Server::default(); 5],
        clients,
        end_s: counted_s.end,
        counted_s,
        seed: 11,
    }
}

fn assert_shares(plan: &Plan, allowed: Range<f64>) {
    for (name, policy) in all() {
        // It goes by an average of few noisy samples, and whoever looks slow gets fewer of them.
        let wanders = name == "shortest_expected_delay";
        let allowed = if wanders { 0.1..0.35 } else { allowed.clone() };
        for (server, share) in run(plan, &*policy).all().enumerate() {
            assert!(
                allowed.contains(&share),
                "{name}: server {server} has a share of {share:.3}"
            );
        }
    }
}

#[test]
fn equal_servers_get_equal_shares_under_load() {
    assert_shares(&five_servers(12, 2.0..20.0), 0.14..0.26);
}

#[test]
fn no_server_starves_when_load_is_low() {
    assert_shares(&five_servers(1, 5.0..200.0), 0.05..0.45);
}

#[test]
fn a_new_server_has_its_share_within_two_seconds_and_no_flood() {
    let mut plan = five_servers(12, 12.0..22.0);
    plan.servers[4].joins_at_s = 10.0;
    assert_shares(&plan, 0.14..0.26);
    plan.counted_s = 10.0..12.0;
    for (name, policy) in all() {
        let share = run(&plan, &*policy).of(4);
        assert!(
            (0.1..0.4).contains(&share),
            "{name}: {share:.3} in the first two seconds"
        );
    }
}

#[test]
fn a_server_that_was_slow_gets_its_share_back() {
    let mut plan = five_servers(12, 40.0..60.0);
    plan.servers[2].slow_s = 5.0..10.0;
    assert_shares(&plan, 0.12..0.28);
}

#[test]
fn a_server_that_fails_fast_ends_with_a_small_share() {
    let mut plan = five_servers(12, 11.0..41.0);
    plan.servers[3].fails_from_s = 10.0;
    for (name, policy) in by_latency_and_errors() {
        let share = run(&plan, &*policy).of(3);
        assert!(share < 0.04, "{name}: a share of {share:.3} fails");
    }
}
