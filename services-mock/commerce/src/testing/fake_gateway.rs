//! A load balancer in whose place a test decides what each call of another service meets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// What a call meets.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    /// This status and body.
    Json(u16, Value),
    /// The service mounted there.
    Pass,
    /// The connection breaks before anything is done.
    Break,
    /// The service mounted there does it, and the connection breaks before the answer.
    BreakAfter,
    /// No answer ever.
    Hang,
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` when it had none.
    pub body: Value,
}

impl Seen {
    /// The token it carried.
    pub fn bearer(&self) -> Option<&str> {
        self.headers
            .get(AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")
    }
}

type Rule = Arc<dyn Fn(&Seen) -> Script + Send + Sync>;

#[derive(Default)]
struct Scripted {
    rules: Vec<(Method, String, Rule)>,
    mounts: Vec<(String, Router)>,
    seen: Vec<Seen>,
}

/// Listens on a free port of this machine until it is dropped.
pub struct FakeGateway {
    address: SocketAddr,
    scripted: Arc<Mutex<Scripted>>,
    serving: JoinSet<()>,
}

impl FakeGateway {
    /// Starts with no rules: every call is answered 503.
    pub async fn start() -> FakeGateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let scripted = Arc::new(Mutex::new(Scripted::default()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&scripted)));
        FakeGateway {
            address,
            scripted,
            serving,
        }
    }

    /// For `Settings::gateway_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Decides about calls whose path begins so. The latest rule that fits counts.
    pub fn on(
        &self,
        method: Method,
        path_prefix: &str,
        rule: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) {
        let rule: Rule = Arc::new(rule);
        let mut scripted = lock(&self.scripted);
        scripted.rules.push((method, path_prefix.into(), rule));
    }

    /// Calls whose path begins so go to the service, where no rule says otherwise.
    pub fn mount(&self, path_prefix: &str, service: Router) {
        let mut scripted = lock(&self.scripted);
        scripted.mounts.retain(|(prefix, _)| prefix != path_prefix);
        scripted.mounts.push((path_prefix.into(), service));
    }

    /// All calls so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.scripted).seen.clone()
    }

    /// Forgets calls so far.
    pub fn forget(&self) {
        lock(&self.scripted).seen.clear();
    }

    /// Closes the port and all connections.
    pub async fn stop(mut self) {
        self.serving.shutdown().await;
    }
}

impl fmt::Debug for FakeGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeGateway({})", self.address)
    }
}

fn lock(scripted: &Mutex<Scripted>) -> MutexGuard<'_, Scripted> {
    scripted.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, scripted: Arc<Mutex<Scripted>>) {
    // Dropped with this task, so that connections end with the port.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&scripted)));
    }
}

async fn connection(stream: TcpStream, scripted: Arc<Mutex<Scripted>>) {
    let answering = service_fn(|request| answer(request, &scripted));
    // Broken on purpose or by a client that left.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answering)
            .await,
    );
}

/// An error breaks the connection.
async fn answer(
    request: Request<Incoming>,
    scripted: &Mutex<Scripted>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let seen = Seen {
        method: head.method.clone(),
        path: head.uri.to_string(),
        headers: head.headers.clone(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let (script, service) = decide(seen, scripted);
    let request = Request::from_parts(head, Body::from(body));
    match script {
        Script::Json(status, body) => Ok(json_answer(status, &body)),
        Script::Break => Err(io::Error::other("broken as scripted")),
        Script::Hang => std::future::pending().await,
        Script::Pass => pass(service, request).await,
        Script::BreakAfter => {
            drop(pass(service, request).await);
            Err(io::Error::other("broken as scripted"))
        }
    }
}

fn decide(seen: Seen, scripted: &Mutex<Scripted>) -> (Script, Option<Router>) {
    let mut scripted = lock(scripted);
    scripted.seen.push(seen.clone());
    let mut mounts = scripted.mounts.iter();
    let service = mounts.find(|(prefix, _)| seen.path.starts_with(prefix));
    let service = service.map(|(_, service)| service.clone());
    let mut rules = scripted.rules.iter().rev();
    let rule =
        rules.find(|(method, prefix, _)| *method == seen.method && seen.path.starts_with(prefix));
    let rule = rule.map(|(_, _, rule)| Arc::clone(rule));
    drop(scripted);
    (rule.map_or(Script::Pass, |rule| rule(&seen)), service)
}

async fn pass(service: Option<Router>, request: Request<Body>) -> io::Result<Response<Body>> {
    match service {
        Some(service) => service.oneshot(request).await.map_err(io::Error::other),
        None => Ok(json_answer(503, &Value::Null)),
    }
}

fn json_answer(status: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a status from 100 to 999")
}
