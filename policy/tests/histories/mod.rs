//! Any history that telemetry may have seen, hostile reports included.

use lb_policy::{
    endpoint::EndpointId,
    request::{Class, Outcome},
    telemetry::{ClusterStats, EndpointStats, LoadReport},
    time::Timestamp,
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

/// One thing that happens to an endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Request {
        age: Duration,
        outcome: Outcome,
        route: usize,
        stays: bool,
    },
    Report(LoadReport),
    Registry(LoadReport),
    HealthCheck(Duration),
    Ready,
}

/// Events, each with the endpoint and the time it happens at.
pub(crate) type History = Vec<(prop::sample::Index, u64, Event)>;

/// Endpoints after a history, with what keeps requests in flight.
pub(crate) struct World {
    pub(crate) endpoints: Vec<Arc<EndpointStats>>,
    pub(crate) cluster: Arc<ClusterStats>,
    pub(crate) now: Timestamp,
    pub(crate) guards: Vec<lb_policy::telemetry::InFlight>,
}

/// Between `least` and `greatest` endpoints after any history.
pub(crate) fn any_world(least: usize, greatest: usize) -> impl Strategy<Value = World> {
    world(
        prop_oneof![1u32..10, any::<u32>()],
        any_time(),
        least..=greatest,
    )
}

/// The same with weights and times as in a few minutes of normal use.
#[allow(dead_code)] // each test binary uses its own part of this module
pub(crate) fn usual_world(least: usize, greatest: usize) -> impl Strategy<Value = World> {
    world(1u32..10, 0u64..200_000_000_000, least..=greatest)
}

fn world(
    weight: impl Strategy<Value = u32>,
    time: impl Strategy<Value = u64> + Clone,
    sizes: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = World> {
    let weights = proptest::collection::vec(weight, sizes);
    let event = (any::<prop::sample::Index>(), time.clone(), any_event());
    let history = proptest::collection::vec(event, 0..150);
    (weights, history, time).prop_map(|(weights, history, now)| live(&weights, history, now))
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let readings: Vec<_> = self.endpoints.iter().map(|e| e.read(self.now)).collect();
        f.debug_struct("World")
            .field("now", &self.now)
            .field("readings", &readings)
            .finish()
    }
}

fn live(weights: &[u32], history: History, now: u64) -> World {
    let endpoint = |(i, weight): (usize, &u32)| {
        let id = EndpointId::new(&format!("10.0.0.{i}:80"));
        Arc::new(EndpointStats::new(id, *weight, Timestamp::ZERO))
    };
    let mut world = World {
        endpoints: weights.iter().enumerate().map(endpoint).collect(),
        cluster: Arc::new(ClusterStats::new()),
        now: Timestamp::from_nanos(now),
        guards: Vec::new(),
    };
    for (index, at, event) in history {
        if !world.endpoints.is_empty() {
            let endpoint = Arc::clone(index.get(&world.endpoints));
            happen(&mut world, &endpoint, Timestamp::from_nanos(at), event);
        }
    }
    world
}

fn happen(world: &mut World, endpoint: &Arc<EndpointStats>, at: Timestamp, event: Event) {
    match event {
        Event::Request {
            age,
            outcome,
            route,
            stays,
        } => {
            let guard = endpoint.start(&world.cluster, Class::of_route(route), at);
            if stays {
                world.guards.push(guard);
            } else {
                guard.finish(outcome, at + age);
            }
        }
        Event::Report(report) => endpoint.record_report(&report, at),
        Event::Registry(report) => endpoint.record_registry(&report, at),
        Event::HealthCheck(rtt) => endpoint.record_health_check(rtt, at),
        Event::Ready => endpoint.mark_ready(at),
    }
}

/// Mostly within some minutes, sometimes anywhere.
fn any_time() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![9 => 0u64..200_000_000_000, 1 => any::<u64>()]
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![9 => (0u64..5_000_000_000).prop_map(Duration::from_nanos), 1 => any::<Duration>()]
}

fn any_report() -> impl Strategy<Value = LoadReport> {
    let number = || proptest::option::of(prop_oneof![0.0f32..40.0, any::<f32>()]);
    let numbers = (number(), number(), number(), number());
    (numbers, proptest::option::of(any_duration())).prop_map(
        |((in_flight, utilization, requests_per_second, errors_per_second), latency)| LoadReport {
            in_flight,
            utilization,
            latency,
            requests_per_second,
            errors_per_second,
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Success),
        1 => Just(Outcome::ServerError),
        1 => Just(Outcome::ConnectionError),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Cancelled),
    ];
    let request = (any_duration(), outcome, 0usize..20, any::<bool>()).prop_map(
        |(age, outcome, route, stays)| Event::Request {
            age,
            outcome,
            route,
            stays,
        },
    );
    prop_oneof![
        6 => request,
        1 => any_report().prop_map(Event::Report),
        1 => any_report().prop_map(Event::Registry),
        1 => any_duration().prop_map(Event::HealthCheck),
        1 => Just(Event::Ready),
    ]
}
