//! When the client tries again, when it does not, and what it says at the end.

use event::ids::{Instance, Seq};
use indelible_client::wire::{ItemResult, NewKey};
use indelible_client::{Batch, Body, Client, Error, Fault, Form, Identity, Patience, ReceiptWish};

use crate::fake::{Act, Fake, QUICK, connection, json, problem};

const STORED: &str =
    r#"{"tenant":"default","results":[{"status":"committed","id":"a","index":7}]}"#;

fn batch() -> Batch<'static> {
    Batch {
        body: Body { form: Form::Json, bytes: br#"{"id":"x"}"# },
        identity: Identity::Ids,
        mapping: None,
        receipt: ReceiptWish::Unwanted,
    }
}

fn stored() -> Act {
    json("200 OK", "", STORED)
}

#[test]
fn what_may_pass_is_tried_again_with_the_same_bytes() {
    let passing = [
        (
            "429 Too Many Requests",
            problem("429 Too Many Requests", "retry-after: 0\r\n", "hot_full", "true"),
        ),
        ("503 Service Unavailable", problem("503 Service Unavailable", "", "stopping", "true")),
        ("a closed connection", Act::CloseAfterRequest),
        ("half an answer", Act::HalfAnswer),
        (
            "a proxy's 502",
            Act::Answer(
                "HTTP/1.1 502 Bad\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno".into(),
            ),
        ),
    ];
    for (what, act) in passing {
        let fake = Fake::start(vec![act.clone(), act, stored()]);
        let answer = fake.client().send(batch(), QUICK).unwrap();
        assert!(matches!(answer.results[..], [ItemResult::Committed { index: 7, .. }]), "{what}");
        let requests = fake.finish();
        assert_eq!(requests.len(), 3, "{what}");
        assert!(requests.iter().all(|request| request == &requests[0]), "{what}");
    }
}

#[test]
fn a_connection_closed_before_it_was_read_is_tried_again() {
    let fake = Fake::start(vec![Act::CloseAtOnce, stored()]);
    assert!(fake.client().send(batch(), QUICK).is_ok());
    assert_eq!(fake.finish().len(), 1);
}

#[test]
fn what_will_not_change_is_asked_once() {
    // (answer, fault)
    let final_answers = [
        (problem("400 Bad Request", "", "malformed_json", "false"), Fault::Caller),
        (problem("401 Unauthorized", "", "unauthorized", "false"), Fault::Credential),
        (problem("403 Forbidden", "", "forbidden", "false"), Fault::Credential),
        (problem("403 Forbidden", "", "query_not_allowed", "false"), Fault::Caller),
        (problem("413 Too Large", "", "too_large", "false"), Fault::Caller),
        (json("200 OK", "", "<html>"), Fault::Server),
        (json("200 OK", "", "{}"), Fault::Server),
        (json("404 Not Found", "", "not here"), Fault::Server),
        (json("301 Moved", "location: http://127.0.0.1:1/\r\n", ""), Fault::Server),
        (Act::Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()), Fault::Server),
    ];
    for (act, fault) in final_answers {
        let fake = Fake::start(vec![act.clone()]);
        let error = fake.client().send(batch(), QUICK).unwrap_err();
        assert_eq!(error.fault(), fault, "{act:?}: {error}");
        assert!(!error.retryable() && !error.hint().is_empty());
        assert_eq!(fake.finish().len(), 1, "{act:?}");
    }
}

#[test]
fn a_pause_that_would_pass_the_deadline_ends_the_call() {
    let busy = problem("429 Too Many Requests", "retry-after: 3600\r\n", "rate_limited", "true");
    let fake = Fake::start(vec![busy]);
    let error = fake.client().send(batch(), QUICK).unwrap_err();
    assert!(matches!(&error, Error::Unavailable { problem } if problem.status == 429), "{error}");
    assert!(error.retryable());
    assert_eq!(fake.finish().len(), 1);
}

#[test]
fn a_gap_is_answered_at_once_with_the_number_expected() {
    let body = r#"{"title":"gap","code":"sequence_gap","retryable":true,"expected":41}"#;
    let fake = Fake::start(vec![json("409 Conflict", "", body)]);
    let error = fake.client().send(batch(), QUICK).unwrap_err();
    let Error::Unavailable { problem } = error else { panic!("{error}") };
    assert_eq!(problem.expected, Some(41));
    assert_eq!(fake.finish().len(), 1);
}

#[test]
fn silence_ends_with_may_be_stored() {
    let fake = Fake::start(vec![Act::Silence, Act::Silence]);
    let impatient = Patience { total_ms: 60, retry_ms: 60, try_ms: 20, pause_ms: 1 };
    let error = fake.client().send(batch(), impatient).unwrap_err();
    assert!(matches!(error, Error::MayBeStored { .. }), "{error}");
    drop(fake);
}

#[test]
fn once_open_an_end_stays_open() {
    // The first try may have been stored; that the server then says `stopping`, or is gone, does not take it back.
    let later = problem("503 Service Unavailable", "retry-after: 3600\r\n", "stopping", "true");
    let fake = Fake::start(vec![Act::CloseAfterRequest, later]);
    let error = fake.client().send(batch(), QUICK).unwrap_err();
    assert!(matches!(error, Error::MayBeStored { .. }), "{error}");
    assert_eq!(fake.finish().len(), 2);
    let fault = problem("503 Service Unavailable", "retry-after: 3600\r\n", "disk_fault", "true");
    let fake = Fake::start(vec![fault]);
    let error = fake.client().send(batch(), QUICK).unwrap_err();
    assert!(
        matches!(error, Error::MayBeStored { .. }),
        "after a disk fault the frame is in doubt: {error}"
    );
}

#[test]
fn nobody_there_is_unreachable_and_nothing_was_sent() {
    let fake = Fake::start(Vec::new());
    let url = fake.url.clone();
    fake.finish();
    let client = Client::new(&connection(&url)).unwrap();
    let impatient = Patience { total_ms: 200, retry_ms: 200, try_ms: 200, pause_ms: 1 };
    let error = client.send(batch(), impatient).unwrap_err();
    assert!(matches!(&error, Error::Unreachable { url: named, .. } if *named == url), "{error}");
}

#[test]
fn a_try_may_last_longer_than_the_time_in_which_another_begins() {
    // The pause would end after the 1 ms in which another try may begin, though the call as a whole has seconds left.
    let later = problem("503 Service Unavailable", "retry-after: 1\r\n", "stopping", "true");
    let fake = Fake::start(vec![later]);
    let patience = Patience { retry_ms: 1, ..QUICK };
    assert!(matches!(fake.client().send(batch(), patience), Err(Error::Unavailable { .. })));
    assert_eq!(fake.finish().len(), 1);
}

#[test]
fn what_must_not_be_done_twice_is_tried_once() {
    let fake = Fake::start(vec![Act::CloseAfterRequest]);
    let key = NewKey { tenant: "t".into(), producer: None, scopes: vec!["read".into()] };
    let error = fake.client().create_key(&key).unwrap_err();
    assert!(matches!(error, Error::MayBeStored { .. }), "{error}");
    assert_eq!(fake.finish().len(), 1);
}

#[test]
fn a_stream_names_its_number_and_an_importer_its_mapping() {
    let fake = Fake::start(vec![stored()]);
    let streamed = Batch {
        identity: Identity::Stream { instance: Instance([0xab; 16]), first: Seq(41) },
        mapping: Some("cloudtrail/1"),
        receipt: ReceiptWish::Wanted,
        body: Body { form: Form::Ndjson, bytes: b"{}\n{}\n" },
    };
    fake.client().send(streamed, QUICK).unwrap();
    let request = fake.finish().remove(0).to_lowercase();
    let expected = [
        "post /v1/events http/1.1\r\n",
        "authorization: bearer ind_aaaaaaaa_secret\r\n",
        "content-type: application/x-ndjson\r\n",
        "indelible-instance: abababababababababababababababab\r\n",
        "indelible-seq: 41\r\n",
        "indelible-mapping: cloudtrail/1\r\n",
        "prefer: receipt\r\n",
        "\r\n\r\n{}\n{}\n",
    ];
    for part in expected {
        assert!(request.contains(part), "{part:?} in {request}");
    }
}
