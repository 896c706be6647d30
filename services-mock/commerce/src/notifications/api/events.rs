//! The endpoint that takes events of the other services where there is no Redis.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::events::{Taken, take};
use super::wire::TakenBody;
use crate::auth::{Caller, Role};
use crate::error::{ApiError, Problems};
use crate::events::Event;
use crate::extract::Json;
use crate::openapi::GuardedErrors;
use crate::state::AppState;

/// Far more than one round of a relay.
const MOST_EVENTS: usize = 1000;
/// Bytes of a body.
pub(crate) const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What a relay posts.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Told {
    #[schema(max_items = 1000)]
    events: Vec<Event>,
}

/// Takes events of other services, each once however often it comes
///
/// Events of no interest are accepted too. When it fails some were taken; sending all again is safe.
#[utoipa::path(post, path = "/api/notifications/events", tag = "events",
    security(("bearer" = [])),
    request_body = Told,
    responses((status = 200, description = "What became of them", body = TakenBody),
        GuardedErrors))]
pub(crate) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    Json(told): Json<Told>,
) -> Result<Json<TakenBody>, ApiError> {
    caller.require(&[Role::Service])?;
    let mut problems = Problems::default();
    let count = told.events.len();
    let kept = count <= MOST_EVENTS;
    problems.check(kept, "events", count, "must be at most 1000");
    problems.finish()?;
    let mut body = TakenBody::default();
    for event in &told.events {
        let counted = match take(&state, event).await? {
            Taken::Notified => &mut body.notified,
            Taken::Repeated => &mut body.repeated,
            Taken::Ignored => &mut body.ignored,
        };
        *counted += 1;
    }
    Ok(Json(body))
}
