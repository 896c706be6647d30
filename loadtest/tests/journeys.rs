//! Journeys through a small shop in the same process, and the program `journeys` itself.

mod support;

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use loadtest::journeys::{
    Cancel, Cents, Ending, Phase, Plan, Progress, Report, Shopper, run, run_with_progress,
};
use support::{FakeShop, Troubles};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Longest wait of a test for something that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// 40 journeys or so within 0.2 s, without a pause to think.
fn plan_for(url: &str) -> Plan {
    let phases: Vec<Phase> = vec!["soak:200:0.2".parse().expect("a phase")];
    let mut plan = Plan::new(url.parse().expect("a URL"), phases);
    plan.think_scale = 0.0;
    plan.pause = Duration::from_millis(1);
    plan
}

fn only(plan: &mut Plan, shopper: Shopper) {
    plan.mix = vec![(shopper, 1.0)];
}

async fn complete(plan: Plan) -> Report {
    let run = run(plan, std::future::pending());
    let ended = tokio::time::timeout(PATIENCE, run).await;
    ended.expect("ends in time").expect("a valid plan")
}

fn settling() -> Troubles {
    Troubles {
        looks_to_settle: 2,
        ..Troubles::default()
    }
}

#[tokio::test]
async fn every_kind_of_shopper_comes_to_its_end_and_asks_for_nothing_that_is_not_there() {
    let shop = FakeShop::open(settling()).await;
    let mut plan = plan_for(&shop.url());
    plan.phases = vec!["ramp:100-500:0.5".parse().unwrap()];
    let report = complete(plan).await;
    assert_eq!(report.ending, Ending::Complete);
    assert_eq!(report.journeys.completed, report.journeys.begun, "{report}");
    assert_eq!(report.shoppers.len(), 5, "{report}");
    assert_eq!(shop.not_found(), BTreeSet::new());
    let classes = report.requests.classes;
    let seen = shop.seen().len() as u64;
    assert_eq!(classes.success, seen, "all requests went well: {report}");
    let placed = report.placed.len();
    assert!(placed > 30, "{report}");
    assert!(report.placed.iter().all(|order| order.settled), "{report}");
    let cancelled = report
        .placed
        .iter()
        .filter(|o| o.cancel == Cancel::Accepted);
    let in_the_end = report.orders.by_status["CANCELLED"];
    assert_eq!(cancelled.count() as u64, in_the_end);
    assert!(in_the_end > 0, "{report}");
}

#[tokio::test]
async fn every_placed_order_is_told_as_the_shop_took_it() {
    let shop = FakeShop::open(settling()).await;
    let report = complete(plan_for(&shop.url())).await;
    let taken = shop.orders();
    assert_eq!(report.placed.len(), taken.len());
    for order in &report.placed {
        let same = |candidate: &&support::Order| candidate.id.to_string() == order.id;
        let taken = taken.iter().find(same).expect("the shop knows it");
        assert_eq!(order.checkout.email, taken.email);
        assert_eq!(order.total, Cents(taken.cents));
        assert_eq!(order.checkout.expected_total, order.total);
        let lines = order.lines.iter();
        let sum: i64 = lines
            .map(|line| line.price.0 * i64::from(line.quantity))
            .sum();
        assert_eq!(sum, order.total.0);
        assert_eq!(order.checkout.user_id.as_deref(), Some("7"));
        let token = order.checkout.token.as_str();
        assert_eq!(token, format!("token-of-{}", taken.email));
    }
}

#[tokio::test]
async fn the_same_seed_sends_the_same_requests_and_another_seed_others() {
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let shop = FakeShop::open(settling()).await;
        let mut plan = plan_for(&shop.url());
        plan.hosts = vec!["a.example".to_owned(), "b.example".to_owned()];
        plan.seed = seed;
        complete(plan).await;
        seen.push(shop.seen());
    }
    assert!(seen[0].len() > 100);
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn a_checkout_whose_answer_is_lost_is_repeated_with_the_same_key_and_counted_once() {
    let troubles = Troubles {
        lost_checkouts: 3,
        ..settling()
    };
    let shop = FakeShop::open(troubles).await;
    let mut plan = plan_for(&shop.url());
    only(&mut plan, Shopper::Quick);
    let report = complete(plan).await;
    let checkouts = shop.seen().into_iter();
    let checkouts: Vec<_> = checkouts
        .filter(|seen| seen.line == "POST /api/orders")
        .collect();
    let keys: BTreeSet<&str> = checkouts.iter().map(|seen| seen.key.as_str()).collect();
    let orders = report.orders.placed;
    assert_eq!(orders, report.journeys.begun, "{report}");
    assert_eq!(
        (keys.len() as u64, checkouts.len() as u64),
        (orders, orders + 3)
    );
    assert_eq!(shop.orders().len() as u64, orders);
    assert!((1..=3).contains(&report.orders.repeated), "{report}");
    let bodies: BTreeSet<_> = checkouts
        .iter()
        .map(|seen| (&seen.key, &seen.body))
        .collect();
    assert_eq!(
        bodies.len(),
        keys.len(),
        "a repeated check-out says the same"
    );
    let of = |name: &str| report.steps.iter().find(|step| step.step.name() == name);
    assert_eq!(of("check-out").unwrap().requests.counts.arrivals, orders);
    assert_eq!(
        of("check-out").unwrap().requests.classes.none,
        3 - again_lost(&report)
    );
    assert_eq!(of("check-out-again").unwrap().requests.counts.arrivals, 3);
}

/// Of three lost answers, those that hit a request which was a repetition already.
fn again_lost(report: &Report) -> u64 {
    let again = report
        .steps
        .iter()
        .find(|step| step.step.name() == "check-out-again");
    again.map_or(0, |step| step.requests.classes.none)
}

#[tokio::test]
async fn an_overloaded_checkout_is_repeated_and_one_that_never_answers_stays_unknown() {
    for (failures, known) in [(2, true), (1000, false)] {
        let troubles = Troubles {
            failing_checkouts: (failures, 503),
            ..settling()
        };
        let shop = FakeShop::open(troubles).await;
        let mut plan = plan_for(&shop.url());
        only(&mut plan, Shopper::Quick);
        plan.checkout_attempts = 3;
        let report = complete(plan).await;
        let (orders, begun) = (&report.orders, report.journeys.begun);
        assert_eq!(orders.placed, if known { begun } else { 0 }, "{report}");
        assert_eq!(orders.unknown, begun - orders.placed, "{report}");
        assert_eq!(report.unknown.len() as u64, orders.unknown);
        assert!(report.unknown.iter().all(|checkout| checkout.attempts == 3));
    }
}

#[tokio::test]
async fn a_refused_checkout_is_neither_placed_nor_unknown() {
    let troubles = Troubles {
        refuses_checkouts: true,
        ..settling()
    };
    let shop = FakeShop::open(troubles).await;
    let mut plan = plan_for(&shop.url());
    only(&mut plan, Shopper::Impulse);
    let report = complete(plan).await;
    let orders = &report.orders;
    assert_eq!((orders.placed, orders.unknown), (0, 0), "{report}");
    assert_eq!(orders.refused, report.journeys.begun, "{report}");
    assert_eq!(report.journeys.all_abandoned(), report.journeys.begun);
}

#[tokio::test]
async fn the_open_loop_does_not_slow_down_when_the_shop_stalls() {
    let healthy = FakeShop::open(settling()).await;
    let journeys = complete(plan_for(&healthy.url())).await.journeys.begun;
    // Nobody is answered before all have come: with a closed loop they never would.
    let troubles = Troubles {
        stalls_until: usize::try_from(journeys).unwrap(),
        ..settling()
    };
    let stalling = FakeShop::open(troubles).await;
    let report = complete(plan_for(&stalling.url())).await;
    assert_eq!(report.journeys.completed, journeys, "{report}");
    let first = &report.steps[0];
    assert_eq!(first.step.name(), "register");
    assert!(
        first.requests.latency_ms.max > 100.0,
        "the first journey waited for the last: {report}"
    );
}

#[tokio::test]
async fn beyond_the_most_underway_journeys_are_counted_and_not_begun() {
    let troubles = Troubles {
        stalls_until: usize::MAX,
        ..Troubles::default()
    };
    let shop = FakeShop::open(troubles).await;
    let mut plan = plan_for(&shop.url());
    plan.max_underway = 5;
    plan.timeout = Duration::from_secs(1);
    let report = complete(plan).await;
    assert_eq!(report.journeys.begun, 5, "{report}");
    assert!(report.journeys.overruns > 15, "{report}");
    assert_eq!(shop.registrations(), 5);
    let register = &report.steps[0].requests;
    assert_eq!(register.counts.timeouts, 5);
    assert!(register.latency_ms.p50 >= 999.0, "{report}");
}

#[tokio::test]
async fn each_journey_keeps_its_host_and_results_are_grouped_by_it() {
    let shop = FakeShop::open(settling()).await;
    let mut plan = plan_for(&shop.url());
    plan.hosts = vec!["a.example".to_owned(), "b.example:81".to_owned()];
    let report = complete(plan).await;
    let seen = shop.seen();
    for host in &report.hosts {
        let of_host = seen.iter().filter(|seen| seen.host == host.host);
        assert_eq!(of_host.count() as u64, host.requests.counts.arrivals);
        assert!(host.journeys.begun > 0 && !host.steps.is_empty());
    }
    let placed: u64 = report.hosts.iter().map(|host| host.placed).sum();
    assert_eq!(placed, report.orders.placed);
    let customers: BTreeSet<_> = seen.iter().map(|seen| &seen.who).collect();
    let pairs: BTreeSet<_> = seen.iter().map(|seen| (&seen.who, &seen.host)).collect();
    assert_eq!(customers.len(), pairs.len(), "nobody changes hosts");
    let table = report.to_string();
    assert!(table.contains("b.example:81"), "{table}");
}

#[tokio::test]
async fn table_json_and_html_contain_what_was_measured() {
    let shop = FakeShop::open(settling()).await;
    let mut plan = plan_for(&shop.url());
    plan.hosts = vec!["a.example".to_owned(), "b.example".to_owned()];
    let report = complete(plan).await;
    let (begun, placed) = (report.journeys.begun, report.orders.placed);
    let requests = report.requests.counts.arrivals;
    let table = report.to_string();
    let headline = format!("{begun} journeys, {requests} requests, {placed} orders");
    assert!(table.starts_with(&headline), "{table}");
    for word in [
        "browse",
        "careful",
        "check-out",
        "p95 ms",
        "4xx",
        "PROCESSING",
        "settled",
    ] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["journeys"]["begun"], begun);
    assert_eq!(json["orders"]["placed"], placed);
    assert_eq!(json["placed"].as_array().unwrap().len() as u64, placed);
    assert_eq!(json["requests"]["classes"]["2xx"], requests);
    assert_eq!(json["steps"][0]["step"], "register");
    assert_eq!(json["steps"][0]["arrivals"], begun);
    assert!(json["steps"][0]["latency_ms"]["p95"].is_number());
    let spans = json["timeline"]["spans"].as_array().unwrap();
    let over_time: u64 = spans
        .iter()
        .filter_map(|span| span["requests"].as_u64())
        .sum();
    assert_eq!(over_time, requests);
    assert!(
        !json.to_string().contains("token-of-"),
        "tokens are kept out of files"
    );
    let html = report.html();
    assert!(html.contains("<svg") && html.contains(&headline), "{html}");
    assert!(
        !html.contains("http://www") && !html.contains("<script"),
        "self-contained"
    );
    assert!(
        html.contains("check-out") && html.contains("b.example"),
        "{html}"
    );
}

#[tokio::test]
async fn a_dead_server_ends_in_a_report() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let report = complete(plan_for(&url)).await;
    let begun = report.journeys.begun;
    assert!(begun > 10 && !report.was_answered(), "{report}");
    assert_eq!(report.requests.counts.connect_errors, begun);
    assert_eq!(report.journeys.all_abandoned(), begun);
    assert!(report.to_string().contains("at register"), "{report}");
    assert!(report.html().contains("<svg"), "also without any figure");
}

#[tokio::test]
async fn a_shop_that_never_answers_ends_in_a_report_after_the_drain() {
    let troubles = Troubles {
        stalls_until: usize::MAX,
        ..Troubles::default()
    };
    let shop = FakeShop::open(troubles).await;
    let mut plan = plan_for(&shop.url());
    plan.timeout = Duration::from_secs(600);
    plan.drain = Duration::from_millis(50);
    let report = complete(plan).await;
    assert_eq!(report.ending, Ending::CutOff);
    assert_eq!(
        report.journeys.unfinished, report.journeys.begun,
        "{report}"
    );
    assert_eq!(report.requests.classes.none, report.journeys.begun);
}

#[tokio::test]
async fn a_checkout_underway_when_the_run_is_cancelled_is_unknown() {
    let troubles = Troubles {
        lost_checkouts: u32::MAX,
        ..settling()
    };
    let shop = FakeShop::open(troubles).await;
    let mut plan = plan_for(&shop.url());
    only(&mut plan, Shopper::Quick);
    plan.checkout_attempts = 100;
    plan.pause = Duration::from_secs(60);
    let progress = Progress::new();
    let begun = progress.clone();
    let all_asked = async {
        loop {
            let placed = shop.orders().len() as u64;
            let seen = begun.look();
            if seen.elapsed > Duration::from_millis(300) && placed == seen.journeys.begun {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let run = run_with_progress(plan, progress, all_asked);
    let report = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    assert_eq!(report.ending, Ending::Cancelled);
    assert_eq!(report.orders.unknown, report.journeys.begun, "{report}");
    assert_eq!(report.journeys.unfinished, report.journeys.begun);
}

#[tokio::test]
async fn a_known_customer_logs_in_and_gets_the_order_of_the_earlier_run() {
    let shop = FakeShop::open(settling()).await;
    let mut plan = plan_for(&shop.url());
    only(&mut plan, Shopper::Quick);
    let first = complete(plan.clone()).await;
    let again = complete(plan.clone()).await;
    assert_eq!(
        again.steps[0].requests.classes.client_error,
        again.journeys.begun
    );
    assert_eq!(again.orders.placed, first.orders.placed);
    assert_eq!(
        shop.orders().len() as u64,
        first.orders.placed,
        "the same keys"
    );
    plan.run = "second".to_owned();
    let other = complete(plan).await;
    assert_eq!(other.requests.classes.client_error, 0, "{other}");
    assert_eq!(shop.orders().len() as u64, 2 * first.orders.placed);
}

#[tokio::test]
async fn an_invalid_plan_is_an_error_and_sends_nothing() {
    let mut plan = plan_for("http://127.0.0.1:1");
    plan.mix.clear();
    let error = run(plan, std::future::pending()).await.unwrap_err();
    assert!(error.to_string().starts_with("mix"), "{error}");
}

async fn journeys(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journeys"));
    command.args(arguments).output().await.expect("runs")
}

#[tokio::test]
async fn the_program_prints_a_table_and_writes_its_files() {
    let shop = FakeShop::open(settling()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (json, html) = (path("report.json"), path("report.html"));
    let url = shop.url();
    let load = [&url, "--phase", "soak:100:0.2", "--think-scale", "0"];
    let files = ["--json", &json, "--html", &html, "--host", "shop.example"];
    let output = journeys(&[&load[..], &files[..]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("check-outs"), "{table}");
    let report = std::fs::read_to_string(json).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let requests = report["requests"]["arrivals"].as_u64().unwrap();
    assert_eq!(requests, shop.seen().len() as u64);
    assert!(
        std::fs::read_to_string(html)
            .unwrap()
            .ends_with("</html>\n")
    );
}

#[tokio::test]
async fn exit_codes_tell_wrong_usage_from_a_run_that_failed() {
    let wrong = journeys(&["--phase", "calm:1:1"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    let message = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(message.contains("calm:1:1"), "{message}");
    let unwritable = journeys(&["--json", "/nowhere/at/all.json"]).await;
    assert_eq!(
        unwritable.status.code(),
        Some(1),
        "told before the load, not after it"
    );
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let nothing = journeys(&[&url, "--phase", "soak:50:0.1"]).await;
    assert_eq!(nothing.status.code(), Some(1));
    let table = String::from_utf8_lossy(&nothing.stdout).into_owned();
    assert!(
        table.contains("at register"),
        "a report all the same: {table}"
    );
}
