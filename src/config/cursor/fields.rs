//! The keys of one mapping, read with their defaults.

use super::{Place, Report};
use crate::config::{errors::shortened, tree::Node};
use std::{cell::RefCell, fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

/// The keys of one mapping. Keys that were never asked for are reported when it is dropped.
#[derive(Debug)]
pub(in crate::config) struct Fields<'a> {
    path: String,
    entries: &'a [(String, Node)],
    report: &'a Report,
    asked: RefCell<Vec<&'static str>>,
    rest_accepted: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: String, entries: &'a [(String, Node)], report: &'a Report) -> Self {
        let asked = RefCell::default();
        Self {
            path,
            entries,
            report,
            asked,
            rest_accepted: false,
        }
    }

    /// The value of `key` where it is written.
    pub(in crate::config) fn get(&self, key: &'static str) -> Option<Place<'a>> {
        self.asked.borrow_mut().push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(Place::new(node, self.path_of(key), self.report))
    }

    /// The value of `key`, whose absence is a problem.
    pub(in crate::config) fn required(&self, key: &'static str) -> Option<Place<'a>> {
        let place = self.get(key);
        if place.is_none() {
            self.report.at(&self.path_of(key), None, "is required");
        }
        place
    }

    /// The mapping under `key`; an empty one where it is absent.
    pub(in crate::config) fn section(&self, key: &'static str) -> Fields<'a> {
        match self.get(key) {
            Some(place) => place.fields(),
            None => Fields::new(self.path_of(key), &[], self.report),
        }
    }

    /// A whole number within `range`.
    pub(in crate::config) fn integer<T>(
        &self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let written = self.get(key).and_then(|place| place.integer(range));
        written.unwrap_or(default)
    }

    /// A number within `range`.
    pub(in crate::config) fn number(
        &self,
        key: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> f64 {
        let written = self.get(key).and_then(|place| place.number(range));
        written.unwrap_or(default)
    }

    /// A ratio that is written in percent; `default` is the ratio, `most` is in percent.
    pub(in crate::config) fn percent(&self, key: &'static str, default: f64, most: f64) -> f64 {
        let written = self.get(key).and_then(|place| place.number(0.0..=most));
        written.map_or(default, |percent| percent / 100.0)
    }

    /// A duration within `range`.
    pub(in crate::config) fn duration(
        &self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let written = self.get(key).and_then(|place| place.duration(range));
        written.unwrap_or(default)
    }

    /// A size within `range`, in bytes.
    pub(in crate::config) fn size(
        &self,
        key: &'static str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> usize {
        let written = self.get(key).and_then(|place| place.size(range));
        written.unwrap_or(default)
    }

    /// Reports a problem with the mapping as a whole.
    pub(in crate::config) fn problem(&self, message: impl Into<String>) {
        self.report.at(&self.path, None, message);
    }

    /// Leaves unknown keys unreported: what they mean hangs on a value that is itself wrong.
    pub(in crate::config) fn accept_rest(&mut self) {
        self.rest_accepted = true;
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            return key.to_owned();
        }
        format!("{}.{key}", self.path)
    }

    fn report_unknown(&self, known: &[&'static str]) {
        for (key, _) in self.entries {
            if self.rest_accepted || known.contains(&key.as_str()) {
                continue;
            }
            // Nobody reads a hint that is not kept, and a file of garbage has many unknown keys.
            let hint = match self.report.is_full() {
                true => String::new(),
                false => hint(key, known.iter().copied()),
            };
            let path = self.path_of(&shortened(key));
            self.report.at(&path, None, format!("unknown key{hint}"));
        }
    }

    fn report_duplicates(&self) {
        let mut seen = std::collections::HashSet::new();
        for (key, _) in self.entries {
            if !seen.insert(key) {
                let path = self.path_of(&shortened(key));
                self.report.at(&path, None, "is written twice");
            }
        }
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        let known = self.asked.take();
        self.report_unknown(&known);
        self.report_duplicates();
        #[cfg(test)]
        for key in known {
            let path = without_positions(&self.path_of(key));
            self.report.asked.borrow_mut().insert(path);
        }
    }
}

/// `, did you mean …?` where a known word is near, else nothing.
pub(in crate::config) fn hint<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> String {
    const LONGEST_WORD: usize = 64;
    const NEAR: f64 = 0.75;
    if written.len() > LONGEST_WORD {
        return String::new();
    }
    known
        .map(|word| (strsim::normalized_damerau_levenshtein(written, word), word))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, word)| format!(", did you mean {word}?"))
}

/// `list[].key` for `list[3].key`.
#[cfg(test)]
fn without_positions(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| {
        path + "[" + part.trim_start_matches(char::is_numeric)
    })
}
