//! Carts as clients and listeners see them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::owner::Owner;
use super::rules::{Cart, Line, Status};
use crate::clock::iso_local;
use crate::events::NewEvent;
use crate::money::Money;

/// A cart.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CartBody {
    cart_id: String,
    /// The account's number; none for a guest.
    user_id: Option<i64>,
    /// The guest's session; none for a user.
    session_id: Option<String>,
    items: Vec<ItemBody>,
    total_amount: Money,
    /// Pieces, not products.
    total_items: i64,
    status: Status,
    /// ISO 8601 without zone, UTC.
    created_at: String,
    updated_at: String,
}

/// A product in a cart.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemBody {
    product_id: String,
    product_name: String,
    product_image: Option<String>,
    price: Money,
    quantity: i64,
    subtotal: Money,
}

/// A cart in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SummaryBody {
    cart_id: String,
    total_items: i64,
    total_amount: Money,
    status: Status,
}

impl From<Cart> for CartBody {
    fn from(cart: Cart) -> CartBody {
        let (total_amount, total_items) = (cart.total_amount(), cart.total_items());
        let (user_id, session_id) = match cart.owner {
            Owner::User(id) => (Some(id), None),
            Owner::Session(id) => (None, Some(id)),
        };
        CartBody {
            cart_id: cart.cart_id,
            user_id,
            session_id,
            items: cart.lines.into_iter().map(ItemBody::from).collect(),
            total_amount,
            total_items,
            status: cart.status,
            created_at: iso_local(cart.created_ms),
            updated_at: iso_local(cart.updated_ms),
        }
    }
}

impl From<Line> for ItemBody {
    fn from(line: Line) -> ItemBody {
        let subtotal = line.subtotal();
        ItemBody {
            product_id: line.product_id,
            product_name: line.product_name,
            product_image: line.product_image,
            price: line.price,
            quantity: line.quantity,
            subtotal,
        }
    }
}

impl From<Cart> for SummaryBody {
    fn from(cart: Cart) -> SummaryBody {
        SummaryBody {
            total_items: cart.total_items(),
            total_amount: cart.total_amount(),
            cart_id: cart.cart_id,
            status: cart.status,
        }
    }
}

/// What became of a cart; the topic's name says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Created,
    ItemAdded,
    ItemUpdated,
    ItemRemoved,
    Cleared,
    Merged,
    ConvertedToOrder,
}

impl Topic {
    /// Topic and type.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Topic::Created => ("cart-created", "CART_CREATED"),
            Topic::ItemAdded => ("cart-item-added", "CART_ITEM_ADDED"),
            Topic::ItemUpdated => ("cart-item-updated", "CART_ITEM_UPDATED"),
            Topic::ItemRemoved => ("cart-item-removed", "CART_ITEM_REMOVED"),
            Topic::Cleared => ("cart-cleared", "CART_CLEARED"),
            Topic::Merged => ("cart-merged", "CART_MERGED"),
            Topic::ConvertedToOrder => ("cart-converted-to-order", "CART_CONVERTED_TO_ORDER"),
        }
    }

    /// The event, with the cart as it is after the change and fields of the topic's own. Without
    /// the session's id, which opens a guest's cart to whoever reads it.
    pub(super) fn event(self, cart: &Cart, details: Value) -> NewEvent<'static> {
        let (topic, kind) = self.names();
        let user_id = match cart.owner {
            Owner::User(id) => Some(id),
            Owner::Session(_) => None,
        };
        let mut payload = json!({
            "cartId": cart.cart_id,
            "userId": user_id,
            "totalItems": cart.total_items(),
            "totalAmount": cart.total_amount(),
            "status": cart.status,
        });
        if let (Value::Object(payload), Value::Object(details)) = (&mut payload, details) {
            payload.extend(details);
        }
        NewEvent {
            topic,
            kind,
            subject: cart.cart_id.clone(),
            payload,
        }
    }
}
