//! Against queueing theory: one server of which formulas tell the mean time of a request.

mod worlds;

use lb_policy::policies::PolicyConfig;
use lb_simulator::{
    outcome::RunResult,
    scenario::{Demand, Scenario},
};
use worlds::{first_in_first_out, plain, run_with};

/// Mean work of a request in seconds.
const WORK: f64 = 0.01;
const UTILIZATION: f64 = 0.7;
/// Some 700 thousand requests: the standard error of the means is then about 1 %.
const DURATION: f64 = 10_000.0;

fn run(scenario: &Scenario) -> RunResult {
    run_with(scenario, PolicyConfig::Random)
}

fn assert_within_3_percent(measured: f64, theory: f64) {
    let ratio = measured / theory;
    assert!(
        (0.97..1.03).contains(&ratio),
        "measured {measured}, theory {theory}"
    );
}

#[test]
fn one_core_in_order_of_arrival_has_mean_and_tail_of_m_m_1() {
    let mut scenario = plain(1, UTILIZATION, DURATION);
    scenario.servers[0] = first_in_first_out(1, usize::MAX);
    let result = run(&scenario);
    let mean = WORK / (1.0 - UTILIZATION);
    assert_eq!(result.errors, 0);
    assert_within_3_percent(result.latency.mean, mean);
    // The time in an M/M/1 queue is exponential.
    assert_within_3_percent(result.latency.p50, mean * 2f64.ln());
    assert_within_3_percent(result.latency.p99, mean * 100f64.ln());
}

#[test]
fn several_cores_in_order_of_arrival_have_the_mean_of_m_m_c() {
    let cores = 4;
    let mut scenario = plain(1, UTILIZATION * f64::from(cores), DURATION / 4.0);
    scenario.servers[0] = first_in_first_out(cores as usize, usize::MAX);
    let result = run(&scenario);
    let c = f64::from(cores);
    let wait = erlang_c(cores, UTILIZATION * c) * WORK / (c * (1.0 - UTILIZATION));
    assert_within_3_percent(result.latency.mean, wait + WORK);
}

#[test]
fn sharing_has_the_mean_of_m_g_1_whatever_the_distribution_of_work() {
    for demand in [
        Demand::Fixed(WORK),
        Demand::Exponential { mean: WORK },
        Demand::Lognormal {
            mean: WORK,
            sigma: 1.0,
        },
    ] {
        let mut scenario = plain(1, UTILIZATION, DURATION);
        scenario.classes[0].demand = demand;
        let result = run(&scenario);
        assert_within_3_percent(result.latency.mean, WORK / (1.0 - UTILIZATION));
    }
}

#[test]
fn speed_divides_the_time_and_the_way_adds_to_it() {
    let mut scenario = plain(1, UTILIZATION, DURATION / 4.0);
    (scenario.servers[0].speed, scenario.servers[0].rtt) = (2.0, 0.004);
    let result = run(&scenario);
    let service = WORK / 2.0;
    let theory = service / (1.0 - UTILIZATION / 2.0) + 0.004;
    assert_within_3_percent(result.latency.mean, theory);
}

/// Probability that a request waits in an M/M/c queue offered `load` Erlang.
fn erlang_c(cores: u32, load: f64) -> f64 {
    let mut blocked = 1.0;
    for core in 1..=cores {
        blocked = load * blocked / (f64::from(core) + load * blocked);
    }
    let c = f64::from(cores);
    c * blocked / (c - load * (1.0 - blocked))
}
