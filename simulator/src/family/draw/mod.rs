//! From drawn knobs to the scenario.

mod arrivals;
mod incidents;
mod faults;
mod servers;
mod membership;
mod classes;
mod balancers;

use super::{knobs::Knobs, recording::Recording, stream::Stream};
use crate::scenario::{Retry, Scenario};
use servers::Drawn;

/// The scenario of these knobs. Each part draws from a branch of `stream` of its own.
pub(super) fn scenario(
    name: &str,
    knobs: &Knobs,
    recording: Option<&Recording>,
    stream: &Stream,
) -> Scenario {
    let load = arrivals::draw(knobs, recording, &stream.at("arrivals"));
    let Drawn {
        mut servers,
        capacity,
        mut changes,
        counted,
    } = servers::draw(knobs, load.duration, &stream.at("servers"));
    let mean_work = knobs.load.utilization * capacity / load.rate;
    let rate_of_server = capacity / servers.len() as f64 / mean_work;
    membership::add(knobs, &load, rate_of_server, &mut servers, &mut changes);
    changes.retain(|change| change.at <= load.duration);
    changes.sort_by(|a, b| a.at.total_cmp(&b.at));
    let classes = load.classes.as_deref();
    Scenario {
        name: name.to_owned(),
        seed: stream.at("run").bits(),
        duration: load.duration,
        warm_up: knobs.load.warm_up_share * load.duration,
        counted,
        balancers: balancers::shares(&knobs.balancers, &stream.at("balancers")),
        servers,
        classes: classes::draw(&knobs.classes, classes, mean_work, &stream.at("classes")),
        arrivals: load.arrivals,
        changes,
        timeout: balancers::timeout(&knobs.timeout, mean_work),
        health_check: balancers::health_check(&knobs.health_checks),
        outlier: balancers::outlier(&knobs.outliers),
        panic_threshold: knobs.panic_threshold,
        retry: Retry {
            attempts: knobs.retries.attempts,
            budget: knobs.retries.budget,
        },
        information: balancers::information(&knobs.information),
    }
}
