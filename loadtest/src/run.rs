//! Carries out a plan: every arrival is sent at its time, whatever became of those before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::open_loop::{Cancelled, Load, carry_out};
use crate::outcome::Outcome;
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
    let start = Instant::now();
    let counted_from = start + plan.warm_up;
    let sender = Sender {
        client: Arc::new(Client::new(&plan)?),
        progress: progress.clone(),
        counted_from,
    };
    let places = plan.max_outstanding;
    let cancelled = carry_out(Schedule::of(&plan), start, places, sender, cancel).await?;
    Ok(Report::of(
        &progress.tally(),
        counted_from.elapsed(),
        cancelled,
    ))
}

/// Sends a request per arrival.
struct Sender {
    client: Arc<Client>,
    progress: Progress,
    /// Requests due earlier are the warm-up.
    counted_from: Instant,
}

impl Sender {
    /// Counts a request as sent; none for the warm-up, whose end is not counted either.
    fn count(&self, intended: Instant) -> Option<Progress> {
        let progress = (intended >= self.counted_from).then(|| self.progress.clone())?;
        progress.count_sent(intended.elapsed());
        Some(progress)
    }
}

impl Load for Sender {
    fn begin(
        &mut self,
        arrival: Arrival,
        intended: Instant,
        cancelled: Cancelled,
    ) -> impl Future<Output = ()> + Send + 'static {
        let progress = self.count(intended);
        let client = Arc::clone(&self.client);
        async move {
            let outcome = tokio::select! {
                outcome = client.send(arrival.kind, intended.into()) => outcome,
                () = cancelled.wait() => Outcome::Unfinished,
            };
            if let Some(progress) = progress {
                progress.count_end(&outcome, intended.elapsed());
            }
        }
    }

    fn overrun(&mut self, _: Arrival, intended: Instant) {
        if let Some(progress) = self.count(intended) {
            progress.count_end(&Outcome::Overrun, Duration::ZERO);
        }
    }
}
