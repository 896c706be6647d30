//! What must hold of the inside of a run when it is over.

use super::{chooser::Chooser, world::World};
use crate::scenario::{
    Arrivals, Change, Class, Demand, Discipline, HealthCheck, Information, Outlier, Rate, Registry,
    Retry, Scenario, Server, TimedChange,
};
use lb_policy::policies::{PolicyConfig, build};

/// Half a minute of requests to servers to which everything happens, and time to finish.
fn everything_happens() -> Scenario {
    let server = Server {
        cores: 2.0,
        speed: 1.0,
        discipline: Discipline {
            workers: 4,
            queue: 20,
        },
        rtt: 0.002,
        weight: 1,
        joined: true,
    };
    let demand = Demand::Pareto {
        mean: 0.02,
        alpha: 1.5,
    };
    let rate = |from, per_second| Rate { from, per_second };
    let change = |at, server, change| TimedChange { at, server, change };
    Scenario {
        name: "everything happens".to_owned(),
        seed: 3,
        duration: 60.0,
        warm_up: 0.0,
        counted: Vec::new(),
        balancers: vec![0.7, 0.3],
        servers: vec![server; 4],
        classes: vec![Class { share: 1.0, demand }],
        arrivals: Arrivals::Rates(vec![rate(0.0, 300.0), rate(30.0, 0.0)]),
        changes: vec![
            change(3.0, 0, Change::Crash { black_hole: true }),
            change(5.0, 1, Change::Crash { black_hole: false }),
            change(6.0, 2, Change::Pause(2.0)),
            change(8.0, 0, Change::Recover),
            change(9.0, 1, Change::Recover),
            change(10.0, 3, Change::FailFast(0.8)),
            change(15.0, 3, Change::FailFast(0.0)),
            change(16.0, 1, Change::Leave),
            change(18.0, 1, Change::Join),
            change(20.0, 2, Change::Antagonist(0.8)),
        ],
        timeout: 1.0,
        health_check: Some(HealthCheck {
            interval: 1.0,
            timeout: 0.5,
            work: 0.001,
            noise: 0.0005,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        }),
        outlier: Some(Outlier {
            errors_in_a_row: 5,
            interval: 10.0,
            base_ejection: 2.0,
            max_ejection: 0.5,
            min_error_ratio: 10.0,
        }),
        panic_threshold: 0.5,
        retry: Retry {
            attempts: 2,
            budget: 0.2,
        },
        information: Information {
            piggyback: true,
            momentary_utilization: false,
            registry: Some(Registry {
                interval: 0.5,
                lag: 1.2,
            }),
        },
    }
}

#[test]
fn every_request_ends_once_and_nothing_is_left_in_flight() {
    let scenario = everything_happens();
    let arrived = crate::arrivals::ArrivalStream::new(&scenario).count() as u64;
    for policy in [PolicyConfig::LEAST_REQUEST, PolicyConfig::PREQUAL_PROBING] {
        let choosers = (0..2).map(|_| Chooser::Policy(build(&policy))).collect();
        let mut world = World::new(&scenario, choosers, None);
        world.run();
        assert_eq!(world.requests.len(), 0, "requests still open");
        assert!(
            world
                .servers
                .iter()
                .all(|s| s.in_flight() == 0 && s.coming() == 0)
        );
        for balancer in &world.balancers {
            let mut stats = (0..4).filter_map(|server| balancer.stats(server));
            assert!(stats.all(|stats| stats.in_flight() == 0));
        }
        let result = world.result();
        assert!(result.errors > result.timeouts && result.timeouts > 0);
        assert_eq!(result.requests, arrived);
        assert!(result.decisions > arrived, "some were retried");
        assert_eq!(result.decisions, result.sent.iter().sum::<u64>());
    }
}

#[test]
fn timers_without_an_interval_do_not_stop_the_clock() {
    let mut scenario = everything_happens();
    scenario.duration = 0.05;
    scenario.health_check = scenario.health_check.map(|check| HealthCheck {
        interval: 0.0,
        timeout: 0.0,
        ..check
    });
    scenario.information.registry = Some(Registry {
        interval: 0.0,
        lag: 0.0,
    });
    let choosers = (0..2).map(|_| Chooser::Policy(build(&PolicyConfig::Random)));
    let mut world = World::new(&scenario, choosers.collect(), None);
    world.run();
    assert!(world.result().decisions > 0);
}
