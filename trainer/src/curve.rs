//! The curve of a run as SVG: how the networks fared from round to round, and their mean through
//! the search, beside policies written by hand.

use crate::train::History;
use plotters::prelude::*;
use std::ops::Range;

const SIZE: (u32, u32) = (800, 480);
/// Room above and below the curve, as a share of its height.
const MARGIN: f64 = 0.08;
/// Colors of the networks' lines.
const BLUES: [RGBColor; 3] = [BLUE, RGBColor(90, 160, 255), RGBColor(60, 60, 130)];

/// A line of the chart.
struct Line {
    name: String,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws the objective J over the rounds of each network and, right of them, generations of the
/// search; all generations together are as wide as the rounds.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn curve(history: &History) -> anyhow::Result<String> {
    let lines = lines(history);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, &lines).map_err(|error| anyhow::anyhow!("cannot draw the curve: {error}"))?;
    }
    Ok(svg)
}

fn lines(history: &History) -> Vec<Line> {
    let rounds = || history.rounds.iter();
    let last_round = rounds().map(|record| record.round).max().unwrap_or(0) as f64;
    let members = rounds().map(|record| record.member).max().unwrap_or(0);
    let generations = history.search.last().map_or(1, |record| record.generation);
    let search: Vec<(f64, f64)> = history
        .search
        .iter()
        .map(|record| {
            let share = record.generation as f64 / generations as f64;
            (last_round * (1.0 + share), record.score.objective)
        })
        .collect();
    let width = if search.is_empty() { 1.0 } else { 2.0 } * last_round;
    let of_member = |member| Line {
        name: format!("network {member}, rounds"),
        color: BLUES[(member - 1) % BLUES.len()],
        points: rounds()
            .filter(|record| record.member == member)
            .map(|record| (record.round as f64, record.score.objective))
            .collect(),
    };
    let mut lines: Vec<_> = (1..=members).map(of_member).collect();
    lines.push(Line {
        name: format!("search, {generations} generations"),
        color: RED,
        points: search,
    });
    let across = |name: &str, color, objective| Line {
        name: name.to_owned(),
        color,
        points: vec![(0.0, objective), (width.max(1.0), objective)],
    };
    if let Some(mean) = &history.mean {
        lines.push(across("mean of the networks", CYAN, mean.objective));
    }
    let colors = [BLACK, GREEN, MAGENTA];
    for (baseline, color) in history.baselines.iter().zip(colors.into_iter().cycle()) {
        lines.push(across(&baseline.policy, color, baseline.score.objective));
    }
    lines.retain(|line| !line.points.is_empty());
    lines
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    lines: &[Line],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(
            span(points().map(|point| point.0), 0.0),
            span(points().map(|point| point.1), MARGIN),
        )?;
    chart
        .configure_mesh()
        .x_desc("rounds, then generations of the search")
        .y_desc("objective J, lower is better")
        .draw()?;
    for line in lines {
        let color = line.color;
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), &color))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()
}

/// From the least to the greatest value with some room, never empty.
fn span(values: impl Iterator<Item = f64> + Clone, margin: f64) -> Range<f64> {
    let finite = values.filter(|value| value.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let high = finite.fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * margin).max(1e-3);
    low - room..high + room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finetune::SearchRecord, member::RoundRecord, train::Baseline, validate::Score};

    fn score(objective: f64) -> Score {
        Score {
            objective,
            error_rate: 0.0,
            mean_seconds: 1.0,
            p99_seconds: 1.0,
        }
    }

    /// Of two networks.
    fn history(rounds: usize, search: usize) -> History {
        let numbers = (1..=2).flat_map(|member| (1..=rounds).map(move |round| (member, round)));
        History {
            baselines: vec![Baseline {
                policy: "peak_ewma".to_owned(),
                score: score(-0.7),
            }],
            mean: Some(score(-0.6)),
            rounds: numbers
                .map(|(member, round)| RoundRecord {
                    member,
                    round,
                    decisions: 10,
                    loss: 0.5,
                    score: score(-0.1 * round as f64),
                })
                .collect(),
            search: (1..=search)
                .map(|number| SearchRecord {
                    generation: 8 * number,
                    score: score(-0.9),
                })
                .collect(),
            chosen: "round 1".to_owned(),
            score: score(-0.9),
        }
    }

    #[test]
    fn the_chart_names_all_lines_and_closes() {
        let svg = curve(&history(3, 2)).unwrap();
        for text in [
            "network 1, rounds",
            "network 2, rounds",
            "mean of the networks",
            "search, 16 generations",
            "peak_ewma",
            "objective J",
        ] {
            assert!(svg.contains(text), "{text} is missing");
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn one_round_without_a_search_and_odd_values_still_give_a_chart() {
        assert!(curve(&history(1, 0)).unwrap().contains("rounds"));
        let mut odd = history(2, 1);
        odd.rounds[0].score.objective = f64::NAN;
        assert!(curve(&odd).unwrap().contains("</svg>"));
    }
}
