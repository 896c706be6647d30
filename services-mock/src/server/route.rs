//! Which path means what: fixed routes beside the service's own traffic.

use std::time::Duration;

use http::{Method, StatusCode, Uri};

use super::degradation::{self, Command};
use crate::duration_text::parse_duration;

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Route {
    Health,
    Info,
    Metrics,
    ShowFaults,
    OrderFault,
    Degradation(Command),
    /// The OpenAPI document of the real service.
    Document,
    Traffic(Work),
}

/// What a traffic request gets once it was served.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// What the real service answers.
    Shop,
    /// Who served it.
    Service,
    /// The request itself, as it arrived.
    Echo,
    /// That many bytes.
    Bytes(u64),
    /// That status without a body.
    Status(StatusCode),
    /// Chunks with pauses.
    SlowBody { chunks: u32, delay: Duration },
}

/// A request for a known path in a wrong form: status and reason.
#[derive(Debug, PartialEq)]
pub(super) struct BadRoute(pub(super) StatusCode, pub(super) String);

const MOST_BYTES: u64 = 64 * 1024 * 1024;
const MOST_CHUNKS: u32 = 10_000;
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// What stands behind the fixed routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Static answers and payload routes.
    Static,
    /// The real service.
    Shop,
}

impl Route {
    pub(super) fn of(method: &Method, uri: &Uri, behind: Behind) -> Result<Route, BadRoute> {
        let query = uri.query().unwrap_or("");
        match uri.path() {
            "/health" | "/actuator/health" => Ok(Route::Health),
            "/actuator/info" => Ok(Route::Info),
            "/metrics" | "/actuator/prometheus" => Ok(Route::Metrics),
            "/faults" => faults(method),
            "/openapi.json" if behind == Behind::Shop => Ok(Route::Document),
            path if path.starts_with(degradation::PREFIX) => {
                degradation(method, path, query, behind)
            }
            path => work(path, query, behind).map(Route::Traffic),
        }
    }
}

/// Other paths below the prefix are traffic like any unknown path.
fn degradation(
    method: &Method,
    path: &str,
    query: &str,
    behind: Behind,
) -> Result<Route, BadRoute> {
    match Command::of(method, path, query) {
        Some(command) => command.map(Route::Degradation),
        None => work(path, query, behind).map(Route::Traffic),
    }
}

fn faults(method: &Method) -> Result<Route, BadRoute> {
    match *method {
        Method::GET => Ok(Route::ShowFaults),
        Method::POST => Ok(Route::OrderFault),
        _ => Err(BadRoute(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("/faults takes GET and POST, got {method}"),
        )),
    }
}

fn work(path: &str, query: &str, behind: Behind) -> Result<Work, BadRoute> {
    if behind == Behind::Shop {
        return Ok(Work::Shop);
    }
    if path == "/echo" {
        return Ok(Work::Echo);
    }
    if path == "/slow-body" {
        return slow_body(query);
    }
    if let Some(count) = path.strip_prefix("/bytes/") {
        return bytes(count);
    }
    if let Some(code) = path.strip_prefix("/status/") {
        return status(code);
    }
    Ok(Work::Service)
}

fn bytes(text: &str) -> Result<Work, BadRoute> {
    let count = text.parse().ok().filter(|count| *count <= MOST_BYTES);
    count
        .map(Work::Bytes)
        .ok_or_else(|| bad("bytes", &format!("0 to {MOST_BYTES}"), text))
}

fn status(text: &str) -> Result<Work, BadRoute> {
    let code = text.parse().ok().filter(|code| (200..600).contains(code));
    code.and_then(|code: u16| StatusCode::from_u16(code).ok())
        .map(Work::Status)
        .ok_or_else(|| bad("status", "200 to 599", text))
}

/// Reads `chunks=5&delay=50ms`, both optional.
fn slow_body(query: &str) -> Result<Work, BadRoute> {
    let (mut chunks, mut delay) = (5, Duration::from_millis(50));
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("chunks", text)) => {
                let count = text.parse().ok().filter(|count| *count <= MOST_CHUNKS);
                chunks =
                    count.ok_or_else(|| bad("chunks", &format!("0 to {MOST_CHUNKS}"), text))?;
            }
            Some(("delay", text)) => {
                let pause = parse_duration(text).ok().filter(|d| *d <= LONGEST_DELAY);
                delay = pause.ok_or_else(|| bad("delay", "0ms to 10s", text))?;
            }
            _ => return Err(bad("query", "chunks=N&delay=50ms", part)),
        }
    }
    Ok(Work::SlowBody { chunks, delay })
}

fn bad(field: &str, expected: &str, value: &str) -> BadRoute {
    let reason = format!("{field}: expected {expected}, got {value:?}");
    BadRoute(StatusCode::BAD_REQUEST, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(uri: &str) -> Result<Route, BadRoute> {
        Route::of(&Method::GET, &uri.parse().unwrap(), Behind::Static)
    }

    #[test]
    fn fixed_paths_and_traffic_are_told_apart() {
        let slow = Work::SlowBody {
            chunks: 2,
            delay: Duration::from_millis(1),
        };
        for (uri, expected) in [
            ("/health", Route::Health),
            ("/actuator/health", Route::Health),
            ("/actuator/info", Route::Info),
            ("/metrics", Route::Metrics),
            ("/actuator/prometheus", Route::Metrics),
            ("/faults", Route::ShowFaults),
            ("/echo?a=1", Route::Traffic(Work::Echo)),
            ("/bytes/17", Route::Traffic(Work::Bytes(17))),
            (
                "/status/404",
                Route::Traffic(Work::Status(StatusCode::NOT_FOUND)),
            ),
            ("/slow-body?chunks=2&delay=1ms", Route::Traffic(slow)),
            ("/api/users/me", Route::Traffic(Work::Service)),
            ("/healthy", Route::Traffic(Work::Service)),
            ("/openapi.json", Route::Traffic(Work::Service)),
            (
                "/api/degradation/status",
                Route::Degradation(Command::Status),
            ),
            ("/api/degradation/other", Route::Traffic(Work::Service)),
        ] {
            assert_eq!(route(uri), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn a_shop_has_no_payload_routes_and_a_document() {
        let route = |uri: &str| Route::of(&Method::GET, &uri.parse().unwrap(), Behind::Shop);
        for uri in ["/", "/echo", "/bytes/-1", "/status/600", "/api/users/me"] {
            assert_eq!(route(uri), Ok(Route::Traffic(Work::Shop)), "{uri}");
        }
        assert_eq!(route("/openapi.json"), Ok(Route::Document));
        assert_eq!(route("/actuator/health"), Ok(Route::Health));
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_field_and_value() {
        for (uri, part) in [
            ("/bytes/67108865", "67108865"),
            ("/bytes/-1", "bytes"),
            ("/status/100", "status"),
            ("/status/600", "status"),
            ("/slow-body?chunks=10001", "chunks"),
            ("/slow-body?delay=11s", "delay"),
            ("/slow-body?pause=1s", "pause"),
        ] {
            let BadRoute(status, reason) = route(uri).unwrap_err();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
            assert!(reason.contains(part), "{uri}: {reason}");
        }
    }
}
