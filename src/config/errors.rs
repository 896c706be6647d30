//! What is wrong with a configuration: every problem, with its place and the value found there.

use std::fmt;

/// How many problems are kept; a file of garbage would otherwise fill memory and screen.
pub(super) const MOST_PROBLEMS: usize = 200;
/// How much of an offending value is shown, in characters.
const MOST_SHOWN: usize = 80;

/// Every problem found in one configuration, in the order of reading.
///
/// `Display` prints one problem a line: `file: key.path: "value": what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    source: String,
    problems: Vec<Problem>,
    omitted: usize,
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Location,
    value: Option<String>,
    message: String,
}

/// Where in the file a problem lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(usize),
    /// A key path such as `clusters[1].health_check.interval`.
    Key(String),
}

impl ConfigErrors {
    /// Problems of the file called `source`, and how many more there were.
    pub(super) fn new(source: &str, problems: Vec<Problem>, omitted: usize) -> Self {
        Self {
            source: source.to_owned(),
            problems,
            omitted,
        }
    }

    /// The problems, at least one, at most 200.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// A problem with the file as a whole.
    pub(super) fn with_file(message: impl Into<String>) -> Self {
        Self {
            place: Location::File,
            value: None,
            message: message.into(),
        }
    }

    /// A problem on one line, counted from 1.
    pub(super) fn on_line(line: usize, message: impl Into<String>) -> Self {
        Self {
            place: Location::Line(line),
            value: None,
            message: message.into(),
        }
    }

    /// A problem with the setting at `path`; `value` is what was found there, already rendered.
    pub(super) fn at_key(path: &str, value: Option<String>, message: impl Into<String>) -> Self {
        Self {
            place: Location::Key(path.to_owned()),
            value,
            message: message.into(),
        }
    }

    /// Where the problem lies.
    pub fn location(&self) -> &Location {
        &self.place
    }

    /// The offending value as it is shown; none where nothing was written or it may be a secret.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What is wrong, and where it helps, what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}: {problem}", self.source)?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more problems", self.source),
        }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Location::File => {}
            Location::Line(line) => write!(f, "line {line}: ")?,
            Location::Key(path) => write!(f, "{path}: ")?,
        }
        if let Some(value) = &self.value {
            write!(f, "{value}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// `text` on one line, at most 80 characters of it.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_file_key_value_and_message() {
        let problem = Problem::at_key("clusters[0].name", Some("\"a b\"".into()), "not a name");
        let errors = ConfigErrors::new("edge.yaml", vec![problem, Problem::on_line(3, "odd")], 0);
        assert_eq!(
            errors.to_string(),
            "edge.yaml: clusters[0].name: \"a b\": not a name\nedge.yaml: line 3: odd"
        );
    }

    #[test]
    fn problems_that_were_not_kept_are_counted() {
        let errors = ConfigErrors::new("x", vec![Problem::with_file("bad")], 7);
        assert_eq!(
            errors.to_string(),
            "x: bad
x: and 7 more problems"
        );
    }

    #[test]
    fn a_long_or_many_lined_value_is_shown_short_and_on_one_line() {
        let shown = shortened(&"a\n".repeat(500));
        assert!(shown.starts_with("a\\na\\n"));
        assert!(shown.ends_with('…') && shown.len() < 200, "{shown}");
    }
}
