//! What a segment file says about itself: key-value metadata to and from values, and the footer as it
//! is kept in memory.
//!
//! INVARIANT (I6): a footer is parsed only after its SHA-256 was found to be the expected one; only
//! [`super::describe`] parses one that nobody vouches for. Whatever the values are, what is read is
//! bounded by the rows that the file may have.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event::ids::TenantId;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest as _, Sha256};

use super::forms::Forms;
use super::{About, Columns, FOOTER_BYTES_MAX, Level, Print, ROWS_MAX};
use crate::Error;
use crate::names::Directory;
use crate::runs::Runs;
use crate::store::{Store, Stored, disk};

/// Before every key.
const PREFIX: &str = "indelible.";
/// The version that is written.
const VERSION: &str = "1";
/// Bytes of run tables a row at most, decompressed, and beside all rows.
const RUN_BYTES_MAX: usize = 64;
/// Names of one row at most: its actor and its targets.
const ROW_NAMES_MAX: u64 = 1 + event::limits::TARGETS_MAX as u64;

/// The key-value metadata of a file as values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) about: About,
    pub(super) rows_sha256: [u8; 32],
    /// Where in the file the name index is.
    pub(super) names: Range<u64>,
    pub(super) runs: Runs,
    /// The secrets of salt blocks by their ids.
    pub(super) secrets: BTreeMap<u64, [u8; 32]>,
    pub(super) rollup: Vec<u8>,
}

/// The metadata as it stands in the file.
pub(super) fn key_values(meta: &Meta) -> Vec<KeyValue> {
    let About { tenant, indices, level, class, rows, exact, loose, received_at, occurred_at } =
        &meta.about;
    let pair = |key: &str, value: String| KeyValue::new(format!("{PREFIX}{key}"), value);
    let span = |span: &(i64, i64)| format!("{} {}", span.0, span.1);
    let runs = zstd::bulk::compress(&meta.runs.encode(), 3).expect("memory is no file");
    let mut secrets = Vec::new();
    for (block, secret) in &meta.secrets {
        secrets.extend_from_slice(&block.to_be_bytes());
        secrets.extend_from_slice(secret);
    }
    let mut pairs = vec![
        pair("version", VERSION.to_owned()),
        pair("tenant", tenant.to_string()),
        pair("indices", format!("{} {}", indices.start, indices.end)),
        pair("level", level.number().to_string()),
        pair("class", class.clone()),
        pair("rows", rows.to_string()),
        pair("exact", exact.to_string()),
        pair("loose", loose.to_string()),
        pair("received_at", span(received_at)),
        pair("rows_sha256", STANDARD.encode(meta.rows_sha256)),
        pair("names", format!("{} {}", meta.names.start, meta.names.end)),
        pair("runs", STANDARD.encode(runs)),
        pair("salts", STANDARD.encode(secrets)),
        pair("rollup", STANDARD.encode(&meta.rollup)),
    ];
    pairs.extend(occurred_at.as_ref().map(|times| pair("occurred_at", span(times))));
    pairs
}

impl Meta {
    /// The values that the metadata of a file of `rows` rows has.
    fn of(metadata: &ParquetMetaData) -> Result<Meta, String> {
        let mut pairs = BTreeMap::new();
        for pair in metadata.file_metadata().key_value_metadata().into_iter().flatten() {
            if let (Some(key), Some(value)) = (pair.key.strip_prefix(PREFIX), &pair.value)
                && pairs.insert(key, value.as_str()).is_some()
            {
                return Err(format!("`{PREFIX}{key}` is there twice"));
            }
        }
        let get = |key: &str| {
            pairs.get(key).copied().ok_or_else(|| format!("`{PREFIX}{key}` is missing"))
        };
        let version = get("version")?;
        if version != VERSION {
            return Err(format!("version `{version}` is not one that this server knows"));
        }
        let about = about(&get, pairs.get("occurred_at").copied())?;
        let rows = u32::try_from(about.rows).map_err(|_| "too many rows".to_owned())?;
        let runs = unpack(get("runs")?, about.rows).and_then(|runs| Runs::decode(&runs, rows));
        Ok(Meta {
            rows_sha256: sound("rows_sha256", decode(get("rows_sha256")?)?.try_into().ok())?,
            names: sound("names", numbers(get("names")?))?,
            runs: sound("runs", runs)?,
            secrets: sound("salts", secrets(&decode(get("salts")?)?))?,
            rollup: decode(get("rollup")?)?,
            about,
        })
    }
}

fn about<'m>(
    get: &impl Fn(&str) -> Result<&'m str, String>,
    occurred_at: Option<&str>,
) -> Result<About, String> {
    let number = |key| sound(key, get(key)?.parse::<u64>().ok());
    let level = u8::try_from(number("level")?).ok().and_then(Level::of);
    let about = About {
        tenant: sound("tenant", TenantId::parse(get("tenant")?).ok())?,
        indices: sound("indices", numbers(get("indices")?))?,
        level: sound("level", level)?,
        class: get("class")?.to_owned(),
        rows: number("rows")?,
        exact: number("exact")?,
        loose: number("loose")?,
        received_at: sound("received_at", times(get("received_at")?))?,
        occurred_at: match occurred_at {
            Some(text) => Some(sound("occurred_at", times(text))?),
            None => None,
        },
    };
    let length = about.indices.end.checked_sub(about.indices.start);
    let max = u64::try_from(ROWS_MAX).unwrap_or(u64::MAX);
    let is_sound = length == Some(about.rows)
        && (1..=max).contains(&about.rows)
        && about.exact <= about.rows
        && about.loose <= about.rows;
    sound("rows", is_sound.then_some(about))
}

fn sound<T>(key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{PREFIX}{key}` is damaged"))
}

fn numbers(text: &str) -> Option<Range<u64>> {
    let (start, end) = text.split_once(' ')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

fn times(text: &str) -> Option<(i64, i64)> {
    let (first, last) = text.split_once(' ')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("metadata is not base64: {error}"))
}

fn unpack(text: &str, rows: u64) -> Option<Vec<u8>> {
    let rows = usize::try_from(rows).ok()?;
    zstd::bulk::decompress(&STANDARD.decode(text).ok()?, (rows + 16).checked_mul(RUN_BYTES_MAX)?)
        .ok()
}

fn secrets(bytes: &[u8]) -> Option<BTreeMap<u64, [u8; 32]>> {
    let (pairs, rest) = bytes.as_chunks::<40>();
    let pair = |pair: &[u8; 40]| {
        let (block, secret) = pair.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*block), secret.try_into().ok()?))
    };
    if rest.is_empty() { pairs.iter().map(pair).collect() } else { None }
}

/// The footer of an open segment file.
#[derive(Debug)]
pub struct Footer {
    file: Stored,
    metadata: ArrowReaderMetadata,
    meta: Meta,
    directory: Directory,
}

impl Footer {
    /// Reads the footer of a file that is `print`, and refuses any other.
    pub(super) fn read(store: &Store, name: &str, print: &Print) -> Result<Footer, Error> {
        let damaged = |what: String| Error::Segment { path: name.to_owned(), what };
        let file = store.open(name)?;
        if file.bytes() != print.bytes || print.footer_bytes > print.bytes.min(FOOTER_BYTES_MAX) {
            return Err(damaged(format!("{} bytes, not {}", file.bytes(), print.bytes)));
        }
        let length = usize::try_from(print.footer_bytes).unwrap_or(usize::MAX);
        let bytes = file.read(print.bytes - print.footer_bytes, length);
        let bytes = bytes.map_err(|error| disk("read", name, error))?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != print.footer_sha256 {
            return Err(damaged("the footer is not the one that is known of it".to_owned()));
        }
        Footer::parse(file, &bytes.into()).map_err(damaged)
    }

    /// The footer that the last bytes of a file are.
    pub(super) fn parse(file: Stored, bytes: &Bytes) -> Result<Footer, String> {
        let metadata = load(bytes, file.bytes())?;
        let mut meta = Meta::of(metadata.metadata())?;
        let rows = metadata.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(meta.about.rows) {
            return Err(format!("it has {rows} rows and says {}", meta.about.rows));
        }
        let start = file.bytes().saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let directory = directory(&file, &meta, start)?;
        // Only a writer needs it, and it is the largest of all.
        meta.rollup = Vec::new();
        Ok(Footer { file, metadata, meta, directory })
    }

    /// What the file says that it covers.
    pub fn about(&self) -> &About {
        &self.meta.about
    }

    /// Metadata and page indexes.
    pub fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    /// Bytes of these columns when they are decoded, about: what a reader of all rows needs.
    pub fn decoded_bytes(&self, columns: &Columns) -> u64 {
        let names = columns.schema();
        let groups = self.metadata.metadata().row_groups();
        let chunks = groups.iter().flat_map(|group| group.columns());
        let is_read =
            |path: &[String]| path.first().is_some_and(|root| names.field_with_name(root).is_ok());
        let read = chunks.filter(|chunk| is_read(chunk.column_path().parts()));
        // A row of a column takes a few bytes however well it is encoded.
        let fields = u64::try_from(names.fields().len()).unwrap_or(u64::MAX);
        let at_least = self.meta.about.rows.saturating_mul(fields).saturating_mul(8);
        let texts: u64 =
            read.map(|chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0)).sum();
        texts.saturating_mul(2).saturating_add(at_least)
    }

    /// The run tables; offsets are from the first index.
    pub fn runs(&self) -> &Runs {
        &self.meta.runs
    }

    /// The secret of a salt block.
    pub fn secret(&self, block: u64) -> Option<[u8; 32]> {
        self.meta.secrets.get(&block).copied()
    }

    /// The secrets of all salt blocks that its rows use.
    pub fn secrets(&self) -> &BTreeMap<u64, [u8; 32]> {
        &self.meta.secrets
    }

    /// The hash of the rows that the file says to have.
    pub fn rows_sha256(&self) -> [u8; 32] {
        self.meta.rows_sha256
    }

    /// The directory of the name index.
    pub(super) fn names(&self) -> &Directory {
        &self.directory
    }

    /// The open file.
    pub(super) fn file(&self) -> &Stored {
        &self.file
    }

    /// A piece of the name index.
    pub(super) fn read_names(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        let start = u64::try_from(range.start).unwrap_or(u64::MAX);
        self.file.read(self.meta.names.start.saturating_add(start), range.len())
    }

    /// All of the name index.
    pub(super) fn all_names(&self) -> io::Result<Vec<u8>> {
        let Range { start, end } = self.meta.names;
        self.read_names(0..usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX))
    }

    /// Bytes of memory in use, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.metadata.metadata().memory_size()
            + self.meta.runs.heap_bytes()
            + self.directory.heap_bytes()
            + self.meta.secrets.len() * 64
    }
}

/// How long the footer of a file is that nobody vouches for: from the end of its name index on.
pub(super) fn length(file: &Stored) -> Result<u64, String> {
    let unread = |error: io::Error| format!("it cannot be read: {error}");
    let start = file.bytes().checked_sub(TAIL_BYTES).ok_or("it is too short")?;
    let tail: Vec<u8> = file.read(start, 8).map_err(unread)?;
    let known = tail.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
    let bytes = u64::from(known) + TAIL_BYTES;
    if bytes > file.bytes().min(FOOTER_BYTES_MAX) {
        return Err("its footer is too long".to_owned());
    }
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let bytes: Bytes = file.read(file.bytes() - bytes, length).map_err(unread)?.into();
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    let parsed = reader.try_parse_sized(&bytes, file.bytes()).and_then(|()| reader.finish());
    let names = Meta::of(&parsed.map_err(|error| error.to_string())?)?.names;
    let footer = file.bytes().checked_sub(names.end).filter(|footer| *footer <= FOOTER_BYTES_MAX);
    footer.ok_or_else(|| "the name index is damaged".to_owned())
}

/// Bytes at the end of a Parquet file that say how long its metadata is.
const TAIL_BYTES: u64 = 8;

/// The rollup partial that a footer has, which [`Footer`] does not keep.
pub(super) fn rollup(metadata: &ParquetMetaData) -> Result<Vec<u8>, String> {
    Ok(Meta::of(metadata)?.rollup)
}

/// Parses metadata and page indexes, and holds the columns against those of this version.
fn load(bytes: &Bytes, file_bytes: u64) -> Result<ArrowReaderMetadata, String> {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    let parsed = reader.try_parse_sized(bytes, file_bytes).and_then(|()| reader.finish());
    let metadata = parsed.map_err(|error| error.to_string())?;
    let forms = Forms::of_file(metadata.file_metadata().schema_descr());
    let forms = forms.ok_or("its columns are not those of a segment")?;
    let options = ArrowReaderOptions::new().with_schema(forms.schema());
    ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(|error| error.to_string())
}

/// Reads the directory of the name index, which ends where the footer starts.
fn directory(file: &Stored, meta: &Meta, footer: u64) -> Result<Directory, String> {
    let Range { start, end } = meta.names;
    let damaged = || "the name index is damaged".to_owned();
    let length = end.checked_sub(start).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|_| end == footer).ok_or_else(damaged)?;
    let unread = |error: io::Error| format!("the name index cannot be read: {error}");
    let head = file.read(start, Directory::HEAD_BYTES.min(length)).map_err(unread)?;
    let most = meta.about.rows.saturating_mul(ROW_NAMES_MAX);
    let bytes =
        Directory::bytes(&head, most).filter(|bytes| *bytes <= length).ok_or_else(damaged)?;
    let bytes = file.read(start, bytes).map_err(unread)?;
    Directory::decode(&bytes, length).ok_or_else(damaged)
}
