//! Cancelling, refunding and what administrators set by hand.

use super::world::{Fault, Shared};
use super::*;
use crate::settings::ServiceName;
use crate::testing::shop_behind;

async fn start() -> (Shared, Shop) {
    let shared = Shared::start().await;
    let shop = shop_behind(ServiceName::Order, &shared.gateway).await;
    shared.follow(shop.clock());
    (shared, shop)
}

fn kinds(events: Vec<crate::Event>) -> Vec<String> {
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn an_order_that_is_not_paid_is_cancelled_at_once_and_holds_nothing() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::BusyAfter].into();
    run(&shop).await;
    assert_eq!(shared.world().reservations.len(), 2);
    let answer = cancel(&shop, id, 7).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("CANCELLED"))
    );
    assert_eq!(answer.body["reason"], "too late");
    run_to_the_end(&shop).await;
    let held = shared.world().reservations.clone();
    assert!(
        held.values().all(|held| held.status == "RELEASED"),
        "{held:?}"
    );
    assert!(shared.world().payments.is_empty());
    let told = [
        "ORDER_CREATED",
        "ORDER_CANCELLED",
        "ORDER_INVENTORY_RELEASED",
        "ORDER_CANCELLATION_COMPLETED",
    ];
    assert_eq!(kinds(shop.events().await), told);
    assert_eq!(cancel(&shop, id, 7).await.status, 400);
}

#[tokio::test]
async fn a_paid_order_is_refunded_only_once_the_money_is_back_and_its_goods_are_for_sale_again() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    run(&shop).await;
    assert_eq!(cancel(&shop, id, 8).await.status, 403);
    assert_eq!(cancel(&shop, 99, 8).await.status, 404);
    let answer = cancel(&shop, id, 7).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("PROCESSING"))
    );
    assert_eq!(answer.body["cancellationRequested"], true);
    assert_eq!(
        cancel(&shop, id, 7).await.status,
        400,
        "it is being refunded"
    );
    assert_eq!(put_status(&shop, id, "SHIPPED").await.status, 400);
    shared.world().faults = [Fault::Refuse, Fault::None].into();
    run(&shop).await;
    assert_eq!(
        order(&shop, id).await["status"],
        "PROCESSING",
        "the refund was refused"
    );
    run_to_the_end(&shop).await;
    let done = order(&shop, id).await;
    assert_eq!(
        (&done["status"], &done["paymentStatus"]),
        (&json!("REFUNDED"), &json!("REFUNDED"))
    );
    assert_eq!(shared.world().payments[&id].refunds, 1);
    let shelf = shared.world().shelf.clone();
    let initial = shared.world().initial;
    assert!(shelf.values().all(|&pieces| pieces == initial), "{shelf:?}");
    assert!(kinds(shop.events().await).contains(&"ORDER_PAYMENT_REFUNDED".to_owned()));
}

#[tokio::test]
async fn what_is_being_paid_cannot_be_cancelled() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::None, Fault::BusyBefore].into();
    run(&shop).await;
    assert_eq!(order(&shop, id).await["status"], "PAYMENT_PROCESSING");
    let answer = cancel(&shop, id, 7).await;
    assert_eq!(answer.status, 400);
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("PAYMENT_PROCESSING"), "{message}");
}

#[tokio::test]
async fn administrators_alone_set_a_status_and_only_as_the_graph_says() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    let path = format!("/api/orders/{id}/status");
    let body = json!({"status": "SHIPPED"});
    let by_customer = shop.put(&path, &shop.user_token(7), body.clone()).await;
    assert_eq!(by_customer.status, 403);
    let by_service = shop.put(&path, &shop.service_token(), body).await;
    assert_eq!(by_service.status, 403);
    for wrong in [
        "SHIPPED",
        "INVENTORY_RESERVED",
        "PROCESSING",
        "REFUNDED",
        "PENDING",
        "LOST",
    ] {
        assert_eq!(put_status(&shop, id, wrong).await.status, 400, "{wrong}");
    }
    run(&shop).await;
    for (right, then) in [
        ("SHIPPED", "SHIPPED"),
        ("DELIVERED", "DELIVERED"),
        ("REFUNDED", "DELIVERED"),
    ] {
        let answer = put_status(&shop, id, right).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!(then)),
            "{right}"
        );
    }
    assert_eq!(
        put_status(&shop, id, "REFUNDED").await.status,
        400,
        "it is being refunded"
    );
    run_to_the_end(&shop).await;
    let way = statuses(&shop, id).await;
    assert_eq!(way[way.len() - 3..], ["SHIPPED", "DELIVERED", "REFUNDED"]);
    let world = shared.world();
    assert_eq!(world.payments[&id].refunds, 1);
    assert!(world.returns.is_empty(), "the goods are with the customer");
}

#[tokio::test]
async fn no_stock_gives_back_earlier_lines_and_takes_no_money() {
    let (shared, shop) = start().await;
    shared.world().shelf.insert("B".into(), 1);
    let id = place(&shop, 7).await;
    run(&shop).await;
    assert_eq!(
        statuses(&shop, id).await,
        ["PENDING", "INVENTORY_FAILED", "CANCELLED"]
    );
    let reason = order(&shop, id).await["reason"].clone();
    assert_eq!(reason, "B cannot be reserved: not enough");
    let world = shared.world();
    assert_eq!(world.shelf["A"], world.initial);
    assert!(world.payments.is_empty());
}

#[tokio::test]
async fn a_failed_payment_fails_the_order() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::None, Fault::Refuse].into();
    run(&shop).await;
    let way = statuses(&shop, id).await;
    assert_eq!(
        way[2..],
        ["PAYMENT_PROCESSING", "PAYMENT_FAILED", "CANCELLED"]
    );
    assert_eq!(order(&shop, id).await["paymentStatus"], "FAILED");
    let world = shared.world();
    assert_eq!(world.shelf["A"], world.initial);
}

#[tokio::test]
async fn goods_that_expired_before_they_were_confirmed_bring_the_money_back() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::None, Fault::None, Fault::Refuse].into();
    run(&shop).await;
    let way = statuses(&shop, id).await;
    assert_eq!(way[3..], ["PAYMENT_COMPLETED", "REFUNDED"]);
    let world = shared.world();
    assert_eq!(
        (world.payments[&id].charges, world.payments[&id].refunds),
        (1, 1)
    );
    assert!(
        world.returns.is_empty(),
        "nothing was taken, so nothing comes back"
    );
}

#[tokio::test]
async fn an_unknown_payment_is_repeated_and_at_last_asked_after_but_never_guessed() {
    for (fate, end) in [
        (Fault::BusyAfter, "PROCESSING"),
        (Fault::BusyBefore, "CANCELLED"),
    ] {
        let (shared, shop) = start().await;
        let id = place(&shop, 7).await;
        let mut faults = vec![Fault::None, Fault::None, fate];
        faults.extend([Fault::BusyBefore; 1000]);
        shared.world().faults = faults.into();
        while shop.clock().now_ms() < crate::testing::START_MS + 660_000 {
            run(&shop).await;
            assert_eq!(order(&shop, id).await["status"], "PAYMENT_PROCESSING");
            shop.clock().advance_ms(20_000);
        }
        let calls = shared.gateway.seen();
        let tries = |path: &str| calls.iter().filter(|seen| seen.path == path).count();
        assert!(tries("/api/payments/process") > 20);
        assert!(
            tries("/api/payments/order/1") > 1,
            "asked while nobody answers"
        );
        let last = calls.last().unwrap();
        assert_eq!(last.path, "/api/payments/order/1", "asked for no more");
        shared.world().faults.clear();
        run_to_the_end(&shop).await;
        assert_eq!(order(&shop, id).await["status"], end, "{fate:?}");
    }
}

#[tokio::test]
async fn a_payment_that_arrives_after_its_sender_gave_up_is_not_lost() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::None, Fault::BusyBefore, Fault::Late].into();
    run(&shop).await;
    shop.clock().advance_ms(599_000);
    run(&shop).await;
    assert!(
        shared.world().faults.is_empty(),
        "asked for a second before the deadline"
    );
    shop.clock().advance_ms(1000);
    run(&shop).await;
    let last = shared.gateway.seen().pop().unwrap();
    assert_eq!(last.path, "/api/payments/order/1");
    let open = order(&shop, id).await;
    assert_eq!(open["status"], "PAYMENT_PROCESSING", "it may be on its way");
    run_to_the_end(&shop).await;
    assert_eq!(order(&shop, id).await["status"], "PROCESSING");
    assert_eq!(shared.world().payments[&id].charges, 1);
}

#[tokio::test]
async fn a_no_after_an_unknown_outcome_is_not_taken_for_a_payment_that_failed() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    shared.world().faults = [Fault::None, Fault::None, Fault::BusyAfter, Fault::Forbid].into();
    run_to_the_end(&shop).await;
    assert_eq!(order(&shop, id).await["status"], "PROCESSING");
    assert_eq!(shared.world().payments[&id].charges, 1);
}

#[tokio::test]
async fn a_cart_that_cannot_be_cleared_keeps_no_order_unfinished() {
    let (shared, shop) = start().await;
    let id = place(&shop, 7).await;
    let mut faults = vec![Fault::None; 4];
    faults.extend([Fault::BusyBefore; 20]);
    shared.world().faults = faults.into();
    run_to_the_end(&shop).await;
    assert_eq!(order(&shop, id).await["status"], "PROCESSING");
    assert_eq!(shared.world().faults.len(), 15, "five tries");
}
