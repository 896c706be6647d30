//! Every fault acts as documented and ends.

mod support;

use std::time::Duration;

use http::StatusCode;
use services_mock::{Fault, Order, ServiceTime};
use support::{get, post, start, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough that an instance that answers has answered.
const A_MOMENT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn slow_multiplies_service_times() {
    let mock = start(|s| s.service_time = ServiceTime::Fixed(Duration::from_millis(20))).await;
    let at = mock.addr();
    post(at, "/faults", r#"{"kind":"slow","factor":1000}"#)
        .await
        .unwrap();
    assert!(
        timeout(A_MOMENT, get(at, "/")).await.is_err(),
        "now takes 20 s"
    );
    post(at, "/faults", r#"{"kind":"recover"}"#).await.unwrap();
    assert_eq!(get(at, "/").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn pause_holds_everything_but_faults_and_then_lets_all_go_on() {
    let mock = start(|_| ()).await;
    let at = mock.addr();
    post(at, "/faults", r#"{"kind":"pause","seconds":60}"#)
        .await
        .unwrap();
    let held = ["/api", "/health", "/metrics"].map(|path| tokio::spawn(get(at, path)));
    tokio::time::sleep(A_MOMENT).await;
    assert!(held.iter().all(|request| !request.is_finished()));
    let shown = get(at, "/faults").await.unwrap().json();
    assert_eq!(shown["faults"][0]["kind"], "pause");
    assert!(shown["faults"][0]["ends_in_seconds"].as_f64().unwrap() < 60.0);
    mock.recover();
    for request in held {
        assert_eq!(request.await.unwrap().unwrap().status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_pause_ends_by_itself() {
    let mock = start(|_| ()).await;
    post(mock.addr(), "/faults", r#"{"kind":"pause","seconds":0.02}"#)
        .await
        .unwrap();
    assert_eq!(get(mock.addr(), "/").await.unwrap().status, StatusCode::OK);
    assert!(mock.faults().is_empty());
}

#[tokio::test]
async fn error_rate_fails_the_given_share() {
    let mock = start(|_| ()).await;
    mock.inject(Fault::ErrorRate {
        rate: 0.3,
        status: StatusCode::BAD_GATEWAY,
    });
    for _ in 0..400 {
        get(mock.addr(), "/").await.unwrap();
    }
    let counts = mock.counts();
    assert_eq!(counts.answered(), 400);
    let failed = counts.with_status(502);
    // 120 expected; the seed is fixed, the bounds are four standard deviations.
    assert!((83..157).contains(&failed), "{failed} of 400 failed");
}

#[tokio::test]
async fn fast_fail_skips_the_queue() {
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_secs(30));
        (s.concurrency, s.queue) = (1, 0);
    })
    .await;
    let at = mock.addr();
    let holding = tokio::spawn(get(at, "/"));
    until("the only slot is taken", async || mock.in_flight() == 1).await;
    post(
        at,
        "/faults",
        r#"{"kind":"fast_fail","rate":1.0,"status":500}"#,
    )
    .await
    .unwrap();
    let answer = get(at, "/").await.unwrap();
    assert_eq!(
        answer.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "not 503, queue full"
    );
    assert!(get(at, "/health").await.unwrap().status.is_success());
    holding.abort();
}

#[tokio::test]
async fn hang_accepts_and_never_answers_until_recovery() {
    let mock = start(|_| ()).await;
    let at = mock.addr();
    post(at, "/faults", r#"{"kind":"hang"}"#).await.unwrap();
    for path in ["/api", "/health"] {
        assert!(
            timeout(A_MOMENT, get(at, path)).await.is_err(),
            "{path} hangs"
        );
    }
    post(at, "/faults", r#"{"kind":"recover"}"#).await.unwrap();
    assert_eq!(get(at, "/api").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn unhealthy_turns_health_red_and_serves_traffic() {
    let mock = start(|_| ()).await;
    let at = mock.addr();
    post(at, "/faults", r#"{"kind":"unhealthy"}"#)
        .await
        .unwrap();
    for path in ["/health", "/actuator/health"] {
        let health = get(at, path).await.unwrap();
        assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(health.json()["status"], "DOWN");
    }
    assert_eq!(get(at, "/api").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_crash_resets_connections_refuses_new_ones_and_comes_back_on_its_port() {
    let mock = start(|s| s.service_time = ServiceTime::Fixed(Duration::from_secs(30))).await;
    let at = mock.addr();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    until("the request is present", async || mock.in_flight() == 1).await;
    let answer = post(at, "/faults", r#"{"kind":"crash","seconds":0.2}"#).await;
    assert_eq!(
        answer.unwrap().status,
        StatusCode::OK,
        "the order itself is answered"
    );
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    until("connections are refused", async || {
        TcpStream::connect(at).await.is_err()
    })
    .await;
    until("it is back", async || get(at, "/health").await.is_ok()).await;
}

#[tokio::test]
async fn a_crash_without_an_end_lasts_until_recovery() {
    let mock = start(|_| ()).await;
    let at = mock.addr();
    mock.order(Order::Inject {
        fault: Fault::Crash,
        lasts: None,
    });
    until("connections are refused", async || {
        TcpStream::connect(at).await.is_err()
    })
    .await;
    mock.recover();
    until("it is back", async || get(at, "/").await.is_ok()).await;
    mock.inject(Fault::Crash);
    until("connections are refused", async || {
        TcpStream::connect(at).await.is_err()
    })
    .await;
    mock.stop().await;
}

#[tokio::test]
async fn a_wrong_order_is_refused_with_field_and_value_and_changes_nothing() {
    let mock = start(|_| ()).await;
    let answer = post(mock.addr(), "/faults", r#"{"kind":"slow","factor":"much"}"#)
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let body = answer.json();
    assert_eq!(
        (&body["field"], &body["value"]),
        (&"factor".into(), &"much".into())
    );
    assert!(mock.faults().is_empty());
    let wrong_method = support::request("DELETE", "/faults", "");
    let answer = support::send(mock.addr(), wrong_method).await.unwrap();
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}
