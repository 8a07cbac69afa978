//! What a person should hear of while events go their way: damage, refusals, answers that cannot be.
//!
//! Promises: whatever is lost, set aside or held back is one of these, with the file or the number. Refuses to decide:
//! the events stay in the spool, and who is told says what happens next.

use std::fmt;
use std::path::PathBuf;

use event::ids::{Instance, Seq};

/// A place of a spool that was not what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong there.
    pub what: &'static str,
    /// The numbers whose events are lost, first and last; they are declared to the server.
    pub lost: Option<(Seq, Seq)>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at byte {}: {}", self.file.display(), self.offset, self.what)?;
        match self.lost {
            Some((from, to)) => write!(f, "; the events {from} to {to} are lost"),
            None => Ok(()),
        }
    }
}

/// Something that does not mend itself, or that did and should be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A file of a spool was damaged; it was set aside, and what is good of it goes on.
    Damaged(Damage),
    /// A write that the end of a process or of the machine cut short was taken off; nobody was told of its event, or a
    /// power cut came before the sync that follows within 50 ms.
    TailCut {
        /// The file.
        file: PathBuf,
        /// Where it ends now.
        offset: u64,
        /// Bytes taken off.
        bytes: u64,
    },
    /// A spool could not be opened, written or synced.
    Disk {
        /// Its folder or file.
        file: PathBuf,
        /// The error.
        why: String,
    },
    /// Numbers were declared lost in the ledger.
    DeclaredLost {
        /// The stream.
        instance: Instance,
        /// The first number.
        from: Seq,
        /// The last number.
        to: Seq,
    },
    /// The server goes on with a number that it had settled before: it lost what it had acknowledged, or it is another
    /// store.
    ServerForgot {
        /// The stream.
        instance: Instance,
        /// The number it goes on with.
        expected: Seq,
        /// The number up to which it had answered.
        delivered: Seq,
    },
    /// The server took the number and did not keep the event as an event; it is not sent again.
    NotKept {
        /// The stream.
        instance: Instance,
        /// The number.
        seq: Seq,
        /// `rejected` or `dead_lettered` and the code.
        why: String,
    },
    /// The ledger is not the one that was seen before: records were cut off, changed, or it is another one. The loudest of
    /// all: nothing is committed from now on, until a person has judged the evidence and taken it away.
    Forked {
        /// What does not follow from what was seen.
        why: String,
        /// The file with the checkpoint that was found; the one that was seen lies beside it.
        evidence: PathBuf,
    },
    /// Delivery of this stream stands: sent again, the same would be answered the same. Its events stay in the spool.
    Standing {
        /// The stream.
        instance: Instance,
        /// The first number that is not delivered.
        seq: Seq,
        /// Why, one sentence.
        why: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Damaged(damage) => write!(f, "the spool is damaged: {damage}"),
            Trouble::TailCut { file, offset, bytes } => {
                let file = file.display();
                write!(f, "`{file}` ended in an unfinished write: {bytes} bytes cut at {offset}")
            }
            Trouble::Disk { file, why } => write!(f, "`{}`: {why}", file.display()),
            Trouble::DeclaredLost { instance, from, to } => {
                write!(f, "stream {instance}: the numbers {from} to {to} were declared lost")
            }
            Trouble::ServerForgot { instance, expected, delivered } => write!(
                f,
                "stream {instance}: the server expects {expected} and had answered up to {delivered}"
            ),
            Trouble::NotKept { instance, seq, why } => {
                write!(f, "stream {instance}: number {seq} was not kept as an event: {why}")
            }
            Trouble::Forked { why, evidence } => {
                let evidence = evidence.display();
                write!(f, "the ledger is not the one that was seen: {why}; see `{evidence}`")
            }
            Trouble::Standing { instance, seq, why } => {
                write!(f, "stream {instance}: delivery stands at number {seq}: {why}")
            }
        }
    }
}
