//! Names and numbers that mean something, as types, and how ids are derived.
//!
//! Promises: a value of these types has the grammar that its name says; printing and parsing are inverse. Refuses to draw
//! anything at random and to read a clock: both are arguments.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::limits;

/// Label of an id derived from a place in a stream.
const STREAM_ID_LABEL: &[u8] = b"indelible/id/v1\0";
/// Label of an id derived from a source's own id.
const SOURCE_ID_LABEL: &[u8] = b"indelible/source-id/v1\0";

/// A text that is not the name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct InvalidId {
    /// The text as given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// The grammar it breaks.
    pub rule: &'static str,
}

/// A name type over `Arc<str>`: cheap to clone, ordered by its bytes, parsed by one grammar.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $dot:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name that `text` is.
            ///
            /// # Errors
            /// When `text` breaks the grammar.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_name(text, $dot) {
                    return Ok(Self(Arc::from(text)));
                }
                Err(InvalidId { text: text.to_owned(), what: $what, rule: $rule })
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    };
}

name!(
    /// A tenant's name, which is its identity: `[a-z0-9][a-z0-9-]{0,62}`, fixed, never re-used.
    TenantId, "a tenant name", "1 to 63 of a-z, 0-9 and -, the first no -", Dots::Refused
);
name!(
    /// A producer's name within its tenant, from the credential: `[a-z0-9][a-z0-9-]{0,62}`.
    ProducerId, "a producer name", "1 to 63 of a-z, 0-9 and -, the first no -", Dots::Refused
);
name!(
    /// A store's name, half of every ledger's origin: `[a-z0-9][a-z0-9.-]{0,62}`, never re-used.
    StoreName, "a store name", "1 to 63 of a-z, 0-9, . and -, the first a-z or 0-9", Dots::Allowed
);

impl TenantId {
    /// The origin of this tenant's ledger in `store`: the name of its key and the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self, store: &StoreName) -> String {
        format!("{store}/{self}")
    }
}

/// 128 random bits that name one spool directory (or one import): one half of a stream's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(pub [u8; 16]);

impl Instance {
    /// The instance that 32 hexadecimal digits of either case are.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<Instance, InvalidId> {
        parse_hex(text).map(Instance).ok_or_else(|| InvalidId {
            text: text.to_owned(),
            what: "an instance",
            rule: "32 hexadecimal digits",
        })
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// An event's number in its stream: from 1, without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many fraction digits as the value needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if ns != 0 {
            let fraction = format!("{ns:09}");
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// The name of an event: 128 bits, written 8-4-4-4-12. Version and variant are not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// The id that 36 characters (8-4-4-4-12 hexadecimal digits of either case) are.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<EventId, InvalidId> {
        parse_uuid(text.as_bytes()).map(EventId).ok_or_else(|| InvalidId {
            text: text.to_owned(),
            what: "an event id",
            rule: "32 hexadecimal digits in groups of 8-4-4-4-12",
        })
    }

    /// The id of an event that was sent in a stream without one: a UUIDv8 of its place, so that a retry has the same.
    #[must_use]
    pub fn of_stream(producer: &ProducerId, instance: Instance, seq: Seq) -> EventId {
        let name = producer.as_str().as_bytes();
        let length = u8::try_from(name.len()).expect("a producer name has at most 63 bytes");
        let hash = Sha256::new()
            .chain_update(STREAM_ID_LABEL)
            .chain_update([length])
            .chain_update(name)
            .chain_update(instance.0)
            .chain_update(seq.0.to_be_bytes())
            .finalize();
        EventId::v8(hash)
    }

    /// The id of an event that was sent without one and without a stream: a UUIDv7 of `now` and ten random bytes.
    #[must_use]
    pub fn v7(now: Timestamp, random: [u8; 10]) -> EventId {
        let mut bytes = [0; 16];
        let (time, rest) = bytes.split_at_mut(6);
        let [_, _, ms @ ..] = now.unix_ms().to_be_bytes();
        time.copy_from_slice(&ms);
        rest.copy_from_slice(&random);
        EventId(stamp_version(bytes, 0x70))
    }

    /// The first 16 bytes of a hash with version 8 and the variant set.
    fn v8(hash: impl IntoIterator<Item = u8>) -> EventId {
        EventId(stamp_version(first_bytes(hash), 0x80))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 36];
        write_uuid(self.0, &mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The secret that the server keeps per producer for its imports, so that a second import of the same source matches
/// the first while nobody else can guess a source's ids from what is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportKey(pub [u8; 32]);

impl ImportKey {
    /// The id of a source record that has no UUID of its own.
    #[must_use]
    pub fn event_id(&self, original_id: &str) -> EventId {
        let mac = self.mac().chain_update(SOURCE_ID_LABEL).chain_update(original_id);
        EventId::v8(mac.finalize().into_bytes())
    }

    /// The instance of an imported file in the making: its decompressed bytes go in piece by piece.
    #[must_use]
    pub fn instance(&self) -> FileInstance {
        FileInstance(self.mac())
    }

    /// A keyed HMAC that nothing was fed into yet.
    fn mac(&self) -> Hmac<Sha256> {
        hmac(&self.0)
    }
}

/// The instance of an imported file, not all of whose bytes were seen yet.
#[derive(Clone)]
pub struct FileInstance(Hmac<Sha256>);

impl FileInstance {
    /// Takes in the next bytes of the file, decompressed.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The instance of all that was taken in.
    #[must_use]
    pub fn finish(self) -> Instance {
        Instance(first_bytes(self.0.finalize().into_bytes()))
    }
}

impl fmt::Debug for FileInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileInstance(..)")
    }
}

impl fmt::Debug for ImportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportKey(..)")
    }
}

/// HMAC-SHA256 under `key`, with nothing fed into it yet.
pub(crate) fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The first 16 bytes of a hash.
fn first_bytes(hash: impl IntoIterator<Item = u8>) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (slot, byte) in bytes.iter_mut().zip(hash) {
        *slot = byte;
    }
    bytes
}

/// The 128 bits of 8-4-4-4-12 hexadecimal digits of either case.
pub(crate) fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if ![8, 13, 18, 23].into_iter().all(|place| text.get(place) == Some(&b'-')) {
        return None;
    }
    let mut digits = [0; 32];
    for (to, from) in UUID_GROUPS {
        digits.get_mut(to.clone())?.copy_from_slice(text.get(from..from + to.len())?);
    }
    parse_digits(&digits)
}

/// The groups of a UUID: which of its digits, and where they stand.
const UUID_GROUPS: [(Range<usize>, usize); 5] =
    [(0..8, 0), (8..12, 9), (12..16, 14), (16..20, 19), (20..32, 24)];

/// Writes `id` as 8-4-4-4-12 lower-case digits.
pub fn write_uuid(id: [u8; 16], text: &mut [u8; 36]) {
    let digits = digits(id);
    *text = [b'-'; 36];
    for (from, to) in UUID_GROUPS {
        let length = from.len();
        if let (Some(slot), Some(digits)) = (text.get_mut(to..to + length), digits.get(from)) {
            slot.copy_from_slice(digits);
        }
    }
}

/// The 32 lower-case hexadecimal digits of 16 bytes.
#[must_use]
pub fn digits(bytes: [u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    let (pairs, _) = text.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = hex_pair(byte);
    }
    text
}

/// The two lower-case hexadecimal digits of a byte.
pub(crate) fn hex_pair(byte: u8) -> [u8; 2] {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

/// Whether a name may hold dots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    Allowed,
    Refused,
}

/// `[a-z0-9][a-z0-9-]{0,62}`, with dots after the first character where they are allowed.
fn is_name(text: &str, dots: Dots) -> bool {
    let bytes = text.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_inner =
        |byte: &u8| is_plain(byte) || *byte == b'-' || *byte == b'.' && dots == Dots::Allowed;
    bytes.len() <= limits::NAME_CHARS_MAX
        && bytes.first().is_some_and(is_plain)
        && bytes.iter().all(is_inner)
}

/// The 16 bytes of exactly 32 hexadecimal digits.
fn parse_hex(text: &str) -> Option<[u8; 16]> {
    parse_digits(text.as_bytes().try_into().ok()?)
}

fn parse_digits(digits: &[u8; 32]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    for (slot, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *slot = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

/// The value of one hexadecimal digit of either case.
fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Sets version and variant of a UUID (RFC 9562).
fn stamp_version(bytes: [u8; 16], version: u8) -> [u8; 16] {
    let [a, b, c, d, e, f, v, g, w, h, i, j, k, l, m, n] = bytes;
    [a, b, c, d, e, f, v & 0x0f | version, g, w & 0x3f | 0x80, h, i, j, k, l, m, n]
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days` for days after the epoch).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
