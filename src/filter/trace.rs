//! Identifiers that tie log lines of different hops together: X-Request-Id and the W3C
//! `traceparent` (<https://www.w3.org/TR/trace-context/>). Passed on where the client sent
//! usable ones, else made here.

use http::HeaderValue;
use pingora::http::RequestHeader;

/// Longest X-Request-Id that is passed on; longer ones are replaced.
const REQUEST_ID_MAX: usize = 128;

/// The identifiers of one request.
#[derive(Clone, Debug)]
pub struct Trace {
    request_id: HeaderValue,
    /// `None` where the client's own is passed on.
    new_traceparent: Option<HeaderValue>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            request_id: HeaderValue::from_static("-"),
            new_traceparent: None,
        }
    }
}

impl Trace {
    pub(super) fn of(header: &RequestHeader) -> Self {
        let sent = header
            .headers
            .get("x-request-id")
            .filter(|id| is_usable_id(id.as_bytes()));
        let request_id = sent.cloned().unwrap_or_else(new_request_id);
        let traced = header
            .headers
            .get("traceparent")
            .is_some_and(|value| is_traceparent(value.as_bytes()));
        Self {
            request_id,
            new_traceparent: (!traced).then(new_traceparent),
        }
    }

    /// For logs and the response.
    pub fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    /// Puts the identifiers on a request to an upstream.
    ///
    /// # Errors
    /// None in practice: the values were checked or made here.
    pub fn set_headers(&self, request: &mut RequestHeader) -> pingora::Result<()> {
        request.insert_header("x-request-id", self.request_id.clone())?;
        match &self.new_traceparent {
            Some(value) => {
                // tracestate belongs to the traceparent that was not usable.
                request.remove_header("tracestate");
                request.insert_header("traceparent", value.clone())
            }
            None => Ok(()),
        }
    }
}

fn is_usable_id(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.iter().all(|byte| byte.is_ascii_graphic())
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, neither identifier all zero.
fn is_traceparent(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let mut parts = text.split('-');
    let mut next_is_hex = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let shape = next_is_hex(2) && next_is_hex(32) && next_is_hex(16) && next_is_hex(2);
    let not_zero = |range: std::ops::Range<usize>| {
        text.get(range)
            .is_some_and(|id| id.bytes().any(|b| b != b'0'))
    };
    shape && !text.starts_with("ff") && not_zero(3..35) && not_zero(36..52)
}

fn new_request_id() -> HeaderValue {
    value_of(&hex(&rand::random::<[u8; 16]>()))
}

fn new_traceparent() -> HeaderValue {
    // An identifier of only zeros would be invalid; its chance is 2^-64.
    let (trace, span) = (rand::random::<[u8; 16]>(), rand::random::<[u8; 8]>());
    let mut text = Vec::with_capacity(55);
    text.extend_from_slice(b"00-");
    text.extend_from_slice(&hex(&trace));
    text.push(b'-');
    text.extend_from_slice(&hex(&span)[..16]);
    text.extend_from_slice(b"-01");
    value_of(&text)
}

fn value_of(ascii: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(ascii).expect("hexadecimal digits and dashes are valid in a header")
}

fn hex<const N: usize>(bytes: &[u8; N]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 32];
    for (place, byte) in text.chunks_exact_mut(2).zip(bytes) {
        place[0] = DIGITS[usize::from(byte >> 4)];
        place[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pairs: &[(&'static str, &str)]) -> RequestHeader {
        let mut header = RequestHeader::build("GET", b"/", None).expect("a request");
        for (name, value) in pairs {
            header.insert_header(*name, *value).expect("a header");
        }
        header
    }

    #[test]
    fn usable_identifiers_are_passed_on() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::of(&header(&[
            ("x-request-id", "abc-1"),
            ("traceparent", traceparent),
        ]));
        let mut upstream = header(&[("traceparent", traceparent), ("tracestate", "a=1")]);
        trace.set_headers(&mut upstream).expect("valid values");
        assert_eq!(upstream.headers["x-request-id"], "abc-1");
        assert_eq!(upstream.headers["traceparent"], traceparent);
        assert_eq!(upstream.headers["tracestate"], "a=1");
    }

    #[test]
    fn missing_or_broken_identifiers_are_made_anew() {
        let broken = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for sent in [
            &[][..],
            &[("x-request-id", "with space"), ("traceparent", broken)],
        ] {
            let trace = Trace::of(&header(sent));
            let mut upstream = header(&[("tracestate", "a=1")]);
            trace.set_headers(&mut upstream).expect("valid values");
            assert_eq!(upstream.headers["x-request-id"].len(), 32);
            assert!(is_traceparent(upstream.headers["traceparent"].as_bytes()));
            assert!(!upstream.headers.contains_key("tracestate"));
        }
    }

    #[test]
    fn two_requests_get_different_identifiers() {
        let (one, two) = (Trace::of(&header(&[])), Trace::of(&header(&[])));
        assert_ne!(one.request_id(), two.request_id());
    }
}
