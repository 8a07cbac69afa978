//! What holds for every event, every mutation of one, and every payload.

use event::Event;
use event::canonical::{Context, Stamps, claim_parts, event_bytes, parts};
use event::commitment::{LedgerKey, SaltBlock, Sealer};
use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use event::json::{Value, write_cj1};
use event::record::{self, Content, Record, same_claims};
use proptest::prelude::*;

type Member = (&'static str, BoxedStrategy<Value<'static>>);

fn text() -> BoxedStrategy<Value<'static>> {
    prop_oneof!["[a-z]{0,12}", any::<String>()].prop_map(Value::text).boxed()
}

fn one_of(names: &'static [&'static str]) -> BoxedStrategy<Value<'static>> {
    prop::sample::select(names).prop_map(Value::text).boxed()
}

fn pattern(regex: &'static str) -> BoxedStrategy<Value<'static>> {
    regex.prop_map(Value::text).boxed()
}

fn list(element: BoxedStrategy<Value<'static>>, max: usize) -> BoxedStrategy<Value<'static>> {
    prop::collection::vec(element, 0..=max).prop_map(Value::Array).boxed()
}

/// An object of `required` members and any of `optional`, some of them `null`.
fn object(required: Vec<Member>, optional: Vec<Member>) -> BoxedStrategy<Value<'static>> {
    let always = required
        .into_iter()
        .map(|(key, value)| value.prop_map(move |value| Some((key, value))).boxed());
    let sometimes = optional.into_iter().map(|(key, value)| {
        let value = prop_oneof![
            4 => Just(None),
            3 => value.prop_map(move |value| Some((key, value))),
            1 => Just(Some((key, Value::Null))),
        ];
        value.boxed()
    });
    let members: Vec<_> = always.chain(sometimes).collect();
    members
        .prop_map(|members| {
            Value::object(
                members.into_iter().flatten().map(|(key, value)| (key.into(), value)).collect(),
            )
        })
        .boxed()
}

fn free() -> BoxedStrategy<Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|token| Value::Number(token.into())),
        text(),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let key = "[^\0]{0,4}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|members| Value::object(
                members.into_iter().map(|(key, value)| (key.into(), value)).collect()
            )),
        ]
    })
    .boxed()
}

fn actor() -> BoxedStrategy<Value<'static>> {
    let auth = object(
        vec![],
        vec![
            ("method", text()),
            ("mfa", any::<bool>().prop_map(Value::Bool).boxed()),
            ("credential_id", text()),
        ],
    );
    let optional = vec![
        ("kind", one_of(event::event::ACTOR_KINDS)),
        ("name", text()),
        ("email", text()),
        ("roles", list(text(), 3)),
        ("auth", auth),
    ];
    prop_oneof![pattern("[a-c]{1,2}"), object(vec![("id", pattern("[a-c]{1,2}"))], optional)]
        .boxed()
}

fn target() -> BoxedStrategy<Value<'static>> {
    let required = vec![("type", pattern("user|invoice|a")), ("id", pattern("[a-c/]{1,3}"))];
    let optional = vec![("name", text()), ("parent", text()), ("owner", pattern("[a-c]{1,2}"))];
    prop_oneof![pattern("(user|doc)/[a-c/]{1,3}"), object(required, optional)].boxed()
}

fn change() -> BoxedStrategy<Value<'static>> {
    object(
        vec![("path", pattern("(/[a-z~01]?[a-y]){0,3}")), ("op", text())],
        vec![("old", free()), ("new", free())],
    )
    .prop_filter("a tilde must be an escape", |value| {
        let path = value.member("path").and_then(Value::as_str).unwrap();
        event::json::tokens(path).is_some()
    })
    .boxed()
}

fn outcome() -> BoxedStrategy<Value<'static>> {
    let status = one_of(event::event::STATUSES);
    let members = vec![("status", status.clone()), ("code", text()), ("reason", text())];
    prop_oneof![status, object(vec![], members)].boxed()
}

fn any_event() -> BoxedStrategy<Value<'static>> {
    let attrs = prop::collection::btree_map("[^\0]{0,5}", free(), 0..5).prop_map(|members| {
        Value::object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    });
    let time = "(16[89]|1[789][0-9]|2[01][0-9])[0-9]-(0[1-9]|1[012])-(0[1-9]|1[0-9]|2[0-8])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([zZ]|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9])";
    let texts =
        |keys: &[&'static str]| object(vec![], keys.iter().map(|key| (*key, text())).collect());
    let hex = |regex| pattern(regex);
    let correlation = vec![
        ("request_id", text()),
        ("session_id", text()),
        ("operation_id", text()),
        ("trace_id", hex("[0-9a-f]{32}")),
        ("span_id", hex("[0-9a-f]{16}")),
        ("parent_id", hex("[0-9a-f]{16}")),
    ];
    let ip = one_of(&["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "::"]);
    let origin = vec![
        ("service", text()),
        ("host", text()),
        ("ip", ip),
        ("user_agent", text()),
        ("device", text()),
    ];
    let optional = vec![
        (
            "id",
            pattern("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
        ),
        ("schema", one_of(&["indelible.event@1", "acme.order@2"])),
        ("occurred_at", pattern(time)),
        ("kind", one_of(event::event::KINDS)),
        ("outcome", outcome()),
        ("on_behalf_of", list(actor(), 8)),
        ("targets", list(target(), 12)),
        ("origin", object(vec![], origin)),
        ("decision", texts(&["effect", "permission", "policy", "version"])),
        ("severity", one_of(event::event::SEVERITIES)),
        ("delivery", one_of(event::event::DELIVERIES)),
        ("correlation", object(vec![], correlation)),
        ("changes", list(change(), 3)),
        ("attrs", attrs.boxed()),
        ("justification", texts(&["text", "ticket"])),
        ("original", object(vec![("text", text())], vec![("media_type", text())])),
    ];
    object(
        vec![
            ("action", pattern("[a-zA-Z0-9][a-z_-]{0,3}(\\.[a-zA-Z0-9][a-z_-]{0,6}){1,3}")),
            ("actor", actor()),
        ],
        optional,
    )
}

fn bytes_of(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_cj1(value, &mut bytes);
    bytes
}

fn stamps_of<'a>(event: &Event<'_>, tenant: &'a TenantId, producer: &'a ProducerId) -> Stamps<'a> {
    let context = Context {
        tenant,
        producer,
        mapping: None,
        peer_ip: Some("192.0.2.7"),
        credential: Some("k_1"),
    };
    Stamps::new(event, &context, Some((Instance([1; 16]), Seq(7))), || EventId([0; 16]))
}

fn payload_of(event: &Event<'_>) -> Vec<u8> {
    let (tenant, producer) =
        (TenantId::parse("default").unwrap(), ProducerId::parse("billing-api").unwrap());
    let mut payload = Vec::new();
    record::encode(&parts(event, &stamps_of(event, &tenant, &producer)), 9, 3, &mut payload);
    payload
}

proptest! {
    #[test]
    fn an_event_survives_its_parts_and_its_normal_form(value in any_event()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        prop_assert_eq!(&Event::as_sent(&bytes).unwrap(), &event);

        let normal = event_bytes(&event);
        prop_assert_eq!(&Event::in_normal_form(&normal).unwrap(), &event);
        prop_assert_eq!(event_bytes(&Event::parse(&normal).unwrap()), normal.clone());
        prop_assert_eq!(bytes_of(&event::json::parse(&normal, event::json::Limits::READER).unwrap()), normal);

        let claims = claim_parts(&event);
        prop_assert!(claims.iter().map(|part| (part.tag, part.ordinal)).is_sorted_by(|a, b| a < b));
        for part in claims.iter() {
            let value = event::json::parse(part.bytes, event::json::Limits::READER).unwrap();
            prop_assert_eq!(bytes_of(&value), part.bytes);
        }
        prop_assert_eq!(&Event::from_parts(claims.iter()).unwrap(), &event);
        prop_assert_eq!(&event.clone().into_owned(), &event);
    }

    #[test]
    fn a_record_survives_its_bytes(value in any_event()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        let (tenant, producer) = (TenantId::parse("default").unwrap(), ProducerId::parse("billing-api").unwrap());
        let stamps = stamps_of(&event, &tenant, &producer);
        let payload = payload_of(&event);
        let record = Record::decode(&payload).unwrap();
        prop_assert_eq!(record.event().unwrap(), event.clone());
        prop_assert_eq!(record.stamps().unwrap(), stamps.clone());
        let (key, block) = (LedgerKey([5; 32]), SaltBlock { id: 9, secret: [6; 32] });
        let root = Sealer::new(&key).root(&parts(&event, &stamps), &block, 3);
        prop_assert_eq!(record.root(&key, &block), root);
        prop_assert!(same_claims(&record, &record));
    }

    #[test]
    fn mutated_items_are_events_or_refusals(value in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = bytes_of(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(event) = Event::parse(&bytes) {
            let claims = claim_parts(&event);
            prop_assert_eq!(&Event::from_parts(claims.iter()).unwrap(), &event);
        }
        bytes.truncate(at);
        prop_assert!(Event::parse(&bytes).is_err());
    }

    #[test]
    fn mutated_records_are_read_or_damage(value in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = bytes_of(&value);
        let event = Event::parse(&bytes).unwrap();
        let good = payload_of(&event);
        let mut payload = good.clone();
        let at = at.index(payload.len());
        payload[at] = byte;
        let key = (LedgerKey([5; 32]), SaltBlock { id: 9, secret: [6; 32] });
        if let Ok(record) = Record::decode(&payload) {
            let _ = (record.event(), record.stamps());
            // INVARIANT (I2): whatever is read of changed bytes has another root, the block's number apart.
            let root = Record::decode(&good).unwrap().root(&key.0, &key.1);
            let is_outside = (1..9).contains(&at) || payload == good || is_key_reference(&good, at);
            prop_assert!(is_outside || record.root(&key.0, &key.1) != root);
        }
        payload.truncate(at);
        prop_assert!(Record::decode(&payload).is_err());
        payload.extend_from_slice(&good);
        let _ = Record::decode(&payload);
    }

    #[test]
    fn any_bytes_are_a_record_or_damage(bytes in prop::collection::vec(any::<u8>(), 0..120), count in 0_u8..4) {
        let _ = Record::decode(&bytes);
        let mut payload = vec![1; 13];
        payload.extend_from_slice(&[0, count]);
        payload.extend_from_slice(&bytes);
        if let Ok(record) = Record::decode(&payload) {
            let _ = (record.event(), record.stamps());
        }
    }
}

/// Whether `at` lies in the key reference of a part, which no root covers.
fn is_key_reference(payload: &[u8], at: usize) -> bool {
    let record = Record::decode(payload).unwrap();
    let mut offset = record::HEADER_BYTES;
    for part in record.parts() {
        if (offset + 3..offset + 7).contains(&at) {
            return true;
        }
        let Content::Bytes(bytes) = part.content else { panic!("all parts are there") };
        offset += record::PART_HEADER_BYTES + bytes.len();
    }
    false
}
