//! What a customer orders: the lines of the cart at the prices of the inventory.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::requests::{MOST_LINES, MOST_TOTAL};
use super::store::Line;
use crate::error::ApiError;
use crate::gateway::{Call, CallError};
use crate::money::Money;
use crate::settings::Secret;
use crate::state::AppState;
use crate::trace::Trace;

/// The customer waits meanwhile.
const CART_TIMEOUT: Duration = Duration::from_secs(10);
const PRICE_TIMEOUT: Duration = Duration::from_secs(5);
/// Prices that are asked for at once: quick for usual carts, no flood for the largest.
const PRICES_AT_ONCE: usize = 8;
const FOR_SALE: &str = "ACTIVE";
const ORDERED: &str = "CONVERTED_TO_ORDER";

#[derive(Debug, Deserialize)]
struct Cart {
    items: Vec<CartItem>,
    status: Option<String>,
}

/// The price that the cart says is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CartItem {
    product_id: String,
    product_name: String,
    product_image: Option<String>,
    quantity: i64,
}

#[derive(Debug, Deserialize)]
struct Product {
    price: Money,
    status: Option<String>,
}

/// Lines and total of the order that the cart would make. 400 when there is nothing to order, more
/// than an order may hold, or something not for sale; 503 when cart or inventory do not say.
pub(super) async fn lines(
    state: &AppState,
    trace: &Trace,
    token: &Secret,
) -> Result<(Vec<Line>, Money), ApiError> {
    let items = cart_items(state, trace, token).await?;
    let mut lines = Vec::with_capacity(items.len());
    let mut rest = items.into_iter().peekable();
    while rest.peek().is_some() {
        let mut asked = JoinSet::new();
        for item in rest.by_ref().take(PRICES_AT_ONCE) {
            asked.spawn(priced(state.clone(), trace.clone(), item));
        }
        while let Some(line) = asked.join_next().await {
            lines.push(line.map_err(|cause| ApiError::unavailable("inventory", cause))??);
        }
    }
    // Answers came in any order; reserving in one order keeps customers from blocking each other.
    lines.sort_by(|one, other| one.product_id.cmp(&other.product_id));
    let total = lines.iter().map(Line::subtotal).sum();
    check_total(total)?;
    Ok((lines, total))
}

fn check_total(total: Money) -> Result<(), ApiError> {
    if total <= Money::cents(0) || total > MOST_TOTAL {
        let message = format!("total of the cart must be 0.01 to {MOST_TOTAL}, got {total}");
        return Err(ApiError::invalid(message));
    }
    Ok(())
}

async fn cart_items(
    state: &AppState,
    trace: &Trace,
    token: &Secret,
) -> Result<Vec<CartItem>, ApiError> {
    let call = Call::new(Method::GET, "/api/cart", trace);
    let call = call.on_behalf_of(token).timeout(CART_TIMEOUT);
    let cart: Cart = match state.gateway.call(call).await {
        Err(CallError::Refused {
            status: StatusCode::NOT_FOUND,
            ..
        }) => return Err(ApiError::invalid("the cart is empty")),
        answer => answer.map_err(|error| ApiError::unavailable("cart", error))?,
    };
    if cart.status.as_deref() == Some(ORDERED) {
        return Err(ApiError::invalid("the cart was ordered before"));
    }
    let items = merged(cart.items)?;
    if items.is_empty() {
        return Err(ApiError::invalid("the cart is empty"));
    }
    if items.len() > MOST_LINES {
        let message = format!("the cart must have at most 50 lines, got {}", items.len());
        return Err(ApiError::invalid(message));
    }
    Ok(items)
}

/// One line per product, since stock is reserved by order and product.
fn merged(items: Vec<CartItem>) -> Result<Vec<CartItem>, ApiError> {
    let mut by_product: BTreeMap<String, CartItem> = BTreeMap::new();
    for item in items {
        if item.quantity < 1 {
            let cause = format!("quantity {} of {}", item.quantity, item.product_id);
            return Err(ApiError::unavailable("cart", cause));
        }
        match by_product.get_mut(&item.product_id) {
            Some(line) => line.quantity = line.quantity.saturating_add(item.quantity),
            None => drop(by_product.insert(item.product_id.clone(), item)),
        }
    }
    Ok(by_product.into_values().collect())
}

async fn priced(state: AppState, trace: Trace, item: CartItem) -> Result<Line, ApiError> {
    let gone = || ApiError::invalid(format!("product {:?} is not for sale", item.product_id));
    let path = segment(&item.product_id).ok_or_else(gone)?;
    let path = format!("/api/inventory/products/{path}");
    let call = Call::new(Method::GET, path, &trace).timeout(PRICE_TIMEOUT);
    let product: Product = match state.gateway.call(call).await {
        Err(CallError::Refused {
            status: StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST,
            ..
        }) => return Err(gone()),
        answer => answer.map_err(|error| ApiError::unavailable("inventory", error))?,
    };
    let for_sale = product.status.is_none_or(|status| status == FOR_SALE);
    // A price of nothing would leave the quantity without a bound.
    if !for_sale || product.price <= Money::cents(0) {
        return Err(gone());
    }
    Ok(Line {
        id: 0,
        product_id: item.product_id,
        product_name: item.product_name,
        product_image: item.product_image,
        price: product.price,
        quantity: item.quantity,
    })
}

/// The SKU as one segment of a path; none for dots alone, which would lead to another path.
fn segment(sku: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let escaped = sku.bytes().map(|b| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    });
    sku.bytes().any(|b| b != b'.').then(|| escaped.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_stays_one_segment() {
        assert_eq!(segment("LAPTOP-001").as_deref(), Some("LAPTOP-001"));
        assert_eq!(segment("a/b?").as_deref(), Some("a%2Fb%3F"));
        assert_eq!(segment(".."), None);
        assert_eq!(segment(""), None);
    }

    #[test]
    fn a_product_that_is_in_the_cart_twice_makes_one_line() {
        let item = |product: &str, quantity| CartItem {
            product_id: product.into(),
            product_name: product.into(),
            product_image: None,
            quantity,
        };
        let lines = merged(vec![item("A", 1), item("B", 2), item("A", 3)]).unwrap();
        let lines: Vec<_> = lines.iter().map(|l| (&*l.product_id, l.quantity)).collect();
        assert_eq!(lines, [("A", 4), ("B", 2)]);
        assert_eq!(merged(vec![item("A", 0)]).unwrap_err().status(), 503);
    }
}
