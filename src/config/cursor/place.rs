//! One value of the tree, read as what it should be.

use super::{Fields, Report};
use crate::config::{tree::Node, units};
use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

/// One value at its key path.
#[derive(Clone, Debug)]
pub(in crate::config) struct Place<'a> {
    node: &'a Node,
    path: String,
    report: &'a Report,
}

impl<'a> Place<'a> {
    /// The whole file.
    pub(in crate::config) fn root(node: &'a Node, report: &'a Report) -> Self {
        Self::new(node, String::new(), report)
    }

    pub(super) fn new(node: &'a Node, path: String, report: &'a Report) -> Self {
        Self { node, path, report }
    }

    /// Reports a problem with this value.
    pub(in crate::config) fn problem(&self, message: impl Into<String>) {
        self.report.at(&self.path, self.node.shown(), message);
    }

    /// The key path, such as `clusters[1].name`.
    pub(in crate::config) fn path(&self) -> &str {
        &self.path
    }

    /// True for `{ key: … }`.
    pub(in crate::config) fn is_mapping(&self) -> bool {
        matches!(self.node, Node::Map(_))
    }

    /// True for a word or number such as `off`.
    pub(in crate::config) fn is_scalar(&self) -> bool {
        !matches!(self.node, Node::Map(_) | Node::List(_) | Node::Null)
    }

    /// True for `[]`.
    pub(in crate::config) fn is_empty(&self) -> bool {
        matches!(self.node, Node::List(items) if items.is_empty())
    }

    /// The value as a mapping; nothing written counts as an empty one.
    pub(in crate::config) fn fields(&self) -> Fields<'a> {
        let entries: &[_] = match self.node {
            Node::Map(entries) => entries,
            Node::Null => &[],
            _ => {
                self.mismatch::<()>("expected a mapping, `key: value`");
                &[]
            }
        };
        Fields::new(self.path.clone(), entries, self.report)
    }

    /// No keys at this path, for a word that stands for a mapping: `policy: random`.
    pub(in crate::config) fn without_fields(&self) -> Fields<'a> {
        Fields::new(self.path.clone(), &[], self.report)
    }

    /// The values of a list.
    pub(in crate::config) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let items: &[_] = match self.node {
            Node::List(items) => items,
            _ => {
                self.mismatch::<()>("expected a list, `[a, b]`");
                &[]
            }
        };
        let (path, report) = (self.path.clone(), self.report);
        items.iter().enumerate().map(move |(index, node)| Self {
            node,
            path: format!("{path}[{index}]"),
            report,
        })
    }

    /// Text; numbers and booleans must be quoted, for `1.10` would turn into `1.1`.
    pub(in crate::config) fn text(&self) -> Option<&'a str> {
        match self.node {
            Node::Text(text) | Node::Substituted(text) => Some(text),
            Node::Int(_) | Node::Float(_) | Node::Bool(_) => {
                self.mismatch("expected text: put it in quotes")
            }
            _ => self.mismatch("expected text"),
        }
    }

    /// Text that `T` can be read from; `expected` completes "not …".
    pub(in crate::config) fn parse<T: FromStr>(&self, expected: &str) -> Option<T> {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(_) => self.mismatch(&format!("not {expected}")),
        }
    }

    /// As [`parse`](Self::parse) for a text that may hold a secret: a problem does not show it.
    pub(in crate::config) fn parse_secret<T: FromStr>(&self, expected: &str) -> Option<T> {
        let value = self.text()?.parse().ok();
        if value.is_none() {
            self.report.at(&self.path, None, format!("not {expected}"));
        }
        value
    }

    /// One of the words of a table.
    pub(in crate::config) fn word<T: Clone>(&self, table: &[(&'static str, T)]) -> Option<T> {
        let written = match self.node {
            Node::Int(number) => number.to_string(),
            Node::Text(text) | Node::Substituted(text) => text.clone(),
            _ => String::new(),
        };
        let entry = table.iter().find(|(word, _)| *word == written);
        if entry.is_none() {
            let words: Vec<_> = table.iter().map(|(word, _)| *word).collect();
            self.mismatch::<T>(&format!("must be one of {}", words.join(", ")));
        }
        entry.map(|(_, value)| value.clone())
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&self) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            Node::Substituted(text) if text == "true" => Some(true),
            Node::Substituted(text) if text == "false" => Some(false),
            _ => self.mismatch("must be true or false"),
        }
    }

    /// A whole number within `range`.
    pub(in crate::config) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let written = match self.node {
            Node::Int(number) => number.to_string(),
            Node::Substituted(text) => text.clone(),
            _ => return self.mismatch("not a whole number"),
        };
        let value = written.parse().ok().filter(|value| range.contains(value));
        let (low, high) = range.into_inner();
        value.or_else(|| self.mismatch(&format!("must be a whole number from {low} to {high}")))
    }

    /// A number within `range`; not a number and infinity never are.
    pub(in crate::config) fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let value = match self.node {
            Node::Int(number) => Some(*number as f64),
            Node::Float(number) => Some(*number),
            Node::Substituted(text) => text.parse().ok(),
            _ => None,
        };
        let value = value.filter(|value| range.contains(value));
        let (low, high) = range.into_inner();
        value.or_else(|| self.mismatch(&format!("must be a number from {low} to {high}")))
    }

    /// A duration within `range`, written with its unit.
    pub(in crate::config) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = match self.node {
            Node::Text(text) | Node::Substituted(text) => units::duration(text),
            _ => None,
        };
        let Some(duration) = duration else {
            return self.mismatch("not a duration (write 250ms, 5s, 1m)");
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        let (low, high) = range.into_inner();
        let (low, high) = (units::shown(low), units::shown(high));
        self.mismatch(&format!("must be a duration from {low} to {high}"))
    }

    /// A size in bytes within `range`.
    pub(in crate::config) fn size(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let size = match self.node {
            Node::Int(number) => usize::try_from(*number).ok(),
            Node::Text(text) | Node::Substituted(text) => units::size(text),
            _ => None,
        };
        let Some(size) = size else {
            return self.mismatch("not a size (write 512, 64KiB, 1MB, 10MiB)");
        };
        if range.contains(&size) {
            return Some(size);
        }
        let (low, high) = range.into_inner();
        self.mismatch(&format!("must be a size from {low} to {high} bytes"))
    }

    /// Reports that the value is not what it should be, unless that is known already.
    fn mismatch<T>(&self, message: &str) -> Option<T> {
        match self.node {
            Node::Failed => {}
            Node::Null => self.problem("has no value"),
            _ => self.problem(message),
        }
        None
    }
}
