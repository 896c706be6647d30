//! The learned policy: a model scores the candidates, guardrails keep its choice sane, and a
//! fallback answers where the model gives none.

mod board;
mod saturation;
mod shares;
mod choice;

use super::{
    Candidates, Decision, FallbackReason, Pick, PickKind, Policy, scratch::Scratch,
    shortest_expected_delay::expected_delay,
};
use crate::{
    features::Moment,
    model::{ScoreError, Scorer},
    telemetry::ClusterStats,
    time::Timestamp,
};
use arc_swap::ArcSwapOption;
use board::Board;
use choice::Chooser;
use saturation::{LeastInSaturation, Saturation};
use std::{sync::Arc, time::Duration};

/// Costs are logs; beyond this a model is broken rather than sure.
const MAX_COST: f32 = 50.0;
/// A board is used for this many intervals.
const MAX_BOARD_INTERVALS: u32 = 20;

/// When candidates are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// For each request.
    PerRequest,
    /// All of them on a timer, off the hot path. Requests take the latest costs, corrected by
    /// what was sent since.
    Interval(Duration),
}

/// Settings of the learned policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnnxSettings {
    /// When candidates are scored.
    pub scoring: Scoring,
    /// An endpoint gets at most this many times its fair share of the recent requests, at
    /// least 1.
    pub share_cap: f32,
    /// Part of the requests that go to a candidate drawn evenly, from 0 to 1.
    pub exploration: f32,
    /// Such a candidate's predicted cost is at most this many times the lowest, at least 1;
    /// infinity for any candidate.
    pub exploration_range: f32,
    /// While more than this part of the cluster's recent requests failed, least connections
    /// choose, with a factor for errors above the cluster's rate; 1 for never.
    pub saturation_errors: f32,
}

/// Chooses the lowest cost by a model.
#[derive(Debug)]
pub struct Onnx {
    model: Arc<dyn Scorer>,
    scoring: Scoring,
    chooser: Chooser,
    saturation: Saturation,
    fallback: Box<dyn Policy>,
    board: ArcSwapOption<Board>,
}

impl OnnxSettings {
    /// The default interval of interval scoring.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(5);
}

impl Default for OnnxSettings {
    fn default() -> Self {
        Self {
            scoring: Scoring::PerRequest,
            share_cap: 4.0,
            exploration: 0.01,
            exploration_range: 1.5,
            saturation_errors: 0.07,
        }
    }
}

impl Onnx {
    /// A policy over `model`. Settings out of range are brought into it.
    pub fn new(model: Arc<dyn Scorer>, settings: OnnxSettings, fallback: Box<dyn Policy>) -> Self {
        Self {
            model,
            scoring: settings.scoring,
            chooser: Chooser::new(&settings),
            saturation: Saturation::new(settings.saturation_errors),
            fallback,
            board: ArcSwapOption::empty(),
        }
    }

    /// Puts costs of drawn candidates into the scratch, or tells why there are none.
    fn score(&self, decision: &mut Decision<'_>) -> Result<(), FallbackReason> {
        if self.saturation.holds(decision.cluster.error_rate()) {
            return Err(FallbackReason::Saturated);
        }
        match self.scoring {
            Scoring::PerRequest => self.score_now(decision),
            Scoring::Interval(interval) => self.read_board(interval, decision),
        }
    }

    /// Draws candidates and puts their costs into the scratch. Of many, those of the shortest
    /// expected delay are drawn: the model then tells good ones apart instead of finding them.
    fn score_now(&self, decision: &mut Decision<'_>) -> Result<(), FallbackReason> {
        let endpoints = decision.candidates.endpoints();
        let scratch = &mut *decision.scratch;
        let mean_seconds = decision.cluster.mean_latency_seconds();
        scratch.draw_all_or_lowest(endpoints.len(), |index| {
            expected_delay(&endpoints[index], mean_seconds, decision.now)
        });
        let moment = Moment {
            cluster: decision.cluster,
            class: Some(decision.request.class),
            available: endpoints.len(),
            now: decision.now,
        };
        score_drawn(&*self.model, decision.candidates, &moment, scratch)
    }

    /// Puts the costs of all candidates on the board, corrected, into the scratch.
    fn read_board(
        &self,
        interval: Duration,
        decision: &mut Decision<'_>,
    ) -> Result<(), FallbackReason> {
        let board = self.board.load();
        let board = board.as_ref().ok_or(FallbackReason::Stale)?;
        let age = decision.now.since(board.made_at());
        if age > interval.saturating_mul(MAX_BOARD_INTERVALS) {
            return Err(FallbackReason::Stale);
        }
        board.read(decision.candidates.endpoints(), decision.scratch)
    }
}

impl Policy for Onnx {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        if decision.candidates.endpoints().is_empty() {
            return None;
        }
        match self.score(decision) {
            Ok(()) => self.chooser.choose(decision),
            Err(reason) => {
                let instead: &dyn Policy = match reason {
                    FallbackReason::Saturated => &LeastInSaturation,
                    _ => &*self.fallback,
                };
                let pick = instead.pick(decision)?;
                Some(Pick {
                    kind: PickKind::Fallback(reason),
                    ..pick
                })
            }
        }
    }

    fn refresh_interval(&self) -> Option<Duration> {
        match self.scoring {
            Scoring::PerRequest => self.fallback.refresh_interval(),
            Scoring::Interval(interval) => Some(interval),
        }
    }

    fn refresh(
        &self,
        candidates: &Candidates,
        cluster: &ClusterStats,
        now: Timestamp,
        scratch: &mut Scratch,
    ) {
        self.fallback.refresh(candidates, cluster, now, scratch);
        if self.scoring == Scoring::PerRequest {
            return;
        }
        let endpoints = candidates.endpoints();
        scratch.sampler.draw_where(endpoints.len(), |_| true);
        // All at once, however many: some features are relative to the other rows.
        let moment = Moment {
            cluster,
            class: None,
            available: endpoints.len(),
            now,
        };
        let scored = score_drawn(&*self.model, candidates, &moment, scratch);
        let board = Board::new(now, scored.map(|()| (endpoints, scratch.costs.as_slice())));
        self.board.store(Some(Arc::new(board)));
    }
}

/// Scores the drawn candidates into the scratch's costs, and checks them.
fn score_drawn(
    model: &dyn Scorer,
    candidates: &Candidates,
    moment: &Moment<'_>,
    scratch: &mut Scratch,
) -> Result<(), FallbackReason> {
    let Scratch {
        sampler,
        costs,
        features,
        workspace,
        ..
    } = scratch;
    let endpoints = candidates.endpoints();
    let drawn = sampler.drawn();
    features.fill(
        drawn.iter().map(|index| &endpoints[*index as usize]),
        moment,
    );
    costs.clear();
    costs.resize(drawn.len(), 0.0);
    model
        .score(features.rows(), features.context(), costs, workspace)
        .map_err(reason_of)?;
    check(costs)
}

fn reason_of(error: ScoreError) -> FallbackReason {
    match error {
        ScoreError::Runtime(_) | ScoreError::Busy(_) => FallbackReason::Runtime,
    }
}

fn check(costs: &[f32]) -> Result<(), FallbackReason> {
    if costs.iter().any(|cost| !cost.is_finite()) {
        return Err(FallbackReason::NotFinite);
    }
    if costs.iter().any(|cost| cost.abs() > MAX_COST) {
        return Err(FallbackReason::OutOfRange);
    }
    Ok(())
}
