//! `/api/degradation` on an instance with static answers: every kind has its effect and its end.

mod support;

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;
use services_mock::{Fault, Running};
use support::{Answer, get, post, start, until};
use tokio::net::TcpStream;
use tokio::time::timeout;

const MIB: u64 = 1024 * 1024;

async fn order(mock: &Running, what: &str) -> Answer {
    let path = format!("/api/degradation/{what}");
    post(mock.addr(), &path, "").await.expect("an answer")
}

async fn ordered(mock: &Running, what: &str) -> Value {
    let answer = order(mock, what).await;
    assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text());
    answer.json()
}

async fn status(mock: &Running) -> Value {
    let answer = get(mock.addr(), "/api/degradation/status").await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

#[tokio::test]
async fn latency_delays_and_never_fails() {
    let mock = start(|_| ()).await;
    let shown = ordered(&mock, "latency/start?delayMs=40").await;
    assert_eq!(shown["latency"]["delayMs"], 40.0);
    for _ in 0..10 {
        let began = Instant::now();
        let answer = get(mock.addr(), "/").await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(20), "{took:?}");
    }
    let shown = ordered(&mock, "latency/stop").await;
    assert_eq!(shown["latency"]["active"], false);
    assert!(mock.faults().is_empty());
}

#[tokio::test]
async fn errors_fail_the_given_share() {
    let mock = start(|_| ()).await;
    ordered(&mock, "errors/start").await;
    for _ in 0..400 {
        get(mock.addr(), "/").await.unwrap();
    }
    let failed = mock.counts().with_status(500);
    // 120 expected; the seed is fixed, the bounds are four standard deviations.
    assert!((83..157).contains(&failed), "{failed} of 400 failed");
}

#[tokio::test]
async fn fast_fail_answers_503_without_queueing() {
    let mock = start(|s| (s.concurrency, s.queue) = (1, 0)).await;
    ordered(&mock, "fast-fail/start").await;
    let answer = get(mock.addr(), "/").await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["message"], "failing fast as ordered");
    ordered(&mock, "fast-fail/stop").await;
    assert_eq!(get(mock.addr(), "/").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_pause_holds_traffic_but_not_orders_until_it_is_stopped() {
    let mock = start(|_| ()).await;
    ordered(&mock, "pause/start").await;
    let moment = Duration::from_millis(50);
    assert!(timeout(moment, get(mock.addr(), "/")).await.is_err());
    assert_eq!(status(&mock).await["pause"]["active"], true);
    ordered(&mock, "pause/stop").await;
    assert_eq!(get(mock.addr(), "/").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn its_duration_ends_a_degradation() {
    let mock = start(|_| ()).await;
    let began = Instant::now();
    ordered(&mock, "pause/start?durationSeconds=1").await;
    assert_eq!(get(mock.addr(), "/").await.unwrap().status, StatusCode::OK);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(status(&mock).await["degraded"], false);
}

#[tokio::test]
async fn a_crash_refuses_connections_and_ends_by_itself() {
    let mock = start(|_| ()).await;
    ordered(&mock, "crash/start?durationSeconds=1").await;
    until("connections are refused", async || {
        TcpStream::connect(mock.addr()).await.is_err()
    })
    .await;
    until("it is back", async || get(mock.addr(), "/").await.is_ok()).await;
}

#[tokio::test]
async fn what_is_active_cannot_be_started_again() {
    let mock = start(|_| ()).await;
    for name in [
        "cpu",
        "memory",
        "latency",
        "errors",
        "gradual",
        "pause",
        "fast-fail",
    ] {
        let path = format!("{name}/start");
        ordered(&mock, &path).await;
        let again = order(&mock, &path).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(again.json()["message"], "already active");
    }
    assert_eq!(mock.faults().len(), 7);
    let shown = ordered(&mock, "stop-all").await;
    assert_eq!(shown["degraded"], false);
    assert!(mock.faults().is_empty());
}

#[tokio::test]
async fn status_tells_every_kind_and_faults_that_were_ordered_elsewhere() {
    let mock = start(|_| ()).await;
    ordered(&mock, "errors/start?errorRatePercent=25&durationSeconds=60").await;
    mock.inject(Fault::Unhealthy);
    let shown = status(&mock).await;
    assert_eq!(shown["errors"]["errorRatePercent"], 25.0);
    assert!(shown["errors"]["endsInSeconds"].as_f64().unwrap() <= 60.0);
    assert_eq!(shown["cpu"]["active"], false);
    assert_eq!(shown["others"][0]["kind"], "unhealthy");
    let faults = get(mock.addr(), "/faults").await.unwrap().json();
    assert_eq!(faults["faults"].as_array().unwrap().len(), 2, "one board");
}

#[tokio::test]
async fn wrong_orders_are_refused_and_change_nothing() {
    let mock = start(|_| ()).await;
    let wrong = order(&mock, "cpu/start?intensityPercent=101").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("intensityPercent") && wrong.text().contains("101"));
    let path = "/api/degradation/cpu/start";
    let method = get(mock.addr(), path).await.unwrap();
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(mock.faults().is_empty());
}

#[tokio::test]
async fn a_token_is_asked_for_where_one_is_set() {
    let mock = start(|s| s.degradation_token = Some(services_mock::Secret::new("let me"))).await;
    assert_eq!(
        order(&mock, "pause/start").await.status,
        StatusCode::UNAUTHORIZED
    );
    let faults = post(mock.addr(), "/faults", r#"{"kind":"pause","seconds":9}"#).await;
    assert_eq!(faults.unwrap().status, StatusCode::UNAUTHORIZED);
    assert!(mock.faults().is_empty());
    let mut request = support::request("POST", "/api/degradation/pause/start", "");
    let bearer = "Bearer let me".parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let answer = support::send(mock.addr(), request).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(mock.faults().len(), 1);
}

#[tokio::test]
async fn a_gradual_degradation_grows_in_phases_and_ends() {
    let mock = start(|s| s.degradation_memory_mib = 100).await;
    ordered(&mock, "gradual/start?totalDurationSeconds=2&phases=2").await;
    let mut seen: Vec<(u64, u64)> = Vec::new();
    until("it is over", async || {
        let shown = status(&mock).await;
        if let Some(phase) = shown["gradual"]["phase"].as_u64() {
            let held = shown["memoryHeldBytes"].as_u64().unwrap() / MIB;
            seen.push((phase, held));
        }
        shown["degraded"] == false && shown["memoryHeldBytes"] == 0
    })
    .await;
    let most_in = |wanted| {
        let held = seen.iter().filter(|(phase, _)| *phase == wanted);
        held.map(|(_, held)| *held).max()
    };
    assert_eq!((most_in(1), most_in(2)), (Some(35), Some(70)), "{seen:?}");
    assert!(seen.is_sorted_by_key(|(phase, _)| *phase));
}
