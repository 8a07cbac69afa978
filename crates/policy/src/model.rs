//! Who asks, and for what: the principal behind a key, its scopes, and the actions that can be asked for.
//!
//! Plain values with closed sets. It refuses to hold secrets: a principal says whom a key stands for, never the key.

use event::ids::{ProducerId, TenantId};
use std::fmt;
use std::str::FromStr;

/// What a key may be used for; the word after `--scope`, parts of the stored form of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Send events as the key's producer.
    Write,
    /// Ask for events: by id, by search, by SQL.
    Read,
    /// Fetch checkpoints, tiles and proofs, which hold no event content.
    LogRead,
    /// Create and end tenants and keys.
    Admin,
}

impl Scope {
    /// Every scope, in the order in which they are printed.
    pub const ALL: [Self; 4] = [Self::Write, Self::Read, Self::LogRead, Self::Admin];

    /// The word that the command line, the API and the store use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::LogRead => "log:read",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Write => 1,
            Self::Read => 1 << 1,
            Self::LogRead => 1 << 2,
            Self::Admin => 1 << 3,
        }
    }

    /// The scopes that come with this one: `write` and `read` imply `log:read`, since a producer checks its own
    /// receipts and a reader its answers.
    fn closure(self) -> u8 {
        match self {
            Self::Write | Self::Read => self.bit() | Self::LogRead.bit(),
            Self::LogRead | Self::Admin => self.bit(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no scope: use write, read, log:read or admin")]
pub struct UnknownScope {
    /// The word as it was given.
    pub word: String,
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        let named = Self::ALL.into_iter().find(|scope| scope.as_str() == word);
        named.ok_or_else(|| UnknownScope { word: word.to_owned() })
    }
}

/// A set of scopes. What is stored and printed is what was granted; what is implied is worked out when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope at all: such a key may do nothing.
    pub const NONE: Self = Self(0);

    /// These scopes with `scope` added.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether `scope` was granted, or is implied by one that was.
    pub fn allow(self, scope: Scope) -> bool {
        let granted = Scope::ALL.into_iter().filter(|one| self.0 & one.bit() != 0);
        granted.fold(0, |bits, one| bits | one.closure()) & scope.bit() != 0
    }

    /// The scopes that were granted, in printing order.
    pub fn granted(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Reads `write,read`: scopes with commas between them, at least one, spaces around them allowed.
    fn from_str(list: &str) -> Result<Self, UnknownScope> {
        list.split(',').map(|word| word.trim().parse::<Scope>()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.granted().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{scope}")?;
        }
        Ok(())
    }
}

/// Whom a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant that the key belongs to.
    pub tenant: TenantId,
    /// The producer that the key sends as; a key without one cannot write.
    pub producer: Option<ProducerId>,
    /// What was granted to the key.
    pub scopes: Scopes,
}

/// What is asked for, always of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Append events.
    Write,
    /// Read events, dead letters and system records.
    Read,
    /// Fetch what became of one record, or its receipt: open to readers, and to the producer that sent it.
    ReadSent {
        /// The producer of the record or stream that is asked about.
        producer: &'a ProducerId,
    },
    /// Fetch checkpoints, tiles and proofs.
    LogRead,
    /// Create and end tenants and keys.
    Admin,
}
