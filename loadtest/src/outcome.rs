//! How one request ended.

use http::{HeaderValue, StatusCode};

/// The end of one request that was to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole answer.
    Answered {
        status: StatusCode,
        body_bytes: u64,
        /// Value of the header that is counted.
        counted: Option<HeaderValue>,
    },
    /// No connection: refused, unreachable, no socket left.
    NotConnected,
    /// The connection broke before the whole answer.
    Broken,
    /// The plan's timeout passed.
    TimedOut,
    /// Not sent, because too many were underway.
    Overrun,
    /// Underway when the run was cancelled.
    Unfinished,
}

impl Outcome {
    /// Whether its time is a latency: an answer, or a wait that was given up. Failed connections
    /// are quick and would flatter.
    pub(crate) fn was_waited_for(&self) -> bool {
        matches!(self, Outcome::Answered { .. } | Outcome::TimedOut)
    }

    /// Whether it is an answer of 500 or above.
    pub(crate) fn is_server_error(&self) -> bool {
        matches!(self, Outcome::Answered { status, .. } if status.is_server_error())
    }
}
