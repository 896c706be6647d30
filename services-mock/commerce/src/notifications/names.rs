//! The closed sets of this service, by the names that store and answers use.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::named::{known, named};

named! {
    /// A way to a user.
    Channel {
        Email => "EMAIL",
        /// At most 160 characters.
        Sms => "SMS",
        Push => "PUSH",
        /// Stays in the store, to be read there.
        InApp => "IN_APP",
        Webhook => "WEBHOOK",
    }
}

named! {
    /// What a notification is about.
    NotificationType {
        Welcome => "WELCOME",
        OrderConfirmation => "ORDER_CONFIRMATION",
        OrderShipped => "ORDER_SHIPPED",
        OrderDelivered => "ORDER_DELIVERED",
        OrderStatusUpdate => "ORDER_STATUS_UPDATE",
        PaymentSuccess => "PAYMENT_SUCCESS",
        PaymentFailed => "PAYMENT_FAILED",
        InventoryLowStock => "INVENTORY_LOW_STOCK",
        CartAbandonment => "CART_ABANDONMENT",
        Promotional => "PROMOTIONAL",
        SystemAlert => "SYSTEM_ALERT",
        PasswordReset => "PASSWORD_RESET",
    }
}

named! {
    /// How much it matters.
    Priority {
        Low => "LOW",
        Normal => "NORMAL",
        High => "HIGH",
        /// Is sent in quiet hours too.
        Urgent => "URGENT",
    }
}

named! {
    /// How far a notification is.
    NotificationStatus {
        /// Nothing was tried yet.
        Pending => "PENDING",
        /// Not every channel is done.
        Processing => "PROCESSING",
        /// Every channel is done, and one took it at least.
        Sent => "SENT",
        /// What was sent arrived.
        Delivered => "DELIVERED",
        Failed => "FAILED",
        Cancelled => "CANCELLED",
        Expired => "EXPIRED",
    }
}

named! {
    /// How far a notification is on one channel.
    DeliveryStatus {
        Pending => "PENDING",
        /// Is being sent right now.
        Processing => "PROCESSING",
        /// Handed over; whether it arrives nobody told yet.
        Sent => "SENT",
        Delivered => "DELIVERED",
        /// The receiver's side refused it for good.
        Bounced => "BOUNCED",
        /// Every try failed.
        Failed => "FAILED",
        /// Was not to be sent: preferences, limits, or the notification was closed before.
        Rejected => "REJECTED",
    }
}

/// Reads a name from a column.
pub(crate) fn from_column<T>(
    row: &AnyRow,
    column: &str,
    from_name: fn(&str) -> Option<T>,
) -> sqlx::Result<T> {
    known(&row.try_get::<String, _>(column)?, from_name)
}
