//! The thread that writes the log.

use super::{Message, files::Files, metrics::DecisionLogMetrics, recent::Recent};
use crate::config;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::AcqRel},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime},
};

/// Longest time that a line stays in the buffer, and how precisely files end by age.
const TICK: Duration = Duration::from_millis(200);

pub(super) struct Writer {
    settings: Option<config::DecisionLog>,
    files: Option<Files>,
    recent: Arc<Recent>,
    metrics: DecisionLogMetrics,
}

impl Writer {
    pub(super) fn new(recent: Arc<Recent>, metrics: DecisionLogMetrics) -> Self {
        Self {
            settings: None,
            files: None,
            recent,
            metrics,
        }
    }

    /// Writes until all copies of the log are gone.
    pub(super) fn run(mut self, messages: &Receiver<Message>, waiting: &AtomicUsize) {
        let mut ticked = Instant::now();
        loop {
            let received = messages.recv_timeout(TICK);
            let now = SystemTime::now();
            match received {
                Ok(Message::Record(record)) => {
                    waiting.fetch_sub(1, AcqRel);
                    if let Some(files) = &mut self.files {
                        files.write(&record, now);
                        self.recent.push(Arc::from(record));
                    }
                }
                Ok(Message::Settings(settings)) => self.configure(settings, now),
                Ok(Message::Finish(done)) => {
                    self.finish(now);
                    // The one who waits may have given up.
                    done.try_send(()).ok();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(now),
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.files.iter_mut().for_each(|files| files.tick(now));
            }
        }
    }

    fn configure(&mut self, settings: Option<config::DecisionLog>, now: SystemTime) {
        if settings == self.settings {
            return;
        }
        self.finish(now);
        let metrics = &self.metrics;
        let files = |settings| Files::new(settings, metrics.clone());
        self.files = settings.clone().map(files);
        self.settings = settings;
    }

    fn finish(&mut self, now: SystemTime) {
        self.files.iter_mut().for_each(|files| files.finish(now));
    }
}
