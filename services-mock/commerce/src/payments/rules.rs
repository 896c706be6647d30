//! Methods, currencies and states of payments, the simulated gateway, and what may be given back.

use crate::money::Money;
use crate::named::named;

named! {
    /// How somebody pays.
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

named! {
    /// What an amount is counted in.
    Currency {
        Inr => "INR",
        Usd => "USD",
        Eur => "EUR",
        Gbp => "GBP",
        Aud => "AUD",
        Other => "OTHER",
    }
}

named! {
    /// What became of a payment. The simulated gateway decides at once, so that no payment is seen
    /// INITIATED or PROCESSING, and none is CANCELLED.
    PaymentStatus {
        Initiated => "INITIATED",
        Processing => "PROCESSING",
        /// Paid; a part of it may be back.
        Completed => "COMPLETED",
        Failed => "FAILED",
        /// All of it is back.
        Refunded => "REFUNDED",
        Cancelled => "CANCELLED",
    }
}

named! {
    /// What others are told of payments.
    Topic {
        Processed => "payment-processed",
        Failed => "payment-failed",
        Refunded => "payment-refunded",
    }
}

named! {
    /// How far an event is on its way to a webhook.
    DeliveryStatus {
        /// To be sent, for the first time or again.
        Pending => "PENDING",
        Delivered => "DELIVERED",
        /// Given up.
        Failed => "FAILED",
    }
}

impl Topic {
    /// The type of the topic's events.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Topic::Processed => "PAYMENT_PROCESSED",
            Topic::Failed => "PAYMENT_FAILED",
            Topic::Refunded => "PAYMENT_REFUNDED",
        }
    }
}

/// What the gateway says to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) status: PaymentStatus,
    pub(super) error_message: Option<&'static str>,
    pub(super) topic: Topic,
}

/// More than this nobody has.
const DEEPEST_POCKET: Money = Money::cents(10_000_000);

/// The simulated gateway: takes any amount up to 100 000.
pub(super) fn charge(amount: Money) -> Decision {
    if amount > DEEPEST_POCKET {
        return Decision {
            status: PaymentStatus::Failed,
            error_message: Some("Insufficient funds"),
            topic: Topic::Failed,
        };
    }
    Decision {
        status: PaymentStatus::Completed,
        error_message: None,
        topic: Topic::Processed,
    }
}

/// What a payment is after a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AfterRefund {
    /// Of all refunds.
    pub(super) refunded: Money,
    pub(super) status: PaymentStatus,
}

/// Why money is not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRefund {
    /// Nothing was taken.
    NotPaid,
    /// More than was ever taken.
    MoreThanPaid,
    /// More than is left of it; so much is.
    MoreThanLeft(Money),
}

/// Gives back a part of a payment or all of it. `status`, `amount` and `refunded` are the payment's
/// before.
pub(super) fn refund(
    status: PaymentStatus,
    amount: Money,
    refunded: Money,
    wanted: Money,
) -> Result<AfterRefund, NoRefund> {
    if !matches!(status, PaymentStatus::Completed | PaymentStatus::Refunded) {
        return Err(NoRefund::NotPaid);
    }
    if wanted > amount {
        return Err(NoRefund::MoreThanPaid);
    }
    let left = amount - refunded;
    if wanted > left {
        return Err(NoRefund::MoreThanLeft(left));
    }
    let refunded = refunded + wanted;
    Ok(AfterRefund {
        refunded,
        status: status_of_paid(amount, refunded),
    })
}

/// The status of a payment that was taken, by how much of it is back.
pub(super) fn status_of_paid(amount: Money, refunded: Money) -> PaymentStatus {
    match refunded == amount {
        true => PaymentStatus::Refunded,
        false => PaymentStatus::Completed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_as_they_are_written_and_as_in_answers() {
        for &method in PaymentMethod::ALL {
            assert_eq!(PaymentMethod::from_name(method.name()), Some(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
        for &status in PaymentStatus::ALL {
            assert_eq!(PaymentStatus::from_name(status.name()), Some(status));
        }
        for &topic in Topic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.name());
        }
        assert_eq!(Currency::ALL.len(), 6);
        assert_eq!(DeliveryStatus::ALL.len(), 3);
        assert_eq!(Currency::from_name("usd"), None);
    }

    #[test]
    fn a_hundred_thousand_is_paid_and_a_cent_more_is_not() {
        let paid = charge(Money::cents(10_000_000));
        assert_eq!(
            (paid.status, paid.error_message),
            (PaymentStatus::Completed, None)
        );
        let failed = charge(Money::cents(10_000_001));
        assert_eq!(failed.status, PaymentStatus::Failed);
        assert_eq!(failed.error_message, Some("Insufficient funds"));
    }

    #[test]
    fn nothing_is_given_back_of_what_was_not_taken() {
        let [one, two, three] = [1, 2, 3].map(Money::cents);
        for &status in PaymentStatus::ALL {
            let refund = refund(status, two, Money::cents(0), one);
            let paid = matches!(status, PaymentStatus::Completed | PaymentStatus::Refunded);
            assert_eq!(refund.is_ok(), paid, "{status:?}");
        }
        let refused =
            |refunded, wanted| refund(PaymentStatus::Completed, two, refunded, wanted).unwrap_err();
        assert_eq!(refused(one, two), NoRefund::MoreThanLeft(one));
        assert_eq!(refused(one, three), NoRefund::MoreThanPaid);
    }

    proptest! {
        #[test]
        fn refunds_add_up_to_the_amount_and_no_further(
            amount in 1..1000_i64,
            wanted in prop::collection::vec(1..600_i64, 0..12),
        ) {
            let amount = Money::cents(amount);
            let (mut status, mut refunded) = (PaymentStatus::Completed, Money::cents(0));
            for wanted in wanted.into_iter().map(Money::cents) {
                if let Ok(after) = refund(status, amount, refunded, wanted) {
                    prop_assert_eq!(after.refunded, refunded + wanted);
                    (status, refunded) = (after.status, after.refunded);
                } else {
                    prop_assert!(refunded + wanted > amount);
                }
                prop_assert!(refunded <= amount);
                prop_assert_eq!(status == PaymentStatus::Refunded, refunded == amount);
            }
        }
    }
}
