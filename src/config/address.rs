//! Addresses as settings: `host:port` of an endpoint, address ranges, URLs that hold a password.

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};
use url::Url;

/// A text that is no valid address of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid address")]
pub struct InvalidAddress;

/// Host and port of an endpoint: an IPv4 address, `[IPv6]` or a host name, and a port from 1.
///
/// Kept in one form (lower case, shortest IPv6), so that equal endpoints compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The host name or IP address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, from 1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address where the host is one; none for a host name, which has to be resolved.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl FromStr for HostPort {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let host = match bracketed_ipv6(host) {
            Some(address) => address.to_string(),
            None => host_name(host).ok_or(InvalidAddress)?,
        };
        let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if port > 0 && digits_only => Ok(Self { host, port }),
            _ => Err(InvalidAddress),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A range of addresses such as `10.0.0.0/8`; a lone address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// True if the address lies in the range; an IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Cidr {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse::<IpNet>().map_err(|_| InvalidAddress)?,
        };
        // Bits behind the prefix are mostly a slip: 10.1.0.0/8 trusts more than it says.
        if net != net.trunc() {
            return Err(InvalidAddress);
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The URL of a Redis server, `redis://[user:password@]host[:port][/database]`.
///
/// Everything that prints it leaves out the password; only [`expose`](Self::expose) shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

impl RedisUrl {
    /// The URL with its password, for the client that connects.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for RedisUrl {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let url = Url::parse(text).map_err(|_| InvalidAddress)?;
        let database = url.path().trim_start_matches('/');
        let known = url.scheme() == "redis"
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.port() != Some(0)
            && (database.is_empty() || database.parse::<u16>().is_ok())
            && url.query().is_none()
            && url.fragment().is_none();
        known.then_some(Self(url)).ok_or(InvalidAddress)
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
            return f.write_str("redis://***");
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The host of a route: a host name or IPv4 address in lower case, or `[IPv6]`.
pub(super) fn route_host(text: &str) -> Option<String> {
    match bracketed_ipv6(text) {
        Some(address) => Some(format!("[{address}]")),
        None => host_name(text),
    }
}

/// A host name or IPv4 address in lower case; underscores are let through, container names have them.
fn host_name(text: &str) -> Option<String> {
    const LONGEST_NAME: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let label_is_fine = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let fine = text.len() <= LONGEST_NAME && text.split('.').all(label_is_fine);
    // A name that ends in a number is a mistyped IPv4 address: 10.0.0.256.
    let looks_like_ipv4 = text
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_ipv4 = text.parse::<std::net::Ipv4Addr>().is_ok();
    (fine && (is_ipv4 || !looks_like_ipv4)).then(|| text.to_ascii_lowercase())
}

fn bracketed_ipv6(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_port(text: &str) -> Result<String, InvalidAddress> {
        text.parse::<HostPort>().map(|address| address.to_string())
    }

    #[test]
    fn an_endpoint_is_an_ip_address_or_a_host_name_with_a_port() {
        assert_eq!(host_port("127.0.0.1:9001"), Ok("127.0.0.1:9001".into()));
        assert_eq!(host_port("[::0001]:80"), Ok("[::1]:80".into()));
        assert_eq!(
            host_port("User_Service-1.Local:1"),
            Ok("user_service-1.local:1".into())
        );
    }

    #[test]
    fn what_is_no_host_and_port_is_refused() {
        let wrong = [
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "a:-1",
            "::1:80",
            "[::1]",
            "[::1:80",
            "10.0.0.256:80",
            "1.2.3:80",
            "-a:80",
            "a..b:80",
            "a b:80",
            "http://a:80",
            "[a]:80",
            "user@a:80",
            "a/b:80",
            "[fe80::1%eth0]:80",
        ];
        for text in wrong {
            assert_eq!(host_port(text), Err(InvalidAddress), "{text}");
        }
    }

    #[test]
    fn only_a_literal_address_needs_no_resolving() {
        let ip = |text: &str| text.parse::<HostPort>().unwrap().ip();
        assert_eq!(ip("[::1]:80"), Some(IpAddr::from(Ipv6Addr::LOCALHOST)));
        assert_eq!(ip("localhost:80"), None);
    }

    #[test]
    fn a_range_contains_mapped_addresses_and_a_lone_address_itself() {
        let contains = |range: &str, address: &str| {
            let range: Cidr = range.parse().unwrap();
            range.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.200.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("::1", "::1"));
        assert!(!contains("10.0.0.1", "10.0.0.2"));
        assert!(!contains("0.0.0.0/0", "::1"));
    }

    #[test]
    fn ranges_with_bits_behind_the_prefix_are_refused() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "x", "10.0.0.0/", ""] {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidAddress), "{text}");
        }
    }

    #[test]
    fn a_password_is_printed_by_nothing_but_expose() {
        let url: RedisUrl = "redis://me:s3cret@redis:6379/2".parse().unwrap();
        let json = serde_json::to_string(&url).unwrap();
        let printed = format!("{url} {url:?} {json}");
        assert!(!printed.contains("s3cret"), "{printed}");
        assert!(printed.contains("redis:6379/2"), "{printed}");
        assert_eq!(url.expose(), "redis://me:s3cret@redis:6379/2");
    }

    #[test]
    fn only_plain_redis_urls_are_taken() {
        for text in ["redis://r", "redis://:p@[::1]:7/0"] {
            assert!(text.parse::<RedisUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "redis:",
            "redis://",
            "rediss://r",
            "http://r",
            "redis://r/x",
            "redis://r/?a=b",
            "redis://r#x",
            "redis://r:0",
        ] {
            assert!(text.parse::<RedisUrl>().is_err(), "{text}");
        }
    }
}
