//! What an event means for somebody who wants to be told, without store and time.

use serde_json::{Map, Value};

use super::super::SYSTEM;
use super::super::names::{Channel, NotificationType, Priority};
use super::fields::{address, amount, number, order_number, shown};
use crate::events::Event;

/// Topics that are read here.
pub(crate) const TOPICS: [&str; 6] = [
    "user-created",
    "order-events",
    "payment-processed",
    "payment-failed",
    "payment-refunded",
    "low-stock-alert",
];
const USUAL_CHANNELS: &[Channel] = &[Channel::Email, Channel::InApp];
const LONGEST_ID: usize = 200;
/// Events of an order that its customer is told of. The steps in between would be four messages
/// before the confirmation, and use up what a customer is sent in an hour.
const TOLD_EVENTS: [&str; 5] = [
    "ORDER_CREATED",
    "ORDER_PROCESSING_COMPLETED",
    "ORDER_CANCELLED",
    "ORDER_PAYMENT_REFUNDED",
    "ORDER_STATUS_UPDATED",
];
/// Statuses among those events that are such steps.
const INNER_STATUSES: [&str; 2] = ["PAYMENT_PROCESSING", "INVENTORY_RESERVED"];

/// Something that somebody is told.
#[derive(Clone, Debug)]
pub(super) struct Occasion {
    pub(super) user_id: i64,
    /// As the event tells it.
    pub(super) email: Option<String>,
    pub(super) kind: NotificationType,
    /// The name of the template.
    pub(super) template: &'static str,
    pub(super) priority: Priority,
    pub(super) channels: &'static [Channel],
    pub(super) variables: Map<String, Value>,
}

/// What an event tells.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) occasion: Occasion,
    /// The user's address, to be remembered.
    pub(super) remembered: Option<String>,
}

/// Reads an event; none when it is of no interest, an error when it should be but is not usable.
/// `operators` is the address to which alerts about the shop itself go.
pub(super) fn read(event: &Event, operators: Option<&str>) -> Result<Option<Known>, String> {
    let plain = event.id.bytes().all(|b| b.is_ascii_graphic());
    if !plain || event.id.is_empty() || event.id.len() > LONGEST_ID {
        return Err("its id is none".into());
    }
    let payload = &event.payload;
    let occasion = match event.topic.as_str() {
        "user-created" => return welcome(payload).map(Some),
        "order-events" => return order(&event.kind, payload),
        "low-stock-alert" => low_stock(payload, operators),
        "payment-processed" if is_failed(payload) => payment_failed(payload)?,
        "payment-processed" => payment(payload, "payment-success")?,
        "payment-failed" => payment_failed(payload)?,
        "payment-refunded" => payment(payload, "payment-refunded")?,
        _ => return Ok(None),
    };
    Ok(Some(occasion.into()))
}

impl From<Occasion> for Known {
    fn from(occasion: Occasion) -> Known {
        Known {
            occasion,
            remembered: None,
        }
    }
}

fn welcome(payload: &Value) -> Result<Known, String> {
    let user_id = number(payload, "userId").ok_or("it names no userId")?;
    let email = address(payload, "email");
    let variables = shown(payload, &[("firstName", "dear customer")]);
    let occasion = Occasion {
        email: email.clone(),
        ..usual(user_id, NotificationType::Welcome, "welcome", variables)
    };
    Ok(Known {
        occasion,
        remembered: email,
    })
}

fn order(kind: &str, payload: &Value) -> Result<Option<Known>, String> {
    if !TOLD_EVENTS.contains(&kind) {
        return Ok(None);
    }
    let user_id = number(payload, "userId").ok_or("it names no userId")?;
    let status = payload["status"].as_str().ok_or("it names no status")?;
    if INNER_STATUSES.contains(&status) {
        return Ok(None);
    }
    let (kind, template) = match status {
        "PROCESSING" => (NotificationType::OrderConfirmation, "order-confirmation"),
        "SHIPPED" => (NotificationType::OrderShipped, "order-shipped"),
        "DELIVERED" => (NotificationType::OrderDelivered, "order-delivered"),
        _ => (NotificationType::OrderStatusUpdate, "order-status-update"),
    };
    let mut variables = shown(payload, &[("status", "-"), ("reason", "-")]);
    variables.insert("orderNumber".into(), order_number(payload));
    variables.insert("totalAmount".into(), amount(payload, "totalAmount"));
    let occasion = Occasion {
        email: address(payload, "userEmail"),
        ..usual(user_id, kind, template, variables)
    };
    Ok(Some(occasion.into()))
}

fn is_failed(payload: &Value) -> bool {
    payload["status"].as_str() == Some("FAILED")
}

fn payment(payload: &Value, template: &'static str) -> Result<Occasion, String> {
    let user_id = number(payload, "userId").ok_or("it names no userId")?;
    let defaults = [
        ("paymentId", "-"),
        ("currency", "USD"),
        ("errorMessage", "no reason was given"),
    ];
    let mut variables = shown(payload, &defaults);
    variables.insert("orderNumber".into(), order_number(payload));
    for field in ["amount", "refundAmount"] {
        variables.insert(field.into(), amount(payload, field));
    }
    let kind = NotificationType::PaymentSuccess;
    Ok(Occasion {
        email: address(payload, "userEmail"),
        ..usual(user_id, kind, template, variables)
    })
}

fn payment_failed(payload: &Value) -> Result<Occasion, String> {
    Ok(Occasion {
        kind: NotificationType::PaymentFailed,
        priority: Priority::High,
        ..payment(payload, "payment-failed")?
    })
}

fn low_stock(payload: &Value, operators: Option<&str>) -> Occasion {
    let defaults = [
        ("productSku", "-"),
        ("warehouseLocation", "-"),
        ("availableQuantity", "-"),
    ];
    let variables = shown(payload, &defaults);
    let kind = NotificationType::InventoryLowStock;
    let channels = match operators {
        Some(_) => USUAL_CHANNELS,
        None => &[Channel::InApp],
    };
    Occasion {
        email: operators.map(str::to_owned),
        priority: Priority::High,
        channels,
        ..usual(SYSTEM, kind, "inventory-low-stock", variables)
    }
}

fn usual(
    user_id: i64,
    kind: NotificationType,
    template: &'static str,
    variables: Map<String, Value>,
) -> Occasion {
    Occasion {
        user_id,
        email: None,
        kind,
        template,
        priority: Priority::Normal,
        channels: USUAL_CHANNELS,
        variables,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::templates::{defaults, fill};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(topic: &str, kind: &str, payload: Value) -> Event {
        Event {
            id: "some-service:1".into(),
            topic: topic.into(),
            kind: kind.into(),
            subject: "1".into(),
            trace_id: String::new(),
            occurred_ms: 0,
            payload,
        }
    }

    fn told(topic: &str, kind: &str, payload: Value) -> Option<(NotificationType, String)> {
        let known = read(&event(topic, kind, payload), None).unwrap()?;
        let occasion = known.occasion;
        let text = defaults::text_of(occasion.template).unwrap();
        let filled = fill(text.subject, text.body, &occasion.variables).unwrap();
        Some((occasion.kind, filled.subject))
    }

    #[test]
    fn an_order_is_confirmed_once_and_its_inner_events_are_not_told() {
        let order = |kind, status| {
            let payload = json!({"userId": 7, "orderNumber": "ORD-1", "status": status,
                                 "totalAmount": 15.0});
            told("order-events", kind, payload)
        };
        let (kind, subject) = order("ORDER_PROCESSING_COMPLETED", "PROCESSING").unwrap();
        assert_eq!(kind, NotificationType::OrderConfirmation);
        assert_eq!(subject, "Order ORD-1 is confirmed");
        let (kind, _) = order("ORDER_STATUS_UPDATED", "SHIPPED").unwrap();
        assert_eq!(kind, NotificationType::OrderShipped);
        let (kind, _) = order("ORDER_STATUS_UPDATED", "DELIVERED").unwrap();
        assert_eq!(kind, NotificationType::OrderDelivered);
        let (kind, subject) = order("ORDER_CREATED", "PENDING").unwrap();
        assert_eq!(kind, NotificationType::OrderStatusUpdate);
        assert_eq!(subject, "Order ORD-1: PENDING");
        for (inner, status) in [
            ("ORDER_CART_CLEARED", "PROCESSING"),
            ("ORDER_INVENTORY_RESERVED", "INVENTORY_RESERVED"),
            ("ORDER_PAYMENT_COMPLETED", "PAYMENT_COMPLETED"),
            ("ORDER_STATUS_UPDATED", "PAYMENT_PROCESSING"),
        ] {
            assert_eq!(order(inner, status), None, "{inner}");
        }
    }

    #[test]
    fn payments_tell_their_amount_and_a_failed_one_is_told_as_failed() {
        let payload = json!({"userId": "7", "paymentId": "PAY-1", "orderId": 3, "amount": 12.5,
            "currency": "EUR", "status": "COMPLETED", "refundAmount": 2, "orderNumber": null});
        let (kind, subject) = told("payment-processed", "x", payload.clone()).unwrap();
        assert_eq!(kind, NotificationType::PaymentSuccess);
        assert_eq!(subject, "Payment of 12.50 EUR received");
        let (_, subject) = told("payment-refunded", "x", payload.clone()).unwrap();
        assert_eq!(subject, "Refund of 2.00 EUR");
        let (kind, subject) = told("payment-failed", "x", payload).unwrap();
        assert_eq!(kind, NotificationType::PaymentFailed);
        assert_eq!(subject, "Payment for order 3 failed");
        let failed = json!({"userId": 7, "status": "FAILED"});
        let (kind, _) = told("payment-processed", "x", failed).unwrap();
        assert_eq!(kind, NotificationType::PaymentFailed);
    }

    #[test]
    fn low_stock_goes_to_the_system_and_by_e_mail_to_its_operators() {
        let alert = event(
            "low-stock-alert",
            "LOW_STOCK_ALERT",
            json!({"productSku": "A"}),
        );
        let occasion = read(&alert, Some("root@example.com"))
            .unwrap()
            .unwrap()
            .occasion;
        assert_eq!(
            (occasion.user_id, occasion.channels),
            (SYSTEM, USUAL_CHANNELS)
        );
        assert_eq!(occasion.email.as_deref(), Some("root@example.com"));
        let occasion = read(&alert, None).unwrap().unwrap().occasion;
        assert_eq!(occasion.channels, [Channel::InApp]);
    }

    #[test]
    fn an_address_is_remembered_only_when_it_is_one() {
        let made = |email: Value| {
            let payload = json!({"userId": 7, "email": email, "firstName": "Ada"});
            read(&event("user-created", "USER_CREATED", payload), None)
        };
        let known = made(json!("ada@example.com")).unwrap().unwrap();
        assert_eq!(known.remembered.as_deref(), Some("ada@example.com"));
        for email in [json!("ada"), json!(null), json!("a@b\r\nBcc: c@d")] {
            let known = made(email).unwrap().unwrap();
            assert_eq!((known.remembered, known.occasion.email), (None, None));
        }
    }

    #[test]
    fn what_is_of_no_interest_or_names_nobody_is_passed_over() {
        assert!(
            read(&event("cart-created", "x", json!(null)), None)
                .unwrap()
                .is_none()
        );
        for topic in ["user-created", "payment-failed"] {
            assert!(
                read(&event(topic, "x", json!([])), None).is_err(),
                "{topic}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_payload_fills_its_text_within_the_limits(
            topic in proptest::sample::select(&TOPICS[..]),
            kind in proptest::sample::select(&TOLD_EVENTS[..]),
            text in "\\PC{0,300}",
            status in "[A-Z]{0,12}",
            amount in proptest::num::f64::ANY,
        ) {
            let payload = json!({"userId": 7, "status": status, "orderNumber": text,
                "errorMessage": text, "amount": amount, "firstName": text, "currency": text,
                "productSku": text, "warehouseLocation": text, "email": text});
            let known = read(&event(topic, kind, payload), None).unwrap().unwrap();
            let occasion = known.occasion;
            let default = defaults::text_of(occasion.template).unwrap();
            let filled = fill(default.subject, default.body, &occasion.variables).unwrap();
            prop_assert!(filled.subject.chars().count() <= 255);
            prop_assert!(filled.body.chars().count() <= 2000);
        }
    }
}
