//! Headers of a response that are meant for the next hop only (RFC 9110, 7.6.1). Pingora takes
//! them off requests, but passes those of responses on.

use http::{HeaderName, header};
use pingora::http::ResponseHeader;

/// Meant for one hop whether `Connection` names them or not.
const ALWAYS: [HeaderName; 3] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::UPGRADE,
];
/// Pingora frames the message by these and writes `Connection` anew.
const OF_THE_MESSAGE: [HeaderName; 3] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// Takes off what the upstream meant for us alone.
pub fn strip_hop_by_hop(response: &mut ResponseHeader) {
    for name in nominated(response).iter().chain(&ALWAYS) {
        response.remove_header(name);
    }
}

/// The headers that `Connection` names. Empty, without an allocation, for the usual values.
fn nominated(response: &ResponseHeader) -> Vec<HeaderName> {
    let lines = response.headers.get_all(header::CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !is_option(name))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| !OF_THE_MESSAGE.contains(name))
        .collect()
}

fn is_option(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"close") || name.eq_ignore_ascii_case(b"keep-alive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_headers_go_and_framing_stays() {
        let mut response = ResponseHeader::build(200, None).expect("a response");
        for (name, value) in [
            ("connection", "close, X-Hop ,content-length"),
            ("connection", "x-other,,no name"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("x-kept", "1"),
            ("content-length", "0"),
        ] {
            response.append_header(name, value).expect("a header");
        }
        strip_hop_by_hop(&mut response);
        let mut left: Vec<_> = response.headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["connection", "content-length", "x-kept"]);
    }
}
