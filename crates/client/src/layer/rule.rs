//! What a route's calls are recorded as, and how safe they must be before they are answered.
//!
//! Promises: a rule without an action takes one from the method, or from the name of a gRPC call. Refuses to leave a call
//! out unless its rule says so.

use crate::audit::Record;

/// How a call's event is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The answer waits until the ledger has it.
    MustCommit,
    /// The answer waits until it is in the spool.
    Spool,
    /// The answer does not wait.
    BestEffort,
}

/// What the calls of one route are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) action: Option<String>,
    pub(super) mode: Mode,
    /// The type of a target, and the part of the route that has its id.
    pub(super) targets: Vec<(String, String)>,
    pub(super) is_skipped: bool,
}

impl Rule {
    /// The calls are this action.
    #[must_use]
    pub fn action(action: &str) -> Rule {
        Rule { action: Some(action.to_owned()), ..Rule::derived() }
    }

    /// The action is `http.<method>`, or the name of the gRPC call.
    #[must_use]
    pub fn derived() -> Rule {
        Rule { action: None, mode: Mode::Spool, targets: Vec::new(), is_skipped: false }
    }

    /// The calls are not recorded.
    #[must_use]
    pub fn skip() -> Rule {
        Rule { is_skipped: true, ..Rule::derived() }
    }

    /// What it is done to: something of type `kind`, whose id is the part `{part}` of the route.
    #[must_use]
    pub fn target(mut self, kind: &str, part: &str) -> Rule {
        self.targets.push((kind.to_owned(), part.to_owned()));
        self
    }

    /// The answer waits until the event is in the ledger and its receipt is checked; if that fails, so does the call.
    #[must_use]
    pub fn must_commit(self) -> Rule {
        Rule { mode: Mode::MustCommit, ..self }
    }

    /// The answer does not wait; an event for which there is no room is counted as dropped.
    #[must_use]
    pub fn best_effort(self) -> Rule {
        Rule { mode: Mode::BestEffort, ..self }
    }

    /// Adds the targets that the path names.
    pub(super) fn with_targets(&self, mut record: Record, route: &str, path: &str) -> Record {
        for (kind, part) in &self.targets {
            if let Some(id) = part_of(route, part, path) {
                record = record.target(kind, &id);
            }
        }
        record
    }
}

/// What stands in `path` where `route` has `{part}` or `{*part}`. Both are compared from their ends, so that a prefix that
/// a router took off does no harm.
fn part_of(route: &str, part: &str, path: &str) -> Option<String> {
    let names: Vec<&str> = route.trim_matches('/').split('/').collect();
    let values: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is_rest = |name: &&&str| name.starts_with("{*");
    let wanted = |name: &str| {
        let inner = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        inner.is_some_and(|inner| inner.trim_start_matches('*') == part)
    };
    let place = names.iter().position(|name| wanted(name))?;
    let found = match names.get(place).filter(is_rest) {
        // The rest of the path begins where the parts before it end.
        Some(_) => values.get(place..)?.join("/"),
        None => {
            let behind = names.len() - place;
            values.get(values.len().checked_sub(behind)?)?.to_string()
        }
    };
    let decoded = decoded(&found);
    let id = super::describe::cut(&decoded, event::limits::ID_BYTES_MAX);
    (!id.is_empty()).then(|| id.to_owned())
}

/// A part of a path without its percent signs; as it is, if what they stand for is no text.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let stands_for = (*first == b'%').then(|| Some((digit(0)?, digit(1)?))).flatten();
        match stands_for.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

#[cfg(test)]
mod tests {
    //! Parts of paths by table.

    use super::part_of;

    #[test]
    fn a_part_is_found_where_the_route_has_it() {
        let long = "a".repeat(300);
        // (route, part, path, what is found)
        let cases = [
            ("/invoices/{id}/approve", "id", "/invoices/10021/approve", Some("10021")),
            ("/api/invoices/{id}", "id", "/invoices/10021", Some("10021")),
            ("/a/{x}/{y}", "x", "/a/1/2", Some("1")),
            ("/a/{x}/{y}", "y", "/a/1/2/", Some("2")),
            ("/a/{x}", "z", "/a/1", None),
            ("/files/{*path}", "path", "/files/a/b%2Fc", Some("a/b/c")),
            ("/a/{x}", "x", "/a/%41%zz%4", Some("A%zz%4")),
            ("/a/{x}", "x", "/a/%ff", Some("%ff")),
            ("/a/{x}/b", "x", "/a//b", None),
            ("/a/{x}", "x", long.as_str(), Some(&long[..256])),
            ("/a/{x}/b/c", "x", "/c", None),
        ];
        for (route, part, path, found) in cases {
            assert_eq!(part_of(route, part, path).as_deref(), found, "{route} {path}");
        }
    }
}
