//! Calls other services through the load balancer, and tells apart what a failure means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::Tokens;
use crate::ids::Ids;
use crate::settings::{Secret, ServiceName};
use crate::trace::Trace;

/// Time for a whole call unless it says otherwise.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1024 * 1024;
/// Idle connections are given up before the other side's 75 s, so that a call seldom meets one
/// that is just being closed.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// HTTP client of a process; clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient(Client<HttpConnector, Full<Bytes>>);

/// An answer of any status.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why there is no good answer, and what the caller may conclude.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The service said no (4xx): nothing was done, and the same call gets the same answer.
    #[error("refused with {status}: {message}")]
    Refused {
        /// The status, for callers to whom 404 means something else than 409.
        status: StatusCode,
        /// The message of the error body.
        message: String,
    },
    /// Nobody took the call: nothing was done, try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The call may or may not have been carried out; only repeating it tells.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// One call of another service.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    trace: Trace,
    body: Option<Value>,
    bearer: Option<Secret>,
    idempotency_key: Option<String>,
    timeout: Duration,
}

impl Call {
    /// A call of a path such as `/api/cart`, in the name of this service.
    pub(crate) fn new(method: Method, path: impl Into<String>, trace: &Trace) -> Call {
        Call {
            method,
            path: path.into(),
            trace: trace.clone(),
            body: None,
            bearer: None,
            idempotency_key: None,
            timeout: USUAL_TIMEOUT,
        }
    }

    /// With a JSON body.
    pub(crate) fn json(mut self, body: Value) -> Call {
        self.body = Some(body);
        self
    }

    /// In the name of the user whose token it is.
    pub(crate) fn on_behalf_of(mut self, token: &Secret) -> Call {
        self.bearer = Some(token.clone());
        self
    }

    /// With an `Idempotency-Key`.
    pub(crate) fn idempotency_key(mut self, key: impl Into<String>) -> Call {
        self.idempotency_key = Some(key.into());
        self
    }

    /// With its own time limit.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Call {
        self.timeout = timeout;
        self
    }
}

/// The way to the other services.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    base_url: Option<String>,
    client: HttpClient,
    tokens: Tokens,
    service: ServiceName,
    ids: Ids,
}

impl Gateway {
    /// Calls go to `http://host:port` of the load balancer; without it all are unavailable.
    pub(crate) fn new(
        base_url: Option<&str>,
        service: ServiceName,
        tokens: Tokens,
        ids: Ids,
    ) -> Gateway {
        Gateway {
            base_url: base_url.map(|url| url.trim_end_matches('/').to_owned()),
            client: HttpClient::new(),
            tokens,
            service,
            ids,
        }
    }

    /// Whether there is a way to other services at all.
    pub(crate) fn leads_somewhere(&self) -> bool {
        self.base_url.is_some()
    }

    /// The client below, for calls that do not go through the load balancer: webhooks.
    pub(crate) fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Calls, and reads the JSON of an answer in the 200s.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        let reply = self.send(call).await?;
        serde_json::from_slice(&reply.body)
            .map_err(|cause| CallError::Unknown(format!("answer does not fit: {cause}")))
    }

    /// Calls, and hands back an answer in the 200s whatever its body.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, CallError> {
        let timeout = call.timeout;
        let request = self.request(call)?;
        let reply = self.client.send(request, timeout).await?;
        judge(reply)
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>, CallError> {
        let not_sent = |cause: &dyn std::fmt::Display| CallError::Unavailable(cause.to_string());
        let base_url = self.base_url.as_deref();
        let base_url = base_url.ok_or_else(|| not_sent(&"no gateway is configured"))?;
        let bearer = match call.bearer {
            Some(token) => token,
            None => self
                .tokens
                .mint_for_service(self.service.name())
                .map_err(|cause| not_sent(&cause))?,
        };
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{base_url}{}", call.path))
            .header(AUTHORIZATION, format!("Bearer {}", bearer.reveal()));
        for (name, value) in call.trace.headers(&self.ids) {
            request = request.header(name, value);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let body = match call.body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        request
            .body(Full::new(body))
            .map_err(|cause| not_sent(&cause))
    }
}

/// What an answer means. The load balancer answers 502, 503 and 504 itself, after tries of which
/// it does not tell how far they got, so that these leave the outcome open.
fn judge(reply: Reply) -> Result<Reply, CallError> {
    let status = reply.status;
    if status.is_success() {
        return Ok(reply);
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    match status {
        // Said before anything is done, and not for ever.
        StatusCode::TOO_MANY_REQUESTS => Err(CallError::Unavailable(message)),
        // A token of ours that is refused is a matter of secrets or clocks, not of this call; a
        // slow or broken-off request says nothing about the next.
        StatusCode::UNAUTHORIZED => Err(CallError::Unavailable(message)),
        StatusCode::REQUEST_TIMEOUT => Err(CallError::Unknown(message)),
        _ if status.is_client_error() => Err(CallError::Refused { status, message }),
        _ => Err(CallError::Unknown(format!("{status}: {message}"))),
    }
}

impl HttpClient {
    fn new() -> HttpClient {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        builder.pool_idle_timeout(LONGEST_IDLE);
        HttpClient(builder.build(connector))
    }

    /// Sends a request to whatever address it names; any status is a reply.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Reply, CallError> {
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Unknown(format!("no answer within {timeout:?}"))),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, CallError> {
        let answer = self.0.request(request).await.map_err(|cause| {
            if cause.is_connect() {
                CallError::Unavailable(chain(&cause))
            } else {
                CallError::Unknown(chain(&cause))
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body =
            body.map_err(|cause| CallError::Unknown(format!("answer broke off: {cause}")))?;
        Ok(Reply {
            status: head.status,
            body: body.to_bytes(),
        })
    }
}

/// An error with all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeGateway, Script, on_memory, shop_behind};

    fn reply(status: u16) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::from_static(br#"{"message":"why"}"#),
        }
    }

    #[test]
    fn only_a_clear_no_counts_as_refused() {
        for status in [400, 403, 404, 409] {
            let judged = judge(reply(status));
            assert!(matches!(judged, Err(CallError::Refused { message, .. }) if message == "why"));
        }
        for status in [500, 502, 503, 504, 408] {
            assert!(
                matches!(judge(reply(status)), Err(CallError::Unknown(_))),
                "{status}"
            );
        }
        assert!(matches!(judge(reply(429)), Err(CallError::Unavailable(_))));
    }

    #[tokio::test]
    async fn without_a_gateway_every_call_is_unavailable() {
        let shop = on_memory(ServiceName::Cart).await;
        let call = Call::new(
            Method::GET,
            "/api/inventory",
            &Trace::fresh(&Ids::seeded(1)),
        );
        let outcome = shop.state().gateway.send(call).await;
        assert!(matches!(outcome, Err(CallError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_call_carries_token_trace_and_key_and_reads_the_answer() {
        let fake = FakeGateway::start().await;
        fake.on(Method::POST, "/api/payments", |_| {
            Script::Json(201, json!({"paid": true}))
        });
        let shop = shop_behind(ServiceName::Order, &fake).await;
        let trace = Trace::fresh(&Ids::seeded(1));
        let call = Call::new(Method::POST, "/api/payments", &trace)
            .json(json!({"amount": 1}))
            .idempotency_key("k");
        let answer: Value = shop.state().gateway.call(call).await.unwrap();
        assert_eq!(answer, json!({"paid": true}));
        let seen = fake.seen();
        assert_eq!(seen[0].headers["x-trace-id"], trace.id());
        assert_eq!(seen[0].headers["idempotency-key"], "k");
        let bearer = seen[0].bearer().unwrap();
        assert!(shop.state().tokens.check(bearer).unwrap().is_privileged());
    }

    #[tokio::test]
    async fn a_broken_connection_leaves_the_outcome_open_and_a_closed_port_does_not() {
        let fake = FakeGateway::start().await;
        fake.on(Method::GET, "/api/cart", |_| Script::Break);
        let shop = shop_behind(ServiceName::Order, &fake).await;
        let call = Call::new(Method::GET, "/api/cart", &Trace::fresh(&Ids::seeded(1)));
        let outcome = shop.state().gateway.send(call.clone()).await;
        assert!(matches!(outcome, Err(CallError::Unknown(_))), "{outcome:?}");
        fake.stop().await;
        let outcome = shop.state().gateway.send(call).await;
        assert!(
            matches!(outcome, Err(CallError::Unavailable(_))),
            "{outcome:?}"
        );
    }
}
