//! Hands out arrivals at their intended times, from a thread of its own.
//!
//! tokio's timer rounds up to whole milliseconds, which would add up to 1 ms to every latency; a
//! thread waiting on a channel wakes within some 0.1 ms and can be stopped at any time.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::schedule::{Arrival, Schedule};

/// A running pace; dropping it ends the thread before its next arrival.
#[derive(Debug)]
pub(crate) struct Pace {
    _stop: SyncSender<()>,
    _thread: JoinHandle<()>,
}

impl Pace {
    /// Calls `arrive` for each arrival with its intended start, then drops it. Late arrivals come
    /// at once: the load is open, nobody waits for the server.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(
        schedule: Schedule,
        start: Instant,
        arrive: impl FnMut(Arrival, Instant) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let thread = Builder::new()
            .name("loadtest-pace".to_owned())
            .spawn(move || keep_pace(schedule, start, &stopped, arrive))?;
        Ok(Pace {
            _stop: stop,
            _thread: thread,
        })
    }
}

fn keep_pace(
    schedule: Schedule,
    start: Instant,
    stopped: &Receiver<()>,
    mut arrive: impl FnMut(Arrival, Instant),
) {
    for arrival in schedule {
        let intended = start + arrival.at;
        let ahead = intended.saturating_duration_since(Instant::now());
        if wait(stopped, ahead) == Wake::Stopped {
            return;
        }
        arrive(arrival, intended);
    }
}

#[derive(PartialEq, Eq)]
enum Wake {
    Due,
    Stopped,
}

fn wait(stopped: &Receiver<()>, time: Duration) -> Wake {
    match stopped.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => Wake::Due,
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Wake::Stopped,
    }
}
