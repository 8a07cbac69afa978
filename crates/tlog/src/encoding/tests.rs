//! One spelling for each byte string, and no other is read.

use super::*;

#[test]
fn reads_what_it_writes_and_nothing_else() {
    for bytes in [&b""[..], b"f", b"fo", b"foo", &[0xff; 32]] {
        assert_eq!(from_base64(&base64(bytes)).as_deref(), Some(bytes));
    }
    // (text, why it is refused)
    let refused = [
        ("Zg", "no padding"),
        ("Zg=", "half the padding"),
        ("Zh==", "spare bits that are not zero"),
        ("Zm9=", "spare bits that are not zero"),
        ("Zm-v", "the other alphabet"),
        ("Zm9v\n", "a line feed"),
        (" Zm9v", "a space"),
        ("Zm9vZg==Zg==", "padding inside"),
    ];
    for (text, why) in refused {
        assert_eq!(from_base64(text), None, "{text:?}: {why}");
    }
}
