//! A table of words and figures, as plain text, Markdown or HTML.

/// Rows under a header; every row has as many cells as the header.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(header: &[&'static str]) -> Self {
        Table {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    /// A row below the others, with a cell for each column.
    pub fn add(&mut self, row: impl IntoIterator<Item = String>) {
        let row: Vec<String> = row.into_iter().collect();
        debug_assert_eq!(row.len(), self.header.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Columns two spaces apart; the first flush left, the others flush right.
    pub fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in self.all_rows() {
            for ((place, cell), width) in row.iter().enumerate().zip(&widths) {
                text.push_str(&match place {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            text.push('\n');
        }
        text
    }

    /// With a rule below the header; the first column flush left, the others flush right.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut rules = vec!["---:".to_owned(); self.header.len()];
        rules[0] = "---".to_owned();
        let mut rows = self.all_rows();
        rows.insert(1, rules);
        rows.iter().map(|row| line(row)).collect()
    }

    /// A `<table>`; every cell is text, whatever it contains.
    pub fn html(&self) -> String {
        let line = |cells: &[String], tag: &str| {
            let cells = cells
                .iter()
                .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let rows = self.all_rows();
        let (header, body) = (&rows[0], &rows[1..]);
        let body: String = body.iter().map(|row| line(row, "td")).collect();
        format!(
            "<table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table>\n",
            line(header, "th")
        )
    }

    fn all_rows(&self) -> Vec<Vec<String>> {
        let header = self.header.iter().map(|cell| (*cell).to_owned()).collect();
        let mut rows = vec![header];
        rows.extend(self.rows.iter().cloned());
        rows
    }

    fn widths(&self) -> Vec<usize> {
        let rows = self.all_rows();
        let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max();
        (0..self.header.len())
            .map(|place| width(place).unwrap_or(0))
            .collect()
    }
}

/// Text that HTML and SVG show as it is, between tags and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["policy", "p99"]);
        table.add(["c3".to_owned(), "1234".to_owned()]);
        table
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(table().text(), "policy   p99\nc3      1234\n");
    }

    #[test]
    fn cells_are_text_in_html() {
        let mut table = Table::new(&["host"]);
        table.add(["<b>\"a&b\"</b>".to_owned()]);
        let html = table.html();
        assert!(
            html.contains("<td>&lt;b&gt;&quot;a&amp;b&quot;&lt;/b&gt;</td>"),
            "{html}"
        );
    }

    #[test]
    fn markdown_has_a_rule_below_the_header() {
        assert_eq!(
            table().markdown(),
            "| policy | p99 |\n| --- | ---: |\n| c3 | 1234 |\n"
        );
    }
}
