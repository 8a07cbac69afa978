//! E, the producer's own events, cut into items.
//!
//! Promises: one JSON value is one item however it is laid out, an array's elements are its items, anything else is read
//! line by line; an item is its bytes without the whitespace around them, readable or not. Refuses to judge an item.

use crate::json;

/// The items of `bytes`; `None` if it is an array that cannot be cut.
pub(super) fn split(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let trimmed = json::trim(bytes);
    if trimmed.first() == Some(&b'[') {
        return json::array(bytes, usize::MAX).ok();
    }
    if is_one_value(trimmed) {
        return Some(vec![trimmed]);
    }
    json::lines(bytes, usize::MAX).ok()
}

/// Whether `bytes` are the syntax of exactly one JSON value, whatever it says.
fn is_one_value(bytes: &[u8]) -> bool {
    let mut list = Vec::with_capacity(bytes.len() + 2);
    list.push(b'[');
    list.extend_from_slice(bytes);
    list.push(b']');
    json::array(&list, usize::MAX).is_ok_and(|items| items.len() == 1)
}
