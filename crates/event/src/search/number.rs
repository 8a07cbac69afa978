//! Numbers of JSON, compared by what they are and not by how a machine would round them.
//!
//! Promises: `1e2`, `100` and `100.0` are equal, `9007199254740993` and `9007199254740992` are not. Refuses exponents of
//! more than nine digits: such a token is a number that no comparison matches.

use core::cmp::Ordering;
use std::fmt;

/// Digits of an exponent.
const EXPONENT_DIGITS_MAX: usize = 9;
/// Characters of a number that is looked at; an event's have fewer, and its normal form may have a few more.
const CHARS_MAX: usize = 4 * crate::limits::NUMBER_CHARS_MAX;

/// A decimal number: `0.digits * 10^exponent`, with no zero at either end of the digits; no digits are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The least, if there is one.
    pub min: Option<Bound>,
    /// The largest, if there is one.
    pub max: Option<Bound>,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Where it ends.
    pub value: Decimal,
    /// Whether that value is in it.
    pub end: End,
}

/// Whether an end belongs to its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It does.
    Included,
    /// It does not.
    Excluded,
}

impl Bound {
    /// An end that belongs to its range.
    pub(super) fn included(value: Decimal) -> Bound {
        Bound { value, end: End::Included }
    }
}

impl Decimal {
    /// The number that a JSON number token is.
    #[must_use]
    pub fn parse(token: &str) -> Option<Decimal> {
        if token.len() > CHARS_MAX {
            return None;
        }
        let (is_negative, token) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let (mantissa, exponent) = match token.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (token, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Decimal { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let leading = i64::try_from(all.len() - significant.len()).ok()?;
        let point = i64::try_from(whole.len()).ok()?;
        Some(Decimal {
            is_negative,
            digits: significant.trim_end_matches('0').to_owned(),
            exponent: exponent + point - leading,
        })
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// A sign and some digits.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_plain = !digits.is_empty()
        && digits.len() <= EXPONENT_DIGITS_MAX
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -value } else { value })
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let size = || {
            // Digits have no zero at their start, so the longer power is the larger number; then digit by digit, and what
            // is cut off at the end would be zeros.
            self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits))
        };
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => size(),
            _ => size().reverse(),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    /// A JSON number token; plain where that has at most twenty digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative {
            f.write_str("-")?;
        }
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        match self.exponent {
            _ if self.digits.is_empty() => f.write_str("0"),
            exponent @ 1..=20 => {
                let point = usize::try_from(exponent.min(length)).unwrap_or(0);
                let (whole, fraction) = self.digits.split_at(point);
                f.write_str(whole)?;
                (length..exponent).try_for_each(|_| f.write_str("0"))?;
                if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
            }
            0 => write!(f, "0.{}", self.digits),
            exponent => {
                let (first, rest) = self.digits.split_at(1);
                f.write_str(first)?;
                if !rest.is_empty() {
                    write!(f, ".{rest}")?;
                }
                write!(f, "e{}", exponent - 1)
            }
        }
    }
}

impl Numbers {
    /// Whether `number` lies in the range.
    #[must_use]
    pub fn contains(&self, number: &Decimal) -> bool {
        let above = self.min.as_ref().is_none_or(|bound| match bound.end {
            End::Included => *number >= bound.value,
            End::Excluded => *number > bound.value,
        });
        let below = self.max.as_ref().is_none_or(|bound| match bound.end {
            End::Included => *number <= bound.value,
            End::Excluded => *number < bound.value,
        });
        above && below
    }

    /// The numbers on one side of `value`.
    pub(super) fn side(compare: super::values::Compare, value: &Decimal) -> Numbers {
        use super::values::Compare;
        let bound = |end| Some(Bound { value: value.clone(), end });
        match compare {
            Compare::Above => Numbers { min: bound(End::Excluded), max: None },
            Compare::AtLeast => Numbers { min: bound(End::Included), max: None },
            Compare::Below => Numbers { min: None, max: bound(End::Excluded) },
            Compare::AtMost => Numbers { min: None, max: bound(End::Included) },
            Compare::Equal => Numbers { min: bound(End::Included), max: bound(End::Included) },
        }
    }
}
