//! Reads `http.proxy`: whom surveyd believes when they say who has signed in.

use std::net::IpAddr;

use ipnet::IpNet;

use super::ProxyConfig;
use crate::config::fault_collector::ConfigTable;
use crate::config::given::{GivenValue, Wrong, quoted};
use crate::config::lists;

const HEADER_CHARACTERS_MAX: usize = 64;

/// Reads `proxy` of `[http]`. The outer `None` means that it is faulty.
pub fn read(http: &mut ConfigTable) -> Option<Option<ProxyConfig>> {
    let is_given = http.holds("proxy");
    let is_no_table = http.holds_no_table("proxy");
    let mut table = http.table("proxy");
    if !is_given || is_no_table {
        table.abandon();
        return (!is_given).then_some(None);
    }
    let header = table.required("header", "\"X-Forwarded-User\"", header);
    let from = table.required("from", "[\"127.0.0.1\"]", networks);
    table.close(&[]);
    Some(Some(ProxyConfig { header: header?, from: from? }))
}

/// Reads a header's name, a token of RFC 9110 (section 5.6.2).
fn header(given: &GivenValue) -> Result<String, Wrong> {
    let text = given.text()?;
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match (1..=HEADER_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_of_token) {
        true => Ok(text.to_owned()),
        false => Err(Wrong::new(
            "is not the name of a header",
            "write the header in which the proxy names who signed in, as X-Forwarded-User",
        )),
    }
}

fn networks(given: &GivenValue) -> Result<Vec<IpNet>, Wrong> {
    lists::texts(given)?.iter().map(|text| network(text)).collect()
}

/// Reads an address or a network such as `10.0.0.0/8`.
fn network(text: &str) -> Result<IpNet, Wrong> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    let Some(network) = address.or_else(|| text.parse::<IpNet>().ok()) else {
        return Err(Wrong::new(
            format!("holds {}, which is neither an address nor a network", quoted(text)),
            "write the proxy's address as 127.0.0.1 or ::1, or its network as 10.0.0.0/8",
        ));
    };
    if network.trunc() != network {
        return Err(Wrong::new(
            format!("holds {}, which is an address within {}", quoted(text), network.trunc()),
            format!("write {}, or {} alone", network.trunc(), network.addr()),
        ));
    }
    // An IPv4 client of an IPv6 socket counts as its IPv4 address. No other form would match.
    if network.addr().to_canonical() != network.addr() {
        return Err(Wrong::new(
            format!("holds {}, which is IPv4 in the form of IPv6", quoted(text)),
            format!("write it as IPv4, as {}", network.addr().to_canonical()),
        ));
    }
    Ok(network)
}
