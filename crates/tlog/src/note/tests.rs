//! Notes and keys by table.

use super::*;

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name, [seed; 32]).unwrap()
}

#[test]
fn keys_are_read_as_they_are_written() {
    for name in ["demo-7f3a/default", "k", "öl/ü", "\u{7f}", &"n".repeat(NAME_BYTES_MAX)] {
        let key = key(name, 7);
        let text = key.verifier().to_string();
        assert_eq!(VerifierKey::parse(&text).as_ref(), Ok(key.verifier()));
        let again = SigningKey::parse(&key.to_secret_text()).unwrap();
        assert_eq!(again.verifier(), key.verifier());
        assert_eq!(again.to_secret_text(), key.to_secret_text());
        assert!(!format!("{key:?}").contains(&base64(&key.secret.to_bytes())[..8]));
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let good = key("a/b", 1).verifier().to_string();
    let (start, encoded) = good.rsplit_once('+').unwrap();
    let of_type = |kind: u8| {
        let mut bytes = from_base64(encoded).unwrap();
        bytes[0] = kind;
        format!("{start}+{}", base64(&bytes))
    };
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    // y = p + 1 spells the point of y = 1 a second time; its id is right, so that nothing else refuses it.
    let mut second_spelling = [0xff; 32];
    (second_spelling[0], second_spelling[31]) = (0xee, 0x7f);
    let second_id = u32::from_be_bytes(key_id("a/b", &second_spelling));
    let second_spelling: Vec<u8> = [ED25519].into_iter().chain(second_spelling).collect();
    let short = base64(&from_base64(encoded).unwrap()[..32]);
    let refused = [
        (String::new(), "nothing"),
        (good.replace("a/b", "a/c"), "the id is of another name"),
        (good.replace("a/b", ""), "no name"),
        (good.replace("a/b", "a b"), "a space in the name"),
        (good.replace("a/b", &long), "a long name"),
        (format!(" {good}"), "a space before"),
        (format!("{good}\n"), "a line feed behind"),
        (good[..good.len() - 4].to_owned(), "cut"),
        (format!("{start}+{short}"), "31 bytes"),
        (of_type(2), "another type"),
        (of_type(4), "a cosigner's type"),
        (format!("a/b+{second_id:08x}+{}", base64(&second_spelling)), "a second spelling"),
        (format!("a/b+1234567+{encoded}"), "an id of seven digits"),
        (format!("a/b++1234567+{encoded}"), "a sign in the id"),
    ];
    for (text, why) in refused {
        assert!(VerifierKey::parse(&text).is_err(), "{why}: {text:?}");
    }
    assert!(SigningKey::parse(&good).is_err());
    for name in ["", "a+b", "a b", "a\nb", "a\u{1}b", "a\u{2003}b", &long] {
        assert!(SigningKey::new(name, [1; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn good_signatures_are_named_and_others_skipped() {
    let (one, two, stranger) = (key("one", 1), key("two", 2), key("one", 3));
    let note = sign("hello\n", &[&stranger, &one, &two]);
    let note = Note::parse(&note).unwrap();
    assert_eq!(note.text(), "hello\n");
    assert_eq!(note.names().collect::<Vec<_>>(), ["one", "one", "two"]);
    let keys = [one.verifier().clone(), two.verifier().clone()];
    assert_eq!(note.verify(&keys), Ok(vec!["one", "two"]));
    assert_eq!(note.verify(&keys[1..]), Ok(vec!["two"]));
    let unsigned = Err(Error::Unsigned { origin: "one".to_owned() });
    assert_eq!(note.verify(&[]), unsigned);
    assert_eq!(note.verify(&[key("two", 9).verifier().clone()]), unsigned);
}

#[test]
fn a_wrong_signature_by_a_given_key_spoils_the_note() {
    let (one, two) = (key("one", 1), key("two", 2));
    let signed = sign("hello\n", &[&one, &two]);
    let keys = [one.verifier().clone(), two.verifier().clone()];
    let wrong = Err(Error::BadSignature { name: "one".to_owned() });
    let other_text = signed.replace("hello", "hullo");
    assert_eq!(Note::parse(&other_text).unwrap().verify(&keys), wrong);
    // The line of a second text under the first: name and id fit, the signature does not.
    let swapped = signed.replace(&one.signature_line("hello\n"), &one.signature_line("hullo\n"));
    assert_eq!(Note::parse(&swapped).unwrap().verify(&keys), wrong);
    assert_eq!(Note::parse(&swapped).unwrap().verify(&keys[1..]), Ok(vec!["two"]));
    // A signature of another length by a known name and id.
    let short: Vec<u8> = one.verifier().id.into_iter().chain([0; 63]).collect();
    let short = format!("hello\n\n{SIGNATURE_START}one {}\n", base64(&short));
    assert_eq!(Note::parse(&short).unwrap().verify(&keys), wrong);
}

#[test]
fn a_scalar_past_the_order_is_refused() {
    // S + L verifies under the same equation; only S < L is the one spelling (RFC 8032 §5.1.7).
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let one = key("one", 1);
    let mut signature = one.secret.sign(b"hello\n").to_bytes();
    assert!(one.verifier().verifies("hello\n", &signature));
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert!(!one.verifier().verifies("hello\n", &signature));
}

#[test]
fn what_is_no_note_is_refused() {
    let one = key("one", 1);
    let line = one.signature_line("hello\n");
    let good = format!("hello\n\n{line}");
    assert!(Note::parse(&good).is_ok());
    let many = |count| format!("hello\n\n{}", line.repeat(count));
    assert_eq!(Note::parse(&many(SIGNATURES_MAX)).unwrap().signatures.len(), SIGNATURES_MAX);
    let at_limit = format!("{}\n\n{line}", "x".repeat(NOTE_BYTES_MAX - 2 - line.len()));
    assert!(Note::parse(&at_limit).is_ok());
    let refused = [
        (String::new(), "nothing"),
        ("hello\n".to_owned(), "no signatures"),
        ("hello\n\n".to_owned(), "no signature line"),
        (format!("hello\n{line}"), "no empty line"),
        (format!("\n{line}"), "no text"),
        (good.trim_end().to_owned(), "no last line feed"),
        (format!("{good}\n"), "an empty line behind"),
        (format!("{good}x\n"), "a line that is none"),
        (good.replace('\u{2014}', "-"), "a hyphen for the dash"),
        (good.replace('\u{2014}', "\u{2013}"), "an en dash"),
        (good.replace("\u{2014} one ", "\u{2014}  "), "no name"),
        (good.replace("\u{2014} one ", "\u{2014} o+e "), "a plus in the name"),
        (good.replace("one ", "one  "), "two spaces"),
        (good.replace("=\n", "\n"), "base64 without padding"),
        (format!("hello\n\n{SIGNATURE_START}one {}\n", base64(&[1; 4])), "an id and no signature"),
        (format!("hello\n\n{SIGNATURE_START}one {}\n", base64(&[1; 3])), "half an id"),
        (good.replace("hello\n", "hel\tlo\n"), "a tab"),
        (good.replace('\n', "\r\n"), "carriage returns"),
        (many(SIGNATURES_MAX + 1), "too many lines"),
        (format!("x{at_limit}"), "too long"),
    ];
    for (text, why) in refused {
        assert!(Note::parse(&text).is_err(), "{why}");
    }
}
