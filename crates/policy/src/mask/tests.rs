//! What masks say of fields.

use std::collections::BTreeMap;

use super::{Mask, MaskKey, Masks};
use crate::Field;

const KEY: MaskKey = MaskKey([7; 32]);

fn masks(fields: &[(Field, Mask)]) -> Option<Masks> {
    Masks::new(KEY, fields.iter().copied().collect::<BTreeMap<_, _>>())
}

#[test]
fn the_original_is_hidden_with_any_mask() {
    assert_eq!(masks(&[]), None);
    for mask in [Mask::Hashed, Mask::Hidden] {
        let one = masks(&[(Field::ActorId, mask), (Field::Original, Mask::Hashed)]).unwrap();
        assert_eq!(
            (one.of(Field::ActorId), one.of(Field::Original)),
            (Some(mask), Some(Mask::Hidden))
        );
        assert_eq!((one.of(Field::Action), one.fields().count()), (None, 2));
    }
}

#[test]
fn of_two_masks_the_stricter_holds() {
    let hashed = masks(&[(Field::ActorId, Mask::Hashed), (Field::Host, Mask::Hashed)]).unwrap();
    let hidden = masks(&[(Field::ActorId, Mask::Hidden)]).unwrap();
    for both in [hashed.clone().and(hidden.clone()), hidden.and(hashed)] {
        assert_eq!(
            (both.of(Field::ActorId), both.of(Field::Host)),
            (Some(Mask::Hidden), Some(Mask::Hashed))
        );
    }
}

#[test]
fn the_key_is_not_printed() {
    let printed = format!("{:?}", masks(&[(Field::ActorId, Mask::Hidden)]).unwrap());
    assert!(printed.contains("ActorId") && !printed.contains('7'), "{printed}");
}

#[test]
fn fields_have_one_name_each() {
    for field in Field::ALL {
        assert_eq!(Field::named(field.as_str()), Some(*field));
    }
    assert_eq!(Field::named("index"), None, "the public frame is no field");
}
