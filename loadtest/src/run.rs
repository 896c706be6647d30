//! Carries out a plan: every arrival is sent at its time, whatever became of those before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::client::Client;
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::plan::{BadPlan, Plan};
use crate::progress::Progress;
use crate::report::Report;
use crate::schedule::{Arrival, Schedule};

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A field of the plan is out of range.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// A path or header makes no valid request.
    #[error("request: {0}")]
    Request(#[from] http::Error),
    /// No thread for the pace.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Carries out a plan on the current tokio run time, until its end or until `cancel` resolves
/// (`std::future::pending()` for never). Dropping the future cancels as well.
///
/// # Errors
/// The plan is not valid; nothing was sent. Failing requests are figures, not errors.
pub async fn run(plan: Plan, cancel: impl Future<Output = ()>) -> Result<Report, RunError> {
    run_with_progress(plan, Progress::new(), cancel).await
}

/// [`run`], with a view into the figures while it goes on.
///
/// # Errors
/// As [`run`].
pub async fn run_with_progress(
    plan: Plan,
    progress: Progress,
    cancel: impl Future<Output = ()>,
) -> Result<Report, RunError> {
    plan.check()?;
    let (over, all_sent) = oneshot::channel();
    let (cancelling, cancelled) = watch::channel(false);
    let room = Arc::new(Semaphore::new(plan.max_outstanding));
    let start = Instant::now();
    let counted_from = start + plan.warm_up;
    let sender = Sender {
        client: Arc::new(Client::new(&plan)?),
        progress: progress.clone(),
        room: Arc::clone(&room),
        cancelled,
        run_time: Handle::current(),
        counted_from,
        _over: over,
    };
    let pace = Pace::start(Schedule::new(&plan), start, move |arrival, intended| {
        sender.send(arrival, intended);
    })?;
    let finished = async {
        // An error is the expected end: the sender is dropped after the last arrival.
        drop(all_sent.await);
        all_ended(&room, plan.max_outstanding).await;
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
    Ok(Report::of(&progress.tally(), counted_from.elapsed(), early))
}

/// Every request holds a permit until its end, so all permits at hand means none underway.
async fn all_ended(room: &Semaphore, permits: usize) {
    let permits = u32::try_from(permits).expect("invariant: a checked plan, at most 100000");
    // An error means closed, and nobody closes it.
    drop(room.acquire_many(permits).await);
}

/// Starts requests from the pace's thread.
struct Sender {
    client: Arc<Client>,
    progress: Progress,
    room: Arc<Semaphore>,
    cancelled: watch::Receiver<bool>,
    run_time: Handle,
    /// Requests due earlier are the warm-up.
    counted_from: Instant,
    /// Dropped with the sender after the last arrival.
    _over: oneshot::Sender<()>,
}

impl Sender {
    fn send(&self, arrival: Arrival, intended: Instant) {
        let progress = (intended >= self.counted_from).then(|| self.progress.clone());
        if let Some(progress) = &progress {
            progress.count_sent(intended.elapsed());
        }
        match (Arc::clone(&self.room).try_acquire_owned(), progress) {
            (Ok(permit), progress) => self.spawn(arrival, intended, permit, progress),
            (Err(_), Some(progress)) => progress.count_end(&Outcome::Overrun, Duration::ZERO),
            (Err(_), None) => {}
        }
    }

    /// Without `progress` the request's end is not counted.
    fn spawn(
        &self,
        arrival: Arrival,
        intended: Instant,
        permit: OwnedSemaphorePermit,
        progress: Option<Progress>,
    ) {
        let client = Arc::clone(&self.client);
        let mut cancelled = self.cancelled.clone();
        let request = async move {
            let outcome = tokio::select! {
                outcome = client.send(arrival.kind, intended.into()) => outcome,
                // The other end being gone means that the run was dropped.
                _ = cancelled.wait_for(|cancelled| *cancelled) => Outcome::Unfinished,
            };
            if let Some(progress) = progress {
                progress.count_end(&outcome, intended.elapsed());
            }
            drop(permit);
        };
        drop(self.run_time.spawn(request));
    }
}
