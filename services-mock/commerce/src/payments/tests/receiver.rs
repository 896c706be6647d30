//! Somebody's server to which webhooks go, on a free port of this machine until it is dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What a request meets.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// This status, without a body.
    Status(u16),
    /// 302 to another path of the same server.
    Elsewhere,
    /// 200 with more than anybody reads.
    TooLong,
    /// No answer ever.
    Hang,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    /// As it came.
    pub(super) body: Bytes,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Desk {
    got: Vec<Got>,
    /// For the next requests; 200 when there is none.
    replies: VecDeque<Reply>,
}

pub(super) struct Receiver {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// Takes everything.
    pub(super) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new().fallback(take).with_state(Arc::clone(&desk));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver {
            address,
            desk,
            _serving: serving,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    /// What the next requests meet.
    pub(super) fn reply(&self, replies: &[Reply]) {
        self.desk.lock().unwrap().replies = replies.to_vec().into();
    }

    /// All requests so far.
    pub(super) fn got(&self) -> Vec<Got> {
        self.desk.lock().unwrap().got.clone()
    }

    /// Forgets them.
    pub(super) fn forget(&self) {
        self.desk.lock().unwrap().got.clear();
    }
}

async fn take(State(desk): State<Arc<Mutex<Desk>>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let got = Got {
        method: head.method,
        path: head.uri.to_string(),
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    };
    let reply = {
        let mut desk = desk.lock().unwrap();
        desk.got.push(got);
        desk.replies.pop_front()
    };
    let answer = Response::builder();
    let answer = match reply.unwrap_or(Reply::Status(200)) {
        Reply::Hang => std::future::pending().await,
        Reply::Status(status) => answer.status(status).body(Body::empty()),
        Reply::Elsewhere => answer
            .status(302)
            .header("Location", "/elsewhere")
            .body(Body::empty()),
        Reply::TooLong => answer.body(Body::from(vec![b'x'; 2_000_000])),
    };
    answer.unwrap()
}
