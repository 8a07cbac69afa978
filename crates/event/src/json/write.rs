//! The canonical form CJ1: no whitespace, keys in code-point order, texts escaped as RFC 8785 does, numbers as sent.
//!
//! Promises: equal values have equal bytes, and `parse` of the bytes is the value again. Refuses to write a number in any
//! spelling but its own.

use super::{Value, lexer};

/// Appends `value` in CJ1.
pub fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(token) => out.extend_from_slice(token.as_bytes()),
        Value::String(text) => string(text, out),
        Value::Array(elements) => {
            out.push(b'[');
            for (position, element) in elements.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write(element, out);
            }
            out.push(b']');
        }
        Value::Object(members) if members.is_sorted_by(|a, b| a.0 < b.0) => {
            object(members.iter(), out);
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            object(sorted.into_iter(), out);
        }
    }
}

/// Appends `text` as a JSON text: only what must be escaped is.
pub fn string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, stopped) = rest.split_at(lexer::plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = stopped.split_first() else { break };
        escape(*byte, out);
        rest = after;
    }
    out.push(b'"');
}

/// Appends a plain integer.
pub fn integer(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    for (position, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
        (start, rest) = (position, rest / 10);
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

fn object<'v, 'a: 'v>(
    members: impl Iterator<Item = &'v (std::borrow::Cow<'a, str>, Value<'a>)>,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (position, (key, value)) in members.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digit = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
