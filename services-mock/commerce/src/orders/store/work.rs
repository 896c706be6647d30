//! Who works on which order: steps of the saga are claimed by a lease, and given back.

use super::queries::with_lines;
use super::{Order, from_row};
use crate::state::AppState;

/// A step that this worker alone has until its lease runs out.
#[derive(Clone, Debug)]
pub(in super::super) struct Claim {
    /// As it was when the step was claimed.
    pub(in super::super) order: Order,
    /// Drawn for each claim, so that two tasks of one instance are two workers.
    pub(in super::super) owner: String,
}

/// Orders with a step that is due and nobody works on, the longest due first.
pub(in super::super) async fn due(state: &AppState, limit: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM orders
         WHERE step IS NOT NULL AND next_try_ms <= $1 AND lease_until_ms <= $1
         ORDER BY next_try_ms, id LIMIT $2",
    )
    .bind(state.now_ms())
    .bind(limit)
    .fetch_all(state.store.pool())
    .await
}

/// Claims the order's next step; none while somebody else has it, or when none is due. That a
/// payment is about to be asked for is noted before it is: a worker that crashes cannot tell.
pub(in super::super) async fn claim(
    state: &AppState,
    order: i64,
    lease_ms: i64,
) -> sqlx::Result<Option<Claim>> {
    let now_ms = state.now_ms();
    let owner = format!("{}/{}", state.settings.instance, state.ids.uuid());
    let row = sqlx::query(
        "UPDATE orders SET owner = $1, lease_until_ms = $2, attempts = attempts + 1,
            pay_tried_ms = CASE WHEN step = 'PAY' THEN $3 ELSE pay_tried_ms END
         WHERE id = $4 AND step IS NOT NULL AND next_try_ms <= $3 AND lease_until_ms <= $3
         RETURNING *",
    )
    .bind(&owner)
    .bind(now_ms + lease_ms)
    .bind(now_ms)
    .bind(order)
    .fetch_optional(state.store.pool())
    .await?;
    let claimed = row.iter().map(from_row).collect::<Result<_, _>>()?;
    let claimed = with_lines(&state.store, claimed).await?.pop();
    Ok(claimed.map(|order| Claim { order, owner }))
}

/// Notes that so many lines are done, and prolongs the lease; false when the order was changed or
/// somebody else has the step by now.
pub(in super::super) async fn progress(
    state: &AppState,
    claim: &Claim,
    lines_done: i64,
    lease_ms: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE orders SET lines_done = $1, lease_until_ms = $2
         WHERE id = $3 AND version = $4 AND owner = $5",
    )
    .bind(lines_done)
    .bind(state.now_ms() + lease_ms)
    .bind(claim.order.id)
    .bind(claim.order.version)
    .bind(&claim.owner)
    .execute(state.store.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the step back, to be tried again from a time on. An order that was changed meanwhile keeps
/// the time that the change set.
pub(in super::super) async fn put_off(
    state: &AppState,
    claim: &Claim,
    next_try_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders SET owner = '', lease_until_ms = 0,
            next_try_ms = CASE WHEN version = $1 THEN $2 ELSE next_try_ms END
         WHERE id = $3 AND owner = $4",
    )
    .bind(claim.order.version)
    .bind(next_try_ms)
    .bind(claim.order.id)
    .bind(&claim.owner)
    .execute(state.store.pool())
    .await?;
    Ok(())
}
