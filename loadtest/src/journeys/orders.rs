//! Check-out, the looks at an order and its cancellation.
//!
//! An answer that does not come leaves the outcome of a check-out unknown: the same request with
//! the same idempotency key asks again, so that whatever happened happens once.

use std::iter::{once, successors};
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::figures::as_us;
use crate::journeys::answers::{Item, Order, OrderStatus};
use crate::journeys::ledger::{Cancel, Checkout, Confirmation, Place};
use crate::journeys::plan::Plan;
use crate::journeys::shop::{Call, Reply, Session, encoded};
use crate::journeys::step::Step;
use crate::outcome::Outcome;

const CONFLICT: u16 = 409;

/// An order that was confirmed, to be followed.
#[derive(Debug)]
pub(crate) struct Placed {
    id: String,
    place: Place,
}

/// What an answer to a check-out says.
enum Said {
    Placed(Order),
    Refused,
    /// Nothing reliable. With `sent` false the request did not even reach the shop.
    Nothing {
        sent: bool,
    },
}

/// Sends a check-out until the shop has answered it or the attempts are used up.
pub(crate) async fn check_out(
    session: &Session<'_>,
    plan: &Plan,
    checkout: Checkout,
    body: &Value,
    from: Instant,
) -> Option<Placed> {
    let key = checkout.idempotency_key.clone();
    let place = session.guard.progress().tally().ledger.open(checkout);
    let (mut step, mut from) = (Step::CheckOut, from);
    let mut perhaps_placed = false;
    let attempts = usize::try_from(plan.checkout_attempts).unwrap_or(usize::MAX);
    for pause in once(Duration::ZERO)
        .chain(pauses(plan.pause))
        .take(attempts)
    {
        if !pause.is_zero() {
            sleep(pause).await;
            (step, from) = (Step::CheckOutAgain, Instant::now());
        }
        session.guard.progress().tally().ledger.sending(place);
        let mut call = Call::new(step, from, &Method::POST, "/api/orders").with(body);
        call.idempotency_key = Some(&key);
        match said(&session.ask(call).await, perhaps_placed) {
            Said::Placed(order) => return Some(confirmed(session, place, order)),
            Said::Refused => {
                // The first of these requests may have been obeyed all the same.
                if !perhaps_placed {
                    session.guard.progress().tally().ledger.refused(place);
                }
                return None;
            }
            Said::Nothing { sent } => perhaps_placed |= sent,
        }
        if !perhaps_placed {
            session.guard.progress().tally().ledger.not_sent(place);
        }
    }
    None
}

fn said(reply: &Reply, perhaps_placed: bool) -> Said {
    if let Some(order) = reply.read() {
        return Said::Placed(order);
    }
    match (reply.status(), &reply.outcome) {
        (None, Outcome::NotConnected) => Said::Nothing { sent: false },
        // A conflict with the earlier request of this key, which is still underway.
        (Some(CONFLICT), _) if perhaps_placed => Said::Nothing { sent: true },
        (Some(400..500), _) => Said::Refused,
        _ => Said::Nothing { sent: true },
    }
}

fn confirmed(session: &Session<'_>, place: Place, order: Order) -> Placed {
    let now = Instant::now().into_std();
    let confirmation = Confirmation {
        id: order.id.clone(),
        number: order.order_number,
        total: order.total_amount,
        lines: order.items.iter().map(Item::line).collect(),
        status: order.status.clone(),
    };
    let mut tally = session.guard.progress().tally();
    tally.ledger.placed(place, now, confirmation);
    let at = tally.start.elapsed();
    tally.timeline.at(at).placed += 1;
    drop(tally);
    saw(session, place, &order.status);
    Placed {
        id: order.id,
        place,
    }
}

/// Looks at an order until nothing more is going to happen to it, or the plan's wait is over.
pub(crate) async fn follow(session: &Session<'_>, plan: &Plan, order: &Placed, from: Instant) {
    let deadline = Instant::now() + plan.order_wait;
    let path = format!("/api/orders/{}", encoded(&order.id));
    let mut from = from;
    for pause in pauses(plan.pause) {
        let look = Call::new(Step::Order, from, &Method::GET, &path);
        let reply = session.ask(look).await;
        if let Some(OrderStatus { status }) = reply.read() {
            saw(session, order.place, &status);
        }
        if is_settled(session, order.place) || Instant::now() + pause > deadline {
            return;
        }
        sleep(pause).await;
        from = Instant::now();
    }
}

/// Asks once for the order to be cancelled.
pub(crate) async fn cancel(session: &Session<'_>, order: &Placed, from: Instant) {
    let path = format!("/api/orders/{}/cancel?reason=regret", encoded(&order.id));
    let ask = Call::new(Step::Cancel, from, &Method::POST, &path);
    let reply = session.ask(ask).await;
    let cancel = match reply.status() {
        Some(200..300) => Cancel::Accepted,
        Some(400..500) => Cancel::Refused,
        _ => Cancel::Unknown,
    };
    let mut tally = session.guard.progress().tally();
    tally.ledger.cancelled(order.place, cancel);
    drop(tally);
    if let Some(OrderStatus { status }) = reply.read() {
        saw(session, order.place, &status);
    }
}

fn saw(session: &Session<'_>, place: Place, status: &str) {
    let now = Instant::now().into_std();
    let mut tally = session.guard.progress().tally();
    if let Some(after) = tally.ledger.seen(place, status, now) {
        tally.settling.saturating_record(as_us(after));
    }
}

fn is_settled(session: &Session<'_>, place: Place) -> bool {
    let tally = session.guard.progress().tally();
    let order = tally.ledger.order(place);
    order.is_some_and(|order| order.settled)
}

/// Each half as long again as the one before, up to eight times the first.
fn pauses(first: Duration) -> impl Iterator<Item = Duration> {
    let longest = first * 8;
    successors(Some(first), move |pause| {
        Some(pause.mul_f64(1.5).min(longest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::StatusCode;

    fn answered(status: u16, body: &'static str) -> Reply {
        Reply {
            outcome: Outcome::Answered {
                status: StatusCode::from_u16(status).unwrap(),
                body_bytes: 0,
                counted: None,
            },
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn lost(outcome: Outcome) -> Reply {
        Reply {
            outcome,
            body: Bytes::new(),
        }
    }

    #[test]
    fn only_a_clear_answer_ends_a_checkout() {
        let order = r#"{"id":1,"totalAmount":2,"status":"PENDING"}"#;
        for status in [200, 201] {
            assert!(matches!(
                said(&answered(status, order), false),
                Said::Placed(_)
            ));
        }
        for status in [400, 401, 409] {
            assert!(matches!(
                said(&answered(status, "{}"), false),
                Said::Refused
            ));
        }
        for status in [500, 502, 503, 504] {
            let said = said(&answered(status, "{}"), false);
            assert!(matches!(said, Said::Nothing { sent: true }), "{status}");
        }
        for outcome in [Outcome::Broken, Outcome::TimedOut] {
            assert!(matches!(
                said(&lost(outcome), false),
                Said::Nothing { sent: true }
            ));
        }
        let unreached = said(&lost(Outcome::NotConnected), false);
        assert!(matches!(unreached, Said::Nothing { sent: false }));
        let unreadable = said(&answered(201, "{"), false);
        assert!(matches!(unreadable, Said::Nothing { sent: true }));
    }

    #[test]
    fn a_conflict_with_an_earlier_attempt_is_no_answer() {
        let conflict = said(&answered(409, "{}"), true);
        assert!(matches!(conflict, Said::Nothing { sent: true }));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let pauses: Vec<Duration> = pauses(Duration::from_millis(100)).take(10).collect();
        assert_eq!(pauses[..2], [100, 150].map(Duration::from_millis));
        assert_eq!(pauses[9], Duration::from_millis(800));
    }
}
