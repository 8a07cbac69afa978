//! Rows without events, for the tests of what holds them.

use super::{Cells, Rows};

/// `count` rows whose ids are the numbers from `first` on.
pub(crate) fn rows(first: u64, count: usize) -> Rows {
    let mut cells = Cells::default();
    for (row, number) in (0..count).zip(first..) {
        cells.record.set(row, 0);
        cells.id.set(row, u128::from(number).to_be_bytes());
        cells.salt_block.set(row, 1);
        cells.salt_slot.set(row, 7);
        cells.texts.action.set(row, "test.row");
        cells.texts.actor_id.set(row, &format!("actor-{}", number % 10));
        if number % 3 == 0 {
            cells.targets.add(row, [Some("thing"), Some("1"), None, None, None]);
        }
    }
    Rows { cells: Box::new(cells), len: count }
}
