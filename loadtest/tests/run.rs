//! Runs against a mock service in the same process.

use std::time::Duration;

use http::{HeaderName, Method, Uri};
use loadtest::{Arrivals, Counts, Kind, Plan, Progress, Report, Step, run, run_with_progress};
use services_mock::{Fault, Mock, Order, Running, Service, ServiceTime, Settings};
use tokio::net::TcpListener;

async fn server(change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings::new(Service::User);
    change(&mut settings);
    Mock::start(settings).await.expect("a free port")
}

/// 200 fixed arrivals within 0.2 s.
fn plan_for(url: &str) -> Plan {
    let target: Uri = url.parse().expect("a URL");
    let mut plan = Plan::new(target, 1000.0, Duration::from_millis(200));
    plan.arrivals = Arrivals::Fixed;
    plan
}

async fn complete(plan: Plan) -> Report {
    run(plan, std::future::pending())
        .await
        .expect("a valid plan")
}

fn ended(counts: &Counts) -> u64 {
    counts.answered() + counts.unanswered() + counts.overruns + counts.unfinished
}

#[tokio::test]
async fn every_arrival_of_the_plan_is_sent_and_answered() {
    let mock = server(|_| ()).await;
    let report = complete(plan_for(&mock.url())).await;
    assert_eq!(report.counts.arrivals, 200);
    assert_eq!(report.counts.statuses[&200], 200);
    assert_eq!(mock.counts().answered(), 200);
    assert!(
        report.elapsed_s >= 0.2,
        "not before the last arrival is due"
    );
    assert!(report.counts.body_bytes > 0);
    assert!(!report.cancelled);
}

#[tokio::test]
async fn the_same_seed_sends_the_same_poisson_load() {
    let mock = server(|_| ()).await;
    let mut plan = plan_for(&mock.url());
    plan.arrivals = Arrivals::Poisson;
    plan.mix = vec![Kind::get("/status/200"), Kind::get("/status/404")];
    plan.seed = 7;
    let first = complete(plan.clone()).await.counts;
    let again = complete(plan).await.counts;
    assert_eq!(first, again);
    // Four standard deviations of a Poisson count of 200.
    assert!((144..256).contains(&first.arrivals), "{first:?}");
    assert!(first.statuses[&200] > 0 && first.statuses[&404] > 0);
}

#[tokio::test]
async fn the_rate_changes_with_the_steps() {
    let mock = server(|_| ()).await;
    let mut plan = plan_for(&mock.url());
    let step = |rate_per_s, ms| Step {
        rate_per_s,
        duration: Duration::from_millis(ms),
    };
    plan.steps = vec![step(100.0, 100), step(2000.0, 50)];
    assert_eq!(complete(plan).await.counts.statuses[&200], 110);
}

#[tokio::test]
async fn a_pause_of_the_server_shows_in_the_tail() {
    let mock = server(|_| ()).await;
    let pause = Duration::from_millis(150);
    let order = Order::Inject {
        fault: Fault::Pause,
        lasts: Some(pause),
    };
    mock.order(order);
    let mut plan = plan_for(&mock.url());
    // Fixed gaps of 20 ms: about 7 of 50 arrivals fall into the pause, and all are still sent.
    plan.steps = vec![Step {
        rate_per_s: 50.0,
        duration: Duration::from_secs(1),
    }];
    let report = complete(plan).await;
    assert_eq!(report.counts.statuses[&200], 50);
    let tail = report.latency_ms;
    assert!(
        tail.max > 100.0,
        "the first arrival waited almost the whole pause: {tail:?}"
    );
    assert!(
        tail.p90 > 20.0,
        "and those after it waited as well: {tail:?}"
    );
}

#[tokio::test]
async fn the_warm_up_is_sent_and_not_counted() {
    let mock = server(|_| ()).await;
    let mut plan = plan_for(&mock.url());
    plan.warm_up = Duration::from_micros(100_500);
    let report = complete(plan).await;
    assert_eq!(mock.counts().answered(), 200);
    assert_eq!(report.counts.arrivals, 100);
    assert_eq!(ended(&report.counts), 100);
    assert!(report.elapsed_s < 10.0 && report.elapsed_s >= 0.099);
}

#[tokio::test]
async fn quick_errors_do_not_flatter_the_latency_of_successes() {
    let mock = server(|s| s.service_time = ServiceTime::Fixed(Duration::from_millis(50))).await;
    let status = http::StatusCode::SERVICE_UNAVAILABLE;
    mock.inject(Fault::FastFail { rate: 0.9, status });
    let mut plan = plan_for(&mock.url());
    plan.steps[0].rate_per_s = 100.0;
    plan.steps[0].duration = Duration::from_secs(1);
    let report = complete(plan).await;
    assert!(report.counts.server_errors() > 50, "{:?}", report.counts);
    assert!(report.success_latency_ms.p50 >= 50.0);
    assert!(report.latency_ms.p50 < report.success_latency_ms.p50);
}

#[tokio::test]
async fn a_closed_port_counts_as_connect_errors() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let report = complete(plan_for(&url)).await;
    assert_eq!(report.counts.connect_errors, 200);
    assert_eq!(ended(&report.counts), 200);
    assert!(
        report.latency_ms.max.abs() < f64::EPSILON,
        "failures are no latency"
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_counts_as_broken() {
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", rude.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        while let Ok((mut stream, _)) = rude.accept().await {
            let mut asked = [0; 64];
            drop(stream.read(&mut asked).await);
        }
    });
    let report = complete(plan_for(&url)).await;
    assert_eq!(report.counts.broken, 200, "{:?}", report.counts);
}

#[tokio::test]
async fn a_server_that_closes_kept_connections_causes_no_failures() {
    let polite = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", polite.local_addr().unwrap());
    // Answers as if it kept the connection, and closes it while it is idle.
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = polite.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                drop(stream.read(&mut asked).await);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                drop(stream.write_all(answer).await);
            });
        }
    });
    let mut plan = plan_for(&url);
    plan.steps[0].rate_per_s = 50.0;
    let report = complete(plan).await;
    assert_eq!(report.counts.statuses[&200], 10, "{:?}", report.counts);
}

#[tokio::test]
async fn a_hanging_server_counts_as_timeouts_with_the_time_waited() {
    let mock = server(|_| ()).await;
    mock.inject(Fault::Hang);
    let mut plan = plan_for(&mock.url());
    plan.timeout = Duration::from_millis(50);
    let report = complete(plan).await;
    assert_eq!(report.counts.timeouts, 200);
    assert!(report.latency_ms.p50 >= 49.9, "{:?}", report.latency_ms);
}

#[tokio::test]
async fn beyond_the_most_outstanding_arrivals_are_counted_and_not_sent() {
    let mock = server(|s| s.service_time = ServiceTime::Fixed(Duration::from_secs(30))).await;
    let mut plan = plan_for(&mock.url());
    plan.max_outstanding = 5;
    plan.timeout = Duration::from_millis(250);
    let report = complete(plan).await;
    assert_eq!((report.counts.timeouts, report.counts.overruns), (5, 195));
}

#[tokio::test]
async fn cancelling_ends_at_once_and_counts_what_was_underway() {
    let mock = server(|s| s.service_time = ServiceTime::Fixed(Duration::from_secs(30))).await;
    let mut plan = plan_for(&mock.url());
    plan.steps[0].duration = Duration::from_secs(3600);
    let progress = Progress::new();
    let some_underway = async {
        while mock.in_flight() < 8 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let report = run_with_progress(plan, progress.clone(), some_underway)
        .await
        .unwrap();
    assert!(report.cancelled);
    assert!(report.counts.unfinished >= 8);
    assert_eq!(ended(&report.counts), report.counts.arrivals);
    assert_eq!(
        progress.look().total,
        report.counts,
        "progress and report agree"
    );
}

#[tokio::test]
async fn a_dropped_run_stops_sending() {
    let mock = server(|_| ()).await;
    let mut plan = plan_for(&mock.url());
    plan.steps[0].duration = Duration::from_secs(3600);
    let dropped = tokio::time::timeout(Duration::from_millis(30), complete(plan)).await;
    assert!(dropped.is_err());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let sent = mock.counts();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(mock.counts(), sent);
}

#[tokio::test]
async fn answers_are_counted_by_header_value() {
    let mock = server(|_| ()).await;
    let mut plan = plan_for(&mock.url());
    plan.count_header = Some(HeaderName::from_static("x-request-id"));
    plan.mix[0].headers = vec![("x-request-id".parse().unwrap(), "one".parse().unwrap())];
    let report = complete(plan).await;
    assert_eq!(report.header_values["one"], 200);
}

#[tokio::test]
async fn methods_bodies_and_the_host_arrive_as_planned() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut plan = plan_for(&format!("http://{address}"));
    plan.steps[0].rate_per_s = 5.0;
    plan.timeout = Duration::from_millis(20);
    plan.mix[0].method = Method::PUT;
    plan.mix[0].body_bytes = 3;
    let reading = async {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut arrived = Vec::new();
        stream.read_to_end(&mut arrived).await.unwrap();
        String::from_utf8(arrived).unwrap().to_lowercase()
    };
    let (_, arrived) = tokio::join!(complete(plan), reading);
    assert!(arrived.starts_with("put / http/1.1\r\n"), "{arrived}");
    assert!(
        arrived.contains(&format!("host: {address}\r\n")),
        "{arrived}"
    );
    assert!(arrived.contains("content-length: 3\r\n"), "{arrived}");
    assert!(arrived.ends_with("\r\n\r\nxxx"), "{arrived}");
}

#[tokio::test]
async fn few_connections_serve_many_requests() {
    let mock = server(|_| ()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = mock.addr();
    let opened = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = std::sync::Arc::clone(&opened);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counting.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(upstream)
                    .await
                    .expect("connects");
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    assert_eq!(complete(plan_for(&url)).await.counts.statuses[&200], 200);
    let opened = opened.load(std::sync::atomic::Ordering::Relaxed);
    assert!(opened < 150, "{opened} connections for 200 requests");
}

#[tokio::test]
async fn an_invalid_plan_is_an_error_and_sends_nothing() {
    let mut plan = plan_for("http://127.0.0.1:1");
    plan.mix.clear();
    let error = run(plan, std::future::pending()).await.unwrap_err();
    assert!(error.to_string().starts_with("mix"), "{error}");
}
