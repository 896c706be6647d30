//! How far a run is, in one line on stderr: rewritten in place on a terminal, else line by line.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::journeys::progress::{Progress, Snapshot};

/// Cells of the bar.
const CELLS: usize = 16;
/// A line that wraps could not be rewritten in place, and terminals have 80 columns or more.
const LONGEST_LINE: usize = 79;
/// Quick enough to look alive on a terminal, slow enough for a log.
const ON_TERMINAL: Duration = Duration::from_millis(250);
const IN_LOG: Duration = Duration::from_secs(1);

/// Shows the progress of a run of this length until it is dropped.
pub async fn watch(progress: Progress, length: Duration) {
    let terminal = io::stderr().is_terminal();
    let mut tick = tokio::time::interval(if terminal { ON_TERMINAL } else { IN_LOG });
    tick.tick().await;
    loop {
        tick.tick().await;
        let line = line(&progress.look(), length);
        let written = match terminal {
            true => write!(io::stderr(), "\r\x1b[K{line}"),
            false => writeln!(io::stderr(), "{line}"),
        };
        if written.is_err() {
            return;
        }
    }
}

/// Leaves the terminal's line to what comes next.
pub fn clear() {
    if io::stderr().is_terminal() {
        // Nothing is left to report to when stderr itself is closed.
        drop(write!(io::stderr(), "\r\x1b[K"));
    }
}

fn line(seen: &Snapshot, length: Duration) -> String {
    let share = seen.elapsed.as_secs_f64() / length.as_secs_f64().max(1e-9);
    let full = (CELLS as f64 * share.clamp(0.0, 1.0)) as usize;
    let journeys = &seen.journeys;
    let errors = seen.requests.server_errors() + seen.requests.unanswered();
    let overruns = match journeys.overruns {
        0 => String::new(),
        count => format!(", {count} not begun"),
    };
    let line = format!(
        "{}{} {:.0}/{:.0} s: {} begun, {} underway, {} orders, p95 {:.0} ms, {errors} errors{overruns}",
        "█".repeat(full),
        "·".repeat(CELLS - full),
        seen.elapsed.as_secs_f64(),
        length.as_secs_f64(),
        journeys.begun,
        seen.underway,
        seen.placed,
        seen.recent_latency_ms.p95,
    );
    line.chars().take(LONGEST_LINE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_with_time_and_the_line_fits_a_terminal() {
        let mut seen = Progress::new().look();
        seen.elapsed = Duration::from_secs(5);
        let half = line(&seen, Duration::from_secs(10));
        assert_eq!(half.matches('█').count(), CELLS / 2, "{half}");
        assert!(
            half.contains("5/10 s") && half.ends_with("0 errors"),
            "{half}"
        );
        seen.journeys.overruns = u64::MAX;
        let over = line(&seen, Duration::from_secs(2));
        assert_eq!(over.matches('█').count(), CELLS);
        assert_eq!(over.chars().count(), LONGEST_LINE, "{over}");
    }
}
