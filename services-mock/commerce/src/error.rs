//! What a request is refused with, and the one JSON form in which every refusal is written.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Clock, iso_local};

/// A refusal: whose fault it is says the status, what to change says the message.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    fields: BTreeMap<String, String>,
}

/// The body of every answer from 400 up.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct ErrorBody {
    /// When, ISO 8601 without zone, UTC.
    pub timestamp: String,
    /// The status code again.
    pub status: u16,
    /// The status in words.
    pub error: String,
    /// What was wrong.
    pub message: String,
    /// The path that was asked for.
    pub path: String,
    /// What is wrong with single fields, where it is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl ApiError {
    /// Any status; the named constructors read better.
    pub fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            message: message.into(),
            fields: BTreeMap::new(),
        }
    }

    /// 400: the request cannot be carried out as it is written.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody known asks.
    pub fn unauthorized(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: somebody known asks for what is not theirs.
    pub fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }

    /// 409: the state of things does not allow it.
    pub fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, message)
    }

    /// 503: try again later. The cause goes to the log alone, since it may tell of the inside.
    pub fn unavailable(what: &str, cause: impl Display) -> ApiError {
        log::warn!("{what} unavailable: {cause}");
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{what} unavailable"),
        )
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong, in words.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn body(&self, now_ms: i64, path: &str) -> ErrorBody {
        ErrorBody {
            timestamp: iso_local(now_ms),
            status: self.status.as_u16(),
            error: self.status.canonical_reason().unwrap_or("Unknown").into(),
            message: self.message.clone(),
            path: path.into(),
            fields: self.fields.clone(),
        }
    }
}

impl Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.message)
    }
}

impl std::error::Error for ApiError {}

/// Every failure of a store reads as 503, but for text that no database takes.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> ApiError {
        const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
        let code = error.as_database_error().and_then(|e| e.code());
        if code.as_deref() == Some(CHARACTER_NOT_IN_REPERTOIRE) {
            return ApiError::invalid("text holds a character that cannot be stored");
        }
        ApiError::unavailable("store", error)
    }
}

impl IntoResponse for ApiError {
    /// The body is written by `write_errors`, which knows path and time.
    fn into_response(self) -> Response {
        let mut answer = self.status.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// Gathers all that is wrong with a request, so that the client hears it at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(BTreeMap<String, String>);

impl Problems {
    /// Notes a field with the value it was given.
    pub(crate) fn add(&mut self, field: &str, value: impl fmt::Debug, rule: &str) {
        const LONGEST_SHOWN: usize = 100;
        let mut value = format!("{value:?}");
        if let Some((cut, _)) = value.char_indices().nth(LONGEST_SHOWN) {
            value.truncate(cut);
            value.push('…');
        }
        self.0.insert(field.into(), format!("{rule}, got {value}"));
    }

    /// Notes a field whose value must not be repeated.
    pub(crate) fn add_secret(&mut self, field: &str, rule: &str) {
        self.0.insert(field.into(), rule.into());
    }

    /// Notes the field unless the rule is kept.
    pub(crate) fn check(&mut self, kept: bool, field: &str, value: impl fmt::Debug, rule: &str) {
        if !kept {
            self.add(field, value, rule);
        }
    }

    /// A text that must not be blank and may have so many characters.
    pub(crate) fn text(&mut self, field: &str, value: &str, longest: usize) {
        let length = value.chars().count();
        let kept = !value.trim().is_empty() && length <= longest;
        let rule = format!("must have 1 to {longest} characters");
        self.check(kept, field, value, &rule);
    }

    /// 400 with every field when anything was noted.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let said = self.0.iter().map(|(field, rule)| format!("{field} {rule}"));
        let message = said.collect::<Vec<_>>().join("; ");
        Err(ApiError {
            fields: self.0,
            ..ApiError::invalid(message)
        })
    }
}

/// Gives refusals their body. The outermost layer but for the trace.
pub(crate) async fn write_errors(
    State(clock): State<Clock>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = match refuse_nul(&request) {
        Err(error) => error.into_response(),
        Ok(()) => next.run(request).await,
    };
    if let Some(error) = answer.extensions_mut().remove::<ApiError>() {
        let body = serde_json::to_vec(&error.body(clock.now_ms(), &path)).unwrap_or_default();
        *answer.body_mut() = Body::from(body);
        let headers = answer.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    answer
}

/// PostgreSQL stores no NUL character; SQLite would, so both refuse it at the door.
fn refuse_nul(request: &Request) -> Result<(), ApiError> {
    let in_query = request.uri().query().is_some_and(|q| q.contains("%00"));
    if in_query || request.uri().path().contains("%00") {
        return Err(ApiError::invalid("the address holds a NUL character"));
    }
    Ok(())
}

/// What an unknown path answers.
pub(crate) async fn no_such_path() -> ApiError {
    ApiError::not_found("no such path")
}

/// What a known path answers to a method it does not have.
pub(crate) async fn no_such_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no such method here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_name_field_and_value_but_no_secret() {
        let mut problems = Problems::default();
        problems.check(false, "quantity", 101, "must be 1 to 100");
        problems.add_secret("password", "must have at least 8 characters");
        problems.text("city", "Rome", 10);
        let error = problems.finish().unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            error.message(),
            "password must have at least 8 characters; quantity must be 1 to 100, got 101"
        );
    }

    #[test]
    fn a_store_failure_does_not_tell_its_cause() {
        let error = ApiError::from(sqlx::Error::Protocol("secret host".into()));
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(error.message(), "store unavailable");
    }
}
