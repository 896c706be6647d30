//! Charts as inline SVG. Colours are classes, so that the page decides for light and dark.

use crate::figures::Quantiles;
use crate::table::escaped;

const WIDTH: f64 = 960.0;

/// A row of [`quantiles`].
#[derive(Debug)]
pub(crate) struct Range<'a> {
    pub(crate) name: &'a str,
    pub(crate) ms: Quantiles,
}

/// A line of [`over_time`].
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// CSS class, which gives the colour.
    pub(crate) class: &'static str,
    pub(crate) values: Vec<f64>,
}

/// Times that are marked in [`over_time`].
#[derive(Debug)]
pub(crate) struct Mark<'a> {
    pub(crate) name: &'a str,
    pub(crate) at_s: f64,
}

/// p50, p95 and p99 of each row on a logarithmic scale.
pub(crate) fn quantiles(rows: &[Range<'_>]) -> String {
    const ROW: f64 = 26.0;
    const TOP: f64 = 30.0;
    let scale = Decades::around(rows);
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = open(bottom + 30.0, "latency quantiles");
    legend(&mut svg, &[("p50", "c1"), ("p95", "c2"), ("p99", "c3")]);
    for (ms, x) in scale.lines() {
        line(&mut svg, "grid", (x, TOP), (x, bottom));
        text(
            &mut svg,
            "mid",
            (x, bottom + 18.0),
            &format!("{} ms", short(ms)),
        );
    }
    for (place, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (place as f64 + 0.5);
        range(&mut svg, &scale, row, y);
    }
    close(svg)
}

fn range(svg: &mut String, scale: &Decades, row: &Range<'_>, y: f64) {
    let ms = &row.ms;
    text(svg, "end", (LEFT - 10.0, y + 4.0), &cut(row.name));
    line(svg, "stem", (scale.x(ms.p50), y), (scale.x(ms.p99), y));
    for (class, name, value) in [
        ("c3", "p99", ms.p99),
        ("c2", "p95", ms.p95),
        ("c1", "p50", ms.p50),
    ] {
        put(
            svg,
            format_args!(
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{} {name} {} ms</title></circle>",
                scale.x(value),
                escaped(row.name),
                short(value),
            ),
        );
    }
    let figures = format!("{} / {} / {}", short(ms.p50), short(ms.p95), short(ms.p99));
    text(svg, "start", (RIGHT + 12.0, y + 4.0), &figures);
}

/// As much of a name as there is room for left of the chart.
fn cut(name: &str) -> String {
    const MOST: usize = 21;
    match name.char_indices().nth(MOST) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

const LEFT: f64 = 170.0;
const RIGHT: f64 = WIDTH - 130.0;

/// A logarithmic scale over whole decades of milliseconds.
struct Decades {
    first: i32,
    last: i32,
}

impl Decades {
    fn around(rows: &[Range<'_>]) -> Self {
        let values = || rows.iter().flat_map(|row| [row.ms.p50, row.ms.p99]);
        let positive = || values().filter(|ms| *ms > 0.0);
        let least = positive().fold(f64::INFINITY, f64::min).clamp(0.01, 1e6);
        let most = positive().fold(0.01, f64::max);
        let first = least.log10().floor() as i32;
        Decades {
            first,
            last: (most.log10().ceil() as i32).max(first + 1),
        }
    }

    fn x(&self, ms: f64) -> f64 {
        let decades = f64::from(self.last - self.first);
        let share = (ms.max(1e-9).log10() - f64::from(self.first)) / decades;
        LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0)
    }

    fn lines(&self) -> impl Iterator<Item = (f64, f64)> {
        let powers = self.first..=self.last;
        powers.map(|power| (10_f64.powi(power), self.x(10_f64.powi(power))))
    }
}

/// Lines over the seconds of a run; the first is filled down to zero.
pub(crate) fn over_time(span_s: u64, lines: &[Line], marks: &[Mark<'_>]) -> String {
    let spans = lines
        .iter()
        .map(|line| line.values.len())
        .max()
        .unwrap_or(0);
    let values = lines.iter().flat_map(|line| &line.values);
    let area = Area {
        seconds: (spans as f64 * span_s as f64).max(1.0),
        most: values
            .fold(0.0, |most: f64, value| most.max(*value))
            .max(1.0),
    };
    let mut svg = open(Area::BOTTOM + 30.0, "figures over time");
    let names: Vec<_> = lines.iter().map(|line| (line.name, line.class)).collect();
    legend(&mut svg, &names);
    area.grid(&mut svg);
    for (place, mark) in marks.iter().enumerate() {
        // In two heights, so that names of short phases stay apart.
        let height = Area::TOP + 12.0 + 13.0 * (place % 2) as f64;
        let x = area.x(mark.at_s);
        line(&mut svg, "mark", (x, Area::TOP), (x, Area::BOTTOM));
        text(&mut svg, "note", (x + 5.0, height), mark.name);
    }
    for (place, line) in lines.iter().enumerate() {
        area.draw(&mut svg, line, span_s, place == 0);
    }
    close(svg)
}

/// The plane of a chart over time.
struct Area {
    seconds: f64,
    most: f64,
}

impl Area {
    const TOP: f64 = 30.0;
    const BOTTOM: f64 = 230.0;
    const LEFT: f64 = 60.0;
    const RIGHT: f64 = WIDTH - 20.0;

    fn x(&self, seconds: f64) -> f64 {
        Area::LEFT + (Area::RIGHT - Area::LEFT) * (seconds / self.seconds).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        Area::BOTTOM - (Area::BOTTOM - Area::TOP) * value / (self.most * 1.05)
    }

    fn grid(&self, svg: &mut String) {
        for value in ticks(self.most, 5.0) {
            let y = self.y(value);
            line(svg, "grid", (Area::LEFT, y), (Area::RIGHT, y));
            text(svg, "end", (Area::LEFT - 8.0, y + 4.0), &short(value));
        }
        for seconds in ticks(self.seconds, 8.0) {
            let at = (self.x(seconds), Area::BOTTOM + 18.0);
            text(svg, "mid", at, &format!("{} s", short(seconds)));
        }
    }

    /// A value stands in the middle of its span.
    fn draw(&self, svg: &mut String, line: &Line, span_s: u64, filled: bool) {
        let mut points = String::new();
        let mut last_x = self.x(0.0);
        for (place, value) in line.values.iter().enumerate() {
            last_x = self.x((place as f64 + 0.5) * span_s as f64);
            put(
                &mut points,
                format_args!("{last_x:.1},{:.1} ", self.y(*value)),
            );
        }
        let class = line.class;
        if filled {
            let (first_x, floor) = (self.x(0.5 * span_s as f64), Area::BOTTOM);
            put(
                svg,
                format_args!(
                    "<polygon class=\"{class} fill\" points=\"{first_x:.1},{floor} {points}{last_x:.1},{floor}\"/>"
                ),
            );
        }
        put(
            svg,
            format_args!("<polyline class=\"{class} line\" points=\"{points}\"/>"),
        );
    }
}

/// Round values from 0 up to `most`, about so many.
fn ticks(most: f64, about: f64) -> Vec<f64> {
    let rough = most / about;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(most);
    let count = (most / step).floor() as u32;
    (0..=count).map(|place| f64::from(place) * step).collect()
}

/// Three digits or the whole part.
fn short(value: f64) -> String {
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn open(height: f64, what: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{what}\">\n")
}

fn close(mut svg: String) -> String {
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, entries: &[(&str, &str)]) {
    let mut x = 8.0;
    for (name, class) in entries {
        put(
            svg,
            format_args!("<circle class=\"{class}\" cx=\"{x}\" cy=\"11\" r=\"5\"/>"),
        );
        text(svg, "start", (x + 10.0, 15.0), name);
        x += 34.0 + 7.0 * name.chars().count() as f64;
    }
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    put(
        svg,
        format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1,
        ),
    );
}

fn text(svg: &mut String, class: &str, at: (f64, f64), words: &str) {
    let (x, y, words) = (at.0, at.1, escaped(words));
    put(
        svg,
        format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"),
    );
}

fn put(svg: &mut String, words: std::fmt::Arguments<'_>) {
    svg.push_str(&words.to_string());
    svg.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_almost_to_the_top() {
        assert_eq!(ticks(100.0, 5.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(1.0, 5.0).len(), 6);
        let most = *ticks(347.0, 5.0).last().unwrap();
        assert!((250.0..=347.0).contains(&most), "{most}");
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.25, 1.5, 20.0, 123.4, 100.0].map(short);
        assert_eq!(texts, ["0", "0.25", "1.5", "20", "123", "100"]);
    }

    #[test]
    fn every_row_and_line_is_drawn_within_the_picture() {
        let ms = Quantiles {
            p50: 2.0,
            p95: 30.0,
            p99: 400.0,
            ..Quantiles::default()
        };
        let svg = quantiles(&[Range { name: "<add>", ms }]);
        assert!(
            svg.contains("&lt;add&gt;") && svg.contains("2 / 30 / 400"),
            "{svg}"
        );
        let scale = Decades::around(&[Range { name: "", ms }]);
        assert_eq!((scale.first, scale.last), (0, 3));
        assert!((scale.x(1000.0) - RIGHT).abs() < 1e-9);

        let rate = Line {
            name: "requests",
            class: "c1",
            values: vec![0.0, 10.0, 5.0],
        };
        let marks = [Mark {
            name: "spike",
            at_s: 1.0,
        }];
        let svg = over_time(1, &[rate], &marks);
        assert!(svg.contains("spike") && svg.contains("<polygon"), "{svg}");
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn nothing_measured_draws_an_empty_chart() {
        let svg = quantiles(&[]) + &over_time(1, &[], &[]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
