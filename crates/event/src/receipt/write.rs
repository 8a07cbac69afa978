//! A receipt to its bytes.
//!
//! Promises: members in one fixed order, no whitespace, one line; a person finds `origin` and `index` first. Refuses to
//! look at what a part's bytes say: they go out as they are.

use std::fmt::Write as _;

use tlog::encoding::base64;
use tlog::proof_file::ProofFile;

use super::{Content, FORMAT, Receipt, Shown};
use crate::json;

/// The receipt as JSON.
pub(super) fn json(receipt: &Receipt<'_>) -> String {
    let mut out = head(receipt);
    out.push_str(",\"index\":");
    out.push_str(&receipt.index.to_string());
    out.push_str(",\"proof\":[");
    for (position, hash) in receipt.proof.iter().enumerate() {
        separate(&mut out, position);
        text(&hash.to_string(), &mut out);
    }
    out.push_str("],\"checkpoint\":");
    text(&receipt.checkpoint, &mut out);
    events(&receipt.events, &mut out);
    out.push_str("}\n");
    out
}

/// The receipt of one event as a `.tlog-proof`.
pub(super) fn proof_file(receipt: &Receipt<'_>) -> Option<String> {
    let [_one] = receipt.events.as_slice() else { return None };
    let mut extra = head(receipt);
    events(&receipt.events, &mut extra);
    extra.push('}');
    let file = ProofFile {
        extra: Some(extra.into_bytes()),
        index: receipt.index,
        hashes: receipt.proof.clone(),
        checkpoint: receipt.checkpoint.clone().into_owned(),
    };
    let text = file.to_string();
    ProofFile::parse(&text).is_ok().then_some(text)
}

/// The two members that both forms begin with.
fn head(receipt: &Receipt<'_>) -> String {
    let mut out = format!("{{\"format\":\"{FORMAT}\",\"origin\":");
    text(&receipt.origin, &mut out);
    out
}

fn events(shown: &[Shown<'_>], out: &mut String) {
    out.push_str(",\"events\":[");
    for (position, event) in shown.iter().enumerate() {
        separate(out, position);
        out.push_str("{\"entry\":\"");
        for byte in event.entry {
            write!(out, "{byte:02x}").expect("a String takes every write");
        }
        out.push_str("\",\"parts\":[");
        for (position, part) in event.parts.iter().enumerate() {
            separate(out, position);
            write!(out, "{{\"tag\":{},\"ordinal\":{},", part.tag, part.ordinal)
                .expect("a String takes every write");
            content(&part.content, out);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push(']');
}

fn content(content: &Content<'_>, out: &mut String) {
    match content {
        Content::Opened { salt, json } => {
            out.push_str("\"salt\":");
            text(&base64(salt), out);
            out.push_str(",\"json\":");
            text(json, out);
        }
        Content::Withheld { digest, by } => {
            out.push_str("\"digest\":");
            text(&digest.to_string(), out);
            if let Some(by) = by {
                write!(out, ",\"by\":{by}").expect("a String takes every write");
            }
        }
    }
}

fn separate(out: &mut String, position: usize) {
    if position > 0 {
        out.push(',');
    }
}

fn text(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    json::write_string(text, &mut bytes);
    out.push_str(std::str::from_utf8(&bytes).expect("an escaped text is UTF-8"));
}
