//! The ledger looked at from outside, again and again: whether it is still the one that was seen.
//!
//! ```text
//! every minute: newest checkpoint --keys--> signed as pinned? --tiles--> begun by the one seen before? --> seen
//! ```
//!
//! INVARIANT (I4), from the producer's side: a checkpoint that was shown begins every later one. Promises: what was seen is
//! in the spool's folder before it counts, so that a restart forgets nothing; a ledger that was cut off, forked or
//! exchanged is told once, both checkpoints are kept as evidence, and nothing is committed from then on, in this
//! process and the next, until a person has taken the evidence away. Refuses to judge what it could not fetch: it looks
//! again.

mod seen;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use event::ids::TenantId;
use tlog::checkpoint::Checkpoint;
use tlog::note::VerifierKey;
use tlog::{proof, tiles};

use self::seen::Seen;
use crate::client::Client;
use crate::clock::Deadline;
use crate::error::Error;
use crate::report::Reporter;
use crate::spool::Spool;
use crate::trouble::Trouble;

/// Looks again and again, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Witness {
    client: Client,
    keys: Vec<VerifierKey>,
    report: Arc<Reporter>,
    state: Mutex<State>,
    /// Wakes the thread at the end.
    ended: Condvar,
    /// Asked before every commit, without a lock.
    is_forked: AtomicBool,
}

#[derive(Debug)]
struct State {
    seen: Seen,
    /// Named by the connection, or by the first answer.
    tenant: Option<TenantId>,
    is_ended: bool,
}

/// What a look came to.
#[derive(Debug)]
enum Look {
    /// The ledger is the one that was seen; this is its newest checkpoint.
    Consistent(String),
    /// It is not.
    Forked { found: String, why: String },
    /// It could not be found out.
    Missed,
}

impl Witness {
    /// A witness that remembers in the folder of `spool`. Evidence of a fork that lies there counts at once.
    pub(crate) fn open(
        spool: &Spool,
        client: Client,
        keys: Vec<VerifierKey>,
        report: Arc<Reporter>,
    ) -> std::io::Result<Witness> {
        let (seen, damage) = Seen::open(spool.folder())?;
        if let Some(damage) = damage {
            report.trouble(&Trouble::Damaged(damage));
        }
        let is_forked = AtomicBool::new(false);
        let tenant = client.tenant().and_then(|tenant| TenantId::parse(tenant).ok());
        let state = Mutex::new(State { seen, tenant, is_ended: false });
        let witness = Witness { client, keys, report, state, ended: Condvar::new(), is_forked };
        let conflict = witness.lock().seen.conflict();
        if let Some(why) = conflict {
            witness.tell(why);
        }
        Ok(witness)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant, as an answer names it.
    pub(crate) fn tenant(&self, name: &str) {
        let mut state = self.lock();
        if state.tenant.is_none() {
            state.tenant = TenantId::parse(name).ok();
        }
    }

    /// Refuses once the ledger is known to be another one.
    pub(crate) fn trusts(&self) -> Result<(), Error> {
        if !self.is_forked.load(Ordering::Acquire) || cfg!(planted = "witness_commits_on") {
            return Ok(());
        }
        let state = self.lock();
        let why = state.seen.conflict().unwrap_or_else(|| "the ledger was forked".to_owned());
        Err(Error::Forked { why, evidence: state.seen.evidence().display().to_string() })
    }

    /// The work of the thread, until the end: what was seen before is compared at once.
    pub(crate) fn run(&self, every: Duration) {
        let mut pause = if self.lock().seen.is_some() { Duration::ZERO } else { every };
        loop {
            let deadline = Deadline::after(pause);
            let mut state = self.lock();
            while !state.is_ended && !deadline.left().is_zero() {
                let waited = self.ended.wait_timeout(state, deadline.left());
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.is_ended || self.is_forked.load(Ordering::Acquire) {
                return;
            }
            let (seen, tenant) = (state.seen.note(), state.tenant.clone());
            drop(state);
            if let Some(tenant) = tenant {
                let look = self.look(&tenant, seen.as_deref());
                self.conclude(look);
            }
            pause = every;
        }
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        self.lock().is_ended = true;
        self.ended.notify_all();
    }

    /// Compares the newest checkpoint with the one that was seen.
    fn look(&self, tenant: &TenantId, seen: Option<&str>) -> Look {
        let Ok(found) = self.client.checkpoint(tenant) else { return Look::Missed };
        let Ok(found) = String::from_utf8(found) else { return Look::Missed };
        let opened = match self.keys.is_empty() {
            true => Checkpoint::read_unverified(&found),
            false => Checkpoint::open(&found, &self.keys),
        };
        let new = match opened {
            Ok(new) => new,
            // What is no checkpoint at all comes from something in between.
            Err(_) if Checkpoint::read_unverified(&found).is_err() => return Look::Missed,
            Err(error) => {
                let why = format!("its newest checkpoint is not signed as pinned: {error}");
                return Look::Forked { found, why };
            }
        };
        let Some(old) = seen.and_then(|seen| Checkpoint::read_unverified(seen).ok()) else {
            return Look::Consistent(found);
        };
        match self.compare(tenant, &old, &new) {
            Ok(None) => Look::Consistent(found),
            Ok(Some(why)) => Look::Forked { found, why },
            Err(_) => Look::Missed,
        }
    }

    /// Why `old` does not begin `new`, if it does not.
    fn compare(
        &self,
        tenant: &TenantId,
        old: &Checkpoint,
        new: &Checkpoint,
    ) -> Result<Option<String>, String> {
        if cfg!(planted = "witness_no_compare") {
            return Ok(None);
        }
        if old.origin != new.origin {
            return Ok(Some(format!("it is `{}`, and `{}` was seen", new.origin, old.origin)));
        }
        if new.size < old.size {
            let (new, old) = (new.size, old.size);
            return Ok(Some(format!(
                "it has {new} records, and {old} were seen: records were cut off"
            )));
        }
        let fetched = tiles::consistency(old, new, &mut |path| {
            let file = self.client.log_file(&format!("/t/{tenant}/{path}"));
            file.map_err(|error| error.to_string())
        });
        let verified =
            proof::verify_consistency((old.size, &old.root), (new.size, &new.root), &fetched?);
        let why =
            |error| format!("its first {} records are not those that were seen: {error}", old.size);
        Ok(verified.err().map(why))
    }

    /// What follows from a look.
    fn conclude(&self, look: Look) {
        let kept = match look {
            Look::Missed => return self.report.count(|counters| counters.looks_missed += 1),
            Look::Consistent(note) => self.lock().seen.keep(&note),
            Look::Forked { found, why } => {
                let kept = self.lock().seen.keep_conflict(&found, &why);
                self.tell(why);
                kept
            }
        };
        match kept {
            Ok(()) => self.report.count(|counters| counters.looks += 1),
            Err(error) => {
                let file = self.lock().seen.evidence();
                self.report.trouble(&Trouble::Disk { file, why: error.to_string() });
            }
        }
    }

    /// The loudest of all troubles.
    fn tell(&self, why: String) {
        self.is_forked.store(true, Ordering::Release);
        let evidence = self.lock().seen.evidence();
        self.report.trouble(&Trouble::Forked { why, evidence });
        self.report.count(|counters| counters.forks += 1);
        self.report.tell();
    }
}
