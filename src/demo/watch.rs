//! Looks at the proxy again and again while a load runs, and shows what it sees.

use super::{
    frame::{Frame, Known, Moment},
    script::Event,
    stage::Stage,
    view::View,
};
use anyhow::{Result, bail};
use std::{collections::VecDeque, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

/// Rates, shares and times are those of this span.
const SPAN: Duration = Duration::from_secs(2);
/// Looks in a row without an answer after which the proxy is taken for dead.
const LOOKS_IN_VAIN: usize = 3;

/// Watches a load that lasts `whole`. `known` keeps what events tell of the back ends.
///
/// # Errors
/// It ends with an error only: the proxy is gone, or nobody can be shown anything.
pub(super) async fn watch(
    stage: &Stage,
    whole: Duration,
    mut events: mpsc::UnboundedReceiver<Event>,
    known: &mut [Known],
    view: &mut View,
) -> Result<()> {
    let start = Instant::now();
    let mut moments = VecDeque::from([Moment::default()]);
    let mut looks_in_vain = 0;
    let mut ticks = interval(view.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first tick comes at once, when there is nothing to see.
    ticks.tick().await;
    loop {
        tokio::select! {
            Some(event) = events.recv() => {
                view.tell(start.elapsed(), &event.text)?;
                if let Some((back_end, fault)) = event.fault {
                    known[back_end].fault = Some(fault);
                }
            }
            _ = ticks.tick() => match stage.scrape().await {
                Ok(scrape) => {
                    looks_in_vain = 0;
                    let at = start.elapsed();
                    moments.push_back(Moment { at, scrape });
                    view.show(&latest(&mut moments, whole, known))?;
                }
                Err(problem) if looks_in_vain + 1 == LOOKS_IN_VAIN => bail!(problem),
                Err(_) => looks_in_vain += 1,
            }
        }
    }
}

/// The frame of the last [`SPAN`]; forgets older moments.
fn latest(moments: &mut VecDeque<Moment>, whole: Duration, known: &[Known]) -> Frame {
    let now = moments.back().cloned().unwrap_or_default();
    let oldest_wanted = now.at.saturating_sub(SPAN);
    while moments.len() > 2 && moments[1].at <= oldest_wanted {
        moments.pop_front();
    }
    Frame::between(&moments[0], &now, whole, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_older_than_the_span_are_forgotten() {
        let mut moments = VecDeque::new();
        for half_seconds in 0..100 {
            let at = Duration::from_millis(500) * half_seconds;
            moments.push_back(Moment {
                at,
                ..Moment::default()
            });
            latest(&mut moments, SPAN, &[]);
        }
        assert_eq!(moments.len(), 5, "four half seconds and where they begin");
    }
}
