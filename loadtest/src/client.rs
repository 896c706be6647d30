//! Sends one request over a pool of kept connections to one target.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::outcome::Outcome;
use crate::plan::{Kind, Plan};

type Connection = SendRequest<Full<Bytes>>;

/// A client of one target. As many connections as requests underway, kept when idle.
#[derive(Debug)]
pub(crate) struct Client {
    host: String,
    port: u16,
    templates: Vec<Request<Full<Bytes>>>,
    count_header: Option<HeaderName>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

/// Why a request got no answer.
enum Failure {
    NotConnected,
    Broken,
}

impl Client {
    /// A client for a checked plan.
    ///
    /// # Errors
    /// A path or header that makes no valid request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, http::Error> {
        let authority = plan.target.authority().map_or("", |a| a.as_str());
        let host = plan.target.host().unwrap_or_default();
        let templates = plan.mix.iter().map(|kind| template(kind, authority));
        Ok(Client {
            // Brackets of IPv6 belong to the URL, not to the address.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: plan.target.port_u16().unwrap_or(80),
            templates: templates.collect::<Result<_, _>>()?,
            count_header: plan.count_header.clone(),
            timeout: plan.timeout,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends a request of one kind and reads its whole answer; the timeout counts from `intended`.
    pub(crate) async fn send(&self, kind: usize, intended: Instant) -> Outcome {
        let exchange = self.exchange(self.templates[kind].clone());
        match timeout_at(intended + self.timeout, exchange).await {
            Err(_) => Outcome::TimedOut,
            Ok(Ok(answered)) => answered,
            Ok(Err(Failure::NotConnected)) => Outcome::NotConnected,
            Ok(Err(Failure::Broken)) => Outcome::Broken,
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Outcome, Failure> {
        let (connection, response) = self.first_response(request).await?;
        let counted = self.count_header.as_ref();
        let counted = counted.and_then(|name| response.headers().get(name).cloned());
        let status = response.status();
        let body_bytes = drain(response.into_body()).await?;
        self.keep(connection);
        Ok(Outcome::Answered {
            status,
            body_bytes,
            counted,
        })
    }

    /// Tries kept connections first. One that the server closed meanwhile never saw the request
    /// (hyper hands it back), so the next is tried: that is no failure of the server.
    async fn first_response(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        while let Some(mut kept) = self.take() {
            if kept.ready().await.is_err() {
                continue;
            }
            match kept.try_send_request(request).await {
                Ok(response) => return Ok((kept, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Broken),
                },
            }
        }
        let mut fresh = self.connect().await.map_err(|_| Failure::NotConnected)?;
        let response = fresh.send_request(request).await;
        Ok((fresh, response.map_err(|_| Failure::Broken)?))
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // Ends with its sender; its error reaches the request that suffers from it.
        drop(tokio::spawn(connection));
        Ok(sender)
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    fn keep(&self, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}

async fn drain(mut body: Incoming) -> Result<u64, Failure> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Broken)?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}

fn template(kind: &Kind, authority: &str) -> Result<Request<Full<Bytes>>, http::Error> {
    let body = Full::from(Bytes::from(vec![b'x'; kind.body_bytes]));
    let mut request = Request::builder()
        .method(kind.method.clone())
        .uri(kind.path.as_str())
        .header(HOST, HeaderValue::try_from(authority)?)
        .body(body)?;
    for (name, value) in &kind.headers {
        if name == HOST {
            request.headers_mut().insert(HOST, value.clone());
        } else {
            request.headers_mut().append(name, value.clone());
        }
    }
    Ok(request)
}
