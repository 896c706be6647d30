//! Texts with `{{variables}}`, one for each name and channel.

pub(crate) mod rules;

pub(crate) mod store;

pub(crate) mod defaults;

pub(crate) mod requests;

pub(crate) mod handlers;

use serde_json::{Map, Value};

use super::names::Channel;
use crate::error::ApiError;
use crate::state::AppState;
use rules::Problem;

/// What a template says with its variables filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// Fills the variables in.
pub(crate) fn fill(
    subject: &str,
    body: &str,
    variables: &Map<String, Value>,
) -> Result<Rendered, Problem> {
    Ok(Rendered {
        subject: rules::render(subject, variables)?,
        body: rules::render(body, variables)?,
    })
}

/// What the shop says on an occasion: by the template in the store, or by the one it came with where
/// that one is missing, switched off or asks for what the occasion does not tell.
pub(crate) async fn for_occasion(
    state: &AppState,
    name: &str,
    channel: Channel,
    variables: &Map<String, Value>,
) -> Result<Rendered, ApiError> {
    if let Some(template) = store::active(&state.store, name, channel).await? {
        match fill(&template.subject, &template.body, variables) {
            Ok(rendered) => return Ok(rendered),
            Err(problem) => log::warn!("template not usable: name={name} cause={problem}"),
        }
    }
    let filled = defaults::text_of(name).map(|text| fill(text.subject, text.body, variables));
    match filled {
        Some(Ok(rendered)) => Ok(rendered),
        Some(Err(problem)) => Err(ApiError::unavailable("template", problem)),
        None => Err(ApiError::unavailable("template", name)),
    }
}
