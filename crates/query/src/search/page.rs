//! Stored rows as the tests of a search look at them: columns found by name once a batch, values by row.
//!
//! Promises: a value is what `events` shows in SQL, defaults written in, so that a search and the statement that it is
//! shown as agree. It refuses to look at anything but the batch it is given, in which scope and masks are settled.

use std::ops::Range;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, TimestampNanosecondType, UInt8Type, UInt64Type};
use lake::rows::{OCCURRED_AT, RECEIVED_AT, RECORD, RecordKind, TARGETS};

use crate::{Error, tables};

/// Positions of rows in a batch, ascending.
pub(super) type Selection = Vec<u32>;

/// A text that is made of stored columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// A column as it is.
    Stored(&'static str),
    /// A column, or this where nothing was sent.
    Default(&'static str, &'static str),
    /// The first of two columns that has a value.
    Either(&'static str, &'static str),
    /// A member of every target: a row has as many texts as it has targets.
    Target(&'static str),
    /// Whom the actor is known as: `user/<id>`, or `<kind>/<id>`.
    ActorRef,
    /// The name of the record's kind.
    Record,
}

/// A time of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// When it happened, or else when it was received.
    Occurred,
    /// When it was received.
    Received,
}

impl Text {
    /// The stored columns that it is made of.
    pub(super) fn needs(self) -> Vec<&'static str> {
        match self {
            Self::Stored(name) | Self::Default(name, _) => vec![name],
            Self::Either(first, second) => vec![first, second],
            Self::Target(_) => vec![TARGETS],
            Self::ActorRef => vec!["actor_id", "actor_kind"],
            Self::Record => vec![RECORD],
        }
    }
}

impl Time {
    /// The stored columns that it is made of.
    pub(super) fn needs(self) -> Vec<&'static str> {
        match self {
            Self::Occurred => vec![OCCURRED_AT, RECEIVED_AT],
            Self::Received => vec![RECEIVED_AT],
        }
    }
}

/// One batch of stored rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'b>(&'b RecordBatch);

impl<'b> Page<'b> {
    /// The rows of `batch`.
    pub(super) fn new(batch: &'b RecordBatch) -> Self {
        Self(batch)
    }

    /// All its rows.
    pub(super) fn all(self) -> Selection {
        (0..u32::try_from(self.0.num_rows()).unwrap_or(u32::MAX)).collect()
    }

    /// The rows of `among` of which `holds` is true for one of their texts at least.
    pub(super) fn with_text(
        self,
        text: Text,
        among: Selection,
        mut holds: impl FnMut(&str) -> bool,
    ) -> Result<Selection, Error> {
        match text {
            Text::Stored(name) => {
                let texts = self.texts(name)?;
                Ok(kept(among, |row| value(texts, row).is_some_and(&mut holds)))
            }
            Text::Default(name, default) => {
                let texts = self.texts(name)?;
                Ok(kept(among, |row| holds(value(texts, row).unwrap_or(default))))
            }
            Text::Either(first, second) => {
                let (first, second) = (self.texts(first)?, self.texts(second)?);
                let shown = |row| value(first, row).or_else(|| value(second, row));
                Ok(kept(among, |row| shown(row).is_some_and(&mut holds)))
            }
            Text::Target(member) => {
                let (targets, texts) = (self.targets()?, self.member(member)?);
                let mut is_held = |at| value(texts, at).is_some_and(&mut holds);
                Ok(kept(among, |row| targets.of(row).any(&mut is_held)))
            }
            Text::ActorRef => {
                let (ids, kinds) = (self.texts("actor_id")?, self.texts("actor_kind")?);
                Ok(kept(among, |row| {
                    value(ids, row)
                        .is_some_and(|id| holds(&tables::actor_ref(id, value(kinds, row))))
                }))
            }
            Text::Record => {
                let kinds = self.numbers::<UInt8Type>(RECORD)?;
                let name = |code| RecordKind::from_code(code).map(RecordKind::name);
                Ok(kept(among, |row| {
                    kinds.get(row).and_then(|code| name(*code)).is_some_and(&mut holds)
                }))
            }
        }
    }

    /// The rows of `among` of which `holds` is true for type and id of one of their targets.
    pub(super) fn with_target(
        self,
        among: Selection,
        holds: impl Fn(&str, &str) -> bool,
    ) -> Result<Selection, Error> {
        let targets = self.targets()?;
        let (kinds, ids) = (self.member("type")?, self.member("id")?);
        let mut is_held = |at| match (value(kinds, at), value(ids, at)) {
            (Some(kind), Some(id)) => holds(kind, id),
            _ => false,
        };
        Ok(kept(among, |row| targets.of(row).any(&mut is_held)))
    }

    /// The rows of `among` whose time is one that `holds`.
    pub(super) fn with_time(
        self,
        time: Time,
        among: Selection,
        mut holds: impl FnMut(i64) -> bool,
    ) -> Result<Selection, Error> {
        let received = self.numbers::<TimestampNanosecondType>(RECEIVED_AT)?;
        let received = |row| received.get(row).copied();
        if time == Time::Received {
            return Ok(kept(among, |row| received(row).is_some_and(&mut holds)));
        }
        let wrong = || missing(OCCURRED_AT);
        let occurred = self.0.column_by_name(OCCURRED_AT).ok_or_else(wrong)?;
        let occurred = occurred.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(wrong)?;
        let of = |row| match occurred.is_valid(row) {
            true => occurred.values().get(row).copied(),
            false => received(row),
        };
        Ok(kept(among, |row| of(row).is_some_and(&mut holds)))
    }

    /// The rows of `among` whose number is there and one that `holds`.
    pub(super) fn with_number(
        self,
        name: &'static str,
        among: Selection,
        mut holds: impl FnMut(u64) -> bool,
    ) -> Result<Selection, Error> {
        let column = self.0.column_by_name(name);
        let column = column.and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let column = column.ok_or_else(|| missing(name))?;
        let of = |row| column.values().get(row).filter(|_| column.is_valid(row)).copied();
        Ok(kept(among, |row| of(row).is_some_and(&mut holds)))
    }

    /// The rows of `among` whose sixteen bytes are there and such that `holds`.
    pub(super) fn with_bytes(
        self,
        name: &'static str,
        among: Selection,
        holds: impl Fn(&[u8]) -> bool,
    ) -> Result<Selection, Error> {
        let ids = self.0.column_by_name(name);
        let ids = ids.and_then(|column| column.as_fixed_size_binary_opt());
        let ids = ids.ok_or_else(|| missing(name))?;
        Ok(kept(among, |row| ids.is_valid(row) && holds(ids.value(row))))
    }

    /// The rows of `among` that are records of a kind that `holds`, by its number.
    pub(super) fn with_record(
        self,
        among: Selection,
        holds: impl Fn(u8) -> bool,
    ) -> Result<Selection, Error> {
        let kinds = self.numbers::<UInt8Type>(RECORD)?;
        Ok(kept(among, |row| kinds.get(row).is_some_and(|code| holds(*code))))
    }

    /// The numbers of a column without nulls.
    fn numbers<T: ArrowPrimitiveType>(self, name: &'static str) -> Result<&'b [T::Native], Error> {
        let column = self.0.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
        let column = column.filter(|column| column.null_count() == 0);
        Ok(column.ok_or_else(|| missing(name))?.values())
    }

    fn texts(self, name: &'static str) -> Result<&'b StringArray, Error> {
        let column = self.0.column_by_name(name).and_then(|column| column.as_string_opt());
        column.ok_or_else(|| missing(name))
    }

    fn targets(self) -> Result<Targets<'b>, Error> {
        let lists = self.0.column_by_name(TARGETS).and_then(|column| column.as_list_opt::<i32>());
        Ok(Targets(lists.ok_or_else(|| missing(TARGETS))?.value_offsets()))
    }

    fn member(self, name: &str) -> Result<&'b StringArray, Error> {
        let lists = self.0.column_by_name(TARGETS).and_then(|column| column.as_list_opt::<i32>());
        let members = lists.and_then(|lists| lists.values().as_struct_opt());
        let member = members.and_then(|members| members.column_by_name(name)?.as_string_opt());
        member.ok_or_else(|| missing(TARGETS))
    }
}

/// Where each row's targets begin and end among all.
#[derive(Debug, Clone, Copy)]
struct Targets<'b>(&'b [i32]);

impl Targets<'_> {
    fn of(self, row: usize) -> Range<usize> {
        let place = |at: Option<&i32>| at.and_then(|at| usize::try_from(*at).ok()).unwrap_or(0);
        place(self.0.get(row))..place(self.0.get(row.saturating_add(1)))
    }
}

/// The text of a row, if it has one.
fn value(texts: &StringArray, row: usize) -> Option<&str> {
    (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
}

/// The rows of a selection that `holds` keeps.
fn kept(mut among: Selection, mut holds: impl FnMut(usize) -> bool) -> Selection {
    among.retain(|row| usize::try_from(*row).is_ok_and(&mut holds));
    among
}

fn missing(name: &str) -> Error {
    Error::Failed { detail: format!("stored rows have no column {name} of its type") }
}
