//! Whether all is well: sums, health.

use axum::extract::State;

use super::super::store::reconciliation;
use super::super::wire::{HealthBody, ReconciliationBody};
use super::STAFF;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Json;
use crate::openapi::{GuardedErrors, PublicErrors};
use crate::state::AppState;

/// All payments added up, to be held against orders
#[utoipa::path(get, path = "/api/payments/reconciliation", tag = "operation",
    security(("bearer" = [])),
    responses((status = 200, description = "Counts and sums", body = ReconciliationBody),
        GuardedErrors))]
pub(in super::super) async fn reconciliation(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<ReconciliationBody>, ApiError> {
    caller.require(&STAFF)?;
    let sums = reconciliation::sums(&state.store).await?;
    Ok(Json(ReconciliationBody::new(&sums)))
}

/// Whether the service and its store work
#[utoipa::path(get, path = "/health", tag = "operation",
    responses((status = 200, description = "They do", body = HealthBody), PublicErrors))]
pub(in super::super) async fn health(
    State(state): State<AppState>,
) -> Result<Json<HealthBody>, ApiError> {
    sqlx::query("SELECT 1").execute(state.store.pool()).await?;
    Ok(Json(HealthBody {
        status: "UP",
        service: state.settings.service.name(),
    }))
}

/// Whether the service and its store work
#[utoipa::path(get, path = "/api/payments/health", tag = "operation",
    responses((status = 200, description = "They do", body = HealthBody), PublicErrors))]
pub(in super::super) async fn health_of_payments(
    state: State<AppState>,
) -> Result<Json<HealthBody>, ApiError> {
    health(state).await
}
