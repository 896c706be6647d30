//! A small shop in one process: enough of its API for journeys, with every request on record.
//! Where it would be too strict or too lenient, the services' own documents decide.

#![allow(dead_code, reason = "each binary uses its own part")]

mod rules;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use rules::State;

/// What goes wrong in the shop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles {
    /// So many check-outs are obeyed and the connection breaks before the answer.
    pub lost_checkouts: u32,
    /// So many check-outs get this status and are not obeyed.
    pub failing_checkouts: (u32, u16),
    /// Every check-out is refused.
    pub refuses_checkouts: bool,
    /// Looks at an order until it is PROCESSING or, after a cancellation, CANCELLED.
    pub looks_to_settle: u32,
    /// Answers wait until the shop has seen so many registrations.
    pub stalls_until: usize,
    /// Time per request.
    pub service_time: Duration,
    /// Each request of this number is answered with 503.
    pub every_nth_fails: Option<usize>,
}

/// A request as the shop saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// E-mail address out of the token or the body.
    pub who: String,
    pub host: String,
    pub line: String,
    pub key: String,
    pub body: String,
}

/// An order the shop took.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub id: u64,
    pub email: String,
    pub cents: i64,
    pub items: Value,
    pub looks: u32,
    pub cancelled: bool,
}

#[derive(Debug)]
pub(crate) struct FakeShop {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    registrations: watch::Sender<usize>,
}

impl FakeShop {
    pub(crate) async fn open(troubles: Troubles) -> Self {
        FakeShop::open_at("127.0.0.1:0", troubles).await
    }

    pub(crate) async fn open_at(address: &str, troubles: Troubles) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let inner = Arc::new(Inner {
            state: Mutex::new(State::new(troubles)),
            registrations: watch::Sender::new(0),
        });
        let address = listener.local_addr().expect("bound");
        tokio::spawn(accept(listener, Arc::clone(&inner)));
        FakeShop { address, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request in an order that does not depend on who came first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen = self.inner.state().seen.clone();
        seen.sort();
        seen
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.inner.state().orders.values().cloned().collect()
    }

    /// Requests that no shop would know.
    pub(crate) fn not_found(&self) -> BTreeSet<String> {
        self.inner.state().not_found.clone()
    }

    pub(crate) fn registrations(&self) -> usize {
        *self.inner.registrations.borrow()
    }
}

async fn accept(listener: TcpListener, shop: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&shop)));
    }
}

async fn serve(stream: TcpStream, shop: Arc<Inner>) {
    let service = service_fn(move |request| answer(Arc::clone(&shop), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}

/// An error breaks the connection.
async fn answer(
    shop: Arc<Inner>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "broken")?.to_bytes();
    let line = format!("{} {}", head.method, head.uri);
    let (answer, wait) = {
        let mut state = shop.state();
        let answer = state.answer(&line, &head.headers, &body);
        (answer, state.troubles.service_time)
    };
    if line == "POST /api/users/register" {
        shop.registrations.send_modify(|count| *count += 1);
    }
    let until = shop.state().troubles.stalls_until;
    let mut registrations = shop.registrations.subscribe();
    drop(registrations.wait_for(|count| *count >= until).await);
    tokio::time::sleep(wait).await;
    let (status, json) = answer.ok_or("lost on purpose")?;
    let body = match status {
        204 => String::new(),
        _ => json.to_string(),
    };
    let answer = Response::builder()
        .status(StatusCode::from_u16(status).map_err(|_| "no status")?)
        .header(CONTENT_TYPE, "application/json");
    answer.body(Full::from(body)).map_err(|_| "no answer")
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
