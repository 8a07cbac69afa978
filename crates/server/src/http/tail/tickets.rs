//! Stream URLs: names that nobody guesses, each good once and for a minute.
//!
//! A browser's event source sends no header, so the URL alone carries the right to read. INVARIANT (I10): at most
//! [`TICKETS_MAX`] wait to be used. Refuses to say whether a name was ever good.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::search::Search;

use crate::audit::Asked;
use crate::http::Caller;
use crate::keyring;

/// Stream URLs that wait to be used.
pub(super) const TICKETS_MAX: usize = 1_024;
/// How long one is good.
pub(super) const GOOD_FOR_NS: u64 = 60_000_000_000;

/// Who may read what.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) caller: Caller,
    pub(super) on_record: Asked,
    pub(super) search: Search,
    pub(super) start: u64,
}

/// The stream URLs that wait.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    waiting: Mutex<HashMap<String, (u64, T)>>,
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Tickets { waiting: Mutex::new(HashMap::new()) }
    }
}

impl<T> Tickets<T> {
    /// Gives a ticket a name; `None` when too many wait.
    pub(super) fn give(&self, ticket: T, now_ns: u64) -> Option<String> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= TICKETS_MAX {
            waiting.retain(|_, (given_ns, _)| now_ns.saturating_sub(*given_ns) < GOOD_FOR_NS);
        }
        if waiting.len() >= TICKETS_MAX {
            return None;
        }
        let name = URL_SAFE_NO_PAD.encode(keyring::random::<32>());
        waiting.insert(name.clone(), (now_ns, ticket));
        Some(name)
    }

    /// Takes the ticket of this name, if it is still good. It is gone then.
    pub(super) fn take(&self, name: &str, now_ns: u64) -> Option<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (given_ns, ticket) = waiting.remove(name)?;
        (now_ns.saturating_sub(given_ns) < GOOD_FOR_NS).then_some(ticket)
    }
}

#[cfg(test)]
mod tests;
