//! `${VARIABLE}` and `${VARIABLE:-default}` in text values; `$$` is a plain `$`. Keys stay as written.

use super::{cursor::Report, errors::shortened, tree::Node};

/// Text that substitution may produce in one file, in bytes: a long variable may be named often.
const MOST_BYTES: usize = 16 << 20;

/// Where the values of variables come from.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces variables in every text under `node`; a variable that is not set is reported.
///
/// As in a shell, `:-` gives its default for an empty variable as well.
pub(super) fn substitute(node: &mut Node, env: Environment<'_>, report: &Report) {
    let mut pass = Pass {
        env,
        report,
        bytes_left: MOST_BYTES,
    };
    pass.visit(node, &mut String::new());
}

struct Pass<'a> {
    env: Environment<'a>,
    report: &'a Report,
    bytes_left: usize,
}

impl Pass<'_> {
    /// Walks the tree; its depth is bounded where it is built.
    fn visit(&mut self, node: &mut Node, path: &mut String) {
        let parent = path.len();
        match node {
            Node::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    self.visit(item, path);
                    path.truncate(parent);
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    let dot = if parent == 0 { "" } else { "." };
                    path.push_str(&format!("{dot}{}", shortened(key)));
                    self.visit(value, path);
                    path.truncate(parent);
                }
            }
            Node::Text(text) if text.contains('$') => {
                let replaced = self.expand(text);
                *node = replaced.unwrap_or_else(|message| {
                    self.report.at(path, node.shown(), message);
                    Node::Failed
                });
            }
            _ => {}
        }
    }

    fn expand(&mut self, text: &str) -> Result<Node, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            expanded.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            if let Some(inside) = after.strip_prefix('{') {
                let (reference, after) = inside.split_once('}').ok_or("`${` without `}`")?;
                expanded.push_str(&self.value(reference)?);
                rest = after;
            } else {
                expanded.push('$');
                rest = after.strip_prefix('$').unwrap_or(after);
            }
            self.check_size(&expanded)?;
        }
        expanded.push_str(rest);
        self.check_size(&expanded)?;
        self.bytes_left -= expanded.len();
        Ok(if is_one_variable(text) {
            Node::Substituted(expanded)
        } else {
            Node::Text(expanded)
        })
    }

    fn value(&self, reference: &str) -> Result<String, String> {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_variable_name(name) {
            return Err(format!("\"{}\" is no variable name", shortened(name)));
        }
        match ((self.env)(name), default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(format!(
                "environment variable {name} is not set (${{{name}:-value}} gives a default)"
            )),
        }
    }

    fn check_size(&self, expanded: &str) -> Result<(), String> {
        if expanded.len() > self.bytes_left {
            return Err("the file grows too large by its variables".to_owned());
        }
        Ok(())
    }
}

fn is_one_variable(text: &str) -> bool {
    text.starts_with("${") && text.find('}') == Some(text.len() - 1)
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts_well = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.len() <= 256
        && bytes.next().is_some_and(starts_well)
        && bytes.all(|byte| starts_well(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "PORT" => Some("8080".into()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("${PORT}".into()),
            "LONG" => Some("x".repeat(1 << 20)),
            _ => None,
        }
    }

    fn substituted(yaml: &str) -> Result<Node, String> {
        let report = Report::default();
        let mut node = Node::from_yaml(yaml).unwrap();
        substitute(&mut node, &env, &report);
        let result = report.conclude("x", node);
        result.map_err(|errors| errors.problems()[0].to_string())
    }

    fn text(text: &str) -> Result<Node, String> {
        Ok(Node::Text(text.to_owned()))
    }

    #[test]
    fn variables_defaults_and_dollars_are_replaced_inside_text() {
        assert_eq!(substituted("a:${PORT}/b"), text("a:8080/b"));
        assert_eq!(substituted("x${NONE:-d}y${EMPTY:-e}"), text("xdye"));
        assert_eq!(substituted("x${EMPTY}y"), text("xy"));
        assert_eq!(substituted("$$5 $x 100$"), text("$5 $x 100$"));
        assert_eq!(substituted("'$${PORT}'"), text("${PORT}"));
        assert_eq!(substituted("'x${DOLLAR}'"), text("x${PORT}"));
    }

    #[test]
    fn a_scalar_that_is_wholly_one_variable_leaves_its_type_open() {
        let open = |text: &str| Ok(Node::Substituted(text.to_owned()));
        assert_eq!(substituted("${PORT}"), open("8080"));
        assert_eq!(substituted("${NONE:-7}"), open("7"));
        assert_eq!(substituted("${PORT}${PORT}"), text("80808080"));
    }

    #[test]
    fn an_unset_variable_is_reported_with_key_and_name() {
        let problem = substituted("a: { b: [x, '${NONE}'] }").unwrap_err();
        assert!(problem.starts_with("a.b[1]: \"${NONE}\": "), "{problem}");
        assert!(problem.contains("variable NONE is not set"), "{problem}");
    }

    #[test]
    fn malformed_references_are_reported() {
        for reference in ["'${PORT'", "'${}'", "'${1A}'", "'${A B}'", "'x${:-d}'"] {
            assert!(substituted(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_long_variable_named_often_is_refused() {
        let yaml = "- ${LONG}\n".repeat(17);
        assert!(substituted(&yaml).unwrap_err().contains("too large"));
    }
}
