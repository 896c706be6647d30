//! The same run gives the same result, and policies meet the same requests.

mod worlds;

use lb_policy::{
    features::{FEATURES, index_of},
    policies::PolicyConfig,
    request::Outcome,
};
use lb_simulator::{
    observer::{Observed, Observer, Upcoming},
    scenario::{Arrival, Arrivals, Change, Outlier, Registry, Retry, Scenario},
    simulation::{Chooser, Oracle, run},
};
use std::sync::Arc;
use worlds::{at, choosers, plain, run_with};

/// A bit of everything.
fn eventful() -> Scenario {
    let mut scenario = plain(6, 0.6, 30.0);
    scenario.balancers = vec![0.5, 0.3, 0.2];
    scenario.timeout = 1.0;
    scenario.outlier = Some(Outlier {
        errors_in_a_row: 5,
        interval: 10.0,
        base_ejection: 5.0,
        max_ejection: 0.5,
        min_error_ratio: 10.0,
    });
    scenario.retry = Retry {
        attempts: 2,
        budget: 0.2,
    };
    scenario.information.registry = Some(Registry {
        interval: 1.0,
        lag: 0.5,
    });
    scenario.changes = vec![
        at(5.0, 0, Change::FailFast(0.5)),
        at(8.0, 1, Change::Crash { black_hole: true }),
        at(9.0, 2, Change::Pause(0.3)),
        at(12.0, 1, Change::Recover),
        at(15.0, 3, Change::Leave),
        at(20.0, 3, Change::Join),
    ];
    scenario
}

/// What an observer was told of each decision.
#[derive(Default)]
struct Notes {
    wanted: usize,
    /// Number of the request, and the time in nanoseconds.
    decisions: Vec<(u64, u64)>,
    ended: Vec<(usize, Outcome, f32)>,
    features: Vec<Vec<f32>>,
    shown: Vec<usize>,
    /// Decisions in which another server would have cost less.
    misses: usize,
}

impl Observer for Notes {
    fn sample(&mut self, moment: Upcoming) -> Option<usize> {
        assert!(moment.ready > 0);
        Some(self.wanted)
    }

    fn decided(&mut self, decision: &Observed<'_>) -> usize {
        assert_eq!(
            decision.features.len(),
            decision.servers.len() * FEATURES,
            "a row for each server"
        );
        assert_eq!(decision.costs.len(), decision.servers.len());
        assert!(decision.propensity > 0.0 && decision.class_mean_seconds > 0.0);
        let own = |i: usize| decision.own_costs[i].own_seconds;
        let best = (0..decision.servers.len())
            .map(own)
            .fold(f32::MAX, f32::min);
        self.misses += usize::from(own(decision.chosen) > best);
        self.shown.push(decision.servers.len());
        self.features.push(decision.features.to_vec());
        self.decisions
            .push((decision.request, decision.now.as_nanos()));
        self.decisions.len() - 1
    }

    fn ended(&mut self, token: usize, outcome: Outcome, latency_seconds: f32) {
        assert!(latency_seconds >= 0.0);
        self.ended.push((token, outcome, latency_seconds));
    }
}

fn observe(scenario: &Scenario, policy: PolicyConfig, wanted: usize) -> Notes {
    let mut notes = Notes {
        wanted,
        ..Notes::default()
    };
    run(scenario, choosers(scenario, policy), Some(&mut notes));
    notes
}

#[test]
fn the_same_run_has_the_same_result() {
    for policy in [PolicyConfig::LEAST_REQUEST, PolicyConfig::PEAK_EWMA] {
        let first = run_with(&eventful(), policy);
        assert_eq!(first, run_with(&eventful(), policy));
        let mut other = eventful();
        other.seed += 1;
        assert_ne!(first, run_with(&other, policy));
    }
}

#[test]
fn an_observer_changes_nothing() {
    let scenario = eventful();
    let policy = PolicyConfig::PEAK_EWMA;
    let mut notes = Notes {
        wanted: 3,
        ..Notes::default()
    };
    let observed = run(&scenario, choosers(&scenario, policy), Some(&mut notes));
    assert_eq!(observed, run_with(&scenario, policy));
}

#[test]
fn every_policy_meets_the_same_requests_whatever_is_retried() {
    let arrivals = |policy, attempts| {
        let mut scenario = eventful();
        scenario.retry.attempts = attempts;
        let mut decisions = observe(&scenario, policy, 1).decisions;
        // The first decision of each request is made when it arrives.
        decisions.sort_unstable();
        decisions.dedup_by_key(|(request, _)| *request);
        decisions
    };
    let reference = arrivals(PolicyConfig::RoundRobin, 0);
    assert!(reference.len() > 9000);
    assert_eq!(reference, arrivals(PolicyConfig::PEAK_EWMA, 0));
    assert_eq!(reference, arrivals(PolicyConfig::LEAST_REQUEST, 2));
}

#[test]
fn an_observer_sees_as_many_servers_as_it_wants_and_every_end_once() {
    let notes = observe(&eventful(), PolicyConfig::LEAST_REQUEST, 3);
    assert!(notes.shown.iter().all(|shown| *shown == 3));
    let mut tokens: Vec<_> = notes.ended.iter().map(|ended| ended.0).collect();
    tokens.sort_unstable();
    assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]));
    let still_open = notes.decisions.len() - tokens.len();
    assert!(still_open < 200, "{still_open}");
    let all = observe(&eventful(), PolicyConfig::LEAST_REQUEST, 100);
    assert_eq!(all.shown.iter().max(), Some(&6));
}

#[test]
fn an_oracle_chooses_the_least_true_cost() {
    let scenario = plain(5, 0.7, 20.0);
    let oracle = Oracle {
        knows_work: true,
        inflicted: 0.0,
    };
    let mut notes = Notes {
        wanted: 5,
        ..Notes::default()
    };
    let result = run(&scenario, vec![Chooser::Oracle(oracle)], Some(&mut notes));
    assert_eq!(notes.misses, 0);
    assert!((result.optimal_share - 1.0).abs() < 1e-9);
    let blind = run_with(&scenario, PolicyConfig::Random);
    assert!(blind.optimal_share < 0.6, "{}", blind.optimal_share);
    assert!(result.latency.mean < blind.latency.mean);
    let counting = Oracle {
        knows_work: false,
        inflicted: 1.0,
    };
    let by_counts = run(&scenario, vec![Chooser::Oracle(counting)], None);
    assert!(by_counts.latency.mean < blind.latency.mean);
}

#[test]
fn missing_information_leaves_no_trace_in_the_features() {
    let mut scenario = plain(4, 0.6, 10.0);
    scenario.information.registry = Some(Registry {
        interval: 0.5,
        lag: 0.1,
    });
    let told = observe(&scenario, PolicyConfig::LEAST_REQUEST, 4);
    scenario.information.piggyback = false;
    scenario.information.registry = None;
    let untold = observe(&scenario, PolicyConfig::LEAST_REQUEST, 4);
    let last = |notes: &Notes| notes.features.last().cloned().expect("decisions");
    for name in ["reported_utilization", "registry_utilization"] {
        let place = index_of(name).expect("the feature exists");
        let values = |notes: &Notes| -> Vec<f32> {
            let features = last(notes);
            features.chunks(FEATURES).map(|row| row[place]).collect()
        };
        assert!(values(&told).iter().any(|value| *value > 0.0), "{name}");
        assert!(values(&untold).iter().all(|value| *value <= 0.0), "{name}");
    }
}

#[test]
fn recorded_requests_come_when_they_were_recorded_with_the_work_they_had() {
    let mut scenario = plain(1, 0.5, 10.0);
    let arrival = |i: u32| Arrival {
        at: f64::from(i) * 0.1,
        class: 0,
        work: Some(0.05),
    };
    scenario.arrivals = Arrivals::Replay((0..50).map(arrival).collect::<Arc<[_]>>());
    scenario.warm_up = 0.0;
    let notes = observe(&scenario, PolicyConfig::Random, 1);
    assert_eq!(notes.decisions.len(), 50);
    assert_eq!(notes.decisions[7], (7, 700_000_000));
    let took_its_work = |ended: &(usize, Outcome, f32)| (ended.2 - 0.05).abs() < 1e-6;
    assert!(notes.ended.iter().all(took_its_work));
}
