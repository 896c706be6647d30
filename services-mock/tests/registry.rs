//! Registration against a real Redis.

#[path = "../../tests/support/redis_server.rs"]
mod redis_server;
mod support;

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis_server::RedisServer;
use serde_json::Value;
use services_mock::{Fault, RegistrySettings, Running};
use support::{PATIENCE, get, start, until};
use tokio::net::TcpListener;

const KEY: &str = "service:user-service:u1";

async fn start_registered(url: String) -> Running {
    start(|s| {
        s.name = Some("u1".to_owned());
        s.registry = Some(RegistrySettings {
            beat: Duration::from_millis(10),
            weight: Some(3),
            ..RegistrySettings::new(url)
        });
    })
    .await
}

async fn connect(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).expect("a URL");
    client
        .get_multiplexed_async_connection()
        .await
        .expect("connects")
}

async fn record(redis: &mut MultiplexedConnection) -> Option<Value> {
    let text: Option<String> = redis::cmd("GET")
        .arg(KEY)
        .query_async(redis)
        .await
        .expect("answers");
    text.map(|text| serde_json::from_str(&text).expect("records are JSON"))
}

#[tokio::test]
async fn the_record_is_set_with_a_lifetime_renewed_and_deleted_on_a_clean_stop() {
    let server = RedisServer::start();
    let mut redis = connect(&server).await;
    let mock = start_registered(server.url()).await;
    until("the record is there", async || {
        record(&mut redis.clone()).await.is_some()
    })
    .await;
    let first = record(&mut redis).await.unwrap();
    assert_eq!(first["serviceName"], "user-service");
    assert_eq!(first["instanceName"], "u1");
    assert_eq!(first["url"], mock.url());
    assert_eq!(
        first["healthUrl"],
        format!("{}/actuator/health", mock.url())
    );
    assert_eq!(first["healthy"], true);
    assert_eq!(first["weight"], 3);
    let ttl: i64 = redis::cmd("TTL")
        .arg(KEY)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!((28..=30).contains(&ttl), "lives {ttl} s");
    until("a later beat renews it", async || {
        record(&mut redis.clone()).await.unwrap()["updatedAt"] != first["updatedAt"]
    })
    .await;
    mock.stop().await;
    assert_eq!(record(&mut redis).await, None);
}

#[tokio::test]
async fn joining_and_leaving_are_announced() {
    let server = RedisServer::start();
    let mut feed = subscribe(&server).await;
    let mock = start_registered(server.url()).await;
    assert_eq!(next_event(&mut feed).await["event"], "join");
    mock.stop().await;
    let left = next_event(&mut feed).await;
    assert_eq!(
        (&left["event"], &left["instanceName"]),
        (&"leave".into(), &"u1".into())
    );
}

/// A raw subscription to the events channel, confirmed by the server.
async fn subscribe(server: &RedisServer) -> tokio::io::BufReader<tokio::net::TcpStream> {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .expect("Redis talks");
    stream
        .write_all(b"SUBSCRIBE service-events\r\n")
        .await
        .expect("Redis talks");
    let mut feed = tokio::io::BufReader::new(stream);
    while next_line(&mut feed).await != ":1" {}
    feed
}

async fn next_event(feed: &mut tokio::io::BufReader<tokio::net::TcpStream>) -> Value {
    loop {
        let line = next_line(feed).await;
        if line.starts_with('{') {
            return serde_json::from_str(&line).expect("Redis talks");
        }
    }
}

async fn next_line(feed: &mut tokio::io::BufReader<tokio::net::TcpStream>) -> String {
    use tokio::io::AsyncBufReadExt;
    let mut line = String::new();
    let reading = feed.read_line(&mut line);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("a line")
        .expect("Redis talks");
    line.trim_end().to_owned()
}

#[tokio::test]
async fn a_killed_and_empty_redis_gets_the_record_again_and_traffic_goes_on_meanwhile() {
    let mut server = RedisServer::start();
    let mock = start_registered(server.url()).await;
    let mut redis = connect(&server).await;
    until("the record is there", async || {
        record(&mut redis.clone()).await.is_some()
    })
    .await;
    server.kill();
    assert!(get(mock.addr(), "/").await.is_ok(), "serves without Redis");
    server.restart();
    redis = connect(&server).await;
    until("it registers again", async || {
        record(&mut redis.clone()).await.is_some()
    })
    .await;
}

#[tokio::test]
async fn without_redis_it_serves_and_stops() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mock = start_registered(url).await;
    assert!(get(mock.addr(), "/").await.is_ok());
    mock.stop().await;
}

#[tokio::test]
async fn a_redis_that_never_answers_does_not_hold_up_a_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let mock = start_registered(url).await;
    let (_held, _) = silent.accept().await.unwrap();
    tokio::time::timeout(PATIENCE, mock.stop())
        .await
        .expect("stops");
}

#[tokio::test]
async fn a_crashed_instance_lets_its_record_run_out_and_returns() {
    let server = RedisServer::start();
    let mut redis = connect(&server).await;
    let mock = start_registered(server.url()).await;
    until("the record is there", async || {
        record(&mut redis.clone()).await.is_some()
    })
    .await;
    mock.inject(Fault::Crash);
    until("beats have ended", async || {
        let before = record(&mut redis.clone()).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        record(&mut redis.clone()).await == before
    })
    .await;
    let _: () = redis::cmd("DEL")
        .arg(KEY)
        .query_async(&mut redis)
        .await
        .unwrap();
    mock.recover();
    until("it registers again", async || {
        record(&mut redis.clone()).await.is_some()
    })
    .await;
}

#[tokio::test]
async fn the_record_tells_that_health_is_red() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let mock = start_registered(server.url()).await;
    mock.inject(Fault::Unhealthy);
    until("healthy is false", async || {
        let record = record(&mut redis.clone()).await;
        record.is_some_and(|record| record["healthy"] == false)
    })
    .await;
}
