//! `name:key=value,key=value`: the written form of a contender, read key by key. Reading also
//! makes its label, in which parameters stand in one order and defaults are left out.

use super::error::ContenderError;
use std::{fmt::Write as _, ops::RangeInclusive};

/// The parameters that are left to read, and the label so far.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    spec: &'a str,
    name: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
    known: Vec<&'static str>,
    label: String,
}

impl<'a> Parameters<'a> {
    /// Splits `spec`. Each key may come once.
    pub(super) fn parse(spec: &'a str) -> Result<Self, ContenderError> {
        let spec = spec.trim();
        let (name, rest) = spec.split_once(':').unwrap_or((spec, ""));
        let mut parameters = Self {
            spec,
            name: name.trim(),
            pairs: Vec::new(),
            known: Vec::new(),
            label: name.trim().to_owned(),
        };
        for part in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(parameters.problem(part, "has no value; write `key=value`"));
            };
            let (key, value) = (key.trim(), value.trim());
            if parameters.pairs.iter().any(|(other, _)| *other == key) {
                return Err(parameters.problem(key, "is there twice"));
            }
            parameters.pairs.push((key, value));
        }
        Ok(parameters)
    }

    /// All as written.
    pub(super) fn spec(&self) -> &'a str {
        self.spec
    }

    /// The policy's name.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Reads a number; `default` when it is not there.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, ContenderError> {
        let Some(text) = self.take(key) else {
            return Ok(default);
        };
        let number = text.parse::<f64>().ok().filter(|n| range.contains(n));
        let Some(number) = number else {
            let (least, most) = (range.start(), range.end());
            let reason = format!("`{text}` is not a number from {least} to {most}");
            return Err(self.problem(key, &reason));
        };
        if number.total_cmp(&default).is_ne() {
            self.add_to_label(key, &number.to_string());
        }
        Ok(number)
    }

    /// Reads a part of one, from 0 to 1.
    pub(super) fn share(&mut self, key: &'static str, default: f32) -> Result<f32, ContenderError> {
        // By way of its digits, or the f64 nearest to an f32 default would differ from what
        // somebody writes.
        let digits = default.to_string().parse().unwrap_or(f64::from(default));
        Ok(self.number(key, digits, 0.0..=1.0)? as f32)
    }

    /// Reads a whole number.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ContenderError> {
        let limits = f64::from(*range.start())..=f64::from(*range.end());
        let number = self.number(key, f64::from(default), limits)?;
        if number.fract() > 0.0 {
            return Err(self.problem(key, &format!("`{number}` is not a whole number")));
        }
        Ok(number as u32)
    }

    /// Reads one of some words, the first of which is the default.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, ContenderError> {
        let default = words[0];
        let Some(text) = self.take(key) else {
            return Ok(default.1);
        };
        let Some((word, meaning)) = words.iter().find(|(word, _)| *word == text) else {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let reason = format!("`{text}` is not one of {}", known.join(", "));
            return Err(self.problem(key, &reason));
        };
        if *word != default.0 {
            self.add_to_label(key, word);
        }
        Ok(*meaning)
    }

    /// Reads a text without a default.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.take(key)
    }

    /// Puts a parameter into the label.
    pub(super) fn add_to_label(&mut self, key: &str, value: &str) {
        let separator = if self.label == self.name { ':' } else { ',' };
        write!(self.label, "{separator}{key}={value}").expect("writing to a string succeeds");
    }

    /// The label, when nothing is left unread.
    pub(super) fn finish(self) -> Result<String, ContenderError> {
        match self.pairs.first() {
            None => Ok(self.label),
            Some((key, _)) if self.known.is_empty() => {
                Err(self.problem(key, "is unknown; this policy has no parameters"))
            }
            Some((key, _)) => {
                let reason = format!("is unknown; known are {}", self.known.join(", "));
                Err(self.problem(key, &reason))
            }
        }
    }

    /// An error about one parameter.
    pub(super) fn problem(&self, key: &str, reason: &str) -> ContenderError {
        ContenderError::Parameter {
            spec: self.spec.to_owned(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a str> {
        self.known.push(key);
        let place = self.pairs.iter().position(|(other, _)| *other == key)?;
        Some(self.pairs.remove(place).1)
    }
}

/// Splits a list of contenders at semicolons, spaces, and those commas that do not continue the
/// parameters of the one before: `a:x=1,y=2,b` is `a:x=1,y=2` and `b`.
pub(super) fn split_list(list: &str) -> Vec<String> {
    let mut specs: Vec<String> = Vec::new();
    for group in list.split(|c: char| c == ';' || c.is_whitespace()) {
        let first_of_group = specs.len();
        for part in group.split(',').filter(|part| !part.is_empty()) {
            let continues = part.contains('=') && !part.contains(':');
            match specs[first_of_group..].last_mut() {
                Some(spec) if continues && spec.contains(':') => {
                    spec.push(',');
                    spec.push_str(part);
                }
                _ => specs.push(part.to_owned()),
            }
        }
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_parameters_do_not_split_a_list() {
        let split =
            split_list("all,peak_ewma:choices=2,error_factor=0,c3; random prequal:quantile=1");
        assert_eq!(
            split,
            [
                "all",
                "peak_ewma:choices=2,error_factor=0",
                "c3",
                "random",
                "prequal:quantile=1"
            ]
        );
    }

    #[test]
    fn labels_leave_defaults_out_and_keep_one_order() {
        let mut read = Parameters::parse(" p : b=x , a=1.50 ").unwrap();
        assert_eq!(read.name(), "p");
        assert!((read.number("a", 2.0, 0.0..=2.0).unwrap() - 1.5).abs() < 1e-9);
        assert_eq!(read.word("b", &[("y", 1), ("x", 2)]).unwrap(), 2);
        assert_eq!(read.word("c", &[("y", 1)]).unwrap(), 1);
        assert_eq!(read.finish().unwrap(), "p:a=1.5,b=x");
        let mut read = Parameters::parse("p:a=2").unwrap();
        read.number("a", 2.0, 0.0..=2.0).unwrap();
        assert_eq!(read.finish().unwrap(), "p");
    }

    #[test]
    fn wrong_parameters_are_named_with_value_and_reason() {
        let twice = Parameters::parse("p:a=1,a=2").unwrap_err().to_string();
        assert_eq!(twice, "policy `p:a=1,a=2`: a: is there twice");
        let bare = Parameters::parse("p:a").unwrap_err().to_string();
        assert!(bare.contains("a: has no value"), "{bare}");
        for text in ["3", "NaN", "-0.1", "x", ""] {
            let spec = format!("p:a={text}");
            let mut read = Parameters::parse(&spec).unwrap();
            let error = read.number("a", 1.0, 0.0..=2.0).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}` is not a number from 0 to 2")),
                "{error}"
            );
        }
        let mut read = Parameters::parse("p:a=z").unwrap();
        let error = read.word("a", &[("x", 1), ("y", 2)]).unwrap_err();
        assert!(error.to_string().contains("`z` is not one of x, y"));
        let mut read = Parameters::parse("p:q=1").unwrap();
        read.number("a", 1.0, 0.0..=2.0).unwrap();
        let error = read.finish().unwrap_err().to_string();
        assert!(error.contains("q: is unknown; known are a"), "{error}");
    }
}
