//! The one table of all features: name, formula, unit, default and clamp. The schema hash and
//! `docs/features.md` are made from it.

use super::{CONTEXT, FEATURES};
use std::f32::consts::LN_2;

/// One feature.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its name, unique in the whole table.
    pub name: &'static str,
    /// What it is computed from. `L` is the mean latency of the cluster, `Lc` that of the
    /// class of the request, `lnc(x)` is `ln(max(x, 0.001))`.
    pub formula: &'static str,
    /// What one unit of the argument is.
    pub unit: &'static str,
    /// The value for a single endpoint of which nothing is known, which is also how a missing
    /// source of information is encoded.
    pub default: f32,
    /// Least and greatest value.
    pub clamp: (f32, f32),
}

/// Greatest value of a logarithm of a count or of a time over L: 22,025 of them.
const MANY: f32 = 10.0;
const LN_101: f32 = 4.615_120_5;
const LN_61: f32 = 4.110_874;

/// `lnc` of a ratio.
const fn ratio(name: &'static str, formula: &'static str, unit: &'static str) -> Feature {
    Feature {
        name,
        formula,
        unit,
        default: 0.0,
        clamp: (-4.0, 5.0),
    }
}

/// `ln(1 + x)` of a count or time.
const fn amount(name: &'static str, formula: &'static str, unit: &'static str) -> Feature {
    Feature {
        name,
        formula,
        unit,
        default: 0.0,
        clamp: (0.0, MANY),
    }
}

/// A part of one.
const fn part(name: &'static str, formula: &'static str, unit: &'static str) -> Feature {
    Feature {
        name,
        formula,
        unit,
        default: 0.0,
        clamp: (0.0, 1.0),
    }
}

impl Feature {
    const fn starting_at(self, default: f32) -> Self {
        Self { default, ..self }
    }

    const fn within(self, least: f32, greatest: f32) -> Self {
        Self {
            clamp: (least, greatest),
            ..self
        }
    }
}

/// Features of each candidate, in the order of the model's columns.
#[rustfmt::skip]
pub static CANDIDATE_FEATURES: [Feature; FEATURES] = [
    amount("in_flight", "ln(1 + own requests in flight)", "requests"),
    ratio("weight", "lnc(weight / mean weight of the candidates)", "ratio"),
    ratio("latency_fast", "lnc(EWMA 0.3 of latency / Lc)", "Lc"),
    ratio("latency_slow", "lnc(EWMA 0.05 of latency / Lc)", "Lc"),
    ratio("latency_per_load", "lnc(EWMA 0.05 of latency / Lc / (1 + requests in flight there when sent))", "Lc").starting_at(-LN_2),
    part("errors", "sqrt(err); err = EWMA 0.1 of errors * exp(-time since the last one / 10 s)", "share"),
    part("error_recency", "exp(-time since the last error / 3 s), 0 without any", "share"),
    amount("silence", "ln(1 + time without an answer while requests are in flight / L)", "L"),
    ratio("health_rtt", "lnc(last health check / mean of the candidates), 0 when never checked", "ratio"),
    part("health_age", "time since the last health check / 5 s, 2 when never checked", "5 s").starting_at(2.0).within(0.0, 2.0),
    amount("reported_in_flight", "ln(1 + max(reported on a response + own since, own in flight)), in_flight when not reported", "requests"),
    part("reported_utilization", "utilisation reported on a response, 0 when not reported", "share").within(0.0, 2.0),
    amount("report_age", "ln(1 + time since that report / 0.1 s), ln 101 at most and when none came", "0.1 s").starting_at(LN_101).within(0.0, LN_101),
    ratio("reported_latency", "lnc(latency reported on a response / L), 0 when not reported", "L"),
    amount("registry_in_flight", "ln(1 + max(told by the registry + own since, own in flight)), in_flight when not told", "requests"),
    part("registry_utilization", "utilisation told by the registry, 0 when not told", "share").within(0.0, 2.0),
    part("registry_age", "time since the registry told, 5 when it never did", "s").starting_at(5.0).within(0.0, 5.0),
    ratio("registry_latency", "lnc(latency told by the registry / L), 0 when not told", "L"),
    amount("since_response", "ln(1 + time since the last answer, or since first seen)", "s").within(0.0, LN_61),
    part("recovery", "exp(-time since it became ready / 10 s)", "share").starting_at(1.0),
    part("confidence", "samples / (samples + 20)", "share"),
    amount("fused_in_flight", "ln(1 + requests in flight there by the fresher of response and registry), in_flight when neither told", "requests"),
    ratio("capacity", "lnc(EWMA 0.1 of reported in flight / utilisation)", "requests").starting_at(LN_2),
    ratio("latency_low", "lnc(estimated 10 % quantile of latency / Lc)", "Lc").starting_at(-1.203_972_8),
    amount("in_flight_work", "ln(1 + sum over own requests in flight of Lc / L)", "requests"),
    amount("in_flight_age", "ln(1 + mean age of own requests in flight / L)", "L"),
    amount("send_rate", "ln(1 + sends decayed over 0.3 s * L / 0.3 s)", "requests per L"),
    amount("others_in_flight", "ln(1 + EWMA 0.15 of reported - own in flight), from fused_in_flight when none was reported", "requests"),
    part("utilization_trend", "EWMA 0.1 of the utilisation reported on responses, 0.3 before any", "share").starting_at(0.3).within(0.0, 2.0),
    amount("health_min_rtt", "ln(1 + shortest health check / L), 0 when never checked", "L"),
    amount("silence_relative", "ln(1 + silence / (L * max(EWMA 0.05 of latency / Lc, 0.1)))", "own latency"),
    ratio("latency_last", "lnc(last latency / Lc)", "Lc"),
    ratio("peak_ewma", "lnc(peak EWMA of latency, decaying over 10 s to at least L / 2 / L)", "L").starting_at(-LN_2),
    amount("error_factor", "ln(1 + 20 * err)", "factor"),
];

/// Features of the decision as a whole, in the order of the model's `context` columns.
#[rustfmt::skip]
pub static CONTEXT_FEATURES: [Feature; CONTEXT] = [
    ratio("available", "lnc(ready endpoints / 8)", "8 endpoints").starting_at(-2.079_441_5),
    ratio("class_latency", "lnc(Lc / L)", "L"),
    amount("class_variation", "0.5 * ln(1 + squared coefficient of variation of the class), 1 when unknown", "ratio").starting_at(0.346_573_6),
    amount("mean_in_flight", "ln(1 + mean own requests in flight)", "requests"),
    part("mean_utilization", "mean of reported_utilization", "share").within(0.0, 2.0),
    part("cluster_errors", "sqrt(EWMA 0.01 of errors)", "share"),
    ratio("own_share", "lnc((1 + sum of own in flight) / (1 + sum of fused in flight))", "ratio"),
    ratio("candidates", "lnc(candidates / 8)", "8 endpoints").starting_at(-2.079_441_5),
];

/// Column of `in_flight`.
pub const IN_FLIGHT: usize = 0;
/// Column of `weight`.
pub const WEIGHT: usize = 1;
/// Column of `peak_ewma`.
pub const PEAK_EWMA: usize = 32;
/// Column of `error_factor`.
pub const ERROR_FACTOR: usize = 33;

/// Column of the candidate feature called `name`.
pub fn index_of(name: &str) -> Option<usize> {
    CANDIDATE_FEATURES
        .iter()
        .position(|feature| feature.name == name)
}

/// Column of the context feature called `name`.
pub fn context_index_of(name: &str) -> Option<usize> {
    CONTEXT_FEATURES
        .iter()
        .position(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn all() -> impl Iterator<Item = &'static Feature> {
        CANDIDATE_FEATURES.iter().chain(&CONTEXT_FEATURES)
    }

    #[test]
    fn names_are_unique_and_constants_point_at_their_names() {
        let names: HashSet<_> = all().map(|feature| feature.name).collect();
        assert_eq!(names.len(), FEATURES + CONTEXT);
        assert_eq!(index_of("in_flight"), Some(IN_FLIGHT));
        assert_eq!(index_of("weight"), Some(WEIGHT));
        assert_eq!(index_of("peak_ewma"), Some(PEAK_EWMA));
        assert_eq!(index_of("error_factor"), Some(ERROR_FACTOR));
        assert_eq!(index_of("no such feature"), None);
    }

    #[test]
    fn defaults_lie_within_their_clamps() {
        for feature in all() {
            let (least, greatest) = feature.clamp;
            assert!(
                (least..=greatest).contains(&feature.default),
                "{}",
                feature.name
            );
        }
    }

    #[test]
    fn no_text_holds_the_separator_of_the_canonical_lines() {
        for feature in all() {
            for text in [feature.name, feature.formula, feature.unit] {
                assert!(!text.contains(['|', '\n']), "{}", feature.name);
            }
        }
    }
}
