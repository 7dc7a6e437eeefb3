//! Says which addresses a message may be sent to.
//!
//! An alert's address is data: whoever can write it could make surveyd ask machines that only
//! surveyd can reach, such as a cloud's metadata service (server-side request forgery). So messages
//! go to addresses of the open internet only, unless the operator allows others.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 networks that are not global (IANA IPv4 Special-Purpose Address Registry), as address
/// and prefix length. One is Azure's host service, which only the machines there can reach.
const IPV4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved and broadcast.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The IPv6 networks that are not global, as the first four groups and prefix length. Whatever lies
/// outside 2000::/3 is not global either, save for the networks that carry IPv4.
const IPV6: [([u16; 4], u32); 4] = [
    // Protocol assignments, with Teredo.
    ([0x2001, 0, 0, 0], 23),
    ([0x2001, 0x0db8, 0, 0], 32),
    ([0x3fff, 0, 0, 0], 20),
    // The 6bone, given back.
    ([0x3ffe, 0, 0, 0], 16),
];

/// True if the address is one of the open internet. An IPv6 address that carries an IPv4 address is
/// judged by that one. One that ends in another's name on its network must be global in both ways.
pub fn is_global(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(address) => return is_global_ipv4(address),
        IpAddr::V6(address) => address,
    };
    let is_global = match carried(address) {
        Some(inner) => is_global_ipv4(inner),
        None => is_global_ipv6(address),
    };
    is_global && of_isatap(address).is_none_or(is_global_ipv4)
}

fn is_global_ipv4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    IPV4.iter().all(|(network, length)| {
        let network = Ipv4Addr::from(*network).to_bits();
        (bits ^ network).leading_zeros() < *length
    })
}

fn is_global_ipv6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let is_within = |groups: [u16; 4], length: u32| {
        let [a, b, c, d] = groups;
        let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_bits();
        (bits ^ network).leading_zeros() >= length
    };
    is_within([0x2000, 0, 0, 0], 3)
        && IPV6.iter().all(|(groups, length)| !is_within(*groups, *length))
}

/// The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), translated
/// (::ffff:0:0:0/96 and 64:ff9b::/96) or 6to4 (2002::/16).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(joined(g, h))
        }
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

/// The IPv4 address of a machine that is reached by ISATAP (RFC 5214): the prefix is its network's,
/// and `0:5efe` or `200:5efe` stands before the address.
fn of_isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., e, f, g, h] = address.segments();
    (f == 0x5efe && matches!(e, 0 | 0x200)).then(|| joined(g, h))
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// The address that a URL's host is, if it is no name. `host` is as the WHATWG URL parser writes
/// it: every spelling of an IPv4 address has become four decimal numbers.
pub fn of_host(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Why no message may be sent to a URL's host. `None` if nothing is wrong with it so far: a name
/// must still be looked up.
pub fn refusal(host: &str) -> Option<String> {
    if let Some(address) = of_host(host) {
        let is_private = !is_global(address);
        return is_private.then(|| format!("{address} is no address of the open internet"));
    }
    // These never leave the machine (RFC 6761, section 6.3).
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_own = name == "localhost" || name.ends_with(".localhost");
    is_own.then(|| format!("{name} is this machine itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(text: &str) -> bool {
        is_global(text.parse().unwrap())
    }

    #[test]
    fn the_first_and_last_address_of_each_private_network_is_not_global_and_its_neighbours_are() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
        ] {
            assert!(!global(first) && !global(last), "{first} {last}");
            let bits = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
            let beside = [bits(first).checked_sub(1), bits(last).checked_add(1)];
            for address in beside.into_iter().flatten().map(Ipv4Addr::from_bits) {
                assert!(is_global(address.into()), "{address}");
            }
        }
        for address in ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "100.128.0.1"] {
            assert!(global(address), "{address}");
        }
    }

    #[test]
    fn ipv6_is_global_within_2000_and_without_its_special_networks() {
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "3ffe::1",
            "3fff:fff::1",
            "4000::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "1fff::1",
        ] {
            assert!(!global(address), "{address}");
        }
        for address in ["2001:200::1", "2606:4700::1111", "2a00:1450::1", "2003::1", "3fff:1000::1"]
        {
            assert!(global(address), "{address}");
        }
    }

    #[test]
    fn an_ipv6_address_that_carries_ipv4_is_judged_by_it() {
        for (form, private, public) in [
            ("::ffff:", "127.0.0.1", "8.8.8.8"),
            ("::ffff:0:", "10.0.0.1", "8.8.8.8"),
            ("64:ff9b::", "169.254.169.254", "8.8.8.8"),
        ] {
            assert!(!global(&format!("{form}{private}")), "{form}{private}");
            assert!(global(&format!("{form}{public}")), "{form}{public}");
        }
        assert!(!global("2002:7f00:1::1") && !global("2002:a9fe:a9fe::1"));
        assert!(global("2002:808:808::1"));
        for (network, is_open) in
            [("2606:4700", true), ("2002:808:808", true), ("2002:a00:1", false), ("fe80", false)]
        {
            for form in [":0:5efe", ":200:5efe"] {
                let of = |inner: &str| format!("{network}:{form}:{inner}");
                for inner in ["127.0.0.1", "10.0.0.1", "168.63.129.16", "a9fe:a9fe"] {
                    assert!(!global(&of(inner)), "{}", of(inner));
                }
                assert_eq!(global(&of("8.8.8.8")), is_open, "{}", of("8.8.8.8"));
            }
        }
        // Teredo carries the address of a client, turned round. No such address is global.
        for address in ["2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:0:4136:e378::f7f7:f7f7"] {
            assert!(!global(address), "{address}");
        }
        for address in ["::10.0.0.1", "::8.8.8.8", "64:ff9b:1::10.0.0.1", "64:ff9b:1::8.8.8.8"] {
            assert!(!global(address), "{address}");
        }
    }

    #[test]
    fn a_host_is_refused_with_its_reason() {
        let loopback = Some("127.0.0.1 is no address of the open internet".to_owned());
        assert_eq!(refusal("127.0.0.1"), loopback);
        let mapped = Some("::ffff:10.0.0.1 is no address of the open internet".to_owned());
        assert_eq!(refusal("[::ffff:a00:1]"), mapped);
        for own in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
            assert!(refusal(own).unwrap().ends_with("localhost is this machine itself"), "{own}");
        }
        for host in ["hooks.slack.com", "8.8.8.8", "[2606:4700::1111]", "notlocalhost", "a.local"] {
            assert_eq!(refusal(host), None, "{host}");
        }
    }
}
