//! What happens to servers: antagonists, pauses, gray failures, fast failures and crashes.

use crate::{
    family::{
        knobs::{Antagonists, ColdStart, Knobs, Pauses},
        stream::Stream,
    },
    scenario::{Change, TimedChange},
};

/// Changes of a neighbour's level, and the mean share of the cores that it takes.
pub(super) fn antagonist(
    knobs: &Antagonists,
    server: usize,
    duration: f64,
    stream: &Stream,
) -> (Vec<TimedChange>, f64) {
    const LEVEL_MAX: f64 = 0.85;
    const DWELL_MIN_SECONDS: f64 = 0.1;
    let mut stream = stream.clone();
    let mut changes = Vec::new();
    if !stream.chance(knobs.share) {
        return (changes, 0.0);
    }
    let mut at = 0.0;
    let mut taken = 0.0;
    while at < duration {
        let level = stream.uniform(0.0, 2.0 * knobs.level).min(LEVEL_MAX);
        let dwell = stream
            .exponential(knobs.dwell_seconds)
            .max(DWELL_MIN_SECONDS);
        changes.push(TimedChange {
            at,
            server,
            change: Change::Antagonist(level),
        });
        taken += level * dwell.min(duration - at);
        at += dwell;
    }
    (changes, taken / duration)
}

/// Stretches in which the server stands still.
pub(super) fn pauses(
    knobs: &Pauses,
    server: usize,
    duration: f64,
    stream: &Stream,
) -> Vec<TimedChange> {
    let mut changes = Vec::new();
    if knobs.per_second <= 0.0 {
        return changes;
    }
    let spells = spells(knobs, duration, &stream.at("spells"));
    let mut stream = stream.clone();
    let between = 1.0 / knobs.per_second;
    for (from, to) in spells {
        let mut at = from + stream.exponential(between);
        while at < to {
            let seconds = knobs.seconds * stream.log_uniform(0.4, 2.0);
            changes.push(TimedChange {
                at,
                server,
                change: Change::Pause(seconds),
            });
            at += seconds + stream.exponential(between);
        }
    }
    changes
}

/// From when until when a server pauses again and again: what is sick now is likely to be sick in
/// a second, or nobody could learn to avoid it.
fn spells(knobs: &Pauses, duration: f64, stream: &Stream) -> Vec<(f64, f64)> {
    let mut stream = stream.clone();
    let mut in_spell = stream.chance(knobs.share);
    let always_the_same = knobs.share <= 0.0 || knobs.share >= 1.0;
    let Some(mean) = knobs.spell_seconds.filter(|_| !always_the_same) else {
        return if in_spell {
            vec![(0.0, duration)]
        } else {
            Vec::new()
        };
    };
    let mean_between = mean * (1.0 - knobs.share) / knobs.share;
    let mut spells = Vec::new();
    let mut from = 0.0;
    while from < duration {
        let to = from + stream.exponential(if in_spell { mean } else { mean_between });
        if in_spell {
            spells.push((from, to.min(duration)));
        }
        in_spell = !in_spell;
        from = to;
    }
    spells
}

/// The slow speeding up of a server that started at `at`.
pub(super) fn cold_start(knobs: &ColdStart, server: usize, at: f64) -> Vec<TimedChange> {
    const STEPS: u32 = 10;
    /// A shorter one is over before anybody notices.
    const SECONDS_MIN: f64 = 0.5;
    if knobs.seconds <= SECONDS_MIN {
        return Vec::new();
    }
    (0..=STEPS)
        .map(|step| {
            let done = f64::from(step) / f64::from(STEPS);
            TimedChange {
                at: at + knobs.seconds * done,
                server,
                change: Change::Warmth(knobs.speed + (1.0 - knobs.speed) * done),
            }
        })
        .collect()
}

/// Draws what breaks servers, and sees to it that most keep working.
pub(super) struct Breakage<'a> {
    knobs: &'a Knobs,
    duration: f64,
    /// From when until when a server is broken.
    broken: Vec<(f64, f64)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Gray,
    FailFast,
    Crash,
}

/// A stretch in which a server is broken.
#[derive(Clone, Copy)]
struct Incident {
    server: usize,
    from: f64,
    to: f64,
}

impl<'a> Breakage<'a> {
    /// Servers broken at once, as a share of all, but always one.
    const SHARE_MAX: f64 = 0.4;

    pub(super) fn new(knobs: &'a Knobs, duration: f64) -> Self {
        Self {
            knobs,
            duration,
            broken: Vec::new(),
        }
    }

    /// What breaks this server, beside all drawn before.
    pub(super) fn draw(&mut self, server: usize, stream: &Stream) -> Vec<TimedChange> {
        let Knobs {
            gray,
            fail_fast,
            crashes,
            ..
        } = self.knobs;
        let kinds = [
            (Kind::Gray, "gray", gray.per_second, gray.seconds),
            (
                Kind::FailFast,
                "fail_fast",
                fail_fast.per_second,
                fail_fast.seconds,
            ),
            (Kind::Crash, "crashes", crashes.per_second, crashes.seconds),
        ];
        let mut changes = Vec::new();
        for (kind, name, per_second, seconds) in kinds {
            let mut stream = stream.at(name);
            for incident in self.incidents(server, per_second, seconds, &mut stream) {
                self.push(kind, incident, &mut stream, &mut changes);
            }
        }
        changes
    }

    fn incidents(
        &mut self,
        server: usize,
        per_second: f64,
        seconds: f64,
        stream: &mut Stream,
    ) -> Vec<Incident> {
        let mut incidents = Vec::new();
        if per_second <= 0.0 {
            return incidents;
        }
        let mut from = stream.exponential(1.0 / per_second);
        while from < self.duration {
            let to = from + seconds * stream.uniform(0.6, 1.5);
            if self.may_break(from, to) {
                self.broken.push((from, to));
                incidents.push(Incident { server, from, to });
            }
            from = to + stream.exponential(1.0 / per_second);
        }
        incidents
    }

    fn may_break(&self, from: f64, to: f64) -> bool {
        let beside = self
            .broken
            .iter()
            .filter(|b| b.0 < to && b.1 > from)
            .count();
        let most = (self.knobs.servers.count as f64 * Self::SHARE_MAX).max(1.0);
        (beside + 1) as f64 <= most
    }

    fn push(
        &self,
        kind: Kind,
        incident: Incident,
        stream: &mut Stream,
        changes: &mut Vec<TimedChange>,
    ) {
        let Incident { server, from, to } = incident;
        let (begin, end) = match kind {
            Kind::Gray => {
                let speed = self.knobs.gray.speed * stream.uniform(0.7, 1.4);
                (Change::Slow(speed.min(1.0)), Change::Slow(1.0))
            }
            Kind::FailFast => {
                let share = self.knobs.fail_fast.error_share;
                (Change::FailFast(share), Change::FailFast(0.0))
            }
            Kind::Crash => {
                // A start that a crash cuts short does not go on after it.
                changes.retain(|c| !matches!(c.change, Change::Warmth(_)) || c.at < from);
                let black_hole = stream.chance(self.knobs.crashes.black_hole_share);
                (Change::Crash { black_hole }, Change::Recover)
            }
        };
        let timed = |at, change| TimedChange { at, server, change };
        changes.extend([timed(from, begin), timed(to, end)]);
        if matches!(kind, Kind::Crash) {
            changes.extend(cold_start(&self.knobs.cold_start, server, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: f64 = 2000.0;

    fn share_in_spells(knobs: &Pauses) -> f64 {
        let stream = Stream::new("family", 1);
        let of_server = |server| spells(knobs, DURATION, &stream.item(server));
        let all = (0..50).flat_map(of_server);
        all.map(|(from, to)| to - from).sum::<f64>() / (50.0 * DURATION)
    }

    #[test]
    fn spells_take_their_share_of_the_time_whatever_their_length() {
        for spell_seconds in [None, Some(5.0), Some(60.0)] {
            for share in [0.0, 0.2, 1.0] {
                let knobs = Pauses {
                    per_second: 1.0,
                    share,
                    spell_seconds,
                    ..Pauses::default()
                };
                let found = share_in_spells(&knobs);
                assert!(
                    (found - share).abs() < 0.1,
                    "{found} in spells of {spell_seconds:?}, expected {share}"
                );
            }
        }
    }

    #[test]
    fn a_server_pauses_in_its_spells_only() {
        let knobs = Pauses {
            per_second: 2.0,
            seconds: 0.1,
            share: 0.3,
            spell_seconds: Some(10.0),
        };
        let stream = Stream::new("family", 1);
        let spells = spells(&knobs, DURATION, &stream.at("spells"));
        let pauses = pauses(&knobs, 0, DURATION, &stream);
        let within = |at: f64| spells.iter().any(|(from, to)| (*from..*to).contains(&at));
        assert!(pauses.len() > 500);
        assert!(pauses.iter().all(|pause| within(pause.at)));
        assert!(pauses.is_sorted_by(|a, b| a.at <= b.at));
    }
}
