//! The report as one HTML page that needs nothing else.

use crate::figures::Quantiles;
use crate::journeys::chart::{Line, Mark, Range, over_time, quantiles};
use crate::journeys::report::Report;
use crate::journeys::timeline::Span;
use crate::table::escaped;

impl Report {
    /// The report as a self-contained HTML page with charts.
    pub fn html(&self) -> String {
        let sections = [
            self.facts(),
            section("Latency by step", &self.latency_by_step()),
            section("Requests per second", &self.request_rates()),
            section("Errors per second", &self.error_rates()),
            section("Journeys per second", &self.journey_rates()),
            section("Journeys underway", &self.underway()),
            self.by_host(),
            section("Journeys", &self.journeys_table()),
            section("Check-outs", &self.checkouts()),
            section("Requests by shopper and step", &self.step_table().html()),
        ];
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Journeys</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>Journeys</h1>\n<p>{}</p>\n<p class=\"quiet\">{}</p>\n{}</body>\n</html>\n",
            escaped(&self.headline()),
            escaped(&self.circumstances()),
            sections.concat()
        )
    }

    fn circumstances(&self) -> String {
        let phases: Vec<&str> = self.phases.iter().map(|p| p.phase.as_str()).collect();
        let late = self.lateness_ms.p99;
        let phases = phases.join(", ");
        format!(
            "{} · {phases} · journeys began at most {late:.1} ms late (p99)",
            self.target
        )
    }

    fn facts(&self) -> String {
        let classes = &self.requests.classes;
        let facts = [
            ("journeys", self.journeys.begun),
            ("completed", self.journeys.completed),
            ("abandoned", self.journeys.all_abandoned()),
            ("not begun", self.journeys.overruns),
            ("requests", self.requests.counts.arrivals),
            ("5xx or no answer", classes.server_error + classes.none),
            ("orders placed", self.orders.placed),
            ("outcome unknown", self.orders.unknown),
        ];
        let fact = |(name, value)| format!("<div><b>{value}</b>{name}</div>\n");
        let facts: String = facts.into_iter().map(fact).collect();
        format!("<div class=\"facts\">\n{facts}</div>\n")
    }

    fn latency_by_step(&self) -> String {
        let steps = self.steps.iter();
        let rows = steps.map(|step| (step.step.name(), step.requests.latency_ms));
        quantile_chart(rows) + &quiet("Answers of any status, and timeouts with the time waited.")
    }

    fn request_rates(&self) -> String {
        self.chart(vec![
            self.rate("requests", "c1", |span| span.requests),
            self.rate("5xx or no answer", "c3", Span::errors),
        ])
    }

    /// Once more on a scale of their own: few among many cannot be seen above.
    fn error_rates(&self) -> String {
        self.chart(vec![
            self.rate("5xx", "c3", |span| span.server_errors),
            self.rate("no answer", "c2", |span| span.unanswered),
        ])
    }

    fn journey_rates(&self) -> String {
        self.chart(vec![
            self.rate("begun", "c1", |span| span.begun),
            self.rate("orders placed", "c2", |span| span.placed),
            self.rate("not begun: too many underway", "c3", |span| span.overruns),
        ])
    }

    fn underway(&self) -> String {
        let mut underway = 0.0;
        let at_end_of = |span: &Span| {
            underway += span.begun as f64 - span.ended as f64;
            underway
        };
        let values = self.timeline.spans.iter().map(at_end_of).collect();
        self.chart(vec![Line {
            name: "underway",
            class: "c1",
            values,
        }])
    }

    fn rate(&self, name: &'static str, class: &'static str, of: fn(&Span) -> u64) -> Line {
        let span_s = self.timeline.span_s as f64;
        let spans = self.timeline.spans.iter();
        Line {
            name,
            class,
            values: spans.map(|span| of(span) as f64 / span_s).collect(),
        }
    }

    fn chart(&self, lines: Vec<Line>) -> String {
        let phases = self.phases.iter();
        let mut marks: Vec<Mark<'_>> = phases
            .map(|phase| Mark {
                name: &phase.phase,
                at_s: phase.from_s,
            })
            .collect();
        let end = self.phases.last().map(|phase| phase.to_s);
        marks.extend(end.map(|at_s| Mark { name: "end", at_s }));
        over_time(self.timeline.span_s, &lines, &marks)
    }

    /// Nothing where there is nothing to compare.
    fn by_host(&self) -> String {
        if self.hosts.len() < 2 {
            return String::new();
        }
        let hosts = self.hosts.iter();
        let rows = hosts.map(|host| (host.host.as_str(), host.requests.latency_ms));
        let chart = quantile_chart(rows);
        section("By host", &(chart + &scrolling(&self.host_table().html())))
    }

    fn journeys_table(&self) -> String {
        let abandoned = self.abandoned().unwrap_or_default();
        self.journey_table().html() + &quiet(&abandoned)
    }

    fn checkouts(&self) -> String {
        let ms = &self.orders.settled_after_ms;
        let settled = format!(
            "An order was seen done {:.0} ms after its confirmation (p50; p95 {:.0}, p99 {:.0}).",
            ms.p50, ms.p95, ms.p99
        );
        let table = self.order_table().html();
        format!("<div class=\"narrow\">{table}</div>\n{}", quiet(&settled))
    }
}

fn quantile_chart<'a>(rows: impl Iterator<Item = (&'a str, Quantiles)>) -> String {
    let measured = rows.filter(|(_, ms)| ms.max > 0.0);
    let rows: Vec<Range<'_>> = measured.map(|(name, ms)| Range { name, ms }).collect();
    quantiles(&rows)
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

fn quiet(words: &str) -> String {
    format!("<p class=\"quiet\">{}</p>\n", escaped(words))
}

fn scrolling(table: &str) -> String {
    format!("<div class=\"wide\">{table}</div>\n")
}

/// Colours of both themes: blue, amber and red stay apart for colour-blind eyes by lightness.
const STYLE: &str = "
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2330; --quiet: #667085; --rule: #e4e7ec;
  --card: #f7f8fa; --c1: #2563eb; --c2: #d98e04; --c3: #c62f3b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171d; --ink: #e6e9ef; --quiet: #98a2b3;
  --rule: #2c323d; --card: #1c2029; --c1: #6ea0ff; --c2: #f2b84b; --c3: #ff7a85; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .quiet { color: var(--quiet); font-size: .87rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(110px, 1fr)); gap: .6rem;
  margin: 1.2rem 0; }
.facts div { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: .5rem .7rem; color: var(--quiet); font-size: .8rem; }
.facts b { display: block; color: var(--ink); font-size: 1.25rem; }
svg { width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--quiet); } svg .start { text-anchor: start; } svg .mid { text-anchor: middle; }
svg .end { text-anchor: end; } svg .note { font-size: 11px; }
svg .grid { stroke: var(--rule); } svg .stem { stroke: var(--quiet); stroke-width: 2; opacity: .5; }
svg .mark { stroke: var(--quiet); stroke-dasharray: 3 3; opacity: .6; }
svg .c1 { fill: var(--c1); stroke: var(--c1); } svg .c2 { fill: var(--c2); stroke: var(--c2); }
svg .c3 { fill: var(--c3); stroke: var(--c3); }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .fill { stroke: none; opacity: .15; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: .87rem; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--rule); }
th { color: var(--quiet); font-weight: 600; } th:first-child, td:first-child { text-align: left;
  white-space: pre; }
.wide { overflow-x: auto; } .narrow table { width: auto; min-width: 22rem; }
";
