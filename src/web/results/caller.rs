//! Where a request comes from and by which name it asks for surveyd.
//!
//! A proxy's headers are believed only if the connection comes from a trusted address. Everybody
//! else can write them too.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

use super::access::Access;
use crate::web::parts::texts;

/// The address that a connection comes from. It travels with each request.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub IpAddr);

/// The surroundings of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The address of the browser or the program. A trusted proxy's word counts for it.
    pub address: IpAddr,
    /// True if the connection itself comes from a trusted proxy.
    pub is_from_proxy: bool,
    /// The host with its port by which the browser knows surveyd.
    pub host: String,
    /// True if the browser speaks TLS. It must do so unless it asks on this very machine.
    pub is_tls: bool,
}

impl Caller {
    /// Returns nothing if the request names no host or more than one.
    pub fn of(headers: &HeaderMap, uri: &Uri, peer: IpAddr, access: &Access) -> Option<Self> {
        let is_from_proxy = access.trusts(peer);
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
        let host = host.to_str().ok().filter(|host| !host.is_empty())?;
        // RFC 9112 lets a request name its host a second time, in its first line.
        if uri.authority().is_some_and(|named| !named.as_str().eq_ignore_ascii_case(host)) {
            return None;
        }
        let told = |name: &str| is_from_proxy.then(|| last(headers, name)).flatten();
        let host = told("x-forwarded-host").unwrap_or(host).to_ascii_lowercase();
        let says_tls = told("x-forwarded-proto").is_some_and(|it| it.eq_ignore_ascii_case("https"));
        Some(Self {
            address: if is_from_proxy { before(headers, peer, access) } else { peer },
            is_from_proxy,
            is_tls: says_tls || !is_loopback(&host),
            host,
        })
    }
}

/// Returns the last of the values that proxies have added to a header.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = texts(headers, name).into_iter().next_back()?;
    value.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// Returns the address that the trusted proxies say a request came from. Each proxy adds to the end
/// of the list. So the last address that is no trusted proxy's is the nearest that is certain.
fn before(headers: &HeaderMap, peer: IpAddr, access: &Access) -> IpAddr {
    let values = texts(headers, "x-forwarded-for");
    let mut nearest = peer;
    for text in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Some(address) = address(text.trim()) else { break };
        nearest = address.to_canonical();
        if !access.trusts(nearest) {
            break;
        }
    }
    nearest
}

/// Reads an address that may have a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.split(']').next());
    let of_socket = || text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip());
    bare.unwrap_or(text).parse().ok().or_else(of_socket)
}

/// True if a host with its port is this very machine, as a browser on it would name it.
fn is_loopback(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        let v6 = v6.split(']').next().and_then(|v6| v6.parse::<IpAddr>().ok());
        return v6.is_some_and(|v6| v6.is_loopback());
    }
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::access::TrustedProxy;
    use super::*;

    fn access() -> Access {
        let trusts = Box::new(
            |address: IpAddr| matches!(address, IpAddr::V4(v4) if [10, 127].contains(&v4.octets()[0])),
        );
        Access::new(Vec::new(), Vec::new(), Some(TrustedProxy { header: None, trusts }))
    }

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn caller(peer: &str, given: &[(&'static str, &str)]) -> Option<Caller> {
        let uri = Uri::from_static("/login");
        Caller::of(&headers(given), &uri, peer.parse().unwrap(), &access())
    }

    #[test]
    fn only_a_trusted_proxy_says_who_asks_and_how() {
        let said = [
            ("host", "Surveys.acme.example"),
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.9"),
            ("x-forwarded-host", "evil.example, pulse.acme.example"),
            ("x-forwarded-proto", "https"),
        ];
        let by_proxy = caller("10.1.2.3", &said).unwrap();
        let expected = Caller {
            address: "198.51.100.7".parse().unwrap(),
            is_from_proxy: true,
            host: "pulse.acme.example".into(),
            is_tls: true,
        };
        assert_eq!(by_proxy, expected);
        let by_stranger = caller("203.0.113.1", &said).unwrap();
        let expected = Caller {
            address: "203.0.113.1".parse().unwrap(),
            is_from_proxy: false,
            host: "surveys.acme.example".into(),
            is_tls: true,
        };
        assert_eq!(by_stranger, expected);
    }

    #[test]
    fn an_address_that_cannot_be_read_leaves_the_nearest_that_can() {
        for (list, expected) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("203.0.113.9, unknown", "10.1.2.3"),
            ("unknown, 203.0.113.9", "203.0.113.9"),
            ("", "10.1.2.3"),
            ("unknown, 10.0.0.1", "10.0.0.1"),
        ] {
            let caller = caller("10.1.2.3", &[("host", "a"), ("x-forwarded-for", list)]).unwrap();
            assert_eq!(caller.address, expected.parse::<IpAddr>().unwrap(), "{list}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for host in ["localhost", "localhost:8471", "127.0.0.1:8471", "[::1]:8471", "a.localhost"] {
            assert!(!caller("203.0.113.1", &[("host", host)]).unwrap().is_tls, "{host}");
        }
        for host in ["surveys.acme.example", "10.0.0.1:8471", "localhost.example", "[fd00::1]"] {
            assert!(caller("203.0.113.1", &[("host", host)]).unwrap().is_tls, "{host}");
        }
        let over_tls = [("host", "localhost"), ("x-forwarded-proto", "https")];
        assert!(caller("127.0.0.1", &over_tls).unwrap().is_tls, "a trusted proxy says so");
        assert!(!caller("203.0.113.1", &over_tls).unwrap().is_tls, "anybody may say so");
    }

    #[test]
    fn a_request_names_one_host() {
        assert_eq!(caller("203.0.113.1", &[]), None);
        assert_eq!(caller("203.0.113.1", &[("host", "")]), None);
        assert_eq!(caller("203.0.113.1", &[("host", "a"), ("host", "a")]), None);
        let at = |uri: &'static str| {
            let headers = headers(&[("host", "acme.example")]);
            Caller::of(&headers, &Uri::from_static(uri), [203, 0, 113, 1].into(), &access())
        };
        assert!(at("http://acme.example/login").is_some());
        assert_eq!(at("http://evil.example/login"), None);
    }
}
