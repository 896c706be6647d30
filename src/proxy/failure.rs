//! Why a request got no answer from an upstream, and the answer that we give instead.

use crate::{balance::SelectError, filter::Refusal};
use lb_policy::request::Outcome;
use pingora::{Error, ErrorSource, ErrorType};

/// What Pingora calls a chunk that is none; its own constant is private.
const INVALID_CHUNK: ErrorType = ErrorType::Custom("InvalidChunk");

/// Reasons, each a label in metrics and a word in logs and error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NoRoute,
    BodyTooLarge,
    HeadersTooLarge,
    UpgradeNotSupported,
    NoEndpoint,
    Overflow,
    ConnectFailed,
    ConnectTimeout,
    UpstreamTimeout,
    UpstreamReset,
    UpstreamProtocol,
    DownstreamGone,
    DownstreamTimeout,
    DownstreamProtocol,
    Internal,
}

impl Failure {
    /// What kind of failure a proxy error is.
    pub(super) fn of(error: &Error) -> Self {
        use ErrorType::{
            ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, ConnectionClosed,
            InvalidHTTPHeader, ReadError, ReadTimedout, SocketError, WriteError, WriteTimedout,
        };
        match (error.esource(), error.etype()) {
            (ErrorSource::Upstream, ConnectTimedout) => Self::ConnectTimeout,
            (
                ErrorSource::Upstream,
                ConnectRefused | ConnectNoRoute | ConnectError | SocketError,
            ) => Self::ConnectFailed,
            (ErrorSource::Upstream, ReadTimedout | WriteTimedout) => Self::UpstreamTimeout,
            (ErrorSource::Upstream, ReadError | WriteError | ConnectionClosed) => {
                Self::UpstreamReset
            }
            (ErrorSource::Upstream, _) => Self::UpstreamProtocol,
            (ErrorSource::Downstream, ReadTimedout | WriteTimedout) => Self::DownstreamTimeout,
            (ErrorSource::Downstream, InvalidHTTPHeader) => Self::DownstreamProtocol,
            (ErrorSource::Downstream, other) if *other == INVALID_CHUNK => Self::DownstreamProtocol,
            (ErrorSource::Downstream, _) => Self::DownstreamGone,
            (ErrorSource::Internal | ErrorSource::Unset, _) => Self::Internal,
        }
    }

    /// Status of our answer; 499 (as nginx logs it) where nobody is left to answer.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::NoRoute => 404,
            Self::DownstreamTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::HeadersTooLarge => 431,
            Self::DownstreamGone => 499,
            Self::DownstreamProtocol => 400,
            Self::Internal => 500,
            Self::UpgradeNotSupported => 501,
            Self::ConnectFailed | Self::UpstreamReset | Self::UpstreamProtocol => 502,
            Self::NoEndpoint | Self::Overflow => 503,
            Self::ConnectTimeout | Self::UpstreamTimeout => 504,
        }
    }

    /// The word for logs and error bodies.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::BodyTooLarge => "body_too_large",
            Self::HeadersTooLarge => "headers_too_large",
            Self::UpgradeNotSupported => "upgrade_not_supported",
            Self::NoEndpoint => "no_endpoint",
            Self::Overflow => "overflow",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamProtocol => "upstream_protocol",
            Self::DownstreamGone => "downstream_gone",
            Self::DownstreamTimeout => "downstream_timeout",
            Self::DownstreamProtocol => "downstream_protocol",
            Self::Internal => "internal",
        }
    }

    /// One sentence for people.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::NoRoute => "no route matches the host and path",
            Self::BodyTooLarge => "the request body is larger than the limit",
            Self::HeadersTooLarge => "the request headers are larger than the limit",
            Self::UpgradeNotSupported => "protocol upgrades are not supported",
            Self::NoEndpoint => "no endpoint of the cluster can take the request",
            Self::Overflow => "the cluster has too many requests in flight",
            Self::ConnectFailed => "could not connect to an endpoint of the cluster",
            Self::ConnectTimeout => "connecting to an endpoint of the cluster took too long",
            Self::UpstreamTimeout => "the endpoint did not answer in time",
            Self::UpstreamReset => "the endpoint closed the connection before it answered",
            Self::UpstreamProtocol => "the endpoint's answer was not understood",
            Self::DownstreamGone => "the client went away",
            Self::DownstreamTimeout => "the client was too slow",
            Self::DownstreamProtocol => "the request was not understood",
            Self::Internal => "internal error",
        }
    }

    /// What it says of the endpoint that was tried.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::ConnectTimeout | Self::UpstreamTimeout => Outcome::Timeout,
            _ => Outcome::ConnectionError,
        }
    }

    /// Whether an endpoint of the cluster, or the lack of one, is to blame.
    pub(super) fn is_upstream(self) -> bool {
        matches!(
            self,
            Self::NoEndpoint
                | Self::ConnectFailed
                | Self::ConnectTimeout
                | Self::UpstreamTimeout
                | Self::UpstreamReset
                | Self::UpstreamProtocol
        )
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BodyTooLarge => Self::BodyTooLarge,
            Refusal::HeadersTooLarge => Self::HeadersTooLarge,
            Refusal::UpgradeNotSupported => Self::UpgradeNotSupported,
        }
    }
}

impl From<SelectError> for Failure {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::NoEndpoint => Self::NoEndpoint,
            SelectError::Overflow => Self::Overflow,
        }
    }
}
