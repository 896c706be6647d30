//! Discovery against a real Redis, and against servers that are none.

mod support;

use ai_loadbalancer::discovery::{
    self, Declared, DiscoveryError, PASS_LIMIT, RedisSettings, Settings, Source, record::Malformed,
};
use std::{net::SocketAddr, time::Duration};
use support::redis_server::RedisServer;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SERVICE: &str = "user-service";
/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(30);

fn source(address: SocketAddr, service: &str, max_age: Duration) -> Box<dyn Source> {
    let url = format!("redis://{address}");
    let settings = RedisSettings {
        url,
        service: service.to_owned(),
        max_age,
    };
    discovery::build(&Settings::Redis(settings)).expect("a valid address")
}

fn source_of(server: &RedisServer) -> Box<dyn Source> {
    source(server.address(), SERVICE, HANG)
}

fn record(host: &str) -> String {
    format!(r#"{{"serviceName": "{SERVICE}", "url": "http://{host}:8081", "healthy": true}}"#)
}

fn ids(set: &[Declared]) -> Vec<&str> {
    set.iter().map(|endpoint| endpoint.id.as_str()).collect()
}

/// Passes until `done` agrees with the set; a failing pass keeps the set.
async fn pass_until(source: &dyn Source, done: impl Fn(&[Declared]) -> bool) -> Vec<Declared> {
    let passes = async {
        loop {
            if let Ok(set) = source.discover().await
                && done(&set)
            {
                return set;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(HANG, passes)
        .await
        .expect("the set should come to this")
}

#[tokio::test]
async fn finds_the_records_of_its_service_and_no_others() {
    let server = RedisServer::start();
    let original = include_str!("fixtures/registry/original.json");
    server.register(SERVICE, "one", original);
    server.register(SERVICE, "two", &record("10.0.0.2"));
    server.register("user-service-2", "one", &record("10.0.0.3"));
    server.register("cart-service", "one", &record("10.0.0.4"));
    let source = source_of(&server);
    let set = source.discover().await.unwrap();
    assert_eq!(ids(&set), ["10.0.0.2:8081", "10.244.1.17:8081"]);
    assert_eq!(set[1].health_path.as_deref(), Some("/actuator/health"));
    let stats = source.registry_stats().unwrap();
    assert_eq!(
        (stats.scans(), stats.scan_errors(), stats.records()),
        (1, 0, 2)
    );
    assert!(stats.last_success().is_some());
}

#[tokio::test]
async fn a_service_name_with_glob_characters_finds_only_itself() {
    let server = RedisServer::start();
    server.register("*", "one", r#"{"url": "http://10.0.0.1"}"#);
    server.register("b", "one", r#"{"url": "http://10.0.0.2"}"#);
    let set = source(server.address(), "*", HANG)
        .discover()
        .await
        .unwrap();
    assert_eq!(ids(&set), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn more_records_than_one_page_of_a_scan_are_all_found() {
    let server = RedisServer::start();
    for number in 0..1500_u32 {
        let host = format!("10.0.{}.{}", number / 250, number % 250);
        server.register(SERVICE, &number.to_string(), &record(&host));
    }
    let set = source_of(&server).discover().await.unwrap();
    assert_eq!(set.len(), 1500);
}

#[tokio::test]
async fn a_record_that_goes_while_others_stay_is_removed_in_the_next_pass() {
    let server = RedisServer::start();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    server.register(SERVICE, "two", &record("10.0.0.2"));
    let source = source_of(&server);
    assert_eq!(source.discover().await.unwrap().len(), 2);
    server.command(&["DEL", "service:user-service:one"]);
    assert_eq!(ids(&source.discover().await.unwrap()), ["10.0.0.2:8081"]);
}

#[tokio::test]
async fn a_message_calls_for_an_early_pass_and_many_messages_for_a_few() {
    let server = RedisServer::start();
    let source = source_of(&server);
    source.discover().await.unwrap();
    server.command(&["PUBLISH", "service-events", "anything \u{1}"]);
    timeout(HANG, source.changed())
        .await
        .expect("a message should call for a pass");

    let begun = Instant::now();
    for _ in 0..3 {
        for _ in 0..20 {
            server.command(&["PUBLISH", "service-events", "{}"]);
        }
        timeout(HANG, source.changed())
            .await
            .expect("a message should call for a pass");
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "at most ten a second"
    );
    let stats = source.registry_stats().unwrap();
    while stats.events() < 61 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn events_are_heard_again_after_the_connection_was_lost() {
    let mut server = RedisServer::start();
    let source = source_of(&server);
    source.discover().await.unwrap();
    server.restart();
    pass_until(&*source, <[_]>::is_empty).await;
    let stats = source.registry_stats().unwrap();
    assert_eq!(stats.events(), 0);
    assert_eq!(
        server.command(&["PUBLISH", "service-events", ""]),
        "1",
        "one subscriber"
    );
    timeout(HANG, async {
        while stats.events() == 0 {
            source.changed().await;
        }
    })
    .await
    .expect("the message should be heard");
}

#[tokio::test]
async fn killed_and_restarted_empty_it_keeps_the_set_until_services_are_back() {
    let mut server = RedisServer::start();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    server.register(SERVICE, "two", &record("10.0.0.2"));
    let source = source_of(&server);
    let full = source.discover().await.unwrap();
    assert_eq!(full.len(), 2);

    server.kill();
    assert!(matches!(
        source.discover().await,
        Err(DiscoveryError::Unreachable(_))
    ));
    assert!(source.discover().await.is_err());

    server.restart();
    assert_eq!(
        pass_until(&*source, |_| true).await,
        full,
        "empty should take nothing away"
    );
    server.register(SERVICE, "two", &record("10.0.0.2"));
    assert_eq!(
        source.discover().await.unwrap(),
        full,
        "the others are still to come back"
    );
    server.register(SERVICE, "one", &record("10.0.0.1"));
    assert_eq!(source.discover().await.unwrap(), full);
    server.command(&["DEL", "service:user-service:two"]);
    assert_eq!(ids(&source.discover().await.unwrap()), ["10.0.0.1:8081"]);
}

#[tokio::test]
async fn a_restart_between_two_passes_is_noticed() {
    let mut server = RedisServer::start();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    server.register(SERVICE, "two", &record("10.0.0.2"));
    let source = source_of(&server);
    assert_eq!(source.discover().await.unwrap().len(), 2);
    server.restart();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    assert_eq!(
        source.discover().await.unwrap().len(),
        2,
        "two may not have come back yet"
    );
}

#[tokio::test]
async fn what_a_dead_registry_told_goes_when_it_is_too_old() {
    let mut server = RedisServer::start();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    let source = source(server.address(), SERVICE, Duration::from_millis(100));
    assert_eq!(source.discover().await.unwrap().len(), 1);
    server.kill();
    pass_until(&*source, <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_huge_record_is_skipped_without_being_read_whole() {
    let server = RedisServer::start();
    let huge = format!(
        r#"{{"url": "http://10.0.0.1", "x": "{}"}}"#,
        "x".repeat(10 << 20)
    );
    server.register(SERVICE, "huge", &huge);
    server.register(SERVICE, "two", &record("10.0.0.2"));
    let source = source_of(&server);
    assert_eq!(ids(&source.discover().await.unwrap()), ["10.0.0.2:8081"]);
    assert_eq!(
        source
            .registry_stats()
            .unwrap()
            .malformed(Malformed::TooLarge),
        1
    );
    let info = server.command(&["INFO", "stats"]);
    let sent = info
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"))
        .unwrap();
    let sent: u64 = sent.trim().parse().unwrap();
    assert!(
        sent < 1 << 20,
        "{sent} bytes should be far less than the record"
    );
}

#[tokio::test]
async fn hostile_keys_and_values_are_skipped_and_counted() {
    let server = RedisServer::start();
    server.register(SERVICE, "good", &record("10.0.0.1"));
    server.register(SERVICE, &"k".repeat(100_000), &record("10.0.0.2"));
    server.register(SERVICE, "\r\n\u{1b}[31m", "\u{0}");
    server.register(SERVICE, "metadata", &record("169.254.169.254"));
    server.command(&["LPUSH", "service:user-service:list", "x"]);
    let source = source_of(&server);
    assert_eq!(ids(&source.discover().await.unwrap()), ["10.0.0.1:8081"]);
    let stats = source.registry_stats().unwrap();
    for reason in [
        Malformed::Key,
        Malformed::Json,
        Malformed::Address,
        Malformed::Kind,
    ] {
        assert_eq!(stats.malformed(reason), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn a_server_that_denies_events_is_still_polled() {
    let server = RedisServer::start();
    server.register(SERVICE, "one", &record("10.0.0.1"));
    server.command(&[
        "ACL",
        "SETUSER",
        "edge",
        "on",
        ">pw",
        "~*",
        "+@all",
        "resetchannels",
    ]);
    let url = format!("redis://edge:pw@{}", server.address());
    let settings = RedisSettings {
        url,
        service: SERVICE.to_owned(),
        max_age: HANG,
    };
    let source = discovery::build(&Settings::Redis(settings)).unwrap();
    assert_eq!(source.discover().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let url = format!("redis://:wrong-one@{}", server.address());
    let settings = RedisSettings {
        url,
        service: SERVICE.to_owned(),
        max_age: HANG,
    };
    assert!(!format!("{settings:?}").contains("wrong-one"));
    let source = discovery::build(&Settings::Redis(settings)).unwrap();
    let error = source.discover().await.unwrap_err();
    assert!(!error.to_string().contains("wrong-one"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused_when_the_source_is_built() {
    for url in [
        "",
        "127.0.0.1:1",
        "http://127.0.0.1",
        "rediss://127.0.0.1",
        "redis://h:99999",
    ] {
        let settings = RedisSettings {
            url: url.to_owned(),
            service: SERVICE.to_owned(),
            max_age: HANG,
        };
        let result = discovery::build(&Settings::Redis(settings));
        assert!(
            matches!(result, Err(DiscoveryError::Settings(_))),
            "{url:?} should be refused"
        );
    }
}

/// Serves every connection with `serve`.
async fn impostor<F>(serve: fn(TcpStream) -> F) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    (address, task)
}

async fn assert_fails_in_time(address: SocketAddr) {
    let source = source(address, SERVICE, HANG);
    for _ in 0..3 {
        let result = timeout(PASS_LIMIT * 3, source.discover()).await;
        let result = result.expect("a pass should end within its limit");
        assert!(result.is_err(), "{result:?}");
    }
    let stats = source.registry_stats().expect("a registry counts");
    assert_eq!(stats.scan_errors(), 3);
}

#[tokio::test]
async fn a_server_of_garbage_is_an_error_in_time() {
    async fn garbage(mut stream: TcpStream) {
        let mut noise = 0x9e37_79b9_u32;
        let mut block = [0; 4096];
        loop {
            for byte in &mut block {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (noise >> 24) as u8;
            }
            if stream.write_all(&block).await.is_err() {
                return;
            }
        }
    }
    let (address, server) = impostor(garbage).await;
    assert_fails_in_time(address).await;
    server.abort();
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_error_in_time() {
    let (address, server) = impostor(|stream| async move {
        sleep(HANG).await;
        drop(stream);
    })
    .await;
    assert_fails_in_time(address).await;
    server.abort();
}

#[tokio::test]
async fn a_server_that_never_ends_its_scan_is_an_error_in_time() {
    async fn endless(mut stream: TcpStream) {
        let page = b"*2\r\n$1\r\n7\r\n*1\r\n$3\r\nkey\r\n".repeat(100);
        while stream.write_all(&page).await.is_ok() {}
    }
    let (address, server) = impostor(endless).await;
    assert_fails_in_time(address).await;
    server.abort();
}
