//! Faults a service can be told to have, and which of them act at a given time.

mod written;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use written::BadFault;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Service times are multiplied by the factor, 0.01 to 1000.
    Slow {
        /// Multiplier of every service time.
        factor: f64,
    },
    /// Connections are accepted and every request is held until the fault ends; then all go on.
    Pause,
    /// After their service time a share of the requests fails.
    ErrorRate {
        /// Share of requests, 0 to 1.
        rate: f64,
        /// Status of the failed ones, 400 to 599.
        status: StatusCode,
    },
    /// A share of the requests fails after 1 ms without queueing: the black hole of naive balancers.
    FastFail {
        /// Share of requests, 0 to 1.
        rate: f64,
        /// Status of the failed ones, 400 to 599.
        status: StatusCode,
    },
    /// The listener closes and every connection is reset; heartbeats stop.
    Crash,
    /// Connections are accepted and nothing is ever answered.
    Hang,
    /// Health answers 503 while traffic is served as before.
    Unhealthy,
}

/// What `POST /faults` or a test asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Start a fault, replacing one of the same kind; `lasts: None` means until recovery.
    Inject {
        /// The fault.
        fault: Fault,
        /// How long it acts.
        lasts: Option<Duration>,
    },
    /// End every fault.
    Recover,
}

/// A fault that acts now and the time it has left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Active {
    /// The fault.
    pub fault: Fault,
    /// Time until it ends by itself.
    pub ends_in: Option<Duration>,
}

impl Fault {
    /// The kind as written in `POST /faults`.
    pub fn kind(self) -> &'static str {
        match self {
            Fault::Slow { .. } => "slow",
            Fault::Pause => "pause",
            Fault::ErrorRate { .. } => "error_rate",
            Fault::FastFail { .. } => "fast_fail",
            Fault::Crash => "crash",
            Fault::Hang => "hang",
            Fault::Unhealthy => "unhealthy",
        }
    }
}

/// The faults of one instance; at most one of each kind.
#[derive(Debug)]
pub(crate) struct FaultBoard {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    fault: Fault,
    ends: Option<Instant>,
}

impl FaultBoard {
    pub(crate) fn new() -> Self {
        FaultBoard {
            entries: Mutex::new(Vec::new()),
            changed: watch::Sender::new(()),
        }
    }

    /// Carries out an order that arrives at `now`.
    pub(crate) fn carry_out(&self, order: Order, now: Instant) {
        match order {
            Order::Recover => self.entries().clear(),
            Order::Inject { fault, lasts } => {
                let mut entries = self.entries();
                entries.retain(|entry| entry.fault.kind() != fault.kind());
                let ends = lasts.map(|lasts| now + lasts);
                entries.push(Entry { fault, ends });
            }
        }
        self.changed.send_replace(());
    }

    /// The faults that act at `now`, oldest first.
    pub(crate) fn active(&self, now: Instant) -> Vec<Active> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.ends.is_none_or(|ends| ends > now));
        let active = |entry: &Entry| Active {
            fault: entry.fault,
            ends_in: entry.ends.map(|ends| ends - now),
        };
        entries.iter().map(active).collect()
    }

    /// The first acting fault for which `choose` has an answer.
    pub(crate) fn find<T>(&self, now: Instant, choose: impl Fn(Fault) -> Option<T>) -> Option<T> {
        self.active(now)
            .into_iter()
            .find_map(|active| choose(active.fault))
    }

    /// Whether a fault for which `is` holds acts at `now`.
    pub(crate) fn any(&self, now: Instant, is: impl Fn(Fault) -> bool) -> bool {
        self.find(now, |fault| is(fault).then_some(())).is_some()
    }

    /// Waits until some fault for which `is` holds acts (`wanted`), or none does (`!wanted`).
    pub(crate) async fn wait_for(&self, wanted: bool, is: impl Fn(Fault) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let now = Instant::now();
            if self.any(now, &is) == wanted {
                return;
            }
            let next_end = self.active(now).iter().filter_map(|a| a.ends_in).min();
            // The sender lives in `self`, so `changed` cannot fail; an error would only look again.
            match next_end {
                Some(ends_in) => tokio::select! {
                    _ = changed.changed() => {}
                    () = sleep_until(now + ends_in) => {}
                },
                None => drop(changed.changed().await),
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(factor: f64, lasts: Option<Duration>) -> Order {
        let fault = Fault::Slow { factor };
        Order::Inject { fault, lasts }
    }

    fn kinds(board: &FaultBoard, now: Instant) -> Vec<&'static str> {
        let active = board.active(now);
        active.iter().map(|active| active.fault.kind()).collect()
    }

    #[test]
    fn a_fault_ends_by_itself() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        board.carry_out(slow(8.0, Some(Duration::from_secs(2))), now);
        assert_eq!(kinds(&board, now + Duration::from_millis(1999)), ["slow"]);
        assert!(board.active(now + Duration::from_secs(2)).is_empty());
    }

    #[test]
    fn a_second_fault_of_a_kind_replaces_the_first_and_others_stay() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        let hang = Order::Inject {
            fault: Fault::Hang,
            lasts: None,
        };
        for order in [slow(8.0, None), hang, slow(2.0, None)] {
            board.carry_out(order, now);
        }
        assert_eq!(kinds(&board, now), ["hang", "slow"]);
        let factor = board.find(now, |fault| match fault {
            Fault::Slow { factor } => Some(factor),
            _ => None,
        });
        assert_eq!(factor, Some(2.0));
    }

    #[test]
    fn recovery_ends_every_fault() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        board.carry_out(slow(8.0, None), now);
        board.carry_out(Order::Recover, now);
        assert!(board.active(now).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_fault_or_with_recovery() {
        let board = FaultBoard::new();
        let is_pause = |fault| fault == Fault::Pause;
        let pause = |lasts| Order::Inject {
            fault: Fault::Pause,
            lasts,
        };
        let start = Instant::now();
        board.carry_out(pause(Some(Duration::from_secs(2))), start);
        board.wait_for(false, is_pause).await;
        assert_eq!(start.elapsed().as_secs(), 2);

        board.carry_out(pause(None), Instant::now());
        let recover_later = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            board.carry_out(Order::Recover, Instant::now());
        };
        tokio::join!(board.wait_for(false, is_pause), recover_later);
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
