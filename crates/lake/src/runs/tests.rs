//! Runs say what the columns said; decoded ones cover exactly their rows.

use super::*;
use proptest::prelude::*;

fn place() -> impl Strategy<Value = Place> {
    let instance = (0_u8..3).prop_map(|byte| [byte; 16]);
    let seq = prop_oneof![3 => (1_u64..9).prop_map(Some), 1 => any::<u64>().prop_map(Some), 1 => Just(None)];
    let stream =
        prop::option::of((instance, seq).prop_map(|(instance, seq)| InStream { instance, seq }));
    let salt = (prop_oneof![0_u64..3, any::<u64>()], prop_oneof![0_u32..9, any::<u32>()])
        .prop_map(|(block, slot)| rows::Salt { block, slot });
    (prop_oneof![0_i64..3, any::<i64>()], stream, salt)
        .prop_map(|(received_at, stream, salt)| Place { received_at, stream, salt })
}

/// Places that go on like the one before for a while.
fn places() -> impl Strategy<Value = Vec<Place>> {
    prop::collection::vec((place(), 1_u32..6), 0..40).prop_map(|runs| {
        let each = runs.into_iter().flat_map(|(place, length)| {
            (0..length).map(move |step| Place {
                stream: place.stream.map(|stream| stream.after(step)),
                salt: place.salt.after(step),
                ..place
            })
        });
        each.collect()
    })
}

fn table(places: &[Place]) -> Runs {
    let mut runs = Runs { rows: u32::try_from(places.len()).unwrap(), ..Runs::default() };
    places.iter().zip(0..).for_each(|(place, start)| runs.add(start, *place));
    runs
}

proptest! {
    #[test]
    fn a_table_says_what_the_rows_said(places in places()) {
        let runs = table(&places);
        let read = Runs::decode(&runs.encode(), runs.rows).unwrap();
        prop_assert_eq!(&read, &runs);
        for (place, offset) in places.iter().zip(0..) {
            prop_assert_eq!(read.at(offset), Some(*place));
        }
        prop_assert_eq!(read.at(runs.rows), None);
        let loose = places.iter().filter(|place| place.stream.is_none_or(|one| one.seq.is_none()));
        prop_assert_eq!(read.loose(), u32::try_from(loose.count()).unwrap());
        for instance in 0_u8..3 {
            for seq in 1..12 {
                let here = Some(InStream { instance: [instance; 16], seq: Some(seq) });
                let due = (0..).zip(&places).filter(|(_, place)| place.stream == here);
                let due: Vec<u32> = due.map(|(offset, _)| offset).collect();
                prop_assert_eq!(read.find(&[instance; 16], seq).collect::<Vec<_>>(), due);
            }
        }
    }

    #[test]
    fn any_bytes_give_a_table_of_exactly_the_rows_or_none(
        places in places(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0_usize..4,
    ) {
        let mut bytes = table(&places).encode();
        for (at, byte) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let rows = u32::try_from(places.len()).unwrap();
        if let Some(runs) = Runs::decode(&bytes, rows) {
            prop_assert_eq!(runs.rows(), rows);
            for offset in 0..rows {
                prop_assert!(runs.at(offset).is_some());
            }
        }
    }
}

#[test]
fn what_is_announced_sets_nothing_aside() {
    let mut bytes = Vec::new();
    crate::bits::put_varint(u64::MAX, &mut bytes);
    assert_eq!(Runs::decode(&bytes, u32::MAX), None);
}
