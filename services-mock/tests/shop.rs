//! Shop mode: the real service behind queue, faults and load report.

#[path = "../../tests/support/redis_server.rs"]
mod redis_server;
#[path = "support/shop.rs"]
mod shop_support;
mod support;

use std::path::Path;
use std::time::Duration;

use commerce::testing::database_url;
use http::{Method, StatusCode};
use redis_server::RedisServer;
use serde_json::Value;
use services_mock::{Fault, Mock, RegistrySettings, ServiceTime, StartError, StoreAt};
use shop_support::{ADA, ADMIN, ask, login, register, registration, start_shop, token};
use sqlx::{AnyConnection, Connection, Row};
use support::{get, post, request, send, until};
use tokio::net::TcpStream;

const TRACE: &str = "0123456789abcdef0123456789abcdef";

/// A connection to the file that user-service works on.
async fn database(folder: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let path = folder.join("user-service.db");
    let url = format!("sqlite://{}", path.display());
    AnyConnection::connect(&url).await.expect("opens")
}

async fn execute(folder: &Path, sql: &'static str) {
    let mut connection = database(folder).await;
    sqlx::query(sql).execute(&mut connection).await.expect(sql);
    connection.close().await.expect("closes");
}

#[tokio::test]
async fn an_account_is_made_and_used_through_the_instance() {
    let mock = start_shop(None, |_| ()).await;
    let made = register(&mock).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.json()["email"], ADA.0);
    assert!(made.header("endpoint-load-metrics").starts_with("TEXT "));
    assert_eq!(register(&mock).await.status, StatusCode::CONFLICT);
    let ada = token(&mock, ADA).await;
    let me = ask(&mock, Method::GET, "/api/users/me", &ada, Value::Null).await;
    assert_eq!(
        (me.status, me.json()["email"].as_str()),
        (StatusCode::OK, Some(ADA.0))
    );
    assert_eq!(mock.counts().with_status(201), 1);
    assert_eq!(mock.counts().answered(), 4);
}

#[tokio::test]
async fn unknown_paths_get_the_error_body_and_static_routes_are_gone() {
    let mock = start_shop(None, |_| ()).await;
    for path in [
        "/",
        "/echo",
        "/bytes/5",
        "/status/200",
        "/api/degradation/x",
        "/actuator/x",
    ] {
        let answer = get(mock.addr(), path).await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["path"], path);
    }
    let wrong = post(mock.addr(), "/api/users/me", "").await.unwrap();
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn own_paths_go_outside_the_queue() {
    let mock = start_shop(None, |s| {
        s.service_time = ServiceTime::Fixed(Duration::from_secs(30));
        (s.concurrency, s.queue) = (1, 0);
    })
    .await;
    let at = mock.addr();
    let holding = tokio::spawn(get(at, "/api/users/me"));
    until("the only slot is taken", async || mock.in_flight() == 1).await;
    let refused = get(at, "/api/users/me").await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let document = get(at, "/openapi.json").await.unwrap();
    assert_eq!(document.json()["info"]["title"], "user-service");
    assert_eq!(
        document.header("endpoint-load-metrics"),
        "",
        "no service response"
    );
    for path in [
        "/health",
        "/actuator/health",
        "/actuator/info",
        "/metrics",
        "/faults",
    ] {
        assert_eq!(
            get(at, path).await.unwrap().status,
            StatusCode::OK,
            "{path}"
        );
    }
    holding.abort();
}

#[tokio::test]
async fn the_slot_is_held_while_the_handler_runs() {
    let mock = start_shop(None, |s| {
        (s.concurrency, s.queue) = (1, 0);
        let shop = s.shop.as_mut().unwrap();
        // Long enough to be looked at on any machine: nothing but the handler takes time here.
        (shop.bcrypt_cost, shop.admin) = (13, None);
    })
    .await;
    let registering = tokio::spawn(send(mock.addr(), registration()));
    until("others find the slot taken", async || {
        let answer = get(mock.addr(), "/api/users/me").await.unwrap();
        answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.json()["message"] == "queue full"
    })
    .await;
    let made = registering.await.unwrap().unwrap();
    assert_eq!(made.status, StatusCode::CREATED);
    let free = get(mock.addr(), "/api/users/me").await.unwrap();
    assert_eq!(free.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_trace_of_the_request_is_the_one_that_the_service_works_under() {
    let folder = tempfile::tempdir().unwrap();
    let mock = start_shop(Some(folder.path()), |_| ()).await;
    let mut registering = registration();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let headers = registering.headers_mut();
    headers.insert("traceparent", parent.parse().unwrap());
    let answer = send(mock.addr(), registering).await.unwrap();
    assert_eq!(answer.header("x-trace-id"), TRACE);
    let stamped = answer.header("traceparent");
    assert!(stamped.starts_with(&format!("00-{TRACE}-")), "{stamped}");
    assert!(stamped.ends_with("-00"), "not sampled stays so: {stamped}");
    assert_ne!(stamped, parent, "a span of its own");

    let mut connection = database(folder.path()).await;
    let event = sqlx::query("SELECT trace_id FROM outbox")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(event.try_get::<String, _>("trace_id").unwrap(), TRACE);

    let fresh = get(mock.addr(), "/api/users/me").await.unwrap();
    let id = fresh.header("x-trace-id");
    assert!(id.len() == 32 && id != TRACE, "{id}");
    assert_eq!(fresh.header("traceparent").split('-').nth(1), Some(id));
}

#[tokio::test]
async fn a_request_that_fails_as_ordered_has_no_effect() {
    let mock = start_shop(None, |_| ()).await;
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    mock.inject(Fault::ErrorRate { rate: 1.0, status });
    assert_eq!(register(&mock).await.status, status);
    mock.recover();
    assert_eq!(register(&mock).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn instances_share_a_folder_and_state_outlives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_shop(Some(folder.path()), |_| ()).await;
    let second = start_shop(Some(folder.path()), |_| ()).await;
    register(&first).await;
    assert_eq!(login(&second, ADA).await.status, StatusCode::OK);
    first.inject(Fault::Crash);
    until("connections are refused", async || {
        TcpStream::connect(first.addr()).await.is_err()
    })
    .await;
    first.recover();
    until("it is back", async || {
        let health = get(first.addr(), "/health").await;
        health.is_ok_and(|health| health.status == StatusCode::OK)
    })
    .await;
    assert_eq!(login(&first, ADA).await.status, StatusCode::OK);
    first.stop().await;
    assert_eq!(login(&second, ADA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_crash_takes_what_is_in_memory_with_it() {
    let mock = start_shop(None, |_| ()).await;
    register(&mock).await;
    mock.inject(Fault::Crash);
    until("connections are refused", async || {
        TcpStream::connect(mock.addr()).await.is_err()
    })
    .await;
    mock.recover();
    until("it is back", async || {
        let health = get(mock.addr(), "/health").await;
        health.is_ok_and(|health| health.status == StatusCode::OK)
    })
    .await;
    assert_eq!(login(&mock, ADA).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        login(&mock, ADMIN).await.status,
        StatusCode::OK,
        "seeded again"
    );
}

#[tokio::test]
async fn stop_lets_a_registration_underway_finish_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let mock = start_shop(Some(folder.path()), |s| {
        s.service_time = ServiceTime::Fixed(Duration::from_millis(1200));
    })
    .await;
    let at = mock.addr();
    let underway = tokio::spawn(send(at, registration()));
    until("the request is present", async || mock.in_flight() == 1).await;
    mock.stop().await;
    assert_eq!(underway.await.unwrap().unwrap().status, StatusCode::CREATED);
    assert!(TcpStream::connect(at).await.is_err(), "the port is closed");
    let again = start_shop(Some(folder.path()), |_| ()).await;
    assert_eq!(login(&again, ADA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_fails_turns_health_and_the_registry_record_red() {
    let server = RedisServer::start();
    let client = redis::Client::open(server.url()).unwrap();
    let redis = client.get_multiplexed_async_connection().await.unwrap();
    let recorded_healthy = async || {
        let key = "service:user-service:u1";
        let mut redis = redis.clone();
        let text: Option<String> = redis::cmd("GET")
            .arg(key)
            .query_async(&mut redis)
            .await
            .unwrap();
        let record = text.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        record.and_then(|record| record["healthy"].as_bool())
    };
    let folder = tempfile::tempdir().unwrap();
    let mock = start_shop(Some(folder.path()), |s| {
        s.name = Some("u1".to_owned());
        s.registry = Some(RegistrySettings {
            beat: Duration::from_millis(10),
            ..RegistrySettings::new(server.url())
        });
    })
    .await;
    until("it registers as healthy", async || {
        recorded_healthy().await == Some(true)
    })
    .await;
    execute(folder.path(), "ALTER TABLE users RENAME TO gone").await;
    until("the record is red", async || {
        recorded_healthy().await == Some(false)
    })
    .await;
    let health = get(mock.addr(), "/actuator/health").await.unwrap();
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.json()["status"], "DOWN");
    execute(folder.path(), "ALTER TABLE gone RENAME TO users").await;
    until("the record is green again", async || {
        recorded_healthy().await == Some(true)
    })
    .await;
    assert!(
        get(mock.addr(), "/health")
            .await
            .unwrap()
            .status
            .is_success()
    );
    mock.stop().await;
    assert_eq!(recorded_healthy().await, None, "deregistered");
}

#[tokio::test]
async fn instances_share_a_postgres_database() {
    let url = database_url().await;
    let at = |s: &mut services_mock::Settings| {
        s.shop.as_mut().unwrap().store = StoreAt::Postgres(url.clone());
    };
    let (first, second) = (start_shop(None, at).await, start_shop(None, at).await);
    assert_eq!(register(&first).await.status, StatusCode::CREATED);
    assert_eq!(login(&second, ADA).await.status, StatusCode::OK);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_store_out_of_reach_is_a_start_error_that_names_the_service() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut settings = services_mock::Settings::new(services_mock::Service::User);
    let secret = services_mock::Secret::new("a secret for tests, known to everybody");
    let mut shop = services_mock::ShopSettings::new(secret);
    shop.store = StoreAt::Folder(file.path().join("below a file"));
    settings.shop = Some(shop);
    let error = Mock::start(settings).await.unwrap_err();
    assert!(matches!(error, StartError::Shop { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("user-service: store: data folder: "),
        "{text}"
    );
}

#[tokio::test]
async fn degrading_a_shop_asks_for_an_administrator_or_the_token() {
    let mock = start_shop(None, |s| {
        s.degradation_token = Some(services_mock::Secret::new("degrade me"));
    })
    .await;
    register(&mock).await;
    let (ada, root) = (token(&mock, ADA).await, token(&mock, ADMIN).await);
    let path = "/api/degradation/latency/start?delayMs=1";
    for (token, status) in [("", 401), ("nonsense", 401), (&*ada, 403)] {
        for (method, path) in [
            (Method::POST, path),
            (Method::GET, "/api/degradation/status"),
            (Method::POST, "/api/degradation/stop-all"),
            (Method::POST, "/faults"),
        ] {
            let answer = ask(&mock, method, path, token, Value::Null).await;
            assert_eq!(answer.status, status, "{path} with {token:?}");
            assert_eq!(answer.json()["path"], path.split('?').next().unwrap());
        }
    }
    assert!(mock.faults().is_empty());
    let started = ask(&mock, Method::POST, path, &root, Value::Null).await;
    assert_eq!(started.status, StatusCode::OK);
    assert_eq!(mock.faults().len(), 1);
    let stop_all = "/api/degradation/stop-all";
    let stopped = ask(&mock, Method::POST, stop_all, "degrade me", Value::Null).await;
    assert_eq!(stopped.status, StatusCode::OK);
    assert!(mock.faults().is_empty());
    let mut order = request("POST", "/faults", r#"{"kind":"hang"}"#);
    let bearer = format!("Bearer {root}").parse().unwrap();
    order.headers_mut().insert("authorization", bearer);
    assert_eq!(
        send(mock.addr(), order).await.unwrap().status,
        StatusCode::OK
    );
}
