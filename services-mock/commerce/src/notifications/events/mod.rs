//! Takes what the other services tell, once each, and makes notifications of it.

mod fields;

mod reading;

pub(crate) mod stream;

use serde_json::Value;

use super::names::Channel;
use super::store::{self, Content, NewDelivery, contacts};
use super::templates;
use crate::error::ApiError;
use crate::events::{Event, is_first_time};
use crate::state::AppState;
use crate::trace::Trace;
use reading::{Known, Occasion};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A notification was made.
    Notified,
    /// It was dealt with before.
    Repeated,
    /// It is of no interest here, or cannot be read.
    Ignored,
}

/// Deals with an event: all of it or nothing, and once however often it comes. What cannot be read
/// is passed over, since whoever tells it would tell it again for ever.
pub(crate) async fn take(state: &AppState, event: &Event) -> Result<Taken, ApiError> {
    let known = match reading::read(event, operators(state)) {
        Ok(Some(known)) => known,
        Ok(None) => return Ok(Taken::Ignored),
        Err(why) => {
            let (id, topic) = (&event.id, &event.topic);
            log::warn!("event not usable: event={id} topic={topic} cause={why}");
            return Ok(Taken::Ignored);
        }
    };
    // Before the transaction, which may hold the only connection.
    let deliveries = deliveries_of(state, &known.occasion).await?;
    save(state, event, known, deliveries).await
}

/// Where operators are reached beside the store.
fn operators(state: &AppState) -> Option<&str> {
    let admin = state.settings.admin.as_ref();
    admin.map(|admin| admin.email.as_str())
}

async fn deliveries_of(
    state: &AppState,
    occasion: &Occasion,
) -> Result<Vec<NewDelivery>, ApiError> {
    let mut deliveries = Vec::with_capacity(occasion.channels.len());
    for &channel in occasion.channels {
        let (name, variables) = (occasion.template, &occasion.variables);
        let text = templates::for_occasion(state, name, channel, variables).await?;
        deliveries.push(NewDelivery {
            channel,
            subject: text.subject,
            body: text.body,
        });
    }
    Ok(deliveries)
}

async fn save(
    state: &AppState,
    event: &Event,
    known: Known,
    deliveries: Vec<NewDelivery>,
) -> Result<Taken, ApiError> {
    let now_ms = state.now_ms();
    let trace = Trace::from_id(&event.trace_id).unwrap_or_else(|| Trace::fresh(&state.ids));
    let mut tx = state.store.begin().await?;
    if !is_first_time(&mut tx, &event.id, now_ms).await? {
        return Ok(Taken::Repeated);
    }
    if let Some(email) = &known.remembered {
        contacts::remember(&mut tx, known.occasion.user_id, email, now_ms).await?;
    }
    let content = content_of(event, known.occasion, &deliveries);
    store::insert(&mut tx, now_ms, &trace, &content, &deliveries).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Taken::Notified)
}

fn content_of(event: &Event, occasion: Occasion, deliveries: &[NewDelivery]) -> Content {
    const RETRIES: i64 = 3;
    let in_app = deliveries.iter().find(|one| one.channel == Channel::InApp);
    let shown = in_app.or(deliveries.first());
    let metadata = [
        ("eventId", Value::from(event.id.as_str())),
        ("eventType", Value::from(event.kind.as_str())),
        ("subject", Value::from(event.subject.as_str())),
    ];
    Content {
        user_id: occasion.user_id,
        user_email: occasion.email,
        user_phone: None,
        kind: occasion.kind,
        title: shown.map(|one| one.subject.clone()).unwrap_or_default(),
        message: shown.map(|one| one.body.clone()).unwrap_or_default(),
        channels: occasion.channels.to_vec(),
        priority: occasion.priority,
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect(),
        template: Some(occasion.template.to_owned()),
        max_retries: RETRIES,
        scheduled_ms: None,
        expires_ms: None,
    }
}
