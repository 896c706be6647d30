//! The identifiers that travel with a request: `X-Trace-Id`, `X-Request-Id` and W3C `traceparent`.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::instance::Instance;

const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Identifiers of one request, stamped on its answer.
#[derive(Debug)]
pub(super) struct Trace {
    trace_id: HeaderValue,
    /// With a span of this instance's own; in shop mode alone.
    parent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
}

impl Trace {
    /// The trace id comes from `X-Trace-Id`, else from `traceparent`, else it is fresh; a malformed
    /// one is as good as none.
    pub(super) fn of(headers: &HeaderMap, instance: &Instance) -> Trace {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text(TRACE_ID).filter(|id| is_hex(id, 32));
        let parent = text(TRACE_PARENT).and_then(Parent::read);
        let given = given.or(parent.map(|parent| parent.trace_id));
        let trace_id = given.map_or_else(|| instance.new_trace_id(), str::to_owned);
        let flags = parent.map_or("01", |parent| parent.flags);
        let written = || format!("00-{trace_id}-{}-{flags}", instance.new_span_id());
        Trace {
            parent: instance.shop.as_ref().map(|_| header(&written())),
            trace_id: header(&trace_id),
            request_id: headers.get(REQUEST_ID).cloned(),
        }
    }

    /// The request id as text, where the request had one.
    pub(super) fn request_id(&self) -> Option<String> {
        let id = self.request_id.as_ref()?;
        Some(String::from_utf8_lossy(id.as_bytes()).into_owned())
    }

    /// Puts the trace on a request for the real service, so that it stamps and logs the same.
    pub(super) fn hand_on(&self, headers: &mut HeaderMap) {
        headers.insert(TRACE_ID, self.trace_id.clone());
        if let Some(parent) = &self.parent {
            headers.insert(TRACE_PARENT, parent.clone());
        }
    }

    pub(super) fn stamp(self, headers: &mut HeaderMap) {
        self.hand_on(headers);
        if let Some(request_id) = self.request_id {
            headers.insert(REQUEST_ID, request_id);
        }
    }
}

/// What is used of a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Parent<'a> {
    trace_id: &'a str,
    flags: &'a str,
}

impl<'a> Parent<'a> {
    /// `00-<32 digits>-<16 digits>-<2 digits>`; later versions may have more at the end.
    fn read(text: &'a str) -> Option<Parent<'a>> {
        let mut parts = text.split('-');
        let (version, trace_id) = (parts.next()?, parts.next()?);
        let (span_id, flags) = (parts.next()?, parts.next()?);
        let is_known = is_hex(version, 2) && version != "ff";
        let is_whole = version != "00" || parts.next().is_none();
        let is_set = |id: &str| id.bytes().any(|digit| digit != b'0');
        let fits = is_hex(trace_id, 32) && is_hex(span_id, 16) && is_hex(flags, 2);
        (is_known && is_whole && fits && is_set(trace_id) && is_set(span_id))
            .then_some(Parent { trace_id, flags })
    }
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("invariant: hexadecimal digits and dashes only")
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_is_read_as_w3c_writes_it() {
        let id = "0123456789abcdef0123456789abcdef";
        let read = |text: &str| Parent::read(text).map(|parent| parent.trace_id.to_owned());
        let span = "00f067aa0ba902b7";
        assert_eq!(read(&format!("00-{id}-{span}-01")).as_deref(), Some(id));
        assert_eq!(
            read(&format!("01-{id}-{span}-01-more")).as_deref(),
            Some(id)
        );
        let zeros = "0".repeat(32);
        for wrong in [
            "",
            "00",
            &format!("ff-{id}-{span}-01"),
            &format!("00-{id}-{span}-01-more"),
            &format!("00-{zeros}-{span}-01"),
            &format!("00-{id}-0000000000000000-01"),
            &format!("00-{}-{span}-01", id.to_uppercase()),
            &format!("00-{id}-{span}"),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
