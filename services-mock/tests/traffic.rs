//! What a healthy instance answers, seen from outside.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use services_mock::{Mock, Service, ServiceTime, Settings, StartError};
use support::{get, post, request, send, start, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn any_path_is_answered_with_who_served_it() {
    let mock = start(|s| s.name = Some("u1".to_owned())).await;
    let mut asked = request("PUT", "/api/users/7?x=1", "ignored");
    asked
        .headers_mut()
        .insert("x-request-id", "r-1".parse().unwrap());
    let answer = send(mock.addr(), asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let expected = serde_json::json!({
        "service": "user-service", "instance": "u1", "path": "/api/users/7",
        "method": "PUT", "request_id": "r-1",
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("x-request-id"), "r-1");
}

#[tokio::test]
async fn a_valid_trace_id_comes_back_and_any_other_is_replaced() {
    let mock = start(|_| ()).await;
    let trace_of = async |given: &str| {
        let mut asked = request("GET", "/", "");
        asked
            .headers_mut()
            .insert("x-trace-id", given.parse().unwrap());
        let answer = send(mock.addr(), asked).await.unwrap();
        answer.header("x-trace-id").to_owned()
    };
    let valid = "0123456789abcdef0123456789abcdef";
    assert_eq!(trace_of(valid).await, valid);
    for invalid in ["", "0123", "0123456789ABCDEF0123456789abcdef"] {
        let fresh = trace_of(invalid).await;
        assert_ne!(fresh, invalid);
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(fresh.len() == 32 && fresh.chars().all(hex), "{fresh}");
    }
}

#[tokio::test]
async fn echo_returns_method_headers_and_body_as_they_arrived() {
    let mock = start(|_| ()).await;
    let asked = Request::post("/echo?q=1")
        .header("host", "shop.example")
        .header("x-twice", "a")
        .header("x-twice", "b")
        .body(Full::from("grüße"))
        .unwrap();
    let echo = send(mock.addr(), asked).await.unwrap().json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["query"], "q=1");
    assert_eq!(echo["headers"]["host"], serde_json::json!(["shop.example"]));
    assert_eq!(echo["headers"]["x-twice"], serde_json::json!(["a", "b"]));
    assert_eq!(echo["body"], "grüße");
    assert_eq!(echo["body_bytes"], 7);
}

#[tokio::test]
async fn payload_routes_answer_as_asked() {
    let mock = start(|_| ()).await;
    let at = mock.addr();
    let bytes = get(at, "/bytes/100000").await.unwrap();
    assert_eq!(
        (bytes.body.len(), bytes.header("content-length")),
        (100_000, "100000")
    );
    for code in [204, 304, 404, 503] {
        let answer = get(at, &format!("/status/{code}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (code, 0));
    }
    let slow = get(at, "/slow-body?chunks=3&delay=1ms").await.unwrap();
    assert_eq!(slow.header("transfer-encoding"), "chunked");
    assert_eq!(slow.text().lines().count(), 3);
    let too_many = get(at, "/bytes/99999999999").await.unwrap();
    assert_eq!(too_many.status, StatusCode::BAD_REQUEST);
    assert_eq!(too_many.json()["path"], "/bytes/99999999999");
}

#[tokio::test]
async fn a_head_request_gets_the_length_without_the_body() {
    let mock = start(|_| ()).await;
    let answer = send(mock.addr(), request("HEAD", "/bytes/50", ""))
        .await
        .unwrap();
    assert_eq!(
        (answer.header("content-length"), answer.body.len()),
        ("50", 0)
    );
}

#[tokio::test]
async fn a_body_above_a_mebibyte_is_refused() {
    let mock = start(|_| ()).await;
    let asked = Request::post("/echo")
        .body(Full::from(vec![b'x'; 1024 * 1024 + 1]))
        .unwrap();
    let answer = send(mock.addr(), asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let mock = start(|_| ()).await;
    let mut stream = TcpStream::connect(mock.addr()).await.unwrap();
    for _ in 0..3 {
        let asked = b"POST /status/404 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
        stream.write_all(asked).await.unwrap();
        let mut first_line = [0; 12];
        stream.read_exact(&mut first_line).await.unwrap();
        assert_eq!(&first_line, b"HTTP/1.1 404");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    }
    assert_eq!(mock.counts().with_status(404), 3);
}

#[tokio::test]
async fn answers_report_load_unless_switched_off() {
    let mock = start(|_| ()).await;
    get(mock.addr(), "/").await.unwrap();
    let answer = get(mock.addr(), "/").await.unwrap();
    let report = answer.header("endpoint-load-metrics");
    assert!(report.starts_with("TEXT cpu_utilization=0.000, application_utilization=0.000, "));
    // The one that is being answered.
    assert!(report.contains("named_metrics.inflight=1"), "{report}");
    // Two answers within the first second.
    let rate = report.split_once("rps_fractional=").unwrap().1;
    let rate: f64 = rate.split(',').next().unwrap().parse().unwrap();
    assert!((1.0..3.0).contains(&rate), "{report}");
    assert!(report.contains(" eps=0.000,"), "{report}");
    assert!(report.contains("named_metrics.latency_ms="), "{report}");
    let health = get(mock.addr(), "/health").await.unwrap();
    assert_eq!(
        health.header("endpoint-load-metrics"),
        "",
        "health is no service response"
    );

    let silent = start(|s| s.load_report = false).await;
    let answer = get(silent.addr(), "/").await.unwrap();
    assert_eq!(answer.header("endpoint-load-metrics"), "");
}

#[tokio::test]
async fn a_full_queue_answers_503_while_health_and_metrics_go_on() {
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_secs(30));
        (s.concurrency, s.queue) = (1, 2);
    })
    .await;
    let at = mock.addr();
    let mut holding: Vec<_> = (0..3).map(|_| tokio::spawn(get(at, "/held"))).collect();
    until("three requests are present", async || mock.in_flight() == 3).await;

    let refused = get(at, "/api").await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = refused.json();
    assert_eq!(
        (&body["status"], &body["message"]),
        (&503.into(), &"queue full".into())
    );
    for field in ["timestamp", "error", "path"] {
        assert!(body[field].is_string(), "{field} in {body}");
    }
    let report = refused.header("endpoint-load-metrics");
    assert!(
        report.contains("cpu_utilization=1.000, application_utilization=3.000"),
        "{report}"
    );
    assert_eq!(
        get(at, "/actuator/health").await.unwrap().json()["status"],
        "UP"
    );
    let metrics = get(at, "/metrics").await.unwrap().text();
    assert!(
        metrics
            .lines()
            .any(|l| l.starts_with("mock_requests_queued") && l.ends_with(" 2"))
    );

    holding.drain(..).for_each(|request| request.abort());
    until("clients that leave give up slot and place", async || {
        mock.in_flight() == 0
    })
    .await;
    assert_eq!(mock.counts().cancelled, 3);
}

#[tokio::test]
async fn info_names_the_instance() {
    let mock = start(|s| s.service = Service::Cart).await;
    let info = get(mock.addr(), "/actuator/info").await.unwrap().json();
    assert_eq!(info["service"], "cart-service");
    assert_eq!(info["instance"], mock.name());
}

#[tokio::test]
async fn promtool_accepts_the_metrics() {
    let mock = start(|_| ()).await;
    get(mock.addr(), "/status/404").await.unwrap();
    let metrics = get(mock.addr(), "/actuator/prometheus").await.unwrap();
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("promtool is installed: apt-get install prometheus");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(&metrics.body)
        .unwrap();
    assert!(promtool.wait().unwrap().success(), "{}", metrics.text());
}

#[tokio::test]
async fn garbage_is_refused_and_the_instance_goes_on() {
    let mock = start(|_| ()).await;
    let mut stream = TcpStream::connect(mock.addr()).await.unwrap();
    stream
        .write_all(b"\x16\x03\x01 garbage\r\n\r\n")
        .await
        .unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 400"));
    assert_eq!(get(mock.addr(), "/").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let mock = start(|_| ()).await;
    let mut settings = Settings::new(Service::Cart);
    settings.address = mock.addr();
    let error = Mock::start(settings).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(
        error.to_string().contains(&mock.addr().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn stop_lets_answers_underway_finish_and_closes_the_port() {
    let mock = start(|s| s.service_time = ServiceTime::Fixed(Duration::from_millis(30))).await;
    let at = mock.addr();
    let underway = tokio::spawn(get(at, "/"));
    until("the request is present", async || mock.in_flight() == 1).await;
    mock.stop().await;
    assert_eq!(underway.await.unwrap().unwrap().status, StatusCode::OK);
    assert!(TcpStream::connect(at).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn dropping_closes_port_and_connections() {
    let mock = start(|s| s.service_time = ServiceTime::Fixed(Duration::from_secs(30))).await;
    let at = mock.addr();
    let underway = tokio::spawn(get(at, "/"));
    until("the request is present", async || mock.in_flight() == 1).await;
    drop(mock);
    assert!(underway.await.unwrap().is_err());
    until("the port is closed", async || {
        TcpStream::connect(at).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn answers_of_500_and_above_are_reported_as_errors_and_in_no_latency() {
    let mock = start(|_| ()).await;
    let answer = get(mock.addr(), "/status/503").await.unwrap();
    let report = answer.header("endpoint-load-metrics");
    assert!(!report.contains("latency_ms"), "{report}");
    let mock = start(|_| ()).await;
    get(mock.addr(), "/status/404").await.unwrap();
    let answer = get(mock.addr(), "/status/404").await.unwrap();
    let report = answer.header("endpoint-load-metrics");
    assert!(report.contains(" eps=0.000,"), "{report}");
    let answer = get(mock.addr(), "/status/503").await.unwrap();
    let report = answer.header("endpoint-load-metrics");
    assert!(!report.contains(" eps=0.000,"), "{report}");
}

#[tokio::test]
async fn a_mean_utilization_remembers_requests_that_are_gone() {
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_millis(200));
        (s.concurrency, s.mean_utilization) = (1, true);
    })
    .await;
    let report_of = async || {
        let answer = get(mock.addr(), "/").await.unwrap();
        answer.header("endpoint-load-metrics").to_owned()
    };
    let (first, second) = tokio::join!(report_of(), report_of());
    let last = first.max(second);
    let number = |name: &str| {
        let rest = last.split_once(name).unwrap().1;
        rest.split(',').next().unwrap().parse::<f64>().unwrap()
    };
    // At least 0.2 s in service each, one of them 0.2 s in the queue, in the last second.
    let (busy, present) = (
        number("cpu_utilization="),
        number("application_utilization="),
    );
    assert!((0.3..=1.0).contains(&busy), "{last}");
    assert!(present > 1.3 * busy || busy > 0.95, "{last}");
}

#[tokio::test]
async fn a_route_has_its_own_service_time() {
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_secs(30));
        s.route_times = vec!["POST /api/quick=fixed:0ms".parse().unwrap()];
    })
    .await;
    let quick = post(mock.addr(), "/api/quick/7", "").await.unwrap();
    assert_eq!(quick.status, StatusCode::OK);
    let slow = get(mock.addr(), "/api/quick/7");
    let slow = tokio::time::timeout(Duration::from_millis(50), slow).await;
    assert!(slow.is_err(), "takes 30 s");
}

#[tokio::test]
async fn burnt_service_time_takes_as_long_and_uses_a_processor() {
    let ticks = || {
        let line = std::fs::read_to_string("/proc/self/stat").unwrap();
        let after_name = line.rsplit_once(')').unwrap().1;
        let user = after_name.split_whitespace().nth(11).unwrap();
        user.parse::<u64>().unwrap()
    };
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_millis(300));
        s.cpu_burn = 0.5;
    })
    .await;
    let (before, began) = (ticks(), std::time::Instant::now());
    get(mock.addr(), "/").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    // A hundred ticks a second: 15 when the processor is free, less beside other tests.
    assert!(ticks() - before >= 3, "{} ticks", ticks() - before);
}

#[tokio::test]
async fn a_larger_speed_divides_the_service_time() {
    let mock = start(|s| {
        s.service_time = ServiceTime::Fixed(Duration::from_secs(20));
        s.speed = 1000.0;
    })
    .await;
    let answer = post(mock.addr(), "/", "").await.unwrap();
    let report = answer.header("endpoint-load-metrics");
    let (_, latency_ms) = report.split_once("latency_ms=").unwrap();
    let latency_ms: f64 = latency_ms.parse().unwrap();
    assert!(
        (20.0..20_000.0).contains(&latency_ms),
        "20 s at speed 1000: {latency_ms} ms"
    );
}
