//! Reads body, path and query of a request; what cannot be read is a 400 with the reason.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body, read or written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Json<T>(pub(crate) T);

/// Parameters in the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<T>(pub(crate) T);

/// Parameters of the query string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        expect_json(&request)?;
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|cause| ApiError::invalid(format!("body cannot be read: {cause}")))?;
        if holds_nul(&body) {
            return Err(ApiError::invalid("body holds a NUL character"));
        }
        serde_json::from_slice(&body)
            .map(Json)
            .map_err(|cause| ApiError::invalid(format!("body does not fit: {cause}")))
    }
}

fn expect_json(request: &Request) -> Result<(), ApiError> {
    let given = request.headers().get(CONTENT_TYPE);
    let given = given.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = given.as_deref().unwrap_or_default().split(';').next();
    if kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let message = format!("Content-Type must be application/json, got {given:?}");
    Err(ApiError::invalid(message))
}

/// Whether JSON text escapes a NUL character, which PostgreSQL does not store.
fn holds_nul(json: &[u8]) -> bool {
    let mut escaped = false;
    json.iter().enumerate().any(|(at, &byte)| {
        let begins_nul = escaped && json[at..].starts_with(b"u0000");
        escaped = byte == b'\\' && !escaped;
        begins_nul
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read: Result<_, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        let read = read.map_err(|cause| ApiError::invalid(cause.body_text()))?;
        Ok(Path(read.0))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read: Result<_, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        let read = read.map_err(|cause| ApiError::invalid(cause.body_text()))?;
        Ok(Query(read.0))
    }
}

/// An answer with status 201 and a JSON body.
pub(crate) fn created<T: Serialize>(body: T) -> (StatusCode, Json<T>) {
    (StatusCode::CREATED, Json(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_real_nul_is_found() {
        assert!(holds_nul(br#"{"a":"\u0000"}"#));
        assert!(holds_nul(br#"{"a":"\\\u0000"}"#));
        assert!(!holds_nul(br#"{"a":"\\u0000"}"#));
        assert!(!holds_nul(b"\\"));
    }
}
