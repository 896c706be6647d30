//! Several instances send together: each delivery once, and what a crashed one left later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::notifications::delivery::run_once;
use crate::notifications::delivery::senders::{Message, Outcome, Sender, Senders, Sending};
use crate::notifications::store::deliveries::due;

/// Counts tries by delivery, and those of the same delivery at the same time.
#[derive(Debug, Default)]
struct Counting {
    tries: Mutex<BTreeMap<i64, u32>>,
    open: Mutex<Vec<i64>>,
    hangs: bool,
}

impl Counting {
    fn begin(&self, id: i64) {
        *self.tries.lock().unwrap().entry(id).or_default() += 1;
        let mut open = self.open.lock().unwrap();
        assert!(!open.contains(&id), "two send delivery {id} at once");
        open.push(id);
    }
}

impl Sender for Counting {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let id = message.delivery_id;
            self.begin(id);
            if self.hangs {
                std::future::pending::<()>().await;
            }
            // Gives the other instance the time to try the same.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.open.lock().unwrap().retain(|one| *one != id);
            Outcome::Sent
        })
    }
}

async fn run_to_the_end(shop: &Shop, senders: &Senders) -> u32 {
    let mut rounds = 0;
    loop {
        // A round in which the other instance was faster is no end.
        let moved = run_once(shop.state(), senders).await.unwrap();
        rounds += u32::from(moved);
        if !moved && due(shop.state(), 1).await.unwrap().is_empty() {
            return rounds;
        }
    }
}

#[tokio::test]
async fn two_instances_share_the_work_and_send_nothing_twice() {
    at_noon(async |shop| {
        let other = shop.another().await;
        let mut ids = Vec::new();
        for user in 100..140 {
            ids.push(
                made(
                    &shop,
                    user,
                    wish(&["PUSH", "SMS"], json!({"userPhone": "1"})),
                )
                .await,
            );
        }
        let counting = Arc::new(Counting::default());
        let senders = Senders::all(Arc::<Counting>::clone(&counting));
        tokio::join!(
            run_to_the_end(&shop, &senders),
            run_to_the_end(&other, &senders),
        );
        let tries = counting.tries.lock().unwrap().clone();
        assert_eq!(tries.len(), 80);
        assert!(tries.values().all(|&count| count == 1), "{tries:?}");
        for id in ids {
            assert_eq!(status(&shop, id).await, "SENT");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_crashed_instance_was_sending_is_sent_by_another_when_its_lease_is_over() {
    at_noon(async |shop| {
        let other = shop.another().await;
        let id = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        let hanging = Arc::new(Counting {
            hangs: true,
            ..Counting::default()
        });
        let senders = Senders::all(Arc::<Counting>::clone(&hanging));
        {
            let mut crashing = Box::pin(run_once(shop.state(), &senders));
            while hanging.tries.lock().unwrap().is_empty() {
                tokio::select! {
                    _ = &mut crashing => panic!("ends though it hangs"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        assert_eq!(delivery(&shop, id).await.0, "PROCESSING");
        let counting = Arc::new(Counting::default());
        let senders = Senders::all(Arc::<Counting>::clone(&counting));
        assert_eq!(
            run_to_the_end(&other, &senders).await,
            0,
            "the lease still holds"
        );
        shop.clock().advance_ms(30_000);
        assert_eq!(run_to_the_end(&other, &senders).await, 1);
        assert_eq!(status(&shop, id).await, "SENT");
        assert_eq!(deliveries(&shop, id).await[0]["attempts"], 2);
    })
    .await;
}

#[tokio::test]
async fn what_crashes_every_sender_is_given_up() {
    at_noon(async |shop| {
        let id = made(&shop, 7, wish(&["PUSH"], json!({"maxRetries": 0}))).await;
        let claimed = crate::notifications::store::deliveries::claim(shop.state(), 1, 30_000);
        assert!(claimed.await.unwrap().is_some());
        shop.clock().advance_ms(30_000);
        assert!(shop.run_tasks().await);
        let expected = (
            "FAILED".into(),
            "what came of the last try is not known".into(),
        );
        assert_eq!(delivery(&shop, id).await, expected);
    })
    .await;
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_sent_keeps_what_came_of_it_and_is_not_tried_again() {
    use crate::notifications::names::DeliveryStatus;
    use crate::notifications::store::deliveries::{Record, claim, record};
    at_noon(async |shop| {
        for (outcome, expected) in [
            (DeliveryStatus::Sent, "SENT"),
            (DeliveryStatus::Pending, "REJECTED"),
        ] {
            let id = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
            let state = shop.state();
            let claim = claim(state, id, 30_000).await.unwrap().unwrap();
            assert_eq!(put_status(&shop, id, "CANCELLED").await.status, 200);
            assert_eq!(delivery(&shop, id).await.0, "PROCESSING");
            let came = Record {
                status: outcome,
                error: None,
                recipient: None,
                next_try_ms: None,
                tried: true,
            };
            record(state, &claim, &came).await.unwrap();
            assert_eq!(delivery(&shop, id).await.0, expected);
            assert_eq!(status(&shop, id).await, "CANCELLED");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_place_of_a_limit_is_taken_once_by_however_many_instances() {
    at_noon(async |shop| {
        let other = shop.another().await;
        for _ in 0..12 {
            made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        }
        let senders = Senders::all(Arc::new(Counting::default()));
        tokio::join!(
            run_to_the_end(&shop, &senders),
            run_to_the_end(&other, &senders),
        );
        let all = all_of(&shop, 7).await;
        let sent = all.iter().filter(|one| one["status"] == "SENT").count();
        assert_eq!((all.len(), sent), (12, 5));
    })
    .await;
}
