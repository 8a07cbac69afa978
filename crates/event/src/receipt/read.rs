//! Bytes to a receipt: exactly the members of the format, each of its type.
//!
//! Promises: what is taken writes to bytes that are taken as the same receipt; every refusal names the place. Refuses to
//! look behind the shape: roots, proofs and signatures are `verify`'s.

use std::borrow::Cow;

use tlog::encoding::from_base64;
use tlog::hash::Hash;
use tlog::proof_file::ProofFile;
use tlog::tree::Index;

use super::{Content, FORMAT, Finding, NUMBER_END, RECEIPT_BYTES_MAX, Receipt, Shown, ShownPart};
use super::{is_numbered, part_name};
use crate::entry::ENTRY_BYTES;
use crate::json::{self, Limits, Value};

/// What every `.tlog-proof` begins with.
const PROOF_FILE_START: &[u8] = b"c2sp.org/tlog-proof@";

/// The receipt in a file of either form.
pub(super) fn file(file: &[u8]) -> Result<Receipt<'_>, Finding> {
    if file.len() > RECEIPT_BYTES_MAX {
        return Err(Finding::damage("receipt", format!("more than {RECEIPT_BYTES_MAX} bytes")));
    }
    if file.starts_with(PROOF_FILE_START) { proof_file(file) } else { whole(file) }
}

/// The receipt that is all of `text`.
fn whole(text: &[u8]) -> Result<Receipt<'_>, Finding> {
    let mut members = Members::of(parse(text, "receipt")?, "receipt")?;
    let format = members.text("format")?;
    if format != FORMAT {
        return Err(members.wrong("format", &format!("`{format}`, which is not `{FORMAT}`")));
    }
    let receipt = Receipt {
        origin: members.text("origin")?,
        index: Index(members.number("index")?),
        proof: proof(members.array("proof")?)?,
        checkpoint: members.text("checkpoint")?,
        events: events(members.array("events")?)?,
    };
    members.end()?;
    Ok(receipt)
}

/// The receipt of one event whose index, proof and checkpoint are lines of their own.
fn proof_file(text: &[u8]) -> Result<Receipt<'static>, Finding> {
    let refuse = |why: &dyn std::fmt::Display| Finding::damage("proof file", why.to_string());
    let text = std::str::from_utf8(text).map_err(|_| refuse(&"it is not UTF-8"))?;
    let file = ProofFile::parse(text).map_err(|error| refuse(&error))?;
    let extra =
        file.extra.ok_or_else(|| refuse(&"it has no extra line, so that nothing is opened"))?;
    let mut members = Members::of(parse(&extra, "extra")?, "extra")?;
    let format = members.text("format")?;
    if format != FORMAT {
        return Err(members.wrong("format", &format!("`{format}`, which is not `{FORMAT}`")));
    }
    let origin = members.text("origin")?;
    let events = events(members.array("events")?)?;
    members.end()?;
    if events.len() != 1 {
        return Err(refuse(&"it holds one event, and its extra line another number"));
    }
    if file.index.0 >= NUMBER_END {
        return Err(refuse(&"its index is not below 2^53"));
    }
    let checkpoint = Cow::Owned(file.checkpoint);
    Ok(Receipt { origin, index: file.index, proof: file.hashes, checkpoint, events }.into_owned())
}

fn parse<'a>(text: &'a [u8], place: &str) -> Result<Value<'a>, Finding> {
    json::parse(text, Limits::READER).map_err(|error| Finding::damage(place, error.to_string()))
}

fn proof(hashes: Vec<Value<'_>>) -> Result<Vec<Hash>, Finding> {
    let read = |(position, value): (usize, Value<'_>)| {
        let bytes = value.as_str().and_then(bytes_32);
        let refuse = || Finding::damage(format!("proof {position}"), "not 32 bytes in base64");
        bytes.map(Hash).ok_or_else(refuse)
    };
    hashes.into_iter().enumerate().map(read).collect()
}

fn events(events: Vec<Value<'_>>) -> Result<Vec<Shown<'_>>, Finding> {
    if events.is_empty() {
        return Err(Finding::damage("receipt", "it holds no event"));
    }
    events.into_iter().enumerate().map(|(position, value)| event(position, value)).collect()
}

fn event(position: usize, value: Value<'_>) -> Result<Shown<'_>, Finding> {
    let place = format!("event {position}");
    let mut members = Members::of(value, &place)?;
    let entry = members.text("entry")?;
    let entry = entry_bytes(&entry)
        .ok_or_else(|| members.wrong("entry", "not 84 lower-case hexadecimal digits"))?;
    let values = members.array("parts")?;
    members.end()?;
    if values.len() > usize::from(u16::MAX) {
        return Err(members.wrong("parts", "longer than a root can count"));
    }
    let mut parts: Vec<ShownPart<'_>> = Vec::with_capacity(values.len());
    for value in values {
        let part = part(value, &place)?;
        if let Some(last) = parts.last()
            && (last.tag, last.ordinal) >= (part.tag, part.ordinal)
        {
            let name = part_name(part.tag, part.ordinal);
            return Err(Finding::damage(place, format!("part {name} is twice or out of order")));
        }
        parts.push(part);
    }
    Ok(Shown { entry, parts })
}

fn part<'a>(value: Value<'a>, place: &str) -> Result<ShownPart<'a>, Finding> {
    let mut members = Members::of(value, place)?;
    let tag = u8::try_from(members.number("tag")?).ok().filter(|tag| (1..=8).contains(tag));
    let tag = tag.ok_or_else(|| members.wrong("tag", "not one of 1 to 8"))?;
    let ordinal = u16::try_from(members.number("ordinal")?).ok();
    let ordinal = ordinal.filter(|ordinal| *ordinal == 0 || is_numbered(tag));
    let ordinal = ordinal.ok_or_else(|| members.wrong("ordinal", "not one of this tag"))?;
    members.place = format!("{place}, part {}", part_name(tag, ordinal));
    let content = if members.has("digest") {
        let digest = members.bytes_32("digest")?;
        let by = if members.has("by") { Some(members.number("by")?) } else { None };
        Content::Withheld { digest: Hash(digest), by }
    } else {
        Content::Opened { salt: members.bytes_32("salt")?, json: members.text("json")? }
    };
    members.end()?;
    Ok(ShownPart { tag, ordinal, content })
}

/// The members of an object, taken one by one.
struct Members<'a> {
    place: String,
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Members<'a> {
    fn of(value: Value<'a>, place: &str) -> Result<Members<'a>, Finding> {
        let Value::Object(members) = value else {
            return Err(Finding::damage(place, "not an object"));
        };
        Ok(Members { place: place.to_owned(), members })
    }

    fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    fn take(&mut self, name: &str) -> Result<Value<'a>, Finding> {
        let position = self.members.iter().position(|(key, _)| key == name);
        let position = position.ok_or_else(|| self.wrong(name, "missing"))?;
        Ok(self.members.swap_remove(position).1)
    }

    fn text(&mut self, name: &str) -> Result<Cow<'a, str>, Finding> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(name, "not a text")),
        }
    }

    fn array(&mut self, name: &str) -> Result<Vec<Value<'a>>, Finding> {
        match self.take(name)? {
            Value::Array(elements) => Ok(elements),
            _ => Err(self.wrong(name, "not an array")),
        }
    }

    fn number(&mut self, name: &str) -> Result<u64, Finding> {
        let number = self.take(name)?.as_u64().filter(|number| *number < NUMBER_END);
        number.ok_or_else(|| self.wrong(name, "not a plain integer below 2^53"))
    }

    fn bytes_32(&mut self, name: &str) -> Result<[u8; 32], Finding> {
        let text = self.text(name)?;
        bytes_32(&text).ok_or_else(|| self.wrong(name, "not 32 bytes in canonical base64"))
    }

    fn wrong(&self, name: &str, why: &str) -> Finding {
        Finding::damage(self.place.clone(), format!("member `{name}` is {why}"))
    }

    /// Every member was taken.
    fn end(&self) -> Result<(), Finding> {
        match self.members.first() {
            None => Ok(()),
            Some((name, _)) => Err(self.wrong(name, "unknown")),
        }
    }
}

/// The 32 bytes that canonical base64 is.
fn bytes_32(text: &str) -> Option<[u8; 32]> {
    from_base64(text)?.try_into().ok()
}

/// The entry that 84 lower-case hexadecimal digits are.
fn entry_bytes(text: &str) -> Option<[u8; ENTRY_BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests;
