//! The endpoints of preferences: everybody has their own.

use axum::extract::State;
use http::StatusCode;

use super::super::names::{Channel, NotificationType};
use super::requests::{BulkUpdate, ChangePreference, PreferenceBody};
use super::store::{self, Change, Filter, Key};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path};
use crate::openapi::CallerErrors;
use crate::state::AppState;

type Listed = Result<Json<Vec<PreferenceBody>>, ApiError>;

/// All preferences that the caller has
#[utoipa::path(get, path = "/api/preferences", tag = "preferences", security(("bearer" = [])),
    responses((status = 200, description = "Without those that are as by default",
        body = Vec<PreferenceBody>), CallerErrors))]
pub(crate) async fn list(State(state): State<AppState>, caller: Caller) -> Listed {
    listed(&state, &caller, Filter::default()).await
}

/// The caller's preferences about a type
#[utoipa::path(get, path = "/api/preferences/type/{type}", tag = "preferences",
    security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type")),
    responses((status = 200, description = "By channel", body = Vec<PreferenceBody>),
        CallerErrors))]
pub(crate) async fn by_type(
    State(state): State<AppState>,
    caller: Caller,
    Path(kind): Path<NotificationType>,
) -> Listed {
    let filter = Filter {
        kind: Some(kind),
        channel: None,
    };
    listed(&state, &caller, filter).await
}

/// The caller's preferences about a channel
#[utoipa::path(get, path = "/api/preferences/channel/{channel}", tag = "preferences",
    security(("bearer" = [])),
    params(("channel" = Channel, Path, description = "The channel")),
    responses((status = 200, description = "By type", body = Vec<PreferenceBody>), CallerErrors))]
pub(crate) async fn by_channel(
    State(state): State<AppState>,
    caller: Caller,
    Path(channel): Path<Channel>,
) -> Listed {
    let filter = Filter {
        kind: None,
        channel: Some(channel),
    };
    listed(&state, &caller, filter).await
}

async fn listed(state: &AppState, caller: &Caller, filter: Filter) -> Listed {
    let found = store::list(&state.store, caller.user_id, filter).await?;
    Ok(Json(found.into_iter().map(PreferenceBody::from).collect()))
}

/// The caller's preference about a type on a channel
#[utoipa::path(get, path = "/api/preferences/type/{type}/channel/{channel}", tag = "preferences",
    security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type"),
        ("channel" = Channel, Path, description = "The channel")),
    responses(
        (status = 200, description = "The preference", body = PreferenceBody),
        (status = 404, description = "It is as by default", body = ErrorBody),
        CallerErrors))]
pub(crate) async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, channel)): Path<(NotificationType, Channel)>,
) -> Result<Json<PreferenceBody>, ApiError> {
    let key = key_of(&caller, kind, channel);
    let found = store::by_key(&state.store, key).await?;
    Ok(Json(found.ok_or_else(|| missing(key))?.into()))
}

fn key_of(caller: &Caller, kind: NotificationType, channel: Channel) -> Key {
    Key {
        user_id: caller.user_id,
        kind,
        channel,
    }
}

fn missing(key: Key) -> ApiError {
    let (kind, channel) = (key.kind.name(), key.channel.name());
    ApiError::not_found(format!("no preference for {kind} by {channel}"))
}

/// Sets the caller's preference; what is missing stays as it is, or as by default
#[utoipa::path(put, path = "/api/preferences/type/{type}/channel/{channel}", tag = "preferences",
    security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type"),
        ("channel" = Channel, Path, description = "The channel")),
    request_body = ChangePreference,
    responses((status = 200, description = "The preference", body = PreferenceBody),
        CallerErrors))]
pub(crate) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, channel)): Path<(NotificationType, Channel)>,
    Json(wish): Json<ChangePreference>,
) -> Result<Json<PreferenceBody>, ApiError> {
    let key = key_of(&caller, kind, channel);
    let change = wish.checked()?;
    let changed = store::change(state.store.pool(), key, &change, state.now_ms()).await?;
    Ok(Json(changed.into()))
}

/// Forgets the caller's preference, so that the default counts again
#[utoipa::path(delete, path = "/api/preferences/type/{type}/channel/{channel}",
    tag = "preferences", security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type"),
        ("channel" = Channel, Path, description = "The channel")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "It is as by default", body = ErrorBody),
        CallerErrors))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, channel)): Path<(NotificationType, Channel)>,
) -> Result<StatusCode, ApiError> {
    let key = key_of(&caller, kind, channel);
    if store::delete(&state.store, key).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(missing(key))
}

/// Forgets all preferences of the caller
#[utoipa::path(delete, path = "/api/preferences", tag = "preferences", security(("bearer" = [])),
    responses((status = 204, description = "They are forgotten"), CallerErrors))]
pub(crate) async fn delete_all(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    store::delete_all(&state.store, caller.user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down the default of every type and channel; what the caller has stays as it is
#[utoipa::path(post, path = "/api/preferences/initialize", tag = "preferences",
    security(("bearer" = [])),
    responses((status = 200, description = "All preferences", body = Vec<PreferenceBody>),
        CallerErrors))]
pub(crate) async fn initialize(State(state): State<AppState>, caller: Caller) -> Listed {
    let kinds = NotificationType::ALL.iter();
    let keys = kinds.flat_map(|&kind| Channel::ALL.iter().map(move |&channel| (kind, channel)));
    let keys = keys.map(|(kind, channel)| key_of(&caller, kind, channel));
    let unchanged = keys.map(|key| (key, Change::default())).collect();
    changed(&state, unchanged).await
}

/// Sets many preferences of the caller, all or none
#[utoipa::path(post, path = "/api/preferences/bulk-update", tag = "preferences",
    security(("bearer" = [])),
    request_body = BulkUpdate,
    responses((status = 200, description = "Those that were set", body = Vec<PreferenceBody>),
        CallerErrors))]
pub(crate) async fn bulk_update(
    State(state): State<AppState>,
    caller: Caller,
    Json(wish): Json<BulkUpdate>,
) -> Listed {
    let changes = wish.checked(caller.user_id)?;
    changed(&state, changes).await
}

async fn changed(state: &AppState, changes: Vec<(Key, Change)>) -> Listed {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let mut bodies = Vec::with_capacity(changes.len());
    for (key, change) in changes {
        let changed = store::change(&mut *tx, key, &change, now_ms).await?;
        bodies.push(PreferenceBody::from(changed));
    }
    tx.commit().await?;
    Ok(Json(bodies))
}

/// Whether a notification of normal priority would be sent to the caller right now
#[utoipa::path(get, path = "/api/preferences/check/{type}/{channel}", tag = "preferences",
    security(("bearer" = [])),
    params(("type" = NotificationType, Path, description = "The type"),
        ("channel" = Channel, Path, description = "The channel")),
    responses((status = 200, description = "False when it is switched off, in quiet hours, or \
        when a limit is reached", body = bool), CallerErrors))]
pub(crate) async fn check(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, channel)): Path<(NotificationType, Channel)>,
) -> Result<Json<bool>, ApiError> {
    let (key, now_ms) = (key_of(&caller, kind, channel), state.now_ms());
    let wishes = store::wishes(&state.store, key).await?;
    if !wishes.enabled || wishes.held_until_ms(now_ms).is_some() {
        return Ok(Json(false));
    }
    let refusal = store::refusal(state.store.pool(), key, wishes.limits, now_ms).await?;
    Ok(Json(refusal.is_none()))
}
