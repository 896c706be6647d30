//! The paths below `/api/degradation`: faults as the original system's cart could be told to have
//! them, for every service. Reads path and query; what is carried out are orders of the fault board.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::route::BadRoute;
use crate::faults::{Active, Fault};
use crate::instance::Instance;

/// What a request below `/api/degradation` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Command {
    /// Start a fault for a time.
    Start { fault: Fault, lasts: Duration },
    /// End the fault of a kind.
    Stop { kind: &'static str },
    /// End every fault.
    StopAll,
    /// Tell what acts.
    Status,
}

pub(super) const PREFIX: &str = "/api/degradation";

/// Names in paths and kinds of faults.
const NAMES: [(&str, &str); 8] = [
    ("cpu", "cpu"),
    ("memory", "memory"),
    ("latency", "latency"),
    ("errors", "error_rate"),
    ("gradual", "gradual"),
    ("pause", "pause"),
    ("fast-fail", "fast_fail"),
    ("crash", "crash"),
];
const LONGEST_SECONDS: u32 = 86_400;
const USUAL_SECONDS: u32 = 300;

impl Command {
    /// Reads what follows [`PREFIX`]: none when there is no such path.
    pub(super) fn of(
        method: &Method,
        path: &str,
        query: &str,
    ) -> Option<Result<Command, BadRoute>> {
        let name = path.strip_prefix(PREFIX)?;
        let (command, expected) = match name {
            "/status" => (Ok(Command::Status), Method::GET),
            "/stop-all" => (Ok(Command::StopAll), Method::POST),
            _ => (named(name, query)?, Method::POST),
        };
        if *method != expected {
            let reason = format!("{path} takes {expected}, got {method}");
            return Some(Err(BadRoute(StatusCode::METHOD_NOT_ALLOWED, reason)));
        }
        Some(command)
    }
}

/// `/cpu/start` and the like.
fn named(path: &str, query: &str) -> Option<Result<Command, BadRoute>> {
    let (name, verb) = path.strip_prefix('/')?.split_once('/')?;
    let &(name, kind) = NAMES.iter().find(|(known, _)| *known == name)?;
    match verb {
        "start" => Some(start(name, query)),
        // A crashed instance hears no order: it returns by itself.
        "stop" if name != "crash" => Some(Ok(Command::Stop { kind })),
        _ => None,
    }
}

fn start(name: &str, query: &str) -> Result<Command, BadRoute> {
    let mut query = Query::read(query);
    let fault = match name {
        "cpu" => Fault::Cpu {
            share: query.percent("intensityPercent", 50)?,
        },
        "memory" => Fault::Memory {
            share: query.percent("memoryPercent", 70)?,
        },
        "latency" => Fault::Latency {
            delay: Duration::from_millis(query.number("delayMs", 100, 60_000)?.into()),
        },
        "errors" => Fault::ErrorRate {
            rate: query.percent("errorRatePercent", 30)?,
            status: StatusCode::INTERNAL_SERVER_ERROR,
        },
        "fast-fail" => Fault::FastFail {
            rate: query.percent("failRatePercent", 100)?,
            status: StatusCode::SERVICE_UNAVAILABLE,
        },
        "gradual" => return gradual(query),
        "pause" => Fault::Pause,
        _ => Fault::Crash,
    };
    let seconds = query.number("durationSeconds", USUAL_SECONDS, LONGEST_SECONDS)?;
    query.none_left()?;
    let lasts = Duration::from_secs(seconds.into());
    Ok(Command::Start { fault, lasts })
}

fn gradual(mut query: Query) -> Result<Command, BadRoute> {
    let seconds = query.number("totalDurationSeconds", 600, LONGEST_SECONDS)?;
    let phases = query.number("phases", 4, 100)?;
    query.none_left()?;
    let total = Duration::from_secs(seconds.into());
    Ok(Command::Start {
        fault: Fault::Gradual { total, phases },
        lasts: total,
    })
}

/// The parameters not yet taken.
struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    fn read(text: &'a str) -> Self {
        let parts = text.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
        Query(pairs.collect())
    }

    /// A whole number from 1 to `high`.
    fn number(&mut self, name: &str, default: u32, high: u32) -> Result<u32, BadRoute> {
        let Some(at) = self.0.iter().position(|(given, _)| *given == name) else {
            return Ok(default);
        };
        let (_, text) = self.0.remove(at);
        let number = text.parse().ok().filter(|n| (1..=high).contains(n));
        number.ok_or_else(|| bad(name, &format!("a whole number from 1 to {high}"), text))
    }

    fn percent(&mut self, name: &str, default: u32) -> Result<f64, BadRoute> {
        Ok(f64::from(self.number(name, default, 100)?) / 100.0)
    }

    fn none_left(self) -> Result<(), BadRoute> {
        match self.0.first() {
            None => Ok(()),
            Some((name, value)) => Err(bad(name, "no such parameter here, or only once", value)),
        }
    }
}

fn bad(field: &str, expected: &str, value: &str) -> BadRoute {
    let reason = format!("{field}: expected {expected}, got {value:?}");
    BadRoute(StatusCode::BAD_REQUEST, reason)
}

/// The answer to `GET /api/degradation/status` and to every order: each kind with what it does now.
pub(super) fn status(instance: &Instance, now: Instant) -> Value {
    let active = instance.faults.active(now);
    let mut shown = json!({
        "service": instance.service,
        "instance": instance.name,
        "degraded": !active.is_empty(),
        "memoryHeldBytes": instance.held_bytes.load(std::sync::atomic::Ordering::Relaxed),
    });
    for (name, kind) in NAMES {
        let acting = active.iter().find(|active| active.fault.kind() == kind);
        shown[name] = acting.map_or_else(|| json!({ "active": false }), details);
    }
    let is_other = |active: &&Active| NAMES.iter().all(|(_, kind)| *kind != active.fault.kind());
    let others = active.iter().filter(is_other);
    shown["others"] = others.map(|active| active.to_json()).collect();
    shown
}

fn details(active: &Active) -> Value {
    let percent = |share: f64| (share * 100.0).round();
    let mut shown = match active.fault {
        Fault::Cpu { share } => json!({ "intensityPercent": percent(share) }),
        Fault::Memory { share } => json!({ "memoryPercent": percent(share) }),
        Fault::Latency { delay } => json!({ "delayMs": delay.as_secs_f64() * 1e3 }),
        Fault::ErrorRate { rate, status } => {
            json!({ "errorRatePercent": percent(rate), "status": status.as_u16() })
        }
        Fault::FastFail { rate, status } => {
            json!({ "failRatePercent": percent(rate), "status": status.as_u16() })
        }
        Fault::Gradual { total, phases } => json!({
            "totalDurationSeconds": total.as_secs_f64(),
            "phases": phases,
            "phase": active.phase().map(|phase| phase.number),
        }),
        _ => json!({}),
    };
    shown["active"] = true.into();
    shown["endsInSeconds"] = active.ends_in.map(|left| left.as_secs_f64()).into();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(address: &str) -> Option<Result<Command, BadRoute>> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Command::of(&Method::POST, &format!("{PREFIX}{path}"), query)
    }

    fn started(address: &str) -> (Fault, u64) {
        match post(address) {
            Some(Ok(Command::Start { fault, lasts })) => (fault, lasts.as_secs()),
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn defaults_are_those_of_the_original() {
        let delay = Duration::from_millis(100);
        let total = Duration::from_secs(600);
        let errors = Fault::ErrorRate {
            rate: 0.3,
            status: StatusCode::INTERNAL_SERVER_ERROR,
        };
        assert_eq!(started("/cpu/start"), (Fault::Cpu { share: 0.5 }, 300));
        assert_eq!(
            started("/memory/start"),
            (Fault::Memory { share: 0.7 }, 300)
        );
        assert_eq!(started("/latency/start"), (Fault::Latency { delay }, 300));
        assert_eq!(started("/errors/start"), (errors, 300));
        let gradual = Fault::Gradual { total, phases: 4 };
        assert_eq!(started("/gradual/start"), (gradual, 600));
        assert_eq!(started("/pause/start"), (Fault::Pause, 300));
        assert_eq!(started("/crash/start"), (Fault::Crash, 300));
    }

    #[test]
    fn parameters_are_read() {
        let delay = Duration::from_millis(250);
        let address = "/latency/start?delayMs=250&durationSeconds=5";
        assert_eq!(started(address), (Fault::Latency { delay }, 5));
        let total = Duration::from_secs(8);
        let address = "/gradual/start?totalDurationSeconds=8&phases=2";
        assert_eq!(started(address), (Fault::Gradual { total, phases: 2 }, 8));
    }

    #[test]
    fn every_kind_but_a_crash_can_be_stopped() {
        for (name, kind) in NAMES {
            let command = post(&format!("/{name}/stop"));
            match name {
                "crash" => assert_eq!(command, None),
                _ => assert_eq!(command, Some(Ok(Command::Stop { kind }))),
            }
        }
        assert_eq!(post("/stop-all"), Some(Ok(Command::StopAll)));
    }

    #[test]
    fn wrong_parameters_are_refused_with_name_and_value() {
        for (address, name, value) in [
            ("/cpu/start?intensityPercent=0", "intensityPercent", "\"0\""),
            ("/cpu/start?intensityPercent=101", "intensityPercent", "101"),
            ("/latency/start?delayMs=-5", "delayMs", "-5"),
            ("/latency/start?delayMs=60001", "delayMs", "60001"),
            (
                "/errors/start?errorRatePercent=lots",
                "errorRatePercent",
                "lots",
            ),
            (
                "/memory/start?durationSeconds=86401",
                "durationSeconds",
                "86401",
            ),
            ("/gradual/start?phases=101", "phases", "101"),
            ("/gradual/start?durationSeconds=5", "durationSeconds", "5"),
            ("/pause/start?delayMs=5", "delayMs", "5"),
        ] {
            let Some(Err(BadRoute(status, reason))) = post(address) else {
                panic!("{address} should be refused");
            };
            assert_eq!(status, StatusCode::BAD_REQUEST, "{address}");
            assert!(reason.contains(name) && reason.contains(value), "{reason}");
        }
    }

    #[test]
    fn unknown_paths_and_wrong_methods_are_told_apart() {
        for path in [
            "",
            "/",
            "/cpu",
            "/cpu/start/now",
            "/disk/start",
            "/crash/stop",
        ] {
            assert_eq!(post(path), None, "{path}");
        }
        let wrong = |method, path: &str| {
            let path = format!("{PREFIX}{path}");
            match Command::of(&method, &path, "") {
                Some(Err(BadRoute(status, _))) => status.as_u16(),
                other => panic!("{path}: {other:?}"),
            }
        };
        assert_eq!(wrong(Method::GET, "/cpu/start"), 405);
        assert_eq!(wrong(Method::POST, "/status"), 405);
    }
}
