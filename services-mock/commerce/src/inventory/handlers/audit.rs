//! Whether all is well: movements, sums, health.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::paging::Page;
use super::super::rules::MovementKind;
use super::super::store::movements::{self, Logged};
use super::super::store::reconciliation::{self, Balance};
use super::STAFF;
use crate::auth::Caller;
use crate::clock::iso_local;
use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::openapi::{GuardedErrors, PublicErrors};
use crate::order_id::OrderId;
use crate::state::AppState;

/// Products that one reconciliation looks at. A larger catalogue would be checked in part, and is
/// therefore not called consistent.
const MOST_BALANCES: i64 = 10_000;

/// A change of stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Movement)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MovementView {
    id: i64,
    product_sku: String,
    warehouse_location: String,
    #[serde(rename = "type")]
    kind: MovementKind,
    /// Positive, but for adjustments that take away.
    quantity: i64,
    order_id: Option<OrderId>,
    reason: Option<String>,
    reference: Option<String>,
    created_at: String,
}

impl From<Logged> for MovementView {
    fn from(logged: Logged) -> MovementView {
        let movement = logged.movement;
        MovementView {
            id: logged.id,
            product_sku: movement.sku,
            warehouse_location: movement.warehouse,
            kind: movement.kind,
            quantity: movement.quantity,
            order_id: movement.order_id,
            reason: movement.reason,
            reference: movement.reference,
            created_at: iso_local(logged.created_ms),
        }
    }
}

/// Whether the stock of every product is what its history says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reconciliation {
    consistent: bool,
    products: Vec<Balance>,
}

/// That the service works.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
    service: &'static str,
}

/// Changes of a product's stock, the latest first
#[utoipa::path(get, path = "/api/inventory/movements/{sku}", tag = "audit",
    security(("bearer" = [])),
    params(("sku" = String, Path, description = "The product's SKU"), Page),
    responses((status = 200, description = "Movements", body = Vec<MovementView>), GuardedErrors))]
pub(crate) async fn movements(
    State(state): State<AppState>,
    caller: Caller,
    Path(sku): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<MovementView>>, ApiError> {
    caller.require(&STAFF)?;
    let logged = movements::of_product(&state.store, &sku, page.span()?).await?;
    Ok(Json(logged.into_iter().map(MovementView::from).collect()))
}

/// Adds up the stock of every product and its history, at one moment
#[utoipa::path(get, path = "/api/inventory/reconciliation", tag = "audit",
    security(("bearer" = [])),
    responses((status = 200, description = "The sums", body = Reconciliation), GuardedErrors))]
pub(crate) async fn reconciliation(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Reconciliation>, ApiError> {
    caller.require(&STAFF)?;
    let products = reconciliation::balances(&state.store, MOST_BALANCES + 1).await?;
    let complete = i64::try_from(products.len()).is_ok_and(|count| count <= MOST_BALANCES);
    let consistent = complete && products.iter().all(|balance| balance.consistent);
    Ok(Json(Reconciliation {
        consistent,
        products,
    }))
}

/// Whether the service and its store work
#[utoipa::path(get, path = "/health", tag = "health",
    responses((status = 200, description = "They do", body = Health), PublicErrors))]
pub(crate) async fn health(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    sqlx::query("SELECT 1").execute(state.store.pool()).await?;
    Ok(Json(Health {
        status: "UP",
        service: state.settings.service.name(),
    }))
}

/// Whether the service and its store work
#[utoipa::path(get, path = "/api/inventory/health", tag = "health",
    responses((status = 200, description = "They do", body = Health), PublicErrors))]
pub(crate) async fn health_of_inventory(state: State<AppState>) -> Result<Json<Health>, ApiError> {
    health(state).await
}
