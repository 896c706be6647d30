//! The states of an order, which may follow which, and the steps of the saga.

use crate::named::named;

named! {
    /// How far an order is.
    OrderStatus {
        Pending => "PENDING",
        InventoryReserved => "INVENTORY_RESERVED",
        InventoryFailed => "INVENTORY_FAILED",
        PaymentProcessing => "PAYMENT_PROCESSING",
        PaymentCompleted => "PAYMENT_COMPLETED",
        PaymentFailed => "PAYMENT_FAILED",
        /// Paid, and the goods are taken from stock.
        Processing => "PROCESSING",
        Shipped => "SHIPPED",
        Delivered => "DELIVERED",
        Cancelled => "CANCELLED",
        /// The money is back.
        Refunded => "REFUNDED",
    }
}

named! {
    /// What became of an order's payment.
    PaymentStatus {
        Completed => "COMPLETED",
        Failed => "FAILED",
        Refunded => "REFUNDED",
    }
}

named! {
    /// What the saga does next with an order.
    Step {
        /// Hold stock for each line.
        Reserve => "RESERVE",
        /// From here on the order cannot simply be cancelled.
        BeginPayment => "BEGIN_PAYMENT",
        Pay => "PAY",
        /// Ask what became of a payment that is not repeated any more.
        AskPayment => "ASK_PAYMENT",
        /// Take the held stock for good.
        Confirm => "CONFIRM",
        ClearCart => "CLEAR_CART",
        Refund => "REFUND",
        /// Give held stock back.
        Release => "RELEASE",
        /// Put goods that were taken for good back on the shelf.
        Restock => "RESTOCK",
    }
}

named! {
    /// How an order is paid.
    PaymentMethod {
        CreditCard => "CREDIT_CARD",
        DebitCard => "DEBIT_CARD",
        Paypal => "PAYPAL",
        Upi => "UPI",
        Wallet => "WALLET",
        BankTransfer => "BANK_TRANSFER",
        Cod => "COD",
    }
}

impl OrderStatus {
    /// What may follow.
    pub(super) fn followers(self) -> &'static [OrderStatus] {
        use OrderStatus::*;
        match self {
            Pending => &[InventoryReserved, InventoryFailed, Cancelled],
            InventoryReserved => &[PaymentProcessing, Cancelled],
            PaymentProcessing => &[PaymentCompleted, PaymentFailed],
            PaymentFailed | InventoryFailed => &[Cancelled],
            PaymentCompleted => &[Processing, Refunded],
            Processing => &[Shipped, Cancelled, Refunded],
            Shipped => &[Delivered],
            Delivered => &[Refunded],
            Cancelled | Refunded => &[],
        }
    }

    /// Whether the other may follow.
    pub(super) fn may_become(self, next: OrderStatus) -> bool {
        self.followers().contains(&next)
    }

    /// The event of becoming it.
    pub(super) fn event(self) -> &'static str {
        use OrderStatus::*;
        match self {
            Pending => "ORDER_CREATED",
            InventoryReserved => "ORDER_INVENTORY_RESERVED",
            InventoryFailed => "ORDER_INVENTORY_FAILED",
            PaymentCompleted => "ORDER_PAYMENT_COMPLETED",
            PaymentFailed => "ORDER_PAYMENT_FAILED",
            Processing => "ORDER_PROCESSING_COMPLETED",
            Cancelled => "ORDER_CANCELLED",
            Refunded => "ORDER_PAYMENT_REFUNDED",
            PaymentProcessing | Shipped | Delivered => "ORDER_STATUS_UPDATED",
        }
    }
}

/// A change of an order, made in one transaction with its events.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// The new status; none leaves it.
    pub(super) status: Option<OrderStatus>,
    /// What the saga does next; none when nothing is left.
    pub(super) step: Option<Step>,
    /// What is known of the payment; none leaves it.
    pub(super) payment_id: Option<String>,
    pub(super) payment_status: Option<PaymentStatus>,
    /// Why; none leaves what was said before.
    pub(super) reason: Option<String>,
    pub(super) by_user: bool,
    /// Told before the event of the new status.
    pub(super) event: Option<&'static str>,
}

impl Change {
    /// The saga goes on with a step, or ends.
    pub(super) fn then(step: Option<Step>) -> Change {
        Change {
            status: None,
            step,
            payment_id: None,
            payment_status: None,
            reason: None,
            by_user: false,
            event: None,
        }
    }

    /// A new status, and what the saga does next.
    pub(super) fn to(status: OrderStatus, step: Option<Step>) -> Change {
        Change {
            status: Some(status),
            ..Change::then(step)
        }
    }

    /// With its reason.
    pub(super) fn because(mut self, reason: impl Into<String>) -> Change {
        self.reason = Some(reason.into());
        self
    }

    /// With an event beside that of the status.
    pub(super) fn telling(mut self, event: &'static str) -> Change {
        self.event = Some(event);
        self
    }

    /// With what is known of the payment.
    pub(super) fn with_payment(mut self, id: Option<String>, status: PaymentStatus) -> Change {
        self.payment_id = id;
        self.payment_status = Some(status);
        self
    }
}

/// How a user's wish to cancel is carried out; none where the graph does not allow it. What is paid
/// ends as REFUNDED once the money is back, and as nothing else before.
pub(super) fn cancellation(status: OrderStatus, step: Option<Step>) -> Option<Change> {
    let change = match status {
        // Whoever is reserving right now finds the order changed; the release waits for its lease.
        OrderStatus::Pending | OrderStatus::InventoryReserved => {
            Change::to(OrderStatus::Cancelled, Some(Step::Release))
        }
        OrderStatus::Processing if step != Some(Step::Refund) => Change::then(Some(Step::Refund)),
        _ => return None,
    };
    Some(Change {
        by_user: true,
        ..change
    })
}

/// How an administrator's wish for a status is carried out; none where the graph does not allow it,
/// or where the saga alone may say that it is so.
pub(super) fn by_hand(
    status: OrderStatus,
    step: Option<Step>,
    wanted: OrderStatus,
) -> Option<Change> {
    if !status.may_become(wanted) {
        return None;
    }
    let refunding = step == Some(Step::Refund);
    match (status, wanted) {
        (_, OrderStatus::Cancelled) => cancellation(status, step),
        (OrderStatus::Processing, OrderStatus::Refunded) => cancellation(status, step),
        (OrderStatus::Delivered, OrderStatus::Refunded) if !refunding => {
            Some(Change::then(Some(Step::Refund)))
        }
        // The cart may still be cleared meanwhile.
        (_, OrderStatus::Shipped | OrderStatus::Delivered) if !refunding => {
            Some(Change::to(wanted, step))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_as_in_answers() {
        for &status in OrderStatus::ALL {
            assert_eq!(OrderStatus::from_name(status.name()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
        for &step in Step::ALL {
            assert_eq!(Step::from_name(step.name()), Some(step));
        }
        for &method in PaymentMethod::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
        assert_eq!(OrderStatus::from_name("CONFIRMED"), None);
    }

    #[test]
    fn every_change_by_hand_keeps_to_the_graph_and_promises_no_money_or_goods() {
        let steps = Step::ALL.iter().copied().map(Some).chain([None]);
        for step in steps {
            for &from in OrderStatus::ALL {
                for &to in OrderStatus::ALL {
                    let Some(change) = by_hand(from, step, to) else {
                        continue;
                    };
                    assert!(from.may_become(to), "{from:?} {to:?}");
                    if let Some(next) = change.status {
                        use OrderStatus::{Cancelled, Delivered, Shipped};
                        assert!(from.may_become(next), "{from:?} {next:?}");
                        assert!(matches!(next, Cancelled | Shipped | Delivered), "{next:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn cancelling_is_open_before_payment_and_again_until_shipping() {
        let open: Vec<_> = OrderStatus::ALL
            .iter()
            .filter(|&&status| cancellation(status, None).is_some())
            .collect();
        use OrderStatus::{InventoryReserved, Pending, Processing};
        assert_eq!(open, [&Pending, &InventoryReserved, &Processing]);
        assert_eq!(cancellation(Processing, Some(Step::Refund)), None);
        let paid = cancellation(Processing, Some(Step::ClearCart)).unwrap();
        assert_eq!((paid.status, paid.step), (None, Some(Step::Refund)));
    }

    #[test]
    fn what_is_final_has_no_followers_and_all_else_reaches_an_end() {
        for &status in OrderStatus::ALL {
            let is_final = matches!(status, OrderStatus::Cancelled | OrderStatus::Refunded);
            assert_eq!(status.followers().is_empty(), is_final, "{status:?}");
        }
    }
}
