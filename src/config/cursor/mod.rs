//! A cursor over a configuration tree: it knows the key path, reports problems and unknown keys.
//! Every reader returns a usable value after a problem, so that one pass finds all problems.

mod fields;
mod place;

pub(super) use self::{
    fields::{Fields, hint},
    place::Place,
};

use super::errors::{ConfigErrors, MOST_PROBLEMS, Problem};
use std::cell::{Cell, RefCell};

/// Collects the problems of one file.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    omitted: Cell<usize>,
    /// Key paths asked for, list positions left out; the test of the example file reads it.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeSet<String>>,
}

impl Report {
    /// Notes a problem with the setting at `path`; beyond 200 they are only counted.
    pub(super) fn at(&self, path: &str, value: Option<String>, message: impl Into<String>) {
        if self.is_full() {
            self.omitted.set(self.omitted.get() + 1);
            return;
        }
        let problem = if path.is_empty() {
            Problem::with_file(message)
        } else {
            Problem::at_key(path, value, message)
        };
        self.problems.borrow_mut().push(problem);
    }

    /// `value` if there was no problem, else all of them in the order they were found.
    pub(super) fn conclude<T>(self, source: &str, value: T) -> Result<T, ConfigErrors> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        Err(ConfigErrors::new(source, problems, self.omitted.get()))
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MOST_PROBLEMS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Node;
    use std::time::Duration;

    fn problems(yaml: &str, read: impl Fn(&Fields<'_>)) -> Vec<String> {
        let node = Node::from_yaml(yaml).unwrap();
        let report = Report::default();
        read(&Place::root(&node, &report).fields());
        match report.conclude("x", ()) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.problems().iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn problems_beyond_the_limit_are_counted_not_kept() {
        let yaml: String = (0..MOST_PROBLEMS + 7)
            .map(|n| format!("k{n}: 1\n"))
            .collect();
        let node = Node::from_yaml(&yaml).unwrap();
        let report = Report::default();
        drop(Place::root(&node, &report).fields());
        let errors = report.conclude("x", ()).unwrap_err();
        assert_eq!(errors.problems().len(), MOST_PROBLEMS);
        assert!(errors.to_string().ends_with("and 7 more problems"));
    }

    #[test]
    fn keys_never_asked_for_are_reported_with_a_near_word() {
        let found = problems("{ intervall: 1, zebra: 2, interval: 3 }", |fields| {
            fields.get("interval");
        });
        assert_eq!(
            found,
            [
                "intervall: unknown key, did you mean interval?",
                "zebra: unknown key"
            ]
        );
    }

    #[test]
    fn a_key_written_twice_is_reported_once_per_repetition() {
        let found = problems("{ a: 1, a: 2, a: 3 }", |fields| {
            fields.get("a");
        });
        assert_eq!(found, ["a: is written twice"; 2]);
    }

    #[test]
    fn a_wrong_value_is_reported_and_the_default_goes_on() {
        let found = problems("{ n: 11, d: 5, s: -1, p: .nan }", |fields| {
            assert_eq!(fields.integer("n", 7_u32, 1..=10), 7);
            let second = Duration::from_secs(1);
            assert_eq!(
                fields.duration("d", second, Duration::ZERO..=second),
                second
            );
            assert_eq!(fields.size("s", 9, 0..=100), 9);
            assert!(fields.percent("p", 0.5, 100.0) > 0.49);
        });
        assert_eq!(
            found,
            [
                "n: 11: must be a whole number from 1 to 10",
                "d: 5: not a duration (write 250ms, 5s, 1m)",
                "s: -1: not a size (write 512, 64KiB, 1MB, 10MiB)",
                "p: NaN: must be a number from 0 to 100",
            ]
        );
    }

    #[test]
    fn a_key_without_a_value_is_a_problem_unless_it_is_a_mapping() {
        let found = problems("{ n: , section: }", |fields| {
            fields.integer("n", 1_u32, 0..=1);
            fields.section("section").get("inner");
        });
        assert_eq!(found, ["n: has no value"]);
    }

    #[test]
    fn text_that_yaml_reads_as_a_number_must_be_quoted() {
        let found = problems("{ a: 1.10, b: '1.10' }", |fields| {
            assert_eq!(fields.get("a").unwrap().text(), None);
            assert_eq!(fields.get("b").unwrap().text(), Some("1.10"));
        });
        assert_eq!(found, ["a: 1.1: expected text: put it in quotes"]);
    }

    #[test]
    fn paths_name_list_positions_and_nested_keys() {
        let found = problems("list: [{ a: {} }, { a: { b: x } }]", |fields| {
            for item in fields.get("list").unwrap().items() {
                item.fields().section("a").integer("b", 0, 0..=1);
            }
        });
        assert_eq!(found, ["list[1].a.b: \"x\": not a whole number"]);
    }
}
