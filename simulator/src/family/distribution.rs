//! Distributions in place of values, anywhere in a family file: drawing them, and listing their
//! extremes so that a file is checked whole before anything is drawn.

use super::{error::Problem, stream::Stream};
use serde_yaml::{Mapping, Value};

/// Most extremes of one file: many times what the richest family has. Each is checked alone.
const EXTREMES_MAX: usize = 4096;

/// `written` with a value drawn for each distribution. Every key draws from a stream of its own.
pub(super) fn draw(written: &Value, stream: &Stream) -> Value {
    draw_value(written, stream).unwrap_or(Value::Null)
}

/// All that `written` can become, as far as single distributions go: each at each of its
/// extremes while all others are at their first. Checking these checks the file, since what is
/// allowed for a key is an interval.
///
/// # Errors
/// A distribution that is none, or too many of them.
pub(super) fn extremes(written: &Value) -> Result<Vec<Value>, Problem> {
    let extremes = value_extremes(written, "")?;
    Ok(extremes.into_iter().flatten().collect())
}

/// Whether the mapping is a distribution rather than a section.
pub(super) fn is_distribution(mapping: &Mapping) -> bool {
    ["uniform", "log_uniform", "integer", "one_of", "chance"]
        .iter()
        .any(|key| mapping.contains_key(*key))
}

/// A distribution as written. What is left out by chance is `None`.
enum Distribution<'a> {
    Uniform(f64, f64),
    LogUniform(f64, f64),
    Integer(i64, i64),
    OneOf(&'a [Value]),
    Chance {
        probability: f64,
        then: &'a Value,
        otherwise: Option<&'a Value>,
    },
}

fn draw_value(written: &Value, stream: &Stream) -> Option<Value> {
    match written {
        Value::Mapping(mapping) if is_distribution(mapping) => {
            // Checked when the file was loaded.
            let distribution = Distribution::parse(mapping, "").ok()?;
            draw_distribution(&distribution, stream)
        }
        Value::Mapping(mapping) => Some(Value::Mapping(draw_section(mapping, stream))),
        Value::Sequence(items) => {
            let drawn = items.iter().enumerate();
            let drawn = drawn.filter_map(|(i, item)| draw_value(item, &stream.item(i)));
            Some(Value::Sequence(drawn.collect()))
        }
        plain => Some(plain.clone()),
    }
}

fn draw_section(section: &Mapping, stream: &Stream) -> Mapping {
    section
        .iter()
        .filter_map(|(key, value)| {
            let stream = stream.at(key.as_str().unwrap_or_default());
            Some((key.clone(), draw_value(value, &stream)?))
        })
        .collect()
}

fn draw_distribution(distribution: &Distribution<'_>, stream: &Stream) -> Option<Value> {
    let mut own = stream.at("distribution");
    match *distribution {
        Distribution::Uniform(low, high) => Some(own.uniform(low, high).into()),
        Distribution::LogUniform(low, high) => Some(own.log_uniform(low, high).into()),
        Distribution::Integer(low, high) => {
            let count = low.abs_diff(high).saturating_add(1);
            Some((low + own.below(count as usize) as i64).into())
        }
        Distribution::OneOf(values) => draw_value(values.get(own.below(values.len()))?, stream),
        Distribution::Chance {
            probability,
            then,
            otherwise,
        } => {
            if own.chance(probability) {
                draw_value(then, &stream.at("then"))
            } else {
                draw_value(otherwise?, &stream.at("else"))
            }
        }
    }
}

fn value_extremes(written: &Value, path: &str) -> Result<Vec<Option<Value>>, Problem> {
    let extremes = match written {
        Value::Mapping(mapping) if is_distribution(mapping) => {
            distribution_extremes(&Distribution::parse(mapping, path)?, path)?
        }
        Value::Mapping(mapping) => section_extremes(mapping, path)?,
        Value::Sequence(items) => list_extremes(items, path)?,
        plain => vec![Some(plain.clone())],
    };
    if extremes.len() > EXTREMES_MAX {
        let reason = format!("more than {EXTREMES_MAX} alternatives");
        return Err(Problem::new(path, reason));
    }
    Ok(extremes)
}

fn distribution_extremes(
    distribution: &Distribution<'_>,
    path: &str,
) -> Result<Vec<Option<Value>>, Problem> {
    Ok(match *distribution {
        Distribution::Uniform(low, high) | Distribution::LogUniform(low, high) => {
            vec![Some(low.into()), Some(high.into())]
        }
        Distribution::Integer(low, high) => vec![Some(low.into()), Some(high.into())],
        Distribution::OneOf(values) => {
            let mut all = Vec::new();
            for value in values {
                all.extend(value_extremes(value, path)?);
            }
            all
        }
        Distribution::Chance {
            then, otherwise, ..
        } => {
            let mut all = value_extremes(then, path)?;
            match otherwise {
                Some(value) => all.extend(value_extremes(value, path)?),
                None => all.push(None),
            }
            all
        }
    })
}

fn section_extremes(section: &Mapping, path: &str) -> Result<Vec<Option<Value>>, Problem> {
    let mut keys = Vec::with_capacity(section.len());
    let mut columns = Vec::with_capacity(section.len());
    for (key, value) in section {
        let Some(name) = key.as_str() else {
            return Err(Problem::new(path, format!("{key:?} is not a key")));
        };
        columns.push(value_extremes(value, &join(path, name))?);
        keys.push(key);
    }
    let rows = one_at_a_time(&columns, path)?.into_iter();
    Ok(rows
        .map(|row| {
            let pairs = keys.iter().zip(row);
            let pairs = pairs.filter_map(|(key, value)| Some(((*key).clone(), value?)));
            Some(Value::Mapping(pairs.collect()))
        })
        .collect())
}

fn list_extremes(items: &[Value], path: &str) -> Result<Vec<Option<Value>>, Problem> {
    let columns: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(i, item)| value_extremes(item, &format!("{path}[{i}]")))
        .collect::<Result<_, _>>()?;
    let rows = one_at_a_time(&columns, path)?.into_iter();
    Ok(rows
        .map(|row| Some(Value::Sequence(row.into_iter().flatten().collect())))
        .collect())
}

/// The row of all first entries, then every row that differs from it in one.
fn one_at_a_time(
    columns: &[Vec<Option<Value>>],
    path: &str,
) -> Result<Vec<Vec<Option<Value>>>, Problem> {
    let first: Vec<Option<Value>> = columns
        .iter()
        .map(|column| column.first().cloned().flatten())
        .collect();
    let others: usize = columns.iter().map(|c| c.len().saturating_sub(1)).sum();
    if others > EXTREMES_MAX {
        let reason = format!("more than {EXTREMES_MAX} alternatives");
        return Err(Problem::new(path, reason));
    }
    let mut rows = vec![first.clone()];
    for (i, column) in columns.iter().enumerate() {
        for value in column.iter().skip(1) {
            let mut row = first.clone();
            row[i] = value.clone();
            rows.push(row);
        }
    }
    Ok(rows)
}

impl<'a> Distribution<'a> {
    fn parse(mapping: &'a Mapping, path: &str) -> Result<Self, Problem> {
        let problem = |reason: &str| {
            let text = serde_yaml::to_string(mapping).unwrap_or_default();
            Problem::new(
                path,
                format!("`{}` {reason}", text.trim().replace('\n', ", ")),
            )
        };
        if let Some(probability) = mapping.get("chance") {
            return Self::parse_chance(mapping, probability).map_err(problem);
        }
        let Some((key, value)) = mapping.iter().next().filter(|_| mapping.len() == 1) else {
            return Err(problem("mixes a distribution with other keys"));
        };
        let parsed = match key.as_str().unwrap_or_default() {
            "uniform" => ends(value).map(|(low, high)| Self::Uniform(low, high)),
            "log_uniform" => positive_ends(value).map(|(low, high)| Self::LogUniform(low, high)),
            "integer" => integer_ends(value).map(|(low, high)| Self::Integer(low, high)),
            _ => one_of(value).map(Self::OneOf),
        };
        parsed.map_err(problem)
    }

    fn parse_chance(mapping: &'a Mapping, probability: &Value) -> Result<Self, &'static str> {
        let known = |key: &Value| matches!(key.as_str(), Some("chance" | "then" | "else"));
        if !mapping.keys().all(known) {
            return Err("may have `chance`, `then` and `else` only");
        }
        let probability = probability.as_f64().filter(|p| (0.0..=1.0).contains(p));
        Ok(Self::Chance {
            probability: probability.ok_or("needs a `chance` of 0 to 1")?,
            then: mapping.get("then").ok_or("needs a `then`")?,
            otherwise: mapping.get("else"),
        })
    }
}

fn ends(value: &Value) -> Result<(f64, f64), &'static str> {
    let ends = pair(value).and_then(|(low, high)| Some((low.as_f64()?, high.as_f64()?)));
    ends.filter(|(low, high)| low.is_finite() && high.is_finite() && low <= high)
        .ok_or("needs two numbers in ascending order")
}

fn positive_ends(value: &Value) -> Result<(f64, f64), &'static str> {
    let (low, high) = ends(value)?;
    if low > 0.0 {
        Ok((low, high))
    } else {
        Err("needs two numbers above 0")
    }
}

fn integer_ends(value: &Value) -> Result<(i64, i64), &'static str> {
    /// Far above what any key allows, and far below what would overflow.
    const LARGEST: i64 = 1 << 40;
    let ends = pair(value).and_then(|(low, high)| Some((low.as_i64()?, high.as_i64()?)));
    ends.filter(|(low, high)| -LARGEST <= *low && low <= high && *high <= LARGEST)
        .ok_or("needs two integers in ascending order")
}

fn one_of(value: &Value) -> Result<&[Value], &'static str> {
    match value.as_sequence() {
        Some(values) if !values.is_empty() => Ok(values),
        _ => Err("needs a list of at least one value"),
    }
}

fn pair(value: &Value) -> Option<(&Value, &Value)> {
    match value.as_sequence()?.as_slice() {
        [low, high] => Some((low, high)),
        _ => None,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    fn drawn(text: &str, seed: u64) -> Value {
        draw(&yaml(text), &Stream::new("family", seed))
    }

    #[test]
    fn draws_stay_within_their_distribution() {
        for seed in 0..200 {
            let text = "{u: {uniform: [2, 3]}, l: {log_uniform: [0.1, 10]}, i: {integer: [3, 5]}, \
                        o: {one_of: [7, {integer: [8, 9]}]}}";
            let value = drawn(text, seed);
            let number = |key: &str| value[key].as_f64().unwrap();

            assert!((2.0..3.0).contains(&number("u")));
            assert!((0.1..10.0).contains(&number("l")));
            assert!((3.0..=5.0).contains(&number("i")) && value["i"].is_i64());
            assert!((7.0..=9.0).contains(&number("o")));
        }
    }

    #[test]
    fn chance_chooses_a_branch_or_leaves_the_key_out() {
        let count = |text: &str, wanted: &Value| {
            (0..2000)
                .filter(|&seed| drawn(text, seed) == *wanted)
                .count()
        };

        let rare = count(
            "a: {chance: 0.25, then: {b: 1}, else: 2}",
            &yaml("a: {b: 1}"),
        );
        assert!((400..600).contains(&rare), "{rare} of 2000");
        let left_out = count("a: {chance: 0.25, then: 1}", &yaml("{}"));
        assert!((1400..1600).contains(&left_out), "{left_out} of 2000");
    }

    #[test]
    fn fixing_one_value_leaves_the_other_draws_alone() {
        let both = drawn("{a: {uniform: [0, 1]}, s: {b: {uniform: [0, 1]}}}", 5);
        let fixed = drawn("{a: 3, s: {b: {uniform: [0, 1]}}}", 5);
        let wrapped = drawn("{s: {b: {uniform: [0, 1]}, c: 1}}", 5);

        assert_eq!(both["s"]["b"], fixed["s"]["b"]);
        assert_eq!(both["s"]["b"], wrapped["s"]["b"]);
    }

    #[test]
    fn extremes_vary_one_distribution_at_a_time() {
        let text = "{a: {uniform: [0, 1]}, b: {chance: 0.5, then: {one_of: [x, y]}}}";
        let expected = [
            "{a: 0.0, b: x}",
            "{a: 1.0, b: x}",
            "{a: 0.0, b: y}",
            "{a: 0.0}",
        ];

        assert_eq!(extremes(&yaml(text)).unwrap(), expected.map(yaml).to_vec());
    }

    #[test]
    fn what_is_no_distribution_is_refused_by_key_and_value() {
        for (text, reason) in [
            ("{uniform: [3, 2]}", "ascending"),
            ("{uniform: [1]}", "two numbers"),
            ("{uniform: [.nan, 1]}", "two numbers"),
            ("{log_uniform: [0, 1]}", "above 0"),
            ("{integer: [0.5, 1]}", "two integers"),
            ("{one_of: []}", "at least one"),
            ("{one_of: 3}", "at least one"),
            ("{chance: 1.5, then: 1}", "0 to 1"),
            ("{chance: 0.5}", "`then`"),
            ("{chance: 0.5, then: 1, otherwise: 2}", "only"),
            ("{uniform: [1, 2], one_of: [1]}", "mixes"),
        ] {
            let problem = extremes(&yaml(&format!("servers: {{count: {text}}}"))).unwrap_err();

            assert_eq!(problem.key, "servers.count");
            assert!(problem.reason.contains(reason), "{problem}");
        }
    }

    #[test]
    fn a_file_of_endless_alternatives_is_refused() {
        let values = vec!["1"; EXTREMES_MAX + 1].join(",");
        let problem = extremes(&yaml(&format!("a: {{one_of: [{values}]}}"))).unwrap_err();

        assert!(problem.reason.contains("alternatives"), "{problem}");
    }
}
