//! From a stored record to the record that a receipt shows.
//!
//! Promises: what is opened has the salt and the bytes that give the stored digest; what is withheld, or no longer there,
//! has that digest. Refuses to decide what may be opened: the caller's policy does.

use std::borrow::Cow;

use super::{Content, Shown, ShownPart};
use crate::commitment::Seed;
use crate::damage::Damage;
use crate::entry::Entry;
use crate::record::{self, Record};

/// Whether a part is shown whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// With its salt and bytes.
    Open,
    /// Only its digest.
    Withhold,
}

/// The record as a receipt shows it; `disclose` is asked for each part by tag and ordinal.
///
/// # Errors
/// When a part that should be opened is not UTF-8.
pub fn show<'a>(
    entry: &Entry,
    record: &Record<'a>,
    seed: &Seed,
    disclose: impl Fn(u8, u16) -> Disclosure,
) -> Result<Shown<'a>, Damage> {
    let parts = record.parts().iter().map(|part| {
        let (tag, ordinal) = (part.tag, part.ordinal);
        let content = match part.content {
            record::Content::Bytes(bytes) if disclose(tag, ordinal) == Disclosure::Open => {
                let json = std::str::from_utf8(bytes).map_err(|error| Damage::Part {
                    tag,
                    ordinal,
                    code: crate::code::Code::NotUtf8,
                    pointer: format!("byte {}", error.valid_up_to()),
                })?;
                Content::Opened { salt: seed.salt(tag, ordinal), json: Cow::Borrowed(json) }
            }
            _ => Content::Withheld { digest: part.digest(seed), by: None },
        };
        Ok(ShownPart { tag, ordinal, content })
    });
    Ok(Shown { entry: entry.encode(), parts: parts.collect::<Result<_, Damage>>()? })
}

#[cfg(test)]
pub(in crate::receipt) mod tests;
