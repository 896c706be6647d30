//! The two identifiers that travel with a request: `X-Trace-Id` and `X-Request-Id`.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::instance::Instance;

const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Identifiers of one request, stamped on its answer.
#[derive(Debug)]
pub(super) struct Trace {
    trace_id: HeaderValue,
    request_id: Option<HeaderValue>,
}

impl Trace {
    /// Takes both from the request; a trace id missing or malformed is replaced by a fresh one.
    pub(super) fn of(headers: &HeaderMap, instance: &Instance) -> Trace {
        let given = headers
            .get(TRACE_ID)
            .filter(|id| is_trace_id(id.as_bytes()));
        Trace {
            trace_id: given.cloned().unwrap_or_else(|| fresh(instance)),
            request_id: headers.get(REQUEST_ID).cloned(),
        }
    }

    /// The request id as text, where the request had one.
    pub(super) fn request_id(&self) -> Option<String> {
        let id = self.request_id.as_ref()?;
        Some(String::from_utf8_lossy(id.as_bytes()).into_owned())
    }

    pub(super) fn stamp(self, headers: &mut HeaderMap) {
        headers.insert(TRACE_ID, self.trace_id);
        if let Some(request_id) = self.request_id {
            headers.insert(REQUEST_ID, request_id);
        }
    }
}

fn fresh(instance: &Instance) -> HeaderValue {
    HeaderValue::try_from(instance.new_trace_id()).expect("invariant: hexadecimal digits only")
}

fn is_trace_id(id: &[u8]) -> bool {
    id.len() == 32 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
