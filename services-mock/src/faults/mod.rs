//! Faults a service can be told to have, and which of them act at a given time.

mod phase;
mod written;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use phase::Phase;
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
    /// Requests take longer in service by a time drawn evenly from half to one and a half `delay`.
    Latency {
        /// Mean of the additional time.
        delay: Duration,
    },
    /// Threads of their own keep processors busy.
    Cpu {
        /// Share of all processors of the machine, 0 to 1.
        share: f64,
    },
    /// Memory is taken and held.
    Memory {
        /// Share of what the instance may take, 0 to 1.
        share: f64,
    },
    /// Processor load, memory, latency and errors that grow in steps; ends after the last.
    Gradual {
        /// Length of all phases together.
        total: Duration,
        /// Number of equally long phases, 1 to 100.
        phases: u32,
    },
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
    /// Time since it began.
    pub acts_for: Duration,
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
            Fault::Latency { .. } => "latency",
            Fault::Cpu { .. } => "cpu",
            Fault::Memory { .. } => "memory",
            Fault::Gradual { .. } => "gradual",
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
    begins: Instant,
    ends: Option<Instant>,
}

impl Entry {
    fn new(fault: Fault, lasts: Option<Duration>, now: Instant) -> Entry {
        let ends = lasts.map(|lasts| now + lasts);
        Entry {
            fault,
            begins: now,
            ends,
        }
    }

    fn acts(&self, now: Instant) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }
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
                entries.push(Entry::new(fault, lasts, now));
            }
        }
        self.changed.send_replace(());
    }

    /// Starts a fault unless one of its kind acts already; whether it did.
    pub(crate) fn start(&self, fault: Fault, lasts: Option<Duration>, now: Instant) -> bool {
        let mut entries = self.entries();
        entries.retain(|entry| entry.acts(now));
        let is_there = entries.iter().any(|e| e.fault.kind() == fault.kind());
        if !is_there {
            entries.push(Entry::new(fault, lasts, now));
        }
        drop(entries);
        self.changed.send_replace(());
        !is_there
    }

    /// Ends the fault of a kind; whether one acted.
    pub(crate) fn end(&self, kind: &str, now: Instant) -> bool {
        let mut entries = self.entries();
        let acted = entries
            .iter()
            .any(|e| e.fault.kind() == kind && e.acts(now));
        entries.retain(|entry| entry.fault.kind() != kind);
        drop(entries);
        self.changed.send_replace(());
        acted
    }

    /// The faults that act at `now`, oldest first.
    pub(crate) fn active(&self, now: Instant) -> Vec<Active> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.acts(now));
        let active = |entry: &Entry| Active {
            fault: entry.fault,
            ends_in: entry.ends.map(|ends| ends - now),
            acts_for: now - entry.begins,
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

    /// The phase of a gradual degradation that acts at `now`.
    pub(crate) fn phase(&self, now: Instant) -> Option<Phase> {
        self.active(now).iter().find_map(Active::phase)
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
            self.change(&mut changed, now).await;
        }
    }

    /// What [`FaultBoard::change`] listens to; to be marked as seen before the board is looked at.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until the board may show something else than at `now`.
    pub(crate) async fn change(&self, changed: &mut watch::Receiver<()>, now: Instant) {
        let active = self.active(now);
        let ends = active.iter().filter_map(|active| active.ends_in);
        let phases = active.iter().filter_map(Active::phase);
        // The sender lives in `self`, so `changed` cannot fail; an error would only look again.
        match ends.chain(phases.map(|phase| phase.changes_in)).min() {
            Some(changes_in) => tokio::select! {
                _ = changed.changed() => {}
                () = sleep_until(now + changes_in) => {}
            },
            None => drop(changed.changed().await),
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

    #[test]
    fn a_start_leaves_an_acting_fault_as_it_is_and_an_end_ends_one_kind() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        let lasts = Some(Duration::from_secs(2));
        let cpu = |share| Fault::Cpu { share };
        assert!(board.start(cpu(0.5), lasts, now));
        assert!(!board.start(cpu(0.9), lasts, now));
        assert_eq!(board.active(now)[0].fault, cpu(0.5));
        board.carry_out(slow(2.0, None), now);
        assert!(board.end("cpu", now));
        assert!(!board.end("cpu", now));
        assert_eq!(kinds(&board, now), ["slow"]);
        assert!(board.start(cpu(0.5), lasts, now));
        let later = now + Duration::from_secs(2);
        assert!(board.start(cpu(0.9), lasts, later), "the first is over");
    }

    #[test]
    fn a_gradual_degradation_grows_from_phase_to_phase() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        let total = Duration::from_secs(8);
        board.start(Fault::Gradual { total, phases: 4 }, Some(total), now);
        let at = |ms| board.phase(now + Duration::from_millis(ms));
        let numbers = [0, 1999, 2000, 4000, 6000, 7999].map(|ms| at(ms).unwrap().number);
        assert_eq!(numbers, [1, 1, 2, 3, 4, 4]);
        assert_eq!(at(2500).unwrap().changes_in, Duration::from_millis(1500));
        assert!((at(4500).unwrap().level() - 0.75).abs() < 1e-9);
        assert_eq!(at(8000), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_a_phase_an_end_or_an_order() {
        let (board, now) = (FaultBoard::new(), Instant::now());
        let mut changed = board.listen();
        let total = Duration::from_secs(8);
        board.start(Fault::Gradual { total, phases: 4 }, Some(total), now);
        board.change(&mut changed, now).await;
        assert_eq!(now.elapsed(), Duration::ZERO, "the order itself");
        board.change(&mut changed, now).await;
        assert_eq!(now.elapsed().as_secs(), 2);
        board
            .change(&mut changed, now + Duration::from_secs(6))
            .await;
        assert_eq!(now.elapsed().as_secs(), 8);
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
