//! Events for people: as a row of columns, as a line of CSV.
//!
//! Promises: what is printed holds no character that steers a terminal, and no cell that a spreadsheet runs. Refuses to be
//! complete: `--jsonl` is.

use event::json::Value;

use super::text;

/// The columns of the table, and how wide each is.
pub(super) const HEAD: [&str; 7] =
    ["TIME (UTC)", "ACTION", "ACTOR", "TARGET", "OUTCOME", "IP", "ID"];
const WIDTHS: [usize; 7] = [19, 28, 24, 28, 8, 15, 36];
/// The columns of CSV.
pub(super) const COLUMNS: [&str; 12] = [
    "index",
    "id",
    "received_at",
    "occurred_at",
    "action",
    "outcome",
    "actor",
    "target",
    "ip",
    "service",
    "reason",
    "producer",
];
/// The first characters at which spreadsheets take a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cells of an event.
pub(super) fn cells(event: &Value<'_>) -> [String; 7] {
    let time = at(event, &["occurred_at"]);
    let time = if time.is_empty() { at(event, &["received_at"]) } else { time };
    [
        time.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect(),
        at(event, &["action"]),
        at(event, &["actor", "id"]),
        target(event),
        outcome(event),
        address(event),
        at(event, &["id"]),
    ]
}

/// Cells in columns; the last is whole.
pub(super) fn row(cells: &[String; 7]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let shown = text::shortened(&text::printable(cell), width);
        let padding = width.saturating_sub(shown.chars().count());
        line.push_str(&shown);
        line.extend(std::iter::repeat_n(' ', padding + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

/// An event as a line of CSV.
pub(super) fn csv(event: &Value<'_>) -> String {
    let cells = [
        at(event, &["index"]),
        at(event, &["id"]),
        at(event, &["received_at"]),
        at(event, &["occurred_at"]),
        at(event, &["action"]),
        outcome(event),
        at(event, &["actor", "id"]),
        target(event),
        address(event),
        at(event, &["origin", "service"]),
        at(event, &["outcome", "reason"]),
        at(event, &["stamps", "producer"]),
    ];
    cells.iter().map(|cell| cell_of(cell)).collect::<Vec<_>>().join(",")
}

/// A cell of CSV that a spreadsheet shows and does not run.
fn cell_of(text: &str) -> String {
    let mark = if text.starts_with(FORMULA) { "'" } else { "" };
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{mark}{}\"", text.replace('"', "\"\"")),
        false => format!("{mark}{text}"),
    }
}

/// The text or number at a path; empty where there is none.
fn at(event: &Value<'_>, path: &[&str]) -> String {
    let found = path.iter().try_fold(event, |value, member| value.member(member));
    match found {
        Some(value) => value.as_str().map_or_else(|| text::compact(value), str::to_owned),
        None => String::new(),
    }
}

fn outcome(event: &Value<'_>) -> String {
    match at(event, &["outcome", "status"]) {
        status if status.is_empty() => "unknown".to_owned(),
        status => status,
    }
}

fn target(event: &Value<'_>) -> String {
    let Some(Value::Array(targets)) = event.member("targets") else { return String::new() };
    match targets.first() {
        Some(first) => format!("{}/{}", at(first, &["type"]), at(first, &["id"])),
        None => String::new(),
    }
}

/// The address as claimed, else the one that the server saw.
fn address(event: &Value<'_>) -> String {
    match at(event, &["origin", "ip"]) {
        ip if ip.is_empty() => at(event, &["observed", "peer_ip"]),
        ip => ip,
    }
}

#[cfg(test)]
mod tests;
