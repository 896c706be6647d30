//! SQL of `order-service`: orders with their lines and history.

mod queries;
mod work;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::requests::Address;
use super::rules::{Change, OrderStatus, PaymentMethod, PaymentStatus, Step};
use super::wire;
use crate::events;
use crate::money::Money;
use crate::named::known;
use crate::state::AppState;
use crate::store::{Tx, next_id, next_ids};
use crate::trace::Trace;

pub(super) use queries::{
    Filter, Passage, Sum, by_id, by_key, by_number, count, history, list, sums,
};
pub(super) use work::{Claim, claim, due, progress, put_off};

/// An order and how far the saga is with it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: i64,
    pub(super) order_number: String,
    pub(super) user_id: i64,
    pub(super) user_email: String,
    pub(super) status: OrderStatus,
    pub(super) total: Money,
    /// Pieces.
    pub(super) total_items: i64,
    pub(super) payment_method: PaymentMethod,
    pub(super) payment_id: Option<String>,
    pub(super) payment_status: Option<PaymentStatus>,
    pub(super) shipping_address: Address,
    pub(super) notes: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) cancel_requested: bool,
    pub(super) fingerprint: String,
    pub(super) trace_id: String,
    pub(super) version: i64,
    pub(super) step: Option<Step>,
    /// Times that the step was begun.
    pub(super) attempts: i64,
    /// Lines for which the step is done.
    pub(super) lines_done: i64,
    /// When the saga gives up what can be given up.
    pub(super) deadline_ms: i64,
    /// When the payment was last asked for; 0 before.
    pub(super) pay_tried_ms: i64,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) lines: Vec<Line>,
}

/// A product in an order.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: i64,
    pub(super) product_id: String,
    pub(super) product_name: String,
    pub(super) product_image: Option<String>,
    /// Of one piece.
    pub(super) price: Money,
    pub(super) quantity: i64,
}

impl Line {
    /// Price of all pieces.
    pub(super) fn subtotal(&self) -> Money {
        self.price.times(self.quantity)
    }
}

/// An order that is to be placed; its lines have no numbers yet.
#[derive(Clone, Debug)]
pub(super) struct NewOrder {
    pub(super) order_number: String,
    pub(super) user_id: i64,
    pub(super) user_email: String,
    pub(super) total: Money,
    pub(super) payment_method: PaymentMethod,
    pub(super) shipping_address: Address,
    pub(super) notes: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) fingerprint: String,
    pub(super) deadline_ms: i64,
    pub(super) lines: Vec<Line>,
}

/// Saves order, lines, history and event, or nothing; none when the caller's key was used before.
pub(super) async fn insert(
    state: &AppState,
    trace: &Trace,
    new: &NewOrder,
) -> sqlx::Result<Option<Order>> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let id = next_id(&mut tx, "order").await?;
    let Some(row) = insert_row(&mut tx, id, trace, new, now_ms).await? else {
        return Ok(None);
    };
    let mut order = from_row(&row)?;
    order.lines = insert_lines(&mut tx, id, &new.lines).await?;
    note(&mut tx, &order, None, now_ms).await?;
    let event = wire::event(&order, order.status.event(), None);
    events::append(&mut tx, now_ms, trace, event).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Some(order))
}

async fn insert_row(
    tx: &mut Tx,
    id: i64,
    trace: &Trace,
    new: &NewOrder,
    now_ms: i64,
) -> sqlx::Result<Option<AnyRow>> {
    let address = serde_json::to_string(&new.shipping_address);
    let address = address.map_err(|cause| sqlx::Error::Encode(cause.into()))?;
    let pieces: i64 = new.lines.iter().map(|line| line.quantity).sum();
    sqlx::query(
        "INSERT INTO orders (id, order_number, user_id, user_email, status, total_cents,
            total_items, payment_method, shipping_address, notes, cancel_requested,
            idempotency_key, fingerprint, trace_id, version, step, attempts, lines_done, owner,
            lease_until_ms, next_try_ms, deadline_ms, pay_tried_ms, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, 'PENDING', $5, $6, $7, $8, $9, 0, $10, $11, $12, 0, 'RESERVE',
            0, 0, '', 0, $13, $14, 0, $13, $13)
         ON CONFLICT (user_id, idempotency_key) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(&new.order_number)
    .bind(new.user_id)
    .bind(&new.user_email)
    .bind(new.total.to_cents())
    .bind(pieces)
    .bind(new.payment_method.name())
    .bind(address)
    .bind(new.notes.clone())
    .bind(new.idempotency_key.clone())
    .bind(&new.fingerprint)
    .bind(trace.id())
    .bind(now_ms)
    .bind(new.deadline_ms)
    .fetch_optional(&mut **tx)
    .await
}

async fn insert_lines(tx: &mut Tx, order: i64, lines: &[Line]) -> sqlx::Result<Vec<Line>> {
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let first = next_ids(tx, "order_line", count).await?;
    let mut saved = Vec::with_capacity(lines.len());
    for (id, line) in (first..).zip(lines) {
        sqlx::query(
            "INSERT INTO order_lines (id, order_id, product_id, product_name, product_image,
                                      price_cents, quantity)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(order)
        .bind(&line.product_id)
        .bind(&line.product_name)
        .bind(line.product_image.clone())
        .bind(line.price.to_cents())
        .bind(line.quantity)
        .execute(&mut **tx)
        .await?;
        saved.push(Line { id, ..line.clone() });
    }
    Ok(saved)
}

/// Makes the change if nobody changed the order since it was read, with history and events. With an
/// owner it is made only while that owner has the lease, which ends with it. None when somebody
/// else was faster. The order comes back as it is now, with the lines it was given.
pub(super) async fn change(
    state: &AppState,
    order: &Order,
    owner: Option<&str>,
    change: &Change,
) -> sqlx::Result<Option<Order>> {
    let allowed = change.status.is_none_or(|to| order.status.may_become(to));
    debug_assert!(allowed, "{:?} cannot become {change:?}", order.status);
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let Some(row) = update(&mut tx, order, owner, change, now_ms).await? else {
        return Ok(None);
    };
    let mut changed = from_row(&row)?;
    changed.lines.clone_from(&order.lines);
    if changed.status != order.status {
        note(&mut tx, &changed, Some(order.status), now_ms).await?;
    }
    tell(&mut tx, state, order, &changed, change).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Some(changed))
}

async fn update(
    tx: &mut Tx,
    order: &Order,
    owner: Option<&str>,
    change: &Change,
    now_ms: i64,
) -> sqlx::Result<Option<AnyRow>> {
    sqlx::query(
        "UPDATE orders SET status = $4, step = $5, version = version + 1,
            payment_id = COALESCE($6, payment_id), payment_status = COALESCE($7, payment_status),
            reason = COALESCE($8, reason),
            cancel_requested = CASE WHEN $9 = 1 THEN 1 ELSE cancel_requested END,
            attempts = 0, lines_done = 0, next_try_ms = $10, updated_ms = $10,
            lease_until_ms = CASE WHEN owner = $3 THEN 0 ELSE lease_until_ms END,
            owner = CASE WHEN owner = $3 THEN '' ELSE owner END
         WHERE id = $1 AND version = $2 AND ($3 = '' OR owner = $3)
         RETURNING *",
    )
    .bind(order.id)
    .bind(order.version)
    .bind(owner.unwrap_or_default())
    .bind(change.status.unwrap_or(order.status).name())
    .bind(change.step.map(Step::name))
    .bind(change.payment_id.clone())
    .bind(change.payment_status.map(PaymentStatus::name))
    .bind(change.reason.clone())
    .bind(i64::from(change.by_user))
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await
}

async fn note(
    tx: &mut Tx,
    order: &Order,
    from: Option<OrderStatus>,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO order_history (order_id, version, from_status, to_status, reason, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(order.id)
    .bind(order.version)
    .bind(from.map(OrderStatus::name))
    .bind(order.status.name())
    .bind(order.reason.clone())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn tell(
    tx: &mut Tx,
    state: &AppState,
    before: &Order,
    now: &Order,
    change: &Change,
) -> sqlx::Result<()> {
    let of_status = change.status.map(OrderStatus::event);
    let over = now.cancel_requested && now.step.is_none();
    let completed = over.then_some("ORDER_CANCELLATION_COMPLETED");
    let kinds = [change.event, of_status, completed];
    for kind in kinds.into_iter().flatten() {
        let event = wire::event(now, kind, Some(before.status));
        events::append(tx, state.now_ms(), &trace_of(state, now), event).await?;
    }
    Ok(())
}

/// The trace of the request that placed the order.
pub(super) fn trace_of(state: &AppState, order: &Order) -> Trace {
    Trace::from_id(&order.trace_id).unwrap_or_else(|| Trace::fresh(&state.ids))
}

/// An order without its lines.
fn from_row(row: &AnyRow) -> sqlx::Result<Order> {
    let text = |column| row.try_get::<String, _>(column);
    let maybe = |column| row.try_get::<Option<String>, _>(column);
    let address = text("shipping_address")?;
    let address = serde_json::from_str(&address);
    let cancel_requested: i64 = row.try_get("cancel_requested")?;
    let payment_status = maybe("payment_status")?;
    let step = maybe("step")?;
    Ok(Order {
        id: row.try_get("id")?,
        order_number: text("order_number")?,
        user_id: row.try_get("user_id")?,
        user_email: text("user_email")?,
        status: known(&text("status")?, OrderStatus::from_name)?,
        total: Money::cents(row.try_get("total_cents")?),
        total_items: row.try_get("total_items")?,
        payment_method: known(&text("payment_method")?, PaymentMethod::from_name)?,
        payment_id: maybe("payment_id")?,
        payment_status: maybe_known(payment_status, PaymentStatus::from_name)?,
        shipping_address: address.map_err(|cause| sqlx::Error::Decode(cause.into()))?,
        notes: maybe("notes")?,
        reason: maybe("reason")?,
        cancel_requested: cancel_requested != 0,
        fingerprint: text("fingerprint")?,
        trace_id: text("trace_id")?,
        version: row.try_get("version")?,
        step: maybe_known(step, Step::from_name)?,
        attempts: row.try_get("attempts")?,
        lines_done: row.try_get("lines_done")?,
        deadline_ms: row.try_get("deadline_ms")?,
        pay_tried_ms: row.try_get("pay_tried_ms")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        lines: Vec::new(),
    })
}

fn maybe_known<T>(
    name: Option<String>,
    from_name: fn(&str) -> Option<T>,
) -> sqlx::Result<Option<T>> {
    name.map(|name| known(&name, from_name)).transpose()
}
