//! Who shares a read, what it lets out, and when it is over.

use super::*;
use crate::audit::Surface;
use crate::keyring::draw_store_name;
use crate::keyring::wrap::RootKey;
use event::ids::TenantId;

fn who(credential: &str) -> Who {
    let id = TenantId::parse("acme").expect("a name");
    let keys = RootKey::draw().draw_tenant(&draw_store_name(), &id);
    let tenant = Arc::new(Tenant::new(id, keys));
    Who { tenant, credential: credential.to_owned(), producer: None }
}

fn asked(literal: &str) -> Asked {
    Asked::one(Surface::Event, "event ?", literal)
}

const SECOND: u64 = 1_000_000_000;

/// Puts a `read.begin` at `index`.
fn begun(read: &Read, index: u64) {
    let begun = read.begun(|| std::future::ready(Ok(index)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(begun).expect("begun"), index);
}

#[test]
fn the_same_question_within_a_minute_is_one_read() {
    let (reads, ana) = (Reads::default(), who("ana"));
    let join = |who: &Who, literal: &str, at| {
        reads.join(who, &asked(literal), Sharing::Shared, at).expect("room")
    };
    let first = join(&ana, "1", 0);
    let same = |read: &Arc<Read>| Arc::ptr_eq(&first, read);
    assert!(same(&join(&ana, "1", SHARED_FOR_NS - 1)), "just before the minute is over");
    assert!(!same(&join(&ana, "2", 0)), "another literal");
    assert!(
        !same(&join(&Who { credential: "bob".to_owned(), ..ana.clone() }, "1", 0)),
        "another key"
    );
    let purpose = asked("1").purpose(Some("audit".to_owned()));
    assert!(
        !same(&reads.join(&ana, &purpose, Sharing::Shared, 0).expect("room")),
        "another purpose"
    );
    assert!(
        !same(&reads.join(&ana, &asked("1"), Sharing::Alone, 0).expect("room")),
        "one that stands alone"
    );
    assert!(!same(&join(&ana, "1", SHARED_FOR_NS)), "once the minute is over");
}

#[test]
fn i11_nothing_leaves_beyond_what_is_allowed() {
    let (reads, ana) = (Reads::default(), who("ana"));
    let read = reads.join(&ana, &asked("1"), Sharing::Shared, 0).expect("room");
    assert_eq!(read.take(ALLOWANCE), Ok(()), "at the allowance");
    let more = Allowance { rows: 1, bytes: 0 };
    assert_eq!(read.take(more), Err(more), "past it");
    assert_eq!(read.take(Allowance { rows: 0, bytes: 7 }), Err(Allowance { rows: 0, bytes: 7 }));
    read.grant(more);
    assert_eq!(read.take(more), Ok(()), "with a read.more");
    assert_eq!(read.take(more), Err(more));
}

#[test]
fn an_end_is_due_when_the_minute_and_every_caller_are_gone() {
    let (reads, ana) = (Reads::default(), who("ana"));
    let read = reads.join(&ana, &asked("1"), Sharing::Shared, 0).expect("room");
    begun(&read, 7);
    reads
        .join(&ana, &asked("1"), Sharing::Shared, SECOND)
        .expect("room")
        .leave(Outcome::Failed, 5_000_000);
    assert_eq!(read.take(Allowance { rows: 3, bytes: 30 }), Ok(()));
    assert!(reads.due(SHARED_FOR_NS - 1).is_empty(), "it may be asked again");
    assert!(reads.due(SHARED_FOR_NS).is_empty(), "one caller is still there");
    read.leave(Outcome::Answered, 9_000_000);
    let due = reads.due(SHARED_FOR_NS);
    let [end] = &due[..] else { panic!("one end, not {due:?}") };
    assert_eq!((end.begin, end.left), (7, Allowance { rows: 3, bytes: 30 }));
    assert_eq!(end.counts, Counts { reads: 2, failed: 1, left: 0 });
    assert_eq!((end.counts.outcome(), end.longest_ms), ("partial", 9));
    assert!(reads.due(u64::MAX).is_empty(), "it ends once");
    reads.put_back(due);
    assert_eq!(reads.due(u64::MAX).len(), 1, "unless the ledger did not take it");
}

#[test]
fn a_stop_ends_reads_whose_callers_are_still_there_and_none_that_never_began() {
    let (reads, ana) = (Reads::default(), who("ana"));
    let read = reads.join(&ana, &asked("1"), Sharing::Alone, 0).expect("room");
    reads.join(&ana, &asked("2"), Sharing::Shared, 0).expect("room");
    begun(&read, 3);
    let all = reads.all();
    let [end] = &all[..] else { panic!("one end, not {all:?}") };
    assert_eq!(end.counts, Counts { reads: 1, failed: 0, left: 1 });
}

#[test]
fn i10_questions_that_are_remembered_and_ends_that_wait_are_bounded() {
    let (reads, ana) = (Reads::default(), who("ana"));
    for number in 0..DUE_MAX {
        let read = reads.join(&ana, &asked(&number.to_string()), Sharing::Shared, 0);
        read.expect("at the limit").leave(Outcome::Answered, 0);
        assert!(reads.lock().shared.len() <= SHARED_MAX);
    }
    assert!(reads.join(&ana, &asked("more"), Sharing::Shared, 0).is_none(), "past the limit");
    assert!(reads.join(&ana, &asked("more"), Sharing::Alone, 0).is_none(), "past the limit");
    assert!(reads.due(0).is_empty(), "none of these began");
    assert!(reads.join(&ana, &asked("more"), Sharing::Shared, 0).is_some(), "there is room again");
}
