//! The shop as one customer sees it: sends a request, measures it, reads the whole answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::connections::{Connections, Failure};
use crate::journeys::plan::Plan;
use crate::journeys::progress::JourneyGuard;
use crate::journeys::step::Step;
use crate::outcome::Outcome;

/// A longer answer counts as broken: a catalogue is some kilobytes.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The shop behind its load balancer.
#[derive(Debug)]
pub(crate) struct Shop {
    connections: Connections,
    hosts: Vec<HeaderValue>,
    timeout: Duration,
}

/// One customer's requests: with their host, their token and their figures.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    shop: &'a Shop,
    host: usize,
    pub(crate) guard: &'a JourneyGuard,
    /// After the log-in.
    pub(crate) bearer: Option<HeaderValue>,
}

/// A request to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) step: Step,
    /// Latency and timeout count from here.
    pub(crate) from: Instant,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a Value>,
    pub(crate) idempotency_key: Option<&'a str>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) body: Bytes,
}

impl Shop {
    /// The shop of a checked plan.
    ///
    /// # Errors
    /// A host that is no header value.
    pub(crate) fn of(plan: &Plan) -> Result<Self, http::Error> {
        let hosts = plan.host_names().into_iter().map(HeaderValue::try_from);
        Ok(Shop {
            connections: Connections::to(&plan.target),
            hosts: hosts.collect::<Result<_, _>>()?,
            timeout: plan.timeout,
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let (connection, response) = self.connections.first_response(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Failure::Broken)?.to_bytes();
        self.connections.keep(connection);
        let outcome = Outcome::Answered {
            status: head.status,
            body_bytes: body.len() as u64,
            counted: None,
        };
        Ok(Reply { outcome, body })
    }
}

impl<'a> Session<'a> {
    pub(crate) fn new(shop: &'a Shop, host: usize, guard: &'a JourneyGuard) -> Self {
        Session {
            shop,
            host,
            guard,
            bearer: None,
        }
    }

    /// Sends a request and waits for its whole answer, at most for the plan's timeout.
    pub(crate) async fn ask(&self, call: Call<'_>) -> Reply {
        let measured = self.guard.request(call.step, call.from.into_std());
        let exchange = async {
            // Only a path beyond all limits makes no request, and such a path comes from the shop.
            let request = self.request(&call).map_err(|_| Failure::Broken)?;
            self.shop.exchange(request).await
        };
        let reply = match timeout_at(call.from + self.shop.timeout, exchange).await {
            Err(_) => Reply::without_body(Outcome::TimedOut),
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => Reply::without_body(failure.into()),
        };
        measured.end(reply.outcome.clone());
        reply
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let body = call.body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = Uri::try_from(call.path)?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.shop.hosts[self.host].clone());
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        if call.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
        }
        if let Some(key) = call.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::try_from(key)?);
        }
        Ok(request)
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(step: Step, from: Instant, method: &'a Method, path: &'a str) -> Self {
        Call {
            step,
            from,
            method,
            path,
            body: None,
            idempotency_key: None,
        }
    }

    pub(crate) fn with(mut self, body: &'a Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Reply {
    fn without_body(outcome: Outcome) -> Self {
        Reply {
            outcome,
            body: Bytes::new(),
        }
    }

    /// The status of a whole answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Answered { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status().is_some_and(|status| status / 100 == 2)
    }

    /// What a 2xx answer says, if it says that.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let answered = self.is_success();
        answered.then(|| serde_json::from_slice(&self.body).ok())?
    }
}

/// A text as one segment of a path, or as a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_fits_into_a_path() {
        assert_eq!(encoded("SKU-1_a.b~"), "SKU-1_a.b~");
        assert_eq!(encoded("a b/ü?&"), "a%20b%2F%C3%BC%3F%26");
    }

    #[test]
    fn only_2xx_answers_are_read() {
        let reply = |status: u16, body: &'static str| Reply {
            outcome: Outcome::Answered {
                status: http::StatusCode::from_u16(status).unwrap(),
                body_bytes: 0,
                counted: None,
            },
            body: Bytes::from_static(body.as_bytes()),
        };
        assert_eq!(reply(201, "5").read::<u32>(), Some(5));
        assert_eq!(reply(201, "x").read::<u32>(), None);
        assert_eq!(reply(500, "5").read::<u32>(), None);
    }
}
