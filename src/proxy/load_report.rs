//! The load that an endpoint reports with a response: header `endpoint-load-metrics` in the
//! text and JSON forms of ORCA (<https://github.com/cncf/xds>, `OrcaLoadReport`).

use lb_policy::telemetry::LoadReport;
use std::time::Duration;

/// The header; it is not passed on to clients.
pub(super) const HEADER: &str = "endpoint-load-metrics";
/// Longer headers are ignored: a report needs a fraction of it.
const LENGTH_MAX: usize = 4096;
/// A latency above this is no latency.
const LATENCY_MAX_MS: f64 = 3_600_000.0;

/// Reads a header value; `None` when nothing of it can be used.
pub(super) fn parse(value: &[u8]) -> Option<LoadReport> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.len() <= LENGTH_MAX)?;
    let mut report = LoadReport::default();
    if let Some(pairs) = text.strip_prefix("TEXT ") {
        read_text(pairs, &mut report);
    } else {
        read_json(text.strip_prefix("JSON ")?, &mut report);
    }
    (report != LoadReport::default()).then_some(report)
}

fn read_text(pairs: &str, report: &mut LoadReport) {
    for pair in pairs.split(',') {
        let Some((key, value)) = pair.split_once('=') else {
            continue;
        };
        if let Ok(number) = value.trim().parse() {
            take(report, key.trim(), number);
        }
    }
}

fn read_json(text: &str, report: &mut LoadReport) {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) else {
        return;
    };
    for (key, value) in &fields {
        match value {
            serde_json::Value::Number(number) => {
                take(report, key, number.as_f64().unwrap_or(f64::NAN))
            }
            serde_json::Value::Object(named) if key == "named_metrics" => {
                for (name, value) in named {
                    take(
                        report,
                        &format!("named_metrics.{name}"),
                        value.as_f64().unwrap_or(f64::NAN),
                    );
                }
            }
            _ => {}
        }
    }
}

fn take(report: &mut LoadReport, key: &str, number: f64) {
    if !number.is_finite() || number < 0.0 {
        return;
    }
    match key {
        "named_metrics.inflight" => report.in_flight = Some(number as f32),
        "named_metrics.latency_ms" if number <= LATENCY_MAX_MS => {
            report.latency = Some(Duration::from_secs_f64(number / 1000.0));
        }
        "rps_fractional" => report.requests_per_second = Some(number as f32),
        "eps" => report.errors_per_second = Some(number as f32),
        // The application's own word on how busy it is says more than the processor's.
        "application_utilization" => report.utilization = Some(number as f32),
        "cpu_utilization" if report.utilization.is_none() => {
            report.utilization = Some(number as f32)
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_carry_the_same_report() {
        let expected = LoadReport {
            in_flight: Some(7.0),
            utilization: Some(0.6),
            latency: Some(Duration::from_micros(12_500)),
            requests_per_second: Some(250.5),
            errors_per_second: Some(0.5),
        };
        let text = "TEXT cpu_utilization=0.4, application_utilization=0.6, \
                    rps_fractional=250.5, eps=0.5, \
                    named_metrics.inflight=7, named_metrics.latency_ms=12.5";
        let json = r#"JSON {"cpu_utilization":0.4,"application_utilization":0.6,
                       "rps_fractional":250.5,"eps":0.5,
                       "named_metrics":{"inflight":7,"latency_ms":12.5}}"#;
        assert_eq!(parse(text.as_bytes()), Some(expected));
        assert_eq!(parse(json.as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_not_said_stays_missing_and_nonsense_is_ignored() {
        let report = parse(
            b"TEXT cpu_utilization=0.5, named_metrics.inflight=-3, named_metrics.latency_ms=inf",
        );
        assert_eq!(
            report,
            Some(LoadReport {
                utilization: Some(0.5),
                ..LoadReport::default()
            })
        );
        assert_eq!(parse(b"BIN Cg=="), None);
        assert_eq!(parse(b"TEXT cpu_utilization=NaN"), None);
        assert_eq!(parse(b""), None);
    }

    proptest! {
        #[test]
        fn no_header_value_panics_or_yields_a_number_that_is_none(value: Vec<u8>, number: f64) {
            for bytes in [value, format!("TEXT named_metrics.latency_ms={number}, named_metrics.inflight={number}").into_bytes()] {
                if let Some(report) = parse(&bytes) {
                    prop_assert!(report.in_flight.is_none_or(|n| !n.is_nan() && n >= 0.0));
                    prop_assert!(report.utilization.is_none_or(|n| !n.is_nan() && n >= 0.0));
                }
            }
        }
    }
}
