//! What happens when: the scenes of the demo, and what each of them measured.

use super::{
    models,
    scrape::Scrape,
    stage::{self, Stage},
    summary::Phase,
};
use anyhow::Result;
use loadtest::{Counts, Progress};
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// The back end that becomes slow, and how many times as long it takes.
const SLOW: usize = 3;
const SLOW_FACTOR: u32 = 8;
/// The back end that fails every request within a millisecond: nothing looks less busy.
const FAILING: usize = 4;

/// What begins a scene.
#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    Slow,
    FailFast,
    Reload,
}

struct Scene {
    name: &'static str,
    /// Share of the whole time at which it begins.
    begins: f64,
    act: Act,
}

const SCENES: [Scene; 4] = [
    Scene {
        name: "all well",
        begins: 0.0,
        act: Act::Nothing,
    },
    Scene {
        name: "one slow",
        begins: 0.35,
        act: Act::Slow,
    },
    Scene {
        name: "one slow, one failing",
        begins: 0.5,
        act: Act::FailFast,
    },
    Scene {
        name: "new model",
        begins: 0.75,
        act: Act::Reload,
    },
];

/// Something worth telling.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) text: String,
    /// The back end that changed, and how.
    pub(super) fault: Option<(usize, String)>,
}

/// Carries out the scenes and measures each.
#[derive(Debug)]
pub(super) struct Director<'a> {
    stage: &'a Stage,
    progress: Progress,
    events: mpsc::UnboundedSender<Event>,
    phases: Vec<Phase>,
    /// Figures at the beginning of the current scene.
    counts: Counts,
    scrape: Scrape,
    reload_problem: Option<String>,
}

/// What the scenes came to.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) phases: Vec<Phase>,
    /// The proxy's figures at the end.
    pub(super) scrape: Scrape,
    /// Why the new model is not served.
    pub(super) reload_problem: Option<String>,
}

impl<'a> Director<'a> {
    /// A director of a load that `progress` shows. Every scene is told to `events`.
    pub(super) fn new(
        stage: &'a Stage,
        progress: Progress,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self {
            stage,
            progress,
            events,
            phases: Vec::new(),
            counts: Counts::default(),
            scrape: Scrape::default(),
            reload_problem: None,
        }
    }

    /// Plays all scenes within `whole`; the last one goes on until [`Director::finish`].
    ///
    /// # Errors
    /// When a back end does not obey or the proxy does not answer. A reload that fails is no
    /// error yet: the load shows what it did to the requests.
    pub(super) async fn play(&mut self, whole: Duration) -> Result<()> {
        let start = Instant::now();
        for (index, scene) in SCENES.iter().enumerate() {
            sleep_until(start + whole.mul_f64(scene.begins)).await;
            if let Some(before) = index.checked_sub(1) {
                self.close(&SCENES[before]).await?;
            }
            self.act(scene.act).await?;
        }
        Ok(())
    }

    /// Measures the last scene, once the load has ended.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub(super) async fn finish(mut self) -> Result<Played> {
        if let Some(last) = SCENES.last() {
            self.close(last).await?;
        }
        Ok(Played {
            phases: self.phases,
            scrape: self.scrape,
            reload_problem: self.reload_problem,
        })
    }

    async fn close(&mut self, scene: &Scene) -> Result<()> {
        let scrape = self.stage.scrape().await?;
        let seen = self.progress.look();
        self.phases.push(Phase {
            name: scene.name,
            requests: seen.recent,
            failed: failed(&seen.total).saturating_sub(failed(&self.counts)),
            p50_ms: seen.recent_latency_ms.p50,
            p99_ms: seen.recent_latency_ms.p99,
            share_by_endpoint: named(self.stage, &scrape.shares_since(&self.scrape)),
        });
        (self.counts, self.scrape) = (seen.total, scrape);
        Ok(())
    }

    async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Nothing => Ok(()),
            Act::Slow => {
                self.stage
                    .order_fault(SLOW, &stage::slow(SLOW_FACTOR))
                    .await?;
                self.tell_fault(SLOW, format!("slow ×{SLOW_FACTOR}"))
            }
            Act::FailFast => {
                self.stage.order_fault(FAILING, &stage::fast_fail()).await?;
                self.tell_fault(FAILING, "fails fast".to_owned())
            }
            Act::Reload => {
                let result = self.stage.reload_model().await;
                self.reload_problem = result.err().map(|problem| format!("{problem:#}"));
                self.tell(match &self.reload_problem {
                    None => format!(
                        "model version {} serves, reloaded by SIGHUP",
                        models::SECOND.number
                    ),
                    Some(problem) => format!("model reload failed: {problem}"),
                })
            }
        }
    }

    fn tell_fault(&self, back_end: usize, fault: String) -> Result<()> {
        let text = format!("{}: {fault}", self.stage.back_ends[back_end].name);
        let fault = Some((back_end, fault));
        Ok(self.events.send(Event { text, fault })?)
    }

    fn tell(&self, text: String) -> Result<()> {
        Ok(self.events.send(Event { text, fault: None })?)
    }
}

/// Requests that did not end well for the client: another status than 2xx or 3xx, no answer, or
/// not even sent because too many waited.
pub(super) fn failed(counts: &Counts) -> u64 {
    let well: u64 = counts
        .statuses
        .range(200..400)
        .map(|(_, count)| count)
        .sum();
    counts.answered() - well + counts.unanswered() + counts.overruns
}

/// Shares by the names of back ends instead of their addresses; 0 where there is none.
pub(super) fn named(stage: &Stage, shares: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let share = |address: String| shares.get(&address).copied().unwrap_or_default();
    let back_ends = stage.back_ends.iter();
    back_ends
        .map(|back_end| (back_end.name.clone(), share(back_end.address.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_follow_each_other_within_the_whole() {
        assert!(SCENES.is_sorted_by(|a, b| a.begins < b.begins));
        assert!(
            SCENES
                .iter()
                .all(|scene| (0.0..1.0).contains(&scene.begins))
        );
    }

    #[test]
    fn everything_but_a_good_answer_counts_as_failed() {
        let counts = Counts {
            arrivals: 15,
            statuses: BTreeMap::from([(200, 5), (302, 1), (404, 1), (503, 2)]),
            connect_errors: 1,
            broken: 1,
            timeouts: 1,
            overruns: 3,
            ..Counts::default()
        };
        assert_eq!(failed(&counts), 9);
    }
}
