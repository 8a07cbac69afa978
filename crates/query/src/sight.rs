//! What a caller sees of stored rows: which of them, and what stands where a field is masked.
//!
//! A scope looks at true values, before any mask; everything after sees masked values alone.
//! INVARIANT (I8): a row scope or a mask that this build does not know is refused, never read as
//! "all"; a row whose field has no value is not in view.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, ListArray, RecordBatch, StringArray,
    StructArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::and;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use hmac::{Hmac, Mac};
use lake::rows::{RECEIVED_AT, TARGETS};
use policy::{Field, Fields, Mask, Masks, RowTest, Rows, is_like};
use sha2::Sha256;

use crate::{Error, tables};

/// Bytes of a pseudonym: enough that no two values of a tenant share one.
const PSEUDONYM_BYTES: usize = 16;
/// What a pseudonym begins with.
const PSEUDONYM: &str = "masked-";

/// One caller's sight.
#[derive(Debug)]
pub(crate) struct Sight {
    tests: Vec<RowTest>,
    masks: Option<Masks>,
}

impl Sight {
    /// What `view` lets its caller see.
    pub(crate) fn of(view: &policy::View) -> Result<Self, Error> {
        let tests = match view.rows() {
            Rows::All => Vec::new(),
            Rows::Scoped(scope) => scope.tests().to_vec(),
            _ => return Err(unknown()),
        };
        let known = |test: &RowTest| {
            matches!(test, RowTest::OneOf { .. } | RowTest::Like { .. } | RowTest::Received(_))
        };
        if !tests.iter().all(known) {
            return Err(unknown());
        }
        let masks = match view.fields() {
            Fields::All => None,
            Fields::Masked(masks) => Some(masks.clone()),
            _ => return Err(unknown()),
        };
        Ok(Self { tests, masks })
    }

    /// Whether the view is the whole tenant with nothing masked.
    pub(crate) fn is_everything(&self) -> bool {
        self.tests.is_empty() && self.masks.is_none()
    }

    /// Whether every row is in view.
    pub(crate) fn is_every_row(&self) -> bool {
        self.tests.is_empty()
    }

    /// Whether any field is masked.
    pub(crate) fn has_masks(&self) -> bool {
        self.masks.is_some()
    }

    /// Whether this field is masked.
    pub(crate) fn is_masked(&self, field: Field) -> bool {
        self.masks.as_ref().is_some_and(|masks| masks.of(field).is_some())
    }

    /// The stored columns that the scope looks at.
    pub(crate) fn needs(&self) -> Vec<&'static str> {
        let of = |test: &RowTest| match test {
            RowTest::OneOf { field, .. } | RowTest::Like { field, .. } => tables::stored(*field),
            _ => vec![RECEIVED_AT],
        };
        self.tests.iter().flat_map(of).collect()
    }

    /// Which of these rows are in view; `None` is all of them.
    pub(crate) fn admitted(&self, rows: &RecordBatch) -> Result<Option<BooleanArray>, ArrowError> {
        let mut mask: Option<BooleanArray> = None;
        for test in &self.tests {
            let one = admitted_by(test, rows)?;
            mask = Some(match mask {
                None => one,
                Some(before) => and(&before, &one)?,
            });
        }
        Ok(mask)
    }

    /// The same rows with nothing but what the masks leave of them.
    pub(crate) fn masked(&self, rows: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let Some(masks) = &self.masks else { return Ok(rows) };
        let mut columns = rows.columns().to_vec();
        let schema = rows.schema();
        for (field, mask) in masks.fields() {
            for name in tables::stored(field) {
                let Some((at, _)) = schema.column_with_name(name) else { continue };
                let Some(column) = columns.get_mut(at) else { continue };
                *column = match mask {
                    Mask::Hidden => hidden(column)?,
                    Mask::Hashed => hashed(column, &Pseudonyms::new(masks, field))?,
                };
            }
        }
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(schema, columns, &options)
    }
}

fn unknown() -> Error {
    Error::NotAllowed {
        what: "a query with this credential".into(),
        hint: "use a credential with the scope `read`".into(),
    }
}

fn admitted_by(test: &RowTest, rows: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    match test {
        RowTest::OneOf { field: Field::Targets, values } => {
            targeted(rows, |target| values.contains(target))
        }
        RowTest::Like { field: Field::Targets, pattern } => {
            targeted(rows, |target| is_like(pattern, target))
        }
        RowTest::OneOf { field, values } => one_of(rows, *field, values),
        RowTest::Like { field, pattern } => texts(rows, *field, |text| is_like(pattern, text)),
        RowTest::Received(range) => {
            let times = rows.column_by_name(RECEIVED_AT).map(|column| {
                column.as_primitive_opt::<TimestampNanosecondType>().map(|times| times.values())
            });
            let times = times.flatten().ok_or_else(|| missing(RECEIVED_AT))?;
            let nanoseconds = |time: &i64| u64::try_from(*time).unwrap_or(0);
            let holds = |time| (range.start.0..range.end.0).contains(&nanoseconds(time));
            Ok(times.iter().map(|time| Some(holds(time))).collect())
        }
        _ => Ok(BooleanArray::from(vec![false; rows.num_rows()])),
    }
}

fn one_of(
    rows: &RecordBatch,
    field: Field,
    values: &BTreeSet<String>,
) -> Result<BooleanArray, ArrowError> {
    texts(rows, field, |text| values.contains(text))
}

fn texts(
    rows: &RecordBatch,
    field: Field,
    holds: impl Fn(&str) -> bool,
) -> Result<BooleanArray, ArrowError> {
    let shown = tables::value_of(field, rows)?;
    let texts = shown.as_string_opt::<i32>().ok_or_else(|| missing(field.as_str()))?;
    Ok(texts.iter().map(|text| Some(text.is_some_and(&holds))).collect())
}

fn targeted(rows: &RecordBatch, holds: impl Fn(&str) -> bool) -> Result<BooleanArray, ArrowError> {
    let wrong = || missing(TARGETS);
    let lists = rows.column_by_name(TARGETS).and_then(|column| column.as_list_opt::<i32>());
    let lists = lists.ok_or_else(wrong)?;
    let elements = lists.values().as_struct_opt().ok_or_else(wrong)?;
    let member =
        |name| elements.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (kinds, ids) = (member("type").ok_or_else(wrong)?, member("id").ok_or_else(wrong)?);
    let mut target = String::new();
    let mut any = |start: i32, end: i32| {
        (usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0)).any(|at| {
            target.clear();
            // Writing to a text cannot fail.
            let _ = write!(target, "{}/{}", kinds.value(at), ids.value(at));
            kinds.is_valid(at) && ids.is_valid(at) && holds(&target)
        })
    };
    let ends = lists.value_offsets().windows(2);
    Ok(ends.map(|ends| Some(matches!(ends, [start, end] if any(*start, *end)))).collect())
}

/// The column as if nothing had been sent.
fn hidden(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let Some(lists) = column.as_list_opt::<i32>() else {
        return Ok(new_null_array(column.data_type(), column.len()));
    };
    let arrow::datatypes::DataType::List(element) = column.data_type() else {
        return Err(missing(TARGETS));
    };
    let none = OffsetBuffer::new_zeroed(column.len());
    let empty = lists.values().slice(0, 0);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), none, empty, None)?))
}

/// The column with a pseudonym for every text; of targets, the types stay.
fn hashed(column: &ArrayRef, pseudonyms: &Pseudonyms) -> Result<ArrayRef, ArrowError> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Ok(Arc::new(pseudonyms.of(texts)));
    }
    let arrow::datatypes::DataType::List(element) = column.data_type() else {
        return Err(missing(TARGETS));
    };
    let wrong = || missing(TARGETS);
    let lists = column.as_list_opt::<i32>().ok_or_else(wrong)?;
    let elements = lists.values().as_struct_opt().ok_or_else(wrong)?;
    let members = elements.columns().iter().zip(elements.fields()).map(|(member, field)| {
        match (field.name().as_str(), member.as_string_opt::<i32>()) {
            ("type", _) | (_, None) => Arc::clone(member),
            (_, Some(texts)) => Arc::new(pseudonyms.of(texts)),
        }
    });
    let members = StructArray::try_new_with_length(
        elements.fields().clone(),
        members.collect(),
        elements.nulls().cloned(),
        elements.len(),
    )?;
    let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(members), nulls)?))
}

/// Pseudonyms of one field: the same text in another field has another.
struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    fn new(masks: &Masks, field: Field) -> Self {
        // A key shorter than a block is filled up with zeros, by definition.
        let mut block = [0; 64];
        block.iter_mut().zip(masks.key().0).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
        mac.update(field.as_str().as_bytes());
        mac.update(&[0]);
        Self(mac)
    }

    fn of(&self, texts: &StringArray) -> StringArray {
        texts.iter().map(|text| text.map(|text| self.one(text))).collect()
    }

    fn one(&self, text: &str) -> String {
        let tag = self.0.clone().chain_update(text.as_bytes()).finalize().into_bytes();
        let mut shown = PSEUDONYM.to_owned();
        for byte in tag.iter().take(PSEUDONYM_BYTES) {
            // Writing to a text cannot fail.
            let _ = write!(shown, "{byte:02x}");
        }
        shown
    }
}

fn missing(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("rows have no column {name} of its type"))
}
