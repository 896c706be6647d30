//! The closed sets of this service, by the names that store and answers use.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

/// Gives an enum its written names, those of store and answers.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
        )]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub(crate) enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub(crate) const ALL: &[$name] = &[$($name::$variant),+];

            /// As written in store and answers.
            pub(crate) fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The inverse of `name`.
            pub(crate) fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

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

/// Reads a name from a column. What this program cannot read it must not act upon.
pub(crate) fn from_column<T>(
    row: &AnyRow,
    column: &str,
    from_name: fn(&str) -> Option<T>,
) -> sqlx::Result<T> {
    let name: String = row.try_get(column)?;
    let unknown = || sqlx::Error::Decode(format!("unknown {column} {name:?}").into());
    from_name(&name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds<T>(all: &[T], name: fn(T) -> &'static str, from_name: fn(&str) -> Option<T>)
    where
        T: Copy + PartialEq + std::fmt::Debug + Serialize,
    {
        for &one in all {
            assert_eq!(from_name(name(one)), Some(one));
            assert_eq!(serde_json::to_value(one).unwrap(), name(one));
        }
        assert_eq!(from_name("ANYTHING"), None);
    }

    #[test]
    fn names_are_read_as_they_are_written_and_as_in_answers() {
        holds(Channel::ALL, Channel::name, Channel::from_name);
        holds(Priority::ALL, Priority::name, Priority::from_name);
        holds(
            NotificationType::ALL,
            NotificationType::name,
            NotificationType::from_name,
        );
        holds(
            NotificationStatus::ALL,
            NotificationStatus::name,
            NotificationStatus::from_name,
        );
        holds(
            DeliveryStatus::ALL,
            DeliveryStatus::name,
            DeliveryStatus::from_name,
        );
    }
}
