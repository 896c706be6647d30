//! Figures over time, in a bounded number of spans: when there are too many, each two become one.

use std::time::Duration;

use serde::Serialize;

use crate::outcome::Outcome;

/// Figures over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// Length of a span.
    pub span_s: u64,
    /// One after another from the start of the run.
    pub spans: Vec<Span>,
}

/// What happened in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Requests ended.
    pub requests: u64,
    /// Of these, answers of 500 and above.
    pub server_errors: u64,
    /// Of these, without an answer.
    pub unanswered: u64,
    /// Journeys begun.
    pub begun: u64,
    /// Journeys not begun for want of a place.
    pub overruns: u64,
    /// Journeys ended, however.
    pub ended: u64,
    /// Orders confirmed.
    pub placed: u64,
}

/// As many as a chart has room for.
const MOST_SPANS: usize = 600;

impl Timeline {
    pub(crate) fn new() -> Self {
        Timeline {
            span_s: 1,
            spans: Vec::new(),
        }
    }

    /// The span of a time since the start of the run.
    pub(crate) fn at(&mut self, time: Duration) -> &mut Span {
        while time.as_secs() / self.span_s >= MOST_SPANS as u64 {
            self.merge();
        }
        let index = usize::try_from(time.as_secs() / self.span_s).unwrap_or(MOST_SPANS - 1);
        if self.spans.len() <= index {
            self.spans.resize(index + 1, Span::default());
        }
        &mut self.spans[index]
    }

    fn merge(&mut self) {
        let pairs = self.spans.chunks(2);
        let sum = |pair: &[Span]| pair.iter().copied().fold(Span::default(), Span::plus);
        self.spans = pairs.map(sum).collect();
        self.span_s *= 2;
    }
}

impl Span {
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        self.requests += 1;
        self.server_errors += u64::from(outcome.is_server_error());
        self.unanswered += u64::from(!matches!(outcome, Outcome::Answered { .. }));
    }

    /// Requests that went wrong on the way or in the shop.
    pub fn errors(&self) -> u64 {
        self.server_errors + self.unanswered
    }

    fn plus(self, other: Span) -> Span {
        Span {
            requests: self.requests + other.requests,
            server_errors: self.server_errors + other.server_errors,
            unanswered: self.unanswered + other.unanswered,
            begun: self.begun + other.begun,
            overruns: self.overruns + other.overruns,
            ended: self.ended + other.ended,
            placed: self.placed + other.placed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_longer_spans_and_loses_nothing() {
        let mut timeline = Timeline::new();
        for second in 0..10_000 {
            timeline.at(Duration::from_secs(second)).begun += 1;
        }
        assert_eq!(timeline.span_s, 32);
        assert!(timeline.spans.len() <= MOST_SPANS);
        let begun: u64 = timeline.spans.iter().map(|span| span.begun).sum();
        assert_eq!(begun, 10_000);
        assert_eq!(timeline.spans[0].begun, 32);
    }
}
