//! The wire form of a registry record: the original system's fields and our additions.

use std::time::SystemTime;

use serde::Serialize;

use crate::load::Load;
use crate::timestamp::{epoch_ms, iso_local};

/// What does not change from beat to beat.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) service: &'static str,
    pub(super) instance: String,
    /// `http://host:port`.
    pub(super) url: String,
    pub(super) weight: Option<u32>,
}

/// One record as written into Redis.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    service_name: &'a str,
    instance_name: &'a str,
    url: &'a str,
    health_url: String,
    healthy: bool,
    /// ISO time without a zone.
    last_health_check: String,
    /// Milliseconds.
    response_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    inflight: u64,
    utilization: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    /// Milliseconds since 1970.
    updated_at: u64,
}

impl Identity {
    /// The key of the record.
    pub(super) fn key(&self) -> String {
        format!("service:{}:{}", self.service, self.instance)
    }

    /// The record of this moment.
    pub(super) fn record(&self, load: Load, healthy: bool, at: SystemTime) -> Record<'_> {
        Record {
            service_name: self.service,
            instance_name: &self.instance,
            url: &self.url,
            health_url: format!("{}/actuator/health", self.url),
            healthy,
            last_health_check: iso_local(at),
            response_time: load.latency_ms.unwrap_or(0.0).round() as u64,
            weight: self.weight,
            inflight: load.inflight,
            utilization: to_thousandths(load.application_utilization),
            latency_ms: load.latency_ms.map(to_thousandths),
            updated_at: epoch_ms(at),
        }
    }
}

impl Record<'_> {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a record holds only text and numbers")
    }
}

fn to_thousandths(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::time::{Duration, UNIX_EPOCH};

    fn identity() -> Identity {
        Identity {
            service: "user-service",
            instance: "user-service-8081".to_owned(),
            url: "http://127.0.0.1:8081".to_owned(),
            weight: Some(2),
        }
    }

    fn at() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_446_245_123)
    }

    /// The balancer's discovery is tested against the same file: neither side can drift alone.
    /// `UPDATE_GOLDEN=1` rewrites it after a wanted change.
    #[test]
    fn the_record_is_exactly_the_golden_file() {
        let load = Load {
            cpu_utilization: 0.375,
            application_utilization: 0.625,
            inflight: 5,
            latency_ms: Some(12.345_678),
            requests_per_second: 1.0,
            errors_per_second: 0.0,
        };
        let written = identity().record(load, true, at()).to_json() + "\n";
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/fixtures/registry/services-mock.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
            std::fs::write(&golden, &written).unwrap();
        }
        assert_eq!(written, std::fs::read_to_string(golden).unwrap());
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let load = Load {
            cpu_utilization: 0.0,
            application_utilization: 0.0,
            inflight: 0,
            latency_ms: None,
            requests_per_second: 0.0,
            errors_per_second: 0.0,
        };
        let identity = Identity {
            weight: None,
            ..identity()
        };
        let written = identity.record(load, false, at()).to_json();
        assert!(!written.contains("latencyMs"), "{written}");
        assert!(!written.contains("weight"), "{written}");
        assert!(written.contains("\"healthy\":false"), "{written}");
    }
}
