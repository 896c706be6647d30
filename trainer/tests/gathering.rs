//! What is gathered from simulations.

use indicatif::ProgressBar;
use lb_policy::features::{CANDIDATE_FEATURES, FEATURES, index_of};
use lb_simulator::{family::Family, scenario::Scenario};
use lb_trainer::{
    dataset::Dataset, gather::gather, settings::Settings, source::Source, weights::Weights,
};
use std::path::Path;

/// Tiny scenarios with changed information.
#[derive(Debug)]
struct Changed {
    family: Family,
    change: fn(&mut Scenario),
}

impl Source for Changed {
    fn draw(&self, seed: u64) -> anyhow::Result<Scenario> {
        let mut scenario = Source::draw(&self.family, seed)?;
        (self.change)(&mut scenario);
        Ok(scenario)
    }
}

fn gathered(change: fn(&mut Scenario), weights: Option<&Weights>) -> Dataset {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/tiny.yaml");
    let family = Family::load(&file).expect("the family is sound");
    let mut settings = Settings::default();
    settings.gather.scenarios = 3;
    let source = Changed { family, change };
    gather(&source, &settings, 0, weights, &ProgressBar::hidden()).expect("gathers")
}

/// All values of a feature.
fn column(data: &Dataset, name: &str) -> Vec<f32> {
    let index = index_of(name).expect("the feature exists");
    let rows = (0..data.len()).flat_map(|number| data.decision(number).rows.chunks(FEATURES));
    rows.map(|row| row[index]).collect()
}

fn default_of(name: &str) -> f32 {
    CANDIDATE_FEATURES[index_of(name).expect("the feature exists")].default
}

#[test]
fn sources_that_are_missing_leave_their_documented_defaults() {
    let data = gathered(
        |scenario| {
            scenario.information.piggyback = false;
            scenario.information.registry = None;
            scenario.health_check = None;
        },
        None,
    );
    assert!(data.len() > 100, "{}", data.len());
    for name in [
        "reported_utilization",
        "report_age",
        "reported_latency",
        "registry_utilization",
        "registry_age",
        "registry_latency",
        "health_rtt",
        "health_age",
        "health_min_rtt",
        "utilization_trend",
    ] {
        let default = default_of(name);
        let differs = |value: &f32| (value - default).abs() > 1e-6;
        assert!(!column(&data, name).iter().any(differs), "{name}");
    }
    let own = column(&data, "in_flight");
    assert_eq!(column(&data, "reported_in_flight"), own);
    assert_eq!(column(&data, "registry_in_flight"), own);
    assert_eq!(column(&data, "fused_in_flight"), own);
}

#[test]
fn sources_that_are_there_show() {
    let data = gathered(|scenario| scenario.information.piggyback = true, None);
    for name in ["reported_utilization", "report_age", "reported_latency"] {
        let values = column(&data, name);
        let default = default_of(name);
        let differing = values.iter().filter(|v| (**v - default).abs() > 1e-6);
        assert!(differing.count() * 2 > values.len(), "{name}");
    }
}

#[test]
fn labels_tell_good_servers_from_bad_ones() {
    let weights = Weights::heuristic(1, 8, 6).unwrap();
    let data = gathered(|_| {}, Some(&weights));
    let spread = |number: usize| {
        let targets = data.decision(number).targets;
        let (low, high) = targets
            .iter()
            .fold((f32::MAX, f32::MIN), |(l, h), t| (l.min(*t), h.max(*t)));
        high - low
    };
    let mean = (0..data.len()).map(spread).sum::<f32>() / data.len() as f32;
    assert!(mean > 0.2 && mean < 6.0, "mean spread of labels {mean}");
    let in_range = |target: &f32| (0.01f32.ln()..=100f32.ln()).contains(target);
    assert!((0..data.len()).all(|number| data.decision(number).targets.iter().all(in_range)));
}

#[test]
fn gathering_again_gives_the_same_decisions() {
    assert!(gathered(|_| {}, None) == gathered(|_| {}, None));
}
