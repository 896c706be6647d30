//! Time of one decision, of filling the features alone and of what telemetry does for one request,
//! over warm telemetry. Run it with
//! `cargo bench --workspace --bench decision -- --verbose`, which prints medians; results stand in
//! `docs/benchmarks.md`.

#![allow(missing_docs)] // criterion's macros make public items of their own

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use lb_authoring::{default_model, export::Export, network::Network, study::study_net};
use lb_policy::{
    endpoint::EndpointId,
    features::{FeatureMatrix, Moment},
    model::{Scorer, compile_native},
    policies::{Candidates, Decision, Onnx, OnnxSettings, Policy, PolicyConfig, Scratch, build},
    request::{Class, Outcome, Request},
    telemetry::{ClusterStats, EndpointStats, InFlight, LoadReport},
    time::Timestamp,
};
use std::{hint::black_box, sync::Arc, time::Duration};

/// The latest trained version.
const SHIPPED: &[u8] = include_bytes!("../../models/default/7/model.onnx");
/// Of 128 a model scores a shortlist.
const CANDIDATES: [usize; 5] = [2, 8, 16, 32, 128];
/// Requests that warm each endpoint's telemetry: enough for every window and average to fill.
const WARM_REQUESTS_EACH: u64 = 200;
/// Requests come a millisecond apart.
const REQUEST_GAP_NANOS: u64 = 1_000_000;

/// A cluster in the middle of its work: every source of information has told something.
struct World {
    candidates: Candidates,
    cluster: Arc<ClusterStats>,
    now: Timestamp,
    /// Held, so that requests are in flight.
    in_flight: Vec<InFlight>,
}

impl World {
    fn warm(count: usize) -> Self {
        let endpoint = |i| {
            let id = EndpointId::new(&format!("10.0.0.{i}:80"));
            Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
        };
        let mut world = Self {
            candidates: Candidates::new((0..count).map(endpoint).collect()),
            cluster: Arc::new(ClusterStats::new()),
            now: Timestamp::ZERO,
            in_flight: Vec::new(),
        };
        for turn in 0..WARM_REQUESTS_EACH * count as u64 {
            world.serve(turn);
        }
        world
    }

    /// One request in turn; of the last ones some stay in flight.
    fn serve(&mut self, turn: u64) {
        let endpoints = self.candidates.endpoints();
        let count = endpoints.len() as u64;
        let endpoint = &endpoints[(turn % count) as usize];
        let latency = Duration::from_micros(2000 + turn * 7919 % 3000);
        self.now = Timestamp::from_nanos(turn * REQUEST_GAP_NANOS);
        let mut request = endpoint.start(&self.cluster, Class::of_route(0), self.now);
        if turn + 2 * count >= WARM_REQUESTS_EACH * count && turn.is_multiple_of(3) {
            self.in_flight.push(request);
            return;
        }
        let report = LoadReport {
            in_flight: Some((turn % 5) as f32),
            utilization: Some(0.5),
            latency: Some(latency),
            requests_per_second: Some(100.0),
            errors_per_second: Some(1.0),
        };
        let outcome = if turn.is_multiple_of(101) {
            Outcome::ServerError
        } else {
            Outcome::Success
        };
        request.respond(outcome, self.now + latency);
        endpoint.record_report(&report, self.now + latency);
        endpoint.record_registry(&report, self.now + latency);
        endpoint.record_health_check(Duration::from_micros(300), self.now + latency);
        request.finish(outcome, self.now + latency);
    }

    /// A little after the last request ended.
    fn moment(&self) -> Timestamp {
        self.now + Duration::from_millis(10)
    }
}

fn decisions(criterion: &mut Criterion) {
    let policies = [
        (
            "onnx_linear",
            onnx(&exported(
                &default_model::network().expect("the table has its features"),
            )),
        ),
        ("onnx_study_32_24", onnx(&exported(&study_net(1, 32, 24)))),
        ("onnx_shipped", onnx(SHIPPED)),
        ("peak_ewma", build(&PolicyConfig::PEAK_EWMA)),
        ("least_request", build(&PolicyConfig::LEAST_REQUEST)),
        ("round_robin", build(&PolicyConfig::RoundRobin)),
    ];
    let mut group = criterion.benchmark_group("decision");
    group.sampling_mode(SamplingMode::Flat);
    for (name, policy) in &policies {
        for count in CANDIDATES {
            let world = World::warm(count);
            let mut scratch = Scratch::from_seed(1);
            group.bench_function(BenchmarkId::new(*name, count), |bencher| {
                bencher.iter(|| decide(&**policy, &world, &mut scratch));
            });
        }
    }
    group.finish();
}

fn decide(policy: &dyn Policy, world: &World, scratch: &mut Scratch) -> usize {
    let mut decision = Decision {
        request: &Request::default(),
        candidates: &world.candidates,
        cluster: &world.cluster,
        now: black_box(world.moment()),
        scratch,
    };
    let pick = policy.pick(&mut decision);
    pick.expect("there are candidates").index
}

fn exported(network: &dyn Network) -> Vec<u8> {
    Export::new("bench", 1, "made for a benchmark").model(network)
}

/// The learned policy as configured by default, the native runtime scoring.
fn onnx(model: &[u8]) -> Box<dyn Policy> {
    let scorer: Arc<dyn Scorer> = Arc::from(compile_native(model).expect("a model of our own"));
    let fallback = build(&PolicyConfig::PEAK_EWMA);
    Box::new(Onnx::new(scorer, OnnxSettings::default(), fallback))
}

fn features(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("features");
    group.sampling_mode(SamplingMode::Flat);
    for count in CANDIDATES {
        let world = World::warm(count);
        let mut matrix = FeatureMatrix::default();
        group.bench_function(BenchmarkId::new("fill", count), |bencher| {
            bencher.iter(|| {
                let moment = Moment {
                    cluster: &world.cluster,
                    class: Some(Class::of_route(0)),
                    available: count,
                    now: black_box(world.moment()),
                };
                matrix.fill(world.candidates.endpoints().iter(), &moment);
                black_box(matrix.rows());
            });
        });
    }
    group.finish();
}

/// All that telemetry does for one request: its start, its response with a load report, its end.
fn telemetry(criterion: &mut Criterion) {
    const ENDPOINTS: usize = 8;
    let mut group = criterion.benchmark_group("telemetry");
    group.sampling_mode(SamplingMode::Flat);
    let world = World::warm(ENDPOINTS);
    let report = LoadReport {
        in_flight: Some(3.0),
        utilization: Some(0.5),
        latency: Some(Duration::from_millis(3)),
        requests_per_second: Some(100.0),
        errors_per_second: Some(1.0),
    };
    let mut turn = 0;
    group.bench_function("request", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let endpoint = &world.candidates.endpoints()[turn % ENDPOINTS];
            let sent = world.now + Duration::from_micros(turn as u64);
            let answered = sent + Duration::from_micros(2500);
            let mut request = endpoint.start(&world.cluster, Class::of_route(0), black_box(sent));
            request.respond(Outcome::Success, answered);
            endpoint.record_report(black_box(&report), answered);
            request.finish(Outcome::Success, answered);
        });
    });
    group.finish();
}

/// About half a minute in all. Samples of 2 ms are shorter than a time slice, so that a busy
/// machine spoils some of them and leaves the median alone.
fn short() -> Criterion {
    Criterion::default()
        .sample_size(200)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(400))
        .without_plots()
}

criterion_group! { name = benches; config = short(); targets = decisions, features, telemetry }
criterion_main!(benches);
