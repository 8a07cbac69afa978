//! Addresses and ranges of them.
//!
//! Promises: an IPv4 address and its spelling inside IPv6 (`::ffff:192.0.2.1`) are the same address; a range has ends of
//! one family. Refuses names and zones.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The first.
    pub first: IpAddr,
    /// The last, of the same family.
    pub last: IpAddr,
}

impl Addresses {
    /// The addresses that an address or a block (`10.0.0.0/8`) names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Addresses> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let Some(bits) = bits else {
            let address = address.to_canonical();
            return Some(Addresses { first: address, last: address });
        };
        if bits.is_empty() || bits.len() > 3 || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        block(address, bits.parse().ok()?)
    }

    /// The addresses from one to another, if they are of one family and in order.
    #[must_use]
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Addresses> {
        let (first, last) = (first.to_canonical(), last.to_canonical());
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Addresses { first, last })
    }

    /// Whether `text` is one of the addresses.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        let Ok(address) = text.parse::<IpAddr>() else { return false };
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// The text that [`Addresses::parse`] reads, or `first..last`.
    #[must_use]
    pub fn to_text(&self) -> String {
        if self.first == self.last {
            return self.first.to_string();
        }
        match self.bits() {
            Some(bits) => format!("{}/{bits}", self.first),
            None => format!("{}..{}", self.first, self.last),
        }
    }

    /// How many leading bits all addresses share, if these are all that share them.
    fn bits(&self) -> Option<u32> {
        let (first, last, width) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u128::from(first.to_bits()), u128::from(last.to_bits()), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits(), 128),
            _ => return None,
        };
        let host = first ^ last;
        // All ones from some bit down, zero in the first address, one in the last.
        let is_block = host & host.wrapping_add(1) == 0 && first & host == 0;
        is_block.then(|| width - (128 - host.leading_zeros()))
    }
}

/// The addresses that share the first `bits` with `address`.
fn block(address: IpAddr, bits: u32) -> Option<Addresses> {
    match address {
        IpAddr::V4(address) if bits <= 32 => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = address.to_bits() & !host;
            Some(Addresses {
                first: Ipv4Addr::from_bits(first).into(),
                last: Ipv4Addr::from_bits(first | host).into(),
            })
        }
        IpAddr::V6(address) if bits <= 128 => {
            if let (Some(inner), Some(bits)) = (address.to_ipv4_mapped(), bits.checked_sub(96)) {
                return block(inner.into(), bits);
            }
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = address.to_bits() & !host;
            Some(Addresses {
                first: Ipv6Addr::from_bits(first).into(),
                last: Ipv6Addr::from_bits(first | host).into(),
            })
        }
        _ => None,
    }
}
