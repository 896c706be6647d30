use super::*;
use proptest::prelude::*;
use std::{fs, path::PathBuf};

const SERVICE: &str = "user-service";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/registry")
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

fn parse(text: &str) -> Result<Record, Malformed> {
    Record::parse(text.as_bytes(), SERVICE)
}

/// A record with these further fields.
fn with(fields: &str) -> Record {
    parse(&format!(r#"{{"url": "http://10.0.0.1:8081", {fields}}}"#)).unwrap()
}

#[test]
fn a_record_of_the_original_system_is_read() {
    let record = Record::parse(&golden("original.json"), SERVICE).unwrap();
    let expected = Record {
        host: Host::Address("10.244.1.17".parse().unwrap()),
        port: 8081,
        weight: 1,
        enabled: true,
        load: None,
        health_path: Some("/actuator/health".to_owned()),
    };
    assert_eq!(record, expected);
    assert_eq!(record.id().as_str(), "10.244.1.17:8081");
}

#[test]
fn an_extended_record_is_read_and_its_unknown_fields_ignored() {
    let record = Record::parse(&golden("extended.json"), SERVICE).unwrap();
    let expected = Record {
        host: Host::Name("user-2.internal".to_owned()),
        port: 8081,
        weight: 4,
        enabled: false,
        load: Some(LoadReport {
            in_flight: Some(7.0),
            utilization: Some(0.6),
            latency: Some(Duration::from_micros(12_500)),
            ..LoadReport::default()
        }),
        health_path: Some("/actuator/health?deep=1".to_owned()),
    };
    assert_eq!(record, expected);
    assert_eq!(record.id().as_str(), "user-2.internal:8081");
}

#[test]
fn a_minimal_record_is_read_with_defaults() {
    let record = Record::parse(&golden("minimal.json"), SERVICE).unwrap();
    assert_eq!(record.id().as_str(), "[2001:db8::7]:80");
    assert_eq!((record.weight, record.enabled), (1, true));
    assert_eq!((record.load, record.health_path), (None, None));
}

/// A file of `malformed/` is named `<reason>.<what>.json`.
#[test]
fn every_malformed_fixture_is_refused_for_the_reason_in_its_name() {
    let mut seen = std::collections::BTreeSet::new();
    for entry in fs::read_dir(fixtures().join("malformed")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = name.split('.').next().unwrap();
        let reason = Record::parse(&fs::read(&path).unwrap(), SERVICE).map_err(Malformed::label);
        assert_eq!(reason, Err(expected), "{name}");
        seen.insert(expected.to_owned());
    }
    let found_elsewhere = ["key", "kind", "unresolved"];
    let expected = Malformed::ALL.map(Malformed::label).into_iter();
    let expected: Vec<_> = expected
        .filter(|label| !found_elsewhere.contains(label))
        .collect();
    assert!(
        expected.iter().all(|label| seen.contains(*label)),
        "{expected:?} against {seen:?}"
    );
}

#[test]
fn an_optional_field_of_the_wrong_type_counts_as_missing() {
    let odd = r#""healthy": "false", "weight": "9", "inflight": [], "utilization": {},
        "latencyMs": "1", "healthUrl": 7, "serviceName": 3"#;
    let plain = parse(r#"{"url": "http://10.0.0.1:8081"}"#).unwrap();
    assert_eq!(with(odd), plain);
}

#[test]
fn weights_are_clamped() {
    for (written, expected) in [
        ("0", 1),
        ("-5", 1),
        ("2.9", 2),
        ("1000", 1000),
        ("1e30", 1000),
    ] {
        assert_eq!(
            with(&format!(r#""weight": {written}"#)).weight,
            expected,
            "{written}"
        );
    }
}

#[test]
fn load_numbers_that_cannot_be_are_missing() {
    let report = with(r#""inflight": -1, "utilization": 10.5, "latencyMs": 1e300"#).load;
    assert_eq!(report, None);
    let report = with(r#""inflight": 1e300, "utilization": 10, "latencyMs": -0.5"#)
        .load
        .unwrap();
    assert_eq!((report.in_flight, report.latency), (None, None));
    assert_eq!(report.utilization, Some(10.0));
}

#[test]
fn the_health_path_is_taken_from_a_full_or_a_relative_address() {
    for (written, expected) in [
        ("http://elsewhere:9/live", Some("/live")),
        ("/live?x=1#part", Some("/live?x=1")),
        ("live", Some("/live")),
        ("http://10.0.0.1:8081", Some("/")),
        ("/a b\\r\\nX: y", Some("/a%20bX:%20y")),
        ("mailto:someone", None),
        ("http://", None),
    ] {
        let record = with(&format!(r#""healthUrl": "{written}""#));
        assert_eq!(record.health_path.as_deref(), expected, "{written}");
    }
    let endless = "x".repeat(2000);
    assert_eq!(
        with(&format!(r#""healthUrl": "/{endless}""#)).health_path,
        None
    );
}

#[test]
fn a_value_that_fills_what_is_read_counts_as_cut_off() {
    let mut value = golden("minimal.json");
    value.resize(MAX_RECORD_BYTES - 1, b' ');
    assert!(Record::parse(&value, SERVICE).is_ok());
    value.push(b' ');
    assert_eq!(Record::parse(&value, SERVICE), Err(Malformed::TooLarge));
}

fn assert_valid(record: &Record) {
    assert!((1..=1000).contains(&record.weight), "{record:?}");
    assert_ne!(record.port, 0);
    match &record.host {
        Host::Address(address) => assert!(is_allowed(*address), "{record:?}"),
        Host::Name(name) => assert!(!name.is_empty() && name.len() <= MAX_HOST_BYTES),
    }
    assert!(
        record
            .id()
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_graphic()),
        "{record:?}"
    );
    if let Some(path) = &record.health_path {
        assert!(
            path.starts_with('/') && path.len() <= MAX_PATH_BYTES,
            "{record:?}"
        );
        assert!(
            path.bytes().all(|byte| byte.is_ascii_graphic()),
            "{record:?}"
        );
    }
    if let Some(load) = record.load {
        let is_amount = |number: Option<f32>| number.is_none_or(|n| n.is_finite() && n >= 0.0);
        assert!(
            is_amount(load.in_flight) && is_amount(load.utilization),
            "{record:?}"
        );
        assert!(
            load.utilization.is_none_or(|n| n <= MAX_UTILIZATION),
            "{record:?}"
        );
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        any_url().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any_field(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_field() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "serviceName",
        "url",
        "healthUrl",
        "healthy",
        "weight",
        "inflight",
        "utilization",
        "latencyMs",
        "updatedAt",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn any_url() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
        "[a-z0-9.%_-]{0,20}",
        any::<u32>().prop_map(|number| number.to_string()),
        ".{0,12}",
    ];
    let scheme = prop::sample::select(vec!["http://", "https://", "", "//", "HTTP:", "ftp://"]);
    (scheme, host, prop::option::of(any::<u32>()), ".{0,20}").prop_map(
        |(scheme, host, port, rest)| {
            let port = port
                .map(|port| format!(":{}", port % 70_000))
                .unwrap_or_default();
            format!("{scheme}{host}{port}{rest}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_a_valid_record_or_none(value in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(record) = Record::parse(&value, SERVICE) {
            assert_valid(&record);
        }
    }

    #[test]
    fn any_json_is_a_valid_record_or_none(value in any_json()) {
        if let Ok(record) = parse(&value.to_string()) {
            assert_valid(&record);
        }
    }

    #[test]
    fn any_fields_beside_any_url_are_a_valid_record_or_none(
        url in any_url(),
        fields in prop::collection::hash_map(any_field(), any_json(), 0..8),
    ) {
        let mut fields: Map<_, _> = fields.into_iter().collect();
        fields.insert("url".to_owned(), Value::from(url));
        if let Ok(record) = parse(&Value::Object(fields).to_string()) {
            assert_valid(&record);
        }
    }

    #[test]
    fn any_mutation_of_a_golden_record_is_a_valid_record_or_none(
        name in prop::sample::select(vec!["original.json", "extended.json", "minimal.json"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6),
    ) {
        let mut value = golden(name);
        for (place, byte, kind) in edits {
            let place = place.index(value.len());
            match kind {
                0 => value[place] = byte,
                1 => value.insert(place, byte),
                _ => value.truncate(place.max(1)),
            }
        }
        if let Ok(record) = Record::parse(&value, SERVICE) {
            assert_valid(&record);
        }
    }
}
