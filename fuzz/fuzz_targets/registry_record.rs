//! Reads any bytes as a registry record; what comes out must be within its documented bounds.

#![no_main]

use ai_loadbalancer::discovery::record::{Host, Record};
use libfuzzer_sys::fuzz_target;

/// The service that the seeds belong to.
const SERVICE: &str = "user-service";

fuzz_target!(|value: &[u8]| {
    if let Ok(record) = Record::parse(value, SERVICE) {
        check(&record);
    }
});

fn check(record: &Record) {
    assert_ne!(record.port, 0);
    assert!((1..=1000).contains(&record.weight), "{}", record.weight);
    if let Host::Name(name) = &record.host {
        assert!(!name.is_empty() && name.len() <= 253, "{name:?}");
    }
    if let Some(path) = &record.health_path {
        assert!(path.starts_with('/') && path.len() <= 1024, "{path:?}");
        assert!(!path.contains(['\r', '\n', ' ']), "{path:?}");
    }
    if let Some(load) = &record.load {
        let numbers = [load.in_flight, load.utilization];
        let is_sound = |number: &f32| number.is_finite() && *number >= 0.0;
        assert!(numbers.iter().flatten().all(is_sound), "{load:?}");
    }
    let id = record.id();
    assert!(id.as_str().ends_with(&format!(":{}", record.port)), "{id}");
}
