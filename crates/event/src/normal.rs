//! The normal form of the texts that have one: times and addresses.
//!
//! Promises: two spellings of the same claim that the formats call equal become one text here, and a text in normal form
//! is borrowed, not copied. Refuses what has no normal form; folds nothing else, no host name and no UUID elsewhere.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use crate::limits;

/// When a producer says that something happened: the text in normal form, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccurredAt<'a> {
    text: Cow<'a, str>,
    unix_ns: i64,
    offset_min: i16,
}

impl<'a> OccurredAt<'a> {
    /// The time that `text` (RFC 3339 with an offset, 1678 to 2261, at most nine fraction digits) says; `None` if it says
    /// none. Second 60, hour 24 and a dot without digits are none.
    #[must_use]
    pub fn parse(text: Cow<'a, str>) -> Option<OccurredAt<'a>> {
        let fields = Fields::parse(text.as_bytes())?;
        let seconds = days_from_civil(fields.year, fields.month, fields.day) * 86_400
            + fields.second_of_day
            - i64::from(fields.offset_min) * 60;
        let unix_ns = seconds.checked_mul(1_000_000_000)?.checked_add(fields.nanosecond)?;
        let offset_min = fields.offset_min;
        let text = if fields.is_normal { text } else { Cow::Owned(fields.normal(&text)?) };
        Some(OccurredAt { text, unix_ns, offset_min })
    }

    /// The text in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, negative before.
    #[must_use]
    pub fn unix_ns(&self) -> i64 {
        self.unix_ns
    }

    /// Minutes that local time was ahead of UTC.
    #[must_use]
    pub fn offset_min(&self) -> i16 {
        self.offset_min
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> OccurredAt<'static> {
        OccurredAt {
            text: Cow::Owned(self.text.into_owned()),
            unix_ns: self.unix_ns,
            offset_min: self.offset_min,
        }
    }
}

/// Appends the text in normal form of the time that [`OccurredAt::unix_ns`] and [`OccurredAt::offset_min`] give: there is
/// exactly one. Nothing is appended, and the answer is `None`, if no text in normal form means them.
pub fn write_time(unix_ns: i64, offset_min: i16, out: &mut Vec<u8>) -> Option<()> {
    let (seconds, ns) = (unix_ns.div_euclid(1_000_000_000), unix_ns.rem_euclid(1_000_000_000));
    let local = seconds + i64::from(offset_min) * 60;
    let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let is_written = (i64::from(limits::YEAR_MIN)..=i64::from(limits::YEAR_MAX)).contains(&year);
    if !is_written || offset_min.unsigned_abs() > 23 * 60 + 59 {
        return None;
    }
    let [y0, y1] = [digits(year / 100), digits(year % 100)];
    let [mo, d] = [digits(month), digits(day)];
    let [h, mi, s] = [digits(second / 3600), digits(second / 60 % 60), digits(second % 60)];
    out.extend_from_slice(&[
        y0[0], y0[1], y1[0], y1[1], b'-', mo[0], mo[1], b'-', d[0], d[1], b'T', h[0], h[1], b':',
        mi[0], mi[1], b':', s[0], s[1],
    ]);
    if ns != 0 {
        out.push(b'.');
        let (mut rest, mut unit) = (ns, 100_000_000);
        while rest != 0 {
            out.push(digits(rest / unit)[1]);
            (rest, unit) = (rest % unit, unit / 10);
        }
    }
    if offset_min == 0 {
        out.push(b'Z');
        return Some(());
    }
    let minutes = i64::from(offset_min.unsigned_abs());
    let [h, m] = [digits(minutes / 60), digits(minutes % 60)];
    let sign = if offset_min < 0 { b'-' } else { b'+' };
    out.extend_from_slice(&[sign, h[0], h[1], b':', m[0], m[1]]);
    Some(())
}

/// The two digits of a number below 100.
fn digits(number: i64) -> [u8; 2] {
    let digit = |value: i64| b'0' + u8::try_from(value % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

/// Whether `text` is an address in its one spelling: a dotted quad, or RFC 5952 text in which `::ffff:0:0/96`, and nothing
/// else, has dotted octets. A zone is none.
#[must_use]
pub fn is_ip(text: &str) -> bool {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == text);
    }
    // The parser refuses leading zeros and short forms, so that what it takes is spelled as it would be printed.
    text.parse::<Ipv4Addr>().is_ok()
}

/// What an RFC 3339 text says, field by field.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    nanosecond: i64,
    offset_min: i16,
    /// Bytes of the text up to and with the last fraction digit that is not a trailing zero.
    end: usize,
    /// Where the offset begins.
    zone: usize,
    is_normal: bool,
}

impl Fields {
    fn parse(text: &[u8]) -> Option<Fields> {
        let (head, rest) = text.split_first_chunk::<19>()?;
        let [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, t, h0, h1, b':', mi0, mi1, b':', s0, s1] =
            *head
        else {
            return None;
        };
        let year = pair(y0, y1)? * 100 + pair(y2, y3)?;
        let (month, day) = (pair(mo0, mo1)?, pair(d0, d1)?);
        let (hour, minute, second) = (pair(h0, h1)?, pair(mi0, mi1)?, pair(s0, s1)?);
        let is_date = (i64::from(limits::YEAR_MIN)..=i64::from(limits::YEAR_MAX)).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day);
        if !is_date || !matches!(t, b'T' | b't') || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (nanosecond, digits, significant) = fraction(rest)?;
        let fraction_bytes = if digits == 0 { 0 } else { digits + 1 };
        let zone = 19 + fraction_bytes;
        let (offset_min, is_zone_normal) = offset(text.get(zone..)?)?;
        Some(Fields {
            year,
            month,
            day,
            second_of_day: hour * 3600 + minute * 60 + second,
            nanosecond,
            offset_min,
            end: if significant == 0 { 19 } else { 20 + significant },
            zone,
            is_normal: t == b'T' && significant == digits && is_zone_normal,
        })
    }

    /// `text` in normal form.
    fn normal(&self, text: &str) -> Option<String> {
        let mut normal = String::with_capacity(text.len());
        normal.push_str(text.get(..10)?);
        normal.push('T');
        normal.push_str(text.get(11..self.end)?);
        normal.push_str(if self.offset_min == 0 { "Z" } else { text.get(self.zone..)? });
        Some(normal)
    }
}

/// The fraction at the start of `rest`: nanoseconds, digits, digits without trailing zeros. No dot is no digits.
fn fraction(rest: &[u8]) -> Option<(i64, usize, usize)> {
    let Some(after) = rest.strip_prefix(b".") else { return Some((0, 0, 0)) };
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > limits::FRACTION_DIGITS_MAX {
        return None;
    }
    let (mut value, mut significant) = (0, 0);
    for position in 0..limits::FRACTION_DIGITS_MAX {
        let digit = after
            .get(position)
            .filter(|_| position < digits)
            .map_or(0, |byte| i64::from(byte - b'0'));
        value = value * 10 + digit;
        if digit != 0 {
            significant = position + 1;
        }
    }
    Some((value, digits, significant))
}

/// The offset that `zone` is, in minutes, and whether it is spelled in normal form.
fn offset(zone: &[u8]) -> Option<(i16, bool)> {
    match *zone {
        [b'Z'] => Some((0, true)),
        [b'z'] => Some((0, false)),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hour, minute) = (pair(h0, h1)?, pair(m0, m1)?);
            if hour > 23 || minute > 59 {
                return None;
            }
            let minutes = i16::try_from(hour * 60 + minute).ok()?;
            Some((if sign == b'-' { -minutes } else { minutes }, minutes != 0))
        }
        _ => None,
    }
}

/// The number that two digits are.
fn pair(tens: u8, ones: u8) -> Option<i64> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    } else {
        None
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar with a positive year (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day counted from 1970-01-01: the inverse of `days_from_civil`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
