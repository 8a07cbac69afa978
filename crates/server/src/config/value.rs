//! One value: what a key takes, read from TOML, from a variable or from a flag.
//!
//! Promises: whoever sets it, the same value is taken or refused with the same words; a size or a time that was written
//! with its unit is answered with the number to write. Refuses to guess: a text is no number.

use std::path::Path;

use event::ids::StoreName;
use toml::de::{DeTable, DeValue};

use super::address;
use super::keys::{Key, Kind, Number, Shape, Text, Unit};
use super::suggest;

/// A value that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
}

/// Why a value was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong with it, to be read behind the key's name.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// Bytes or milliseconds of one unit that people write.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];
const TIME_UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Key {
    /// The value that TOML holds.
    pub(super) fn read(&self, value: &DeValue<'_>) -> Result<Value, Wrong> {
        match (&self.kind, value) {
            (Kind::Text(text), DeValue::String(given)) => text.read(given),
            (Kind::Text(text), given) => Err(text.wrong_type(given)),
            (Kind::Number(number), DeValue::Integer(given)) => {
                let digits = i128::from_str_radix(given.as_str(), given.radix());
                number.read(digits.ok())
            }
            (Kind::Number(number), DeValue::String(given)) => Err(number.with_unit(given)),
            (Kind::Number(number), _) => Err(number.wrong()),
        }
    }

    /// The value of a variable or a flag: TOML for a number, and for a text with or without quotes.
    pub(super) fn read_plain(&self, plain: &str) -> Result<Value, Wrong> {
        let line = format!("value = {plain}");
        let parsed = DeTable::parse(&line).ok();
        let parsed = parsed.as_ref().and_then(|table| table.get_ref().get("value"));
        match (&self.kind, parsed.map(toml::Spanned::get_ref)) {
            (Kind::Text(_), Some(quoted @ DeValue::String(_))) => self.read(quoted),
            (Kind::Text(text), _) => text.read(plain),
            (Kind::Number(_), Some(value)) => self.read(value),
            (Kind::Number(number), None) => Err(number.with_unit(plain)),
        }
    }
}

impl Number {
    fn read(&self, given: Option<i128>) -> Result<Value, Wrong> {
        let (min, max) = self.range;
        let given = given.ok_or_else(|| self.wrong())?;
        match u64::try_from(given) {
            Ok(number) if number > max => Err(Wrong {
                hint: format!("the most is {max}{}", human(max, self.unit)),
                ..self.wrong()
            }),
            Ok(number) if number >= min => Ok(Value::Number(number)),
            _ => Err(Wrong {
                hint: format!("the least is {min}{}", human(min, self.unit)),
                ..self.wrong()
            }),
        }
    }

    fn wrong(&self) -> Wrong {
        let (min, max) = self.range;
        let what = format!("must be a whole number of {} from {min} to {max}", self.unit.words());
        let hint = format!("write the number alone; the default is {}", self.default);
        Wrong { what, hint }
    }

    /// A text in place of a number: most often one with its unit.
    fn with_unit(&self, given: &str) -> Wrong {
        let Some(number) = in_units(given, self.unit) else {
            return self.wrong();
        };
        let hint = format!(
            "write the number of {} alone: {} is {number}",
            self.unit.words(),
            given.trim()
        );
        Wrong { hint, ..self.wrong() }
    }
}

/// `10s` in milliseconds, `160MiB` in bytes.
fn in_units(given: &str, unit: Unit) -> Option<u64> {
    let given = given.trim();
    let digits = given.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(given.len());
    let (number, word) = given.split_at(digits);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let word = word.trim().to_ascii_lowercase();
    let units = match unit {
        Unit::Bytes => BYTE_UNITS,
        Unit::Milliseconds => TIME_UNITS,
        Unit::Rows | Unit::Connections => &[],
    };
    let found = units.iter().find(|(name, _)| *name == word).map(|(_, times)| *times);
    let times = found.or_else(|| word.is_empty().then_some(1))?;
    number.checked_mul(times)
}

/// A number in the largest unit that it is a whole number of, to be read behind it.
pub(super) fn human(number: u64, unit: Unit) -> String {
    let units: &[(&str, u64)] = match unit {
        Unit::Bytes => &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)],
        Unit::Milliseconds => &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)],
        Unit::Rows | Unit::Connections => &[],
    };
    let whole = |(_, times): &&(&str, u64)| number >= *times && number.is_multiple_of(*times);
    let found = units.iter().find(whole);
    found.map_or_else(String::new, |(name, times)| format!(" ({} {name})", number / times))
}

impl Text {
    fn read(&self, given: &str) -> Result<Value, Wrong> {
        let taken = || Ok(Value::Text(given.to_owned()));
        match self.shape {
            Shape::Path if Path::new(given).as_os_str().is_empty() => Err(Wrong {
                what: "must be a path, and is empty".to_owned(),
                hint: "name a folder, or leave the key out".to_owned(),
            }),
            Shape::Path => taken(),
            Shape::Address => address::read(given).map(|()| Value::Text(given.to_owned())),
            Shape::Filter => filter(given).map(|()| Value::Text(given.to_owned())),
            Shape::StoreName => match StoreName::parse(given) {
                Ok(_) => taken(),
                Err(error) => Err(Wrong {
                    what: format!("is refused: {error}"),
                    hint: "give another name, or leave the key out: one is drawn".to_owned(),
                }),
            },
            Shape::Choice(words) if words.contains(&given) => taken(),
            Shape::Choice(words) => Err(Wrong {
                what: format!("must be {}", one_of(words)),
                hint: match suggest::nearest(given, words.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write {}", one_of(words)),
                },
            }),
        }
    }

    fn wrong_type(&self, given: &DeValue<'_>) -> Wrong {
        let hint = match given {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                "put it between double quotes"
            }
            _ => "write one text between double quotes",
        };
        Wrong { what: "must be a text".to_owned(), hint: hint.to_owned() }
    }
}

/// Whether `given` is a filter of the log. A word alone must be a level: as a target it would silence everything else.
fn filter(given: &str) -> Result<(), Wrong> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| level.eq_ignore_ascii_case(word));
    let mut words = given.split(',').map(str::trim);
    let strange = words.find(|word| !word.contains(['=', '[', ':']) && !is_level(word));
    let what = || "is no log filter".to_owned();
    if let Some(word) = strange {
        let hint = match suggest::nearest(word, levels.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "give a level (off, error, warn, info, debug, trace) or `target=level`".into(),
        };
        return Err(Wrong { what: what(), hint });
    }
    let parsed = tracing_subscriber::EnvFilter::builder().parse(given);
    parsed.map(drop).map_err(|_| Wrong {
        what: what(),
        hint: "give a level (off, error, warn, info, debug, trace) or `target=level`".into(),
    })
}

/// `a`, `b` or `c`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
