//! Plots of an evaluation, as SVG.

use crate::{
    contender::Kind,
    evaluation::{FamilySummary, GAP_FROM, GAP_TO, Spread, Summary},
};
use plotters::{
    chart::ChartContext,
    coord::{Shift, cartesian::Cartesian2d, ranged1d::Ranged},
    drawing::DrawingAreaErrorKind,
    prelude::{
        BindKeyPoints as _, ChartBuilder, Circle, Color as _, DrawingArea, IntoDrawingArea as _,
        IntoLogRange as _, LineSeries, PathElement, RGBColor, SVGBackend, SeriesLabelPosition,
        WHITE,
    },
};
use std::io;

/// Baselines that are drawn beside the learned contenders.
const BASELINES: [&str; 5] = [
    GAP_FROM,
    "least_request:choices=all",
    "c3",
    "least_request",
    GAP_TO,
];
/// Lines that can be told apart; more contenders are left out.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xe3, 0x77, 0xc2),
    RGBColor(0x7f, 0x7f, 0x7f),
];
const WIDTH: u32 = 900;
const FAMILY_HEIGHT: u32 = 36;
const FONT: &str = "sans-serif";
/// Rows and columns are whole numbers to the plotting library; contenders stand between them.
const UNIT: i32 = 100;
/// Ratios beyond are drawn at the edge.
const RATIOS: (f64, f64) = (0.25, 8.0);
/// Figures of the tail plot.
const FIGURES: [&str; 4] = ["mean", "p50", "p99", "p99.9"];

/// A plot cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a plot cannot be drawn")]
pub struct PlotError(#[from] DrawingAreaErrorKind<io::Error>);

/// An empty area of an SVG.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A chart in it.
type Chart<'a, X, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>;

/// The p99 ratio in each family, with bars from the first to the third quartile of the seeds.
pub(super) fn p99_by_family(summary: &Summary) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let size = (WIDTH, 110 + FAMILY_HEIGHT * summary.families.len() as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw_p99(&area, summary)?;
    }
    Ok(svg)
}

/// The geometric mean ratios of mean, p50, p99 and p99.9: who pays in the tail.
pub(super) fn tail(summary: &Summary) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 380)).into_drawing_area();
        draw_tail(&area, summary)?;
    }
    Ok(svg)
}

fn draw_p99(area: &Area<'_>, summary: &Summary) -> Result<(), PlotError> {
    area.fill(&WHITE)?;
    let families = &summary.families;
    let end = families.len() as i32 * UNIT;
    let rows: Vec<i32> = (0..end).step_by(UNIT as usize).collect();
    // The first family stands at the top.
    let rows = (end - UNIT / 2..-UNIT / 2).with_key_points(rows);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("p99, ratio to {}", summary.reference), (FONT, 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(170)
        .build_cartesian_2d((RATIOS.0..RATIOS.1).log_scale(), rows)?;
    let name = |row: &i32| {
        entry(families, *row)
            .map_or("", |f| &f.family.name)
            .to_owned()
    };
    chart
        .configure_mesh()
        .x_label_formatter(&|ratio| format!("{ratio:.2}"))
        .y_label_formatter(&name)
        .label_style((FONT, 12))
        .draw()?;
    let shown = shown(summary);
    for (number, (label, colour)) in shown.iter().zip(COLOURS).enumerate() {
        let points = points(families, label, position(number, shown.len()));
        chart.draw_series(points.iter().map(|(ratio, row)| {
            let bar = vec![(cut(ratio.q25), *row), (cut(ratio.q75), *row)];
            PathElement::new(bar, colour.stroke_width(2))
        }))?;
        let dots = points.iter().map(|(ratio, row)| {
            let place = (cut(ratio.median.value), *row);
            Circle::new(place, 3, colour.filled())
        });
        let series = chart.draw_series(dots)?.label(*label);
        series.legend(move |(x, y)| Circle::new((x + 10, y), 3, colour.filled()));
    }
    // Few ratios are that low.
    draw_legend(&mut chart, SeriesLabelPosition::UpperLeft)
}

fn draw_tail(area: &Area<'_>, summary: &Summary) -> Result<(), PlotError> {
    area.fill(&WHITE)?;
    let end = FIGURES.len() as i32 * UNIT;
    let columns: Vec<i32> = (0..end).step_by(UNIT as usize).collect();
    // The last unit leaves room for the names of the lines.
    let columns = (-UNIT / 5..end).with_key_points(columns);
    let reference = &summary.reference;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("geometric mean ratio to {reference}"), (FONT, 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(columns, (RATIOS.0..RATIOS.1).log_scale())?;
    let name = |column: &i32| entry(&FIGURES, *column).map_or("", |f| f).to_owned();
    chart
        .configure_mesh()
        .x_label_formatter(&name)
        .y_label_formatter(&|ratio| format!("{ratio:.2}"))
        .label_style((FONT, 12))
        .draw()?;
    for (label, colour) in shown(summary).into_iter().zip(COLOURS) {
        let mut standings = summary.overall.iter();
        let standing = standings.find(|standing| standing.contender == label);
        let Some(ratio) = standing.and_then(|standing| standing.ratio) else {
            continue;
        };
        let figures = [ratio.mean, ratio.p50, ratio.p99, ratio.p999];
        let points = (0..).zip(figures).map(|(x, y)| (x * UNIT, cut(y.value)));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        let series = chart.draw_series(line)?.label(label);
        series.legend(move |(x, y)| {
            PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
        });
    }
    draw_legend(&mut chart, SeriesLabelPosition::UpperRight)
}

fn draw_legend<'a, X: Ranged, Y: Ranged>(
    chart: &mut Chart<'a, X, Y>,
    place: SeriesLabelPosition,
) -> Result<(), PlotError> {
    chart
        .configure_series_labels()
        .position(place)
        .background_style(WHITE.mix(0.85))
        .border_style(COLOURS[7])
        .label_font((FONT, 12))
        .draw()?;
    Ok(())
}

/// Labels of what is drawn: learned contenders first.
fn shown(summary: &Summary) -> Vec<&str> {
    let standings = &summary.overall;
    let is_there = |label: &&str| standings.iter().any(|s| s.contender == *label);
    let learned = standings.iter().filter(|s| s.kind == Kind::Learned);
    let learned = learned.map(|standing| standing.contender.as_str());
    let all = learned.chain(BASELINES.into_iter().filter(is_there));
    all.take(COLOURS.len()).collect()
}

/// The p99 ratio of a contender in each family, and the row where it stands.
fn points(families: &[FamilySummary], label: &str, position: i32) -> Vec<(Spread, i32)> {
    let ratio = |(place, family): (i32, &FamilySummary)| {
        let row = family.rows.iter().find(|row| row.contender == label)?;
        Some((row.ratio?.p99, place * UNIT + position))
    };
    (0..).zip(families).filter_map(ratio).collect()
}

/// Where the contender `number` of `count` stands beside the middle of a family's row.
fn position(number: usize, count: usize) -> i32 {
    let part = (number as f64 + 0.5) / count as f64 - 0.5;
    (part * 0.7 * f64::from(UNIT)) as i32
}

/// The entry whose row or column is at `place`.
fn entry<T>(entries: &[T], place: i32) -> Option<&T> {
    entries.get(usize::try_from(place / UNIT).ok()?)
}

fn cut(ratio: f64) -> f64 {
    ratio.clamp(RATIOS.0, RATIOS.1)
}
