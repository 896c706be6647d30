//! Changes of a notification's status, with what they mean for its deliveries.
//!
//! Whoever changes both locks the notification first.

use super::{Notification, from_row, trace_of};
use crate::events;
use crate::notifications::names::{DeliveryStatus, NotificationStatus};
use crate::notifications::wire;
use crate::state::AppState;
use crate::store::Tx;

/// Sets the status if it is still the one that was read; none when somebody else was faster.
pub(crate) async fn set_status(
    state: &AppState,
    seen: &Notification,
    to: NotificationStatus,
    reason: Option<&str>,
) -> sqlx::Result<Option<Notification>> {
    let from = seen.status;
    debug_assert!(from.may_become(to), "{from:?} cannot become {to:?}");
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let Some(changed) = update(&mut tx, seen.id, from, to, reason, now_ms).await? else {
        return Ok(None);
    };
    follow(&mut tx, &changed, now_ms).await?;
    let event = wire::event(&changed, event_of(to));
    events::append(&mut tx, now_ms, &trace_of(state, &changed), event).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Some(changed))
}

/// The event of becoming it.
fn event_of(status: NotificationStatus) -> &'static str {
    match status {
        NotificationStatus::Cancelled => "NOTIFICATION_CANCELLED",
        NotificationStatus::Expired => "NOTIFICATION_EXPIRED",
        NotificationStatus::Sent | NotificationStatus::Failed => "NOTIFICATION_PROCESSED",
        NotificationStatus::Pending
        | NotificationStatus::Processing
        | NotificationStatus::Delivered => "NOTIFICATION_UPDATED",
    }
}

async fn update(
    tx: &mut Tx,
    id: i64,
    from: NotificationStatus,
    to: NotificationStatus,
    reason: Option<&str>,
    now_ms: i64,
) -> sqlx::Result<Option<Notification>> {
    let row = sqlx::query(
        "UPDATE notifications SET status = $1, reason = COALESCE(CAST($2 AS TEXT), reason),
            updated_ms = $3,
            sent_ms = CASE WHEN $1 = 'SENT' THEN $3 ELSE sent_ms END,
            delivered_ms = CASE WHEN $1 = 'DELIVERED' THEN $3 ELSE delivered_ms END
         WHERE id = $4 AND status = $5
         RETURNING *",
    )
    .bind(to.name())
    .bind(reason)
    .bind(now_ms)
    .bind(id)
    .bind(from.name())
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// What was not sent yet will not be; what was sent has arrived or come back. What is being sent
/// right now is left to the sender, who notes what came of it.
async fn follow(tx: &mut Tx, changed: &Notification, now_ms: i64) -> sqlx::Result<()> {
    use DeliveryStatus::{Bounced, Delivered, Pending, Rejected, Sent};
    match changed.status {
        NotificationStatus::Pending | NotificationStatus::Processing => return Ok(()),
        NotificationStatus::Delivered => move_all(tx, changed, Sent, Delivered, now_ms).await?,
        NotificationStatus::Failed => move_all(tx, changed, Sent, Bounced, now_ms).await?,
        NotificationStatus::Sent | NotificationStatus::Cancelled | NotificationStatus::Expired => {}
    }
    move_all(tx, changed, Pending, Rejected, now_ms).await
}

async fn move_all(
    tx: &mut Tx,
    changed: &Notification,
    from: DeliveryStatus,
    to: DeliveryStatus,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE deliveries SET status = $1, updated_ms = $2,
            delivered_ms = CASE WHEN $1 = 'DELIVERED' THEN $2 ELSE delivered_ms END,
            last_error = CASE WHEN $1 = 'DELIVERED' THEN last_error ELSE $3 END
         WHERE notification_id = $4 AND status = $5",
    )
    .bind(to.name())
    .bind(now_ms)
    .bind(closed_by(changed.status))
    .bind(changed.id)
    .bind(from.name())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is said of a delivery that is not sent because its notification is over.
pub(super) fn closed_by(status: NotificationStatus) -> String {
    format!("the notification is {}", status.name())
}
