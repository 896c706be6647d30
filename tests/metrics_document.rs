//! Holds `docs/metrics.md` against the families that the modules register. `UPDATE_DOCS=1`
//! writes it anew.

use ai_loadbalancer::{
    balance::BalanceMetrics,
    control::{ControlMetrics, RegistryMetrics},
    decision_log::DecisionLogMetrics,
    proxy::{AccessLog, ProxyMetrics},
    upstream::UpstreamMetrics,
};
use prometheus::{
    Registry,
    core::Collector,
    process_collector::ProcessCollector,
    proto::{MetricFamily, MetricType},
};
use std::{env, fs, path::Path};

const HEAD: &str = "\
# Metrics

Made from the code by `UPDATE_DOCS=1 cargo test --test metrics_document`; do not edit by hand.

`GET /metrics` on the admin address gives all of them in Prometheus text. A family appears with
its first series. Durations are in seconds; a histogram `x` comes as `x_bucket`, `x_sum` and
`x_count`. Labels come from the configuration, from the registry's endpoints or from a fixed list
of words, never from request text:

* `route`, `cluster`, `listener`, `policy`: names as the configuration has them; `-` as a route:
  none matched
* `endpoint`: `host:port` as declared; its series go when the endpoint does
* `code`: the status
* `reason`, `kind`, `result`: a word from a fixed list
* `model`, `version`, `sha256`, `runtime`: what the serving model is; empty without one
";

/// A heading of the document and the families under it.
struct Section {
    heading: &'static str,
    families: Vec<Family>,
}

struct Family {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    help: String,
}

#[test]
fn the_document_is_what_the_modules_register() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let expected = document(&sections());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/metrics.md can be written");
    }
    let written = fs::read_to_string(&path).expect("docs/metrics.md exists");
    assert!(
        written == expected,
        "docs/metrics.md is out of date: UPDATE_DOCS=1 cargo test --test metrics_document"
    );
}

/// Keeps a new group of metrics from being left out of [`sections`].
#[test]
fn every_metric_name_in_the_sources_is_documented() {
    let mut in_sources = Vec::new();
    read_names(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut in_sources,
    );
    in_sources.sort();
    let sections = sections();
    let families = sections.iter().flat_map(|section| &section.families);
    let mut documented: Vec<_> = families
        .map(|family| family.name.clone())
        .filter(|name| name.starts_with("lb_"))
        .collect();
    documented.sort();
    assert_eq!(documented, in_sources);
}

fn sections() -> Vec<Section> {
    let registry = &Registry::new();
    let free = "no name is taken twice";
    let process = ProcessCollector::for_self();
    vec![
        section(
            "Requests",
            ProxyMetrics::new(registry).expect(free).families(),
        ),
        section(
            "Endpoints and clusters",
            UpstreamMetrics::new(registry).expect(free).families(),
        ),
        section(
            "Decisions",
            BalanceMetrics::new(registry).expect(free).families(),
        ),
        section(
            "Reloads",
            ControlMetrics::new(registry).expect(free).families(),
        ),
        section(
            "Registries",
            RegistryMetrics::new(registry).expect(free).families(),
        ),
        section(
            "Access log",
            AccessLog::start(registry).expect(free).families(),
        ),
        section(
            "Decision log",
            DecisionLogMetrics::new(registry).expect(free).families(),
        ),
        section("Process", vec![Box::new(process)]),
    ]
}

fn section(heading: &'static str, collectors: Vec<Box<dyn Collector>>) -> Section {
    let families = collectors.iter().flat_map(|collector| {
        let collected = collector.collect();
        let describe = |desc: &&prometheus::core::Desc| Family {
            name: desc.fq_name.clone(),
            kind: kind_of(&desc.fq_name, &collected),
            labels: desc.variable_labels.clone(),
            help: desc.help.clone(),
        };
        collector.desc().iter().map(describe).collect::<Vec<_>>()
    });
    Section {
        heading,
        families: families.collect(),
    }
}

/// The type is in what a collector collects, the labels are in what it describes.
fn kind_of(name: &str, collected: &[MetricFamily]) -> &'static str {
    let family = collected.iter().find(|family| family.name() == name);
    match family
        .expect("what is described is collected")
        .get_field_type()
    {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        other => panic!("{name}: no such type is in use: {other:?}"),
    }
}

fn document(sections: &[Section]) -> String {
    let mut text = HEAD.to_owned();
    for section in sections {
        text += &format!(
            "\n## {}\n\n| Name | Type | Labels | Meaning |\n|---|---|---|---|\n",
            section.heading
        );
        section
            .families
            .iter()
            .for_each(|family| text += &row(family));
    }
    text
}

fn row(family: &Family) -> String {
    let labels: Vec<_> = family
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let Family {
        name, kind, help, ..
    } = family;
    format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "))
}

/// Collects every text literal below `folder` that starts as a metric of ours. The demo reads
/// metrics of a proxy and has none of its own.
fn read_names(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable source folder") {
        let path = entry.expect("a readable entry").path();
        if path.ends_with("src/demo") {
            continue;
        }
        if path.is_dir() {
            read_names(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("readable text");
            let literals = text.split("\"lb_").skip(1);
            names.extend(
                literals
                    .filter_map(|rest| rest.split('"').next())
                    .map(|rest| format!("lb_{rest}")),
            );
        }
    }
}
