//! Takes events out of the outbox to Redis Streams, or over HTTP to notification-service.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{Event, from_row, streams};
use crate::error::ApiError;
use crate::gateway::{Call, Gateway};
use crate::redis_client::RedisClient;
use crate::state::AppState;
use crate::tasks::Task;
use crate::trace::Trace;

/// Where events are posted without Redis: `{"events": […]}`, answered in the 200s.
pub(crate) const EVENTS_PATH: &str = "/api/notifications/events";
/// Events of one round.
const BATCH: i64 = 100;
const PERIOD: Duration = Duration::from_millis(500);
/// One instance at a time relays, so that the order is kept; a crashed one is replaced after this.
const LEASE_MS: i64 = 15_000;
/// How long told events stay readable in the store.
const KEPT_MS: i64 = 3_600_000;

/// Where events go.
enum Sink<'a> {
    Streams(&'a RedisClient),
    Http(&'a Gateway),
    /// Nobody could hear them.
    Nowhere,
}

/// The task that every service has.
pub(crate) fn task() -> Task {
    Task::new(
        "relay",
        PERIOD,
        |state| async move { run_once(&state).await },
    )
}

/// Relays one batch; true when it was full.
pub(crate) async fn run_once(state: &AppState) -> Result<bool, ApiError> {
    let now_ms = state.now_ms();
    let (owner, store) = (&state.settings.instance, &state.store);
    if !has_work(state, now_ms).await? || !store.lease("relay", owner, now_ms, LEASE_MS).await? {
        return Ok(false);
    }
    let (last, events) = unsent(state).await?;
    if !events.is_empty() {
        tell(&sink(state), state, &events).await?;
    }
    mark_sent(state, last, now_ms).await?;
    Ok(i64::try_from(events.len()).is_ok_and(|count| count == BATCH))
}

fn sink(state: &AppState) -> Sink<'_> {
    match &state.redis {
        Some(redis) => Sink::Streams(redis),
        None if state.gateway.leads_somewhere() => Sink::Http(&state.gateway),
        None => Sink::Nowhere,
    }
}

/// Asked first, so that idle instances do not write leases.
async fn has_work(state: &AppState, now_ms: i64) -> sqlx::Result<bool> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT id FROM outbox WHERE sent_ms IS NULL OR sent_ms < $1 LIMIT 1")
            .bind(now_ms - KEPT_MS)
            .fetch_optional(state.store.pool())
            .await?;
    Ok(found.is_some())
}

async fn unsent(state: &AppState) -> sqlx::Result<(i64, Vec<Event>)> {
    let rows = sqlx::query(
        "SELECT id, topic, kind, subject, trace_id, payload, created_ms FROM outbox
         WHERE sent_ms IS NULL ORDER BY id LIMIT $1",
    )
    .bind(BATCH)
    .fetch_all(state.store.pool())
    .await?;
    let mut last = 0;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let (number, event) = from_row(row, state.settings.service)?;
        last = number;
        events.push(event);
    }
    Ok((last, events))
}

async fn tell(sink: &Sink<'_>, state: &AppState, events: &[Event]) -> Result<(), ApiError> {
    match sink {
        Sink::Nowhere => Ok(()),
        Sink::Streams(redis) => streams::publish(redis, events)
            .await
            .map_err(|cause| ApiError::unavailable("event stream", cause)),
        Sink::Http(gateway) => {
            let trace = Trace::fresh(&state.ids);
            let call = Call::new(Method::POST, EVENTS_PATH, &trace).json(json!({"events": events}));
            let told = gateway.send(call).await;
            told.map_err(|cause| ApiError::unavailable("notification-service", cause))?;
            Ok(())
        }
    }
}

/// Numbers become visible in their order, so that all up to the last were in the batch.
async fn mark_sent(state: &AppState, last: i64, now_ms: i64) -> sqlx::Result<()> {
    let mut tx = state.store.begin().await?;
    sqlx::query("UPDATE outbox SET sent_ms = $1 WHERE sent_ms IS NULL AND id <= $2")
        .bind(now_ms)
        .bind(last)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM outbox WHERE sent_ms < $1")
        .bind(now_ms - KEPT_MS)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{NewEvent, append};
    use crate::settings::ServiceName;
    use crate::testing::{FakeGateway, RedisServer, Script, Shop, StoreKind, shop_behind};

    async fn append_events(shop: &Shop, count: usize) {
        let state = shop.state();
        let mut tx = state.store.begin().await.unwrap();
        for number in 0..count {
            let event = NewEvent {
                topic: "order-events",
                kind: "ORDER_CREATED",
                subject: number.to_string(),
                payload: json!({"number": number}),
            };
            let trace = Trace::fresh(&state.ids);
            append(&mut tx, state.now_ms(), &trace, event)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn events_are_posted_in_order_and_kept_while_nobody_takes_them() {
        let fake = FakeGateway::start().await;
        fake.on(Method::POST, EVENTS_PATH, |_| Script::Json(503, json!({})));
        let shop = shop_behind(ServiceName::Order, &fake).await;
        append_events(&shop, 150).await;
        assert!(run_once(shop.state()).await.is_err());
        fake.on(Method::POST, EVENTS_PATH, |_| Script::Json(202, json!({})));
        assert!(run_once(shop.state()).await.unwrap());
        assert!(!run_once(shop.state()).await.unwrap());
        let told = fake.seen().into_iter().skip(1);
        let subjects: Vec<String> = told
            .flat_map(|seen| seen.body["events"].as_array().unwrap().clone())
            .map(|event| event["subject"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (0..150).map(|number| number.to_string()).collect();
        assert_eq!(subjects, expected);
    }

    #[tokio::test]
    async fn another_instance_relays_only_after_the_lease_ran_out() {
        let fake = FakeGateway::start().await;
        fake.on(Method::POST, EVENTS_PATH, |_| Script::Json(503, json!({})));
        let shop = shop_behind(ServiceName::Order, &fake).await;
        let other = shop.another().await;
        append_events(&shop, 1).await;
        assert!(run_once(shop.state()).await.is_err());
        assert!(!run_once(other.state()).await.unwrap());
        assert_eq!(fake.seen().len(), 1);
        shop.clock().advance_ms(LEASE_MS);
        assert!(run_once(other.state()).await.is_err());
        assert_eq!(fake.seen().len(), 2);
    }

    #[tokio::test]
    async fn told_events_are_purged_later() {
        let fake = FakeGateway::start().await;
        fake.on(Method::POST, EVENTS_PATH, |_| Script::Json(202, json!({})));
        let shop = shop_behind(ServiceName::Order, &fake).await;
        append_events(&shop, 1).await;
        run_once(shop.state()).await.unwrap();
        assert_eq!(shop.events().await.len(), 1);
        shop.clock().advance_ms(KEPT_MS + 1);
        run_once(shop.state()).await.unwrap();
        assert_eq!(shop.events().await, []);
    }

    #[tokio::test]
    async fn events_go_through_a_stream_to_one_consumer_of_a_group() {
        let redis = RedisServer::start().await;
        let shop = Shop::start(StoreKind::Memory, ServiceName::Order, |settings| {
            settings.redis_url = Some(redis.url());
        })
        .await;
        append_events(&shop, 3).await;
        run_once(shop.state()).await.unwrap();
        let client = shop.state().redis.clone().unwrap();
        let group = streams::Group::new(&client, "notification", "a", &["order-events"]);
        let received = group.receive(10).await.unwrap();
        assert_eq!(received.len(), 3);
        assert_eq!(received[2].event.payload, json!({"number": 2}));
        group.acknowledge(&received[0]).await.unwrap();
        assert_eq!(group.receive(10).await.unwrap().len(), 0);
        let other = streams::Group::new(&client, "notification", "b", &["order-events"]);
        let left = other.take_over(0, 10).await.unwrap();
        assert_eq!(left.len(), 2, "what the first consumer left open");
    }
}
