//! Headers that tell an upstream whom a request came from: X-Forwarded-For, -Proto, -Host
//! and Forwarded (RFC 7239). What a client sends in them counts only when it is a trusted
//! proxy; anyone else's are replaced, else an address could be forged.

use crate::config::Cidr;
use pingora::http::RequestHeader;
use std::{fmt::Write, net::IpAddr};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const FORWARDED: &str = "forwarded";

#[derive(Debug)]
pub(super) struct Forwarded {
    trusted: Vec<Cidr>,
}

impl Forwarded {
    pub(super) fn new(trusted: &[Cidr]) -> Self {
        Self {
            trusted: trusted.to_vec(),
        }
    }

    pub(super) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_some_and(|peer| self.trusted.iter().any(|network| network.contains(peer)))
    }
}

/// Sets the headers on a request to an upstream. `request` still carries the client's.
///
/// # Errors
/// None in practice: the values are made from addresses and checked headers.
pub fn set_forwarding_headers(
    request: &mut RequestHeader,
    peer: Option<IpAddr>,
    scheme: &'static str,
    trusted_peer: bool,
) -> pingora::Result<()> {
    let host = request.headers.get(http::header::HOST).cloned();
    let mut element = String::with_capacity(96);
    describe(
        &mut element,
        peer,
        host.as_ref().and_then(|h| h.to_str().ok()),
        scheme,
    );
    let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
    if trusted_peer {
        append(request, FOR, &peer)?;
        append(request, FORWARDED, &element)?;
    } else {
        request.insert_header(FOR, &peer)?;
        request.insert_header(FORWARDED, &element)?;
    }
    if !(trusted_peer && request.headers.contains_key(PROTO)) {
        request.insert_header(PROTO, scheme)?;
    }
    if !(trusted_peer && request.headers.contains_key(HOST)) {
        match host {
            Some(host) => request.insert_header(HOST, host)?,
            None => drop(request.remove_header(HOST)),
        }
    }
    Ok(())
}

/// One element of Forwarded. The host is quoted; a quote or backslash in it drops it.
fn describe(element: &mut String, peer: Option<IpAddr>, host: Option<&str>, scheme: &str) {
    let written = match peer {
        Some(IpAddr::V4(address)) => write!(element, "for={address}"),
        Some(IpAddr::V6(address)) => write!(element, "for=\"[{address}]\""),
        None => write!(element, "for=unknown"),
    };
    written.expect("writing to a string cannot fail");
    if let Some(host) = host.filter(|host| !host.contains(['"', '\\'])) {
        element.push_str(";host=\"");
        element.push_str(host);
        element.push('"');
    }
    element.push_str(";proto=");
    element.push_str(scheme);
}

/// Adds to the end of a list header, joining several lines into one.
fn append(request: &mut RequestHeader, name: &'static str, value: &str) -> pingora::Result<()> {
    let mut list = Vec::new();
    for line in request.headers.get_all(name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(value.as_bytes());
    request.insert_header(name, list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).expect("a request");
        for (name, value) in [
            ("host", "shop.example"),
            (FOR, "6.6.6.6"),
            (PROTO, "https"),
            (FORWARDED, "for=6.6.6.6"),
        ] {
            request.insert_header(name, value).expect("a header");
        }
        request
    }

    #[test]
    fn an_untrusted_client_cannot_forge_its_address() {
        let mut request = request();
        set_forwarding_headers(&mut request, Some([10, 0, 0, 1].into()), "http", false)
            .expect("valid");
        assert_eq!(request.headers[FOR], "10.0.0.1");
        assert_eq!(request.headers[PROTO], "http");
        assert_eq!(request.headers[HOST], "shop.example");
        assert_eq!(
            request.headers[FORWARDED],
            "for=10.0.0.1;host=\"shop.example\";proto=http"
        );
    }

    #[test]
    fn a_trusted_proxy_is_appended_to_its_list_and_believed_about_the_scheme() {
        let mut request = request();
        set_forwarding_headers(
            &mut request,
            Some("::1".parse().expect("an address")),
            "http",
            true,
        )
        .expect("valid");
        assert_eq!(request.headers[FOR], "6.6.6.6, ::1");
        assert_eq!(request.headers[PROTO], "https");
        assert_eq!(
            request.headers[FORWARDED],
            "for=6.6.6.6, for=\"[::1]\";host=\"shop.example\";proto=http"
        );
    }
}
