//! What the live view shows at one moment, computed from the proxy's figures and written as lines.

use super::{histogram::Histogram, scrape::Scrape};
use std::time::Duration;

/// Cells of the longest bar, which stands for half of the attempts.
const BAR_CELLS: usize = 20;
const BAR_SHARE: f64 = 0.5;

/// The figures of one moment. Rates, shares and times are those of the last seconds.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) elapsed: Duration,
    pub(super) whole: Duration,
    pub(super) rate_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) model_version: u64,
    pub(super) failed: u64,
    pub(super) retries: u64,
    pub(super) dropped: u64,
    pub(super) rows: Vec<Row>,
}

/// One back end.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) speed: f64,
    pub(super) fault: Option<String>,
    pub(super) share: f64,
    pub(super) in_flight: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) errors: u64,
    pub(super) ready: bool,
}

/// A back end as the view knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) speed: f64,
    pub(super) fault: Option<String>,
}

/// The proxy's figures at a time since the start of the load.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment {
    pub(super) at: Duration,
    pub(super) scrape: Scrape,
}

impl Frame {
    /// What happened between two moments.
    pub(super) fn between(then: &Moment, now: &Moment, whole: Duration, known: &[Known]) -> Self {
        let seconds = now.at.saturating_sub(then.at).as_secs_f64().max(1e-3);
        let (before, after) = (&then.scrape, &now.scrape);
        let requests = after.requests.saturating_sub(before.requests);
        let times = after.request_time.since(&before.request_time);
        Self {
            elapsed: now.at,
            whole,
            rate_per_s: requests as f64 / seconds,
            p50_ms: ms(&times, 0.5),
            p99_ms: ms(&times, 0.99),
            model_version: after.model_version,
            failed: after.failed,
            retries: after.retries,
            dropped: after.dropped,
            rows: rows(before, after, known),
        }
    }

    /// One line for a log.
    pub(super) fn line(&self) -> String {
        let shares: Vec<_> = self.rows.iter().map(Row::short).collect();
        format!(
            "{:>5.1} s  {:>4.0}/s  p50 {:>5.1} ms  p99 {:>6.1} ms  failed {}  dropped {}  model {}  {}",
            self.elapsed.as_secs_f64(),
            self.rate_per_s,
            self.p50_ms,
            self.p99_ms,
            self.failed,
            self.dropped,
            self.model_version,
            shares.join("  ")
        )
    }

    /// Lines for a screen.
    pub(super) fn lines(&self) -> Vec<String> {
        let (elapsed, whole) = (self.elapsed.as_secs_f64(), self.whole.as_secs_f64());
        let head = [
            format!(
                "ai-loadbalancer demo   {elapsed:>5.1} of {whole:.0} s   model version {}",
                self.model_version
            ),
            format!(
                "{:.0} requests/s   p50 {:.1} ms   p99 {:.1} ms   {} failed   {} retried   {} dropped by the proxy",
                self.rate_per_s, self.p50_ms, self.p99_ms, self.failed, self.retries, self.dropped
            ),
            String::new(),
            format!(
                "{:<9}{:>5}  {:<width$}{:>7}{:>10}{:>9}{:>9}{:>8}  state",
                "back end",
                "speed",
                "share",
                "",
                "in flight",
                "p50 ms",
                "p99 ms",
                "errors",
                width = BAR_CELLS + 1
            ),
        ];
        head.into_iter()
            .chain(self.rows.iter().map(Row::line))
            .collect()
    }
}

impl Row {
    fn line(&self) -> String {
        let cells = (self.share / BAR_SHARE * BAR_CELLS as f64).round() as usize;
        let bar = "█".repeat(cells.min(BAR_CELLS));
        let state = match self.ready {
            true => "ready",
            false => "out",
        };
        format!(
            "{:<9}{:>5.1}  {bar:<width$}{:>6.1}%{:>10}{:>9}{:>9}{:>8}  {state:<6}{}",
            self.name,
            self.speed,
            self.share * 100.0,
            self.in_flight,
            time(self.p50_ms),
            time(self.p99_ms),
            self.errors,
            self.fault.as_deref().unwrap_or_default(),
            width = BAR_CELLS + 1
        )
    }

    fn short(&self) -> String {
        let mark = if self.ready { "" } else { " out" };
        format!("{} {:.0}%{mark}", self.name, self.share * 100.0)
    }
}

fn rows(before: &Scrape, after: &Scrape, known: &[Known]) -> Vec<Row> {
    let shares = after.shares_since(before);
    let row = |known: &Known| {
        let then = before
            .endpoints
            .get(&known.address)
            .cloned()
            .unwrap_or_default();
        let now = after
            .endpoints
            .get(&known.address)
            .cloned()
            .unwrap_or_default();
        let times = now.latency.since(&then.latency);
        Row {
            name: known.name.clone(),
            speed: known.speed,
            fault: known.fault.clone(),
            share: shares.get(&known.address).copied().unwrap_or_default(),
            in_flight: now.in_flight,
            p50_ms: ms(&times, 0.5),
            p99_ms: ms(&times, 0.99),
            errors: now.responses_5xx + now.unanswered,
            ready: now.ready,
        }
    };
    known.iter().map(row).collect()
}

/// A back end that answered nothing has no latency.
fn time(ms: f64) -> String {
    match ms > 0.0 {
        true => format!("{ms:.1}"),
        false => "-".to_owned(),
    }
}

fn ms(times: &Histogram, quantile: f64) -> f64 {
    times.quantile(quantile).unwrap_or_default() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scrape::Endpoint;

    fn moment(seconds: u64, attempts: [u64; 2]) -> Moment {
        let endpoint = |attempts| Endpoint {
            attempts,
            ready: attempts > 0,
            ..Endpoint::default()
        };
        let endpoints = ["a:1", "b:1"]
            .map(str::to_owned)
            .into_iter()
            .zip(attempts.map(endpoint));
        let scrape = Scrape {
            requests: attempts.iter().sum(),
            endpoints: endpoints.collect(),
            ..Scrape::default()
        };
        Moment {
            at: Duration::from_secs(seconds),
            scrape,
        }
    }

    fn frame() -> Frame {
        let known = ["a", "b"].map(|name| Known {
            name: name.to_owned(),
            address: format!("{name}:1"),
            speed: 1.0,
            fault: (name == "b").then(|| "fails fast".to_owned()),
        });
        Frame::between(
            &moment(1, [100, 0]),
            &moment(3, [400, 100]),
            Duration::from_secs(10),
            &known,
        )
    }

    #[test]
    fn rates_and_shares_are_those_between_the_moments() {
        let frame = frame();
        assert!((frame.rate_per_s - 200.0).abs() < 1e-6);
        assert!((frame.rows[0].share - 0.75).abs() < 1e-9);
        assert!((frame.rows[1].share - 0.25).abs() < 1e-9);
    }

    #[test]
    fn the_screen_has_a_line_for_each_back_end_under_aligned_columns() {
        let lines = frame().lines();
        let (head, rows) = (&lines[3], &lines[4..]);
        assert_eq!(rows.len(), 2);
        let state = head.chars().count() - "state".len();
        for row in rows {
            assert_eq!(
                row.chars().skip(state).take(5).collect::<String>(),
                "ready",
                "{row}"
            );
        }
        assert!(
            rows[0].contains(&"█".repeat(BAR_CELLS)),
            "a bar never grows over its column"
        );
        assert!(rows[1].ends_with("fails fast"));
    }

    #[test]
    fn a_moment_in_which_nothing_happened_divides_nothing_by_nothing() {
        let same = moment(1, [5, 5]);
        let frame = Frame::between(&same, &same, Duration::from_secs(1), &[]);
        assert!(frame.rate_per_s.abs() < 1e-9 && frame.p99_ms.abs() < 1e-9);
        assert!(!frame.line().contains("NaN"));
    }
}
