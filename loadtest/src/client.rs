//! Sends the requests of a plan's mix and reads their whole answers.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::connections::{Connections, Failure};
use crate::outcome::Outcome;
use crate::plan::{Kind, Plan};

/// A client of one target.
#[derive(Debug)]
pub(crate) struct Client {
    connections: Connections,
    templates: Vec<Request<Full<Bytes>>>,
    count_header: Option<HeaderName>,
    timeout: Duration,
}

impl Client {
    /// A client for a checked plan.
    ///
    /// # Errors
    /// A path or header that makes no valid request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, http::Error> {
        let authority = plan.target.authority().map_or("", |a| a.as_str());
        let templates = plan.mix.iter().map(|kind| template(kind, authority));
        Ok(Client {
            connections: Connections::to(&plan.target),
            templates: templates.collect::<Result<_, _>>()?,
            count_header: plan.count_header.clone(),
            timeout: plan.timeout,
        })
    }

    /// Sends a request of one kind and reads its whole answer; the timeout counts from `intended`.
    pub(crate) async fn send(&self, kind: usize, intended: Instant) -> Outcome {
        let exchange = self.exchange(self.templates[kind].clone());
        match timeout_at(intended + self.timeout, exchange).await {
            Err(_) => Outcome::TimedOut,
            Ok(Ok(answered)) => answered,
            Ok(Err(failure)) => failure.into(),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Outcome, Failure> {
        let (connection, response) = self.connections.first_response(request).await?;
        let counted = self.count_header.as_ref();
        let counted = counted.and_then(|name| response.headers().get(name).cloned());
        let status = response.status();
        let body_bytes = drain(response.into_body()).await?;
        self.connections.keep(connection);
        Ok(Outcome::Answered {
            status,
            body_bytes,
            counted,
        })
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
