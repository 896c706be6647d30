//! The catalogue, open to all.

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::paging::{Page, Search};
use super::super::requests::NewProduct;
use super::super::rules::ProductStatus;
use super::super::store::products::{self, Product};
use super::STAFF;
use crate::auth::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::money::Money;
use crate::openapi::{GuardedErrors, PublicErrors};
use crate::state::AppState;
use crate::store::next_id;

/// A product of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(crate) struct ProductView {
    id: i64,
    sku: String,
    name: String,
    description: Option<String>,
    category: String,
    brand: Option<String>,
    price: Money,
    /// Kilograms.
    weight: f64,
    status: ProductStatus,
}

impl From<Product> for ProductView {
    #[allow(clippy::cast_precision_loss, reason = "below 2^53 grams")]
    fn from(product: Product) -> ProductView {
        ProductView {
            id: product.id,
            sku: product.sku,
            name: product.name,
            description: product.description,
            category: product.category,
            brand: product.brand,
            price: product.price,
            weight: product.weight_grams as f64 / 1000.0,
            status: product.status,
        }
    }
}

type Products = Result<Json<Vec<ProductView>>, ApiError>;

fn shown(found: Vec<Product>) -> Products {
    Ok(Json(found.into_iter().map(ProductView::from).collect()))
}

/// The catalogue
#[utoipa::path(get, path = "/api/inventory/products", tag = "products", params(Page),
    responses((status = 200, description = "Products", body = Vec<ProductView>), PublicErrors))]
pub(crate) async fn list(State(state): State<AppState>, Query(page): Query<Page>) -> Products {
    shown(products::list(&state.store, page.span()?).await?)
}

/// Makes a product
#[utoipa::path(post, path = "/api/inventory/products", tag = "products",
    security(("bearer" = [])), request_body = NewProduct,
    responses(
        (status = 201, description = "The product", body = ProductView),
        (status = 409, description = "The SKU is taken", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Json(new): Json<NewProduct>,
) -> Result<(StatusCode, Json<ProductView>), ApiError> {
    caller.require(&STAFF)?;
    new.check()?;
    let mut tx = state.store.begin().await?;
    let id = next_id(&mut tx, "product").await?;
    let made = products::insert(&mut tx, id, &new, state.now_ms()).await?;
    let taken = || ApiError::conflict(format!("sku {:?} is taken", new.sku));
    let product = made.ok_or_else(taken)?;
    tx.commit().await?;
    Ok(created(product.into()))
}

/// A product
#[utoipa::path(get, path = "/api/inventory/products/{sku}", tag = "products",
    params(("sku" = String, Path, description = "The product's SKU")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = 404, description = "No such product", body = ErrorBody),
        PublicErrors))]
pub(crate) async fn by_sku(
    State(state): State<AppState>,
    Path(sku): Path<String>,
) -> Result<Json<ProductView>, ApiError> {
    let found = products::by_sku(&state.store, &sku).await?;
    let missing = || ApiError::not_found(format!("no product with sku {sku:?}"));
    Ok(Json(found.ok_or_else(missing)?.into()))
}

/// Products of a category, in upper or lower case
#[utoipa::path(get, path = "/api/inventory/products/category/{category}", tag = "products",
    params(("category" = String, Path, description = "Such as Books"), Page),
    responses((status = 200, description = "Products", body = Vec<ProductView>), PublicErrors))]
pub(crate) async fn of_category(
    State(state): State<AppState>,
    Path(category): Path<String>,
    Query(page): Query<Page>,
) -> Products {
    shown(products::of_category(&state.store, &category, page.span()?).await?)
}

/// Products in whose texts the query occurs
#[utoipa::path(get, path = "/api/inventory/search", tag = "products", params(Search),
    responses((status = 200, description = "Products", body = Vec<ProductView>), PublicErrors))]
pub(crate) async fn search(
    State(state): State<AppState>,
    Query(search): Query<Search>,
) -> Products {
    let span = search.span()?;
    shown(products::search(&state.store, &search.query, span).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::settings::ServiceName;
    use crate::testing::{Shop, on_each_store};

    async fn skus(shop: &Shop, path: &str) -> Vec<String> {
        let answer = shop.get(path, "").await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let list = answer.body.as_array().unwrap().iter();
        list.map(|product| product["sku"].as_str().unwrap().to_owned())
            .collect()
    }

    fn kite() -> Value {
        json!({"sku": "KITE-1", "name": "Kite 50%_off", "description": "Flies", "category": "Toys",
               "brand": "Wind", "price": 12.5, "weight": 0.35})
    }

    #[tokio::test]
    async fn a_product_is_made_by_staff_and_seen_by_all() {
        on_each_store(ServiceName::Inventory, async |shop| {
            let path = "/api/inventory/products";
            assert_eq!(shop.post(path, "", kite()).await.status, 401);
            assert_eq!(
                shop.post(path, &shop.user_token(7), kite()).await.status,
                403
            );
            let made = shop.post(path, &shop.admin_token(), kite()).await;
            let product = json!({"id": 22, "sku": "KITE-1", "name": "Kite 50%_off",
                "description": "Flies", "category": "Toys", "brand": "Wind", "price": 12.5,
                "weight": 0.35, "status": "ACTIVE"});
            assert_eq!((made.status, &made.body), (201, &product));
            let again = shop.post(path, &shop.admin_token(), kite()).await;
            assert_eq!(again.status, 409);
            let seen = shop.get("/api/inventory/products/KITE-1", "").await;
            assert_eq!((seen.status, &seen.body), (200, &product));
            let missing = shop.get("/api/inventory/products/NONE", "").await;
            assert_eq!(missing.status, 404);
        })
        .await;
    }

    #[tokio::test]
    async fn categories_and_texts_are_found_in_any_case() {
        on_each_store(ServiceName::Inventory, async |shop| {
            let made = shop
                .post("/api/inventory/products", &shop.admin_token(), kite())
                .await;
            assert_eq!(made.status, 201);
            let books = skus(&shop, "/api/inventory/products/category/bOOks").await;
            assert_eq!(books.len(), 4);
            assert!(
                skus(&shop, "/api/inventory/products/category/None")
                    .await
                    .is_empty()
            );
            for (query, found) in [
                ("KITE", &["KITE-1"] as &[&str]),
                ("0%25_o", &["KITE-1"]),
                ("_", &["KITE-1"]),
                ("keeper", &["BOOK-NOVEL-001"]),
                ("sonar", &["ELEC-HEADPH-001"]),
                ("no-such-thing", &[]),
            ] {
                let path = format!("/api/inventory/search?query={query}");
                assert_eq!(skus(&shop, &path).await, found, "{query}");
            }
            assert_eq!(shop.get("/api/inventory/search", "").await.status, 400);
            assert_eq!(
                shop.get("/api/inventory/search?query=+", "").await.status,
                400
            );
        })
        .await;
    }

    #[tokio::test]
    async fn lists_come_in_pages() {
        on_each_store(ServiceName::Inventory, async |shop| {
            let all = skus(&shop, "/api/inventory/products").await;
            assert_eq!(all.len(), 21);
            let page = skus(&shop, "/api/inventory/products?page=2&size=8").await;
            assert_eq!(page, all[16..]);
            for wrong in ["page=-1", "size=0", "size=501", "size=x"] {
                let path = format!("/api/inventory/products?{wrong}");
                assert_eq!(shop.get(&path, "").await.status, 400, "{wrong}");
            }
        })
        .await;
    }
}
