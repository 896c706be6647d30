//! Who sends which delivery, and what came of it.

use super::super::rules::DeliveryStatus;
use super::deliveries::{Delivery, from_row};
use crate::state::AppState;

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(in super::super) struct Conclusion {
    pub(in super::super) status: DeliveryStatus,
    pub(in super::super) status_code: Option<i64>,
    pub(in super::super) error: Option<String>,
    /// Counts when the status is PENDING.
    pub(in super::super) next_try_ms: i64,
}

/// Deliveries that are due and that nobody sends, the longest due first. None of webhooks to which
/// `most_at_once` are being sent, so that one that does not answer keeps few senders waiting; none
/// of the settings' webhook unless this instance knows it.
pub(in super::super) async fn due(
    state: &AppState,
    knows_standing: bool,
    most_at_once: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM deliveries
         WHERE status = 'PENDING' AND next_try_ms <= $1 AND lease_until_ms <= $1
           AND (webhook <> 0 OR $2 = 1)
           AND webhook NOT IN (SELECT webhook FROM deliveries
                               WHERE status = 'PENDING' AND lease_until_ms > $1
                               GROUP BY webhook HAVING COUNT(*) >= $3)
         ORDER BY next_try_ms, id LIMIT $4",
    )
    .bind(state.now_ms())
    .bind(i64::from(knows_standing))
    .bind(most_at_once)
    .bind(limit)
    .fetch_all(state.store.pool())
    .await
}

/// Claims a delivery for one attempt; none while somebody else has it, when it is not due, or
/// after so many attempts.
pub(in super::super) async fn claim(
    state: &AppState,
    id: i64,
    lease_ms: i64,
    most_attempts: i64,
) -> sqlx::Result<Option<Delivery>> {
    let now_ms = state.now_ms();
    // Drawn for each claim, so that two tasks of one instance are two senders.
    let owner = format!("{}/{}", state.settings.instance, state.ids.uuid());
    let row = sqlx::query(
        "UPDATE deliveries SET owner = $2, lease_until_ms = $3, attempts = attempts + 1
         WHERE id = $1 AND status = 'PENDING' AND next_try_ms <= $4 AND lease_until_ms <= $4
           AND attempts < $5
         RETURNING *",
    )
    .bind(id)
    .bind(owner)
    .bind(now_ms + lease_ms)
    .bind(now_ms)
    .bind(most_attempts)
    .fetch_optional(state.store.pool())
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Gives up a delivery whose last attempt nobody concluded: its sender is gone.
pub(in super::super) async fn give_up(
    state: &AppState,
    id: i64,
    most_attempts: i64,
) -> sqlx::Result<bool> {
    let given_up = sqlx::query(
        "UPDATE deliveries SET status = 'FAILED', owner = '', lease_until_ms = 0, updated_ms = $2,
            error = 'the last attempt was broken off'
         WHERE id = $1 AND status = 'PENDING' AND lease_until_ms <= $2 AND attempts >= $3",
    )
    .bind(id)
    .bind(state.now_ms())
    .bind(most_attempts)
    .execute(state.store.pool())
    .await?;
    Ok(given_up.rows_affected() == 1)
}

/// Notes what came of an attempt, unless somebody else has the delivery by now.
pub(in super::super) async fn conclude(
    state: &AppState,
    claimed: &Delivery,
    conclusion: Conclusion,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE deliveries SET status = $3, status_code = $4, error = $5, next_try_ms = $6,
            owner = '', lease_until_ms = 0, updated_ms = $7
         WHERE id = $1 AND owner = $2 AND status = 'PENDING'",
    )
    .bind(claimed.id)
    .bind(&claimed.owner)
    .bind(conclusion.status.name())
    .bind(conclusion.status_code)
    .bind(conclusion.error)
    .bind(conclusion.next_try_ms)
    .bind(state.now_ms())
    .execute(state.store.pool())
    .await?;
    Ok(())
}
