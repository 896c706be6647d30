//! Plain scenarios that tests vary.

#![allow(dead_code, reason = "each test file uses some of it")]

use lb_policy::policies::{PolicyConfig, build};
use lb_simulator::{
    outcome::RunResult,
    scenario::{
        Arrivals, Change, Class, Demand, Discipline, Information, Rate, Retry, Scenario, Server,
        TimedChange,
    },
    simulation::{Chooser, run},
};

/// Serves all requests at once, each with its share.
pub(crate) const SHARING: Discipline = Discipline {
    workers: usize::MAX,
    queue: 0,
};

/// One balancer and `count` equal servers of one core; requests of a mean work of 10 ms come at
/// such a rate that each server is busy for that part of the time. Nothing goes wrong, nobody
/// checks, nothing is retried.
pub(crate) fn plain(count: usize, utilization: f64, duration: f64) -> Scenario {
    let mean = 0.01;
    Scenario {
        name: "plain".to_owned(),
        seed: 1,
        duration,
        warm_up: duration * 0.05,
        counted: Vec::new(),
        balancers: vec![1.0],
        servers: vec![server(); count],
        classes: vec![Class {
            share: 1.0,
            demand: Demand::Exponential { mean },
        }],
        arrivals: rate(utilization * count as f64 / mean),
        changes: Vec::new(),
        timeout: 60.0,
        health_check: None,
        outlier: None,
        panic_threshold: 0.5,
        retry: Retry {
            attempts: 0,
            budget: 0.2,
        },
        information: Information {
            piggyback: true,
            momentary_utilization: false,
            registry: None,
        },
    }
}

/// One core of speed 1, shared, at no distance.
pub(crate) fn server() -> Server {
    Server {
        cores: 1.0,
        speed: 1.0,
        discipline: SHARING,
        rtt: 0.0,
        weight: 1,
        joined: true,
    }
}

/// `cores` cores that serve one request each, in order of arrival.
pub(crate) fn first_in_first_out(cores: usize, queue: usize) -> Server {
    Server {
        cores: cores as f64,
        discipline: Discipline {
            workers: cores,
            queue,
        },
        ..server()
    }
}

/// The same rate all the time.
pub(crate) fn rate(per_second: f64) -> Arrivals {
    Arrivals::Rates(vec![Rate {
        from: 0.0,
        per_second,
    }])
}

/// A change.
pub(crate) fn at(at: f64, server: usize, change: Change) -> TimedChange {
    TimedChange { at, server, change }
}

/// Runs with the same policy at every balancer.
pub(crate) fn run_with(scenario: &Scenario, policy: PolicyConfig) -> RunResult {
    run(scenario, choosers(scenario, policy), None)
}

/// The same policy for every balancer.
pub(crate) fn choosers(scenario: &Scenario, policy: PolicyConfig) -> Vec<Chooser> {
    let balancers = scenario.balancers.iter();
    balancers.map(|_| Chooser::Policy(build(&policy))).collect()
}
