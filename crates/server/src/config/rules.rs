//! What keys must be beside each other: each may be right alone, and both together wrong.
//!
//! Promises: two keys that somebody set and that contradict each other are an error, at the place of the one that wins; one
//! that contradicts a default is a warning, since nobody wrote the default.

use std::path::{Component, Path, PathBuf};

use super::Setting;
use super::address;
use super::mistake::{Mistake, Place, Severity};
use super::value::Value;
use crate::config::Plaintext;

/// The first must not be above the second.
struct Order {
    less: &'static str,
    more: &'static str,
    /// What happens otherwise.
    otherwise: &'static str,
}

const ORDERS: &[Order] = &[
    Order {
        less: "lake.flush_rows_min",
        more: "lake.flush_rows_max",
        otherwise: "rows would never be old enough before they are too many",
    },
    Order {
        less: "lake.flush_after_ms",
        more: "lake.flush_small_after_ms",
        otherwise: "few rows would be archived before many",
    },
    Order {
        less: "lake.flush_bytes_max",
        more: "lake.hot_bytes_max",
        otherwise: "the budget of hot rows would be full, and answer 429, before a tenant's rows are archived",
    },
    Order {
        less: "ledger.wal_file_bytes",
        more: "ledger.wal_bytes_max",
        otherwise: "the log would be too long with its first file",
    },
];

/// Everything that is wrong with these settings beside each other.
pub(super) fn check(settings: &[Setting]) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> =
        ORDERS.iter().filter_map(|order| order.check(settings)).collect();
    mistakes.extend(reach(settings));
    mistakes.extend(keys_within_data(settings));
    mistakes
}

fn find<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Setting> {
    settings.iter().find(|setting| setting.key.name == name)
}

fn text<'a>(settings: &'a [Setting], name: &str) -> Option<(&'a str, &'a Setting)> {
    let setting = find(settings, name)?;
    match &setting.value {
        Some(Value::Text(text)) => Some((text, setting)),
        _ => None,
    }
}

impl Order {
    fn check(&self, settings: &[Setting]) -> Option<Mistake> {
        let (less, more) = (find(settings, self.less)?, find(settings, self.more)?);
        let (Some(Value::Number(small)), Some(Value::Number(large))) = (&less.value, &more.value)
        else {
            return None;
        };
        if small <= large {
            return None;
        }
        let is_set = |setting: &Setting| setting.origin != Place::Default;
        let severity = match is_set(less) && is_set(more) {
            true => Severity::Error,
            false => Severity::Warning,
        };
        let (place, other) = match less.origin.rank() >= more.origin.rank() {
            true => (less.origin.clone(), more),
            false => (more.origin.clone(), less),
        };
        let what = format!(
            "`{}` = {small} is above `{}` = {large}: {}",
            self.less, self.more, self.otherwise
        );
        let hint = match &other.origin {
            Place::Default => format!("set `{}` as well", other.key.name),
            place => format!("change one of them; `{}` is set by {place}", other.key.name),
        };
        Some(Mistake { severity, place, what, hint })
    }
}

/// Who can reach the address, and whether that was said.
fn reach(settings: &[Setting]) -> Option<Mistake> {
    let (listen, at) = text(settings, "server.listen")?;
    let (word, said) = text(settings, "server.plaintext")?;
    let plaintext = Plaintext::of(word);
    if let Err(error) = address::allowed(listen, plaintext) {
        let what = format!("`server.listen` is refused: {error}");
        let (severity, hint) = (Severity::Error, error.hint().to_owned());
        return Some(Mistake { severity, place: at.origin.clone(), what, hint });
    }
    let warn = |what: &str, hint: &str| {
        let what = format!("`server.plaintext` {what}");
        let (severity, hint) = (Severity::Warning, hint.to_owned());
        Some(Mistake { severity, place: said.origin.clone(), what, hint })
    };
    match (plaintext, address::allowed(listen, Plaintext::LoopbackOnly)) {
        (Plaintext::LoopbackOnly, _) => None,
        (Plaintext::ReadableByTheNetwork, Ok(_)) => {
            warn("changes nothing: the address is this machine alone", "leave it out")
        }
        (Plaintext::ReadableByTheNetwork, Err(_)) => warn(
            "is accepted: tokens and events can be read on the way",
            "put a proxy with TLS before it wherever the network is not yours alone",
        ),
    }
}

/// Whoever copies the data must not get the keys with it.
fn keys_within_data(settings: &[Setting]) -> Option<Mistake> {
    let (keys, at) = text(settings, "server.key_dir")?;
    let (data, _) = text(settings, "server.data_dir")?;
    whole(keys).starts_with(whole(data)).then(|| Mistake {
        severity: Severity::Warning,
        place: at.origin.clone(),
        what: "`server.key_dir` lies inside `server.data_dir`: whoever has a copy of the data can sign for it"
            .to_owned(),
        hint: "name a folder elsewhere, and back it up apart from the data".to_owned(),
    })
}

/// `path` from the root on, without `.` and `..`.
fn whole(path: &str) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| Path::new(path).to_path_buf());
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(whole.pop()),
            component => whole.push(component),
        }
    }
    whole
}
