//! What processor and memory faults really do: threads that burn, memory that is held.

use std::hint::black_box;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::time;

use crate::instance::Instance;

/// A burner works for its share of this time and rests for the remainder.
const BURST: Duration = Duration::from_millis(20);
const CHUNK: usize = 1024 * 1024;

/// Keeps load and memory as the faults of the instance say; ends by being dropped, which releases
/// both.
pub(crate) async fn keep(instance: Arc<Instance>) {
    let mut changed = instance.faults.listen();
    let mut burners = Burners::default();
    let mut ballast = Ballast::new(&instance);
    loop {
        changed.borrow_and_update();
        let now = time::Instant::now();
        let wanted = instance.strain(now);
        burners.set(wanted.cpu_share);
        ballast.set(wanted.memory_bytes).await;
        instance.faults.change(&mut changed, now).await;
    }
}

/// Threads that keep a share of the machine's processors busy; never more than there are.
#[derive(Debug, Default)]
struct Burners {
    share: f64,
    threads: Vec<Sender<()>>,
}

impl Burners {
    fn set(&mut self, share: f64) {
        if (share - self.share).abs() < f64::EPSILON {
            return;
        }
        self.share = share;
        // A thread ends when its channel closes.
        self.threads.clear();
        let (count, duty) = threads_for(share, processors());
        for _ in 0..count {
            match start_burner(duty) {
                Ok(thread) => self.threads.push(thread),
                Err(error) => log::warn!("no thread to burn processor time: {error}"),
            }
        }
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// As few threads as can make up the share, and how busy each is.
fn threads_for(share: f64, processors: usize) -> (usize, f64) {
    let wanted = share.clamp(0.0, 1.0) * processors as f64;
    let count = (wanted.ceil() as usize).min(processors);
    (count, wanted / count.max(1) as f64)
}

fn start_burner(duty: f64) -> io::Result<Sender<()>> {
    let (stop, stopped) = mpsc::channel::<()>();
    let (busy, idle) = (BURST.mul_f64(duty), BURST.mul_f64(1.0 - duty));
    let body = move || {
        let goes_on = AtomicBool::new(true);
        while stopped.recv_timeout(idle) == Err(RecvTimeoutError::Timeout) {
            burn(busy, &goes_on);
        }
    };
    thread::Builder::new()
        .name("cpu-fault".to_owned())
        .spawn(body)?;
    Ok(stop)
}

/// Uses a processor for the given time or until told to stop. Blocks.
pub(crate) fn burn(time: Duration, goes_on: &AtomicBool) {
    /// Some microseconds.
    const STEPS: u64 = 2000;
    let began = Instant::now();
    while began.elapsed() < time && goes_on.load(Ordering::Relaxed) {
        black_box((0..STEPS).fold(1, |product: u64, step| product.wrapping_mul(step | 1)));
    }
}

/// Memory that is held, in chunks that were written to, so that the system really gives it.
#[derive(Debug)]
struct Ballast<'a> {
    instance: &'a Instance,
    chunks: Vec<Vec<u8>>,
}

impl<'a> Ballast<'a> {
    fn new(instance: &'a Instance) -> Self {
        Ballast {
            instance,
            chunks: Vec::new(),
        }
    }

    async fn set(&mut self, bytes: usize) {
        let wanted = bytes / CHUNK;
        self.chunks.truncate(wanted);
        self.chunks.shrink_to_fit();
        self.tell();
        while self.chunks.len() < wanted {
            self.chunks.push(vec![1; CHUNK]);
            self.tell();
            // One chunk takes a fraction of a millisecond; requests go in between.
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self) {
        let held = self.chunks.len() * CHUNK;
        self.instance.held_bytes.store(held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_bounded_by_the_processors_and_make_up_the_share() {
        assert_eq!(threads_for(0.0, 4).0, 0);
        assert_eq!(threads_for(1.0, 4), (4, 1.0));
        assert_eq!(threads_for(7.0, 4), (4, 1.0));
        assert_eq!(threads_for(0.25, 2), (1, 0.5));
        let (count, duty) = threads_for(0.6, 4);
        assert_eq!(count, 3);
        assert!((duty - 0.8).abs() < 1e-9, "{duty}");
    }

    #[test]
    fn burning_ends_when_told() {
        burn(Duration::from_secs(3600), &AtomicBool::new(false));
        let began = Instant::now();
        burn(Duration::from_millis(2), &AtomicBool::new(true));
        assert!(began.elapsed() >= Duration::from_millis(2));
    }
}
