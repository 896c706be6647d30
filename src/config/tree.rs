//! YAML text as a tree of bounded size. Duplicate keys are kept, so that the reader can name them.

use super::errors::{Problem, shortened};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use std::{cell::Cell, fmt};

/// Memory a tree may take, in bytes: a few aliases can make gigabytes out of a short text.
const MOST_BYTES: usize = 64 << 20;
/// Flow collections open at once; libyaml needs time quadratic in this number.
const MOST_OPEN: usize = 1000;
/// Flow collections in all; holds that time to seconds where brackets in comments hide the depth.
const MOST_OPENED: usize = 20_000;

/// One value of a configuration file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// A scalar that was wholly one `${VARIABLE}`: text whose type the reader decides.
    Substituted(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// A value whose problem has been reported already.
    Failed,
}

impl Node {
    /// Reads one YAML document; nesting ends at 128 levels.
    pub(super) fn from_yaml(text: &str) -> Result<Self, Problem> {
        check_brackets(text)?;
        let left = Cell::new(MOST_BYTES);
        NodeSeed { left: &left }
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| syntax_problem(&error))
    }

    /// The value as a problem shows it, on one line; none for collections.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Null | Self::Failed | Self::List(_) | Self::Map(_) => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::Text(text) | Self::Substituted(text) => Some(format!("\"{}\"", shortened(text))),
        }
    }
}

/// Counts brackets without regard to quotes and comments: far above any real file either way.
fn check_brackets(text: &str) -> Result<(), Problem> {
    let (mut open, mut opened) = (0_usize, 0_usize);
    for (index, line) in text.lines().enumerate() {
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => (open, opened) = (open + 1, opened + 1),
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > MOST_OPEN || opened > MOST_OPENED {
                return Err(Problem::on_line(index + 1, "too many brackets"));
            }
        }
    }
    Ok(())
}

fn syntax_problem(error: &serde_yaml::Error) -> Problem {
    let message = error.to_string();
    let Some(at) = error.location() else {
        return Problem::with_file(message);
    };
    let repeated = format!(" at line {} column {}", at.line(), at.column());
    let message = message.strip_suffix(&repeated).unwrap_or(&message);
    Problem::on_line(at.line(), format!("column {}: {message}", at.column()))
}

/// Builds one node and takes its memory from what is left.
#[derive(Clone, Copy)]
struct NodeSeed<'a> {
    left: &'a Cell<usize>,
}

impl NodeSeed<'_> {
    fn take<E: Error>(self, text_bytes: usize) -> Result<(), E> {
        let bytes = size_of::<(String, Node)>() + text_bytes;
        let left = self.left.get().checked_sub(bytes);
        self.left.set(
            left.ok_or_else(|| {
                E::custom("too many values (each use of an alias counts as a copy)")
            })?,
        );
        Ok(())
    }

    fn scalar<E: Error>(self, node: Node) -> Result<Node, E> {
        self.take(0)?;
        Ok(node)
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.scalar(Node::Null)
    }

    /// A file without content.
    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.scalar(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.scalar(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.scalar(Node::Int(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.scalar(Node::Int(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        self.scalar(Node::Int(value))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        self.scalar(i128::try_from(value).map_or(Node::Float(f64::INFINITY), Node::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.scalar(Node::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        self.take(text.len())?;
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        self.take(0)?;
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(self)? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        self.take(0)?;
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(self)? {
            map.push((key_text::<A::Error>(key)?, entries.next_value_seed(self)?));
        }
        Ok(Node::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("tags such as `!name` mean nothing here"))
    }
}

fn key_text<E: Error>(key: Node) -> Result<String, E> {
    match key {
        Node::Text(text) => Ok(text),
        other => match other.shown() {
            Some(shown) => Ok(shown),
            None => Err(E::custom("a key must be a word")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Node::from_yaml(text)
            .expect_err("the text must be refused")
            .to_string()
    }

    #[test]
    fn scalars_keep_their_written_type() {
        let node = Node::from_yaml("[1, -2, 0.5, true, ~, '1', off, 5s]").unwrap();
        let text = |text: &str| Node::Text(text.to_owned());
        let expected = vec![
            Node::Int(1),
            Node::Int(-2),
            Node::Float(0.5),
            Node::Bool(true),
            Node::Null,
            text("1"),
            text("off"),
            text("5s"),
        ];
        assert_eq!(node, Node::List(expected));
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        assert!(problem("a: 1\nb: [1, 2\nc: 3\n").starts_with("line 3: "));
    }

    #[test]
    fn duplicate_keys_are_kept_for_the_reader() {
        let one = |value| ("a".to_owned(), Node::Int(value));
        let node = Node::from_yaml("a: 1\na: 2").unwrap();
        assert_eq!(node, Node::Map(vec![one(1), one(2)]));
    }

    #[test]
    fn tags_second_documents_and_control_characters_are_refused() {
        assert!(problem("a: !secret b").contains("tags"));
        assert!(problem("a: 1\n---\nb: 2").contains("more than one document"));
        assert!(problem("a: \u{0}b").contains("control characters"));
    }

    #[test]
    fn a_number_wider_than_any_integer_is_still_a_number() {
        let node = Node::from_yaml(&format!("{}", u128::MAX)).unwrap();
        assert_eq!(node, Node::Float(f64::INFINITY));
    }

    #[test]
    fn nesting_ends_with_an_error_whatever_the_brackets() {
        for opening in ["[", "{", "{a: ", "[[],"] {
            assert!(problem(&opening.repeat(500_000)).contains("brackets"));
        }
        for opening in ["- ", "? ", "[", "{a: "] {
            assert!(problem(&opening.repeat(500)).contains("recursion limit"));
        }
    }

    #[test]
    fn aliases_cannot_multiply_without_bound() {
        let levels = (1..30).map(|level| format!("- &a{level} [*a{0}, *a{0}]\n", level - 1));
        let bomb = format!("- &a0 x\n{}", levels.collect::<String>());
        assert!(problem(&bomb).contains("repetition limit"));

        let long_text = format!("- &a {}\n{}", "x".repeat(1 << 20), "- *a\n".repeat(100));
        assert!(problem(&long_text).contains("too many values"));
        assert!(problem("a: &a [*a, *a]").contains("recursion limit"));
    }
}
