//! The spool against a model: whatever is appended, delivered, cut short and opened again, in any order.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::read::{Due, Most, Reader, Wanted};
use super::*;

/// Small enough that a few events fill a segment and some dozens the spool.
const BYTES_MAX: u64 = 64 * 1024;

/// One thing that is in a spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    Event(Vec<u8>),
    Lost(u64),
}

/// What a spool still has to deliver, by number, read in batches of `most`.
pub(super) fn left(spool: &Spool, most: Most) -> BTreeMap<u64, Left> {
    let mut reader = Reader::new(spool.folder());
    let mut left = BTreeMap::new();
    let mut from = spool.delivered().seq + 1;
    while from <= spool.synced() {
        let files = spool.segments.iter().rev().map(|segment| segment.first);
        let segment = files.into_iter().find(|first| *first <= from).unwrap();
        let wanted = Wanted { from, through: spool.synced(), segment };
        match reader.due(wanted, most).unwrap() {
            Due::Events { count, ndjson } => {
                let lines: Vec<_> = ndjson.split(|byte| *byte == b'\n').collect();
                assert_eq!(lines.len(), count + 1, "each event ends with a line feed");
                for line in &lines[..count] {
                    left.insert(from, Left::Event(line.to_vec()));
                    from += 1;
                }
            }
            Due::Lost(to) => {
                left.insert(from, Left::Lost(to.0));
                from = to.0 + 1;
            }
        }
    }
    left
}

pub(super) const ALL: Most = Most { events: 10_000, bytes: 4 << 20 };

/// An event of so many bytes, told by its first from any other.
fn event(number: u64, bytes: usize) -> Vec<u8> {
    let mut event = format!("{{\"n\":{number}}}").into_bytes();
    event.resize(event.len().max(bytes), b' ');
    event
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Sync,
    /// Settles so many of those that may be sent.
    Settle(u64),
    Kill,
    /// A power cut: keeps so many permille of what was not synced, and leaves this behind.
    PowerCut(u64, Tail),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    Zeros(usize),
    Garbage(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let tail = prop_oneof![
        3 => Just(Tail::Nothing),
        1 => (1..200_usize).prop_map(Tail::Zeros),
        1 => (1..200_usize).prop_map(Tail::Garbage),
    ];
    prop_oneof![
        12 => (8..3000_usize).prop_map(Step::Append),
        3 => Just(Step::Sync),
        3 => (0..40_u64).prop_map(Step::Settle),
        1 => Just(Step::Kill),
        1 => (0..=1000_u64, tail).prop_map(|(kept, tail)| Step::PowerCut(kept, tail)),
    ]
}

/// The spool beside what it must hold.
struct Model {
    root: tempfile::TempDir,
    spool: Option<Spool>,
    events: BTreeMap<u64, Vec<u8>>,
    /// The highest number that the sender could have sent.
    sent: u64,
    drawn: u64,
}

impl Model {
    fn new() -> Model {
        let root = tempfile::tempdir().unwrap();
        let spool = folder::take(root.path()).unwrap().own.bounded(BYTES_MAX);
        Model { root, spool: Some(spool), events: BTreeMap::new(), sent: 0, drawn: 0 }
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn append(&mut self, bytes: usize) {
        self.drawn += 1;
        let event = event(self.drawn, bytes);
        let (last, full) = (self.spool().last(), self.spool().bytes() + 4096 > BYTES_MAX);
        match self.spool().append(&event) {
            Ok(seq) => {
                assert_eq!(seq.0, last + 1, "a number is neither left out nor used twice");
                self.events.insert(seq.0, event);
            }
            Err(Refusal::Full) => assert!(full, "the spool is full only when it is"),
            Err(refusal) => panic!("{refusal:?}"),
        }
        assert!(self.spool().bytes() <= BYTES_MAX);
    }

    fn sync(&mut self) {
        if let Some(job) = self.spool().begin_sync() {
            let result = job.run();
            self.spool().end_sync(&job, &result);
        }
    }

    fn settle(&mut self, numbers: u64) {
        let Some(wanted) = self.spool().wanted() else { return };
        self.sent = self.sent.max(wanted.through);
        let seq = wanted.through.min(wanted.from + numbers);
        self.spool().settle(Delivered { seq, index: Some(seq * 3) }).unwrap();
    }

    /// Ends the process. What is in the files stays.
    fn kill(&mut self) {
        self.note_sent();
        let delivered = self.spool().delivered();
        let last = self.spool().last();
        self.reopen();
        assert_eq!(self.spool().delivered(), delivered);
        assert_eq!(self.spool().last(), last, "what was written before Ok survives the process");
    }

    /// Whatever was synced may have been sent.
    fn note_sent(&mut self) {
        if let Some(wanted) = self.spool().wanted() {
            self.sent = self.sent.max(wanted.through);
        }
    }

    /// Cuts the power. Whether the spool goes on.
    fn power_cut(&mut self, kept_permille: u64, tail: Tail) -> bool {
        self.note_sent();
        let synced = self.spool().synced;
        let newest = self.spool().segments.last().unwrap().first;
        let path = self.spool().folder().join(file_name(newest));
        let mut bytes = fs::read(&path).unwrap();
        let from = end_of(&bytes, newest, synced);
        let kept = (bytes.len() - from) as u64 * kept_permille / 1000;
        bytes.truncate(from + usize::try_from(kept).unwrap());
        match tail {
            Tail::Nothing => {}
            Tail::Zeros(count) => bytes.extend(vec![0; count]),
            Tail::Garbage(count) => bytes.extend(vec![0xa5; count]),
        }
        self.spool = None;
        fs::write(&path, &bytes).unwrap();
        let before = self.events.clone();
        let taken = folder::take(self.root.path()).unwrap();
        let same = |spool: &Spool| path.starts_with(spool.folder());
        let is_open = same(&taken.own);
        assert!(is_open || tail != Tail::Nothing, "a torn write is cut, and the spool goes on");
        let sealed = taken.adopted.into_iter().find(same);
        let spool = if is_open { Some(taken.own) } else { sealed };
        let Some(spool) = spool else {
            assert!(!is_open, "what is not there was sealed, and has nothing to deliver");
            return false;
        };
        let kept =
            left(&spool, ALL).iter().filter(|(_, left)| matches!(left, Left::Event(_))).count();
        let kept = spool.delivered().seq + kept as u64;
        assert!(kept >= synced, "what was synced survives a power cut: {kept} of {synced}");
        self.events.retain(|seq, _| *seq <= kept);
        let survivors = left(&spool, ALL);
        for (seq, event) in
            before.range(spool.delivered().seq + 1..).take_while(|(s, _)| **s <= kept)
        {
            assert_eq!(survivors[seq], Left::Event(event.clone()));
        }
        if is_open {
            assert_eq!(spool.last(), kept);
            assert!(spool.last() >= self.sent, "a number that was sent is never used again");
        } else {
            assert_eq!(survivors.get(&(kept + 1)), Some(&Left::Lost(kept + 1)));
        }
        self.spool = Some(spool.bounded(BYTES_MAX));
        is_open
    }

    fn reopen(&mut self) {
        let instance = self.spool().instance();
        self.spool = None;
        let taken = folder::take(self.root.path()).unwrap();
        assert_eq!(taken.troubles, [], "nothing was wrong");
        assert_eq!(taken.own.instance(), instance, "a free spool is taken again");
        self.spool = Some(taken.own.bounded(BYTES_MAX));
    }

    /// What is left is what was appended and not settled.
    fn check(&mut self, most: Most) {
        self.sync();
        let delivered = self.spool().delivered().seq;
        let expected = self.events.range(delivered + 1..);
        let expected: BTreeMap<_, _> =
            expected.map(|(seq, event)| (*seq, Left::Event(event.clone()))).collect();
        assert_eq!(left(self.spool(), most), expected);
        let files = fs::read_dir(self.spool().folder()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let count = names.filter(|name| name.ends_with(".spool")).count();
        assert_eq!(count, self.spool().segments.len(), "what is delivered is removed");
    }
}

/// Where the frame of number `seq` ends in a segment that begins with `first`.
fn end_of(bytes: &[u8], first: u64, seq: u64) -> usize {
    let (mut offset, mut due) = (format::HEADER_BYTES, first);
    while due <= seq {
        let (frame, length) = format::frame(&bytes[offset..], due).unwrap();
        due += frame.numbers(due);
        offset += length;
    }
    offset
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spool_keeps_what_it_took(
        steps in prop::collection::vec(step(), 1..120),
        events in 1..40_usize,
        bytes in 1..9000_usize,
    ) {
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Append(bytes) => model.append(bytes),
                Step::Sync => model.sync(),
                Step::Settle(numbers) => model.settle(numbers),
                Step::Kill => model.kill(),
                Step::PowerCut(kept, tail) => {
                    if !model.power_cut(kept, tail) {
                        return Ok(());
                    }
                }
            }
        }
        model.check(Most { events, bytes });
        model.kill();
        model.check(ALL);
    }
}

#[test]
fn a_spool_has_one_process_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let first = folder::take(root.path()).unwrap().own;
    let second = folder::take(root.path()).unwrap();
    assert_ne!(first.instance(), second.own.instance(), "a locked spool is left alone");
    assert!(second.adopted.is_empty());
    let instance = first.instance();
    drop((first, second));
    let again = folder::take(root.path()).unwrap();
    assert!(again.adopted.is_empty(), "an empty spool is not adopted");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "free spools are taken again");
    drop(again);
    let dead = [0; 3].map(|_| folder::take(root.path()).unwrap().own);
    let mut left_over = 0;
    // Held at once, so that there are three of them, each with an event; then all of them end.
    let held: Vec<Spool> = dead.into_iter().collect();
    for mut spool in held {
        left_over += u32::from(spool.append(b"{}").is_ok());
    }
    let heir = folder::take(root.path()).unwrap();
    let mut instances: Vec<_> = heir.adopted.iter().map(Spool::instance).collect();
    instances.push(heir.own.instance());
    assert!(instances.contains(&instance));
    assert!(left_over >= 1 && heir.own.wanted().is_some(), "the heir has what was left over");
}

#[test]
fn a_spool_that_is_full_has_room_again_once_something_is_delivered() {
    let root = tempfile::tempdir().unwrap();
    let mut spool = folder::take(root.path()).unwrap().own.bounded(BYTES_MAX);
    let event = event(1, 1000);
    while spool.append(&event).is_ok() {}
    assert!(spool.bytes() <= BYTES_MAX && spool.bytes() > BYTES_MAX - 2000);
    let job = spool.begin_sync().unwrap();
    spool.end_sync(&job, &job.run());
    let last = spool.last();
    spool.settle(Delivered { seq: last / 2, index: None }).unwrap();
    assert!(spool.append(&event).is_ok());
    spool.settle(Delivered { seq: last, index: None }).unwrap();
    assert!(spool.bytes() < BYTES_MAX / 4, "what is delivered is off the disk");
}

#[test]
fn after_a_failed_sync_or_write_nothing_more_is_written() {
    let broken: [fn(&mut Spool); 2] = [
        |spool| {
            let job = spool.begin_sync().unwrap();
            spool.end_sync(&job, &Err(io::Error::other("the disk is gone")));
        },
        |spool| {
            // A file that cannot be written, and whose end cannot be taken back.
            let newest = file_name(spool.segments.last().unwrap().first);
            spool.head = Arc::new(File::open(spool.folder().join(newest)).unwrap());
            assert!(matches!(spool.append(b"{}"), Err(Refusal::Disk(_))));
        },
    ];
    for breaks in broken {
        let root = tempfile::tempdir().unwrap();
        let mut spool = folder::take(root.path()).unwrap().own;
        spool.append(b"{\"n\":1}").unwrap();
        let job = spool.begin_sync().unwrap();
        spool.end_sync(&job, &job.run());
        spool.append(b"{\"n\":2}").unwrap();
        breaks(&mut spool);
        assert!(spool.fault().is_some() && spool.begin_sync().is_none());
        assert!(matches!(spool.append(b"{\"n\":3}"), Err(Refusal::Disk(_))));
        assert_eq!(spool.wanted().map(|wanted| wanted.through), Some(1), "only what was synced");
        drop(spool);
        let taken = folder::take(root.path()).unwrap();
        assert_eq!(taken.troubles, []);
        assert_eq!(left(&taken.own, ALL).len(), 2, "the next process finds what is there");
    }
}
