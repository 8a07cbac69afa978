//! Times as people write them: dates, minutes, `24h`, `now-15m`, `today`.
//!
//! Promises: a time is a span as long as its precision (a date is a day, a minute a minute, a second a second, a fraction
//! an instant), in UTC unless it has an offset; `now` is the caller's. Refuses months and years as durations, and any
//! time outside what an event can have.

use std::borrow::Cow;

use crate::normal::{OccurredAt, write_time};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Times from one on up to another, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first, if there is one.
    pub from: Option<i64>,
    /// The first that is too late, if there is one.
    pub to: Option<i64>,
}

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Its first nanosecond.
    pub(super) start: i64,
    /// The first after it.
    pub(super) end: i64,
    pub(super) form: Form,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// By itself.
    Absolute,
    /// By `now`, `today`, `yesterday`.
    Named,
    /// As a duration before now.
    Ago,
}

/// What the parser says that a time can be.
pub(super) const FORMS: &str = "a time is 2026-11-24, 2026-11-24T14:03, 2026-11-24T14:03:05Z, 24h, now-15m, today or yesterday";

impl Span {
    /// Whether a time lies in it.
    #[must_use]
    pub fn contains(&self, unix_ns: i64) -> bool {
        self.from.is_none_or(|from| from <= unix_ns) && self.to.is_none_or(|to| unix_ns < to)
    }

    /// What lies in both.
    #[must_use]
    pub fn meet(&self, other: &Span) -> Span {
        let to = match (self.to, other.to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // No start is before every start, which is how `None` compares.
        Span { from: self.from.max(other.from), to }
    }

    /// The shortest span that holds both.
    #[must_use]
    pub fn join(&self, other: &Span) -> Span {
        Span { from: self.from.min(other.from), to: self.to.zip(other.to).map(|(a, b)| a.max(b)) }
    }

    /// The text after the colon that the parser reads as this.
    pub(super) fn to_text(self, style: Style) -> String {
        let is_whole = |unit: i64| {
            [self.from, self.to].into_iter().flatten().all(|end| end.rem_euclid(unit) == 0)
        };
        let unit = [DAY, SECOND].into_iter().find(|unit| is_whole(*unit)).unwrap_or(1);
        let last = |to: i64| written(to.saturating_sub(unit), unit);
        match (self.from, self.to, style) {
            (Some(from), None, Style::Alone | Style::Compared) => match instant(from) {
                Some(text) => format!(">={text}"),
                None => format!(">{}", last(from)),
            },
            (None, Some(to), Style::Alone | Style::Compared) => match instant(to) {
                Some(text) => format!("<{text}"),
                None => format!("<={}", last(to)),
            },
            (from, to, style) => {
                let first = from.map_or(String::new(), |from| written(from, unit));
                let last = to.map_or(String::new(), last);
                let is_short = first == last && matches!(style, Style::Alone | Style::Listed);
                if is_short { first } else { format!("{first}..{last}") }
            }
        }
    }
}

/// Where a span is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The only value of a field that holds times.
    Alone,
    /// The only value of a field that holds anything.
    Compared,
    /// One of several values of a field that holds times.
    Listed,
    /// One of several values of a field that holds anything.
    Range,
}

/// The time that `text` is.
pub(super) fn parse(text: &str, now: i64) -> Option<Moment> {
    // What cannot be written as a time of an event is no time.
    let moment = |start: i64, length: i64, form: Form| {
        instant(start)?;
        Some(Moment { start, end: start.checked_add(length)?, form })
    };
    let named = |start: i64, length: i64| moment(start, length, Form::Named);
    let today = now.div_euclid(DAY).checked_mul(DAY)?;
    match text {
        "now" => return named(now, 1),
        "today" => return named(today, DAY),
        "yesterday" => return named(today.checked_sub(DAY)?, DAY),
        _ => {}
    }
    if let Some(back) = text.strip_prefix("now-") {
        return named(now.checked_sub(duration(back)?)?, 1);
    }
    if let Some(ahead) = text.strip_prefix("now+") {
        return named(now.checked_add(duration(ahead)?)?, 1);
    }
    if let Some(back) = duration(text) {
        return moment(now.checked_sub(back)?, 1, Form::Ago);
    }
    absolute(text)
}

/// The instant that an RFC 3339 text of an event says.
pub(super) fn of_text(text: &str) -> Option<i64> {
    OccurredAt::parse(Cow::Borrowed(text)).map(|time| time.unix_ns())
}

/// `24h`, `1h30m`, `500ms`.
fn duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0_i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at_checked(digits)?;
        let units = [
            ("ms", SECOND / 1000),
            ("s", SECOND),
            ("m", MINUTE),
            ("h", HOUR),
            ("d", DAY),
            ("w", 7 * DAY),
        ];
        let (unit, length) = units.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        let count: i64 = count.parse().ok()?;
        total = total.checked_add(count.checked_mul(length)?)?;
        rest = after.strip_prefix(unit)?;
    }
    (!text.is_empty()).then_some(total)
}

/// A date, with a clock time or not.
fn absolute(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    let is_date = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    let (date, clock) = text.split_at_checked(10).filter(|_| is_date)?;
    let (full, length) = match clock {
        "" | "Z" | "z" => (format!("{date}T00:00:00Z"), DAY),
        clock => {
            let clock = clock.strip_prefix(['T', 't'])?;
            let zone_at = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
            let (time, zone) = clock.split_at_checked(zone_at)?;
            let zone = if zone.is_empty() { "Z" } else { zone };
            match time.len() {
                5 => (format!("{date}T{time}:00{zone}"), MINUTE),
                8 => (format!("{date}T{time}{zone}"), SECOND),
                _ => (format!("{date}T{time}{zone}"), 1),
            }
        }
    };
    let start = of_text(&full)?;
    Some(Moment { start, end: start.checked_add(length)?, form: Form::Absolute })
}

/// An instant as RFC 3339 text; `None` outside the years that events have.
pub(super) fn instant(unix_ns: i64) -> Option<String> {
    let mut text = Vec::new();
    write_time(unix_ns, 0, &mut text)?;
    String::from_utf8(text).ok()
}

/// The text of the day, second or nanosecond that begins then; its precision says which of them it is.
fn written(unix_ns: i64, unit: i64) -> String {
    let second = instant(unix_ns.div_euclid(SECOND).saturating_mul(SECOND)).unwrap_or_default();
    match unit {
        DAY => second.chars().take(10).collect(),
        SECOND => second,
        _ => format!("{}.{:09}Z", second.trim_end_matches('Z'), unix_ns.rem_euclid(SECOND)),
    }
}
