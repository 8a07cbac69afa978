//! The schema look-up: which names a tenant has.

use super::{Failed, Steps};
use event::code::Code;
use event::event::Event;

#[test]
fn an_event_of_an_unknown_schema_is_a_dead_letter() {
    let unknown = Err(Failed { code: Code::SchemaUnknown, field: "/schema" });
    let own = Steps::new(["acme.invoice@2".to_owned()]);
    let cases = [
        (None, Ok(()), Ok(())),
        (Some("indelible.event@1"), Ok(()), Ok(())),
        (Some("acme.invoice@2"), unknown.clone(), Ok(())),
        (Some("acme.invoice@1"), unknown.clone(), unknown),
    ];
    for (schema, without, with) in cases {
        let member = schema.map(|name| format!(r#","schema":"{name}""#)).unwrap_or_default();
        let item = format!(r#"{{"action":"a.b","actor":"ana"{member}}}"#);
        let event = Event::parse(item.as_bytes()).unwrap();
        assert_eq!(Steps::default().run(&event), without, "{schema:?}");
        assert_eq!(own.run(&event), with, "{schema:?}");
    }
}
