//! Notifications as listeners see them.

use serde_json::json;

use super::store::Notification;
use crate::events::NewEvent;

/// The topic of all events of notifications.
const TOPIC: &str = "notification-events";

/// An event about the notification as it is after the change.
pub(crate) fn event(notification: &Notification, kind: &'static str) -> NewEvent<'static> {
    let content = &notification.content;
    NewEvent {
        topic: TOPIC,
        kind,
        subject: notification.id.to_string(),
        payload: json!({
            "notificationId": notification.id,
            "userId": content.user_id,
            "type": content.kind,
            "channels": content.channels,
            "priority": content.priority,
            "status": notification.status,
            "reason": notification.reason,
        }),
    }
}
