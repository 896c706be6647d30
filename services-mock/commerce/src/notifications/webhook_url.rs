//! Which addresses webhooks may go to.

use http::Uri;

const LONGEST: usize = 500;
/// What is said of an address that is not usable.
pub(crate) const RULE: &str = "must be http://host[:port]/path of at most 500 characters";

/// Whether it is an address that the client can reach: it speaks no TLS.
pub(crate) fn is_usable(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().is_some_and(|host| !host.is_empty());
    // A user's name in the address would end up in logs and lists.
    let plain = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    url.len() <= LONGEST && uri.scheme_str() == Some("http") && host && plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_usable() {
        assert!(is_usable("http://localhost:80/hook?x=1") && is_usable("http://[::1]:1"));
        let long = format!("http://a/{}", "x".repeat(500));
        for url in [
            "",
            "a",
            "/a",
            "https://a",
            "ftp://a",
            "http://",
            "http://u:p@a",
            &long,
        ] {
            assert!(!is_usable(url), "{url}");
        }
    }
}
