//! What becomes of requests when servers fail, are full, stand still or start cold.

mod worlds;

use lb_policy::policies::PolicyConfig;
use lb_simulator::scenario::{Change, Demand, Retry, Scenario};
use worlds::{at, first_in_first_out, plain, rate, run_with};

const RANDOM: PolicyConfig = PolicyConfig::Random;

#[test]
fn a_full_queue_refuses_at_once() {
    let mut scenario = plain(1, 3.0, 60.0);
    scenario.servers[0] = first_in_first_out(1, 5);
    let result = run_with(&scenario, RANDOM);
    // Of three times what it can do, a third is done.
    assert!((result.error_rate() - 2.0 / 3.0).abs() < 0.02);
    assert_eq!(result.timeouts, 0);
    let longest = 6.0 * 0.01 * 10.0;
    assert!(
        result.latency.p99 < longest,
        "six requests at most are there"
    );
}

#[test]
fn a_crash_resets_connections_or_swallows_requests() {
    let mut scenario = plain(1, 0.5, 60.0);
    scenario.timeout = 2.0;
    scenario.warm_up = 30.0;
    scenario.changes = vec![at(20.0, 0, Change::Crash { black_hole: false })];
    let reset = run_with(&scenario, RANDOM);
    assert_eq!((reset.errors, reset.timeouts), (reset.requests, 0));

    scenario.changes = vec![at(20.0, 0, Change::Crash { black_hole: true })];
    let swallowed = run_with(&scenario, RANDOM);
    assert!(swallowed.timeouts > 0);
    assert_eq!(swallowed.errors, swallowed.timeouts);
    assert!((swallowed.latency.p50 - 2.0).abs() < 1e-3, "the time-out");
}

#[test]
fn a_crash_takes_the_requests_that_are_there() {
    let mut scenario = plain(1, 0.5, 10.0);
    scenario.classes[0].demand = Demand::Fixed(1000.0);
    scenario.arrivals = rate(10.0);
    scenario.warm_up = 0.0;
    scenario.changes = vec![at(9.0, 0, Change::Crash { black_hole: false })];
    let result = run_with(&scenario, RANDOM);
    assert_eq!(result.errors, result.requests);
    assert!(result.requests > 80);
}

#[test]
fn a_share_of_the_requests_fails_fast() {
    let mut scenario = plain(1, 0.5, 200.0);
    scenario.changes = vec![at(0.0, 0, Change::FailFast(0.3))];
    let result = run_with(&scenario, RANDOM);
    assert!((result.error_rate() - 0.3).abs() < 0.02);
    let penalized = result.penalized.mean;
    assert!(
        penalized > 0.25 * scenario.timeout,
        "each error counts as a time-out"
    );
    assert!(result.latency.mean < 0.1, "but not as a latency");
}

#[test]
fn a_pause_delays_what_comes_meanwhile() {
    let mut scenario = plain(1, 0.2, 12.0);
    (scenario.warm_up, scenario.duration) = (10.0, 12.0);
    let before = run_with(&scenario, RANDOM);
    scenario.changes = vec![at(10.0, 0, Change::Pause(1.0))];
    let paused = run_with(&scenario, RANDOM);
    assert!(before.latency.p99 < 0.2);
    assert!((0.9..1.5).contains(&paused.latency.p99));
    assert_eq!(paused.errors, 0);
}

#[test]
fn a_cold_server_is_slower_until_it_is_warm() {
    let mut scenario = plain(1, 0.05, 100.0);
    scenario.changes = vec![
        at(0.0, 0, Change::Warmth(0.25)),
        at(50.0, 0, Change::Warmth(1.0)),
    ];
    (scenario.warm_up, scenario.duration) = (0.0, 50.0);
    let cold = run_with(&scenario, RANDOM).latency.mean;
    (scenario.warm_up, scenario.duration) = (50.0, 100.0);
    let warm = run_with(&scenario, RANDOM).latency.mean;
    assert!((3.0..6.0).contains(&(cold / warm)), "{}", cold / warm);
}

#[test]
fn an_antagonist_takes_cores_and_slows_the_rest() {
    let mut scenario = plain(1, 0.01, 200.0);
    scenario.servers[0].cores = 2.0;
    let alone = run_with(&scenario, RANDOM).latency.mean;
    scenario.changes = vec![at(0.0, 0, Change::Antagonist(0.5))];
    let disturbed = run_with(&scenario, RANDOM).latency.mean;
    let slower = 1.0 / (1.0 - 0.3 * 0.5);
    assert!((disturbed / alone / slower - 1.0).abs() < 0.05);
}

#[test]
fn a_request_that_nobody_waits_for_goes_on_burning_work() {
    // Works of two seconds are given up after one, and keep the only worker busy.
    let mut scenario = plain(1, 0.5, 100.0);
    scenario.servers[0] = first_in_first_out(1, usize::MAX);
    scenario.classes[0].demand = Demand::Fixed(2.0);
    scenario.arrivals = rate(1.0);
    scenario.timeout = 1.0;
    let result = run_with(&scenario, RANDOM);
    assert!(result.goodput < 1e-9);
    assert_eq!(result.errors, result.timeouts);
}

#[test]
fn a_retry_goes_to_another_server_and_succeeds() {
    let mut scenario = plain(4, 0.2, 60.0);
    scenario.changes = vec![at(0.0, 0, Change::FailFast(1.0))];
    let without = run_with(&scenario, RANDOM);
    assert!((without.error_rate() - 0.25).abs() < 0.03);
    scenario.retry = Retry {
        attempts: 1,
        budget: 1.0,
    };
    let with = run_with(&scenario, RANDOM);
    assert_eq!(with.errors, 0);
    assert_eq!(with.decisions, with.sent.iter().sum::<u64>());
    assert!(with.decisions > with.requests);
}

#[test]
fn retries_stay_within_their_budget() {
    let mut scenario = plain(4, 0.2, 100.0);
    scenario.changes = (0..4).map(|s| at(0.0, s, Change::FailFast(1.0))).collect();
    scenario.retry = Retry {
        attempts: 3,
        budget: 0.2,
    };
    let result = run_with(&scenario, RANDOM);
    let retries = (result.decisions - result.requests) as f64 / result.requests as f64;
    assert!((0.15..0.21).contains(&retries), "{retries}");
    assert_eq!(result.errors, result.requests);
}

#[test]
fn only_requests_that_arrive_when_it_counts_are_counted() {
    // 120 requests a second, for 10 s; the server fails all of them in the fourth second.
    let mut scenario = plain(2, 0.6, 10.0);
    scenario.changes = (0..2)
        .flat_map(|server| {
            let failing = |share| Change::FailFast(share);
            [at(3.0, server, failing(1.0)), at(4.0, server, failing(0.0))]
        })
        .collect();
    scenario.changes.sort_by(|a, b| a.at.total_cmp(&b.at));
    let of = |counted: &[(f64, f64)]| {
        let scenario = Scenario {
            counted: counted.to_vec(),
            ..scenario.clone()
        };
        run_with(&scenario, PolicyConfig::LEAST_REQUEST)
    };

    let all = of(&[]);
    let failing = of(&[(3.0, 4.0)]);
    let well = of(&[(0.0, 3.0), (4.5, 10.0)]);

    assert!((90..150).contains(&failing.requests), "{failing:?}");
    assert!(failing.errors * 10 >= failing.requests * 9, "{failing:?}");
    assert!((all.errors).abs_diff(failing.errors) <= 3, "{all:?}");
    assert_eq!(well.errors, 0);
    assert!(well.goodput > 100.0, "per counted second: {}", well.goodput);
    assert!(well.requests < all.requests - failing.requests);
}
