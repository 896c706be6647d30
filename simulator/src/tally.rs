//! Adds up what comes of the requests of a run.

use crate::{
    clock,
    outcome::{Latency, RunResult},
    scenario::Scenario,
};
use lb_policy::{
    policies::{Pick, PickKind},
    request::Outcome,
    time::Timestamp,
};

/// A true cost within this factor of the best counts as optimal.
const OPTIMAL_WITHIN: f32 = 1.1;
/// An open request counts once it has waited for this part of the time-out.
const OPEN_COUNTS_AFTER: f64 = 0.25;

/// The sums so far. Takes in requests that do not count, and ignores them.
#[derive(Debug)]
pub(crate) struct Tally {
    counted: Vec<(Timestamp, Timestamp)>,
    counted_seconds: f64,
    timeout_seconds: f64,
    latencies: Vec<f32>,
    successes: u64,
    fast_errors: u64,
    timeouts: u64,
    open: u64,
    decisions: u64,
    fallbacks: u64,
    judged: u64,
    optimal: u64,
    sent: Vec<u64>,
}

impl Tally {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let counted = counted(scenario);
        let points = |(from, to): &(f64, f64)| (clock::point(*from), clock::point(*to));
        Self {
            counted_seconds: counted.iter().map(|(from, to)| to - from).sum(),
            counted: counted.iter().map(points).collect(),
            timeout_seconds: scenario.timeout,
            latencies: Vec::new(),
            successes: 0,
            fast_errors: 0,
            timeouts: 0,
            open: 0,
            decisions: 0,
            fallbacks: 0,
            judged: 0,
            optimal: 0,
            sent: vec![0; scenario.servers.len()],
        }
    }

    /// Whether a request that arrived then counts.
    pub(crate) fn counts(&self, arrived_at: Timestamp) -> bool {
        let begun = self
            .counted
            .partition_point(|(from, _)| *from <= arrived_at);
        begun > 0 && arrived_at <= self.counted[begun - 1].1
    }

    /// A request that arrived then was sent to `server`.
    pub(crate) fn decided(&mut self, arrived_at: Timestamp, server: usize, pick: &Pick) {
        if self.counts(arrived_at) {
            self.decisions += 1;
            self.fallbacks += u64::from(matches!(pick.kind, PickKind::Fallback(_)));
            self.sent[server] += 1;
        }
    }

    /// A decision was looked at: what its choice costs, and what the best would have.
    pub(crate) fn judged(&mut self, chosen_seconds: f32, best_seconds: f32) {
        self.judged += 1;
        self.optimal += u64::from(chosen_seconds <= OPTIMAL_WITHIN * best_seconds);
    }

    /// A request is over.
    pub(crate) fn ended(&mut self, arrived_at: Timestamp, outcome: Outcome, now: Timestamp) {
        if !self.counts(arrived_at) {
            return;
        }
        let count = match outcome {
            Outcome::Success => &mut self.successes,
            Outcome::Timeout => &mut self.timeouts,
            _ => &mut self.fast_errors,
        };
        *count += 1;
        if matches!(outcome, Outcome::Success | Outcome::Timeout) {
            self.latencies.push(now.seconds_since(arrived_at));
        }
    }

    /// A request is still open when the run ends: its age is the least that it will have taken.
    pub(crate) fn left_open(&mut self, arrived_at: Timestamp, end: Timestamp) {
        let age = clock::seconds(arrived_at, end);
        if self.counts(arrived_at) && age > OPEN_COUNTS_AFTER * self.timeout_seconds {
            self.open += 1;
            self.latencies.push(age as f32);
        }
    }

    pub(crate) fn result(mut self) -> RunResult {
        let timeout = self.timeout_seconds as f32;
        let latency = latency(&mut self.latencies, timeout);
        let fast_errors = usize::try_from(self.fast_errors).expect("they fit into memory");
        self.latencies
            .resize(self.latencies.len() + fast_errors, timeout);
        let penalized = self::latency(&mut self.latencies, timeout);
        let errors = self.fast_errors + self.timeouts;
        RunResult {
            requests: self.successes + errors + self.open,
            errors,
            timeouts: self.timeouts,
            goodput: self.successes as f64 / self.counted_seconds,
            latency,
            penalized,
            optimal_share: self.optimal as f64 / self.judged.max(1) as f64,
            decisions: self.decisions,
            fallbacks: self.fallbacks,
            sent: self.sent,
        }
    }
}

/// From when until when requests count.
fn counted(scenario: &Scenario) -> Vec<(f64, f64)> {
    if scenario.counted.is_empty() {
        return vec![(scenario.warm_up, scenario.duration)];
    }
    let after_warm_up = |(from, to): &(f64, f64)| (from.max(scenario.warm_up), *to);
    let spans = scenario.counted.iter().map(after_warm_up);
    spans.filter(|(from, to)| from < to).collect()
}

/// Figures of a sample, which is put into another order; of an empty one as if it were one
/// time-out.
fn latency(sample: &mut Vec<f32>, timeout: f32) -> Latency {
    let mut only_timeout = vec![timeout];
    let sample = if sample.is_empty() {
        &mut only_timeout
    } else {
        sample
    };
    let count = sample.len() as f64;
    let (mut sum, mut power_sum) = (0.0, 0.0);
    for seconds in sample.iter().map(|seconds| f64::from(*seconds)) {
        sum += seconds;
        power_sum += seconds * seconds.sqrt();
    }
    let [p50, p99, p999] = quantiles(sample, [0.5, 0.99, 0.999]);
    Latency {
        mean: sum / count,
        p50,
        p99,
        p999,
        norm: (power_sum / count).powf(1.0 / 1.5),
    }
}

/// Quantiles, in rising order, without sorting all.
fn quantiles<const N: usize>(sample: &mut [f32], shares: [f64; N]) -> [f64; N] {
    let last = sample.len() - 1;
    let mut from = 0;
    shares.map(|share| {
        let place = (last as f64 * share) as usize;
        let (_, value, _) = sample[from..].select_nth_unstable_by(place - from, f32::total_cmp);
        from = place;
        f64::from(*value)
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_sample() {
        let mut sample: Vec<f32> = (0..1001).map(|i| (i * 577 % 1001) as f32).collect();
        assert_eq!(
            quantiles(&mut sample, [0.5, 0.99, 0.999]),
            [500.0, 990.0, 999.0]
        );
        assert_eq!(quantiles(&mut [7.0], [0.5, 0.99]), [7.0, 7.0]);
    }

    #[test]
    fn an_empty_sample_reads_as_one_timeout() {
        let figures = latency(&mut Vec::new(), 30.0);
        assert!((figures.p99 - 30.0).abs() < 1e-9 && (figures.norm - 30.0).abs() < 1e-6);
    }
}
