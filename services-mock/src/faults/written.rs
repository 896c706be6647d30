//! The JSON of `POST /faults` and `GET /faults`, read strictly: every problem names field and value.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Active, Fault, Order};

/// A body of `POST /faults` that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{field}: expected {expected}, got {value}")]
pub struct BadFault {
    /// The field at fault, or `body`.
    pub field: String,
    /// What was written there, `null` when it was missing.
    pub value: Value,
    /// What would have been right.
    pub expected: String,
}

const KINDS: &str = "one of slow, pause, error_rate, fast_fail, crash, hang, unhealthy, latency, cpu, memory, gradual, recover";
const LONGEST_SECONDS: f64 = 86_400.0;
const LONGEST_DELAY_MS: f64 = 60_000.0;
const MOST_PHASES: u32 = 100;

impl Order {
    /// Reads an order such as `{"kind":"slow","factor":8,"for_seconds":30}`.
    ///
    /// # Errors
    /// No JSON object, an unknown kind or field, or a value missing, of a wrong type or out of range.
    pub fn from_json(body: &[u8]) -> Result<Order, BadFault> {
        let mut fields = Fields::read(body)?;
        let order = match fields.kind()?.as_str() {
            "recover" => Order::Recover,
            kind => inject(kind, &mut fields)?,
        };
        fields.none_left()?;
        Ok(order)
    }
}

impl Active {
    /// The fault as `GET /faults` shows it, `ends_in_seconds` being null when it lasts.
    pub fn to_json(self) -> Value {
        let mut written = match self.fault {
            Fault::Slow { factor } => json!({ "factor": factor }),
            Fault::ErrorRate { rate, status } | Fault::FastFail { rate, status } => {
                json!({ "rate": rate, "status": status.as_u16() })
            }
            Fault::Latency { delay } => json!({ "delay_ms": delay.as_secs_f64() * 1e3 }),
            Fault::Cpu { share } | Fault::Memory { share } => json!({ "share": share }),
            Fault::Gradual { total, phases } => {
                json!({ "seconds": total.as_secs_f64(), "phases": phases })
            }
            Fault::Pause | Fault::Crash | Fault::Hang | Fault::Unhealthy => json!({}),
        };
        written["kind"] = self.fault.kind().into();
        written["ends_in_seconds"] = self.ends_in.map(|left| left.as_secs_f64()).into();
        written
    }
}

fn inject(kind: &str, fields: &mut Fields) -> Result<Order, BadFault> {
    let fault = match kind {
        "slow" => Fault::Slow {
            factor: fields.number("factor", None, 0.01, 1000.0)?,
        },
        "pause" => return lasting(Fault::Pause, fields.seconds("seconds", true)?),
        "crash" => return lasting(Fault::Crash, fields.seconds("seconds", false)?),
        "error_rate" => Fault::ErrorRate {
            rate: fields.number("rate", None, 0.0, 1.0)?,
            status: fields.error_status(StatusCode::INTERNAL_SERVER_ERROR)?,
        },
        "fast_fail" => Fault::FastFail {
            rate: fields.number("rate", Some(1.0), 0.0, 1.0)?,
            status: fields.error_status(StatusCode::SERVICE_UNAVAILABLE)?,
        },
        "latency" => Fault::Latency {
            delay: fields.milliseconds("delay_ms", LONGEST_DELAY_MS)?,
        },
        "cpu" => Fault::Cpu {
            share: fields.number("share", None, 0.01, 1.0)?,
        },
        "memory" => Fault::Memory {
            share: fields.number("share", None, 0.01, 1.0)?,
        },
        "gradual" => return gradual(fields),
        "hang" => Fault::Hang,
        "unhealthy" => Fault::Unhealthy,
        _ => return Err(bad("kind", kind.into(), KINDS)),
    };
    lasting(fault, fields.seconds("for_seconds", false)?)
}

fn gradual(fields: &mut Fields) -> Result<Order, BadFault> {
    let seconds = fields.number("seconds", None, 0.001, LONGEST_SECONDS)?;
    let phases = fields.number("phases", Some(4.0), 1.0, f64::from(MOST_PHASES))?;
    let total = Duration::from_secs_f64(seconds);
    // Cut to whole phases; the range was checked.
    let phases = phases as u32;
    lasting(Fault::Gradual { total, phases }, Some(total))
}

fn lasting(fault: Fault, lasts: Option<Duration>) -> Result<Order, BadFault> {
    Ok(Order::Inject { fault, lasts })
}

/// The fields of the body not yet taken.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(body: &[u8]) -> Result<Fields, BadFault> {
        let expected = "a JSON object with a field kind";
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(other) => Err(bad("body", other, expected)),
            Err(_) => {
                let text = String::from_utf8_lossy(body).chars().take(200).collect();
                Err(bad("body", Value::String(text), expected))
            }
        }
    }

    fn kind(&mut self) -> Result<String, BadFault> {
        match self.0.remove("kind") {
            Some(Value::String(kind)) => Ok(kind),
            other => Err(bad("kind", other.unwrap_or_default(), KINDS)),
        }
    }

    fn number(
        &mut self,
        name: &str,
        default: Option<f64>,
        low: f64,
        high: f64,
    ) -> Result<f64, BadFault> {
        let value = self.0.remove(name).or(default.map(Value::from));
        let number = value.as_ref().and_then(Value::as_f64);
        number
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| {
                let expected = format!("a number from {low} to {high}");
                bad(name, value.unwrap_or_default(), expected)
            })
    }

    fn seconds(&mut self, name: &str, required: bool) -> Result<Option<Duration>, BadFault> {
        if !required && !self.0.contains_key(name) {
            return Ok(None);
        }
        let seconds = self.number(name, None, 0.001, LONGEST_SECONDS)?;
        Ok(Some(Duration::from_secs_f64(seconds)))
    }

    fn milliseconds(&mut self, name: &str, high: f64) -> Result<Duration, BadFault> {
        let number = self.number(name, None, 0.0, high)?;
        Ok(Duration::from_secs_f64(number / 1e3))
    }

    fn error_status(&mut self, default: StatusCode) -> Result<StatusCode, BadFault> {
        let Some(value) = self.0.remove("status") else {
            return Ok(default);
        };
        let code = value.as_u64().filter(|code| (400..600).contains(code));
        code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok())
            .ok_or_else(|| bad("status", value, "a whole number from 400 to 599"))
    }

    fn none_left(self) -> Result<(), BadFault> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, value)) => Err(bad(&name, value, "no such field for this kind")),
        }
    }
}

fn bad(field: &str, value: Value, expected: impl Into<String>) -> BadFault {
    BadFault {
        field: field.to_owned(),
        value,
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Order {
        Order::from_json(body.as_bytes()).unwrap()
    }

    fn injected(fault: Fault, lasts_ms: Option<u64>) -> Order {
        let lasts = lasts_ms.map(Duration::from_millis);
        Order::Inject { fault, lasts }
    }

    #[test]
    fn every_kind_is_read() {
        let status = |code| StatusCode::from_u16(code).unwrap();
        let (rate, factor) = (0.3, 8.0);
        for (body, order) in [
            (
                r#"{"kind":"slow","factor":8}"#,
                injected(Fault::Slow { factor }, None),
            ),
            (
                r#"{"kind":"slow","factor":8,"for_seconds":0.5}"#,
                injected(Fault::Slow { factor }, Some(500)),
            ),
            (
                r#"{"kind":"pause","seconds":2}"#,
                injected(Fault::Pause, Some(2000)),
            ),
            (
                r#"{"kind":"error_rate","rate":0.3}"#,
                injected(
                    Fault::ErrorRate {
                        rate,
                        status: status(500),
                    },
                    None,
                ),
            ),
            (
                r#"{"kind":"error_rate","rate":0.3,"status":502}"#,
                injected(
                    Fault::ErrorRate {
                        rate,
                        status: status(502),
                    },
                    None,
                ),
            ),
            (
                r#"{"kind":"fast_fail"}"#,
                injected(
                    Fault::FastFail {
                        rate: 1.0,
                        status: status(503),
                    },
                    None,
                ),
            ),
            (r#"{"kind":"crash"}"#, injected(Fault::Crash, None)),
            (
                r#"{"kind":"crash","seconds":5}"#,
                injected(Fault::Crash, Some(5000)),
            ),
            (r#"{"kind":"hang"}"#, injected(Fault::Hang, None)),
            (
                r#"{"kind":"unhealthy","for_seconds":1}"#,
                injected(Fault::Unhealthy, Some(1000)),
            ),
            (
                r#"{"kind":"latency","delay_ms":100}"#,
                injected(
                    Fault::Latency {
                        delay: Duration::from_millis(100),
                    },
                    None,
                ),
            ),
            (
                r#"{"kind":"cpu","share":0.5,"for_seconds":1}"#,
                injected(Fault::Cpu { share: 0.5 }, Some(1000)),
            ),
            (
                r#"{"kind":"memory","share":0.7}"#,
                injected(Fault::Memory { share: 0.7 }, None),
            ),
            (
                r#"{"kind":"gradual","seconds":8}"#,
                injected(
                    Fault::Gradual {
                        total: Duration::from_secs(8),
                        phases: 4,
                    },
                    Some(8000),
                ),
            ),
            (r#"{"kind":"recover"}"#, Order::Recover),
        ] {
            assert_eq!(read(body), order, "{body}");
        }
    }

    #[test]
    fn a_wrong_body_is_refused_with_field_and_value() {
        for (body, field, value) in [
            ("", "body", ""),
            ("[1]", "body", "[1]"),
            ("{}", "kind", "null"),
            (r#"{"kind":7}"#, "kind", "7"),
            (r#"{"kind":"explode"}"#, "kind", "explode"),
            (r#"{"kind":"slow"}"#, "factor", "null"),
            (r#"{"kind":"slow","factor":"8"}"#, "factor", "\"8\""),
            (r#"{"kind":"slow","factor":0}"#, "factor", "0"),
            (
                r#"{"kind":"slow","factor":8,"for_seconds":-1}"#,
                "for_seconds",
                "-1",
            ),
            (r#"{"kind":"pause"}"#, "seconds", "null"),
            (r#"{"kind":"error_rate","rate":1.5}"#, "rate", "1.5"),
            (
                r#"{"kind":"error_rate","rate":1,"status":200}"#,
                "status",
                "200",
            ),
            (r#"{"kind":"hang","factor":3}"#, "factor", "3"),
        ] {
            let error = Order::from_json(body.as_bytes()).unwrap_err();
            assert_eq!(error.field, field, "{body}");
            assert!(error.to_string().contains(value), "{body}: {error}");
        }
    }

    #[test]
    fn an_active_fault_shows_kind_settings_and_time_left() {
        let active = Active {
            fault: Fault::Slow { factor: 8.0 },
            ends_in: Some(Duration::from_millis(1500)),
            acts_for: Duration::ZERO,
        };
        let shown = json!({"kind": "slow", "factor": 8.0, "ends_in_seconds": 1.5});
        assert_eq!(active.to_json(), shown);
    }
}
