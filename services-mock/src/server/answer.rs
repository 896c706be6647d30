//! Answers one request: fixed routes at once, traffic through faults, queue and service time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::degradation::{self, Command};
use super::payload::Payload;
use super::route::{BadRoute, Behind, Route, Work};
use super::shop;
use super::trace::Trace;
use crate::faults::{Active, BadFault, Fault, Order};
use crate::instance::{Instance, Stay};
use crate::load;
use crate::strain;
use crate::timestamp::iso_local;

type Answer = Response<Payload>;

const LARGEST_BODY: usize = 1024 * 1024;
const LARGEST_FAULT: usize = 16 * 1024;
/// A body that comes slower than this is given up, so that it cannot hold a connection for ever.
const LONGEST_BODY_READ: Duration = Duration::from_secs(30);
/// How long a fast failure takes.
const FAST: Duration = Duration::from_millis(1);
/// A crash ordered over HTTP waits this long, so that its own answer still gets out.
const CRASH_DELAY: Duration = Duration::from_millis(10);

/// Answers a request; every failure is an answer too.
pub(super) async fn answer(instance: Arc<Instance>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let trace = Trace::of(&head.headers, &instance);
    let behind = match instance.shop {
        Some(_) => Behind::Shop,
        None => Behind::Static,
    };
    let mut answer = match Route::of(&head.method, &head.uri, behind) {
        Ok(Route::ShowFaults) => show_faults(&instance),
        Ok(Route::OrderFault) => order_fault(&instance, &head, body).await,
        Ok(Route::Degradation(command)) => degrade(&instance, command, &head),
        Ok(Route::Document) => {
            instance.released().await;
            from_shop(&instance, &head, &Bytes::new(), &trace).await
        }
        Ok(Route::Traffic(work)) => traffic(&instance, &work, &head, body, &trace).await,
        Ok(fixed) => {
            // A stalled process answers its probes no sooner than its traffic.
            instance.released().await;
            probe(&instance, &fixed, &head)
        }
        Err(BadRoute(status, reason)) => problem(status, &reason, &head),
    };
    trace.stamp(answer.headers_mut());
    answer
}

fn probe(instance: &Instance, route: &Route, head: &request::Parts) -> Answer {
    match route {
        Route::Metrics => metrics(instance, head),
        Route::Info => json_answer(StatusCode::OK, &info(instance)),
        _ if instance.healthy(Instant::now()) => {
            json_answer(StatusCode::OK, &json!({ "status": "UP" }))
        }
        _ => json_answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "status": "DOWN" }),
        ),
    }
}

fn info(instance: &Instance) -> Value {
    json!({
        "service": instance.service,
        "instance": instance.name,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn metrics(instance: &Instance, head: &request::Parts) -> Answer {
    match instance.metrics.render(instance.gate.waiting()) {
        Ok(text) => {
            let mut answer = Response::new(Payload::whole(text));
            set_content_type(&mut answer, "text/plain; version=0.0.4");
            answer
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string(), head),
    }
}

async fn traffic(
    instance: &Instance,
    work: &Work,
    head: &request::Parts,
    body: Incoming,
    trace: &Trace,
) -> Answer {
    // Counted until the answer is on its way: the report that goes with it says so too, and the
    // balancer's own count still has it then.
    let mut underway = instance.metrics.begin(Instant::now());
    let mut answer = match read_body(body, LARGEST_BODY).await {
        Ok(body) => serve(instance, work, head, &body, trace).await,
        Err((status, reason)) => problem(status, reason, head),
    };
    let took = underway.answered(answer.status());
    let now = Instant::now();
    instance.record_answer(answer.status(), took, now);
    if instance.reports_load {
        let report = instance.load(now).header_value();
        answer.headers_mut().insert(load::HEADER, report);
    }
    answer
}

/// The way of a request through the service: held, failed fast, queued, served, failed or done.
async fn serve(
    instance: &Instance,
    work: &Work,
    head: &request::Parts,
    body: &Bytes,
    trace: &Trace,
) -> Answer {
    instance.released().await;
    if let Some(status) = instance.draw_fast_fail(Instant::now()) {
        sleep(FAST).await;
        return problem(status, "failing fast as ordered", head);
    }
    let Ok(_in_service) = instance.enter().await else {
        instance.metrics.count_queue_full();
        return problem(StatusCode::SERVICE_UNAVAILABLE, "queue full", head);
    };
    let stay = instance.draw_stay(Instant::now(), &head.method, head.uri.path());
    spend(stay).await;
    instance.released().await;
    if let Some(status) = instance.draw_error(Instant::now()) {
        return problem(status, "failing as ordered", head);
    }
    match *work {
        Work::Shop => from_shop(instance, head, body, trace).await,
        _ => done(instance, work, head, body, trace),
    }
}

/// Lets the service time pass; what of it is burnt ends early when the client goes away.
async fn spend(stay: Stay) {
    if !stay.burnt.is_zero() {
        let goes_on = Arc::new(AtomicBool::new(true));
        let _ended_by_drop = Ender(Arc::clone(&goes_on));
        let burning = tokio::task::spawn_blocking(move || strain::burn(stay.burnt, &goes_on));
        // It can only fail when the run time ends, and then nobody waits for the answer.
        drop(burning.await);
    }
    if !stay.idle.is_zero() {
        sleep(stay.idle).await;
    }
}

/// Says no on drop.
struct Ender(Arc<AtomicBool>);

impl Drop for Ender {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

async fn from_shop(
    instance: &Instance,
    head: &request::Parts,
    body: &Bytes,
    trace: &Trace,
) -> Answer {
    let Some(shop) = &instance.shop else {
        return problem(StatusCode::NOT_FOUND, "no such path", head);
    };
    match shop::ask(shop, head, body, trace).await {
        Ok(answer) => answer,
        Err((status, reason)) => problem(status, reason, head),
    }
}

fn done(
    instance: &Instance,
    work: &Work,
    head: &request::Parts,
    body: &Bytes,
    trace: &Trace,
) -> Answer {
    match *work {
        Work::Shop | Work::Service => json_answer(
            StatusCode::OK,
            &json!({
                "service": instance.service,
                "instance": instance.name,
                "path": head.uri.path(),
                "method": head.method.as_str(),
                "request_id": trace.request_id(),
            }),
        ),
        Work::Echo => json_answer(StatusCode::OK, &echo(instance, head, body)),
        Work::Bytes(count) => Response::new(Payload::Filler(count)),
        Work::Status(status) => bodyless(status),
        Work::SlowBody { chunks, delay } => Response::new(Payload::slow(chunks, delay)),
    }
}

fn echo(instance: &Instance, head: &request::Parts, body: &Bytes) -> Value {
    json!({
        "instance": instance.name,
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "version": format!("{:?}", head.version),
        "headers": header_lists(&head.headers),
        "body_bytes": body.len(),
        "body": String::from_utf8_lossy(body),
    })
}

/// Every header with all its values in the order they came.
fn header_lists(headers: &HeaderMap) -> BTreeMap<&str, Vec<String>> {
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        lists.entry(name.as_str()).or_default().push(value);
    }
    lists
}

fn show_faults(instance: &Instance) -> Answer {
    let active = instance.faults.active(Instant::now());
    let shown: Vec<Value> = active.into_iter().map(Active::to_json).collect();
    json_answer(StatusCode::OK, &json!({ "faults": shown }))
}

fn degrade(instance: &Arc<Instance>, command: Command, head: &request::Parts) -> Answer {
    if let Err((status, reason)) = instance.guard.check(&head.headers) {
        return problem(status, &reason, head);
    }
    let now = Instant::now();
    let started = match command {
        Command::Status => true,
        Command::StopAll => {
            instance.faults.carry_out(Order::Recover, now);
            true
        }
        Command::Stop { kind } => {
            instance.faults.end(kind, now);
            true
        }
        Command::Start { fault, lasts } if fault == Fault::Crash => {
            crash_soon(instance, fault, Some(lasts));
            true
        }
        Command::Start { fault, lasts } => instance.faults.start(fault, Some(lasts), now),
    };
    if !started {
        return problem(StatusCode::BAD_REQUEST, "already active", head);
    }
    json_answer(StatusCode::OK, &degradation::status(instance, now))
}

async fn order_fault(instance: &Arc<Instance>, head: &request::Parts, body: Incoming) -> Answer {
    if let Err((status, reason)) = instance.guard.check(&head.headers) {
        return problem(status, &reason, head);
    }
    let body = match read_body(body, LARGEST_FAULT).await {
        Ok(body) => body,
        Err((status, reason)) => return problem(status, reason, head),
    };
    match Order::from_json(&body) {
        Err(bad) => bad_fault(&bad, head),
        Ok(order) => {
            carry_out(instance, order);
            show_faults(instance)
        }
    }
}

fn carry_out(instance: &Arc<Instance>, order: Order) {
    match order {
        Order::Inject { fault, lasts } if fault == Fault::Crash => {
            crash_soon(instance, fault, lasts);
        }
        _ => instance.faults.carry_out(order, Instant::now()),
    }
}

fn crash_soon(instance: &Arc<Instance>, fault: Fault, lasts: Option<Duration>) {
    let instance = Arc::clone(instance);
    drop(tokio::spawn(async move {
        sleep(CRASH_DELAY).await;
        let order = Order::Inject { fault, lasts };
        instance.faults.carry_out(order, Instant::now());
    }));
}

fn bad_fault(bad: &BadFault, head: &request::Parts) -> Answer {
    let mut body = problem_body(StatusCode::BAD_REQUEST, &bad.to_string(), head);
    body["field"] = bad.field.as_str().into();
    body["value"] = bad.value.clone();
    json_answer(StatusCode::BAD_REQUEST, &body)
}

async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, (StatusCode, &'static str)> {
    match timeout(LONGEST_BODY_READ, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "body too large"))
        }
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "body broken off")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "body too slow")),
    }
}

/// An error answer in the form of the original services.
fn problem(status: StatusCode, message: &str, head: &request::Parts) -> Answer {
    json_answer(status, &problem_body(status, message, head))
}

fn problem_body(status: StatusCode, message: &str, head: &request::Parts) -> Value {
    json!({
        "timestamp": iso_local(SystemTime::now()),
        "status": status.as_u16(),
        "error": status.canonical_reason().unwrap_or("Unknown"),
        "message": message,
        "path": head.uri.path(),
    })
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Payload::whole(body.to_string()));
    *answer.status_mut() = status;
    set_content_type(&mut answer, "application/json");
    answer
}

fn bodyless(status: StatusCode) -> Answer {
    let mut answer = Response::new(Payload::empty());
    *answer.status_mut() = status;
    answer
}

fn set_content_type(answer: &mut Answer, content_type: &'static str) {
    let value = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, value);
}
