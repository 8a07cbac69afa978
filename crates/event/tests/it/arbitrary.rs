//! Arbitrary events, as producers may send them.
//!
//! Uses nothing but the crate's public face, so that the tests of `lake` can include this file.

use event::json::Value;
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

/// Any event that obeys the formats.
pub(crate) fn any_event() -> BoxedStrategy<Value<'static>> {
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
