//! The JSON document of an evaluation: how it was made, who took part, and the figures of each
//! run. A summary is written beside them for readers; reading makes it anew.

use crate::evaluation::{
    ContenderInfo, FamilyResults, Reference, ResultsError, Summary, check, summarize,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// Format of the document; a change of meaning counts it up.
pub const FORMAT: u32 = 1;

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// When it was made, in seconds since 1970.
    pub made_at_unix: u64,
    /// The command line that made it.
    pub command: Vec<String>,
    /// Version of the program.
    pub version: String,
    /// First seed.
    pub seed_base: u64,
    /// Who took part.
    pub contenders: Vec<ContenderInfo>,
    /// The families with their runs.
    pub families: Vec<FamilyResults>,
}

/// Why a report cannot be read, written or used with another.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot be written: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The file is not a report.
    #[error("{}: {cause}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line and cause.
        cause: serde_json::Error,
    },
    /// The file is of another format.
    #[error("{}: format: {found}, this program reads {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// What it holds cannot be used.
    #[error("{}: {cause}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: ResultsError,
    },
    /// Two reports that do not go together.
    #[error("the reports do not go together: {0}")]
    Merge(String),
}

/// The document as it is written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    report: &'a Report,
    summary: &'a Summary,
}

impl Report {
    /// Reads a report and checks that it is whole.
    ///
    /// # Errors
    /// When the file cannot be read, is not a report of this format, or lacks runs.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let path = path.to_owned();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) => return Err(ReportError::Read { path, cause }),
        };
        let report: Self = match serde_json::from_reader(BufReader::new(file)) {
            Ok(report) => report,
            Err(cause) => return Err(ReportError::Parse { path, cause }),
        };
        if report.format != FORMAT {
            let found = report.format;
            return Err(ReportError::Format { path, found });
        }
        match check(&report.contenders, &report.families) {
            Ok(()) => Ok(report),
            Err(cause) => Err(ReportError::Results { path, cause }),
        }
    }

    /// Writes the report with its summary.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, summary: &Summary, path: &Path) -> Result<(), ReportError> {
        let failed = |cause| ReportError::Write {
            path: path.to_owned(),
            cause,
        };
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        let written = Written {
            report: self,
            summary,
        };
        serde_json::to_writer_pretty(&mut file, &written).map_err(|error| failed(error.into()))?;
        writeln!(file).and_then(|()| file.flush()).map_err(failed)
    }

    /// Its figures in short.
    pub fn summary(&self, reference: Reference) -> Summary {
        summarize(&self.contenders, &self.families, reference)
    }

    /// The contender of a label.
    pub fn find(&self, label: &str) -> Option<usize> {
        self.contenders.iter().position(|c| c.label == label)
    }

    /// One report with the families of several, each of which has the same contenders (and the
    /// same bytes of every model) and other families. The first tells how it was made.
    ///
    /// # Errors
    /// When there is none, contenders differ, or a family is there twice.
    pub fn merge(reports: Vec<Self>) -> Result<Self, ReportError> {
        let mut reports = reports.into_iter();
        let nothing = || ReportError::Merge("there is none".to_owned());
        let mut all = reports.next().ok_or_else(nothing)?;
        for report in reports {
            all.same_contenders(&report)?;
            all.families.extend(report.families_in_order_of(&all));
        }
        check(&all.contenders, &all.families)
            .map_err(|cause| ReportError::Merge(cause.to_string()))?;
        Ok(all)
    }

    fn same_contenders(&self, other: &Self) -> Result<(), ReportError> {
        let lacking = |of: &Self, to: &Self| {
            let lacks = of.contenders.iter().find(|c| !to.contenders.contains(c));
            lacks.map(|contender| contender.label.clone())
        };
        match lacking(self, other).or_else(|| lacking(other, self)) {
            None => Ok(()),
            Some(label) => Err(ReportError::Merge(format!(
                "contender `{label}` is not in all of them, or with another model"
            ))),
        }
    }

    /// The families with their runs in the order of the contenders of `other`, which has all.
    fn families_in_order_of(self, other: &Self) -> Vec<FamilyResults> {
        let labels = other.contenders.iter().map(|contender| &contender.label);
        let places: Vec<_> = labels.filter_map(|label| self.find(label)).collect();
        let reorder = |family: FamilyResults| FamilyResults {
            runs: places
                .iter()
                .map(|place| family.runs[*place].clone())
                .collect(),
            ..family
        };
        self.families.into_iter().map(reorder).collect()
    }
}

#[cfg(test)]
impl Report {
    /// A report of results made by hand.
    pub(super) fn of(fixture: crate::evaluation::fixture::Fixture) -> Self {
        Self {
            format: FORMAT,
            made_at_unix: 0,
            command: vec!["simulator".to_owned()],
            version: "0".to_owned(),
            seed_base: 0,
            contenders: fixture.contenders,
            families: fixture.families,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::fixture::Fixture;
    use std::fs;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let report = Report::of(Fixture::default());
        let summary = report.summary(Reference::HindsightBest);
        report.write(&summary, &path).unwrap();
        assert_eq!(Report::read(&path).unwrap(), report);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"hindsight_best\": \"peak_ewma\""), "{text}");
    }

    #[test]
    fn what_is_no_report_is_refused_by_file_and_cause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let whole = serde_json::to_value(Report::of(Fixture::default())).unwrap();
        let mut old = whole.clone();
        old["format"] = 0.into();
        let mut short = whole.clone();
        short["families"][0]["runs"][1] = serde_json::json!([]);
        let mut odd = whole.clone();
        odd["families"][0]["runs"][0][0]["latency"]["p99"] = (-1.0).into();
        let mut empty = whole;
        empty["families"] = serde_json::json!([]);
        for (value, cause) in [
            (old, "format: 0, this program reads 1"),
            (
                short,
                "family heterogeneous: 0 runs of a contender, expected 4",
            ),
            (odd, "latency.p99 is -1"),
            (empty, "there are no families"),
            (serde_json::json!({"format": 1}), "missing field"),
        ] {
            fs::write(&path, value.to_string()).unwrap();
            let error = Report::read(&path).unwrap_err().to_string();
            assert!(error.contains("report.json: "), "{error}");
            assert!(error.contains(cause), "{error} should say {cause}");
        }
        let error = Report::read(&folder.path().join("none.json")).unwrap_err();
        assert!(error.to_string().contains("none.json: cannot be read"));
    }

    fn of(labels: &[&str], families: &[(&str, &[f64])]) -> Report {
        Report::of(Fixture::of(labels, families))
    }

    #[test]
    fn reports_of_the_same_contenders_are_merged_whatever_their_order() {
        let first = of(&["a", "b"], &[("f/one.yaml", &[1.0, 2.0])]);
        let second = of(&["b", "a"], &[("f/two.yaml", &[20.0, 10.0])]);
        let all = Report::merge(vec![first.clone(), second]).unwrap();
        assert_eq!(all.families.len(), 2);
        let p99 = |contender: usize| all.families[1].runs[contender][0].latency.p99;
        assert!((p99(0) - 10.0).abs() < 1e-9 && (p99(1) - 20.0).abs() < 1e-9);
        let twice = Report::merge(vec![first.clone(), first.clone()]).unwrap_err();
        assert!(twice.to_string().contains("`f/one.yaml` is there twice"));
        let other = of(&["a", "c"], &[("f/two.yaml", &[1.0, 2.0])]);
        let error = Report::merge(vec![first, other]).unwrap_err().to_string();
        assert!(error.contains("contender `b` is not in all"), "{error}");
    }
}
