//! The ways out of the shop, one for each channel.

mod email;
mod recorded;
mod webhook;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::names::{Channel, NotificationType, Priority};
use super::super::store::deliveries::Claim;
use crate::state::AppState;
use email::Email;
use recorded::Recorded;
use webhook::Webhook;

/// What is sent, and where.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The delivery's number, which tells repetitions apart from other messages.
    pub(crate) delivery_id: i64,
    pub(crate) notification_id: i64,
    pub(crate) user_id: i64,
    pub(crate) kind: NotificationType,
    pub(crate) priority: Priority,
    /// An address as the channel has them.
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) metadata: Map<String, Value>,
    /// When the notification was made, milliseconds since 1970.
    pub(crate) created_ms: i64,
    pub(crate) trace_id: String,
}

impl Message {
    /// What the claimed delivery says.
    pub(super) fn new(claim: &Claim, recipient: String) -> Message {
        let (delivery, notification) = (&claim.delivery, &claim.notification);
        let content = &notification.content;
        Message {
            delivery_id: delivery.id,
            notification_id: notification.id,
            user_id: content.user_id,
            kind: content.kind,
            priority: content.priority,
            recipient,
            subject: delivery.subject.clone(),
            body: delivery.body.clone(),
            metadata: content.metadata.clone(),
            created_ms: notification.created_ms,
            trace_id: notification.trace_id.clone(),
        }
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Handed over; whether it arrives nobody tells.
    Sent,
    /// Arrived.
    Delivered,
    /// Not now; another try may succeed.
    Later(String),
    /// The receiver's side refuses it for good.
    Bounced(String),
    /// Our side must not send it.
    Rejected(String),
}

/// A try in progress.
pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Sends messages on one channel.
pub(crate) trait Sender: fmt::Debug + Send + Sync {
    /// Tries once. Given up when it takes too long, with the outcome open.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// The senders of all channels.
#[derive(Clone, Debug)]
pub(crate) struct Senders {
    email: Arc<dyn Sender>,
    sms: Arc<dyn Sender>,
    push: Arc<dyn Sender>,
    in_app: Arc<dyn Sender>,
    webhook: Arc<dyn Sender>,
}

impl Senders {
    /// Those that the settings ask for. SMS and PUSH have no provider, and e-mail without a server
    /// has none: they count as sent.
    pub(crate) fn new(state: &AppState) -> Senders {
        let recorded: Arc<dyn Sender> = Arc::new(Recorded(Outcome::Sent));
        let email: Arc<dyn Sender> = match &state.settings.smtp_url {
            Some(url) => Arc::new(Email::new(url)),
            None => Arc::clone(&recorded),
        };
        Senders {
            email,
            sms: Arc::clone(&recorded),
            push: recorded,
            // The store is where it is read.
            in_app: Arc::new(Recorded(Outcome::Delivered)),
            webhook: Arc::new(Webhook::new(state)),
        }
    }

    /// The same sender on every channel.
    #[cfg(test)]
    pub(crate) fn all(sender: Arc<dyn Sender>) -> Senders {
        Senders {
            email: Arc::clone(&sender),
            sms: Arc::clone(&sender),
            push: Arc::clone(&sender),
            in_app: Arc::clone(&sender),
            webhook: sender,
        }
    }

    /// The sender of a channel.
    pub(super) fn of(&self, channel: Channel) -> &dyn Sender {
        match channel {
            Channel::Email => &*self.email,
            Channel::Sms => &*self.sms,
            Channel::Push => &*self.push,
            Channel::InApp => &*self.in_app,
            Channel::Webhook => &*self.webhook,
        }
    }
}
