//! Which kind of record a row is of: an event, or one of the ledger's own records.

/// The kinds. The number is the row's `record` value and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// What a producer sent.
    Event = 0,
    /// An item that is kept but broke its schema or a step.
    DeadLetter = 1,
    /// A number whose item was refused and is not kept.
    Refused = 2,
    /// Numbers that the producer says it lost.
    Gap = 3,
    /// A range of the ledger that was damaged.
    Loss = 4,
    /// Who asked what.
    Access = 5,
    /// A person's values erased.
    Erasure = 6,
    /// A range past its time.
    Retention = 7,
    /// A key made, changed or ended.
    Key = 8,
    /// A policy changed.
    Policy = 9,
    /// Counts of what left no record.
    Accounting = 10,
    /// Another act of the server.
    System = 11,
}

impl RecordKind {
    /// Every kind, by its number.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::DeadLetter,
        Self::Refused,
        Self::Gap,
        Self::Loss,
        Self::Access,
        Self::Erasure,
        Self::Retention,
        Self::Key,
        Self::Policy,
        Self::Accounting,
        Self::System,
    ];

    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word in `indelible.system.<word>@1`; `event` for an event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::DeadLetter => "dead_letter",
            Self::Refused => "refused",
            Self::Gap => "gap",
            Self::Loss => "loss",
            Self::Access => "access",
            Self::Erasure => "erasure",
            Self::Retention => "retention",
            Self::Key => "key",
            Self::Policy => "policy",
            Self::Accounting => "accounting",
            Self::System => "system",
        }
    }

    /// The kind of a record with this schema; a schema that is not the server's is an event's.
    /// `None` for a system schema of a later version.
    pub fn of_schema(schema: &str) -> Option<Self> {
        let Some(rest) = schema.strip_prefix("indelible.system.") else { return Some(Self::Event) };
        let word = rest.strip_suffix("@1")?;
        Self::ALL.into_iter().skip(1).find(|kind| kind.name() == word)
    }
}
