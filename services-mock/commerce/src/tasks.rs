//! Work of a service that no request waits for: rounds that a loop repeats and tests call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::ApiError;
use crate::state::AppState;

/// A round in progress: true when more may be left to do at once.
pub(crate) type Round = Pin<Box<dyn Future<Output = Result<bool, ApiError>> + Send>>;

/// After a failed round the loop waits at least so long, so that a broken store is not hammered.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A round of work and how often it is done. Any number of instances do the same rounds, so that
/// a round claims its work by a conditional UPDATE or a lease.
#[derive(Clone)]
pub(crate) struct Task {
    name: &'static str,
    period: Duration,
    round: Arc<dyn Fn(AppState) -> Round + Send + Sync>,
}

impl Task {
    /// A round every `period`, and after each wake.
    pub(crate) fn new<F, R>(name: &'static str, period: Duration, round: R) -> Task
    where
        F: Future<Output = Result<bool, ApiError>> + Send + 'static,
        R: Fn(AppState) -> F + Send + Sync + 'static,
    {
        let round = move |state| Box::pin(round(state)) as Round;
        Task {
            name,
            period,
            round: Arc::new(round),
        }
    }

    /// For messages of tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Does one round.
    pub(crate) fn round(&self, state: &AppState) -> Round {
        (self.round)(state.clone())
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({} every {:?})", self.name, self.period)
    }
}

/// Starts the loops; each ends after its round in progress once `stop` turns true.
pub(crate) fn spawn(
    tasks: Vec<Task>,
    state: &AppState,
    stop: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    for task in tasks {
        loops.spawn(repeat(task, state.clone(), stop.clone()));
    }
    loops
}

async fn repeat(task: Task, state: AppState, mut stop: watch::Receiver<bool>) {
    let mut wake = state.wake.listen();
    while !*stop.borrow() {
        wake.mark_unchanged();
        let (pause, wakeable) = pause_after(&task, &state).await;
        tokio::select! {
            _ = stop.changed() => {}
            _ = wake.changed(), if wakeable => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How long to wait, and whether a wake may end the wait.
type Pause = (Duration, bool);

/// Does a round in a task of its own, so that a bug in it ends the round and not the loop.
async fn pause_after(task: &Task, state: &AppState) -> Pause {
    let after_failure = (task.period.max(AFTER_FAILURE), false);
    match tokio::spawn(task.round(state)).await {
        Ok(Ok(true)) => (Duration::ZERO, true),
        Ok(Ok(false)) => (task.period, true),
        Ok(Err(error)) => {
            log::warn!("background round failed: task={} error={error}", task.name);
            after_failure
        }
        Err(error) => {
            log::error!("background round broke: task={} error={error}", task.name);
            after_failure
        }
    }
}
