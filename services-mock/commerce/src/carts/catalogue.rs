//! What inventory-service says of a product: that it exists, its name and price, and how much of
//! it there is.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::rules::Goods;
use crate::error::ApiError;
use crate::gateway::{Call, CallError};
use crate::money::Money;
use crate::state::AppState;
use crate::trace::Trace;

/// A client waits meanwhile; inventory answers in milliseconds when it is well.
const LONGEST_CALL: Duration = Duration::from_secs(5);
const FOR_SALE: &str = "ACTIVE";

#[derive(Debug, Deserialize)]
struct Product {
    name: String,
    price: Money,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stock {
    available_quantity: i64,
}

/// Asks for product and stock at once. 400 when there is no such product for sale, 503 when
/// inventory does not say. Whether the stock is enough depends on what the cart holds by then.
pub(super) async fn goods(
    state: &AppState,
    trace: &Trace,
    sku: &str,
    quantity: i64,
) -> Result<Goods, ApiError> {
    let path = format!("/api/inventory/products/{}", segment(sku)?);
    let product = Call::new(Method::GET, path, trace).timeout(LONGEST_CALL);
    let wanted = json!({"productSku": sku, "quantity": quantity});
    let stock = Call::new(Method::POST, "/api/inventory/check", trace)
        .json(wanted)
        .timeout(LONGEST_CALL);
    let (product, stock) = tokio::join!(
        state.gateway.call::<Product>(product),
        state.gateway.call::<Stock>(stock),
    );
    // The product first: what does not exist is no matter of stock.
    let product = product.map_err(|error| meaning(sku, error))?;
    if product.status.is_some_and(|status| status != FOR_SALE) {
        let message = format!("product {sku:?} is not for sale");
        return Err(ApiError::invalid(message));
    }
    let stock = stock.map_err(|error| meaning(sku, error))?;
    Ok(Goods {
        sku: sku.to_owned(),
        name: product.name,
        price: product.price,
        available: stock.available_quantity,
    })
}

/// Questions have no effect, so that all but a clear no means: later.
fn meaning(sku: &str, error: CallError) -> ApiError {
    match error {
        CallError::Refused {
            status: StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST,
            ..
        } => unknown(sku),
        other => ApiError::unavailable("inventory", other),
    }
}

fn unknown(sku: &str) -> ApiError {
    ApiError::invalid(format!("productId must name a product, got {sku:?}"))
}

/// The SKU as one segment of a path. Dots alone would lead to another path, escaped or not.
fn segment(sku: &str) -> Result<String, ApiError> {
    if sku.bytes().all(|b| b == b'.') {
        return Err(unknown(sku));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let escaped = sku.bytes().map(|b| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    });
    Ok(escaped.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_stays_one_segment() {
        assert_eq!(segment("LAPTOP-001").unwrap(), "LAPTOP-001");
        assert_eq!(segment("a/b ä?").unwrap(), "a%2Fb%20%C3%A4%3F");
        for dots in [".", ".."] {
            assert_eq!(segment(dots).unwrap_err().status(), 400);
        }
    }
}
