//! Grammars at their edges, and derived ids against values computed by another implementation.

use super::{EventId, ImportKey, Instance, ProducerId, Seq, StoreName, TenantId, Timestamp};

#[test]
fn names_at_their_edges() {
    let longest = "a".repeat(63);
    let past = "a".repeat(64);
    let cases: &[(&str, bool, bool)] = &[
        ("a", true, true),
        ("0", true, true),
        ("a-b", true, true),
        ("a-", true, true),
        (&longest, true, true),
        (&past, false, false),
        ("", false, false),
        ("-a", false, false),
        (".a", false, false),
        ("a.b", false, true),
        ("A", false, false),
        ("a_b", false, false),
        ("a/b", false, false),
        ("ä", false, false),
    ];
    for (text, tenant, store) in cases {
        assert_eq!(TenantId::parse(text).is_ok(), *tenant, "tenant {text}");
        assert_eq!(ProducerId::parse(text).is_ok(), *tenant, "producer {text}");
        assert_eq!(StoreName::parse(text).is_ok(), *store, "store {text}");
    }
    let origin =
        TenantId::parse("default").unwrap().origin(&StoreName::parse("demo-7f3a").unwrap());
    assert_eq!(origin, "demo-7f3a/default");
}

#[test]
fn ids_are_parsed_in_either_case_and_printed_in_lower() {
    let text = "293BA626-3be5-4a26-AB1B-0f4c54f49959";
    assert_eq!(EventId::parse(text).unwrap().to_string(), text.to_lowercase());
    let refused = [
        "",
        "293ba626-3be5-4a26-ab1b-0f4c54f4995",
        "293ba626-3be5-4a26-ab1b-0f4c54f499599",
        "293ba6263be54a26ab1b0f4c54f49959",
        "293ba626-3be5-4a26-ab1b_0f4c54f49959",
        "g93ba626-3be5-4a26-ab1b-0f4c54f49959",
        "{93ba626-3be5-4a26-ab1b-0f4c54f4995}",
    ];
    for text in refused {
        assert!(EventId::parse(text).is_err(), "{text}");
    }
    let instance = Instance::parse("00112233445566778899AABBCCDDEEFF").unwrap();
    assert_eq!(instance.to_string(), "00112233445566778899aabbccddeeff");
    assert!(Instance::parse("00112233445566778899aabbccddeef").is_err());
}

#[test]
fn version_seven_has_time_and_randomness_in_their_places() {
    let id = EventId::v7(Timestamp(0x0123_4567_89ab * 1_000_000 + 999_999), [0xff; 10]);
    assert_eq!(id.to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
    let id = EventId::v7(Timestamp(0), [0; 10]);
    assert_eq!(id.to_string(), "00000000-0000-7000-8000-000000000000");
}

#[test]
fn import_key_hides_and_repeats() {
    let key = ImportKey([3; 32]);
    assert_eq!(key.event_id("a"), key.event_id("a"));
    assert_ne!(key.event_id("a"), ImportKey([4; 32]).event_id("a"));
    let instance_of = |pieces: &[&[u8]]| {
        let mut file = key.instance();
        for piece in pieces {
            file.update(piece);
        }
        file.finish()
    };
    assert_eq!(instance_of(&[b"ab", b"", b"c"]), instance_of(&[b"abc"]));
    assert_ne!(instance_of(&[b"abd"]), instance_of(&[b"abc"]));
    assert_eq!(format!("{key:?}"), "ImportKey(..)");
}

#[test]
fn times_are_printed_as_rfc_3339() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (1_688_989_356_000_000_000, "2023-07-10T11:42:36Z"),
        (951_782_400_120_000_000, "2000-02-29T00:00:00.12Z"),
        (4_107_542_399_999_999_999, "2100-02-28T23:59:59.999999999Z"),
        (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
    ];
    for (ns, text) in cases {
        assert_eq!(Timestamp(ns).to_string(), text);
    }
}

#[test]
fn a_place_in_a_stream_has_one_id() {
    let producer = ProducerId::parse("billing-api").unwrap();
    let id = EventId::of_stream(&producer, Instance([1; 16]), Seq(1));
    assert_eq!(id, EventId::of_stream(&producer, Instance([1; 16]), Seq(1)));
    assert_ne!(id, EventId::of_stream(&producer, Instance([1; 16]), Seq(2)));
    assert_ne!(id, EventId::of_stream(&producer, Instance([2; 16]), Seq(1)));
    let text = id.to_string();
    assert_eq!(text.as_bytes()[14], b'8');
    assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
}
