//! Fitting to logged decisions.

use lb_authoring::network::Network as _;
use lb_decisions::{DecisionRecord, Writer};
use lb_policy::features::{CONTEXT, FEATURES, IN_FLIGHT, index_of, schema_id};
use lb_trainer::{
    fit::FitOptions, log_data::read_logs, log_fit::fit_log, progress::Progress, weights::Weights,
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::path::Path;

const OPTIONS: FitOptions = FitOptions {
    learning_rate: 3e-3,
    batch: 64,
    epochs: 6,
    gradient_limit: 2.0,
    focus: 0.0,
    seed: 1,
};
/// What latency depends on in the logs; the hand-set model does not know it.
const TELLING: &str = "reported_utilization";

/// Decisions in a log.
const DECISIONS: i64 = 3000;

/// Writes decisions in which latency grows with one feature, and with nothing else; from
/// `reversal` on it falls with it.
fn write_log(path: &Path, reversal: i64) {
    let telling = index_of(TELLING).expect("the feature exists");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut writer = Writer::create(path).expect("the folder is writable");
    for number in 0..DECISIONS {
        let sign = if number < reversal { 1.0 } else { -1.0 };
        let candidates = rng.random_range(2..5usize);
        let features: Vec<f32> = (0..candidates * FEATURES).map(|_| rng.random()).collect();
        let chosen = rng.random_range(0..candidates);
        let noise: f32 = rng.random();
        let load = features[chosen * FEATURES + telling];
        writer
            .write(&DecisionRecord {
                time_us: number,
                request: number.to_string(),
                attempt: 1,
                cluster: "shop".to_owned(),
                policy: "random".to_owned(),
                schema: schema_id().to_owned(),
                kind: "policy".to_owned(),
                candidates: (0..candidates).map(|i| format!("e{i}:80")).collect(),
                features,
                context: vec![0.0; CONTEXT],
                chosen: chosen as u32,
                propensity: 1.0 / candidates as f32,
                class_mean_seconds: 0.05,
                outcome: "success".to_owned(),
                status: 200,
                latency_seconds: 0.05 * (sign * (3.0 * load - 1.5) + 0.4 * noise).exp(),
                ..DecisionRecord::default()
            })
            .expect("the record is sound");
    }
    writer.finish().expect("the disk has room");
}

#[test]
fn a_fitted_model_ranks_by_what_latency_depends_on() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["log.jsonl", "log.parquet"] {
        let path = folder.path().join(name);
        write_log(&path, DECISIONS);
        let data = read_logs(&[path], 10_000, 1).unwrap();
        let start = Weights::heuristic(1, 8, 6).unwrap();
        let fitted = fit_log(start, &data, &OPTIONS, &Progress::silent()).unwrap();
        assert!(fitted.report.fitted_loss < 0.3 * fitted.report.start_loss);

        let mut rows = [[0.5; FEATURES]; 2];
        rows[0][index_of(TELLING).unwrap()] = 0.8;
        rows[1][IN_FLIGHT] = 0.8;
        let network = fitted.weights.network();
        let costs = network.costs(rows.as_flattened(), &[0.0; CONTEXT]);
        assert!(costs[0] > costs[1] + 0.3, "{name}: {costs:?}");
    }
}

#[test]
fn a_fit_that_predicts_worse_than_its_start_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    write_log(&path, DECISIONS * 4 / 5);
    let data = read_logs(&[path], 10_000, 1).unwrap();
    let start = Weights::heuristic(1, 8, 6).unwrap();
    let error = fit_log(start, &data, &OPTIONS, &Progress::silent()).unwrap_err();
    assert!(
        error.to_string().contains("worse than its start"),
        "{error}"
    );
}
