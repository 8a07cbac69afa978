//! Any order of appends, losses, flushes, compactions and starts: a reader never sees a hole that is
//! none, or a record twice, and a view taken earlier goes on to be true.

use proptest::prelude::*;

use super::super::*;
use super::world::{World, tenant};
use crate::view::View;

#[derive(Debug, Clone, Copy)]
enum Act {
    Append(usize),
    Lose(u64),
    Flush(usize),
    Compact(usize, usize),
    Sweep,
    Restart,
    Read,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1_usize..60).prop_map(Act::Append),
        1 => (1_u64..5).prop_map(Act::Lose),
        4 => (1_usize..120).prop_map(Act::Flush),
        3 => (0_usize..8, 1_usize..5).prop_map(|(from, count)| Act::Compact(from, count)),
        2 => Just(Act::Sweep),
        1 => Just(Act::Restart),
        2 => Just(Act::Read),
    ]
}

fn make(world: &mut World, act: Act, readers: &mut Vec<Arc<View>>) {
    match act {
        Act::Append(count) => world.append(count),
        Act::Lose(count) => world.lose(count),
        Act::Flush(rows) => {
            if world.view().hole_at_watermark().is_some() {
                world.archive_hole();
            } else if world.view().hot_rows() > 0 {
                world.flush(rows);
            }
        }
        Act::Compact(from, count) => {
            let view = world.view();
            let end = (from + count).min(view.segments().len());
            let inputs = view.segments().get(from..end).unwrap_or_default();
            // Neighbours with a hole between them, or one that is sorted, are refused.
            match world.compact(inputs) {
                Ok(()) | Err(Error::OutOfOrder { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Act::Sweep => {
            readers.truncate(1);
            world.archive.sweep().unwrap();
        }
        Act::Restart => {
            // The rows behind the watermark come again from the ledger.
            readers.clear();
            let (size, holes) = (world.size, world.view().holes().to_vec());
            world.restart();
            append_again(world, size, &holes);
        }
        Act::Read => readers.push(world.view()),
    }
}

fn append_again(world: &mut World, size: u64, holes: &[Range<u64>]) {
    let from = world.size;
    for hole in holes.iter().filter(|hole| hole.start >= from) {
        append_to(world, hole.start);
        world.lose(hole.end - hole.start);
    }
    append_to(world, size);
}

fn append_to(world: &mut World, end: u64) {
    if end > world.size {
        world.append(usize::try_from(end - world.size).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn i6_every_view_holds_every_record_once(acts in prop::collection::vec(act(), 1..40)) {
        let mut world = World::new();
        let mut readers = Vec::new();
        for act in acts {
            make(&mut world, act, &mut readers);
            let view = world.view();
            prop_assert_eq!(view.to(), world.size);
            prop_assert_eq!(view.watermark(), world.archive.watermark(&tenant()).unwrap());
        }
        for reader in readers {
            world.check_view(&reader);
        }
        world.check();
    }
}
