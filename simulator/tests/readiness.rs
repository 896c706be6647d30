//! Who gets traffic: health checks, ejection, panic, membership, and new endpoints.

mod worlds;

use lb_policy::{
    model::{Scorer, compile_native},
    policies::{Choices, LoadSource, Onnx, OnnxSettings, Policy, PolicyConfig, build},
};
use lb_simulator::{
    scenario::{Change, HealthCheck, Outlier, Scenario},
    simulation::{Chooser, run},
};
use std::sync::Arc;
use worlds::{at, plain, rate, run_with};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../models/default/7/model.onnx"
);

const CHECKS: HealthCheck = HealthCheck {
    interval: 1.0,
    timeout: 0.5,
    work: 0.001,
    noise: 0.0,
    healthy_threshold: 2,
    unhealthy_threshold: 2,
};

const EJECTION: Outlier = Outlier {
    errors_in_a_row: 5,
    interval: 10.0,
    base_ejection: 5.0,
    max_ejection: 0.5,
    min_error_ratio: 10.0,
};

/// Requests to server 0 as a share of the fair ones, of those that arrive from `from` to `until`.
fn share_of_first(scenario: &Scenario, from: f64, until: f64) -> f64 {
    let mut scenario = scenario.clone();
    (scenario.warm_up, scenario.duration) = (from, until);
    let sent = run_with(&scenario, PolicyConfig::RoundRobin).sent;
    sent[0] as f64 * sent.len() as f64 / sent.iter().sum::<u64>() as f64
}

fn crashing(black_hole: bool) -> Scenario {
    let mut scenario = plain(4, 0.3, 40.0);
    scenario.timeout = 0.5;
    scenario.changes = vec![
        at(10.0, 0, Change::Crash { black_hole }),
        at(20.0, 0, Change::Recover),
    ];
    scenario
}

#[test]
fn checks_take_a_crashed_server_out_and_bring_it_back() {
    for black_hole in [false, true] {
        let mut scenario = crashing(black_hole);
        scenario.health_check = Some(CHECKS);
        assert!(share_of_first(&scenario, 0.0, 10.0) > 0.95);
        assert!(share_of_first(&scenario, 13.0, 20.0) < 1e-9);
        assert!(share_of_first(&scenario, 23.0, 40.0) > 0.95);
    }
}

#[test]
fn without_checks_a_crashed_server_keeps_its_share() {
    assert!(share_of_first(&crashing(false), 13.0, 20.0) > 0.95);
}

#[test]
fn a_check_that_takes_longer_than_its_timeout_fails() {
    let mut scenario = plain(4, 0.3, 20.0);
    scenario.health_check = Some(HealthCheck {
        timeout: 0.05,
        ..CHECKS
    });
    assert!(share_of_first(&scenario, 0.0, 20.0) > 0.95);
    // The millisecond of work that a check needs takes 100 ms.
    scenario.changes = vec![at(5.0, 0, Change::Slow(0.01))];
    assert!(share_of_first(&scenario, 8.0, 20.0) < 1e-9);
}

#[test]
fn fast_failures_pass_health_checks() {
    let mut scenario = plain(4, 0.3, 20.0);
    scenario.health_check = Some(CHECKS);
    scenario.changes = vec![at(5.0, 0, Change::FailFast(1.0))];
    assert!(share_of_first(&scenario, 10.0, 20.0) > 0.95);
}

#[test]
fn errors_in_a_row_eject_for_a_time_and_again() {
    let mut scenario = plain(4, 0.3, 40.0);
    scenario.outlier = Some(EJECTION);
    scenario.changes = vec![at(10.0, 0, Change::FailFast(1.0))];
    assert!(share_of_first(&scenario, 0.0, 10.0) > 0.95);
    assert!(share_of_first(&scenario, 10.5, 14.5) < 1e-9);
    let second_try = share_of_first(&scenario, 15.0, 16.0);
    assert!(second_try > 1e-9, "after five seconds it is tried again");
    assert!(share_of_first(&scenario, 16.0, 24.0) < 1e-9);
}

/// Servers that are still used two seconds after all four have begun to fail everything.
fn used_while_all_fail(ejection: Outlier) -> usize {
    let mut scenario = plain(4, 0.3, 20.0);
    scenario.outlier = Some(ejection);
    // Panic would hide it: below half of the endpoints everybody is used.
    scenario.panic_threshold = 0.0;
    scenario.changes = (0..4).map(|s| at(5.0, s, Change::FailFast(1.0))).collect();
    scenario.warm_up = 7.0;
    scenario.duration = 9.0;
    let sent = run_with(&scenario, PolicyConfig::RoundRobin).sent;
    sent.iter().filter(|count| **count > 0).count()
}

#[test]
fn no_more_than_the_allowed_share_is_ejected() {
    let whatever_others_do = Outlier {
        min_error_ratio: 0.0,
        ..EJECTION
    };
    assert_eq!(used_while_all_fail(whatever_others_do), 2);
}

#[test]
fn nobody_is_ejected_for_what_all_do() {
    assert_eq!(used_while_all_fail(EJECTION), 4);
}

#[test]
fn below_the_panic_threshold_everybody_is_used() {
    let mut scenario = plain(4, 0.3, 20.0);
    scenario.health_check = Some(CHECKS);
    let crash = Change::Crash { black_hole: false };
    scenario.changes = (0..3).map(|server| at(5.0, server, crash)).collect();
    scenario.warm_up = 10.0;
    let sent = run_with(&scenario, PolicyConfig::RoundRobin).sent;
    assert!(sent.iter().all(|count| *count > 0), "{sent:?}");
}

#[test]
fn members_get_traffic_from_join_to_leave() {
    let mut scenario = plain(4, 0.3, 30.0);
    scenario.servers[0].joined = false;
    scenario.changes = vec![at(10.0, 0, Change::Join), at(20.0, 0, Change::Leave)];
    assert!(share_of_first(&scenario, 0.0, 9.999) < 1e-9);
    assert!(share_of_first(&scenario, 10.001, 20.0) > 0.95);
    assert!(share_of_first(&scenario, 20.001, 30.0) < 1e-9);
}

#[test]
fn a_server_that_leaves_finishes_what_it_has() {
    let mut scenario = plain(2, 0.5, 20.0);
    scenario.changes = vec![at(10.0, 0, Change::Leave)];
    // The other one takes all: nobody is left waiting if the first half of it is served.
    scenario.arrivals = rate(60.0);
    let result = run_with(&scenario, PolicyConfig::RoundRobin);
    assert_eq!(result.errors, 0);
}

#[test]
fn without_any_member_requests_fail_at_once() {
    let mut scenario = plain(1, 0.5, 20.0);
    scenario.changes = vec![at(10.0, 0, Change::Leave)];
    scenario.warm_up = 10.001;
    let result = run_with(&scenario, PolicyConfig::LEAST_REQUEST);
    assert!(result.requests > 0);
    assert_eq!(result.errors, result.requests);
    assert_eq!(result.decisions, 0);
}

type MakePolicy = Box<dyn Fn() -> Box<dyn Policy>>;

/// All policies without a model but `ring_hash`, whose shares are what the ring makes them.
fn policies() -> Vec<(String, MakePolicy)> {
    [
        PolicyConfig::RoundRobin,
        PolicyConfig::Random,
        PolicyConfig::LEAST_REQUEST,
        PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Own,
            error_factor: 0.0,
        },
        PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Reported,
            error_factor: 20.0,
        },
        PolicyConfig::PEAK_EWMA,
        PolicyConfig::PeakEwma {
            choices: Choices::TWO,
            error_factor: 20.0,
        },
        PolicyConfig::PREQUAL,
        PolicyConfig::PREQUAL_PROBING,
        PolicyConfig::C3,
        PolicyConfig::ClientSideWeightedRoundRobin,
        PolicyConfig::ShortestExpectedDelay,
    ]
    .map(hand_written)
    .into()
}

/// The learned policy with the model that is shipped.
fn learned() -> (String, MakePolicy) {
    let bytes = std::fs::read(MODEL).expect("the default model is in the repository");
    let model: Arc<dyn Scorer> = Arc::from(compile_native(&bytes).expect("it compiles"));
    let onnx = move || -> Box<dyn Policy> {
        let fallback = build(&PolicyConfig::PEAK_EWMA);
        let settings = OnnxSettings::default();
        Box::new(Onnx::new(Arc::clone(&model), settings, fallback))
    };
    ("onnx".to_owned(), Box::new(onnx))
}

fn hand_written(config: PolicyConfig) -> (String, MakePolicy) {
    (format!("{config:?}"), Box::new(move || build(&config)))
}

/// Share of a new endpoint in its first five seconds, as a part of its fair share, on average
/// over seeds. Every endpoint gets 60 requests a second.
fn share_of_new(policy: &MakePolicy, balancers: usize, piggyback: bool) -> f64 {
    const JOINS_AT: f64 = 20.0;
    const SEEDS: u64 = 6;
    let share = |seed| {
        let mut scenario = plain(8, 0.6, JOINS_AT + 5.0);
        scenario.seed = seed;
        scenario.balancers = vec![1.0 / balancers as f64; balancers];
        scenario.information.piggyback = piggyback;
        scenario.servers[0].joined = false;
        scenario.changes = vec![at(JOINS_AT, 0, Change::Join)];
        scenario.warm_up = JOINS_AT;
        let choosers = (0..balancers).map(|_| Chooser::Policy(policy()));
        let sent = run(&scenario, choosers.collect(), None).sent;
        sent[0] as f64 * sent.len() as f64 / sent.iter().sum::<u64>() as f64
    };
    (0..SEEDS).map(share).sum::<f64>() / SEEDS as f64
}

#[test]
fn a_new_endpoint_gets_half_its_fair_share_within_five_seconds() {
    for (name, policy) in policies().into_iter().chain([learned()]) {
        for (balancers, piggyback) in [(1, true), (1, false), (3, true), (3, false)] {
            let share = share_of_new(&policy, balancers, piggyback);
            assert!(
                share >= 0.5,
                "{name}, {balancers} balancers, piggyback {piggyback}: {share:.2}"
            );
        }
    }
}
