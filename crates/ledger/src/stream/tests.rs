//! Streams against a plain list of numbers.

use event::ids::{Instance, ProducerId};
use proptest::prelude::*;

use super::*;

fn id(instance: u8) -> StreamId {
    StreamId { producer: ProducerId::parse("p").unwrap(), instance: Instance([instance; 16]) }
}

proptest! {
    #[test]
    fn a_number_is_found_where_a_plain_list_has_it(
        steps in prop::collection::vec((0_u8..3, 1_u64..5, any::<bool>()), 1..60),
    ) {
        let mut streams = Streams::default();
        let mut lists: [Vec<u64>; 3] = Default::default();
        let mut index = 0;
        for (place, (of, count, is_gap)) in steps.into_iter().enumerate() {
            let list = &mut lists[usize::from(of)];
            let seq = u64::try_from(list.len()).unwrap() + 1;
            let shape = if is_gap { Shape::Gap } else { Shape::Each };
            let stamp = Timestamp(u64::try_from(place).unwrap());
            streams.take(&id(of), Run { seq, count, index, shape }, stamp);
            for number in 0..count {
                list.push(if is_gap { index } else { index + number });
            }
            index += if is_gap { 1 } else { count };
        }
        for (of, list) in (0_u8..).zip(&lists) {
            let next = u64::try_from(list.len()).unwrap() + 1;
            prop_assert_eq!(streams.next(&id(of)).unwrap_or(1), next);
            for (seq, index) in (1..).zip(list) {
                prop_assert_eq!(streams.place(&id(of), seq), SeqPlace::At(Index(*index)));
            }
            prop_assert_eq!(streams.place(&id(of), next), SeqPlace::NotStored);
            prop_assert_eq!(streams.place(&id(of), 0), SeqPlace::NotStored);
        }
        streams.forget_below(index / 2);
        for (of, list) in (0_u8..).zip(&lists) {
            for (seq, at) in (1..).zip(list) {
                let known = SeqPlace::At(Index(*at));
                let expected = if *at < index / 2 { SeqPlace::Archived } else { known };
                prop_assert_eq!(streams.place(&id(of), seq), expected);
            }
        }
        let known = lists.iter().filter(|list| !list.is_empty()).count();
        prop_assert_eq!(streams.len(), known);
    }
}

#[test]
fn runs_that_follow_each_other_are_one() {
    let mut streams = Streams::default();
    let each = |seq, index| Run { seq, count: 5, index, shape: Shape::Each };
    streams.take(&id(1), each(1, 0), Timestamp(1));
    streams.take(&id(1), each(6, 5), Timestamp(1));
    assert_eq!(streams.streams[&id(1)].runs.len(), 1);
    streams.take(&id(1), each(11, 20), Timestamp(2));
    assert_eq!(streams.streams[&id(1)].runs.len(), 2, "another stream's records lie between");
}
