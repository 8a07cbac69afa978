//! Events that are recorded however the work ends that they are about.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use indelible_client::{Audit, Error, Watch};

/// Why the work came to nothing.
#[derive(Debug, PartialEq)]
enum Failure {
    Limit,
    Audit,
}

impl From<Error> for Failure {
    fn from(_: Error) -> Failure {
        Failure::Audit
    }
}

fn limit() -> Result<(), Failure> {
    Err(Failure::Limit)
}

fn left(audit: &Audit) -> Result<(), Failure> {
    let watch = audit.record("invoice.pay").actor("ana@acme").watch();
    limit()?;
    watch.succeeded()?;
    Ok(())
}

#[test]
fn each_way_out_is_recorded() {
    type Work = fn(&Audit);
    // (how it ends, outcome, reason)
    let cases: [(Work, &str, Option<&str>); 7] = [
        (
            |audit| assert!(audit.record("a.b").actor("a").watch().succeeded().is_ok()),
            "success",
            None,
        ),
        (|audit| assert!(audit.record("a.b").actor("a").watch().failed().is_ok()), "failure", None),
        (
            |audit| drop(audit.record("a.b").actor("a").watch()),
            "failure",
            Some("the work was left before its end"),
        ),
        (
            |audit| {
                let mut watch = audit.record("a.b").actor("a").watch();
                watch.note(|event| event.denied().reason("limit"));
            },
            "denied",
            Some("limit"),
        ),
        (
            |audit| {
                let work = AssertUnwindSafe(|| {
                    let _watch = audit.record("a.b").actor("a").watch();
                    panic!("on purpose");
                });
                assert!(catch_unwind(work).is_err());
            },
            "failure",
            Some("the work panicked"),
        ),
        (
            |audit| {
                let mut watch = audit.record("a.b").actor("a").watch();
                let note = AssertUnwindSafe(|| watch.note(|_| panic!("on purpose")));
                assert!(catch_unwind(note).is_err(), "the event stays");
                watch.succeeded().unwrap();
            },
            "success",
            None,
        ),
        (
            |audit| {
                let watch = audit.record("a.b").actor("a").watch();
                watch.end(indelible_client::Record::succeeded).best_effort().unwrap();
            },
            "success",
            None,
        ),
    ];
    for (number, (work, outcome, reason)) in cases.into_iter().enumerate() {
        let (audit, recorder) = Audit::recorder("billing-api").unwrap();
        work(&audit);
        let expected = recorder.expect("a.b").outcome(outcome);
        match reason {
            Some(reason) => expected.with("/outcome/reason", reason).once(),
            None => expected.once(),
        }
        assert_eq!(recorder.events().len(), 1, "case {number}");
    }
}

#[test]
fn a_question_mark_is_a_failure() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    assert_eq!(left(&audit), Err(Failure::Limit));
    recorder.expect("invoice.pay").outcome("failure").once();
}

#[tokio::test]
async fn work_is_done_and_recorded_around() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    let record = || audit.record("invoice.pay").actor("ana@acme");
    let paid = record().around(|_| Ok::<_, Failure>(7));
    assert_eq!(paid, Ok(7));
    let refused = record().around(|watch: &mut Watch| {
        watch.note(|event| event.denied());
        limit()
    });
    assert_eq!(refused, Err(Failure::Limit));
    assert_eq!(record().around(|_| limit()), Err(Failure::Limit));
    for outcome in ["success", "denied", "failure"] {
        recorder.expect("invoice.pay").outcome(outcome).once();
    }
    recorder.clear();
    let paid = record()
        .around_async(async |watch| {
            tokio::task::yield_now().await;
            watch.note(|event| event.attr("amount", 7));
            Ok::<_, Failure>(7)
        })
        .await;
    assert_eq!(paid, Ok(7));
    recorder.expect("invoice.pay").outcome("success").with("/attrs/amount", 7).once();
    assert_eq!(record().around_async(async |_| limit()).await, Err(Failure::Limit));
    recorder.expect("invoice.pay").outcome("failure").once();
    recorder.clear();
    // A task that goes away in the middle of its work.
    let mut cancelled = Box::pin(record().around_async(async |_| {
        std::future::pending::<()>().await;
        limit()
    }));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(cancelled.as_mut().poll(&mut context).is_pending());
    drop(cancelled);
    recorder.expect("invoice.pay").outcome("failure").once();
    // The work was done, and its event breaks the format.
    let unrecorded = audit.record("nothing").actor("a").around(|_| Ok::<_, Failure>(7));
    assert_eq!(unrecorded, Err(Failure::Audit));
}
