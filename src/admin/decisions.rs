//! `/policy/decisions`: the latest sampled decisions for people to read, as JSON or as text.

use lb_decisions::DecisionRecord;
use lb_policy::features::{CANDIDATE_FEATURES, CONTEXT_FEATURES, Feature};
use serde::{Serialize, Serializer};
use std::{
    borrow::Cow,
    fmt::{self, Write},
    iter::zip,
    time::{Duration, UNIX_EPOCH},
};

/// Decisions shown unless the query says otherwise.
const DEFAULT_COUNT: usize = 20;
/// Candidates in one table of text: those with the lowest costs, and the chosen one.
const TEXT_CANDIDATES: usize = 8;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) count: usize,
    pub(super) cluster: Option<String>,
    pub(super) is_text: bool,
}

impl Query {
    /// Reads `n=20&cluster=NAME&format=json`, all of them optional.
    ///
    /// # Errors
    /// What to tell the one who asked.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut read = Self {
            count: DEFAULT_COUNT,
            cluster: None,
            is_text: false,
        };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match (&*key, &*value) {
                ("n", number) => {
                    let number = number.parse();
                    read.count = number.map_err(|_| format!("n: {value:?} is no number"))?;
                }
                ("cluster", name) => read.cluster = Some(name.to_owned()),
                ("format", "text") => read.is_text = true,
                ("format", "json") => read.is_text = false,
                ("format", _) => return Err(format!("format: {value:?} is not json or text")),
                _ => return Err(format!("{key:?} is not n, cluster or format")),
            }
        }
        Ok(read)
    }
}

/// One decision.
#[derive(Serialize)]
pub(super) struct DecisionView<'a> {
    time: String,
    request: &'a str,
    attempt: u32,
    cluster: &'a str,
    class: u32,
    policy: &'a str,
    model: &'a str,
    model_version: u64,
    kind: &'a str,
    propensity: f32,
    class_mean_ms: f64,
    outcome: &'a str,
    status: u32,
    latency_ms: f64,
    context: Named<'a>,
    /// In order of their costs, the lowest first, where a model scored.
    candidates: Vec<CandidateView<'a>>,
}

#[derive(Serialize)]
struct CandidateView<'a> {
    endpoint: &'a str,
    chosen: bool,
    /// Absent where no model scored; `capped` where the share cap kept the candidate out.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    features: Named<'a>,
}

#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
enum Cost {
    Finite(f32),
    Capped(Capped),
}

#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
enum Capped {
    Capped,
}

/// Values by the names of their features, in the order of the table.
struct Named<'a> {
    features: &'static [Feature],
    values: &'a [f32],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let names = self.features.iter().map(|feature| feature.name);
        to.collect_map(zip(names, self.values))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finite(cost) => write!(f, "{cost:.4}"),
            Self::Capped(_) => f.write_str("capped"),
        }
    }
}

impl<'a> DecisionView<'a> {
    pub(super) fn of(record: &'a DecisionRecord) -> Self {
        let micros = u64::try_from(record.time_us).unwrap_or_default();
        let time = UNIX_EPOCH + Duration::from_micros(micros);
        Self {
            time: humantime::format_rfc3339_micros(time).to_string(),
            request: &record.request,
            attempt: record.attempt,
            cluster: &record.cluster,
            class: record.class,
            policy: &record.policy,
            model: &record.model,
            model_version: record.model_version,
            kind: &record.kind,
            propensity: record.propensity,
            class_mean_ms: millis(record.class_mean_seconds),
            outcome: &record.outcome,
            status: record.status,
            latency_ms: millis(record.latency_seconds),
            context: Named {
                features: &CONTEXT_FEATURES,
                values: &record.context,
            },
            candidates: candidates(record),
        }
    }

    /// A line on the decision and a table with a column for each candidate.
    fn write_text(&self, out: &mut String) -> fmt::Result {
        let chosen = self.candidates.iter().find(|candidate| candidate.chosen);
        writeln!(
            out,
            "{} {} -> {} {} {} in {:.3} ms",
            self.time,
            self.cluster,
            chosen.map_or("-", |candidate| candidate.endpoint),
            self.outcome,
            self.status,
            self.latency_ms
        )?;
        writeln!(
            out,
            "request {} attempt {} class {} policy {}{} kind {} propensity {:.4} class mean {:.3} ms",
            self.request,
            self.attempt,
            self.class,
            self.policy,
            self.model_text(),
            self.kind,
            self.propensity,
            self.class_mean_ms
        )?;
        self.write_table(out)?;
        let context = zip(self.context.features, self.context.values);
        let context: Vec<_> = context
            .map(|(feature, value)| format!("{}={value:.3}", feature.name))
            .collect();
        writeln!(out, "context: {}\n", context.join(" "))
    }

    fn model_text(&self) -> Cow<'_, str> {
        match self.model {
            "" => Cow::Borrowed(""),
            name => Cow::Owned(format!(" model {name}/{}", self.model_version)),
        }
    }

    fn write_table(&self, out: &mut String) -> fmt::Result {
        let is_shown = |(place, candidate): &(usize, &CandidateView<'_>)| {
            *place < TEXT_CANDIDATES || candidate.chosen
        };
        let shown = self.candidates.iter().enumerate().filter(is_shown);
        let shown: Vec<_> = shown.map(|(_, candidate)| candidate).collect();
        let mut rows = vec![cells("", &shown, |candidate| {
            let mark = if candidate.chosen { "*" } else { "" };
            format!("{mark}{}", candidate.endpoint)
        })];
        if shown.iter().any(|candidate| candidate.cost.is_some()) {
            rows.push(cells("cost", &shown, |candidate| {
                candidate
                    .cost
                    .map(|cost| cost.to_string())
                    .unwrap_or_default()
            }));
        }
        for (place, feature) in CANDIDATE_FEATURES.iter().enumerate() {
            rows.push(cells(feature.name, &shown, |candidate| {
                let value = candidate.features.values.get(place);
                value.map(|value| format!("{value:.3}")).unwrap_or_default()
            }));
        }
        write_aligned(&rows, out)?;
        match self.candidates.len() - shown.len() {
            0 => Ok(()),
            left_out => writeln!(out, "and {left_out} candidates more"),
        }
    }
}

/// The decisions as text, one below the other.
pub(super) fn text(views: &[DecisionView<'_>]) -> String {
    if views.is_empty() {
        return "no decision was sampled; decision_log in the configuration says how many are\n"
            .to_owned();
    }
    let mut out = String::new();
    for view in views {
        view.write_text(&mut out)
            .expect("writing to a string succeeds");
    }
    out
}

fn candidates(record: &DecisionRecord) -> Vec<CandidateView<'_>> {
    let width = record.features_per_candidate();
    let features = |place| record.features.get(place * width..(place + 1) * width);
    let view = |(place, endpoint)| CandidateView {
        endpoint,
        chosen: place == record.chosen as usize,
        cost: record.costs.get(place).map(|cost| cost_of(*cost)),
        features: Named {
            features: &CANDIDATE_FEATURES,
            values: features(place).unwrap_or_default(),
        },
    };
    let ids = record.candidates.iter().map(String::as_str);
    let mut views: Vec<_> = ids.enumerate().map(view).collect();
    views.sort_by(|a, b| {
        a.cost
            .partial_cmp(&b.cost)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    views
}

fn cost_of(cost: f32) -> Cost {
    if cost.is_finite() {
        Cost::Finite(cost)
    } else {
        Cost::Capped(Capped::Capped)
    }
}

fn millis(seconds: f32) -> f64 {
    // Microseconds are as fine as people read.
    (f64::from(seconds) * 1e6).round() / 1e3
}

/// One row of the table: its name and a cell for each candidate.
fn cells(
    name: &str,
    shown: &[&CandidateView<'_>],
    cell: impl Fn(&CandidateView<'_>) -> String,
) -> Vec<String> {
    let name = std::iter::once(name.to_owned());
    name.chain(shown.iter().map(|candidate| cell(candidate)))
        .collect()
}

/// Columns as wide as their widest cell: the first flush left, the others flush right.
fn write_aligned(rows: &[Vec<String>], out: &mut String) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        for (column, (cell, width)) in zip(row, &widths).enumerate() {
            match column {
                0 => write!(out, "  {cell:<width$}")?,
                _ => write!(out, "  {cell:>width$}")?,
            }
        }
        out.push('\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_policy::features::{CONTEXT, FEATURES};

    fn record() -> DecisionRecord {
        DecisionRecord {
            time_us: 1_700_000_000_000_000,
            cluster: "web".to_owned(),
            policy: "onnx".to_owned(),
            model: "default".to_owned(),
            model_version: 3,
            kind: "policy".to_owned(),
            candidates: vec!["a:1".into(), "b:1".into(), "c:1".into()],
            features: vec![0.5; 3 * FEATURES],
            context: vec![0.25; CONTEXT],
            costs: vec![f32::INFINITY, 2.0, -1.0],
            chosen: 2,
            propensity: 0.99,
            outcome: "success".to_owned(),
            status: 200,
            latency_seconds: 0.0125,
            ..DecisionRecord::default()
        }
    }

    #[test]
    fn candidates_come_by_cost_with_named_features_and_the_chosen_one_marked() {
        let record = record();
        let view = serde_json::to_value(DecisionView::of(&record)).expect("JSON");
        let candidates = view["candidates"].as_array().expect("a list");
        let endpoints: Vec<_> = candidates.iter().map(|c| &c["endpoint"]).collect();
        assert_eq!(endpoints, ["c:1", "b:1", "a:1"]);
        assert_eq!(candidates[0]["chosen"], true);
        assert_eq!(candidates[1]["chosen"], false);
        assert_eq!(candidates[1]["cost"], 2.0);
        assert_eq!(candidates[2]["cost"], "capped");
        assert_eq!(candidates[0]["features"]["in_flight"], 0.5);
        assert_eq!(view["latency_ms"], 12.5);
        assert_eq!(view["time"], "2023-11-14T22:13:20.000000Z");
    }

    #[test]
    fn the_columns_of_the_text_stand_below_each_other() {
        let record = record();
        let text = text(&[DecisionView::of(&record)]);
        assert!(
            text.contains("web -> c:1 success 200 in 12.500 ms"),
            "{text}"
        );
        let table: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(table.len(), 2 + FEATURES);
        assert!(
            table[0].contains("*c:1") && table[1].contains("capped"),
            "{text}"
        );
        assert!(
            table.iter().all(|line| line.len() == table[0].len()),
            "{text}"
        );
    }

    #[test]
    fn the_query_is_read_and_nonsense_told() {
        let query = Query::parse("n=5&cluster=web&format=text").expect("sound");
        assert_eq!((query.count, query.is_text), (5, true));
        assert_eq!(query.cluster.as_deref(), Some("web"));
        assert_eq!(Query::parse("").map(|query| query.count), Ok(20));
        for nonsense in ["n=x", "n=-1", "format=xml", "number=5"] {
            assert!(Query::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}
