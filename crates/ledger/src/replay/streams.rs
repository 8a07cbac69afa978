//! Streams while the log is replayed: those that return from a file, and those that a snapshot has
//! let go to one.
//!
//! The files that count are those of the snapshot that was passed last, as they were for the writer
//! at that frame: a later file may say of a stream what the log has not come to yet. It promises
//! that a snapshot agrees only if every stream has one next number and one last stamp, wherever it
//! stands. It takes no line of a file on trust that a damaged one might have overruled: then it
//! looks at no file at all, and the damage is named by who opened them.

use event::ids::{TenantId, Timestamp};

use super::Replay;
use crate::error::Error;
use crate::frame::SectionHead;
use crate::idle::{IdleFiles, IdleStream};
use crate::request::StreamId;
use crate::snapshot::{Snapshot, TenantState};
use crate::view::{Tenant, run_of};

/// A stream with its next number and the stamp of its last record.
type Line = (StreamId, u64, Timestamp);

impl Replay<'_> {
    /// What a file has of a section's stream, if memory does not have it.
    pub(super) fn returning(
        &self,
        tenant: &Tenant,
        head: &SectionHead,
    ) -> Result<Option<IdleStream>, Error> {
        let Some((stream, run)) = run_of(&head.source, head.first, head.count) else {
            return Ok(None);
        };
        if tenant.view().streams.next(stream).is_some() {
            return Ok(None);
        }
        match &self.idle {
            Some(files) => files.find(self.disk, &tenant.id, stream),
            // The files cannot be read, which is damage of its own: the log's word must do.
            None if run.seq > 1 => Ok(Some(IdleStream {
                tenant: tenant.id.clone(),
                stream: stream.clone(),
                next: run.seq,
                last_received_at: head.received_at,
            })),
            None => Ok(None),
        }
    }

    /// Whether a snapshot and the log have the same of every stream; if so, from here on the
    /// snapshot's files count, and what it let go to them leaves memory.
    pub(super) fn follow_streams(
        &mut self,
        then: &Snapshot,
        walked: &[TenantState],
    ) -> Result<bool, Error> {
        let files = self.opened.of(&then.idle);
        for (then, now) in then.tenants.iter().zip(walked) {
            let (went, returned) = differences(&then.streams, &now.streams);
            let same = self.all_in(files.as_ref(), &now.tenant, &went)?
                && self.all_in(self.idle.as_ref(), &now.tenant, &returned)?;
            if !same {
                return Ok(false);
            }
        }
        let Some(files) = files else { return Ok(true) };
        for (then, now) in then.tenants.iter().zip(walked) {
            let Some(tenant) = self.tenants.get(&now.tenant) else { continue };
            let mut view = tenant.view();
            for (stream, next, last) in differences(&then.streams, &now.streams).0 {
                self.streams -= usize::from(view.streams.go_idle(stream, (*next, *last)));
            }
        }
        self.idle = Some(files);
        Ok(true)
    }

    /// Whether the files have each of these streams, and the same of it.
    fn all_in(
        &self,
        files: Option<&IdleFiles>,
        tenant: &TenantId,
        lines: &[&Line],
    ) -> Result<bool, Error> {
        let Some(files) = files else { return Ok(true) };
        for (stream, next, last) in lines.iter().copied() {
            let found = files.find(self.disk, tenant, stream)?;
            if found.is_none_or(|idle| (idle.next, idle.last_received_at) != (*next, *last)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The lines that only the log leads to, and those that only the snapshot has. A stream of which
/// the two say different things is among both.
fn differences<'l>(then: &'l [Line], now: &'l [Line]) -> (Vec<&'l Line>, Vec<&'l Line>) {
    assert!(now.is_sorted_by(|a, b| a.0 < b.0), "streams come by name");
    let missing_in = |lines: &[Line], line: &Line| {
        let place = lines.binary_search_by(|other| other.0.cmp(&line.0));
        place.ok().and_then(|place| lines.get(place)) != Some(line)
    };
    let went = now.iter().filter(|line| missing_in(then, line)).collect();
    let returned = then.iter().filter(|line| missing_in(now, line)).collect();
    (went, returned)
}
