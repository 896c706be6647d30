//! Faults of exactly so many servers at once. Who has them is drawn anew for each period.

use crate::{
    family::{
        knobs::{Faults, PausingServers},
        stream::Stream,
    },
    scenario::{Change, TimedChange},
};

/// Faults with their times.
pub(super) struct Drawn {
    pub(super) changes: Vec<TimedChange>,
    /// From when until when requests count; empty where all do.
    pub(super) counted: Vec<(f64, f64)>,
}

/// Draws all periods of a run.
pub(super) fn draw(knobs: &Faults, servers: usize, duration: f64, stream: &Stream) -> Drawn {
    let mut drawn = Drawn {
        changes: Vec::new(),
        counted: Vec::new(),
    };
    for (number, (from, to)) in periods(knobs, duration).into_iter().enumerate() {
        let mut changes = period(knobs, servers, to - from, &stream.item(number));
        if to < duration {
            changes.extend(end(&changes, to - from));
        }
        let later = |change: TimedChange| TimedChange {
            at: from + change.at,
            ..change
        };
        drawn.changes.extend(changes.into_iter().map(later));
        if let Some(after) = knobs.counted_after_seconds {
            drawn.counted.push((from + after, to));
        }
    }
    drawn
}

fn periods(knobs: &Faults, duration: f64) -> Vec<(f64, f64)> {
    let length = knobs.seconds.unwrap_or(f64::INFINITY);
    let mut periods = Vec::new();
    let mut from = knobs.well_seconds;
    while from < duration {
        let to = (from + length).min(duration);
        periods.push((from, to));
        from = to + knobs.well_seconds;
    }
    periods
}

/// One period, its times counted from its start. No server has two faults; those for which no
/// server is left are left out.
fn period(knobs: &Faults, servers: usize, length: f64, stream: &Stream) -> Vec<TimedChange> {
    let mut well = shuffled(servers, &stream.at("order")).into_iter();
    let mut changes = Vec::new();
    for server in well.by_ref().take(knobs.slow.servers) {
        changes.push(change(0.0, server, Change::Slow(knobs.slow.speed)));
    }
    for server in well.by_ref().take(knobs.failing.servers) {
        let share = knobs.failing.error_share;
        changes.push(change(0.0, server, Change::FailFast(share)));
    }
    for server in well.by_ref().take(knobs.pausing.servers) {
        let stream = stream.at("pausing").item(server);
        changes.extend(pauses(&knobs.pausing, server, length, stream));
    }
    for server in well.take(knobs.degrading.servers) {
        changes.extend(degradation(knobs.degrading.speed, server, length));
    }
    changes
}

/// Everyone is well again. A pause underway lasts to its end.
fn end(changes: &[TimedChange], at: f64) -> Vec<TimedChange> {
    let well = |begun: &TimedChange| match begun.change {
        Change::Slow(_) => Some(change(at, begun.server, Change::Slow(1.0))),
        Change::FailFast(_) => Some(change(at, begun.server, Change::FailFast(0.0))),
        _ => None,
    };
    let mut ended: Vec<TimedChange> = changes.iter().filter_map(well).collect();
    // All changes of a server stand together, and one end is enough for all steps of a degradation.
    ended.dedup_by_key(|change| change.server);
    ended
}

fn shuffled(count: usize, stream: &Stream) -> Vec<usize> {
    let mut stream = stream.clone();
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, stream.below(last + 1));
    }
    order
}

fn pauses(
    knobs: &PausingServers,
    server: usize,
    length: f64,
    mut stream: Stream,
) -> Vec<TimedChange> {
    let (least, most) = (0.6 * knobs.every_seconds, 1.4 * knobs.every_seconds);
    let mut changes = Vec::new();
    // The first within the shortest time between two, so that short periods meet it as well.
    let mut at = stream.uniform(0.0, least);
    while at < length {
        changes.push(change(at, server, Change::Pause(knobs.seconds)));
        at += stream.uniform(least, most);
    }
    changes
}

/// Slower and slower, in equal steps of the time that a request takes.
fn degradation(speed: f64, server: usize, length: f64) -> impl Iterator<Item = TimedChange> {
    const STEPS: u32 = 8;
    (1..STEPS).map(move |step| {
        let part = f64::from(step) / f64::from(STEPS - 1);
        let at = length * f64::from(step) / f64::from(STEPS);
        let times_longer = 1.0 + part * (1.0 / speed - 1.0);
        change(at, server, Change::Slow(1.0 / times_longer))
    })
}

fn change(at: f64, server: usize, change: Change) -> TimedChange {
    TimedChange { at, server, change }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::knobs::{DegradingServers, FailingServers, SlowServers};
    use std::collections::BTreeSet;

    fn one_of_each() -> Faults {
        let mut faults = Faults::default();
        faults.slow = SlowServers {
            servers: 1,
            ..faults.slow
        };
        faults.failing = FailingServers {
            servers: 1,
            ..faults.failing
        };
        faults.pausing = PausingServers {
            servers: 1,
            ..faults.pausing
        };
        faults.degrading = DegradingServers {
            servers: 1,
            ..faults.degrading
        };
        faults
    }

    fn of_seed(knobs: &Faults, servers: usize, duration: f64, seed: u64) -> Drawn {
        draw(knobs, servers, duration, &Stream::new("family", seed))
    }

    #[test]
    fn each_fault_has_a_server_of_its_own_and_chance_says_which() {
        let faulty = |seed| -> BTreeSet<usize> {
            let drawn = of_seed(&one_of_each(), 8, 4.0, seed);
            drawn.changes.iter().map(|change| change.server).collect()
        };
        assert!((0..50).all(|seed| faulty(seed).len() == 4));
        let ever: BTreeSet<usize> = (0..50).flat_map(faulty).collect();
        assert_eq!(ever.len(), 8);
    }

    #[test]
    fn where_servers_are_few_the_last_faults_find_none() {
        let changes = of_seed(&one_of_each(), 2, 4.0, 1).changes;
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(changes.iter().all(|change| change.at <= 0.0));
    }

    #[test]
    fn the_pausing_one_pauses_more_than_once_and_the_degrading_one_ends_at_its_speed() {
        let changes = of_seed(&one_of_each(), 8, 4.0, 3).changes;
        let pauses = changes
            .iter()
            .filter(|change| matches!(change.change, Change::Pause(_)));
        assert!(pauses.count() >= 2);
        let later = changes.iter().filter(|change| change.at > 0.0);
        let speeds: Vec<f64> = later
            .filter_map(|change| match change.change {
                Change::Slow(speed) => Some(speed),
                _ => None,
            })
            .collect();
        assert_eq!(speeds.len(), 7);
        assert!(speeds.is_sorted_by(|a, b| a > b));
        assert!((speeds[6] - DegradingServers::default().speed).abs() < 1e-9);
    }

    #[test]
    fn every_period_begins_and_ends_with_all_well_and_counts_its_later_part() {
        let knobs = Faults {
            seconds: Some(4.0),
            well_seconds: 2.0,
            counted_after_seconds: Some(1.5),
            ..one_of_each()
        };
        let drawn = of_seed(&knobs, 8, 14.0, 1);
        assert_eq!(drawn.counted, [(3.5, 6.0), (9.5, 12.0)]);
        let mut changes = drawn.changes;
        changes.sort_by(|a, b| a.at.total_cmp(&b.at));
        let (mut slow, mut failing) = ([1.0; 8], [0.0; 8]);
        for change in &changes {
            assert!(change.at >= 2.0 && !(change.at > 6.0 && change.at < 8.0));
            match change.change {
                Change::Slow(speed) => slow[change.server] = speed,
                Change::FailFast(share) => failing[change.server] = share,
                _ => {}
            }
        }
        let ends = changes
            .iter()
            .filter(|change| change.at.to_bits() == 6f64.to_bits());
        assert_eq!(
            ends.count(),
            3,
            "of the slow, the failing and the degrading one"
        );
        assert!(slow.iter().all(|speed| *speed >= 1.0), "{slow:?}");
        assert!(failing.iter().all(|share| *share <= 0.0), "{failing:?}");
    }
}
