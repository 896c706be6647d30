//! The record of a decision, as far as it is known when it is made. Allocates: for the few
//! decisions that are sampled.

use crate::{clock, config};
use lb_decisions::DecisionRecord;
use lb_policy::{
    features::schema_id,
    model::Model,
    policies::{Decision, Explanation, Pick, Scoring},
};

/// What decides, in the words of the record.
#[derive(Debug)]
pub(super) struct Decider<'a> {
    pub(super) settings: &'a config::Cluster,
    pub(super) model: Option<&'a Model>,
}

impl Decider<'_> {
    /// The record of `pick`, which the policy has just made of this very `decision`. Request,
    /// attempt and everything about the end are still missing.
    pub(super) fn record(&self, decision: &mut Decision<'_>, pick: &Pick) -> DecisionRecord {
        let Explanation {
            shown,
            features,
            context,
            costs,
            chosen,
        } = decision.explain(pick, scoring(&self.settings.policy));
        let endpoints = decision.candidates.endpoints();
        let ids = shown.iter().map(|index| endpoints[*index].id().to_string());
        let class = decision.request.class;
        DecisionRecord {
            time_us: unix_micros(),
            cluster: self.settings.name.clone(),
            class: class.slot() as u32,
            policy: self.settings.policy.name().to_owned(),
            model: self.model.map_or("", Model::name).to_owned(),
            model_version: self.model.map_or(0, Model::version),
            schema: schema_id().to_owned(),
            kind: pick.kind.to_string(),
            candidates: ids.collect(),
            features,
            context: context.to_vec(),
            costs,
            chosen: chosen as u32,
            propensity: pick.propensity,
            class_mean_seconds: decision.cluster.class(class).mean_seconds,
            ..DecisionRecord::default()
        }
    }
}

/// How the model of a policy scores; none for one without a model.
fn scoring(policy: &config::Policy) -> Option<Scoring> {
    let config::Policy::Onnx(onnx) = policy else {
        return None;
    };
    Some(match onnx.scoring {
        config::Scoring::PerRequest => Scoring::PerRequest,
        config::Scoring::Interval(interval) => Scoring::Interval(interval),
    })
}

fn unix_micros() -> i64 {
    i64::try_from(clock::since_unix_epoch().as_nanos() / 1000).unwrap_or(i64::MAX)
}
