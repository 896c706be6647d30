//! Reads logged decisions into data to fit to. A log knows what became of the chosen candidate
//! alone: only its row counts, by the inverse of the probability with which it was chosen.

use crate::{
    dataset::{Dataset, DecisionRows},
    recorder::COST_RANGE,
};
use anyhow::{Context as _, bail, ensure};
use lb_decisions::{DecisionRecord, read};
use lb_policy::features::{CONTEXT, FEATURES, schema_id};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// An error costs as much as a response after this many means of its class: an error is worse
/// than nearly any response, and how soon it came does not make it better.
pub const ERROR_COST: f32 = 50.0;
/// A decision counts at most this often: beyond, rare choices would decide everything.
pub const MAX_WEIGHT: f32 = 20.0;
/// Decisions with more candidates are passed over; a proxy logs at most 32.
const MAX_CANDIDATES: usize = 64;
/// Part of the decisions, the latest ones, that is held out.
const HOLD_OUT: f64 = 0.2;
/// Fewer decisions teach nothing.
const MIN_DECISIONS: usize = 100;

/// Logged decisions, parted by time.
#[derive(Clone, Debug, PartialEq)]
pub struct LogData {
    /// The earlier ones, to fit to.
    pub training: Dataset,
    /// The later ones, to judge by.
    pub hold_out: Dataset,
    /// How they came about.
    pub counts: LogCounts,
}

/// What became of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogCounts {
    /// Records read.
    pub read: usize,
    /// Passed over: the client went away, there was no choice, or there were too many
    /// candidates.
    pub passed_over: usize,
    /// Left out at random to stay within the limit of memory.
    pub left_out: usize,
    /// Errors among those kept.
    pub errors: usize,
}

/// One decision with its label.
#[derive(Debug)]
struct Labelled {
    time_us: i64,
    rows: Vec<f32>,
    context: Vec<f32>,
    chosen: usize,
    target: f32,
    weight: f32,
    is_error: bool,
}

/// Reads `files`; of more than `limit` decisions so many are drawn evenly.
///
/// # Errors
/// When a file cannot be read, is of another feature schema, or holds a record that makes no
/// sense; or when there are too few decisions.
pub fn read_logs(files: &[PathBuf], limit: usize, seed: u64) -> anyhow::Result<LogData> {
    let mut reservoir = Reservoir::new(limit, seed);
    let mut counts = LogCounts::default();
    for file in files {
        for (number, record) in (1usize..).zip(read(file)?) {
            counts.read += 1;
            match labelled(record?, file, number)? {
                Some(decision) => reservoir.offer(decision),
                None => counts.passed_over += 1,
            }
        }
    }
    counts.left_out = reservoir.seen - reservoir.kept.len();
    part(reservoir.kept, counts)
}

/// The label of a record; `None` when it has none.
fn labelled(
    record: DecisionRecord,
    file: &Path,
    number: usize,
) -> anyhow::Result<Option<Labelled>> {
    let at = || format!("{}: record {number}", file.display());
    if record.schema != schema_id() {
        bail!(
            "{}: schema: {:?} is not that of this build, {:?}",
            at(),
            record.schema,
            schema_id()
        );
    }
    let candidates = record.candidates.len();
    if !(2..=MAX_CANDIDATES).contains(&candidates) || record.outcome == "cancelled" {
        return Ok(None);
    }
    let (found, wanted) = (record.features.len(), candidates * FEATURES);
    ensure!(
        found == wanted,
        "{}: features: {found} values, {wanted} wanted",
        at()
    );
    let found = record.context.len();
    ensure!(
        found == CONTEXT,
        "{}: context: {found} values, {CONTEXT} wanted",
        at()
    );
    let propensity = record.propensity;
    ensure!(
        propensity > 0.0 && propensity <= 1.0,
        "{}: propensity: {propensity} is no probability of what was chosen",
        at()
    );
    let (target, is_error) = label(&record).with_context(at)?;
    Ok(Some(Labelled {
        time_us: record.time_us,
        chosen: record.chosen as usize,
        weight: (1.0 / propensity).min(MAX_WEIGHT),
        rows: record.features,
        context: record.context,
        target,
        is_error,
    }))
}

/// The logarithm of the realised cost in means of the class, and whether it was an error.
fn label(record: &DecisionRecord) -> anyhow::Result<(f32, bool)> {
    let [least, greatest] = COST_RANGE;
    let latency = record.latency_seconds / record.class_mean_seconds.max(1e-5);
    let latency = latency.max(least).min(greatest);
    match record.outcome.as_str() {
        "success" => Ok((latency.ln(), false)),
        "server_error" | "connection_error" | "timeout" => Ok((latency.max(ERROR_COST).ln(), true)),
        other => bail!("outcome: {other:?} is unknown"),
    }
}

fn part(mut decisions: Vec<Labelled>, mut counts: LogCounts) -> anyhow::Result<LogData> {
    let found = decisions.len();
    ensure!(
        found >= MIN_DECISIONS,
        "{found} decisions with a choice and a result, at least {MIN_DECISIONS} wanted"
    );
    decisions.sort_by_key(|decision| decision.time_us);
    let held_out = ((found as f64 * HOLD_OUT) as usize).max(1);
    let (mut training, mut hold_out) = (Dataset::default(), Dataset::default());
    for (number, decision) in decisions.iter().enumerate() {
        counts.errors += usize::from(decision.is_error);
        decision.push_to(if number + held_out < found {
            &mut training
        } else {
            &mut hold_out
        });
    }
    Ok(LogData {
        training,
        hold_out,
        counts,
    })
}

impl Labelled {
    fn push_to(&self, data: &mut Dataset) {
        let candidates = self.rows.len() / FEATURES;
        let mut targets = vec![0.0; candidates];
        let mut weights = vec![0.0; candidates];
        targets[self.chosen] = self.target;
        weights[self.chosen] = self.weight;
        data.push(DecisionRows {
            rows: &self.rows,
            targets: &targets,
            weights: &weights,
            context: &self.context,
        });
    }
}

/// An even sample of a stream (Vitter, 1985, algorithm R).
#[derive(Debug)]
struct Reservoir {
    kept: Vec<Labelled>,
    seen: usize,
    limit: usize,
    rng: Xoshiro256PlusPlus,
}

impl Reservoir {
    fn new(limit: usize, seed: u64) -> Self {
        Self {
            kept: Vec::new(),
            seen: 0,
            limit: limit.max(1),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    fn offer(&mut self, decision: Labelled) {
        self.seen += 1;
        if self.kept.len() < self.limit {
            self.kept.push(decision);
            return;
        }
        let place = self.rng.random_range(0..self.seen);
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = decision;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_decisions::Writer;

    /// A record that is fine, numbered by its latency in milliseconds.
    fn record(number: u32) -> DecisionRecord {
        DecisionRecord {
            time_us: i64::from(number) * 1000,
            request: number.to_string(),
            attempt: 1,
            schema: schema_id().to_owned(),
            kind: "policy".to_owned(),
            candidates: vec!["a:1".to_owned(), "b:1".to_owned()],
            features: vec![0.25; 2 * FEATURES],
            context: vec![0.0; CONTEXT],
            chosen: number % 2,
            propensity: 0.5,
            class_mean_seconds: 0.1,
            outcome: "success".to_owned(),
            status: 200,
            latency_seconds: number as f32 * 1e-3,
            ..DecisionRecord::default()
        }
    }

    /// What comes of a log of those records.
    fn read_back(records: &[DecisionRecord], limit: usize) -> anyhow::Result<LogData> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut writer = Writer::create(&path).unwrap();
        for record in records {
            writer.write(record).unwrap();
        }
        writer.finish().unwrap();
        read_logs(&[path], limit, 1)
    }

    fn many() -> Vec<DecisionRecord> {
        (1..=200).map(record).collect()
    }

    #[test]
    fn the_chosen_row_gets_the_log_of_its_latency_and_the_later_ones_are_held_out() {
        let mut records = many();
        records.reverse();
        let data = read_back(&records, 1000).unwrap();
        assert_eq!((data.training.len(), data.hold_out.len()), (160, 40));
        let first = data.training.decision(0);
        assert!(
            (first.targets[1] - 0.01f32.ln()).abs() < 1e-5,
            "1 ms of 100 ms"
        );
        assert_eq!(first.weights, [0.0, 2.0]);
        let last = data.hold_out.decision(39);
        assert!(
            (last.targets[0] - 2f32.ln()).abs() < 1e-5,
            "200 ms of 100 ms"
        );
    }

    #[test]
    fn errors_cost_fifty_means_or_more_and_rare_choices_count_twenty_fold_at_most() {
        let mut records = many();
        records[0].outcome = "server_error".to_owned();
        records[1].outcome = "timeout".to_owned();
        records[1].latency_seconds = 8.0;
        records[2].propensity = 0.001;
        let data = read_back(&records, 1000).unwrap();
        let target = |number: usize| {
            let decision = data.training.decision(number);
            decision.targets.iter().sum::<f32>()
        };
        assert!((target(0) - 50f32.ln()).abs() < 1e-5);
        assert!((target(1) - 80f32.ln()).abs() < 1e-5);
        let weight: f32 = data.training.decision(2).weights.iter().sum();
        assert!((weight - 20.0).abs() < 1e-5);
        assert_eq!(data.counts.errors, 2);
    }

    #[test]
    fn requests_that_clients_gave_up_and_decisions_without_a_choice_are_passed_over() {
        let mut records = many();
        records[0].outcome = "cancelled".to_owned();
        records[1].candidates.truncate(1);
        records[1].features.truncate(FEATURES);
        records[1].chosen = 0;
        let data = read_back(&records, 1000).unwrap();
        assert_eq!((data.counts.read, data.counts.passed_over), (200, 2));
        assert_eq!(data.training.len() + data.hold_out.len(), 198);
    }

    #[test]
    fn a_long_log_is_sampled_evenly() {
        let data = read_back(&many(), 120).unwrap();
        assert_eq!(data.counts.left_out, 80);
        assert_eq!(data.training.len() + data.hold_out.len(), 120);
        let targets = |data: &Dataset| -> f32 {
            (0..data.len())
                .map(|number| data.decision(number).targets.iter().sum::<f32>().exp())
                .sum()
        };
        let mean = (targets(&data.training) + targets(&data.hold_out)) / 120.0;
        assert!((mean - 1.0).abs() < 0.2, "the mean latency is kept: {mean}");
    }

    #[test]
    fn another_schema_and_records_that_make_no_sense_are_refused_by_name() {
        let broken = |change: fn(&mut DecisionRecord)| {
            let mut records = many();
            change(&mut records[6]);
            format!("{:#}", read_back(&records, 1000).unwrap_err())
        };
        for (error, reason) in [
            (
                broken(|r| r.schema = "9:old".to_owned()),
                "schema: \"9:old\"",
            ),
            (
                broken(|r| r.outcome = "fine".to_owned()),
                "outcome: \"fine\"",
            ),
            (broken(|r| r.context.truncate(3)), "context: 3 values"),
        ] {
            assert!(error.contains(reason), "{error:?} should say {reason:?}");
            assert!(error.contains("log.jsonl"), "{error}");
        }
        let error = read_back(&many()[..20], 1000).unwrap_err().to_string();
        assert!(error.contains("20 decisions"), "{error}");
    }
}
