//! How `{{variables}}` are found in a text and filled in.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value};

/// A rendered text. Variables may repeat, so that a short template could make a long one.
pub(crate) const LONGEST_RENDERED: usize = 10_000;
const LONGEST_NAME: usize = 64;

/// Why a text is no template, or cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// `{{` without `}}`.
    #[error("{{{{ at byte {0} is not closed")]
    Unclosed(usize),
    /// What stands between the braces.
    #[error("{0:?} is not a variable: 1 to 64 letters, digits, '_' or '.'")]
    BadName(String),
    /// Every variable that has no value.
    #[error("unresolved variables: {}", .0.join(", "))]
    Unresolved(Vec<String>),
    /// The value is a list or an object.
    #[error("variable {0} must be a text, a number or a boolean")]
    NotPlain(String),
    #[error("rendered text is longer than {LONGEST_RENDERED} bytes")]
    TooLong,
}

#[derive(Clone, Copy, Debug)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The names of all variables of the text.
pub(crate) fn variables(text: &str) -> Result<BTreeSet<String>, Problem> {
    let pieces = pieces(text)?.into_iter();
    let names = pieces.filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name.to_owned()),
        Piece::Text(_) => None,
    });
    Ok(names.collect())
}

/// The text with every variable's value in its place. Values are not searched for variables.
pub(crate) fn render(text: &str, values: &Map<String, Value>) -> Result<String, Problem> {
    let pieces = pieces(text)?;
    let mut rendered = String::new();
    let mut unresolved = BTreeSet::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Variable(name) => match values.get(name) {
                None | Some(Value::Null) => drop(unresolved.insert(name.to_owned())),
                Some(value) => write_value(&mut rendered, name, value)?,
            },
        }
        if rendered.len() > LONGEST_RENDERED {
            return Err(Problem::TooLong);
        }
    }
    if unresolved.is_empty() {
        return Ok(rendered);
    }
    Err(Problem::Unresolved(unresolved.into_iter().collect()))
}

fn write_value(rendered: &mut String, name: &str, value: &Value) -> Result<(), Problem> {
    let not_plain = || Problem::NotPlain(name.to_owned());
    match value {
        Value::String(text) => rendered.push_str(text),
        Value::Number(_) | Value::Bool(_) => {
            write!(rendered, "{value}").map_err(|_| not_plain())?;
        }
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(not_plain()),
    }
    Ok(())
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let unclosed = || Problem::Unclosed(text.len() - after.len() - 2);
        let (name, behind) = after.split_once("}}").ok_or_else(unclosed)?;
        let name = name.trim();
        if !is_name(name) {
            return Err(Problem::BadName(name.chars().take(LONGEST_NAME).collect()));
        }
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Variable(name));
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn filled(text: &str, values: Value) -> Result<String, Problem> {
        render(text, values.as_object().unwrap())
    }

    #[test]
    fn values_take_the_place_of_their_variables() {
        let values = json!({"name": "Ada", "count": 3, "due": 1.5, "paid": true});
        let text = "Hi {{name}}, {{ count }} for {{due}}: {{paid}} }} {";
        assert_eq!(
            filled(text, values).unwrap(),
            "Hi Ada, 3 for 1.5: true }} {"
        );
    }

    #[test]
    fn a_value_is_not_searched_for_variables() {
        let values = json!({"a": "{{b}}", "b": "secret"});
        assert_eq!(filled("{{a}}", values).unwrap(), "{{b}}");
    }

    #[test]
    fn every_unresolved_variable_is_named() {
        let problem = filled("{{a}} {{b}} {{c}} {{a}}", json!({"b": 1, "c": null})).unwrap_err();
        assert_eq!(problem, Problem::Unresolved(vec!["a".into(), "c".into()]));
        assert_eq!(problem.to_string(), "unresolved variables: a, c");
    }

    #[test]
    fn what_is_no_variable_is_an_error() {
        assert_eq!(variables("a {{b"), Err(Problem::Unclosed(2)));
        assert_eq!(variables("{{}}"), Err(Problem::BadName(String::new())));
        assert_eq!(variables("{{a b}}"), Err(Problem::BadName("a b".into())));
        let problem = filled("{{a}}", json!({"a": []})).unwrap_err();
        assert_eq!(problem, Problem::NotPlain("a".into()));
        assert_eq!(
            Problem::Unclosed(2).to_string(),
            "{{ at byte 2 is not closed"
        );
    }

    #[test]
    fn a_rendered_text_has_a_limit() {
        let text = "{{a}}".repeat(200);
        let problem = filled(&text, json!({"a": "x".repeat(100)})).unwrap_err();
        assert_eq!(problem, Problem::TooLong);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[{} a.b]{0,40}|\\PC{0,40}") {
            if let Ok(names) = variables(&text) {
                let values = names.iter().map(|name| (name.clone(), json!("v"))).collect();
                prop_assert!(render(&text, &values).is_ok());
                let none = render(&text, &Map::new());
                prop_assert_eq!(none.is_ok(), names.is_empty());
            }
        }

        #[test]
        fn a_text_without_braces_stays_as_it_is(text in "[^{}]{0,100}") {
            prop_assert_eq!(render(&text, &Map::new()).unwrap(), text);
        }

        #[test]
        fn values_stand_between_the_texts(before in "[^{]{0,20}", value in "\\PC{0,20}", after in "[^{]{0,20}") {
            let text = format!("{before}{{{{ x }}}}{after}");
            let values = json!({"x": value}).as_object().unwrap().clone();
            prop_assert_eq!(render(&text, &values).unwrap(), format!("{before}{value}{after}"));
        }
    }
}
