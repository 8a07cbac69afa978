//! The columns of a segment file and how each is encoded.
//!
//! They are those of [`rows::schema`] but the ones that run tables hold, and `exact`. A reader finds
//! columns by name; encodings are the writer's choice and may change with any version.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;

use super::forms::Forms;
use super::{GROUP_ROWS, Level};
use crate::rows;

/// The record's bytes, of a row that does not rebuild them.
pub const EXACT: &str = "exact";

/// Rows of a page.
const PAGE_ROWS: usize = 4_096;
/// Bytes of a dictionary: a column with more different values than fit is written plainly.
const DICTIONARY_BYTES: usize = 256 * 1024;
/// The chance in which a bloom filter takes an id that is not there. An id is asked of every row group there is, some 300
/// for 10 M events, and each wrong yes costs a read of the group's ids: 2 bytes a row, 16 bits an id, are the cheaper.
const BLOOM_CHANCE: f64 = 0.001;
/// Bytes of the texts in statistics and page indexes.
const STATISTICS_BYTES: usize = 32;

/// Columns that are kept in run tables.
pub(super) const IN_RUNS: [&str; 5] =
    [rows::RECEIVED_AT, rows::INSTANCE, rows::SEQ, rows::SALT_BLOCK, rows::SALT_SLOT];

/// Columns whose page statistics let a reader leave pages out.
const WITH_STATISTICS: [&str; 9] = [
    rows::INDEX,
    rows::RECORD,
    rows::OCCURRED_AT,
    "action",
    "kind",
    "outcome",
    "severity",
    "actor_id",
    "service",
];

/// Columns with about as many different texts as rows: lengths apart from texts, and no long look for
/// what they share, since random digits share nothing.
const VARIED: [&str; 5] =
    ["ip_claimed", "reason", "trace_id", "targets.list.item.id", "targets.list.item.name"];

/// Columns with as many different texts as rows, which begin alike: what a text shares with the one
/// before it is not written.
const ALIKE: [&str; 3] = ["operation_id", "request_id", "session_id"];

/// Columns of texts that say much the same again and again: worth a longer look for it.
const JSON: [&str; 7] = ["attrs", "changes", "decision", "on_behalf_of", "original", "rest", EXACT];

/// The Arrow schema of a segment file whose columns are all in their plain form.
pub(super) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let all = rows::schema();
        let kept = all.fields().iter().filter(|field| !IN_RUNS.contains(&field.name().as_str()));
        let exact = Arc::new(Field::new(EXACT, DataType::Binary, true));
        Arc::new(Schema::new(kept.cloned().chain([exact]).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

/// How a file of `level` is written.
pub(super) fn properties(level: Level, forms: Forms) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("indelible".to_owned())
        .set_compression(zstd(3))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES));
    for name in WITH_STATISTICS {
        builder = builder.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for name in VARIED {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), zstd(1))
            .set_column_encoding(path(name), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for name in JSON {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), zstd(9))
            .set_column_encoding(path(name), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for name in ALIKE {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), zstd(1))
            .set_column_encoding(path(name), Encoding::DELTA_BYTE_ARRAY);
    }
    for name in [rows::INDEX, rows::OCCURRED_AT] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    sorting(ids(builder, forms), level).build()
}

/// Ids are mostly random: nothing makes them smaller, and a filter says where one cannot be.
fn ids(builder: WriterPropertiesBuilder, forms: Forms) -> WriterPropertiesBuilder {
    let random: &[&str] =
        if forms.has_short_traces() { &[rows::ID, "trace_id"] } else { &[rows::ID] };
    let plain = |builder: WriterPropertiesBuilder, name: &&str| {
        builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::PLAIN)
            .set_column_compression(path(name), Compression::UNCOMPRESSED)
    };
    random
        .iter()
        .fold(builder, plain)
        .set_column_bloom_filter_enabled(path(rows::ID), true)
        .set_column_bloom_filter_fpp(path(rows::ID), BLOOM_CHANCE)
        .set_column_bloom_filter_max_ndv(path(rows::ID), GROUP_ROWS.try_into().unwrap_or(u64::MAX))
}

/// Says in the metadata how rows are sorted.
fn sorting(builder: WriterPropertiesBuilder, level: Level) -> WriterPropertiesBuilder {
    let names: &[&str] = match level {
        Level::L0 => &[rows::INDEX],
        Level::L1 => &["actor_id", rows::INDEX],
    };
    let column = |name: &&str| {
        let place = leaf_of(name)?;
        Some(SortingColumn { column_idx: place, descending: false, nulls_first: false })
    };
    builder.set_sorting_columns(Some(names.iter().filter_map(column).collect()))
}

/// The place of a plain column among the leaves of the file: `targets` has several.
fn leaf_of(name: &str) -> Option<i32> {
    let schema = schema();
    let mut place = 0;
    for field in schema.fields() {
        if field.name() == name {
            return i32::try_from(place).ok();
        }
        place += if field.name() == rows::TARGETS { rows::TARGET_MEMBERS.len() } else { 1 };
    }
    None
}

fn path(name: &str) -> ColumnPath {
    ColumnPath::new(name.split('.').map(str::to_owned).collect())
}
