//! Finds the paths that a source names. It reads tokens, so that paths inside macros, nested groups
//! and inline `super::super::x` count, while comments and strings do not.

/// The names in `mod name;`, in order.
pub(crate) fn declared_modules(tokens: &[String]) -> Vec<String> {
    let declarations = tokens
        .windows(3)
        .filter(|three| three[0] == "mod" && three[2] == ";");
    declarations.map(|three| three[1].clone()).collect()
}

/// A path that a source names.
#[derive(Debug, PartialEq)]
pub(crate) enum Named {
    /// One of ours, from the crate root, which itself is empty.
    Ours(Vec<String>),
    /// The first segment of any other.
    Foreign(String),
}

/// Every path named in the file of `module`, but those that start at one of its own names.
pub(crate) fn named_paths(tokens: &[String], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut scope = module.to_vec();
    let mut open = Vec::new(); // per open brace: whether it is the body of an inline module
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", String::as_str);
        match token.as_str() {
            "mod" if next(2) == "{" => {
                scope.push(next(1).to_owned());
                open.push(true);
                at += 2;
            }
            "{" => open.push(false),
            "}" if open.pop() == Some(true) => drop(scope.pop()),
            "use" if next(1) != "<" => {
                let tree: Vec<_> = tokens[at + 1..]
                    .iter()
                    .take_while(|token| *token != ";")
                    .collect();
                found.extend(imports(&tree).iter().map(|path| resolve(path, &scope)));
                at += tree.len();
            }
            path if path.contains("::") && path != "::" => found.push(resolve(path, &scope)),
            _ => {}
        }
        at += 1;
    }
    let own = |name: &str| {
        tokens
            .windows(2)
            .any(|two| two[0] == "mod" && two[1] == name)
    };
    found.retain(|named| !matches!(named, Named::Foreign(name) if own(name)));
    found
}

/// The whole paths of a `use` tree: `a::{b, c::*}` gives `a::b` and `a::c::*`.
fn imports(tree: &[&String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut prefixes = vec![String::new()];
    let mut before = "";
    for token in tree {
        let prefix = prefixes.last().cloned().unwrap_or_default();
        let stem = if before == "::" {
            found.pop().map(|path| path + "::")
        } else {
            None
        };
        match token.as_str() {
            "{" => prefixes.push(stem.unwrap_or(prefix)),
            "}" => drop(prefixes.pop()),
            "*" => found.push(stem.unwrap_or(prefix) + "*"),
            "," | "::" | "as" => {}
            _ if before == "as" => {}
            path => found.push(prefix + path),
        }
        before = token;
    }
    found
}

/// Follows `crate`, `self` and `super` from the module `scope`; any other start is foreign.
fn resolve(path: &str, scope: &[String]) -> Named {
    let mut base = scope.to_vec();
    let mut segments = path.split("::").peekable();
    match segments.peek().copied() {
        Some("crate" | "self" | "super") => {}
        first => {
            let absolute = first == Some("");
            return Named::Foreign(
                segments
                    .nth(usize::from(absolute))
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
    }
    for segment in segments {
        match segment {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" | "*" | "" => {}
            name => base.push(name.to_owned()),
        }
    }
    Named::Ours(base)
}

/// Splits a source into paths (`a::b`, plain names too) and single marks, without comments and
/// literals.
pub(crate) fn tokens(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = after_ignored(rest) {
            rest = after;
            continue;
        }
        let end = path_end(rest).max(first.len_utf8());
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}

/// Where the path at the start of `text` ends; a `::` that no name follows stands alone.
fn path_end(text: &str) -> usize {
    let name_end = |from: usize| {
        let name = text[from..].find(|c: char| !c.is_alphanumeric() && c != '_');
        name.map_or(text.len(), |length| from + length)
    };
    let mut end = name_end(0);
    while text[end..].starts_with("::") {
        let next = name_end(end + 2);
        if next == end + 2 {
            return if end == 0 { 2 } else { end };
        }
        end = next;
    }
    end
}

/// What follows the white space, comment or literal at the start of `text`, if one is there.
fn after_ignored(text: &str) -> Option<&str> {
    if text.starts_with(char::is_whitespace) {
        return Some(text.trim_start());
    }
    if text.starts_with("//") {
        return Some(text.split_once('\n').map_or("", |(_, after)| after));
    }
    if let Some(comment) = text.strip_prefix("/*") {
        return Some(after_block_comment(comment));
    }
    if let Some(raw) = text.trim_start_matches(['b', 'c']).strip_prefix('r') {
        let hashes = &raw[..raw.len() - raw.trim_start_matches('#').len()];
        let body = raw[hashes.len()..].strip_prefix('"');
        if let Some(body) = body {
            return Some(
                body.split_once(&format!("\"{hashes}"))
                    .map_or("", |(_, after)| after),
            );
        }
    }
    if let Some(body) = text.strip_prefix('"') {
        return Some(after_quote(body, '"'));
    }
    let character = text.strip_prefix('\'')?;
    let is_lifetime = !character.starts_with('\\') && character.chars().nth(1) != Some('\'');
    Some(if is_lifetime {
        character
    } else {
        after_quote(character, '\'')
    })
}

/// What follows the end of a block comment, which may hold others.
fn after_block_comment(text: &str) -> &str {
    let mut depth = 1;
    let mut rest = text;
    while depth > 0 {
        let Some(mark) = rest.find(['/', '*']) else {
            return "";
        };
        rest = &rest[mark..];
        let step = match rest.get(..2) {
            Some("/*") => 1,
            Some("*/") => -1,
            _ => 0,
        };
        depth += step;
        rest = &rest[if step == 0 { 1 } else { 2 }..];
    }
    rest
}

/// What follows the next `quote` that no backslash escapes.
fn after_quote(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == quote && !escaped {
            return &text[at + 1..];
        }
        escaped = character == '\\' && !escaped;
    }
    ""
}
