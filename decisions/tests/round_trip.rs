//! What is written is read back as it was, in both encodings, and what is damaged is an error
//! that names its place.

use lb_decisions::{DecisionRecord, ReadError, WriteError, Writer, read};
use proptest::{collection::vec, prelude::*};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.:_-]{0,20}", "\\PC{0,8}"]
}

fn cost() -> impl Strategy<Value = f32> {
    prop_oneof![9 => -50.0f32..50.0, 1 => Just(f32::INFINITY)]
}

fn finite() -> impl Strategy<Value = f32> {
    prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO
}

prop_compose! {
    fn numbers()(
        time_us in any::<i64>(), attempt in any::<u32>(), class in any::<u32>(),
        model_version in any::<u64>(), propensity in f32::MIN_POSITIVE..=1.0,
        class_mean_seconds in 0.0f32..1e9, status in any::<u32>(), latency_seconds in 0.0f32..1e9,
    ) -> DecisionRecord {
        DecisionRecord {
            time_us, attempt, class, model_version, propensity, class_mean_seconds, status,
            latency_seconds, ..DecisionRecord::default()
        }
    }
}

prop_compose! {
    fn lists()(count in 1usize..40, width in 0usize..5)(
        candidates in vec(any_text(), count),
        features in vec(finite(), count * width),
        context in vec(finite(), 0..9),
        costs in prop_oneof![vec(cost(), count), Just(Vec::new())],
        true_costs in prop_oneof![vec(cost(), count), Just(Vec::new())],
        chosen in 0..count as u32,
    ) -> DecisionRecord {
        DecisionRecord {
            candidates, features, context, costs, true_costs, chosen, ..DecisionRecord::default()
        }
    }
}

prop_compose! {
    fn record()(
        numbers in numbers(), lists in lists(),
        texts in (any_text(), any_text(), any_text(), any_text(), any_text(), any_text(), any_text()),
    ) -> DecisionRecord {
        let (request, cluster, policy, model, schema, kind, outcome) = texts;
        DecisionRecord {
            candidates: lists.candidates, features: lists.features, context: lists.context,
            costs: lists.costs, true_costs: lists.true_costs, chosen: lists.chosen,
            request, cluster, policy, model, schema, kind, outcome, ..numbers
        }
    }
}

/// A plain record, told apart by its number.
fn numbered(number: u32) -> DecisionRecord {
    DecisionRecord {
        time_us: i64::from(number),
        request: format!("request-{number}"),
        candidates: vec!["a:1".into(), "b:1".into()],
        features: vec![number as f32; 68],
        context: vec![0.5; 8],
        costs: vec![0.25, f32::INFINITY],
        propensity: 0.5,
        outcome: "success".into(),
        ..DecisionRecord::default()
    }
}

fn write_all(path: &Path, records: &[DecisionRecord]) {
    let mut writer = Writer::create(path).expect("a writer");
    for record in records {
        writer.write(record).expect("written");
    }
    let bytes = writer.finish().expect("finished");
    assert_eq!(bytes, fs::metadata(path).expect("a file").len());
}

fn read_all(path: &Path) -> Vec<DecisionRecord> {
    let records = read(path).expect("a log");
    records.collect::<Result<_, _>>().expect("sound records")
}

fn in_folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn records_come_back_as_they_were(records in vec(record(), 0..30)) {
        for name in ["log.parquet", "log.jsonl"] {
            let (_folder, path) = in_folder(name);
            write_all(&path, &records);
            prop_assert_eq!(&read_all(&path), &records, "{}", name);
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_or_other_records_and_never_a_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        for name in ["log.parquet", "log.jsonl"] {
            let (_folder, path) = in_folder(name);
            write_all(&path, &(0..20).map(numbered).collect::<Vec<_>>());
            let mut bytes = fs::read(&path).expect("a file");
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            fs::write(&path, bytes).expect("damaged");
            if let Ok(records) = read(&path) {
                prop_assert!(records.count() <= 40);
            }
        }
    }
}

#[test]
fn many_rows_fill_several_row_groups_and_come_back_in_order() {
    let (_folder, path) = in_folder("log.parquet");
    let records: Vec<_> = (0..10_000).map(numbered).collect();
    write_all(&path, &records);
    assert!(read_all(&path) == records, "10 000 records in order");
}

#[test]
fn parquet_has_its_name_only_once_it_is_finished() {
    let (folder, path) = in_folder("log.parquet");
    let mut writer = Writer::create(&path).expect("a writer");
    writer.write(&numbered(1)).expect("written");
    assert!(!path.exists() && folder.path().join("log.parquet.part").exists());
    writer.finish().expect("finished");
    assert!(path.exists() && !folder.path().join("log.parquet.part").exists());
}

#[test]
fn lines_can_be_read_before_the_file_is_finished_and_a_cut_off_one_is_passed_over() {
    let (_folder, path) = in_folder("log.jsonl");
    let mut writer = Writer::create(&path).expect("a writer");
    writer.write(&numbered(1)).expect("written");
    writer.write(&numbered(2)).expect("written");
    writer.flush().expect("flushed");
    assert_eq!(read_all(&path), [numbered(1), numbered(2)]);
    let text = fs::read_to_string(&path).expect("text");
    fs::write(&path, &text[..text.len() - 20]).expect("cut off");
    assert_eq!(read_all(&path), [numbered(1)]);
}

#[test]
fn a_wrong_line_is_told_with_its_number_and_field_and_the_next_is_read() {
    let (_folder, path) = in_folder("log.jsonl");
    write_all(&path, &[numbered(1), numbered(2)]);
    let text = fs::read_to_string(&path).expect("text");
    let (first, second) = text.trim_end().split_once('\n').expect("two lines");
    let wrong = [
        (
            first.replace("\"attempt\":0", "\"attempt\":\"x\""),
            "attempt",
        ),
        (
            first.replace("\"context\":[0.5,", "\"context\":[true,"),
            "context[0]",
        ),
        (first.replace("\"chosen\":0", "\"chosen\":2"), "chosen"),
        ("{}".to_owned(), "missing field `time_us`"),
        ("no json".to_owned(), ":2: "),
    ];
    for (line, named) in wrong {
        fs::write(&path, format!("\n{line}\n{second}\n")).expect("written");
        let read: Vec<_> = read(&path).expect("a log").collect();
        let error = read[0].as_ref().expect_err("the line is wrong").to_string();
        let place = format!("{}:2: ", path.display());
        assert!(
            error.starts_with(&place) && error.contains(named),
            "{error}"
        );
        assert_eq!(read[1].as_ref().expect("the next is sound"), &numbered(2));
    }
}

#[test]
fn a_record_that_contradicts_itself_is_refused_and_the_next_is_written() {
    for name in ["log.parquet", "log.jsonl"] {
        let (_folder, path) = in_folder(name);
        let mut writer = Writer::create(&path).expect("a writer");
        let wrong = DecisionRecord {
            chosen: 7,
            ..numbered(1)
        };
        let error = writer.write(&wrong).expect_err("refused");
        assert!(matches!(error, WriteError::Record { .. }), "{error}");
        writer.write(&numbered(2)).expect("written");
        writer.finish().expect("finished");
        assert_eq!(read_all(&path), [numbered(2)]);
    }
}

#[test]
fn other_files_are_refused_with_their_name() {
    let (folder, path) = in_folder("log.csv");
    let told = |error: String, path: &Path| {
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    };
    assert!(matches!(
        Writer::create(&path),
        Err(WriteError::Extension { .. })
    ));
    assert!(matches!(read(&path), Err(ReadError::Extension { .. })));
    for name in [
        "absent.parquet",
        "absent.jsonl",
        "text.parquet",
        "empty.parquet",
    ] {
        let path = folder.path().join(name);
        if name.starts_with("text") || name.starts_with("empty") {
            fs::write(
                &path,
                if name.starts_with("text") {
                    "no parquet"
                } else {
                    ""
                },
            )
            .expect("written");
        }
        told(read(&path).expect_err("refused").to_string(), &path);
    }
    let absent = folder.path().join("absent/log.jsonl");
    told(
        Writer::create(&absent).expect_err("refused").to_string(),
        &absent,
    );
}
