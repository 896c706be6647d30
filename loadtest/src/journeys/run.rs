//! Carries out a plan: every journey begins at its time, whatever became of those before.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep_until;

use crate::journeys::journey::Journey;
use crate::journeys::plan::Plan;
use crate::journeys::progress::Progress;
use crate::journeys::report::{Ending, Report};
use crate::journeys::shop::Shop;
use crate::journeys::tally::End;
use crate::journeys::visit::visit;
use crate::open_loop::{Cancelled, Load, carry_out};
use crate::run::RunError;
use crate::schedule::Arrival;

/// Carries out a plan on the current tokio run time, until its journeys have ended, the plan's
/// drain is over or `cancel` resolves (`std::future::pending()` for never). Dropping the future
/// cancels as well.
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
    progress.start(start);
    let visits = Visits {
        shop: Arc::new(Shop::of(&plan)?),
        plan: Arc::new(plan.clone()),
        progress: progress.clone(),
    };
    let mut ending = Ending::CutOff;
    let end = async {
        tokio::select! {
            () = cancel => ending = Ending::Cancelled,
            () = sleep_until((start + plan.duration() + plan.drain).into()) => {}
        }
    };
    let early = carry_out(plan.schedule(), start, plan.max_underway, visits, end).await?;
    if !early {
        ending = Ending::Complete;
    }
    Ok(Report::of(&plan, &progress.tally(), ending))
}

/// Begins a journey per arrival.
struct Visits {
    plan: Arc<Plan>,
    shop: Arc<Shop>,
    progress: Progress,
}

impl Visits {
    fn journey(&self, arrival: Arrival) -> Journey {
        let (shopper, _) = self.plan.mix[arrival.kind];
        Journey::draw(&self.plan, arrival.number, shopper)
    }
}

impl Load for Visits {
    fn begin(
        &mut self,
        arrival: Arrival,
        intended: Instant,
        cancelled: Cancelled,
    ) -> impl Future<Output = ()> + Send + 'static {
        let lateness = intended.elapsed();
        let journey = self.journey(arrival);
        let guard = self.progress.begin(journey.shopper, journey.host, lateness);
        let (plan, shop) = (Arc::clone(&self.plan), Arc::clone(&self.shop));
        async move {
            let end = tokio::select! {
                end = visit(&plan, &shop, &journey, &guard, intended.into()) => end,
                () = cancelled.wait() => End::Unfinished,
            };
            guard.end(end);
        }
    }

    fn overrun(&mut self, arrival: Arrival, _: Instant) {
        let journey = self.journey(arrival);
        self.progress.count_overrun(journey.shopper, journey.host);
    }
}
