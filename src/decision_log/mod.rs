//! The decision log: a sample of the decisions with what came of each, written by a thread of
//! its own so that a slow or full disk never holds up a request. When the writer falls behind,
//! records are dropped and counted.

mod metrics;
mod recent;
mod files;
mod writer;

pub use metrics::DecisionLogMetrics;

use crate::config;
use lb_decisions::DecisionRecord;
use lb_policy::request::Outcome;
use prometheus::Registry;
use recent::Recent;
use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    time::Duration,
};
use writer::Writer;

/// Longest wait for the files to be finished when the process ends.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// What the writer is told. Only the number of records is bounded: an order is never lost.
enum Message {
    Record(Box<DecisionRecord>),
    Settings(Option<config::DecisionLog>),
    Finish(SyncSender<()>),
}

/// Hands records to the writer's thread. Copies are one and the same log.
#[derive(Clone, Debug)]
pub struct DecisionLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Part of the decisions that is recorded, as the bits of an `f32`.
    share: AtomicU32,
    messages: Sender<Message>,
    /// Records on their way to the writer, and how many there may be.
    waiting: Arc<AtomicUsize>,
    waiting_max: AtomicUsize,
    recent: Arc<Recent>,
    metrics: DecisionLogMetrics,
}

/// One sampled decision on its way to its end.
#[derive(Debug)]
pub struct Entry {
    log: DecisionLog,
    record: Box<DecisionRecord>,
}

impl DecisionLog {
    /// Starts the writer's thread; nothing is recorded before [`DecisionLog::configure`].
    ///
    /// # Errors
    /// When no thread can be started or a metric's name is taken.
    pub fn start(registry: &Registry) -> Result<Self, anyhow::Error> {
        let (log, messages) = Self::without_writer(DecisionLogMetrics::new(registry)?);
        let Shared {
            waiting,
            recent,
            metrics,
            ..
        } = &*log.0;
        let (recent, waiting) = (Arc::clone(recent), Arc::clone(waiting));
        let writer = Writer::new(recent, metrics.clone());
        std::thread::Builder::new()
            .name("decision-log".into())
            .spawn(move || writer.run(&messages, &waiting))?;
        Ok(log)
    }

    fn without_writer(metrics: DecisionLogMetrics) -> (Self, Receiver<Message>) {
        let (sender, messages) = channel();
        let shared = Shared {
            share: AtomicU32::new(0f32.to_bits()),
            messages: sender,
            waiting: Arc::default(),
            waiting_max: AtomicUsize::new(0),
            recent: Arc::default(),
            metrics,
        };
        (Self(Arc::new(shared)), messages)
    }

    /// Its metric families: what [`Self::start`] registers.
    pub fn families(&self) -> Vec<Box<dyn prometheus::core::Collector>> {
        self.0.metrics.families()
    }

    /// Records as `settings` say from now on; none: nothing.
    pub fn configure(&self, settings: Option<&config::DecisionLog>) {
        let share = settings.map_or(0.0, |settings| settings.sample as f32);
        let waiting_max = settings.map_or(0, |settings| settings.queue);
        self.0.waiting_max.store(waiting_max, Relaxed);
        self.0
            .recent
            .keep(settings.map_or(0, |settings| settings.keep));
        self.send(Message::Settings(settings.cloned()));
        self.0.share.store(share.to_bits(), Relaxed);
    }

    /// Whether the next decision is recorded; `draw` gives a number from [0, 1), and is not
    /// called while the log is off.
    pub fn samples(&self, draw: impl FnOnce() -> f32) -> bool {
        let share = f32::from_bits(self.0.share.load(Relaxed));
        share > 0.0 && draw() < share
    }

    /// An entry for a decision that was just made; it is written once it has ended.
    pub fn open(&self, record: DecisionRecord) -> Entry {
        Entry {
            log: self.clone(),
            record: Box::new(record),
        }
    }

    /// The latest records, newest first: at most `count`, of `cluster` where one is named.
    pub fn recent(&self, count: usize, cluster: Option<&str>) -> Vec<Arc<DecisionRecord>> {
        self.0.recent.latest(count, cluster)
    }

    /// Waits until everything sent so far is in finished files, for two seconds at most.
    pub fn finish(&self) {
        let (done, wait) = sync_channel(1);
        self.send(Message::Finish(done));
        if wait.recv_timeout(FINISH_MAX).is_err() {
            log::warn!("decision log was not written out in time");
        }
    }

    /// Hands a record over, or drops it when too many wait.
    fn hand_over(&self, record: Box<DecisionRecord>) {
        let Shared {
            waiting,
            waiting_max,
            metrics,
            ..
        } = &*self.0;
        if waiting.fetch_add(1, AcqRel) < waiting_max.load(Relaxed) {
            self.send(Message::Record(record));
        } else {
            waiting.fetch_sub(1, AcqRel);
            metrics.dropped_queue_full.inc();
        }
    }

    fn send(&self, message: Message) {
        if self.0.messages.send(message).is_err() {
            log::error!("the decision log's writer has ended");
        }
    }
}

impl Entry {
    /// Says which request it was, and which attempt of it, from 1.
    pub fn identify(&mut self, request: &str, attempt: u32) {
        request.clone_into(&mut self.record.request);
        self.record.attempt = attempt;
    }

    /// Takes in the response header and the time it took to come.
    pub fn responded(&mut self, status: u16, latency: Duration) {
        self.record.status = u32::from(status);
        self.record.latency_seconds = latency.as_secs_f32();
    }

    /// Ends the entry, `elapsed` after the decision.
    pub fn finish(mut self, outcome: Outcome, elapsed: Duration) {
        let has_response = self.record.status != 0;
        if !has_response {
            self.record.latency_seconds = elapsed.as_secs_f32();
        }
        let is_error = self.record.status >= 500 && outcome == Outcome::Success;
        let outcome = if is_error {
            Outcome::ServerError
        } else {
            outcome
        };
        word(outcome).clone_into(&mut self.record.outcome);
        self.log.hand_over(self.record);
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::ServerError => "server_error",
        Outcome::ConnectionError => "connection_error",
        Outcome::Timeout => "timeout",
        Outcome::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn log(settings: &config::DecisionLog) -> (DecisionLog, Receiver<Message>) {
        let metrics = DecisionLogMetrics::new(&Registry::new()).expect("no name is taken twice");
        let (log, messages) = DecisionLog::without_writer(metrics);
        log.configure(Some(settings));
        (log, messages)
    }

    fn records(messages: &Receiver<Message>) -> Vec<DecisionRecord> {
        let record = |message| match message {
            Message::Record(record) => Some(*record),
            _ => None,
        };
        messages.try_iter().filter_map(record).collect()
    }

    #[test]
    fn the_share_of_sampled_decisions_is_the_configured_one() {
        let mut rng = StdRng::seed_from_u64(11);
        for sample in [0.01, 0.25, 1.0] {
            let settings = config::DecisionLog {
                sample,
                ..config::DecisionLog::new("d")
            };
            let (log, _messages) = log(&settings);
            let mut draw = || rng.random::<f32>();
            let sampled = (0..100_000).filter(|_| log.samples(&mut draw)).count() as f64;
            // Five standard deviations of a binomial distribution.
            let spread = 5.0 * (1e5 * sample * (1.0 - sample)).sqrt();
            assert!(
                (sampled - 1e5 * sample).abs() <= spread,
                "{sample}: {sampled}"
            );
        }
    }

    #[test]
    fn a_log_that_is_off_draws_no_numbers() {
        let (log, _messages) = log(&config::DecisionLog::new("d"));
        log.configure(None);
        assert!(!log.samples(|| panic!("a number was drawn")));
    }

    #[test]
    fn a_full_queue_drops_records_and_counts_them() {
        let settings = config::DecisionLog {
            queue: 3,
            ..config::DecisionLog::new("d")
        };
        let (log, messages) = log(&settings);
        let end = |count: u32| {
            for attempt in 0..count {
                let mut entry = log.open(DecisionRecord::default());
                entry.identify("r", attempt);
                entry.finish(Outcome::Success, Duration::ZERO);
            }
        };
        end(5);
        assert_eq!(log.0.metrics.dropped_queue_full.get(), 2);
        let attempts: Vec<_> = records(&messages).iter().map(|r| r.attempt).collect();
        assert_eq!(attempts, [0, 1, 2]);
        log.0.waiting.store(0, Relaxed);
        end(1);
        assert_eq!(records(&messages).len(), 1, "there is room again");
    }

    #[test]
    fn an_entry_ends_as_its_attempt_did() {
        let (log, messages) = log(&config::DecisionLog::new("d"));
        let second = Duration::from_secs(1);
        let end = |status: Option<u16>, outcome| {
            let mut entry = log.open(DecisionRecord::default());
            if let Some(status) = status {
                entry.responded(status, second / 4);
            }
            entry.finish(outcome, second);
        };
        end(Some(200), Outcome::Success);
        end(Some(503), Outcome::Success);
        end(Some(200), Outcome::Cancelled);
        end(None, Outcome::Timeout);
        let ended: Vec<_> = records(&messages)
            .into_iter()
            .map(|record| (record.outcome, record.status, record.latency_seconds))
            .collect();
        let expected = [
            ("success", 200, 0.25),
            ("server_error", 503, 0.25),
            ("cancelled", 200, 0.25),
            ("timeout", 0, 1.0),
        ];
        assert_eq!(
            ended,
            expected.map(|(word, status, s)| (word.to_owned(), status, s))
        );
    }
}
