//! Servers: cores, speeds, disciplines, distances, weights, and what happens to each.

use super::{
    faults,
    incidents::{self, Breakage},
};
use crate::{
    family::{
        knobs::{self, Knobs},
        stream::Stream,
    },
    scenario::{Discipline, Server, TimedChange},
};

/// Servers with their history.
pub(super) struct Drawn {
    pub(super) servers: Vec<Server>,
    /// Work per second of all together, less what antagonists take.
    pub(super) capacity: f64,
    pub(super) changes: Vec<TimedChange>,
    /// From when until when requests count; empty where all do.
    pub(super) counted: Vec<(f64, f64)>,
}

/// Draws the servers, each from a branch of its own.
pub(super) fn draw(knobs: &Knobs, duration: f64, stream: &Stream) -> Drawn {
    let mut breakage = Breakage::new(knobs, duration);
    let mut drawn = Drawn {
        servers: Vec::with_capacity(knobs.servers.count),
        capacity: 0.0,
        changes: Vec::new(),
        counted: Vec::new(),
    };
    for index in 0..knobs.servers.count {
        let stream = stream.item(index);
        let server = server(&knobs.servers, &stream);
        let (neighbour, taken) = incidents::antagonist(
            &knobs.antagonists,
            index,
            duration,
            &stream.at("antagonist"),
        );
        drawn.capacity += server.cores * server.speed * (1.0 - taken);
        drawn.servers.push(server);
        drawn.changes.extend(neighbour);
        let pauses = incidents::pauses(&knobs.pauses, index, duration, &stream.at("pauses"));
        drawn.changes.extend(pauses);
        drawn.changes.extend(breakage.draw(index, &stream));
    }
    let faults = faults::draw(
        &knobs.faults,
        knobs.servers.count,
        duration,
        &stream.at("faults"),
    );
    drawn.changes.extend(faults.changes);
    drawn.counted = faults.counted;
    drawn
}

fn server(knobs: &knobs::Servers, stream: &Stream) -> Server {
    let mut doublings = stream.at("cores");
    let mut cores = knobs.cores;
    for _ in 0..knobs.core_doublings {
        // As a geometric distribution: the first refusal ends it.
        if !doublings.chance(0.5) {
            break;
        }
        cores *= 2;
    }
    let speed = stream.at("speed").log_uniform(1.0, knobs.speed_spread);
    Server {
        cores: cores as f64,
        speed,
        discipline: discipline(knobs, cores),
        rtt: rtt(knobs, stream),
        weight: weight(knobs, cores, speed),
        joined: true,
    }
}

fn discipline(knobs: &knobs::Servers, cores: usize) -> Discipline {
    /// As good as all at once, yet a runaway queue is bounded as in a real server.
    const AT_ONCE: usize = 4096;
    let per_core = |default: usize| cores * knobs.workers_per_core.unwrap_or(default);
    let (workers, queue) = match knobs.discipline {
        knobs::Discipline::ProcessorSharing => (AT_ONCE, 0),
        knobs::Discipline::Fifo => (cores, 1024),
        knobs::Discipline::Pool => (per_core(4), 128),
    };
    Discipline {
        workers,
        queue: knobs.queue.unwrap_or(queue),
    }
}

fn rtt(knobs: &knobs::Servers, stream: &Stream) -> f64 {
    let mut vary = stream.at("rtt");
    let near = knobs.rtt_seconds * vary.uniform(0.8, 1.2);
    let mut zone = stream.at("zone");
    if zone.chance(knobs.far_share) {
        near + knobs.far_rtt_seconds * zone.uniform(0.8, 1.2)
    } else {
        near
    }
}

fn weight(knobs: &knobs::Servers, cores: usize, speed: f64) -> u32 {
    /// Fine enough to tell speeds apart.
    const OF_A_CORE: f64 = 16.0;
    if knobs.weights_known {
        (OF_A_CORE * speed * cores as f64).round().max(1.0) as u32
    } else {
        1
    }
}
