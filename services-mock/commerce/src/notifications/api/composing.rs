//! From a wish to a notification: who gets it, at what address, and what is said on each channel.

use super::super::names::{Channel, Priority};
use super::super::store::{Content, NewDelivery};
use super::super::templates::{self, store};
use super::requests::{CreateNotification, Times};
use crate::auth::{Caller, Role};
use crate::error::ApiError;
use crate::state::AppState;

const USUAL_RETRIES: i64 = 3;
const LONGEST_SMS: usize = 160;
const CUT: &str = "...";

/// The notification that the caller may wish for. 400 where the template cannot say it.
pub(super) async fn compose(
    state: &AppState,
    caller: &Caller,
    wish: CreateNotification,
    times: Times,
) -> Result<(Content, Vec<NewDelivery>), ApiError> {
    let channels = each_once(&wish.channels);
    let deliveries = deliveries_of(state, &wish, &channels).await?;
    let (user_id, user_email) = receiver(caller, &wish);
    let content = Content {
        user_id,
        user_email,
        user_phone: wish.user_phone,
        kind: wish.kind,
        title: wish.title,
        message: wish.message,
        channels,
        priority: wish.priority.unwrap_or(Priority::Normal),
        metadata: wish.metadata,
        template: wish.template_id,
        max_retries: wish.max_retries.unwrap_or(USUAL_RETRIES),
        scheduled_ms: times.scheduled_ms,
        expires_ms: times.expires_ms,
    };
    Ok((content, deliveries))
}

fn each_once(channels: &[Channel]) -> Vec<Channel> {
    let wanted = Channel::ALL.iter().copied();
    wanted
        .filter(|channel| channels.contains(channel))
        .collect()
}

/// Users write to themselves alone, so that the shop's mail server is not everybody's.
fn receiver(caller: &Caller, wish: &CreateNotification) -> (i64, Option<String>) {
    if !caller.is_privileged() {
        return (caller.user_id, Some(caller.email.clone()));
    }
    let user_id = wish.user_id.unwrap_or(caller.user_id);
    let own = user_id == caller.user_id && !caller.is(Role::Service);
    let known = own.then(|| caller.email.clone());
    (user_id, wish.user_email.clone().or(known))
}

async fn deliveries_of(
    state: &AppState,
    wish: &CreateNotification,
    channels: &[Channel],
) -> Result<Vec<NewDelivery>, ApiError> {
    let mut from_template = wish.template_id.is_none();
    let mut deliveries = Vec::with_capacity(channels.len());
    for &channel in channels {
        let template = match &wish.template_id {
            Some(name) => store::active(&state.store, name, channel).await?,
            None => None,
        };
        from_template |= template.is_some();
        let (subject, body) = match template {
            None => (wish.title.clone(), wish.message.clone()),
            Some(template) => {
                let filled = templates::fill(&template.subject, &template.body, &wish.metadata);
                let text = filled.map_err(|problem| ApiError::invalid(problem.to_string()))?;
                (text.subject, text.body)
            }
        };
        deliveries.push(NewDelivery {
            channel,
            subject,
            body: fitting(channel, body),
        });
    }
    if from_template {
        return Ok(deliveries);
    }
    let name = wish.template_id.as_deref().unwrap_or_default();
    let message = format!("no template {name:?} is in use for any of the channels");
    Err(ApiError::invalid(message))
}

/// The text as the channel takes it.
fn fitting(channel: Channel, body: String) -> String {
    if channel != Channel::Sms || body.chars().count() <= LONGEST_SMS {
        return body;
    }
    let kept = body.chars().take(LONGEST_SMS - CUT.len());
    kept.chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn channels_are_kept_once_each() {
        let wanted = [Channel::Sms, Channel::Email, Channel::Sms];
        assert_eq!(each_once(&wanted), [Channel::Email, Channel::Sms]);
    }

    proptest! {
        #[test]
        fn a_text_message_is_as_written_or_cut_to_160(text in "\\PC{0,400}") {
            let fitted = fitting(Channel::Sms, text.clone());
            prop_assert!(fitted.chars().count() <= LONGEST_SMS);
            if text.chars().count() <= LONGEST_SMS {
                prop_assert_eq!(&fitted, &text);
            } else {
                prop_assert!(fitted.ends_with(CUT));
                prop_assert!(text.starts_with(fitted.trim_end_matches('.')));
            }
            prop_assert_eq!(fitting(Channel::Email, text.clone()), text);
        }
    }
}
