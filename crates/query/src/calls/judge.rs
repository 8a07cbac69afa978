//! Functions that a search is shown with: tests of targets, addresses, JSON and changes.
//!
//! Their values are written as in a search, and mean the same. Each gives a truth value for a row, and nothing where one
//! of its arguments is nothing.

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use event::json::tokens;
use event::search::{Case, Pattern, address_tests, change_path, json_tests};
use lake::rows::TARGET_MEMBERS;

use super::coerced;
use crate::judge::{Side, has_change, has_changed_value, has_value};

/// `has_target_like(type, id)`: a target has a type and an id like these patterns of LIKE.
pub(crate) const HAS_TARGET_LIKE: &str = "has_target_like";
/// `target_like(member, pattern)`: this member of a target is like that; with `lower_` before its name, in small letters.
pub(crate) const TARGET_LIKE: &str = "target_like";
/// `ip_in(address, range)`.
pub(crate) const IP_IN: &str = "ip_in";
/// `json_is(json, pointer, value)`.
pub(crate) const JSON_IS: &str = "json_is";
/// `change_at(changes, path)`.
pub(crate) const CHANGE_AT: &str = "change_at";
/// `change_is(changes, side, pointer, value)`.
pub(crate) const CHANGE_IS: &str = "change_is";

/// One of them.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Judge {
    signature: Signature,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    HasTargetLike,
    TargetLike,
    IpIn,
    JsonIs,
    ChangeAt,
    ChangeIs,
}

/// All of them.
pub(super) fn all() -> [Judge; 6] {
    use What::{ChangeAt, ChangeIs, HasTargetLike, IpIn, JsonIs, TargetLike};
    let all = [HasTargetLike, TargetLike, IpIn, JsonIs, ChangeAt, ChangeIs];
    all.map(|what| Judge { signature: coerced(), what })
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::HasTargetLike => HAS_TARGET_LIKE,
            Self::TargetLike => TARGET_LIKE,
            Self::IpIn => IP_IN,
            Self::JsonIs => JSON_IS,
            Self::ChangeAt => CHANGE_AT,
            Self::ChangeIs => CHANGE_IS,
        }
    }

    /// How it is called.
    fn form(self) -> &'static str {
        match self {
            Self::HasTargetLike => "has_target_like takes a type and an id, both patterns of LIKE",
            Self::TargetLike => "target_like takes a member's name and a pattern of LIKE",
            Self::IpIn => "ip_in takes an address and a range, both text",
            Self::JsonIs => "json_is takes JSON, a JSON pointer and a value, all text",
            Self::ChangeAt => "change_at takes changes and a path, both text",
            Self::ChangeIs => "change_is takes changes, 'old' or 'new', a JSON pointer and a value",
        }
    }

    fn count(self) -> usize {
        match self {
            Self::IpIn | Self::ChangeAt => 2,
            Self::HasTargetLike | Self::TargetLike | Self::JsonIs => 3,
            Self::ChangeIs => 4,
        }
    }

    fn looks_at_targets(self) -> bool {
        matches!(self, Self::HasTargetLike | Self::TargetLike)
    }
}

impl ScalarUDFImpl for Judge {
    fn name(&self) -> &str {
        self.what.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != self.what.count() {
            return plan_err!("{}", self.what.form());
        }
        match given {
            [targets @ DataType::List(_), rest @ ..] if self.what.looks_at_targets() => {
                let texts = rest.iter().map(|_| DataType::Utf8);
                Ok(std::iter::once(targets.clone()).chain(texts).collect())
            }
            _ if self.what.looks_at_targets() => plan_err!("{}", self.what.form()),
            _ => Ok(vec![DataType::Utf8; given.len()]),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let judged = match (self.what, arrays.as_slice()) {
            (What::HasTargetLike, [targets, kind, id]) => has_target_like(targets, kind, id)?,
            (What::TargetLike, [targets, member, form]) => target_like(targets, member, form)?,
            (What::IpIn, [address, range]) => ip_in(address, range)?,
            (What::JsonIs, [json, pointer, value]) => json_is(json, pointer, value)?,
            (What::ChangeAt, [changes, path]) => change_at(changes, path)?,
            (What::ChangeIs, [changes, side, pointer, value]) => {
                change_is(changes, side, (pointer, value))?
            }
            _ => return exec_err!("{}", self.what.form()),
        };
        Ok(ColumnarValue::Array(std::sync::Arc::new(judged)))
    }
}

/// What a text was read as: the text is nearly always the same in every row.
struct Read<T> {
    text: Option<String>,
    value: T,
}

impl<T: Default> Read<T> {
    fn new() -> Self {
        Self { text: None, value: T::default() }
    }

    fn of(&mut self, text: &str, read: impl FnOnce(&str) -> Result<T>) -> Result<&T> {
        if self.text.as_deref() != Some(text) {
            self.value = read(text)?;
            self.text = Some(text.to_owned());
        }
        Ok(&self.value)
    }
}

fn ip_in(address: &ArrayRef, range: &ArrayRef) -> Result<BooleanArray> {
    let mut ranges = Read::new();
    judged([address, range], |[address, range]| {
        let ranges = ranges.of(range, |range| match address_tests(range) {
            Some(ranges) => Ok(ranges),
            None => exec_err!("`{range}` is no range of addresses: write 10.0.0.0/8"),
        })?;
        Ok(ranges.iter().any(|range| range.contains(address)))
    })
}

fn json_is(json: &ArrayRef, pointer: &ArrayRef, value: &ArrayRef) -> Result<BooleanArray> {
    let (mut paths, mut tests) = (Read::new(), Read::new());
    judged([json, pointer, value], |[json, pointer, value]| {
        let path = paths.of(pointer, path_of)?;
        Ok(has_value(json, path, tests.of(value, tests_of)?))
    })
}

fn change_at(changes: &ArrayRef, path: &ArrayRef) -> Result<BooleanArray> {
    let mut paths = Read::new();
    judged([changes, path], |[changes, path]| {
        let path = paths.of(path, |path| match change_path(path) {
            Some(path) => Ok(Some(path)),
            None => exec_err!("`{path}` is no path of a change: write address.city"),
        })?;
        Ok(path.as_ref().is_some_and(|path| has_change(changes, path)))
    })
}

fn change_is(
    changes: &ArrayRef,
    side: &ArrayRef,
    (pointer, value): (&ArrayRef, &ArrayRef),
) -> Result<BooleanArray> {
    let (mut paths, mut tests) = (Read::new(), Read::new());
    judged([changes, side, pointer, value], |[changes, side, pointer, value]| {
        let side = [Side::Old, Side::New].into_iter().find(|one| one.key() == side);
        let Some(side) = side else { return exec_err!("{}", What::ChangeIs.form()) };
        let path = paths.of(pointer, path_of)?;
        Ok(has_changed_value(changes, side, path, tests.of(value, tests_of)?))
    })
}

fn path_of(pointer: &str) -> Result<Vec<String>> {
    match tokens(pointer) {
        Some(keys) => Ok(keys.into_iter().map(Into::into).collect()),
        None => exec_err!("`{pointer}` is no JSON pointer: write /order/total"),
    }
}

fn tests_of(value: &str) -> Result<Vec<event::search::Test>> {
    match json_tests(value) {
        Some(tests) => Ok(tests),
        None => exec_err!("`{value}` is no value of a search: quote it, write >10, 1..5 or paid*"),
    }
}

/// The answer of `judge` for each row whose texts are all there.
fn judged<const N: usize>(
    arrays: [&ArrayRef; N],
    mut judge: impl FnMut([&str; N]) -> Result<bool>,
) -> Result<BooleanArray> {
    let columns: [&StringArray; N] = arrays.map(|array| array.as_string());
    let rows = columns.first().map_or(0, |column| column.len());
    let of = |row| {
        if columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        judge(columns.map(|column| column.value(row))).map(Some)
    };
    (0..rows).map(of).collect()
}

fn has_target_like(targets: &ArrayRef, kind: &ArrayRef, id: &ArrayRef) -> Result<BooleanArray> {
    let (mut kinds, mut ids) = (Read::new(), Read::new());
    among(targets, [kind, id], |[kind, id], target| {
        let form = |text: &str| Ok(Some(like(text, Case::Exact)));
        let (kind, id) = (kinds.of(kind, form)?, ids.of(id, form)?);
        Ok(target.is("type", kind.as_ref()) && target.is("id", id.as_ref()))
    })
}

fn target_like(targets: &ArrayRef, member: &ArrayRef, form: &ArrayRef) -> Result<BooleanArray> {
    let mut forms = Read::new();
    among(targets, [member, form], |[member, form], target| {
        let (name, case) = match member.strip_prefix("lower_") {
            Some(name) => (name, Case::Fold),
            None => (member, Case::Exact),
        };
        if !TARGET_MEMBERS.contains(&name) {
            return exec_err!("targets have no `{name}`: {}", TARGET_MEMBERS.join(" "));
        }
        let form = forms.of(form, |text| Ok(Some(like(text, case))))?;
        Ok(target.is(name, form.as_ref()))
    })
}

/// One target of a row.
struct Target<'a> {
    members: &'a arrow::array::StructArray,
    at: usize,
}

impl Target<'_> {
    fn is(&self, member: &str, form: Option<&Pattern>) -> bool {
        let texts = self.members.column_by_name(member).and_then(|one| one.as_string_opt::<i32>());
        let text = texts.filter(|texts| texts.is_valid(self.at)).map(|texts| texts.value(self.at));
        text.zip(form).is_some_and(|(text, form)| form.matches(text))
    }
}

/// Whether `judge` holds for one target of a row.
fn among(
    targets: &ArrayRef,
    texts: [&ArrayRef; 2],
    mut judge: impl FnMut([&str; 2], Target<'_>) -> Result<bool>,
) -> Result<BooleanArray> {
    let Some(lists) = targets.as_list_opt::<i32>() else {
        return exec_err!("targets are a list");
    };
    let Some(members) = lists.values().as_struct_opt() else {
        return exec_err!("targets are objects");
    };
    let [one, other]: [&StringArray; 2] = texts.map(|array| array.as_string());
    let of = |(row, ends): (usize, &[i32])| {
        let &[start, end] = ends else { return Ok(None) };
        if lists.is_null(row) || one.is_null(row) || other.is_null(row) {
            return Ok(None);
        }
        let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        for at in range {
            if judge([one.value(row), other.value(row)], Target { members, at })? {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    };
    lists.value_offsets().windows(2).enumerate().map(of).collect()
}

/// A pattern of LIKE in which `%` stands for any characters and `\` before a sign for the sign itself. `_` stands for
/// itself: a search has no sign for one character.
fn like(text: &str, case: Case) -> Pattern {
    let (mut pieces, mut piece, mut signs) = (Vec::new(), String::new(), text.chars());
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => piece.extend(signs.next()),
            '%' => pieces.push(std::mem::take(&mut piece)),
            other => piece.push(other),
        }
    }
    pieces.push(piece);
    Pattern::new(pieces, case)
}
