//! From a file or a text to a valid configuration, or to every problem in it.

use super::{
    Config, ConfigErrors, Problem,
    cursor::{Place, Report},
    read,
    substitute::substitute,
    tree::Node,
};
use std::{fs::File, io::Read, path::Path};

/// Longest configuration file, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// Reads and validates the file at `path`; `env` gives the values of `${VARIABLES}`.
///
/// Relative paths in the file are kept, so they count from the working directory.
///
/// # Errors
/// Every problem found; a file that cannot be read, is longer than 4 MiB or no text is one.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let source = path.display().to_string();
    let text = read_text(path)
        .map_err(|message| ConfigErrors::new(&source, vec![Problem::with_file(message)], 0))?;
    parse(&text, &source, env)
}

/// Validates a configuration text; `source_name` stands for the file in problems.
///
/// # Errors
/// Every problem found.
pub fn parse(
    text: &str,
    source_name: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let mut node =
        mapping(text).map_err(|problem| ConfigErrors::new(source_name, vec![problem], 0))?;
    let report = Report::default();
    substitute(&mut node, env, &report);
    let config = read::config(&Place::root(&node, &report), source_name);
    report.conclude(source_name, config)
}

fn mapping(text: &str) -> Result<Node, Problem> {
    if text.len() as u64 > MOST_BYTES {
        return Err(Problem::with_file("is longer than 4 MiB"));
    }
    match Node::from_yaml(text)? {
        Node::Null => Err(Problem::with_file("is empty")),
        node @ Node::Map(_) => Ok(node),
        _ => Err(Problem::with_file("expected a mapping, `key: value` lines")),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let not_readable = |error: std::io::Error| format!("cannot be read: {error}");
    // A pipe would block for ever, and a reload could not read it again.
    if !path.metadata().map_err(not_readable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(not_readable)?;
    let mut bytes = Vec::new();
    // One byte more tells a file that is too long from one that just fits.
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(not_readable)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("is not UTF-8 text (byte {at})")
    })
}
