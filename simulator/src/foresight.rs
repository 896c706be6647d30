//! What a scenario has in store for a server: told to observers, whose labels would otherwise not
//! know that a server stands still again and again, but never to policies or oracles.

use crate::{
    clock,
    scenario::{Change, TimedChange},
};
use lb_policy::time::Timestamp;

/// Pauses are foreseen so far, in seconds: long enough to see several of one that is sick, short
/// enough that it is mostly still sick.
const HORIZON_SECONDS: f64 = 4.0;

/// All pauses of a run.
#[derive(Debug)]
pub(crate) struct Foresight {
    /// Beginning and length of the pauses of each server, in order of time.
    pauses: Vec<Vec<(f64, f64)>>,
}

impl Foresight {
    pub(crate) fn of(changes: &[TimedChange], servers: usize) -> Self {
        let mut pauses = vec![Vec::new(); servers];
        for change in changes {
            if let Change::Pause(seconds) = change.change {
                pauses[change.server].push((change.at, seconds));
            }
        }
        Self { pauses }
    }

    /// The mean delay by pauses to come, over requests that take `seconds` and are sent evenly over
    /// the next [`HORIZON_SECONDS`] by somebody who does not notice: what meets a pause underway
    /// waits for its end, half of its length in the mean, and what is there when it begins waits
    /// for all of it. Long pauses count by the square of their length, as they do in a tail.
    pub(crate) fn delay_by_pauses(&self, server: usize, seconds: f64, now: Timestamp) -> f64 {
        let now = clock::seconds(Timestamp::ZERO, now);
        let pauses = &self.pauses[server];
        let next = pauses.partition_point(|(at, _)| *at <= now);
        let soon = pauses[next..]
            .iter()
            .take_while(|(at, _)| *at < now + HORIZON_SECONDS);
        let there = seconds.min(HORIZON_SECONDS);
        let delays = soon.map(|(_, length)| length * (length / 2.0 + there));
        delays.sum::<f64>() / HORIZON_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_keep_sending_wait_for_the_coming_pauses() {
        let pause = |at, seconds| TimedChange {
            at,
            server: 1,
            change: Change::Pause(seconds),
        };
        let foresight = Foresight::of(&[pause(1.0, 0.5), pause(3.0, 0.5), pause(9.0, 2.0)], 2);
        let delay = |server, now| foresight.delay_by_pauses(server, 0.2, clock::point(now));
        let of_one = 0.5 * (0.25 + 0.2) / HORIZON_SECONDS;
        assert!((delay(1, 0.0) - 2.0 * of_one).abs() < 1e-9);
        assert!((delay(1, 2.0) - of_one).abs() < 1e-9);
        assert!(delay(1, 4.0).abs() < 1e-9, "too far away");
        assert!(delay(0, 0.0).abs() < 1e-9, "another server");
    }
}
