//! Sealing and settling against a ledger of vectors: what becomes a record, and what each item is told.

use super::{Answer, OutOfSlots, Place, Request, Salts, Sealed, SettleError, Slots, seal};
use crate::decode::{Media, split};
use crate::process::Steps;
use crate::verdict::{Counts, Dedup, ItemResult, Verdict};
use event::canonical::{Context, Stamps, System};
use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::event::Event;
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use event::record::{Record, encode};
use event::system::{self, SystemKind};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

const KEY: LedgerKey = LedgerKey([1; 32]);
const INSTANCE: Instance = Instance([2; 16]);
const GOOD: &str = r#"{"action":"user.login","actor":"ana"}"#;
const NAMED: &str = r#"{"id":"00000000-0000-0000-0000-000000000001","action":"a.b","actor":"ana"}"#;
const BAD: &str = r#"{"action":"login","actor":"ana"}"#;
const DEAD: &str = r#"{"action":"a.b","actor":"ana","schema":"acme.x@1"}"#;
const NAMED_DEAD: &str = r#"{"id":"00000000-0000-0000-0000-000000000002","action":"a.b","actor":"ana","schema":"acme.x@1"}"#;

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn producer() -> ProducerId {
    ProducerId::parse("billing").unwrap()
}

fn block(id: u64) -> SaltBlock {
    SaltBlock { id, secret: [9; 32] }
}

/// Numbers and ids that were stored, and the payloads.
#[derive(Default)]
struct Ledger {
    records: Vec<Option<Vec<u8>>>,
    numbers: BTreeMap<u64, u64>,
    ids: BTreeMap<EventId, u64>,
    drawn: u8,
}

impl Ledger {
    fn append(&mut self, sealed: &Sealed) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (number, record) in (0..).zip(&sealed.records) {
            let number = sealed.stream.map(|place| place.first.0 + number);
            let known = number.and_then(|number| self.numbers.get(&number));
            if let Some(index) = known.or_else(|| record.id.and_then(|id| self.ids.get(&id))) {
                answers.push(Answer::Seen { index: *index });
                continue;
            }
            let index = u64::try_from(self.records.len()).unwrap();
            self.records.push(Some(record.payload.clone()));
            number.map(|number| self.numbers.insert(number, index));
            record.id.map(|id| self.ids.insert(id, index));
            answers.push(Answer::Committed { index });
        }
        answers
    }

    /// Seals, appends and settles `items`, in the stream from `first` on or outside any.
    fn send(&mut self, items: &[&[u8]], first: Option<u64>) -> Vec<ItemResult> {
        let sealed = self.seal(items, first);
        let answers = self.append(&sealed);
        sealed.settle(items, &answers, &mut |index| self.stored(index)).unwrap()
    }

    fn seal(&mut self, items: &[&[u8]], first: Option<u64>) -> Sealed {
        let (tenant, producer, steps, block) = (tenant(), producer(), Steps::default(), block(7));
        let context = Context {
            tenant: &tenant,
            producer: &producer,
            mapping: Some("cloudtrail/1"),
            peer_ip: Some("127.0.0.1"),
            credential: Some("key1"),
        };
        let stream = first.map(|first| Place::new(INSTANCE, Seq(first), items.len()).unwrap());
        let slots = vec![Slots { block: &block, slots: 0..u32::try_from(items.len()).unwrap() }];
        let salts = Salts { sealer: &Sealer::new(&KEY), slots };
        let mut draw = || {
            self.drawn += 1;
            EventId([self.drawn; 16])
        };
        let mut rows = Vec::new();
        let mut count = |_: &Event<'_>, _: &Stamps<'_>, at: (u64, u32)| rows.push(at);
        let request = Request { context, stream, steps: &steps };
        let sealed = seal(items, &request, &salts, &mut draw, &mut count).unwrap();
        let places = sealed.records.iter().map(|record| {
            let stored = Record::decode(&record.payload).unwrap();
            (stored.block_id, stored.slot)
        });
        assert_eq!(rows, places.collect::<Vec<_>>(), "a row for each record, with its salt");
        sealed
    }

    fn stored(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.records[usize::try_from(index).unwrap()].clone())
    }
}

fn bytes<'a>(items: &[&'a str]) -> Vec<&'a [u8]> {
    items.iter().map(|item| item.as_bytes()).collect()
}

fn words(results: &[ItemResult]) -> Vec<String> {
    results.iter().map(word).collect()
}

/// A verdict in short: status, index, code.
fn word(result: &ItemResult) -> String {
    let code = match &result.verdict {
        Verdict::Rejected { rejection, .. } => rejection.code.as_str(),
        Verdict::Conflict { code, .. } | Verdict::DeadLettered { code, .. } => code.as_str(),
        Verdict::Committed { .. } | Verdict::Duplicate { .. } => "",
    };
    let index = result.verdict.index().map_or("-".to_owned(), |index| index.to_string());
    format!("{} {index} {code}", result.verdict.status()).trim_end().to_owned()
}

#[test]
fn outside_a_stream_a_rejected_item_leaves_no_record() {
    let mut ledger = Ledger::default();
    let results = ledger.send(&bytes(&[GOOD, BAD, DEAD, NAMED]), None);
    assert_eq!(
        words(&results),
        [
            "committed 0",
            "rejected - invalid_value",
            "dead_lettered 1 schema_unknown",
            "committed 2"
        ]
    );
    let dedup: Vec<_> = results.iter().map(|result| result.dedup == Dedup::Recognised).collect();
    assert_eq!(dedup, [false, true, false, true]);
    assert_eq!(ledger.records.len(), 3);
}

#[test]
fn in_a_stream_every_number_becomes_a_record() {
    let mut ledger = Ledger::default();
    let results = ledger.send(&bytes(&[GOOD, BAD, DEAD, NAMED]), Some(5));
    assert_eq!(
        words(&results),
        [
            "committed 0",
            "rejected 1 invalid_value",
            "dead_lettered 2 schema_unknown",
            "committed 3"
        ]
    );
    assert!(results.iter().all(|result| result.dedup == Dedup::Recognised));
    let seqs: Vec<_> =
        (0..4).map(|index| record(&ledger, index, |_, stamps| stamps.stream)).collect();
    assert_eq!(seqs, [5, 6, 7, 8].map(|seq| Some((INSTANCE, Seq(seq)))));
}

/// What `read` finds in the record at `index`.
fn record<T>(ledger: &Ledger, index: usize, read: impl FnOnce(&Event<'_>, &Stamps<'_>) -> T) -> T {
    let payload = ledger.records[index].as_ref().unwrap();
    let record = Record::decode(payload).unwrap();
    read(&record.event().unwrap(), &record.stamps().unwrap())
}

#[test]
fn a_record_says_what_was_sent_and_what_the_server_knows() {
    let mut ledger = Ledger::default();
    ledger.send(&bytes(&[GOOD, BAD, DEAD]), Some(1));
    record(&ledger, 0, |event, stamps| {
        assert_eq!(*event, Event::parse(GOOD.as_bytes()).unwrap());
        assert_eq!(stamps.producer.as_deref(), Some("billing"));
        assert_eq!(stamps.mapping.as_deref(), Some("cloudtrail/1"));
        assert_eq!(stamps.peer_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(stamps.event_id(event), Some(EventId::of_stream(&producer(), INSTANCE, Seq(1))));
    });
    record(&ledger, 1, |event, stamps| {
        assert_eq!(event.schema.as_deref(), Some(SystemKind::Refused.schema().as_str()));
        assert!(event.original.is_none(), "a refusal keeps no item");
        assert_eq!(stamps.system, System::Yes);
    });
    record(&ledger, 2, |event, stamps| {
        assert_eq!(event.schema.as_deref(), Some(SystemKind::DeadLetter.schema().as_str()));
        assert_eq!(event.original.as_ref().unwrap().text, DEAD);
        assert_eq!(stamps.system, System::Yes);
    });
}

#[test]
fn the_root_is_that_of_the_stored_bytes() {
    let sealed = Ledger::default().seal(&bytes(&[GOOD, BAD, DEAD]), Some(1));
    for (slot, sealed) in (0..).zip(&sealed.records) {
        let record = Record::decode(&sealed.payload).unwrap();
        assert_eq!((record.block_id, record.slot), (7, slot));
        assert_eq!(record.root(&KEY, &block(7)), sealed.root);
    }
}

#[test]
fn slots_are_used_once_and_across_blocks() {
    let (tenant, producer, steps, first, second) =
        (tenant(), producer(), Steps::default(), block(1), block(2));
    let context = Context {
        tenant: &tenant,
        producer: &producer,
        mapping: None,
        peer_ip: None,
        credential: None,
    };
    let request = Request { context, stream: None, steps: &steps };
    let items = bytes(&[GOOD, BAD, GOOD, GOOD, GOOD]);
    let sealer = Sealer::new(&KEY);
    let mut draw = || EventId([0; 16]);
    let runs = |count| {
        vec![Slots { block: &first, slots: 4094..4096 }, Slots { block: &second, slots: 0..count }]
    };
    let salts = Salts { sealer: &sealer, slots: runs(2) };
    let short = seal(&items, &request, &salts, &mut draw, &mut |_, _, _| {}).unwrap_err();
    assert_eq!(short, OutOfSlots { reserved: 4, items: 5 });
    let salts = Salts { sealer: &sealer, slots: runs(3) };
    let sealed = seal(&items, &request, &salts, &mut draw, &mut |_, _, _| {}).unwrap();
    let used: Vec<_> = sealed
        .records
        .iter()
        .map(|sealed| {
            Record::decode(&sealed.payload).map(|record| (record.block_id, record.slot)).unwrap()
        })
        .collect();
    assert_eq!(used, [(1, 4094), (1, 4095), (2, 0), (2, 1)]);
    let roots: BTreeSet<_> = sealed.records.iter().map(|sealed| sealed.root).collect();
    assert_eq!(roots.len(), sealed.records.len(), "equal events have other roots");
}

#[test]
fn a_place_keeps_to_the_numbers_of_a_stream() {
    let cases = [
        (0, 1, false),
        (1, 0, true),
        (1, 1, true),
        (super::SEQ_MAX, 1, true),
        (super::SEQ_MAX, 2, false),
        (u64::MAX, 2, false),
    ];
    for (first, items, good) in cases {
        assert_eq!(Place::new(INSTANCE, Seq(first), items).is_some(), good, "{first} {items}");
    }
}

#[test]
fn a_number_is_digits_and_nothing_else() {
    for (text, number) in
        [("1", Some(1)), ("007", Some(7)), ("9007199254740991", Some(super::SEQ_MAX))]
    {
        assert_eq!(super::parse_seq(text), number.map(Seq), "{text}");
    }
    for text in ["", "0", "+1", "-1", " 1", "1.0", "9007199254740992", "18446744073709551616"] {
        assert_eq!(super::parse_seq(text), None, "{text}");
    }
}

#[test]
fn i5_what_was_seen_is_judged_by_its_record() {
    let other = r#"{"action":"user.login","actor":"bob"}"#;
    let spelled =
        r#" { "actor" : {"id":"\u0061na"}, "action":"user.login", "targets":[] } "#.trim();
    let cases = [
        // (what was stored under the number, what is sent, what the sender is told)
        (GOOD, GOOD, "duplicate 0"),
        (GOOD, spelled, "duplicate 0"),
        (GOOD, other, "conflict 0 seq_conflict"),
        (GOOD, BAD, "conflict 0 seq_conflict"),
        (GOOD, DEAD, "conflict 0 seq_conflict"),
        (DEAD, DEAD, "dead_lettered 0 schema_unknown"),
        (DEAD, NAMED_DEAD, "conflict 0 seq_conflict"),
        (DEAD, GOOD, "conflict 0 seq_conflict"),
        (BAD, BAD, "rejected 0 invalid_value"),
        (BAD, GOOD, "rejected 0 invalid_value"),
        (BAD, "{", "rejected 0 invalid_value"),
    ];
    for (stored, sent, want) in cases {
        let mut ledger = Ledger::default();
        ledger.send(&bytes(&[stored]), Some(1));
        assert_eq!(words(&ledger.send(&bytes(&[sent]), Some(1))), [want], "{stored} then {sent}");
        assert_eq!(ledger.records.len(), 1);
    }
}

#[test]
fn i5_outside_a_stream_the_id_decides() {
    let mut ledger = Ledger::default();
    let other = NAMED.replace("ana", "bob");
    ledger.send(&bytes(&[NAMED, NAMED_DEAD]), None);
    let again = ledger.send(&bytes(&[NAMED, &other, NAMED_DEAD, GOOD, GOOD]), None);
    assert_eq!(
        words(&again),
        [
            "duplicate 0",
            "conflict 0 id_conflict",
            "dead_lettered 1 schema_unknown",
            "committed 2",
            "committed 3"
        ]
    );
}

#[test]
fn a_number_of_a_declared_gap_is_a_conflict() {
    let (tenant, producer) = (tenant(), producer());
    let gap = system::Gap {
        producer: &producer,
        instance: INSTANCE,
        from: Seq(1),
        to: Seq(3),
        reason: "x",
    };
    let mut payload = Vec::new();
    encode(&system::gap(&tenant, EventId([0; 16]), &gap).parts(), 0, 0, &mut payload);
    let mut ledger = Ledger { records: vec![Some(payload)], ..Ledger::default() };
    ledger.numbers.extend((1..=3).map(|number| (number, 0)));
    assert_eq!(words(&ledger.send(&bytes(&[GOOD, BAD]), Some(2))), ["conflict 0 seq_conflict"; 2]);
}

#[test]
fn what_cannot_be_compared_is_never_guessed() {
    let items = bytes(&[GOOD]);
    let mut ledger = Ledger::default();
    ledger.send(&items, Some(1));
    let sealed = ledger.seal(&items, Some(1));
    let seen = [Answer::Seen { index: 0 }];
    let lost = sealed.settle::<Infallible>(&items, &seen, &mut |_| Ok(None)).unwrap();
    assert_eq!(words(&lost), ["duplicate 0"], "a lost record is known by its number alone");
    let damaged = sealed.settle::<Infallible>(&items, &seen, &mut |_| Ok(Some(vec![1, 2, 3])));
    assert!(matches!(damaged, Err(SettleError::Damaged { index: 0, .. })));
    let unread = sealed.settle(&items, &seen, &mut |_| Err("gone"));
    assert_eq!(unread, Err(SettleError::Unreadable { index: 0, source: "gone" }));
    for answers in [&[][..], &[seen[0], seen[0]]] {
        let settled = sealed.settle(&items, answers, &mut |index| ledger.stored(index));
        assert!(matches!(settled, Err(SettleError::Unanswered { records: 1, .. })));
    }
}

/// Items of every sort: good ones with few ids, bad ones, dead letters, noise.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let id = 0_u8..6;
    let named = (id, "[ab]").prop_map(|(id, actor)| {
        let id = EventId([id; 16]);
        format!(r#"{{"id":"{id}","action":"a.b","actor":"{actor}"}}"#).into_bytes()
    });
    let fixed =
        prop::sample::select(vec![GOOD, BAD, DEAD, NAMED_DEAD, "{", "[]", "{\"tenant\":\"x\"}"]);
    prop_oneof![
        4 => named,
        4 => fixed.prop_map(|item| item.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..40),
    ]
}

proptest! {
    #[test]
    fn i7_every_item_received_has_one_verdict(
        requests in prop::collection::vec((prop::collection::vec(item(), 0..12), any::<bool>()), 1..8)
    ) {
        let mut ledger = Ledger::default();
        let mut received = 0;
        let mut next = 1_u64;
        let (mut stored, mut counted) = (0, Counts::default());
        for (items, in_stream) in requests {
            let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
            // Every second request of the stream begins two numbers early: a retry that overlaps.
            let first = in_stream.then(|| next.saturating_sub(2 * (next % 2)).max(1));
            let results = ledger.send(&items, first);
            received += items.len();
            if let Some(first) = first {
                next = next.max(first + u64::try_from(items.len()).unwrap());
            }
            prop_assert_eq!(results.len(), items.len());
            let counts = Counts::of(&results);
            prop_assert_eq!(counts.received(), u64::try_from(items.len()).unwrap());
            add(&mut counted, counts);
            stored = ledger.records.len();
        }
        prop_assert_eq!(counted.received(), u64::try_from(received).unwrap());
        prop_assert!(counted.committed <= u64::try_from(stored).unwrap());
        // INVARIANT (I3): the numbers of the stream have no hole.
        prop_assert_eq!(ledger.numbers.keys().copied().collect::<Vec<_>>(), (1..next).collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bytes_are_split_and_judged_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        judge_all(&body);
    }

    #[test]
    fn json_like_bytes_are_split_and_judged_without_a_panic(body in "[\\[\\]{}\",:0-9a-e.\\\\u \n\u{e9}-]{0,300}") {
        judge_all(body.as_bytes());
    }

    #[test]
    fn broken_events_are_judged_without_a_panic(cut in 0_usize..80, byte in any::<u8>(), drop in 0_usize..3) {
        let mut body = NAMED.as_bytes().to_vec();
        let at = cut.min(body.len());
        body.splice(at..(at + drop).min(body.len()), [byte]);
        judge_all(&body);
    }
}

/// Every item of `body` gets a verdict, in a stream and outside.
fn judge_all(body: &[u8]) {
    for media in [Media::Json, Media::Ndjson] {
        if let Ok(request) = split(media, body) {
            for first in [None, Some(1)] {
                let results = Ledger::default().send(&request.items, first);
                assert_eq!(results.len(), request.items.len());
            }
        }
    }
    let key = event::ids::ImportKey([0; 32]);
    if let Ok(event) = crate::decode::cloudtrail::map(body, &key) {
        assert!(Event::parse(&event).is_ok());
    }
}

fn add(total: &mut Counts, more: Counts) {
    total.committed += more.committed;
    total.duplicate += more.duplicate;
    total.conflict += more.conflict;
    total.rejected += more.rejected;
    total.dead_lettered += more.dead_lettered;
}
