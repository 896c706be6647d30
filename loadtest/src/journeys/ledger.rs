//! What became of every check-out: the orders that the shop confirmed, and those of which nobody
//! knows. Kept while the run goes on, so that a run that is cut off loses no order either.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::journeys::cents::Cents;
use crate::journeys::shopper::Shopper;

/// A check-out that was begun.
#[derive(Clone, Debug, Serialize)]
pub struct Checkout {
    /// Number of the journey.
    pub journey: u64,
    /// Kind of shopper.
    pub shopper: Shopper,
    /// Host header of the journey.
    pub host: String,
    /// E-mail address of the customer.
    pub email: String,
    /// As answered by the log-in.
    pub user_id: Option<String>,
    /// Of the customer; not in the JSON.
    #[serde(skip)]
    pub token: Token,
    /// The same for each request of this check-out.
    pub idempotency_key: String,
    /// Requests sent.
    pub attempts: u32,
    /// What the lines added up to in the customer's view.
    pub expected_total: Cents,
}

/// An order that the shop confirmed.
#[derive(Clone, Debug, Serialize)]
pub struct PlacedOrder {
    /// The shop's identifier.
    pub id: String,
    /// The shop's number for people.
    pub number: Option<String>,
    /// How it came to be.
    #[serde(flatten)]
    pub checkout: Checkout,
    /// What the shop says it costs.
    pub total: Cents,
    /// What was ordered, in the words of the confirmation.
    pub lines: Vec<OrderLine>,
    /// Status seen last.
    pub status: String,
    /// Whether nothing more was going to happen to it by itself when it was seen last.
    pub settled: bool,
    /// From the confirmation until it was first seen settled; of an order that was not cancelled
    /// before.
    pub settled_after_ms: Option<u64>,
    /// Whether the customer cancelled it.
    pub cancel: Cancel,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderLine {
    /// The product.
    pub sku: String,
    /// Pieces.
    pub quantity: u32,
    /// For one piece.
    pub price: Cents,
}

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cancel {
    /// The customer kept the order.
    #[default]
    Never,
    /// The shop took it.
    Accepted,
    /// The shop refused it: too late.
    Refused,
    /// Asked for, and no answer told.
    Unknown,
}

/// A bearer token, which debug output does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token(pub(crate) String);

impl Token {
    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Every check-out in the order of its beginning.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Vec<Entry>);

/// Place of a check-out in the ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

#[derive(Debug)]
struct Entry {
    checkout: Checkout,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No request of it reached the shop.
    NotSent,
    /// A request may have reached the shop, and no answer told.
    Unknown,
    /// The shop said no.
    Refused,
    Placed(Box<Placed>),
}

#[derive(Debug)]
struct Placed {
    order: PlacedOrder,
    confirmed: Instant,
}

impl Ledger {
    pub(crate) fn open(&mut self, checkout: Checkout) -> Place {
        self.0.push(Entry {
            checkout,
            state: State::NotSent,
        });
        Place(self.0.len() - 1)
    }

    /// Before each request, since a journey may be cut off while it is underway.
    pub(crate) fn sending(&mut self, place: Place) {
        let entry = &mut self.0[place.0];
        entry.checkout.attempts += 1;
        entry.state = State::Unknown;
    }

    /// No request got as far as the shop.
    pub(crate) fn not_sent(&mut self, place: Place) {
        self.0[place.0].state = State::NotSent;
    }

    pub(crate) fn refused(&mut self, place: Place) {
        self.0[place.0].state = State::Refused;
    }

    pub(crate) fn placed(&mut self, place: Place, confirmed: Instant, answer: Confirmation) {
        let entry = &mut self.0[place.0];
        let order = PlacedOrder {
            id: answer.id,
            number: answer.number,
            checkout: entry.checkout.clone(),
            total: answer.total,
            lines: answer.lines,
            status: answer.status,
            settled: false,
            settled_after_ms: None,
            cancel: Cancel::Never,
        };
        entry.state = State::Placed(Box::new(Placed { order, confirmed }));
    }

    /// A look at an order; a time when it is the look that sees it settle by itself.
    pub(crate) fn seen(&mut self, place: Place, status: &str, now: Instant) -> Option<Duration> {
        let placed = self.placed_mut(place)?;
        status.clone_into(&mut placed.order.status);
        placed.order.settled = settled(status, placed.order.cancel);
        let first = placed.order.settled_after_ms.is_none();
        let by_itself = placed.order.cancel != Cancel::Accepted;
        if !(placed.order.settled && first && by_itself) {
            return None;
        }
        let after = now.saturating_duration_since(placed.confirmed);
        placed.order.settled_after_ms = u64::try_from(after.as_millis()).ok();
        Some(after)
    }

    /// An accepted cancellation sets things in motion again.
    pub(crate) fn cancelled(&mut self, place: Place, cancel: Cancel) {
        if let Some(placed) = self.placed_mut(place) {
            placed.order.cancel = cancel;
            placed.order.settled &= settled(&placed.order.status, cancel);
        }
    }

    /// The order of a check-out, once it was confirmed.
    pub(crate) fn order(&self, place: Place) -> Option<&PlacedOrder> {
        match &self.0[place.0].state {
            State::Placed(placed) => Some(&placed.order),
            _ => None,
        }
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = &PlacedOrder> {
        let places = (0..self.0.len()).map(Place);
        places.filter_map(|place| self.order(place))
    }

    /// Check-outs that may or may not have become an order.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &Checkout> {
        let unknown = |entry: &&Entry| matches!(entry.state, State::Unknown);
        self.0.iter().filter(unknown).map(|entry| &entry.checkout)
    }

    /// Check-outs that the shop refused, and those that never reached it.
    pub(crate) fn refused_and_not_sent(&self) -> (u64, u64) {
        let count = |like: fn(&State) -> bool| {
            let alike = self.0.iter().filter(|entry| like(&entry.state));
            alike.count() as u64
        };
        (
            count(|state| matches!(state, State::Refused)),
            count(|state| matches!(state, State::NotSent)),
        )
    }

    fn placed_mut(&mut self, place: Place) -> Option<&mut Placed> {
        match &mut self.0[place.0].state {
            State::Placed(placed) => Some(placed),
            _ => None,
        }
    }
}

/// What the shop confirmed.
#[derive(Debug)]
pub(crate) struct Confirmation {
    pub(crate) id: String,
    pub(crate) number: Option<String>,
    pub(crate) total: Cents,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) status: String,
}

/// Whether the shop does nothing more by itself. Shipping is somebody's doing, so PROCESSING
/// counts, except when the customer cancelled.
fn settled(status: &str, cancel: Cancel) -> bool {
    match status {
        "CANCELLED" | "REFUNDED" => true,
        "PROCESSING" | "SHIPPED" | "DELIVERED" => cancel != Cancel::Accepted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> Checkout {
        Checkout {
            journey: 1,
            shopper: Shopper::Quick,
            host: "shop".into(),
            email: "a@b".into(),
            user_id: None,
            token: Token("secret".into()),
            idempotency_key: "k".into(),
            attempts: 0,
            expected_total: Cents(5),
        }
    }

    fn confirmation() -> Confirmation {
        Confirmation {
            id: "1".into(),
            number: None,
            total: Cents(5),
            lines: Vec::new(),
            status: "PENDING".into(),
        }
    }

    #[test]
    fn a_checkout_is_unknown_from_its_first_request_until_an_answer() {
        let mut ledger = Ledger::default();
        let place = ledger.open(checkout());
        assert_eq!(ledger.refused_and_not_sent(), (0, 1));
        ledger.sending(place);
        assert_eq!(ledger.unknown().count(), 1);
        ledger.sending(place);
        ledger.placed(place, Instant::now(), confirmation());
        assert_eq!((ledger.unknown().count(), ledger.orders().count()), (0, 1));
        assert_eq!(ledger.order(place).unwrap().checkout.attempts, 2);
    }

    #[test]
    fn an_accepted_cancellation_unsettles_a_running_order() {
        let mut ledger = Ledger::default();
        let place = ledger.open(checkout());
        let confirmed = Instant::now();
        ledger.placed(place, confirmed, confirmation());
        assert_eq!(ledger.seen(place, "PAYMENT_FAILED", confirmed), None);
        let later = confirmed + Duration::from_millis(20);
        let after = ledger.seen(place, "PROCESSING", later);
        assert_eq!(after, Some(Duration::from_millis(20)));
        assert_eq!(ledger.seen(place, "PROCESSING", later), None, "only once");
        ledger.cancelled(place, Cancel::Refused);
        assert!(ledger.order(place).unwrap().settled);
        ledger.cancelled(place, Cancel::Accepted);
        assert!(!ledger.order(place).unwrap().settled);
        assert_eq!(
            ledger.seen(place, "REFUNDED", later),
            None,
            "the customer's doing"
        );
        assert!(ledger.order(place).unwrap().settled);
    }

    #[test]
    fn tokens_are_in_neither_json_nor_debug_output() {
        let checkout = checkout();
        let json = serde_json::to_string(&checkout).unwrap();
        assert!(!format!("{json}{checkout:?}").contains("secret"));
        assert_eq!(checkout.token.as_str(), "secret");
    }
}
