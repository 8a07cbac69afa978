//! The vectors that every language must pass, from `testdata/event` and `testdata/vectors`.
//!
//! Uses nothing but the crate's public face and paths from the manifest, so that `server`'s test binary can include this
//! file: there every feature of the workspace is turned on, and the bytes must still be these.

use std::fmt::Write as _;

use event::canonical::{Context, Stamps, claim_parts, event_bytes, parts};
use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::ids::{EventId, ImportKey, Instance, ProducerId, Seq, TenantId, Timestamp};
use event::json::{self, Limits, Value};
use event::record::{self, Record};
use event::{Event, PartBytes};

macro_rules! testdata {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/", $path))
    };
}

fn parse(text: &str) -> Value<'_> {
    json::parse(text.as_bytes(), Limits::READER).unwrap()
}

fn str_of<'v>(value: &'v Value<'_>, key: &str) -> &'v str {
    value.member(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} is a text"))
}

fn number_of(value: &Value<'_>, key: &str) -> u64 {
    value.member(key).and_then(Value::as_u64).unwrap_or_else(|| panic!("{key} is a number"))
}

fn elements<'v>(value: &'v Value<'_>, key: &str) -> &'v [Value<'v>] {
    match value.member(key) {
        Some(Value::Array(elements)) => elements,
        _ => panic!("{key} is a list"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
}

/// RFC 4648 base64, for items that are not UTF-8.
fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// What the server knows of an event beside it.
struct Known {
    tenant: TenantId,
    producer: ProducerId,
    stream: Option<(Instance, Seq)>,
    drawn: Option<EventId>,
}

impl Known {
    fn of(stamps: &Value<'_>) -> Known {
        let instance = stamps.member("instance").and_then(Value::as_str);
        let drawn = stamps.member("drawn_id").and_then(Value::as_str);
        Known {
            tenant: TenantId::parse(str_of(stamps, "tenant")).unwrap(),
            producer: ProducerId::parse(str_of(stamps, "producer")).unwrap(),
            stream: instance
                .map(|text| (Instance::parse(text).unwrap(), Seq(number_of(stamps, "seq")))),
            drawn: drawn.map(|text| EventId::parse(text).unwrap()),
        }
    }

    fn stamps<'a>(&'a self, event: &Event<'_>, given: &'a Value<'_>) -> Stamps<'a> {
        let text = |key| given.member(key).and_then(Value::as_str);
        let context = Context {
            tenant: &self.tenant,
            producer: &self.producer,
            mapping: text("mapping"),
            peer_ip: text("peer_ip"),
            credential: text("credential"),
        };
        Stamps::new(event, &context, self.stream, || {
            self.drawn.expect("an id is drawn only where one is due")
        })
    }
}

#[test]
fn events_have_exactly_these_parts_digests_and_roots() {
    let mut lines = testdata!("event/events.jsonl").lines().map(parse);
    let keys = lines.next().unwrap();
    let key = LedgerKey(unhex(str_of(&keys, "ledger_key")));
    let block = SaltBlock {
        id: str_of(&keys, "block").parse().unwrap(),
        secret: unhex(str_of(&keys, "secret")),
    };
    let sealer = Sealer::new(&key);
    for line in lines {
        let name = str_of(&line, "name");
        let event = Event::parse(str_of(&line, "item").as_bytes())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            String::from_utf8(event_bytes(&event)).unwrap(),
            str_of(&line, "event"),
            "{name}"
        );

        let given = line.member("stamps").unwrap();
        let known = Known::of(given);
        let stamps = known.stamps(&event, given);
        let parts = parts(&event, &stamps);
        let slot = u32::try_from(number_of(&line, "slot")).unwrap();
        let seed = sealer.seed(&block, slot);
        let expected = elements(&line, "parts");
        for (part, expected) in parts.iter().zip(expected) {
            let place = (u64::from(part.tag), u64::from(part.ordinal));
            assert_eq!(
                place,
                (number_of(expected, "tag"), number_of(expected, "ordinal")),
                "{name}"
            );
            assert_eq!(
                std::str::from_utf8(part.bytes).unwrap(),
                str_of(expected, "json"),
                "{name}"
            );
            assert_eq!(hex(&seed.salt(part.tag, part.ordinal)), str_of(expected, "salt"), "{name}");
            assert_eq!(hex(&seed.digest(part).0), str_of(expected, "digest"), "{name}");
        }
        assert_eq!(parts.len(), expected.len(), "{name}");
        let root = sealer.root(&parts, &block, slot);
        assert_eq!(hex(&root.0), str_of(&line, "root"), "{name}");

        let mut payload = Vec::new();
        record::encode(&parts, block.id, slot, &mut payload);
        assert_eq!(sha256(&payload), str_of(&line, "record_sha256"), "{name}");
        let record = Record::decode(&payload).unwrap();
        assert_eq!((record.block_id, record.slot), (block.id, slot), "{name}");
        assert_eq!(record.root(&key, &block), root, "{name}");
        assert_eq!(record.event().unwrap(), event, "{name}");
        assert_eq!(record.stamps().unwrap(), stamps, "{name}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code_and_field() {
    for line in testdata!("event/refused.jsonl").lines().map(parse) {
        let item = match line.member("item_base64").and_then(Value::as_str) {
            Some(text) => unbase64(text),
            None => str_of(&line, "item").as_bytes().to_vec(),
        };
        let shown = String::from_utf8_lossy(&item);
        let refused = Event::parse(&item).expect_err(&shown);
        assert_eq!(
            (refused.code.as_str(), &*refused.field),
            (str_of(&line, "code"), str_of(&line, "field")),
            "{shown}"
        );
        assert!(!refused.hint.is_empty() && !refused.hint.ends_with('.'), "{shown}");
    }
}

#[test]
fn every_limit_is_met_and_not_passed() {
    for line in testdata!("event/limits.jsonl").lines().map(parse) {
        let name = str_of(&line, "name");
        let (at, past) = match line.member("at").and_then(Value::as_str) {
            Some(at) => (at.to_owned(), str_of(&line, "past").to_owned()),
            None => {
                let times = usize::try_from(number_of(&line, "times")).unwrap();
                let item = |times| {
                    str_of(&line, "before").to_owned()
                        + &str_of(&line, "repeat").repeat(times)
                        + str_of(&line, "after")
                };
                (item(times), item(times + 1))
            }
        };
        Event::parse(at.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let refused = Event::parse(past.as_bytes()).expect_err(name);
        assert_eq!(
            (refused.code.as_str(), &*refused.field),
            (str_of(&line, "code"), str_of(&line, "field")),
            "{name}"
        );
    }
}

#[test]
fn ids_are_derived_as_written() {
    let ids = parse(testdata!("event/ids.json"));
    for case in elements(&ids, "of_stream") {
        let producer = ProducerId::parse(str_of(case, "producer")).unwrap();
        let instance = Instance::parse(str_of(case, "instance")).unwrap();
        let seq = Seq(str_of(case, "seq").parse().unwrap());
        assert_eq!(EventId::of_stream(&producer, instance, seq).to_string(), str_of(case, "id"));
    }
    for case in elements(&ids, "of_source") {
        let key = ImportKey(unhex(str_of(case, "import_key")));
        assert_eq!(key.event_id(str_of(case, "original_id")).to_string(), str_of(case, "id"));
    }
    for case in elements(&ids, "instance_of_file") {
        let key = ImportKey(unhex(str_of(case, "import_key")));
        let mut instance = key.instance();
        instance.update(str_of(case, "text").as_bytes());
        assert_eq!(instance.finish().to_string(), str_of(case, "instance"));
    }
    for case in elements(&ids, "v7") {
        let now = Timestamp(str_of(case, "unix_ns").parse().unwrap());
        assert_eq!(EventId::v7(now, unhex(str_of(case, "random"))).to_string(), str_of(case, "id"));
    }
}

/// What an independent implementation was given and what parts it made.
const INDEPENDENT: [(&str, &str, &str); 10] = [
    ("000", testdata!("vectors/events/000.json"), testdata!("vectors/receipts/000.json")),
    ("100", testdata!("vectors/events/100.json"), testdata!("vectors/receipts/100.json")),
    ("200", testdata!("vectors/events/200.json"), testdata!("vectors/receipts/200.json")),
    ("300", testdata!("vectors/events/300.json"), testdata!("vectors/receipts/300.json")),
    ("400", testdata!("vectors/events/400.json"), testdata!("vectors/receipts/400.json")),
    ("500", testdata!("vectors/events/500.json"), testdata!("vectors/receipts/500.json")),
    ("600", testdata!("vectors/events/600.json"), testdata!("vectors/receipts/600.json")),
    ("700", testdata!("vectors/events/700.json"), testdata!("vectors/receipts/700.json")),
    ("800", testdata!("vectors/events/800.json"), testdata!("vectors/receipts/800.json")),
    ("900", testdata!("vectors/events/900.json"), testdata!("vectors/receipts/900.json")),
];

#[test]
fn another_implementation_makes_the_same_parts() {
    for (name, item, receipt) in INDEPENDENT {
        let event =
            Event::parse(item.trim().as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let receipt = parse(receipt);
        let theirs: Vec<_> =
            elements(&elements(&receipt, "events")[0], "parts").iter().map(part_of).collect();
        let stamps = Stamps::from_parts(theirs.iter().copied()).unwrap();
        let ours = parts(&event, &stamps);
        let shown = |parts: &mut dyn Iterator<Item = PartBytes<'_>>| -> Vec<_> {
            parts
                .map(|part| {
                    (part.tag, part.ordinal, String::from_utf8(part.bytes.to_vec()).unwrap())
                })
                .collect()
        };
        assert_eq!(shown(&mut ours.iter()), shown(&mut theirs.iter().copied()), "{name}");
        assert_eq!(Event::from_parts(theirs.iter().copied()).unwrap(), event, "{name}");
        assert_eq!(
            claim_parts(&event).len(),
            theirs.iter().filter(|part| part.tag < 7).count(),
            "{name}"
        );
    }
}

fn part_of<'v>(part: &'v Value<'_>) -> PartBytes<'v> {
    let narrow = |key| number_of(part, key).try_into().unwrap();
    let tag: u16 = narrow("tag");
    PartBytes {
        tag: tag.try_into().unwrap(),
        ordinal: narrow("ordinal"),
        bytes: str_of(part, "json").as_bytes(),
    }
}
