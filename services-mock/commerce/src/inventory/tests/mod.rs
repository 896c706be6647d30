//! Behaviour of the whole service over its endpoints, on each store.

mod concurrency;
mod endings;
mod reserving;
mod stocking;

use serde_json::{Value, json};

use crate::testing::{Answer, Shop};

const RESERVE: &str = "/api/inventory/reserve";

/// Puts so many pieces of a product that the seed does not have into a warehouse.
async fn put(shop: &Shop, sku: &str, warehouse: &str, pieces: i64) {
    let body = json!({"productSku": sku, "warehouseLocation": warehouse, "totalQuantity": pieces,
                      "minStockLevel": 2});
    let path = "/api/inventory/items";
    let answer = shop.post(path, &shop.admin_token(), body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
}

async fn reserve(shop: &Shop, order: i64, sku: &str, quantity: i64) -> Answer {
    let body = json!({"orderId": order, "productSku": sku, "quantity": quantity});
    shop.post(RESERVE, &shop.service_token(), body).await
}

/// The reservation's number.
async fn reserved(shop: &Shop, order: i64, sku: &str, quantity: i64) -> i64 {
    let answer = reserve(shop, order, sku, quantity).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["reservationId"].as_i64().unwrap()
}

/// Ends by number, or with `order/<number>` a whole order.
async fn end(shop: &Shop, how: &str, which: impl std::fmt::Display) -> Answer {
    let path = format!("/api/inventory/{how}/{which}");
    let no_body = None;
    let token = shop.service_token();
    shop.send(http::Method::POST, &path, &token, no_body).await
}

async fn adjust(shop: &Shop, sku: &str, by: i64) -> Answer {
    let body = json!({"productSku": sku, "quantityAdjustment": by, "reason": "counted"});
    let path = "/api/inventory/adjust";
    shop.post(path, &shop.admin_token(), body).await
}

/// Total, available and reserved in each warehouse.
async fn stock(shop: &Shop, sku: &str) -> Vec<[i64; 3]> {
    let path = format!("/api/inventory/product/{sku}");
    let answer = shop.get(&path, &shop.user_token(7)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let fields = ["totalQuantity", "availableQuantity", "reservedQuantity"];
    let items = answer.body.as_array().unwrap().iter();
    items
        .map(|item| fields.map(|field| item[field].as_i64().unwrap()))
        .collect()
}

/// The product's line of a reconciliation that is consistent as a whole.
async fn balance(shop: &Shop, sku: &str) -> Value {
    let path = "/api/inventory/reconciliation";
    let answer = shop.get(path, &shop.service_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["consistent"], true, "{:?}", answer.body);
    let mut lines = answer.body["products"].as_array().unwrap().iter();
    lines.find(|line| line["sku"] == sku).unwrap().clone()
}

/// Kinds of the events told so far.
async fn told(shop: &Shop) -> Vec<String> {
    let events = shop.events().await.into_iter();
    events.map(|event| event.kind).collect()
}
