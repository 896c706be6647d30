//! Stock by warehouse: seen by every caller, changed by staff.

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::paging::Page;
use super::super::requests::{Adjust, Check, NewItem};
use super::super::stocking;
use super::super::store::stock::{self, Item, Which};
use super::STAFF;
use crate::auth::Caller;
use crate::clock::iso_local;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::{CallerErrors, GuardedErrors};
use crate::state::AppState;
use crate::trace::Trace;

/// What lies of a product in a warehouse.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemView {
    id: i64,
    product_sku: String,
    /// The same again.
    sku: String,
    warehouse_location: String,
    total_quantity: i64,
    available_quantity: i64,
    reserved_quantity: i64,
    min_stock_level: i64,
    max_stock_level: i64,
    reorder_point: i64,
    reorder_quantity: i64,
    /// What is available is at minStockLevel or below.
    low_stock: bool,
    out_of_stock: bool,
    updated_at: String,
}

impl From<Item> for ItemView {
    fn from(item: Item) -> ItemView {
        ItemView {
            low_stock: item.is_low(),
            out_of_stock: item.available == 0,
            id: item.id,
            product_sku: item.sku.clone(),
            sku: item.sku,
            warehouse_location: item.warehouse,
            total_quantity: item.total,
            available_quantity: item.available,
            reserved_quantity: item.reserved,
            min_stock_level: item.min_level,
            max_stock_level: item.max_level,
            reorder_point: item.reorder_point,
            reorder_quantity: item.reorder_quantity,
            updated_at: iso_local(item.updated_ms),
        }
    }
}

/// Whether so much can be had.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Availability {
    product_sku: String,
    available: bool,
    /// In the warehouse that would serve the wish.
    available_quantity: i64,
    requested_quantity: i64,
    /// That warehouse; null when the product lies nowhere.
    warehouse_location: Option<String>,
    message: String,
}

impl Availability {
    fn of(wish: Check, item: Option<Item>) -> Availability {
        let in_stock = item.as_ref().map_or(0, |item| item.available);
        let available = in_stock >= wish.quantity;
        let message = match (available, &item) {
            (true, _) => "available".to_owned(),
            (false, Some(_)) => format!("only {in_stock} available"),
            (false, None) => "not sold here".to_owned(),
        };
        Availability {
            product_sku: wish.product_sku,
            available,
            available_quantity: in_stock,
            requested_quantity: wish.quantity,
            warehouse_location: item.map(|item| item.warehouse).or(wish.warehouse_location),
            message,
        }
    }
}

type Items = Result<Json<Vec<ItemView>>, ApiError>;

async fn shown(state: &AppState, which: Which<'_>, page: Page) -> Items {
    let found = stock::list(&state.store, which, page.span()?).await?;
    Ok(Json(found.into_iter().map(ItemView::from).collect()))
}

/// All stock
#[utoipa::path(get, path = "/api/inventory", tag = "stock", security(("bearer" = [])),
    params(Page),
    responses((status = 200, description = "Items", body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn root(
    State(state): State<AppState>,
    _: Caller,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::All, page).await
}

/// All stock
#[utoipa::path(get, path = "/api/inventory/all", tag = "stock", security(("bearer" = [])),
    params(Page),
    responses((status = 200, description = "Items", body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn all(
    State(state): State<AppState>,
    _: Caller,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::All, page).await
}

/// All stock
#[utoipa::path(get, path = "/api/inventory/items", tag = "stock", security(("bearer" = [])),
    params(Page),
    responses((status = 200, description = "Items", body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _: Caller,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::All, page).await
}

/// Stock that is low
#[utoipa::path(get, path = "/api/inventory/low-stock", tag = "stock", security(("bearer" = [])),
    params(Page),
    responses((status = 200, description = "Items", body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn low_stock(
    State(state): State<AppState>,
    _: Caller,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::Low, page).await
}

/// Stock of a product
#[utoipa::path(get, path = "/api/inventory/product/{sku}", tag = "stock",
    security(("bearer" = [])),
    params(("sku" = String, Path, description = "The product's SKU"), Page),
    responses((status = 200, description = "Items, none for a product that lies nowhere",
               body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn of_product(
    State(state): State<AppState>,
    _: Caller,
    Path(sku): Path<String>,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::OfProduct(&sku), page).await
}

/// Stock in a warehouse
#[utoipa::path(get, path = "/api/inventory/items/warehouse/{warehouse}", tag = "stock",
    security(("bearer" = [])),
    params(("warehouse" = String, Path, description = "Such as US_EAST"), Page),
    responses((status = 200, description = "Items", body = Vec<ItemView>), CallerErrors))]
pub(crate) async fn in_warehouse(
    State(state): State<AppState>,
    _: Caller,
    Path(warehouse): Path<String>,
    Query(page): Query<Page>,
) -> Items {
    shown(&state, Which::InWarehouse(&warehouse), page).await
}

/// Makes stock of a product in a warehouse
#[utoipa::path(post, path = "/api/inventory/items", tag = "stock", security(("bearer" = [])),
    request_body = NewItem,
    responses(
        (status = 201, description = "The item", body = ItemView),
        (status = 409, description = "The warehouse has the product", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Json(new): Json<NewItem>,
) -> Result<(StatusCode, Json<ItemView>), ApiError> {
    caller.require(&STAFF)?;
    new.check()?;
    Ok(created(
        stocking::create(&state, &trace, &new).await?.into(),
    ))
}

/// The same with the status that older clients expect
#[utoipa::path(post, path = "/api/inventory/create", tag = "stock", security(("bearer" = [])),
    request_body = NewItem,
    responses(
        (status = 200, description = "The item", body = ItemView),
        (status = 409, description = "The warehouse has the product", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn create_for_test(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Json(new): Json<NewItem>,
) -> Result<Json<ItemView>, ApiError> {
    caller.require(&STAFF)?;
    new.check()?;
    Ok(Json(stocking::create(&state, &trace, &new).await?.into()))
}

/// Whether so much of a product can be had; holds nothing
#[utoipa::path(post, path = "/api/inventory/check", tag = "stock", security(("bearer" = [])),
    request_body = Check,
    responses((status = 200, description = "The answer", body = Availability), CallerErrors))]
pub(crate) async fn check(
    State(state): State<AppState>,
    _: Caller,
    Json(wish): Json<Check>,
) -> Result<Json<Availability>, ApiError> {
    wish.check()?;
    let item = stock::best_for(&state.store, &wish).await?;
    Ok(Json(Availability::of(wish, item)))
}

/// Adds to stock, or takes away from what is not reserved
#[utoipa::path(post, path = "/api/inventory/adjust", tag = "stock", security(("bearer" = [])),
    request_body = Adjust,
    responses(
        (status = 200, description = "The item as it is now", body = ItemView),
        (status = 404, description = "The product does not lie there", body = ErrorBody),
        (status = 409, description = "Less would be available than nothing, or the reference \
                                      was used for another adjustment", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn adjust(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Json(change): Json<Adjust>,
) -> Result<Json<ItemView>, ApiError> {
    caller.require(&STAFF)?;
    change.check()?;
    Ok(Json(
        stocking::adjust(&state, &trace, &change).await?.into(),
    ))
}
