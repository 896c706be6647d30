//! What a request is for: its host, and the path that an upstream gets to see.

use pingora::http::RequestHeader;
use std::borrow::Cow;

/// The host a request is for, without its port: from the target where it has one, else Host.
pub(super) fn host_of(header: &RequestHeader) -> &str {
    let named = header.uri.host();
    let host = named
        .or_else(|| header.headers.get(http::header::HOST)?.to_str().ok())
        .unwrap_or_default();
    match host.strip_prefix('[') {
        Some(_) => host
            .split_once(']')
            .map_or(host, |(address, _)| &host[..=address.len()]),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// Path and query for the upstream: without the leading `prefix`, byte for byte otherwise.
/// `None` when they are what the client sent.
pub(super) fn upstream_target(header: &RequestHeader, prefix: Option<&str>) -> Option<Vec<u8>> {
    let sent = header.raw_path();
    let origin = origin_form(sent);
    match prefix {
        Some(prefix) => Some(without_prefix(&origin, prefix)),
        None if *origin == *sent => None,
        None => Some(origin.into_owned()),
    }
}

/// A target such as `http://host/path` without its scheme and authority: only proxies are sent
/// those (RFC 9112, 3.2.1), and an upstream is none. Other targets as they are.
fn origin_form(target: &[u8]) -> Cow<'_, [u8]> {
    if target.starts_with(b"/") {
        return Cow::Borrowed(target);
    }
    let Some(scheme_end) = target.windows(3).position(|part| part == b"://") else {
        return Cow::Borrowed(target);
    };
    let rest = &target[scheme_end + 3..];
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
        Some(start) if rest[start] == b'/' => Cow::Borrowed(&rest[start..]),
        Some(start) => Cow::Owned([b"/", &rest[start..]].concat()),
        None => Cow::Borrowed(b"/"),
    }
}

/// `raw` (path and query) without the leading `prefix`; it starts with a slash in any case.
fn without_prefix(raw: &[u8], prefix: &str) -> Vec<u8> {
    match raw.strip_prefix(prefix.as_bytes()) {
        Some(rest) if rest.starts_with(b"/") => rest.to_vec(),
        Some(rest) => [b"/", rest].concat(),
        None => raw.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_without_its_port() {
        for (sent, host) in [
            ("a.example:8080", "a.example"),
            ("a.example", "a.example"),
            ("[::1]:80", "[::1]"),
        ] {
            let mut header = RequestHeader::build("GET", b"/", None).expect("a request");
            header.insert_header("host", sent).expect("a header");
            assert_eq!(host_of(&header), host);
        }
    }

    #[test]
    fn a_stripped_path_keeps_its_query_and_starts_with_a_slash() {
        assert_eq!(
            without_prefix(b"/proxy/user-service/api?x=1", "/proxy/user-service"),
            b"/api?x=1"
        );
        assert_eq!(
            without_prefix(b"/proxy/user-service", "/proxy/user-service"),
            b"/"
        );
        assert_eq!(
            without_prefix(b"/proxy/user-service?x", "/proxy/user-service"),
            b"/?x"
        );
        assert_eq!(without_prefix(b"/a%2Fb/%zz", ""), b"/a%2Fb/%zz");
    }

    #[test]
    fn an_absolute_target_loses_scheme_and_authority_only() {
        for (sent, expected) in [
            ("http://h:80/a%2Fb?x=http://y/", "/a%2Fb?x=http://y/"),
            ("http://h", "/"),
            ("http://h?q", "/?q"),
            ("/x?u=http://y", "/x?u=http://y"),
            ("*", "*"),
        ] {
            assert_eq!(
                *origin_form(sent.as_bytes()),
                *expected.as_bytes(),
                "{sent}"
            );
        }
    }
}
