//! A decision and its bookkeeping allocate nothing once their buffers are warm.

#![allow(unsafe_code)] // a global allocator is the only way to count allocations

mod linear;

use lb_policy::{
    endpoint::EndpointId,
    policies::{
        Candidates, Choices, Decision, LoadSource, Onnx, OnnxSettings, Policy, PolicyConfig,
        ProbeAnswer, Scoring, Scratch, build,
    },
    request::{Class, Outcome, Request},
    telemetry::{ClusterStats, EndpointStats, LoadReport},
    time::Timestamp,
};
use linear::PeakEwmaScorer;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
    time::Duration,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system allocator unchanged; counting touches only a
// thread-local cell that needs no allocation of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn all() -> Vec<Box<dyn Policy>> {
    let onnx = |scoring| -> Box<dyn Policy> {
        let settings = OnnxSettings {
            scoring,
            exploration: 0.1,
            ..OnnxSettings::default()
        };
        let fallback = build(&PolicyConfig::PEAK_EWMA);
        Box::new(Onnx::new(Arc::new(PeakEwmaScorer), settings, fallback))
    };
    vec![
        build(&PolicyConfig::RoundRobin),
        build(&PolicyConfig::Random),
        build(&PolicyConfig::LEAST_REQUEST),
        build(&PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Reported,
            error_factor: 20.0,
        }),
        build(&PolicyConfig::PEAK_EWMA),
        build(&PolicyConfig::PREQUAL),
        build(&PolicyConfig::PREQUAL_PROBING),
        build(&PolicyConfig::ClientSideWeightedRoundRobin),
        build(&PolicyConfig::ShortestExpectedDelay),
        build(&PolicyConfig::C3),
        build(&PolicyConfig::RingHash),
        onnx(Scoring::PerRequest),
        onnx(Scoring::Interval(OnnxSettings::DEFAULT_INTERVAL)),
    ]
}

fn candidates(count: usize) -> Candidates {
    let endpoint = |i| {
        let id = EndpointId::new(&format!("10.0.0.{i}:80"));
        Arc::new(EndpointStats::new(id, 1 + i as u32 % 3, Timestamp::ZERO))
    };
    Candidates::new((0..count).map(endpoint).collect())
}

/// Picks, sends and ends `count` requests.
fn work(
    policy: &dyn Policy,
    candidates: &Candidates,
    cluster: &Arc<ClusterStats>,
    scratch: &mut Scratch,
    count: u64,
) {
    let report = LoadReport {
        in_flight: Some(2.0),
        utilization: Some(0.5),
        latency: Some(Duration::from_millis(3)),
        requests_per_second: Some(100.0),
        errors_per_second: Some(1.0),
    };
    for i in 0..count {
        let now = Timestamp::from_nanos(i * 10_000);
        let request = Request {
            affinity: i % 3,
            ..Request::default()
        };
        let mut decision = Decision {
            request: &request,
            candidates,
            cluster,
            now,
            scratch,
        };
        let index = policy
            .pick(&mut decision)
            .expect("there are candidates")
            .index;
        let endpoint = &candidates.endpoints()[index];
        let mut in_flight = endpoint.start(cluster, Class::default(), now);
        in_flight.respond(Outcome::Success, now + Duration::from_millis(3));
        endpoint.record_report(&report, now);
        if let Some(probing) = policy.probing() {
            let answer = ProbeAnswer {
                in_flight: (i % 5) as f32,
                latency_seconds: 0.003,
            };
            probing.record_probe(endpoint, answer, now);
        }
        in_flight.finish(Outcome::Success, now + Duration::from_millis(4));
    }
}

#[test]
fn no_policy_allocates_after_warm_up() {
    for count in [1, 8, 32, 40] {
        for policy in all() {
            let candidates = candidates(count);
            let cluster = Arc::new(ClusterStats::new());
            let mut scratch = Scratch::from_seed(3);
            work(&*policy, &candidates, &cluster, &mut scratch, 100);
            // Late enough for reports to be taken for weights, and in time for fresh scores.
            let settled = Timestamp::ZERO + Duration::from_secs(11);
            policy.refresh(&candidates, &cluster, settled, &mut scratch);
            work(&*policy, &candidates, &cluster, &mut scratch, 20);
            let before = allocations();
            work(&*policy, &candidates, &cluster, &mut scratch, 1000);
            let made = allocations() - before;
            assert_eq!(made, 0, "{policy:?} with {count} candidates");
        }
    }
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations() - before, 1);
}
