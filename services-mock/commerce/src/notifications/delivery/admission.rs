//! Whether a delivery may be sent now, by the wishes of its user, and to what address.
//!
//! What comes in quiet hours is held until they end, unless it is URGENT. What is over a limit is
//! rejected and not held: it would be outdated when there is a place again, and what is held without
//! bound would never all be sent. SYSTEM has no wishes, so that no alert to operators is lost.

use super::super::names::{Channel, Priority};
use super::super::preferences::rules::Wishes;
use super::super::preferences::store;
use super::super::store::contacts;
use super::super::store::deliveries::{self, Claim};
use super::super::{SYSTEM, webhook_url};
use super::senders::Outcome;
use crate::state::AppState;

/// What wishes and limits say about a delivery.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It may be sent.
    Go(Wishes),
    /// Not before the time.
    Hold {
        until_ms: i64,
    },
    Reject(String),
}

/// Asks wishes and limits.
pub(super) async fn judge(state: &AppState, claim: &Claim) -> sqlx::Result<Verdict> {
    let key = claim.key();
    if key.user_id == SYSTEM {
        return Ok(Verdict::Go(Wishes::default_of(key.kind, key.channel)));
    }
    let wishes = store::wishes(&state.store, key).await?;
    if !wishes.enabled {
        let why = "switched off by the user's preferences";
        return Ok(Verdict::Reject(why.into()));
    }
    let urgent = claim.notification.content.priority == Priority::Urgent;
    let held_until_ms = wishes.held_until_ms(state.now_ms());
    if let Some(until_ms) = held_until_ms.filter(|_| !urgent) {
        return Ok(Verdict::Hold { until_ms });
    }
    if claim.delivery.admitted_ms.is_some() {
        return Ok(Verdict::Go(wishes));
    }
    let refusal = deliveries::admit(state, claim, wishes.limits).await?;
    Ok(refusal.map_or(Verdict::Go(wishes), Verdict::Reject))
}

/// Where the delivery goes, or what becomes of it without an address. An e-mail waits for its
/// address: the event that tells it may still be on its way.
pub(super) async fn address(
    state: &AppState,
    claim: &Claim,
    wishes: Wishes,
) -> sqlx::Result<Result<String, Outcome>> {
    let content = &claim.notification.content;
    let found = match claim.delivery.channel {
        Channel::Email => match content.user_email.clone() {
            Some(email) => Some(email),
            None => contacts::email_of(&state.store, content.user_id).await?,
        },
        Channel::Sms => content.user_phone.clone(),
        Channel::Push | Channel::InApp => Some(format!("user {}", content.user_id)),
        Channel::Webhook => webhook_of(state, claim, wishes),
    };
    let missing = || match claim.delivery.channel {
        Channel::Email => Outcome::Later("no e-mail address of the user is known".into()),
        Channel::Sms => Outcome::Rejected("no phone number of the user is known".into()),
        _ => Outcome::Rejected("no address for webhooks is known".into()),
    };
    Ok(found.ok_or_else(missing))
}

/// The notification's own address counts before the user's, and that before the shop's.
fn webhook_of(state: &AppState, claim: &Claim, wishes: Wishes) -> Option<String> {
    let metadata = &claim.notification.content.metadata;
    let own = metadata.get("webhookUrl").and_then(|url| url.as_str());
    let own = own.filter(|url| webhook_url::is_usable(url));
    let own = own.map(str::to_owned);
    own.or(wishes.webhook_url)
        .or_else(|| state.settings.webhook_url.clone())
}
