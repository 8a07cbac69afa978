//! Hostile files: each damage with what is lost by it, what is still there, and whether the spool goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::spool::folder;
use crate::spool::read::Most;
use crate::spool::tests::{ALL, Left, left};
use crate::spool::{Delivered, Spool};

use super::*;

/// Segments of the spool that is damaged begin with these numbers.
const FIRSTS: [u64; 3] = [1, 8, 15];
/// Its last number, and the last that is delivered.
const LAST: u64 = 18;
const DELIVERED: u64 = 2;

/// What one damage comes to.
struct Case {
    name: &'static str,
    damage: fn(&Path),
    /// Numbers that are declared lost.
    lost: &'static [(u64, u64)],
    /// How many places are named, cut tails among them.
    named: usize,
    end: End,
}

/// Changes the bytes of a segment.
fn change(folder: &Path, first: u64, how: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(file_name(first));
    let mut bytes = fs::read(&path).unwrap();
    how(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// Where number `seq` begins in the segment that begins with `first`: every frame is of one length.
fn at(seq: u64, first: u64) -> usize {
    HEADER_BYTES + usize::try_from(seq - first).unwrap() * frame_bytes()
}

fn frame_bytes() -> usize {
    format::FRAME_HEADER_BYTES + event(1).len()
}

fn event(seq: u64) -> Vec<u8> {
    format!("{{\"n\":\"{seq:0>1000}\"}}").into_bytes()
}

const CASES: &[Case] = &[
    Case {
        name: "a flipped bit in an event",
        damage: |folder| change(folder, 8, |bytes| bytes[at(10, 8) + 500] ^= 1),
        lost: &[(10, 10)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a flipped bit in an event that is delivered",
        damage: |folder| change(folder, 1, |bytes| bytes[at(2, 1) + 500] ^= 1),
        lost: &[(2, 2)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a flipped bit in a length",
        damage: |folder| change(folder, 8, |bytes| bytes[at(10, 8) + 1] ^= 0x10),
        lost: &[(10, 10)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a flipped bit in a number",
        damage: |folder| change(folder, 8, |bytes| bytes[at(8, 8) + 11] ^= 1),
        lost: &[(8, 8)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "two places in one file",
        damage: |folder| {
            change(folder, 8, |bytes| {
                bytes[at(9, 8) + 500] ^= 1;
                bytes[at(12, 8) + 500..at(13, 8) + 30].fill(7);
            });
        },
        lost: &[(9, 9), (12, 13)],
        named: 2,
        end: End::Open,
    },
    Case {
        name: "the last frame of an inner file",
        damage: |folder| change(folder, 8, |bytes| bytes[at(14, 8) + 500] ^= 1),
        lost: &[(14, 14)],
        named: 2,
        end: End::Open,
    },
    Case {
        name: "the header of an inner file",
        damage: |folder| change(folder, 8, |bytes| bytes[20] ^= 1),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "the header of the newest file",
        damage: |folder| change(folder, 15, |bytes| bytes[20] ^= 1),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "an inner file is gone",
        damage: |folder| fs::remove_file(folder.join(file_name(8))).unwrap(),
        lost: &[(8, 14)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "the oldest file is gone",
        damage: |folder| fs::remove_file(folder.join(file_name(1))).unwrap(),
        lost: &[(3, 7)],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "an inner file ends early",
        damage: |folder| change(folder, 8, |bytes| bytes.truncate(at(12, 8) + 100)),
        lost: &[(12, 14)],
        named: 2,
        end: End::Open,
    },
    Case {
        name: "an inner file is empty",
        damage: |folder| change(folder, 8, Vec::clear),
        lost: &[(8, 14)],
        named: 2,
        end: End::Open,
    },
    Case {
        name: "the newest file is empty: its making was not finished",
        damage: |folder| change(folder, 15, Vec::clear),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "the last event is flipped",
        damage: |folder| change(folder, 15, |bytes| bytes[at(18, 15) + 500] ^= 1),
        lost: &[(18, 18)],
        named: 1,
        end: End::Sealed,
    },
    Case {
        name: "the length of the last event is flipped, so that it reaches beyond the file",
        damage: |folder| change(folder, 15, |bytes| bytes[at(18, 15) + 1] ^= 1),
        lost: &[(18, 18)],
        named: 1,
        end: End::Sealed,
    },
    Case {
        name: "something else stands behind the last event",
        damage: |folder| change(folder, 15, |bytes| bytes.extend([9; 50])),
        lost: &[(19, 19)],
        named: 1,
        end: End::Sealed,
    },
    Case {
        name: "zeros stand behind the last event: a write that a power cut left without its bytes",
        damage: |folder| change(folder, 15, |bytes| bytes.extend([0; 50])),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "the last event is torn",
        damage: |folder| change(folder, 15, |bytes| bytes.truncate(at(18, 15) + 700)),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a segment of another spool",
        damage: |folder| {
            let bytes = format::header(Instance([7; 16]), Seq(9));
            fs::write(folder.join(file_name(9)), bytes).unwrap();
        },
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a copy under a name that is not its own",
        damage: |folder| {
            fs::copy(folder.join(file_name(8)), folder.join(file_name(30))).unwrap();
        },
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "an empty file far ahead",
        damage: |folder| fs::write(folder.join(file_name(1_000_000)), []).unwrap(),
        lost: &[],
        named: 1,
        end: End::Open,
    },
    Case {
        name: "a file that is longer than any",
        damage: |folder| {
            let path = folder.join(file_name(8));
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(SEGMENT_READ_MAX + 1).unwrap();
        },
        lost: &[(8, 14)],
        named: 2,
        end: End::Open,
    },
    Case {
        name: "one slot of the mark",
        damage: |folder| mark(folder, |bytes| bytes[3] ^= 1),
        lost: &[],
        named: 0,
        end: End::Open,
    },
    Case {
        name: "every segment is gone",
        damage: |folder| {
            for first in FIRSTS {
                fs::remove_file(folder.join(file_name(first))).unwrap();
            }
        },
        lost: &[(3, 3)],
        named: 1,
        end: End::Sealed,
    },
];

fn mark(folder: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join("delivered");
    let mut bytes = fs::read(&path).unwrap();
    how(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// A spool with three segments of seven, seven and four events.
fn made(root: &Path) -> PathBuf {
    let mut spool = folder::take(root).unwrap().own.bounded(64 * 1024);
    for seq in 1..=LAST {
        assert_eq!(spool.append(&event(seq)).unwrap(), Seq(seq));
    }
    assert_eq!(spool.segments.iter().map(|file| file.first).collect::<Vec<_>>(), FIRSTS);
    spool.settle(Delivered { seq: DELIVERED, index: Some(40) }).unwrap();
    spool.folder().to_owned()
}

/// The spool in `folder`, whether it is written to or adopted.
fn opened(root: &Path, folder: &Path) -> (Spool, Vec<Trouble>) {
    let taken = folder::take(root).unwrap();
    let mut spools = taken.adopted;
    spools.push(taken.own);
    let spool = spools.into_iter().find(|spool| spool.folder() == folder);
    (spool.expect("the spool is there"), taken.troubles)
}

fn losses(troubles: &[Trouble]) -> Vec<(u64, u64)> {
    let lost = troubles.iter().filter_map(|trouble| match trouble {
        Trouble::Damaged(damage) => damage.lost,
        _ => None,
    });
    lost.map(|(from, to)| (from.0, to.0)).collect()
}

#[test]
fn every_damage_is_named_and_costs_no_more_than_it_must() {
    for case in CASES {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path());
        (case.damage)(&folder);
        let (spool, troubles) = opened(root.path(), &folder);
        let name = case.name;
        assert_eq!(losses(&troubles), case.lost, "{name}: {troubles:?}");
        assert_eq!(troubles.len(), case.named, "{name}: {troubles:?}");
        assert_eq!(spool.end, case.end, "{name}");
        let left_over = left(&spool, ALL);
        for seq in DELIVERED + 1..=spool.last().min(LAST) {
            let range = case.lost.iter().find(|(from, to)| (from..=to).contains(&&seq));
            match range {
                None => assert_eq!(left_over[&seq], Left::Event(event(seq)), "{name}: {seq}"),
                Some((from, to)) if *from == seq => {
                    assert_eq!(left_over[&seq], Left::Lost(*to), "{name}: {seq}");
                }
                Some(_) => assert!(!left_over.contains_key(&seq), "{name}: {seq}"),
            }
        }
        again(root.path(), spool, &left_over, name);
    }
}

/// Opened once more, there is nothing to do, and the same is there, also read by ones.
fn again(root: &Path, spool: Spool, left_over: &BTreeMap<u64, Left>, name: &str) {
    let folder = spool.folder().to_owned();
    drop(spool);
    let (mut spool, troubles) = opened(root, &folder);
    assert_eq!(troubles, [], "{name}");
    assert_eq!(left(&spool, Most { events: 1, bytes: 1 }), *left_over, "{name}");
    if spool.end == End::Open {
        let next = spool.last() + 1;
        assert_eq!(spool.append(&event(next)).unwrap(), Seq(next), "{name}: it goes on");
    }
}

#[test]
fn a_damaged_file_is_kept_as_it_was_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = made(root.path());
    change(&folder, 8, |bytes| bytes[at(10, 8) + 500] ^= 1);
    let found = fs::read(folder.join(file_name(8))).unwrap();
    let (_spool, troubles) = opened(root.path(), &folder);
    let [Trouble::Damaged(damage)] = &troubles[..] else { panic!("{troubles:?}") };
    assert_eq!(damage.file, folder.join(file_name(8)));
    assert_eq!(damage.offset, u64::try_from(at(10, 8)).unwrap());
    let name = format!("damaged/{}.0", file_name(8));
    assert_eq!(fs::read(folder.join(name)).unwrap(), found);
}

#[test]
fn without_a_mark_all_that_is_there_is_sent_again() {
    let marks: [fn(&Path); 3] = [
        |folder| fs::remove_file(folder.join("delivered")).unwrap(),
        |folder| mark(folder, |bytes| bytes.fill(0)),
        |folder| mark(folder, Vec::clear),
    ];
    for (position, damage) in marks.into_iter().enumerate() {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path());
        damage(&folder);
        let (spool, troubles) = opened(root.path(), &folder);
        assert_eq!(spool.delivered(), Delivered::default());
        assert_eq!(left(&spool, ALL).len(), 18);
        assert_eq!(troubles.len(), usize::from(position > 0), "{troubles:?}");
    }
}

/// What is taken away, and how many troubles that is.
type Emptied = (fn(&Path), usize);

#[test]
fn a_folder_of_nothing_is_not_taken_for_a_spool() {
    let cases: [Emptied; 2] = [
        (
            |folder| {
                for name in ["delivered", &file_name(1), &file_name(8), &file_name(15)] {
                    fs::remove_file(folder.join(name)).unwrap();
                }
            },
            0,
        ),
        (
            |folder| {
                for first in FIRSTS {
                    fs::remove_file(folder.join(file_name(first))).unwrap();
                }
                mark(folder, |bytes| bytes.fill(1));
            },
            1,
        ),
    ];
    for (damage, named) in cases {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path());
        damage(&folder);
        let taken = folder::take(root.path()).unwrap();
        assert_ne!(taken.own.folder(), folder, "its numbers are never used again");
        assert_eq!(taken.troubles.len(), named, "{:?}", taken.troubles);
        assert!(!folder.exists());
    }
}
