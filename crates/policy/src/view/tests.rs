//! Views can be narrowed and never widened.

use std::collections::{BTreeMap, BTreeSet};

use event::ids::{ProducerId, TenantId};

use super::{Fields, Rows, View};
use crate::{Field, Mask, MaskKey, Masks, RowScope, RowTest};

fn view(rows: Rows) -> View {
    View::new(TenantId::parse("acme").unwrap(), rows)
}

fn scope(action: &str) -> RowScope {
    let values = BTreeSet::from([action.to_owned()]);
    RowScope::new(vec![RowTest::OneOf { field: Field::Action, values }])
}

#[test]
fn scopes_add_up() {
    let twice = view(Rows::All).scoped(scope("a.b")).scoped(scope("c.d"));
    let Rows::Scoped(both) = twice.rows() else { panic!("{twice:?}") };
    assert_eq!(both.tests(), [scope("a.b").tests(), scope("c.d").tests()].concat());
    assert!(!twice.is_whole_tenant() && !twice.admits(None), "a scope needs the record's fields");
}

#[test]
fn what_a_producer_sent_is_not_turned_into_a_scope() {
    let own = ProducerId::parse("billing").unwrap();
    let sent = view(Rows::SentBy(own.clone()));
    assert_eq!(sent.clone().scoped(RowScope::default()), sent);
    assert!(sent.admits(Some(&own)));
}

#[test]
fn a_masked_record_is_not_admitted_whole() {
    let fields = BTreeMap::from([(Field::ActorId, Mask::Hashed)]);
    let masks = Masks::new(MaskKey([0; 32]), fields).unwrap();
    let masked = view(Rows::All).masked(masks.clone());
    assert_eq!(masked.fields(), &Fields::Masked(masks));
    assert!(!masked.is_whole_tenant() && !masked.admits(None));
    assert!(view(Rows::All).is_whole_tenant());
}
