//! Takes events from Redis Streams, where there is Redis; all instances are one group.

use std::time::Duration;

pub(crate) use super::reading::TOPICS;
use super::take;
use crate::error::ApiError;
use crate::events::streams::{Group, Received};
use crate::redis_client::RedisClient;
use crate::state::AppState;
use crate::tasks::Task;

const PERIOD: Duration = Duration::from_millis(500);
/// Events of one topic in one round.
const BATCH: usize = 50;
/// What a consumer left open for so long it will not finish: it crashed, or its store failed.
const LEFT_OPEN_MS: u64 = 30_000;
/// All instances together look so often for what was left open.
const LOOK_EVERY_MS: i64 = 15_000;

/// The task that listens.
pub(crate) fn task() -> Task {
    Task::new("events", PERIOD, |state| async move {
        match state.redis.clone() {
            Some(redis) => run_once(&state, &redis, LEFT_OPEN_MS).await,
            None => Ok(false),
        }
    })
}

/// Takes a batch; true when there was anything.
pub(crate) async fn run_once(
    state: &AppState,
    redis: &RedisClient,
    left_open_ms: u64,
) -> Result<bool, ApiError> {
    let service = state.settings.service.name();
    let group = Group::new(redis, service, &state.settings.instance, &TOPICS);
    let broken = |cause| ApiError::unavailable("event stream", cause);
    let fresh = group.receive(BATCH).await.map_err(broken)?;
    take_all(state, &group, &fresh).await?;
    if !looks_for_open(state).await? {
        return Ok(!fresh.is_empty());
    }
    let left = group.take_over(left_open_ms, BATCH).await.map_err(broken)?;
    take_all(state, &group, &left).await?;
    Ok(!fresh.is_empty() || !left.is_empty())
}

/// An event is closed after it was dealt with. One that fails stays open, and does not keep the
/// others waiting.
async fn take_all(
    state: &AppState,
    group: &Group<'_>,
    received: &[Received],
) -> Result<(), ApiError> {
    let mut failure = None;
    for one in received {
        match take(state, &one.event).await {
            Ok(_) => group
                .acknowledge(one)
                .await
                .map_err(|cause| ApiError::unavailable("event stream", cause))?,
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(()), Err)
}

/// A fresh owner for each look, so that the same instance too waits until the time is over.
async fn looks_for_open(state: &AppState) -> sqlx::Result<bool> {
    let (owner, now_ms) = (state.ids.uuid(), state.now_ms());
    let store = &state.store;
    store
        .lease("open-events", &owner, now_ms, LOOK_EVERY_MS)
        .await
}
