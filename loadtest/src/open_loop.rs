//! The open loop: every arrival is begun at its time, whatever became of those before.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::pace::Pace;
use crate::schedule::{Arrival, Schedule};

/// What is done for each arrival.
pub(crate) trait Load: Send + 'static {
    /// Counts an arrival and gives its work. The work must end soon once `cancelled` resolves.
    fn begin(
        &mut self,
        arrival: Arrival,
        intended: Instant,
        cancelled: Cancelled,
    ) -> impl Future<Output = ()> + Send + 'static;

    /// Counts an arrival that finds no place and is not begun.
    fn overrun(&mut self, arrival: Arrival, intended: Instant);
}

/// Tells work underway that the run is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled(watch::Receiver<bool>);

impl Cancelled {
    pub(crate) async fn wait(mut self) {
        // An error is the other end being gone, which means that the run was dropped.
        drop(self.0.wait_for(|cancelled| *cancelled).await);
    }
}

/// Carries out a schedule on the current tokio run time with at most `places` arrivals underway,
/// until all have ended or until `cancel` resolves; tells whether it was cancelled. Dropping the
/// future cancels as well.
///
/// # Errors
/// The system has no thread left for the pace; nothing was begun.
pub(crate) async fn carry_out(
    schedule: Schedule,
    start: Instant,
    places: usize,
    mut load: impl Load,
    cancel: impl Future<Output = ()>,
) -> io::Result<bool> {
    let (over, all_begun) = oneshot::channel::<()>();
    let (cancelling, cancelled) = watch::channel(false);
    let free = Arc::new(Semaphore::new(places));
    let run_time = Handle::current();
    let pace = Pace::start(schedule, start, {
        let free = Arc::clone(&free);
        move |arrival, intended| {
            // Dropped with this closure, after the last arrival.
            let _over = &over;
            let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
                load.overrun(arrival, intended);
                return;
            };
            let work = load.begin(arrival, intended, Cancelled(cancelled.clone()));
            let work = async move {
                work.await;
                drop(place);
            };
            drop(run_time.spawn(work));
        }
    })?;
    let finished = async {
        // An error is the expected end.
        drop(all_begun.await);
        all_ended(&free, places).await;
    };
    tokio::pin!(finished);
    let early = tokio::select! {
        () = &mut finished => false,
        () = cancel => true,
    };
    if early {
        drop(pace);
        cancelling.send_replace(true);
        finished.await;
    }
    Ok(early)
}

/// Everything begun holds a place until its end, so all places at hand means nothing underway.
async fn all_ended(free: &Semaphore, places: usize) {
    let places = u32::try_from(places).expect("invariant: a checked plan, at most 100000");
    // An error means closed, and nobody closes it.
    drop(free.acquire_many(places).await);
}
