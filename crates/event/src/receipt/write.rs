//! A receipt to its bytes.
//!
//! Promises: members in one fixed order, no whitespace, one line; a person finds `origin` and `index` first. Refuses to
//! look at what a part's bytes say: they go out as they are.

use tlog::encoding::base64;
use tlog::proof_file::ProofFile;

use super::{Content, FORMAT, Receipt, Shown, ShownPart};
use crate::ids::hex_pair;
use crate::json;

/// The receipt as JSON.
pub(super) fn json(receipt: &Receipt<'_>) -> String {
    let mut out = Vec::with_capacity(about(receipt));
    head(receipt, &mut out);
    out.extend_from_slice(b",\"index\":");
    json::write_integer(receipt.index.0, &mut out);
    out.extend_from_slice(b",\"proof\":[");
    for (position, hash) in receipt.proof.iter().enumerate() {
        separate(&mut out, position);
        json::write_string(&hash.to_string(), &mut out);
    }
    out.extend_from_slice(b"],\"checkpoint\":");
    json::write_string(&receipt.checkpoint, &mut out);
    events(&receipt.events, &mut out);
    out.extend_from_slice(b"}\n");
    String::from_utf8(out).expect("escaped texts are UTF-8")
}

/// The receipt of one event as a `.tlog-proof`.
pub(super) fn proof_file(receipt: &Receipt<'_>) -> Option<String> {
    let [_one] = receipt.events.as_slice() else { return None };
    let mut extra = Vec::with_capacity(about(receipt));
    head(receipt, &mut extra);
    events(&receipt.events, &mut extra);
    extra.push(b'}');
    let file = ProofFile {
        extra: Some(extra),
        index: receipt.index,
        hashes: receipt.proof.clone(),
        checkpoint: receipt.checkpoint.clone().into_owned(),
    };
    let text = file.to_string();
    ProofFile::parse(&text).is_ok().then_some(text)
}

/// About how long the receipt is, so that the text of a large one is not moved while it grows.
fn about(receipt: &Receipt<'_>) -> usize {
    let part = |part: &ShownPart<'_>| match &part.content {
        Content::Opened { json, .. } => 96 + json.len() * 5 / 4,
        Content::Withheld { .. } => 112,
    };
    let event = |event: &Shown<'_>| 128 + event.parts.iter().map(part).sum::<usize>();
    1024 + receipt.checkpoint.len() + receipt.events.iter().map(event).sum::<usize>()
}

/// The two members that both forms begin with.
fn head(receipt: &Receipt<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"format\":\"");
    out.extend_from_slice(FORMAT.as_bytes());
    out.extend_from_slice(b"\",\"origin\":");
    json::write_string(&receipt.origin, out);
}

fn events(shown: &[Shown<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"events\":[");
    for (position, event) in shown.iter().enumerate() {
        separate(out, position);
        out.extend_from_slice(b"{\"entry\":\"");
        for byte in event.entry {
            out.extend_from_slice(&hex_pair(byte));
        }
        out.extend_from_slice(b"\",\"parts\":[");
        for (position, part) in event.parts.iter().enumerate() {
            separate(out, position);
            out.extend_from_slice(b"{\"tag\":");
            json::write_integer(part.tag.into(), out);
            out.extend_from_slice(b",\"ordinal\":");
            json::write_integer(part.ordinal.into(), out);
            out.push(b',');
            content(&part.content, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
}

fn content(content: &Content<'_>, out: &mut Vec<u8>) {
    match content {
        Content::Opened { salt, json } => {
            out.extend_from_slice(b"\"salt\":");
            json::write_string(&base64(salt), out);
            out.extend_from_slice(b",\"json\":");
            json::write_string(json, out);
        }
        Content::Withheld { digest, by } => {
            out.extend_from_slice(b"\"digest\":");
            json::write_string(&digest.to_string(), out);
            if let Some(by) = by {
                out.extend_from_slice(b",\"by\":");
                json::write_integer(*by, out);
            }
        }
    }
}

fn separate(out: &mut Vec<u8>, position: usize) {
    if position > 0 {
        out.push(b',');
    }
}
