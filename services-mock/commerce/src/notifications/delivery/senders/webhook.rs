//! Webhooks: the notification as JSON, signed with the secret that the receiver shares.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use serde_json::json;

use super::{Message, Outcome, Sender, Sending};
use crate::clock::iso_local;
use crate::gateway::HttpClient;
use crate::settings::Secret;
use crate::signature;
use crate::state::AppState;

/// `sha256=<hex of the HMAC-SHA256 of the body>`.
const SIGNATURE: &str = "X-Webhook-Signature";
/// The same in every try of one delivery.
const ID: &str = "X-Webhook-Id";
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Posts to whatever address a message names.
#[derive(Debug)]
pub(super) struct Webhook {
    client: HttpClient,
    secret: Option<Secret>,
}

impl Webhook {
    /// Signs with the secret of the settings; without one nothing is sent.
    pub(super) fn new(state: &AppState) -> Webhook {
        Webhook {
            client: state.gateway.client().clone(),
            secret: state.settings.webhook_secret.clone(),
        }
    }

    async fn try_once(&self, message: &Message) -> Outcome {
        let Some(secret) = &self.secret else {
            return Outcome::Rejected("no secret signs webhooks".into());
        };
        let request = match request(message, secret) {
            Ok(request) => request,
            Err(why) => return Outcome::Bounced(why),
        };
        match self.client.send(request, LONGEST_WAIT).await {
            Ok(reply) => judge(reply.status.as_u16()),
            Err(error) => Outcome::Later(error.to_string()),
        }
    }
}

impl Sender for Webhook {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.try_once(message))
    }
}

fn request(message: &Message, secret: &Secret) -> Result<Request<Full<Bytes>>, String> {
    let body = json!({
        "deliveryId": message.delivery_id,
        "notificationId": message.notification_id,
        "userId": message.user_id,
        "type": message.kind,
        "priority": message.priority,
        "title": message.subject,
        "message": message.body,
        "metadata": message.metadata,
        "createdAt": iso_local(message.created_ms),
    });
    let body = body.to_string();
    Request::post(&message.recipient)
        .header(CONTENT_TYPE, "application/json")
        .header(
            SIGNATURE,
            signature::of(secret, body.as_bytes()).map_err(|cause| cause.to_string())?,
        )
        .header(ID, message.delivery_id)
        .header("X-Trace-Id", &message.trace_id)
        .body(Full::new(Bytes::from(body)))
        .map_err(|cause| cause.to_string())
}

/// What the receiver's status means: 408, 429 and the 500s are for now.
fn judge(status: u16) -> Outcome {
    let why = format!("the receiver answered {status}");
    match status {
        200..=299 => Outcome::Delivered,
        408 | 429 | 500.. => Outcome::Later(why),
        _ => Outcome::Bounced(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statuses_that_may_pass_are_tried_again() {
        assert_eq!(judge(204), Outcome::Delivered);
        for status in [408, 429, 500, 503] {
            assert!(matches!(judge(status), Outcome::Later(_)), "{status}");
        }
        for status in [301, 400, 404, 410] {
            assert!(matches!(judge(status), Outcome::Bounced(_)), "{status}");
        }
    }
}
