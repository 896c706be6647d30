//! Learned contenders: a model with the guardrails, the exploration and the fallback with which
//! the proxy ships, unless parameters say otherwise.

use super::{
    error::ContenderError,
    models::{ModelInfo, Models},
    parameters::Parameters,
};
use lb_policy::{
    model::Scorer,
    policies::{Onnx, OnnxSettings, Policy, PolicyConfig, build},
};
use std::sync::Arc;

/// A learned policy.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    scorer: Arc<dyn Scorer>,
    settings: OnnxSettings,
    model: Option<ModelInfo>,
}

impl Learned {
    /// A policy over any scorer.
    pub(super) fn new(scorer: Arc<dyn Scorer>, settings: OnnxSettings) -> Self {
        Self {
            scorer,
            settings,
            model: None,
        }
    }

    /// Reads `onnx:model=NAME,…`; the model need not be named when there is only one.
    pub(super) fn read(
        parameters: &mut Parameters<'_>,
        models: &Models,
    ) -> Result<Self, ContenderError> {
        let name = model_name(parameters, models)?;
        let default = OnnxSettings::default();
        let share_cap = f64::from(default.share_cap);
        let range = f64::from(default.exploration_range);
        parameters.add_to_label("model", &name);
        let settings = OnnxSettings {
            exploration: parameters.share("exploration", default.exploration)?,
            exploration_range: parameters.number("exploration_range", range, 1.0..=1e6)? as f32,
            share_cap: parameters.number("share_cap", share_cap, 1.0..=1e6)? as f32,
            saturation_errors: parameters.share("saturation_errors", default.saturation_errors)?,
            ..default
        };
        let model = models
            .find(&name)
            .ok_or_else(|| unknown_model(parameters, &name, models))?;
        Ok(Self {
            scorer: Arc::<lb_policy::model::Model>::clone(model),
            settings,
            model: Some(ModelInfo::of(model)),
        })
    }

    pub(super) fn model(&self) -> Option<&ModelInfo> {
        self.model.as_ref()
    }

    pub(super) fn build(&self) -> Box<dyn Policy> {
        let fallback = build(&PolicyConfig::PEAK_EWMA);
        Box::new(Onnx::new(Arc::clone(&self.scorer), self.settings, fallback))
    }
}

fn model_name(parameters: &mut Parameters<'_>, models: &Models) -> Result<String, ContenderError> {
    if let Some(name) = parameters.text("model") {
        return Ok(name.to_owned());
    }
    let names: Vec<_> = models.names().collect();
    match names[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(ContenderError::Model {
            spec: parameters.spec().to_owned(),
            reason: "no model is given; add `--model DIR`".to_owned(),
        }),
        _ => Err(ContenderError::Model {
            spec: parameters.spec().to_owned(),
            reason: format!("name one of the models: model={}", names.join(", model=")),
        }),
    }
}

fn unknown_model(parameters: &Parameters<'_>, name: &str, models: &Models) -> ContenderError {
    let known: Vec<_> = models.names().collect();
    let reason = format!(
        "`{name}` is none of the given models ({})",
        known.join(", ")
    );
    parameters.problem("model", &reason)
}
