//! The templates that the shop comes with: one for each occasion, on the channels that events use.

use super::super::names::{Channel, NotificationType};
use super::store::{self, NewTemplate};
use crate::error::ApiError;
use crate::state::AppState;

/// Channels that have a template from the start.
const CHANNELS: [Channel; 2] = [Channel::Email, Channel::InApp];

/// What the shop says on an occasion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// The template's name.
    pub(crate) name: &'static str,
    pub(crate) kind: NotificationType,
    pub(crate) subject: &'static str,
    pub(crate) body: &'static str,
}

const fn text(
    name: &'static str,
    kind: NotificationType,
    subject: &'static str,
    body: &'static str,
) -> Text {
    Text {
        name,
        kind,
        subject,
        body,
    }
}

use NotificationType as T;

/// Every type has one at least.
pub(crate) const TEXTS: [Text; 13] = [
    text(
        "welcome",
        T::Welcome,
        "Welcome, {{firstName}}",
        "Hello {{firstName}},\n\nyour account is ready.\n",
    ),
    text(
        "order-confirmation",
        T::OrderConfirmation,
        "Order {{orderNumber}} is confirmed",
        "Your order {{orderNumber}} over {{totalAmount}} is paid and being prepared.\n",
    ),
    text(
        "order-shipped",
        T::OrderShipped,
        "Order {{orderNumber}} is on its way",
        "Your order {{orderNumber}} has been shipped.\n",
    ),
    text(
        "order-delivered",
        T::OrderDelivered,
        "Order {{orderNumber}} has arrived",
        "Your order {{orderNumber}} has been delivered.\n",
    ),
    text(
        "order-status-update",
        T::OrderStatusUpdate,
        "Order {{orderNumber}}: {{status}}",
        "The status of your order {{orderNumber}} is now {{status}}.\n",
    ),
    text(
        "payment-success",
        T::PaymentSuccess,
        "Payment of {{amount}} {{currency}} received",
        "We received {{amount}} {{currency}} for order {{orderNumber}}. Payment: {{paymentId}}.\n",
    ),
    text(
        "payment-refunded",
        T::PaymentSuccess,
        "Refund of {{refundAmount}} {{currency}}",
        "We paid back {{refundAmount}} {{currency}} for order {{orderNumber}}. Payment: {{paymentId}}.\n",
    ),
    text(
        "payment-failed",
        T::PaymentFailed,
        "Payment for order {{orderNumber}} failed",
        "The payment of {{amount}} {{currency}} for order {{orderNumber}} failed: {{errorMessage}}.\n",
    ),
    text(
        "inventory-low-stock",
        T::InventoryLowStock,
        "Low stock: {{productSku}} in {{warehouseLocation}}",
        "{{availableQuantity}} pieces of {{productSku}} are left in {{warehouseLocation}}.\n",
    ),
    text(
        "cart-abandonment",
        T::CartAbandonment,
        "Your cart is waiting",
        "{{totalItems}} articles are still in your cart.\n",
    ),
    text("promotional", T::Promotional, "{{title}}", "{{message}}\n"),
    text("system-alert", T::SystemAlert, "{{title}}", "{{message}}\n"),
    text(
        "password-reset",
        T::PasswordReset,
        "Reset your password",
        "To choose a new password open {{resetLink}}.\n",
    ),
];

/// The text of an occasion.
pub(crate) fn text_of(name: &str) -> Option<&'static Text> {
    TEXTS.iter().find(|text| text.name == name)
}

/// Puts missing templates in place; changed ones stay as they are.
pub(crate) async fn seed(state: AppState) -> Result<(), ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    for text in &TEXTS {
        for channel in CHANNELS {
            let new = NewTemplate {
                name: text.name.into(),
                channel,
                kind: text.kind,
                subject: text.subject.into(),
                body: text.body.into(),
                active: true,
            };
            store::insert(&mut tx, &new, now_ms).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    #[test]
    fn every_type_has_a_text_that_can_be_read() {
        for &kind in NotificationType::ALL {
            assert!(TEXTS.iter().any(|text| text.kind == kind), "{kind:?}");
        }
        for text in &TEXTS {
            assert!(rules::variables(text.subject).is_ok(), "{}", text.name);
            assert!(rules::variables(text.body).is_ok(), "{}", text.name);
        }
    }
}
