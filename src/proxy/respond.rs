//! Answers of our own: JSON, or text for clients that ask for text.

use super::{context::RequestContext, failure::Failure};
use bytes::Bytes;
use http::{Method, header};
use pingora::{Result, http::ResponseHeader};
use pingora_proxy::Session;

/// Answers with `failure`. The connection is closed after it where the request's body may
/// still be on its way.
pub(super) async fn respond(
    session: &mut Session,
    ctx: &RequestContext,
    failure: Failure,
) -> Result<()> {
    let as_text = wants_text(session);
    let body = if as_text {
        text_body(ctx, failure)
    } else {
        json_body(ctx, failure)
    };
    let mut response = ResponseHeader::build(failure.status(), Some(5))?;
    response.insert_header(
        header::CONTENT_TYPE,
        if as_text {
            "text/plain; charset=utf-8"
        } else {
            "application/json"
        },
    )?;
    response.insert_header(header::CONTENT_LENGTH, body.len())?;
    response.insert_header(header::CACHE_CONTROL, "no-store")?;
    response.insert_header("x-request-id", ctx.identity.trace.request_id().clone())?;
    if !session.is_body_empty() {
        session.set_keepalive(None);
    }
    let has_body = session.req_header().method != Method::HEAD;
    session
        .write_response_header(Box::new(response), !has_body)
        .await?;
    if has_body {
        session
            .write_response_body(Some(Bytes::from(body)), true)
            .await?;
    }
    Ok(())
}

fn wants_text(session: &Session) -> bool {
    let accept = session.req_header().headers.get(header::ACCEPT);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("text/") && !accept.contains("json")
}

fn json_body(ctx: &RequestContext, failure: Failure) -> String {
    let body = serde_json::json!({
        "status": failure.status(),
        "reason": failure.as_str(),
        "message": failure.message(),
        "route": ctx.route().map(|route| &route.name),
        "cluster": ctx.balancer().map(|balancer| balancer.cluster().name()),
        "request_id": ctx.identity.trace.request_id().to_str().ok(),
    });
    format!("{body}\n")
}

fn text_body(ctx: &RequestContext, failure: Failure) -> String {
    let cluster = ctx
        .balancer()
        .map_or("-", |balancer| balancer.cluster().name());
    format!(
        "{} {}: {} (cluster {cluster})\n",
        failure.status(),
        failure.as_str(),
        failure.message()
    )
}
