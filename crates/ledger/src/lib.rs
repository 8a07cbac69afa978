//! The promise: write-ahead log, sequencing, tree, packs, checkpoints, recovery.
//!
//! A ledger is a tenant's append-only sequence of records. This crate makes records durable, gives
//! them their index and stamp, grows the tree over their entries, and serves proofs, tiles and the
//! records themselves. Payloads are opaque bytes: it never decodes a record. It reads no clock,
//! draws nothing at random, starts no thread, and touches files through [`disk::Disk`] alone.
//!
//! Rooms, upper floors use lower ones:
//!
//! ```text
//! ledger                                    options, the writer's life
//! append  keep  archive                     turns; packs, checkpoints, snapshots; trimming the log
//! recover  repair  inspect                  the start; offline
//! reader  entries  proof  replay  base      beside the writer; what the log stands for
//! wal  snapshot  idle  pack  checkpoint  section
//!                                           what lies on disk, file by file
//! book  view  frame  stream  seen  tree     state in memory; the bytes of a frame
//! clock  request  names  cursor  error      words and small rules
//! disk                                      every byte that is read or written
//! ```
//!
//! The bytes are in `docs/formats/{wal,pack,snapshot,streams}.md`.

pub mod disk;
pub mod frame;
pub mod inspect;
pub mod repair;

mod append;
mod archive;
mod base;
mod book;
mod checkpoint;
mod clock;
mod cursor;
mod entries;
mod error;
mod idle;
mod keep;
mod ledger;
mod names;
mod pack;
mod packing;
mod proof;
mod reader;
mod recover;
mod replay;
mod request;
mod section;
mod seen;
mod snapshot;
mod stream;
mod tree;
mod view;
mod wal;

pub use checkpoint::SignedCheckpoint;
pub use clock::{CLOCK_TOLERANCE_NS, ClockFinding};
pub use entries::Entries;
pub use error::{Damage, Error, Lost, LostPart, Records};
pub use idle::STREAMS_LISTED_MAX;
pub use ledger::{FRAME_BYTES, Options, StopPlan, Writer};
pub use reader::{Reader, Scan, Stats};
pub use recover::{Recovered, Survey, open, survey};
pub use request::{
    Answer, Append, Class, Done, Item, ItemAnswer, KeyBlob, Now, Packed, Refusal, Source, StreamId,
    key_kind,
};
pub use section::{Section, Stored};
pub use seen::IDS_MAX;
pub use stream::{DeclaredGap, STREAMS_MAX, SeqPlace, StreamFacts};
pub use view::Head;
pub use wal::WAL_FILE_BYTES;

/// The version in which each kind of file is written, by the name of its page in `docs/formats/`.
pub const FORMATS: &[(&str, u16)] = &[
    ("wal", frame::VERSION),
    ("pack", pack::VERSION),
    ("snapshot", snapshot::VERSION),
    ("streams", idle::VERSION),
];
