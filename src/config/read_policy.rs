//! Reads a policy: a word such as `peak_ewma`, or a mapping with its `type` and own settings.

use super::{
    cursor::{Fields, Place},
    policy::{Choices, LoadSource, ModelRuntime, OnnxPolicy, Policy, Scoring},
    read_text::{file_path, header_name},
};
use std::time::Duration;

/// Reads the settings of one type.
type Reader = fn(&Fields<'_>) -> Policy;

/// Every type by its word; `onnx` stays the last.
pub(super) const TYPES: [(&str, Reader); 10] = [
    ("round_robin", |_| Policy::RoundRobin),
    ("random", |_| Policy::Random),
    ("least_request", least_request),
    ("peak_ewma", |fields| Policy::PeakEwma {
        choices: choices(fields, Choices::All),
        error_factor: error_factor(fields, 20.0),
    }),
    ("shortest_expected_delay", |_| Policy::ShortestExpectedDelay),
    ("client_side_weighted_round_robin", |_| {
        Policy::ClientSideWeightedRoundRobin
    }),
    ("prequal", |fields| Policy::Prequal {
        quantile: fields.number("quantile", 0.4, 0.0..=1.0),
    }),
    ("c3", |fields| Policy::C3 {
        error_factor: error_factor(fields, 0.0),
    }),
    ("ring_hash", |fields| Policy::RingHash {
        header: fields.get("header").as_ref().and_then(header_name),
    }),
    ("onnx", |fields| Policy::Onnx(onnx(fields))),
];

/// Reads the policy at `place`.
pub(super) fn policy(place: &Place<'_>) -> Policy {
    one_of(&TYPES, place)
}

fn one_of(types: &[(&'static str, Reader)], place: &Place<'_>) -> Policy {
    if !place.is_mapping() {
        let read = place.word(types);
        return read.map_or(Policy::default(), |read| read(&place.without_fields()));
    }
    let mut fields = place.fields();
    let read = fields.required("type").and_then(|place| place.word(types));
    match read {
        Some(read) => read(&fields),
        None => {
            fields.accept_rest();
            Policy::default()
        }
    }
}

fn least_request(fields: &Fields<'_>) -> Policy {
    let table = [("own", LoadSource::Own), ("reported", LoadSource::Reported)];
    let load = fields.get("load").and_then(|place| place.word(&table));
    Policy::LeastRequest {
        choices: choices(fields, Choices::Two),
        load: load.unwrap_or_default(),
        error_factor: error_factor(fields, 0.0),
    }
}

fn choices(fields: &Fields<'_>, default: Choices) -> Choices {
    let table = [("2", Choices::Two), ("all", Choices::All)];
    let written = fields.get("choices").and_then(|place| place.word(&table));
    written.unwrap_or(default)
}

fn error_factor(fields: &Fields<'_>, default: f64) -> f64 {
    fields.number("error_factor", default, 0.0..=1000.0)
}

fn onnx(fields: &Fields<'_>) -> OnnxPolicy {
    const MOST_EXPLORATION_PERCENT: f64 = 50.0;
    let budgets = Duration::from_micros(1)..=Duration::from_secs(1);
    let model = fields.required("model").as_ref().and_then(file_path);
    let default = OnnxPolicy::new(model.unwrap_or_default());
    OnnxPolicy {
        runtime: runtime(fields),
        fallback: Box::new(fallback(fields)),
        scoring: scoring(fields),
        exploration: fields.percent(
            "exploration_percent",
            default.exploration,
            MOST_EXPLORATION_PERCENT,
        ),
        exploration_range: fields.number("exploration_range", default.exploration_range, 1.0..=1e9),
        saturation_errors: fields.percent(
            "saturation_errors_percent",
            default.saturation_errors,
            100.0,
        ),
        share_cap: fields.number("share_cap", default.share_cap, 1.0..=1000.0),
        score_budget: fields.duration("score_budget", default.score_budget, budgets),
        model: default.model,
    }
}

fn runtime(fields: &Fields<'_>) -> ModelRuntime {
    let table = [
        ("auto", ModelRuntime::Auto),
        ("native", ModelRuntime::Native),
        ("onnxruntime", ModelRuntime::OnnxRuntime),
    ];
    let written = fields.get("runtime").and_then(|place| place.word(&table));
    written.unwrap_or_default()
}

/// Any policy but `onnx`, the last of the types: it would need a fallback itself.
fn fallback(fields: &Fields<'_>) -> Policy {
    let [without_model @ .., _onnx] = &TYPES;
    let place = fields.get("fallback");
    place.map_or(Policy::default(), |place| one_of(without_model, &place))
}

fn scoring(fields: &Fields<'_>) -> Scoring {
    let table = [("per_request", false), ("interval", true)];
    let by_interval = fields.get("scoring").and_then(|place| place.word(&table));
    let interval = fields.get("scoring_interval");
    if by_interval == Some(true) {
        let range = Duration::from_millis(1)..=Duration::from_secs(10);
        let written = interval.and_then(|place| place.duration(range));
        return Scoring::Interval(written.unwrap_or(Duration::from_millis(5)));
    }
    if let Some(place) = interval {
        place.problem("has no effect without `scoring: interval`");
    }
    Scoring::PerRequest
}
