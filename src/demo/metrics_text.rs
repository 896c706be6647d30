//! Reads the Prometheus text format, as far as the proxy writes it: `name{label="value"} number`.

/// Far more series than a demo has; a text with more is refused.
const MOST_SAMPLES: usize = 50_000;

/// One line with a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// A text that is not in the format.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum BadMetrics {
    /// A line cannot be read.
    #[error("metrics, line {0}: not name{{label=\"value\"}} number")]
    Line(usize),
    /// There is no end to it.
    #[error("metrics: more than {MOST_SAMPLES} series")]
    TooMany,
}

impl Sample {
    /// The value of a label; empty when it has none, as Prometheus takes it.
    pub(super) fn label(&self, name: &str) -> &str {
        let label = self.labels.iter().find(|(label, _)| label == name);
        label.map_or("", |(_, value)| value.as_str())
    }
}

/// Reads all samples of `text`, in its order.
///
/// # Errors
/// A line that is no sample, comment or blank, or more samples than anyone would expect.
pub(super) fn parse(text: &str) -> Result<Vec<Sample>, BadMetrics> {
    let mut samples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if samples.len() == MOST_SAMPLES {
            return Err(BadMetrics::TooMany);
        }
        samples.push(sample(line).ok_or(BadMetrics::Line(index + 1))?);
    }
    Ok(samples)
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?;
    (!name.is_empty()).then_some(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// The text up to the closing quote without its escapes, and what follows the quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_labels_and_numbers_are_read() {
        let text = "# HELP a_total Help {x=\"\"} 1\n# TYPE a_total counter\n\
                    a_total{cluster=\"web\",code=\"200\"} 12\n\nplain 0.5\nb_bucket{le=\"+Inf\"} +Inf\n";
        let samples = parse(text).unwrap();
        assert_eq!(samples.len(), 3);
        assert_eq!(
            (samples[0].name.as_str(), samples[0].value),
            ("a_total", 12.0)
        );
        assert_eq!(
            (samples[0].label("cluster"), samples[0].label("code")),
            ("web", "200")
        );
        assert_eq!(samples[1].label("cluster"), "");
        assert!(samples[2].value.is_infinite());
    }

    #[test]
    fn quotes_braces_and_escapes_in_values_are_part_of_them() {
        let samples = parse("a{x=\"a\\\"},\\\\b\\n\",y=\"}\"} 1").unwrap();
        assert_eq!(samples[0].label("x"), "a\"},\\b\n");
        assert_eq!(samples[0].label("y"), "}");
    }

    #[test]
    fn what_is_no_sample_is_refused_by_its_line() {
        for broken in ["a", "a{", "a{x=\"} 1", "a{x} 1", "a one", "{x=\"1\"} 1"] {
            assert_eq!(
                parse(&format!("ok 1\n{broken}")),
                Err(BadMetrics::Line(2)),
                "{broken}"
            );
        }
    }

    #[test]
    fn an_endless_text_is_refused() {
        assert_eq!(
            parse(&"a 1\n".repeat(MOST_SAMPLES + 1)),
            Err(BadMetrics::TooMany)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-z_{}=\"\\\\, 0-9.+#\n]|\\PC){0,200}") {
            if let Ok(samples) = parse(&text) {
                prop_assert!(samples.len() <= text.lines().count());
            }
        }
    }
}
