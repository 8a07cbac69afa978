//! What a running store says it holds: every index and id, asked for with one SQL statement.

use std::collections::HashSet;

use super::http::{Door, Http};

/// The contents of the default tenant's ledger.
#[derive(Debug)]
pub(crate) struct Contents {
    /// `(index, id)`, in index order.
    pub(crate) rows: Vec<(u64, u128)>,
}

impl Contents {
    /// Reads everything.
    pub(crate) fn read(door: &Door) -> Result<Self, String> {
        let query =
            serde_json::json!({"sql": "SELECT \"index\", id FROM events ORDER BY \"index\""});
        let mut http = Http::connect(door).map_err(|error| format!("no connection: {error}"))?;
        let reply = http
            .call(
                "POST /v1/query",
                "content-type: application/json\r\naccept: text/csv\r\n",
                query.to_string().as_bytes(),
            )
            .map_err(|error| format!("the query was not answered: {error}"))?;
        let text = String::from_utf8_lossy(&reply.body);
        if reply.status != 200 {
            return Err(format!("the query was refused with {}: {text}", reply.status));
        }
        let rows: Option<Vec<_>> = text.lines().skip(1).map(row).collect();
        Ok(Self { rows: rows.ok_or("the query's answer is not `index,id` lines")? })
    }

    /// I5, I3: each id once, and indices strictly increasing.
    pub(crate) fn check_once(&self) -> Result<(), String> {
        let mut ids = HashSet::with_capacity(self.rows.len());
        for (index, id) in &self.rows {
            if !ids.insert(id) {
                return Err(format!("I5: id {id:032x} is stored twice, again at index {index}"));
            }
        }
        let ordered = self.rows.windows(2).all(|pair| match pair {
            [(before, _), (after, _)] => before < after,
            _ => true,
        });
        if ordered { Ok(()) } else { Err("I3: an index stands twice".into()) }
    }

    /// The id at an index.
    pub(crate) fn at(&self, index: u64) -> Option<u128> {
        let place = self.rows.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        self.rows.get(place).map(|(_, id)| *id)
    }
}

fn row(line: &str) -> Option<(u64, u128)> {
    let (index, id) = line.split_once(',')?;
    Some((index.trim_matches('"').parse().ok()?, parse_id(id.trim_matches('"'))?))
}

/// The number that a UUID's hex digits are.
pub(crate) fn parse_id(text: &str) -> Option<u128> {
    u128::from_str_radix(&text.replace('-', ""), 16).ok()
}

/// One item of an answer to `POST /v1/events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) index: u64,
    /// Absent in answers that do not name it.
    pub(crate) id: Option<u128>,
    pub(crate) duplicate: bool,
}

/// The items of an answer; an error names the first that is neither committed nor duplicate.
pub(crate) fn acknowledged(body: &[u8]) -> Result<Vec<Acknowledged>, String> {
    let say = || String::from_utf8_lossy(body).chars().take(400).collect::<String>();
    let answer: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("{error} in {}", say()))?;
    let results = answer.get("results").and_then(serde_json::Value::as_array);
    let items: Option<Vec<_>> =
        results.ok_or_else(|| format!("no `results` in {}", say()))?.iter().map(item).collect();
    items.ok_or_else(|| format!("an item is neither committed nor duplicate: {}", say()))
}

fn item(result: &serde_json::Value) -> Option<Acknowledged> {
    let duplicate = match result.get("status")?.as_str()? {
        "committed" => false,
        "duplicate" => true,
        _ => return None,
    };
    let id = result.get("id").and_then(serde_json::Value::as_str).and_then(parse_id);
    Some(Acknowledged { index: result.get("index")?.as_u64()?, id, duplicate })
}
