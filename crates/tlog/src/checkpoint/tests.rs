//! Checkpoints by table, and I4's part that stands here: a checkpoint says one thing.

use super::*;

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name, [seed; 32]).unwrap()
}

fn checkpoint(origin: &str) -> Checkpoint {
    Checkpoint { origin: origin.to_owned(), size: TreeSize(7), root: Hash([9; 32]) }
}

#[test]
fn bodies_are_read_as_they_are_written() {
    let empty = Checkpoint { size: TreeSize(0), root: EMPTY_ROOT, ..checkpoint("a/b") };
    let largest = Checkpoint { size: TreeSize(u64::MAX), ..checkpoint("a/b") };
    for one in [checkpoint("a/b"), checkpoint("ü"), empty, largest] {
        assert_eq!(Checkpoint::parse(&one.body()), Ok(one));
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let good = checkpoint("a/b").body();
    let refused = [
        (String::new(), "nothing"),
        (good.trim_end().to_owned(), "no last line feed"),
        (format!("{good}extension\n"), "an extension line"),
        (format!("{good}\n"), "an empty fourth line"),
        (good.replace("a/b", ""), "no origin"),
        (good.replace("\n7\n", "\n07\n"), "a leading zero"),
        (good.replace("\n7\n", "\n+7\n"), "a sign"),
        (good.replace("\n7\n", "\n-7\n"), "a negative size"),
        (good.replace("\n7\n", "\n\n"), "no size"),
        (good.replace("\n7\n", "\n18446744073709551616\n"), "past u64"),
        (good.replace("\n7\n", "\n0\n"), "an empty tree with another root"),
        (good.replace('=', ""), "base64 without padding"),
        (good.replace("\n7\n", "\n7\r\n"), "a carriage return"),
        ("a/b\n7\n".to_owned(), "no root"),
    ];
    for (text, why) in refused {
        assert!(matches!(Checkpoint::parse(&text), Err(Error::Malformed { .. })), "{why}");
    }
}

#[test]
fn opening_says_what_is_wrong() {
    let (own, other, late) = (key("a/b", 1), key("w", 2), key("a/b", 3));
    let one = checkpoint("a/b");
    let signed = one.sign(&own);
    let by_two = note::sign(&one.body(), &[&own, &other]);
    let public = |key: &SigningKey| key.verifier().clone();
    let forged = signed.replace("\n7\n", "\n8\n");
    let by_witness = note::sign(&one.body(), &[&other]);
    let unsigned = || Err(Error::Unsigned { origin: "a/b".to_owned() });
    let bad = |name: &str| Err(Error::BadSignature { name: name.to_owned() });
    let unknown = || Err(Error::UnknownOrigin { origin: "a/b".to_owned() });
    let cases = [
        ("its key", &signed, vec![public(&own)], Ok(one.clone())),
        (
            "one of two keys of one name",
            &signed,
            vec![public(&late), public(&own)],
            Ok(one.clone()),
        ),
        ("a second signature", &by_two, vec![public(&own)], Ok(one.clone())),
        ("both are known", &by_two, vec![public(&other), public(&own)], Ok(one.clone())),
        ("no key", &signed, vec![], unknown()),
        ("a key of another name", &signed, vec![public(&other)], unknown()),
        ("a good signature of another name only", &by_two, vec![public(&other)], unknown()),
        ("another key of that name", &signed, vec![public(&late)], unsigned()),
        ("only a witness signed", &by_witness, vec![public(&own), public(&other)], unsigned()),
        ("another size", &forged, vec![public(&own)], bad("a/b")),
        ("a forged witness", &by_two.replace("\n7\n", "\n8\n"), vec![public(&other)], bad("w")),
    ];
    for (what, note, keys, expected) in cases {
        assert_eq!(Checkpoint::open(note, &keys), expected, "{what}");
    }
    assert_eq!(Checkpoint::read_unverified(&forged).map(|c| c.size), Ok(TreeSize(8)));
}
