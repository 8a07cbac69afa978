//! Whether archiving gives way: a step of a flush, or a merge.
//!
//! It promises that a step that gives way takes what ingest and readers leave of the processors, and that one that is
//! pressed takes its share. Each step decides anew, so that a flush which was begun while there was room can hurry when
//! there is not. Refuses to leave a step undone.

use crate::niceness;

/// How work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Giving way, as long as there is room.
    Patient,
    /// Like everybody else: somebody waits for it.
    Pressed,
}

impl Pace {
    /// This pace when hot rows take so much of their budget: with half of it used up, intake will soon wait for the flush.
    pub(super) fn at(self, used_bytes: u64, bytes_max: u64) -> Pace {
        if used_bytes > bytes_max / 2 { Pace::Pressed } else { self }
    }

    /// Does a step. A thread that has given way once cannot take its share again, so the step has one of its own.
    pub(super) fn step(self, work: &mut (dyn FnMut() + Send)) {
        if self == Pace::Pressed {
            return work();
        }
        let begun = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("archive-step".to_owned());
            let patient = || {
                niceness::give_way();
                work();
            };
            thread.spawn_scoped(scope, patient).is_ok()
        });
        if !begun {
            work();
        }
    }
}

#[cfg(test)]
mod tests;
