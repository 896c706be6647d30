//! Recorded requests: the proxy's access log or a decision log, both as JSON lines.

use super::{
    bounds::DURATION_MAX_SECONDS,
    error::{FamilyError, Problem},
};
use crate::scenario::Arrival;
use lb_policy::request::CLASS_SLOTS;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
    time::UNIX_EPOCH,
};

/// Most requests that are read: an hour of a busy proxy, about 200 megabytes.
const REQUESTS_MAX: usize = 5_000_000;
/// Longest line: a decision over 512 candidates, a few times over.
const LINE_MAX_BYTES: usize = 1 << 20;

/// The requests of one log, in order of time.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    requests: Arc<[Request]>,
    /// Mean latency of each class, relative to the others.
    class_latencies: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    at: f64,
    class: usize,
}

/// A class of a stretch of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RecordedClass {
    /// Share of the requests.
    pub(super) share: f64,
    /// Mean work, relative to the others.
    pub(super) work: f64,
}

impl Recording {
    /// Reads a log.
    ///
    /// # Errors
    /// When the file cannot be read, a line is no record, or there are fewer than two requests.
    pub(super) fn read(file: &Path) -> Result<Self, FamilyError> {
        let unreadable = |source| FamilyError::Read {
            file: file.to_owned(),
            source,
        };
        let mut lines = BufReader::new(File::open(file).map_err(unreadable)?);
        let mut entries = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut bounded = (&mut lines).take(LINE_MAX_BYTES as u64);
            if bounded.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            entries.extend(Entry::parse(&line).map_err(|why| refusal(file, number, &why))?);
            if entries.len() > REQUESTS_MAX {
                let why = format!("more than {REQUESTS_MAX} requests");
                return Err(refusal(file, number, &why));
            }
        }
        Self::of(entries).ok_or_else(|| FamilyError::Invalid {
            file: file.to_owned(),
            problems: vec![Problem::new(
                "",
                "fewer than two requests at different times",
            )],
        })
    }

    /// Length when replayed `speed` times as fast as recorded.
    pub(super) fn seconds(&self, speed: f64) -> f64 {
        let last = self.requests.last().map_or(0.0, |request| request.at);
        (last / speed).min(DURATION_MAX_SECONDS)
    }

    /// The arrivals of the first `duration` seconds.
    pub(super) fn arrivals(&self, speed: f64, duration: f64) -> Arc<[Arrival]> {
        self.requests
            .iter()
            .map(|request| Arrival {
                at: request.at / speed,
                class: request.class,
                work: None,
            })
            .take_while(|arrival| arrival.at <= duration)
            .collect()
    }

    /// The classes as they occur in `arrivals`.
    pub(super) fn classes(&self, arrivals: &[Arrival]) -> Vec<RecordedClass> {
        let mut counts = vec![0u32; self.class_latencies.len()];
        for arrival in arrivals {
            counts[arrival.class] += 1;
        }
        let all = arrivals.len().max(1) as f64;
        counts
            .iter()
            .zip(&self.class_latencies)
            .map(|(count, latency)| RecordedClass {
                share: f64::from(*count) / all,
                work: *latency,
            })
            .collect()
    }

    fn of(mut entries: Vec<Entry>) -> Option<Self> {
        entries.sort_by_key(|entry| entry.at_us);
        let (first, last) = (entries.first()?.at_us, entries.last()?.at_us);
        if first == last {
            return None;
        }
        let names = class_indices(&entries);
        let mut latencies = vec![MeanLatency::default(); names.len()];
        let requests = entries.iter().map(|entry| {
            let class = names[&entry.class];
            latencies[class].add(entry.latency_seconds);
            Request {
                at: entry.at_us.saturating_sub(first) as f64 / 1e6,
                class,
            }
        });
        Some(Self {
            requests: requests.collect(),
            class_latencies: relative(&latencies),
        })
    }
}

/// Classes in order of their first request or slot, those beyond what balancers tell apart in
/// the last.
fn class_indices(entries: &[Entry]) -> BTreeMap<ClassName, usize> {
    let mut names = BTreeMap::new();
    for entry in entries {
        let next = names.len().min(CLASS_SLOTS - 1);
        names.entry(entry.class.clone()).or_insert(next);
    }
    names
}

fn relative(latencies: &[MeanLatency]) -> Vec<f64> {
    let slots = latencies.len().min(CLASS_SLOTS);
    let known: Vec<f64> = latencies.iter().filter_map(MeanLatency::mean).collect();
    let typical = if known.is_empty() {
        1.0
    } else {
        known.iter().sum::<f64>() / known.len() as f64
    };
    latencies[..slots]
        .iter()
        .map(|latency| latency.mean().unwrap_or(typical))
        .collect()
}

#[derive(Clone, Copy, Default)]
struct MeanLatency {
    sum: f64,
    count: u32,
}

impl MeanLatency {
    fn add(&mut self, seconds: Option<f64>) {
        if let Some(seconds) = seconds.filter(|s| (1e-6..1e6).contains(s)) {
            self.sum += seconds;
            self.count += 1;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// One request of a log.
struct Entry {
    at_us: i64,
    class: ClassName,
    /// Of a success.
    latency_seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ClassName {
    Slot(u32),
    Route(String),
}

/// What a replay takes from a line of the access log.
#[derive(Deserialize)]
struct AccessLine {
    time: String,
    duration_ms: f64,
    route: Option<String>,
    status: u16,
    upstream_ms: Option<f64>,
}

/// What a replay takes from a decision record.
#[derive(Deserialize)]
struct DecisionLine {
    time_us: i64,
    attempt: u32,
    class: u32,
    outcome: String,
    latency_seconds: Option<f64>,
}

/// Tells the two apart.
#[derive(Deserialize)]
struct Kind {
    time_us: Option<serde::de::IgnoredAny>,
}

impl Entry {
    /// The request of a line, if it starts one.
    fn parse(line: &[u8]) -> Result<Option<Self>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        if line.len() == LINE_MAX_BYTES {
            return Err(format!("longer than {LINE_MAX_BYTES} bytes"));
        }
        let kind: Kind = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if kind.time_us.is_some() {
            let line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            Ok(Self::of_decision(&line))
        } else {
            let line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            Self::of_access(line).map(Some)
        }
    }

    fn of_decision(line: &DecisionLine) -> Option<Self> {
        (line.attempt == 1).then(|| Self {
            at_us: line.time_us,
            class: ClassName::Slot(line.class),
            latency_seconds: line.latency_seconds.filter(|_| line.outcome == "success"),
        })
    }

    /// The access log has the time of the end.
    fn of_access(line: AccessLine) -> Result<Self, String> {
        let end = humantime::parse_rfc3339(&line.time)
            .map_err(|error| format!("time: `{}`: {error}", line.time))?;
        let end_us = end
            .duration_since(UNIX_EPOCH)
            .map_err(|_| format!("time: `{}` is before 1970", line.time))?
            .as_micros() as i64;
        if !(0.0..=86_400e3).contains(&line.duration_ms) {
            return Err(format!("duration_ms: {} is no time", line.duration_ms));
        }
        let millis = line.upstream_ms.filter(|_| line.status < 500);
        Ok(Self {
            at_us: end_us.saturating_sub((line.duration_ms * 1e3) as i64),
            class: ClassName::Route(line.route.unwrap_or_default()),
            latency_seconds: millis.map(|millis| millis / 1e3),
        })
    }
}

fn refusal(file: &Path, line: usize, why: &str) -> FamilyError {
    FamilyError::Invalid {
        file: file.to_owned(),
        problems: vec![Problem::new(format!("line {line}"), why)],
    }
}
