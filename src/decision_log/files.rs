//! The files of the log: one after another, the oldest removed, and none at all for a while
//! after the disk refused.

use super::metrics::DecisionLogMetrics;
use crate::config::{self, DecisionFormat};
use lb_decisions::{DecisionRecord, Encoding, WriteError, Writer};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Start of each file's name; only such files are ever removed.
const PREFIX: &str = "decisions-";
/// After the disk refused, nothing is tried for this long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Writes records to files in one folder.
#[derive(Debug)]
pub(super) struct Files {
    settings: config::DecisionLog,
    metrics: DecisionLogMetrics,
    current: Option<Current>,
    /// When the disk last refused, until it takes a file again.
    refused_at: Option<SystemTime>,
}

/// The file that is being written.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    writer: Writer,
    begun: SystemTime,
    records: u64,
}

impl Files {
    pub(super) fn new(settings: config::DecisionLog, metrics: DecisionLogMetrics) -> Self {
        Self {
            settings,
            metrics,
            current: None,
            refused_at: None,
        }
    }

    /// Writes a record, or counts it as dropped.
    pub(super) fn write(&mut self, record: &DecisionRecord, now: SystemTime) {
        let is_waiting = self
            .refused_at
            .is_some_and(|at| age(at, now) < RETRY_AFTER && self.current.is_none());
        if is_waiting {
            self.metrics.dropped_unwritable.inc();
            return;
        }
        match self.try_write(record, now) {
            Ok(()) => self.metrics.records.inc(),
            Err(error @ WriteError::Record { .. }) => {
                self.metrics.dropped_refused.inc();
                log::debug!("decision not recorded error=\"{error}\"");
            }
            Err(error) => {
                self.metrics.dropped_unwritable.inc();
                self.give_up(&error, now);
            }
        }
    }

    /// Hands lines to the system, and ends a file that is old enough.
    pub(super) fn tick(&mut self, now: SystemTime) {
        let Some(current) = &mut self.current else {
            return;
        };
        if age(current.begun, now) >= self.settings.max_file_age {
            self.finish(now);
        } else if let Err(error) = current.writer.flush() {
            self.give_up(&error, now);
        }
    }

    /// Ends the current file; the next record begins another.
    pub(super) fn finish(&mut self, now: SystemTime) {
        let Some(current) = self.current.take() else {
            return;
        };
        match current.writer.finish() {
            Ok(bytes) => {
                self.metrics.files.inc();
                self.metrics.bytes.inc_by(bytes);
                if self.refused_at.take().is_some() {
                    log::info!("decision log is written again");
                }
            }
            Err(error) => {
                self.lose(&current.path, current.records);
                self.report(&error, now);
            }
        }
    }

    fn try_write(&mut self, record: &DecisionRecord, now: SystemTime) -> Result<(), WriteError> {
        if self.current.is_none() {
            self.current = Some(self.begin(now)?);
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        current.writer.write(record)?;
        current.records += 1;
        if current.writer.bytes() >= self.settings.max_file_size as u64 {
            self.finish(now);
        }
        Ok(())
    }

    fn begin(&self, now: SystemTime) -> Result<Current, WriteError> {
        let folder = &self.settings.folder;
        fs::create_dir_all(folder).map_err(|source| WriteError::Io {
            file: folder.clone(),
            source,
        })?;
        let path = folder.join(file_name(self.settings.format, now));
        let writer = Writer::create(&path)?;
        // After the new one is there: a folder that takes no file loses none.
        if let Err(error) = remove_oldest(folder, self.settings.max_files) {
            log::warn!(
                "cannot remove old decision logs folder={} error=\"{error}\"",
                folder.display()
            );
        }
        Ok(Current {
            path,
            writer,
            begun: now,
            records: 0,
        })
    }

    fn give_up(&mut self, error: &WriteError, now: SystemTime) {
        if let Some(Current {
            path,
            writer,
            records,
            ..
        }) = self.current.take()
        {
            drop(writer);
            self.lose(&path, records);
        }
        self.report(error, now);
    }

    /// What a file held that could not be finished: all of Parquet is lost.
    fn lose(&self, path: &Path, records: u64) {
        if self.settings.format == DecisionFormat::Parquet {
            self.metrics.dropped_unwritable.inc_by(records);
            fs::remove_file(path.with_extension("parquet.part")).ok();
        } else if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
            fs::remove_file(path).ok();
        }
    }

    /// One line when it begins: a disk may be full for hours.
    fn report(&mut self, error: &WriteError, now: SystemTime) {
        if self.refused_at.replace(now).is_none() {
            log::error!("decision log cannot be written, requests go on error=\"{error}\"");
        }
    }
}

/// Names sort by time: `decisions-20261123T184300.123456Z-<process>.parquet`.
fn file_name(format: DecisionFormat, now: SystemTime) -> String {
    let encoding = match format {
        DecisionFormat::Parquet => Encoding::Parquet,
        DecisionFormat::Jsonl => Encoding::JsonLines,
    };
    let time = humantime::format_rfc3339_micros(now).to_string();
    let time = time.replace(['-', ':'], "");
    let process = std::process::id();
    format!("{PREFIX}{time}-{process}.{}", encoding.extension())
}

/// Removes the oldest files of the log, also those that an interrupted run left unfinished,
/// until `keep` are left.
fn remove_oldest(folder: &Path, keep: usize) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && is_ours(&name)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    let excess = names.len().saturating_sub(keep);
    for name in &names[..excess] {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    let ends = [".parquet", ".jsonl", ".parquet.part"];
    name.starts_with(PREFIX) && ends.iter().any(|end| name.ends_with(end))
}

fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::Registry;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(seconds)
    }

    fn record() -> DecisionRecord {
        DecisionRecord {
            candidates: vec!["a:1".to_owned()],
            propensity: 1.0,
            ..DecisionRecord::default()
        }
    }

    fn files(folder: &Path, change: impl FnOnce(&mut config::DecisionLog)) -> Files {
        let mut settings = config::DecisionLog::new(folder);
        change(&mut settings);
        let metrics = DecisionLogMetrics::new(&Registry::new()).expect("no name is taken twice");
        Files::new(settings, metrics)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_ends_at_its_size_or_age_and_the_oldest_are_removed() {
        for format in [DecisionFormat::Parquet, DecisionFormat::Jsonl] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("other.jsonl"), "").expect("written");
            let mut files = files(folder.path(), |settings| {
                settings.format = format;
                settings.max_files = 2;
                settings.max_file_age = Duration::from_secs(10);
            });
            for second in [0, 5, 10, 15, 20, 25, 30] {
                files.write(&record(), at(second));
                files.tick(at(second));
            }
            files.finish(at(31));
            let names = names(folder.path());
            let [first, last, other] = names.as_slice() else {
                panic!("{names:?}");
            };
            assert!(
                first.contains("T000015") && last.contains("T000030"),
                "{names:?}"
            );
            assert_eq!(other, "other.jsonl");
            assert_eq!(files.metrics.files.get(), 3);
            assert_eq!(files.metrics.records.get(), 7);
            for name in [first, last] {
                let records = lb_decisions::read(&folder.path().join(name)).expect("a log");
                assert!(records.count() >= 1);
            }
        }
    }

    #[test]
    fn a_large_file_is_followed_by_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = files(folder.path(), |settings| {
            settings.format = DecisionFormat::Jsonl;
            settings.max_file_size = 1;
        });
        for second in 0..20 {
            files.write(&record(), at(second));
        }
        assert_eq!(names(folder.path()).len(), 8);
        assert_eq!(files.metrics.files.get(), 20);
        assert!(files.metrics.bytes.get() > 20 * 100);
    }

    #[test]
    fn a_folder_that_takes_no_file_is_tried_again_later_and_what_is_lost_is_counted() {
        let parent = tempfile::tempdir().expect("a folder");
        let blocked = parent.path().join("blocked");
        fs::write(&blocked, "a file where the folder should be").expect("written");
        let mut files = files(&blocked, |_| ());
        for second in 0..4 {
            files.write(&record(), at(second));
        }
        assert_eq!(files.metrics.dropped_unwritable.get(), 4);
        fs::remove_file(&blocked).expect("removed");
        files.write(&record(), at(4));
        assert!(!blocked.exists(), "not tried again so soon");
        files.write(&record(), at(6));
        files.finish(at(7));
        assert_eq!(names(&blocked).len(), 1);
        assert_eq!(files.metrics.dropped_unwritable.get(), 5);
        assert_eq!(files.refused_at, None);
    }

    #[test]
    fn a_record_that_contradicts_itself_is_counted_and_the_file_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = files(folder.path(), |_| ());
        files.write(&DecisionRecord::default(), at(0));
        files.write(&record(), at(1));
        files.finish(at(2));
        assert_eq!(files.metrics.dropped_refused.get(), 1);
        assert_eq!(names(folder.path()).len(), 1);
    }
}
