//! The table of keys as others read it: a file to begin with, a JSON Schema for editors, a page of documentation.
//!
//! Promises: whatever is printed here is made of the table, so that it cannot say anything else. The example file sets
//! nothing: every key stands there with its default behind a `#`.

use serde_json::{Map, Value as Json, json};

use super::keys::{Change, KEYS, Key, Kind, Shape, Unset};
use super::value::{human, one_of};
use super::variable;

/// The head of the file that `config init` writes.
const HEAD: &str = "\
# Configuration of indelible. Every key is optional; what stands behind a `#` is its default.
# A setting is taken from, first found wins: a flag, the environment (INDELIBLE__SERVER__LISTEN), this file, the default.
# Check it with `indelible config check`, see what counts with `indelible config show --origin`.
# Keys marked \"live\" change in a running server on SIGHUP; the others at the next start.
";

/// The file to begin with.
pub(crate) fn example() -> String {
    let mut out = HEAD.to_owned();
    let mut above = "";
    for key in KEYS {
        let (table, name) = key.split();
        if table != above {
            out.push_str(&format!("\n[{table}]\n"));
            above = table;
        }
        let flag = key.flag.map(|flag| format!("; flag {flag}")).unwrap_or_default();
        let change = match key.change {
            Change::Live => "; live",
            Change::Restart => "",
        };
        out.push_str(&format!("\n# {}.\n# {}{flag}{change}\n", sentence(key), takes(key)));
        out.push_str(&format!("#{name} = {}\n", literal(key)));
    }
    out
}

/// The table as `docs/operate/configuration.md` has it.
#[cfg(test)]
pub(super) fn page() -> String {
    let mut out = "| key | default | takes | live | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let default = match &key.kind {
            Kind::Number(number) => {
                format!("{}{}", number.default, human(number.default, number.unit))
            }
            Kind::Text(text) => match text.default {
                Unset::Value(value) => format!("`{value}`"),
                Unset::Words { words, .. } => words.to_owned(),
            },
        };
        let live = match key.change {
            Change::Live => "yes",
            Change::Restart => "",
        };
        let flag = key.flag.map(|flag| format!(" (`{flag}`)")).unwrap_or_default();
        let (name, takes, meaning) = (key.name, takes(key), key.meaning);
        out.push_str(&format!("| `{name}` | {default} | {takes} | {live} | {meaning}{flag} |\n"));
    }
    out
}

/// The JSON Schema of a file.
pub(crate) fn schema() -> Json {
    let mut tables = Map::new();
    for key in KEYS {
        let (table, name) = key.split();
        let empty = || json!({"type": "object", "additionalProperties": false, "properties": {}});
        let entry = tables.entry(table).or_insert_with(empty);
        if let Some(properties) = entry.get_mut("properties").and_then(Json::as_object_mut) {
            properties.insert(name.to_owned(), property(key));
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "indelible.toml",
        "description": "Configuration of the audit log Indelible; every key is optional",
        "type": "object",
        "additionalProperties": false,
        "properties": tables,
    })
}

fn property(key: &Key) -> Json {
    let live = key.change == Change::Live;
    let mut schema = json!({
        "description": sentence(key),
        "x-live": live,
        "x-variable": variable(key.name),
    });
    let Some(members) = schema.as_object_mut() else { return schema };
    match &key.kind {
        Kind::Number(number) => {
            members.insert("type".into(), json!("integer"));
            members.insert("minimum".into(), json!(number.range.0));
            members.insert("maximum".into(), json!(number.range.1));
            members.insert("default".into(), json!(number.default));
            members.insert("x-unit".into(), json!(number.unit.words()));
        }
        Kind::Text(text) => {
            members.insert("type".into(), json!("string"));
            if let Shape::Choice(words) = text.shape {
                members.insert("enum".into(), json!(words));
            }
            match text.default {
                Unset::Value(value) => members.insert("default".into(), json!(value)),
                Unset::Words { words, .. } => members.insert("x-without".into(), json!(words)),
            };
        }
    }
    schema
}

/// The meaning, as a sentence begins.
fn sentence(key: &Key) -> String {
    let mut letters = key.meaning.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

/// What a key takes, in words.
fn takes(key: &Key) -> String {
    match &key.kind {
        Kind::Number(number) => {
            format!("{}, {} to {}", number.unit.words(), number.range.0, number.range.1)
        }
        Kind::Text(text) => match text.shape {
            Shape::Path => "a path".to_owned(),
            Shape::Address => "host and port".to_owned(),
            Shape::Filter => "a filter".to_owned(),
            Shape::StoreName => "a name".to_owned(),
            Shape::Choice(words) => one_of(words),
        },
    }
}

/// The default, or an example, as the file has it.
fn literal(key: &Key) -> String {
    match &key.kind {
        Kind::Number(number) => {
            let human = human(number.default, number.unit);
            let human = human.trim().trim_matches(['(', ')']);
            let comment = if human.is_empty() { String::new() } else { format!(" # {human}") };
            format!("{}{comment}", number.default)
        }
        Kind::Text(text) => match text.default {
            Unset::Value(value) => format!("\"{value}\""),
            Unset::Words { words, example } => format!("\"{example}\" # without: {words}"),
        },
    }
}
