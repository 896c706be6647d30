//! Which addresses an untrusted registry record may point the proxy at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` may be an endpoint: not link-local (where clouds serve credentials), not
/// unspecified (which connects to the proxy's own host), not multicast, not broadcast.
/// An IPv4 address dressed as IPv6 is judged as what it is.
pub(super) fn is_allowed(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_allowed_v4(v4),
        IpAddr::V6(v6) => is_allowed_v6(v6),
    }
}

fn is_allowed_v4(address: Ipv4Addr) -> bool {
    let this_network = address.octets()[0] == 0;
    !(this_network || address.is_link_local() || address.is_multicast() || address.is_broadcast())
}

fn is_allowed_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_unicast_link_local() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_are_allowed() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "8.8.8.8",
            "::1",
            "fd00::7",
            "2001:db8::1",
        ] {
            assert!(
                is_allowed(text.parse().unwrap()),
                "{text} should be allowed"
            );
        }
    }

    #[test]
    fn addresses_that_are_no_endpoint_are_refused() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
        ] {
            assert!(
                !is_allowed(text.parse().unwrap()),
                "{text} should be refused"
            );
        }
    }
}
