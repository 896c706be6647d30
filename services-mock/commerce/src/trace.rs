//! The trace that a request belongs to: taken from its headers, stamped on its answer, handed to
//! calls of other services and kept beside work that is done later.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::ids::Ids;

const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// 32 lower-case hexadecimal digits that all work for one request of a client shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace(String);

impl Trace {
    /// From `X-Trace-Id`, else from `traceparent`, else fresh.
    pub(crate) fn of(headers: &HeaderMap, ids: &Ids) -> Trace {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = text(TRACE_PARENT).and_then(|parent| parent.split('-').nth(1));
        let given = [text(TRACE_ID), parent].into_iter().flatten();
        given
            .filter_map(Trace::from_id)
            .next()
            .unwrap_or_else(|| Trace::fresh(ids))
    }

    /// A trace that begins here, for work that no request asked for.
    pub(crate) fn fresh(ids: &Ids) -> Trace {
        Trace(ids.trace())
    }

    /// The trace of an id that was kept; none when it is malformed.
    pub(crate) fn from_id(id: &str) -> Option<Trace> {
        let digits = id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (id.len() == 32 && digits).then(|| Trace(id.to_owned()))
    }

    /// The id, to be kept beside work.
    pub(crate) fn id(&self) -> &str {
        &self.0
    }

    /// The two headers of a call that belongs to the trace.
    pub(crate) fn headers(&self, ids: &Ids) -> [(HeaderName, String); 2] {
        let parent = format!("00-{}-{}-01", self.0, ids.span());
        [(TRACE_ID, self.0.clone()), (TRACE_PARENT, parent)]
    }
}

/// Finds the trace of each request and stamps its answer.
pub(crate) async fn follow(State(ids): State<Ids>, mut request: Request, next: Next) -> Response {
    let trace = Trace::of(request.headers(), &ids);
    request.extensions_mut().insert(trace.clone());
    let mut answer = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(trace.id()) {
        answer.headers_mut().insert(TRACE_ID, value);
    }
    answer
}

impl<S: Send + Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Trace, Infallible> {
        let followed = parts.extensions.get::<Trace>().cloned();
        Ok(followed.unwrap_or_else(|| Trace("0".repeat(32))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn of(headers: &[(HeaderName, &str)]) -> Trace {
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()));
        Trace::of(&headers.collect(), &Ids::seeded(1))
    }

    #[test]
    fn the_trace_comes_from_either_header() {
        assert_eq!(of(&[(TRACE_ID, ID)]).id(), ID);
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        assert_eq!(of(&[(TRACE_PARENT, &parent)]).id(), ID);
        assert_eq!(of(&[(TRACE_ID, "bad"), (TRACE_PARENT, &parent)]).id(), ID);
    }

    #[test]
    fn a_missing_or_malformed_trace_is_replaced() {
        for headers in [&[][..], &[(TRACE_ID, "XYZ")], &[(TRACE_PARENT, "00")]] {
            assert_eq!(of(headers).id().len(), 32);
        }
    }
}
