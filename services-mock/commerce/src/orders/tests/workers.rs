//! Several workers: each step belongs to one at a time, and to another when the first is gone.

use std::collections::BTreeMap;

use super::world::{Fault, Shared};
use super::*;
use crate::orders::rules::{Change, OrderStatus, Step};
use crate::orders::store;
use crate::settings::ServiceName;
use crate::testing::on_each_store_with;

/// Runs the body on each store with two instances.
async fn on_each_pair(body: impl AsyncFn(&Shared, &Shop, &Shop)) {
    let shared = Shared::start().await;
    let url = shared.gateway.url();
    let behind = |settings: &mut crate::Settings| settings.gateway_url = Some(url.clone());
    on_each_store_with(ServiceName::Order, behind, async |shop| {
        shared.reset();
        shared.follow(shop.clock());
        let other = shop.another().await;
        body(&shared, &shop, &other).await;
    })
    .await;
}

/// How often each call was made.
fn calls(shared: &Shared) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for seen in shared.gateway.seen() {
        *calls
            .entry(format!("{} {}", seen.path, seen.body))
            .or_default() += 1;
    }
    calls
}

#[tokio::test]
async fn workers_that_work_at_once_do_each_step_once() {
    on_each_pair(async |shared, shop, other| {
        for user in 10..22 {
            place(shop, user).await;
        }
        shared.gateway.forget();
        let patient = Pace {
            call: Duration::from_secs(5),
            ..Pace::USUAL
        };
        let lane = async |shop: &Shop| while run_once(shop.state(), &patient).await.unwrap() {};
        tokio::join!(
            lane(shop),
            lane(other),
            lane(shop),
            lane(other),
            lane(other)
        );
        let calls = calls(shared);
        assert_eq!(calls.len(), 12 * 5, "{calls:?}");
        assert!(calls.values().all(|&times| times == 1), "{calls:?}");
        let path = "/api/orders/reconciliation";
        let sums = shop.get(path, &shop.service_token()).await.body;
        assert_eq!(sums["byStatus"]["PROCESSING"]["orders"], 12, "{sums}");
    })
    .await;
}

#[tokio::test]
async fn a_step_in_progress_is_left_alone_until_its_lease_is_over() {
    on_each_pair(async |shared, shop, other| {
        let id = place(shop, 7).await;
        shared.gateway.forget();
        shared.world().faults = [Fault::None, Fault::None, Fault::CrashAfter].into();
        let hanging = Pace {
            call: Duration::from_secs(60),
            ..Pace::USUAL
        };
        let state = shop.state().clone();
        let first = tokio::spawn(async move { run_once(&state, &hanging).await });
        shared.crash.notified().await;
        assert_eq!(shared.gateway.seen().len(), 3);
        shop.clock().advance_ms(PACE.lease_ms - 1);
        assert!(
            !run_once(other.state(), &PACE).await.unwrap(),
            "the lease holds"
        );
        assert_eq!(shared.gateway.seen().len(), 3);
        shop.clock().advance_ms(1);
        run(other).await;
        assert_eq!(order(shop, id).await["status"], "PROCESSING");
        assert_eq!(shared.world().payments[&id].charges, 1);
        first.abort();
    })
    .await;
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing_any_more() {
    on_each_pair(async |shared, shop, other| {
        let id = place(shop, 7).await;
        shared.world().faults = [Fault::HangBefore].into();
        let slow = Pace {
            call: Duration::from_millis(400),
            ..Pace::USUAL
        };
        let state = shop.state().clone();
        shared.gateway.forget();
        let first = tokio::spawn(async move { run_once(&state, &slow).await });
        while shared.gateway.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        shop.clock().advance_ms(PACE.lease_ms);
        run(other).await;
        let done = order(shop, id).await;
        assert_eq!(done["status"], "PROCESSING");
        first.await.unwrap().unwrap();
        assert_eq!(order(shop, id).await, done);
        let history = statuses(shop, id).await;
        assert_eq!(history.len(), 5, "{history:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_late_worker_found_out_does_not_count_while_another_is_at_it() {
    on_each_pair(async |_, shop, other| {
        let id = place(shop, 7).await;
        let claimed =
            async |shop: &Shop| store::claim(shop.state(), id, PACE.lease_ms).await.unwrap();
        let late = claimed(shop).await.unwrap();
        assert!(claimed(other).await.is_none(), "the lease holds");
        shop.clock().advance_ms(PACE.lease_ms);
        let now = claimed(other).await.unwrap();
        let failed = Change::to(OrderStatus::InventoryFailed, Some(Step::Release));
        let state = shop.state();
        let changed = store::change(state, &late.order, Some(&late.owner), &failed).await;
        assert!(changed.unwrap().is_none());
        assert!(
            !store::progress(state, &late, 1, PACE.lease_ms)
                .await
                .unwrap()
        );
        store::put_off(state, &late, 0).await.unwrap();
        assert!(claimed(shop).await.is_none(), "the lease is the other's");
        assert!(
            store::progress(state, &now, 1, PACE.lease_ms)
                .await
                .unwrap()
        );
        let changed = store::change(state, &now.order, Some(&now.owner), &failed).await;
        assert!(changed.unwrap().is_some());
        assert!(
            claimed(shop).await.is_some(),
            "the lease ended with the change"
        );
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_waits_for_the_call_in_progress_before_it_releases() {
    on_each_pair(async |shared, shop, other| {
        let id = place(shop, 7).await;
        shared.gateway.forget();
        shared.world().faults = [Fault::HangAfter].into();
        let state = shop.state().clone();
        let first = tokio::spawn(async move { run_once(&state, &PACE).await });
        while shared.gateway.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        let answer = cancel(shop, id, 7).await;
        assert_eq!(answer.body["status"], "CANCELLED", "{:?}", answer.body);
        assert!(
            !run_once(other.state(), &PACE).await.unwrap(),
            "somebody is reserving"
        );
        first.await.unwrap().unwrap();
        run(other).await;
        let held = shared.world().reservations.clone();
        assert_eq!(held.len(), 1);
        assert!(
            held.values().all(|held| held.status == "RELEASED"),
            "{held:?}"
        );
        assert_eq!(order(shop, id).await["status"], "CANCELLED");
    })
    .await;
}

/// The round that ran into trouble brings its orders on later, and not at once for ever.
#[tokio::test]
async fn a_failing_call_does_not_keep_a_worker_busy() {
    on_each_pair(async |shared, shop, _| {
        place(shop, 7).await;
        shared.gateway.forget();
        shared.world().faults = vec![Fault::BusyBefore; 50].into();
        run(shop).await;
        assert_eq!(shared.gateway.seen().len(), 1, "one try, then a wait");
        shop.clock().advance_ms(PACE.first_wait_ms * 3 / 2);
        run(shop).await;
        assert_eq!(shared.gateway.seen().len(), 2);
    })
    .await;
}
