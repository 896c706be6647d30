//! Hands a request to the router of the real service and takes its answer.

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use super::payload::Payload;
use super::trace::Trace;
use crate::shop::Shop;

/// Far above what any service answers, so that a fault in one cannot take all memory.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The service's answer, or the status and reason why there is none. Path, method, headers and body
/// arrive as the client sent them, but that the trace is always there.
pub(super) async fn ask(
    shop: &Shop,
    head: &request::Parts,
    body: &Bytes,
    trace: &Trace,
) -> Result<Response<Payload>, (StatusCode, &'static str)> {
    let router = shop.router();
    let router = router.ok_or((StatusCode::SERVICE_UNAVAILABLE, "service is starting"))?;
    let mut request = Request::from_parts(head.clone(), Body::from(body.clone()));
    trace.hand_on(request.headers_mut());
    let answer = match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let (mut head, body) = answer.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let body = body
        .map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "answer too large"))?
        .to_bytes();
    if !body.is_empty() {
        // The body is whole by now; hyper writes its length.
        head.headers.remove(CONTENT_LENGTH);
    }
    let payload = match body.is_empty() {
        true => Payload::empty(),
        false => Payload::whole(body),
    };
    Ok(Response::from_parts(head, payload))
}
