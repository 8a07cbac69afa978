//! Cursors that are taken, and all others.

use super::*;

#[test]
fn a_cursor_holds_for_its_own_search_and_unchanged() {
    let cursors = Cursors::draw();
    let place = Place { now: Timestamp(7), end: 42 };
    let cursor = cursors.seal(place, b"default\0q");
    assert_eq!(cursors.open(&cursor, b"default\0q"), Some(place));
    assert_eq!(cursors.open(&cursor, b"default\0other"), None, "another search");
    assert_eq!(Cursors::draw().open(&cursor, b"default\0q"), None, "another process");
    let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(
            cursors.open(&URL_SAFE_NO_PAD.encode(changed), b"default\0q"),
            None,
            "byte {at}"
        );
    }
    for wrong in ["", "x", "!", &cursor[1..], &format!("{cursor}AA")] {
        assert_eq!(cursors.open(wrong, b"default\0q"), None, "{wrong}");
    }
}
