//! What a decision compared, copied out for the decision log. Costs memory and time: for the
//! few decisions that are sampled.

use super::{Decision, Pick, PickKind, Scoring, scratch::Scratch};
use crate::features::{CONTEXT, Moment};

/// What one decision compared and knew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// Indices of the candidates shown.
    pub shown: Vec<usize>,
    /// Their features, row-major [shown, FEATURES].
    pub features: Vec<f32>,
    /// Features of the decision.
    pub context: [f32; CONTEXT],
    /// The model's cost of each, infinite where the share cap kept it out; empty where no model
    /// scored.
    pub costs: Vec<f32>,
    /// Place of the chosen one in `shown`.
    pub chosen: usize,
}

impl Decision<'_> {
    /// Explains `pick`, which a policy has just made of this very decision; `scoring` is how its
    /// model scores, none for a policy without one.
    ///
    /// Where a model scored, its candidates are shown, with the features that it saw or, for
    /// interval scoring, those of now. Else all are shown up to 32, beyond that the chosen one
    /// and 15 others at random.
    pub fn explain(&mut self, pick: &Pick, scoring: Option<Scoring>) -> Explanation {
        let scoring = scoring.filter(|_| !matches!(pick.kind, PickKind::Fallback(_)));
        let scored = scoring.and_then(|scoring| self.explain_scored(pick, scoring));
        scored.unwrap_or_else(|| self.explain_unscored(pick))
    }

    /// From what scoring left in the buffers; none where they do not hold the pick.
    fn explain_scored(&mut self, pick: &Pick, scoring: Scoring) -> Option<Explanation> {
        let shown = shown(self.scratch);
        let chosen = shown.iter().position(|index| *index == pick.index)?;
        let costs = self.scratch.costs.clone();
        let has_rows = self.scratch.features.candidates() == shown.len();
        if scoring != Scoring::PerRequest || !has_rows {
            self.fill_features();
        }
        let is_whole = costs.len() == shown.len();
        is_whole.then(|| self.explanation(shown, costs, chosen))
    }

    fn explain_unscored(&mut self, pick: &Pick) -> Explanation {
        let total = self.candidates.endpoints().len();
        let Scratch { sampler, rng, .. } = &mut *self.scratch;
        sampler.all_or_sample(total, rng);
        sampler.include(pick.index);
        let shown = shown(self.scratch);
        let chosen = shown.iter().position(|index| *index == pick.index);
        self.fill_features();
        self.explanation(shown, Vec::new(), chosen.unwrap_or_default())
    }

    /// Computes the features of the drawn candidates.
    fn fill_features(&mut self) {
        let endpoints = self.candidates.endpoints();
        let moment = Moment {
            cluster: self.cluster,
            class: Some(self.request.class),
            available: endpoints.len(),
            now: self.now,
        };
        let Scratch {
            sampler, features, ..
        } = &mut *self.scratch;
        let drawn = sampler.drawn().iter();
        features.fill(drawn.map(|index| &endpoints[*index as usize]), &moment);
    }

    fn explanation(&self, shown: Vec<usize>, costs: Vec<f32>, chosen: usize) -> Explanation {
        let features = &self.scratch.features;
        Explanation {
            shown,
            features: features.rows().to_vec(),
            context: *features.context(),
            costs,
            chosen,
        }
    }
}

fn shown(scratch: &Scratch) -> Vec<usize> {
    let drawn = scratch.sampler.drawn().iter();
    drawn.map(|index| *index as usize).collect()
}
