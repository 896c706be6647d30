//! What a model is given: always finite, always within the stated range, and as the table says.

mod histories;

use histories::{World, any_world};
use lb_policy::{
    endpoint::EndpointId,
    features::{
        CANDIDATE_FEATURES, CONTEXT_FEATURES, FEATURES, Feature, FeatureMatrix, Moment,
        context_index_of, index_of,
    },
    request::{Class, Outcome},
    telemetry::{ClusterStats, EndpointStats, LoadReport},
    time::Timestamp,
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

fn fill(endpoints: &[Arc<EndpointStats>], cluster: &ClusterStats, now: Timestamp) -> FeatureMatrix {
    let class = Some(Class::default());
    let moment = Moment {
        cluster,
        class,
        available: endpoints.len(),
        now,
    };
    let mut matrix = FeatureMatrix::default();
    matrix.fill(endpoints.iter(), &moment);
    matrix
}

fn assert_within(values: &[f32], features: &[Feature]) {
    for (value, feature) in values.iter().zip(features) {
        let (least, greatest) = feature.clamp;
        assert!(
            (least..=greatest).contains(value),
            "{} is {value}, not between {least} and {greatest}",
            feature.name
        );
    }
}

fn seconds(s: f32) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs_f32(s)
}

fn fresh(count: usize) -> (Vec<Arc<EndpointStats>>, Arc<ClusterStats>) {
    let endpoint = |i| {
        let id = EndpointId::new(&format!("10.0.0.{i}:80"));
        Arc::new(EndpointStats::new(id, 1, Timestamp::ZERO))
    };
    (
        (0..count).map(endpoint).collect(),
        Arc::new(ClusterStats::new()),
    )
}

/// The feature called `name` in row `row`.
fn feature(matrix: &FeatureMatrix, row: usize, name: &str) -> f32 {
    matrix.rows()[row * FEATURES + index_of(name).expect("the feature exists")]
}

fn assert_near(value: f32, expected: f32, name: &str) {
    assert!(
        (value - expected).abs() < 1e-3,
        "{name} is {value}, expected {expected}"
    );
}

proptest! {
    #[test]
    fn every_feature_is_within_its_range_after_any_history(world in any_world(0, 40)) {
        let World { endpoints, cluster, now, .. } = &world;
        let matrix = fill(endpoints, cluster, *now);
        prop_assert_eq!(matrix.rows().len(), endpoints.len() * FEATURES);
        for row in matrix.rows().chunks_exact(FEATURES) {
            assert_within(row, &CANDIDATE_FEATURES);
        }
        assert_within(matrix.context(), &CONTEXT_FEATURES);
    }
}

#[test]
fn an_endpoint_of_which_nothing_is_known_has_the_defaults() {
    let (endpoints, cluster) = fresh(1);
    let matrix = fill(&endpoints, &cluster, Timestamp::ZERO);
    for (value, feature) in matrix.rows().iter().zip(&CANDIDATE_FEATURES) {
        assert!(
            (value - feature.default).abs() < 1e-6,
            "{} is {value}",
            feature.name
        );
    }
    for (value, feature) in matrix.context().iter().zip(&CONTEXT_FEATURES) {
        assert!(
            (value - feature.default).abs() < 1e-6,
            "{} is {value}",
            feature.name
        );
    }
}

#[test]
fn own_measurements_show_in_their_features() {
    let (endpoints, cluster) = fresh(2);
    for _ in 0..20 {
        let fast = endpoints[0].start(&cluster, Class::default(), seconds(0.0));
        let slow = endpoints[1].start(&cluster, Class::default(), seconds(0.0));
        fast.finish(Outcome::Success, seconds(0.05));
        slow.finish(Outcome::Success, seconds(0.15));
    }
    let failed = endpoints[1].start(&cluster, Class::default(), seconds(0.15));
    failed.finish(Outcome::ServerError, seconds(0.15));
    let _in_flight = endpoints[0].start(&cluster, Class::default(), seconds(0.15));
    let mean = cluster.mean_latency_seconds();
    assert_near(mean, 0.1, "mean latency");

    let matrix = fill(&endpoints, &cluster, seconds(0.35));
    let near = |row, name, expected| assert_near(feature(&matrix, row, name), expected, name);
    near(0, "in_flight", 2f32.ln());
    near(0, "in_flight_age", (1.0 + 0.2 / mean).ln());
    near(0, "silence", (1.0 + 0.2 / mean).ln());
    near(0, "confidence", 0.5);
    near(0, "errors", 0.0);
    near(1, "errors", (0.1f32 * (-0.02f32).exp()).sqrt());
    near(1, "error_recency", (-0.2f32 / 3.0).exp());
    near(
        1,
        "error_factor",
        (1.0 + 20.0 * 0.1 * (-0.02f32).exp()).ln(),
    );
    near(1, "since_response", 1.2f32.ln());
    let peaks = feature(&matrix, 1, "peak_ewma") - feature(&matrix, 0, "peak_ewma");
    assert!(
        peaks > 0.9,
        "three times the latency, less some decay: {peaks}"
    );
    assert!(feature(&matrix, 1, "latency_slow") > feature(&matrix, 0, "latency_slow") + 0.9);
}

#[test]
fn reported_load_shows_with_own_sends_since_and_its_age() {
    let (endpoints, cluster) = fresh(2);
    let report = LoadReport {
        in_flight: Some(6.0),
        utilization: Some(0.75),
        latency: Some(Duration::from_millis(200)),
        ..LoadReport::default()
    };
    endpoints[0].record_report(&report, seconds(1.0));
    endpoints[0].record_registry(&report, seconds(0.5));
    let _since = endpoints[0].start(&cluster, Class::default(), seconds(1.0));
    let matrix = fill(&endpoints, &cluster, seconds(1.5));
    let near = |name, expected| assert_near(feature(&matrix, 0, name), expected, name);
    near("reported_in_flight", 8f32.ln());
    near("registry_in_flight", 8f32.ln());
    near("fused_in_flight", 8f32.ln());
    near("reported_utilization", 0.75);
    near("reported_latency", 2f32.ln());
    near("report_age", 6f32.ln());
    near("registry_age", 1.0);
    near("others_in_flight", (1.0 + 0.15 * 6.0f32).ln());
    let mean_utilization = context_index_of("mean_utilization").expect("the feature exists");
    assert_near(
        matrix.context()[mean_utilization],
        0.375,
        "mean_utilization",
    );
}

#[test]
fn health_checks_are_relative_to_those_of_the_candidates() {
    let (endpoints, cluster) = fresh(3);
    endpoints[0].record_health_check(Duration::from_millis(1), seconds(1.0));
    endpoints[1].record_health_check(Duration::from_millis(3), seconds(1.0));
    let matrix = fill(&endpoints, &cluster, seconds(2.0));
    assert_near(feature(&matrix, 0, "health_rtt"), 0.5f32.ln(), "health_rtt");
    assert_near(feature(&matrix, 1, "health_rtt"), 1.5f32.ln(), "health_rtt");
    assert_near(feature(&matrix, 1, "health_age"), 0.2, "health_age");
    assert_near(
        feature(&matrix, 1, "health_min_rtt"),
        1.03f32.ln(),
        "health_min_rtt",
    );
    assert_near(
        feature(&matrix, 2, "health_rtt"),
        0.0,
        "health_rtt of the unchecked",
    );
    assert_near(
        feature(&matrix, 2, "health_age"),
        2.0,
        "health_age of the unchecked",
    );
}
