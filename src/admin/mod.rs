//! The admin interface on its own port: probes, metrics and state to read; orders only with
//! a token.

mod auth;
mod decisions;
mod page;
mod view;

use crate::{
    control::{Lifecycle, ReloadRequest, Reloader},
    decision_log::DecisionLog,
    topology::SharedTopology,
};
use async_trait::async_trait;
use decisions::{DecisionView, Query};
use http::{Method, Response, StatusCode, header};
use pingora::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use prometheus::{Encoder, Registry, TextEncoder};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};

/// Longest wait for a reload that was ordered here.
const RELOAD_MAX: Duration = Duration::from_secs(60);
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers admin requests.
pub struct Admin {
    /// What serves.
    pub topology: SharedTopology,
    /// How reloads went.
    pub reloader: Arc<Reloader>,
    /// Takes orders to reload.
    pub requests: mpsc::Sender<ReloadRequest>,
    /// Whether the process is ready.
    pub lifecycle: Arc<Lifecycle>,
    /// The latest decisions.
    pub decision_log: DecisionLog,
    /// All metrics.
    pub registry: Registry,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let (method, path) = (request.method.clone(), request.uri.path().to_owned());
        let query = request.uri.query().unwrap_or_default().to_owned();
        let token = request.headers.get(header::AUTHORIZATION).cloned();
        match (method, path.as_str()) {
            (Method::GET | Method::HEAD, path) => self.read(path, &query),
            (Method::POST, "/reload" | "/reopen_logs") => match self.authorize(token.as_ref()) {
                Ok(()) => self.order(&path).await,
                Err(status) => reply(status, JSON, auth::explain(status)),
            },
            (_, "/reload" | "/reopen_logs") => {
                reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use POST\n")
            }
            _ => reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n"),
        }
    }
}

impl Admin {
    fn read(&self, path: &str, query: &str) -> Response<Vec<u8>> {
        match path {
            "/" => reply(StatusCode::OK, "text/html; charset=utf-8", page::PAGE),
            "/live" => reply(StatusCode::OK, TEXT, "live\n"),
            "/ready" if self.lifecycle.is_ready() => reply(StatusCode::OK, TEXT, "ready\n"),
            "/ready" => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n"),
            "/metrics" => self.metrics(),
            "/config_dump" => json(&**self.topology.load().config()),
            "/clusters" => json(&view::clusters(&self.topology.load())),
            "/policy" => json(&view::policy(&self.topology.load(), self.reloader.status())),
            "/policy/decisions" => self.decisions(query),
            "/reload" | "/reopen_logs" => reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use POST\n"),
            _ => reply(StatusCode::NOT_FOUND, TEXT, page::PATHS),
        }
    }

    fn decisions(&self, query: &str) -> Response<Vec<u8>> {
        let query = match Query::parse(query) {
            Ok(query) => query,
            Err(problem) => return error(StatusCode::BAD_REQUEST, &problem),
        };
        let records = self
            .decision_log
            .recent(query.count, query.cluster.as_deref());
        let views: Vec<_> = records
            .iter()
            .map(|record| DecisionView::of(record))
            .collect();
        if query.is_text {
            reply(StatusCode::OK, TEXT, decisions::text(&views))
        } else {
            json(&views)
        }
    }

    fn metrics(&self) -> Response<Vec<u8>> {
        let families = self.reloader.scrape(|topology| {
            view::set_gauges(topology);
            self.registry.gather()
        });
        let mut body = Vec::new();
        match TextEncoder::new().encode(&families, &mut body) {
            Ok(()) => reply(StatusCode::OK, "text/plain; version=0.0.4", body),
            Err(error) => reply(
                StatusCode::INTERNAL_SERVER_ERROR,
                TEXT,
                format!("{error}\n"),
            ),
        }
    }

    fn authorize(&self, sent: Option<&http::HeaderValue>) -> Result<(), StatusCode> {
        let topology = self.topology.load();
        auth::check(topology.config().runtime.admin_token_file.as_deref(), sent)
    }

    async fn order(&self, path: &str) -> Response<Vec<u8>> {
        if path == "/reopen_logs" {
            self.lifecycle.access_log().reopen();
            return reply(StatusCode::OK, JSON, "{\"reopened\":true}\n");
        }
        let (sender, receiver) = oneshot::channel();
        if self.requests.try_send(sender).is_err() {
            return error(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many reloads are waiting",
            );
        }
        match tokio::time::timeout(RELOAD_MAX, receiver).await {
            Ok(Ok(Ok(generation))) => reply(
                StatusCode::OK,
                JSON,
                format!("{{\"generation\":{generation}}}\n"),
            ),
            Ok(Ok(Err(problem))) => error(StatusCode::UNPROCESSABLE_ENTITY, &problem),
            _ => error(StatusCode::SERVICE_UNAVAILABLE, "the reload did not finish"),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Response<Vec<u8>> {
    match serde_json::to_vec_pretty(value) {
        Ok(mut body) => {
            body.push(b'\n');
            reply(StatusCode::OK, JSON, body)
        }
        Err(problem) => error(StatusCode::INTERNAL_SERVER_ERROR, &problem.to_string()),
    }
}

fn error(status: StatusCode, problem: &str) -> Response<Vec<u8>> {
    reply(
        status,
        JSON,
        format!("{}\n", serde_json::json!({ "error": problem })),
    )
}

fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Response<Vec<u8>> {
    let body = body.into();
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    response
}
