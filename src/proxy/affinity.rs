//! What ties a request to an endpoint, for the policy `ring_hash`.

use crate::config;
use pingora::http::RequestHeader;
use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    net::IpAddr,
};

/// Hash of what ties a request to an endpoint: a header's value, else the client's address.
pub(super) fn key(policy: &config::Policy, header: &RequestHeader, peer: Option<IpAddr>) -> u64 {
    let config::Policy::RingHash { header: name } = policy else {
        return 0;
    };
    // Fixed keys: two proxies must send equal keys to equal endpoints.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    match name
        .as_ref()
        .and_then(|name| header.headers.get(name.as_str()))
    {
        Some(value) => hasher.hash_one(value.as_bytes()),
        None => peer.map_or(0, |peer| hasher.hash_one(peer)),
    }
}
