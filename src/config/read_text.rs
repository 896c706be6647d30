//! Reads texts of a certain form: names, file paths, URL paths, hosts, headers; and uniqueness.

use super::{address, cursor::Place};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    path::PathBuf,
};

/// Longest name, in bytes; names are repeated in every metric and log line.
const LONGEST_NAME: usize = 64;

/// A name that may become a metric label or part of a key. The text comes back even after a
/// problem, so that references to it are not reported as well.
pub(super) fn name(place: &Place<'_>) -> String {
    let Some(text) = place.text() else {
        return String::new();
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        place.problem("not a name (1 to 64 of A-Z a-z 0-9 _ . -)");
    }
    text.to_owned()
}

/// A file path, kept as written.
pub(super) fn file_path(place: &Place<'_>) -> Option<PathBuf> {
    let text = place.text()?;
    if text.is_empty() || text.contains('\0') {
        place.problem("not a file path");
        return None;
    }
    Some(PathBuf::from(text))
}

/// The start of a URL path: from its `/`, without query.
pub(super) fn path_prefix(place: &Place<'_>) -> Option<String> {
    let text = place.text()?;
    let visible = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !text.starts_with('/') || !text.bytes().all(visible) {
        place.problem("not a path (starts with /, no spaces, no query)");
        return None;
    }
    Some(text.to_owned())
}

/// A URL path with or without a query.
pub(super) fn path_and_query(place: &Place<'_>) -> Option<String> {
    let text = place.text()?;
    let parsed = text.parse::<http::uri::PathAndQuery>();
    if !text.starts_with('/') || !parsed.is_ok_and(|parsed| parsed.as_str() == text) {
        place.problem("not a path (starts with /, no spaces, no fragment)");
        return None;
    }
    Some(text.to_owned())
}

/// The host of a route, in lower case: a host name, `*.suffix`, an address.
pub(super) fn host_pattern(place: &Place<'_>) -> Option<String> {
    let text = place.text()?;
    let host = match text.strip_prefix("*.") {
        Some(suffix) => address::route_host(suffix).map(|suffix| format!("*.{suffix}")),
        None => address::route_host(text),
    };
    if host.is_none() {
        place.problem("not a host (write a.example or *.example, without a port)");
    }
    host
}

/// The value of a Host header: a host, with or without a port.
pub(super) fn host_header(place: &Place<'_>) -> Option<String> {
    let text = place.text()?;
    let with_port = text.parse::<address::HostPort>().is_ok();
    if !with_port && address::route_host(text).is_none() {
        place.problem("not a host (write a.example or a.example:8080)");
        return None;
    }
    Some(text.to_owned())
}

/// The name of a header, in lower case.
pub(super) fn header_name(place: &Place<'_>) -> Option<String> {
    let name: http::HeaderName = place.parse("a header name")?;
    Some(name.as_str().to_owned())
}

/// Notices a value that was there before.
#[derive(Debug)]
pub(super) struct Once<K> {
    seen: HashMap<K, String>,
}

impl<K: Hash + Eq> Once<K> {
    pub(super) fn new() -> Self {
        let seen = HashMap::new();
        Self { seen }
    }

    /// Reports `key` at `place` if it was there before, and says where.
    pub(super) fn check(&mut self, key: K, place: &Place<'_>) {
        match self.seen.entry(key) {
            Entry::Occupied(first) => place.problem(format!("is the same as {}", first.get())),
            Entry::Vacant(vacant) => {
                vacant.insert(place.path().to_owned());
            }
        }
    }
}
