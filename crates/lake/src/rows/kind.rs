//! Which kind of record a row is of: a producer's event, or one of the ledger's own records.

use event::system::SystemKind;

/// The kind of a row's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// What a producer sent.
    Event,
    /// What the server wrote.
    System(SystemKind),
}

/// The kinds of system records by their number in a row, from 1: never re-ordered, only added to.
const SYSTEM_KINDS: [SystemKind; 11] = [
    SystemKind::DeadLetter,
    SystemKind::Refused,
    SystemKind::Gap,
    SystemKind::Loss,
    SystemKind::Access,
    SystemKind::Erasure,
    SystemKind::Retention,
    SystemKind::Key,
    SystemKind::Policy,
    SystemKind::Accounting,
    SystemKind::System,
];

impl RecordKind {
    /// The kind with this number in the column `record`.
    pub fn from_code(code: u8) -> Option<Self> {
        match code.checked_sub(1) {
            None => Some(Self::Event),
            Some(at) => SYSTEM_KINDS.get(usize::from(at)).copied().map(Self::System),
        }
    }

    /// The number in the column `record`: 0 is an event.
    pub fn code(self) -> u8 {
        let Self::System(kind) = self else { return 0 };
        let numbered = SYSTEM_KINDS.iter().zip(1..).find(|(one, _)| **one == kind);
        numbered.map(|(_, code)| code).expect("every kind of system record has a number")
    }

    /// What SQL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::System(kind) => kind.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
