//! What each call asks and what it makes of the answer.

use event::ids::{EventId, Instance, ProducerId, Seq, TenantId};
use indelible_client::wire::{Coverage, ItemResult, NewKey};
use indelible_client::{
    Batch, Body, Client, Error, Form, Identity, ProofForm, ReceiptWish, TableForm,
};

use crate::fake::{Fake, QUICK, json, problem};

const ID: &str = "01920000-0000-7000-8000-000000000001";

/// A call's body, or what went wrong.
type Called = Result<Vec<u8>, Error>;
/// A call, the first line of its request, and a header of it.
type Case<'a> = (Box<dyn Fn(&Client) -> Called + 'a>, String, &'a str);

#[test]
fn each_question_has_its_path_and_its_answer_comes_back_as_it_is() {
    let id = EventId::parse(ID).unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let producer = ProducerId::parse("web").unwrap();
    let query = |client: &Client, form| client.query("SELECT 1", form).map(|table| table.bytes);
    let calls: Vec<Case<'_>> = vec![
        (Box::new(|c| c.event(id)), format!("GET /v1/events/{ID}"), "accept: application/json"),
        (
            Box::new(|c| c.proof(id, ProofForm::Json)),
            format!("GET /v1/events/{ID}/proof"),
            "accept: application/json",
        ),
        (
            Box::new(|c| c.proof(id, ProofForm::TlogProof)),
            format!("GET /v1/events/{ID}/proof"),
            "accept: application/octet-stream",
        ),
        (Box::new(|c| c.receipt(id)), format!("GET /v1/receipts/{ID}"), "accept: application/json"),
        (
            Box::new(|c| c.number(&producer, Instance([1; 16]), Seq(5))),
            "GET /v1/streams/web/01010101010101010101010101010101/5".to_owned(),
            "accept: application/json",
        ),
        (
            Box::new(|c| c.checkpoint(&tenant)),
            "GET /t/acme/checkpoint".to_owned(),
            "accept: text/plain",
        ),
        (Box::new(|c| query(c, TableForm::Csv)), "POST /v1/query".to_owned(), "accept: text/csv"),
        (
            Box::new(|c| query(c, TableForm::Jsonl)),
            "POST /v1/query".to_owned(),
            "accept: application/x-ndjson",
        ),
        (
            Box::new(|c| query(c, TableForm::Arrow)),
            "POST /v1/query".to_owned(),
            "accept: application/vnd.apache.arrow.stream",
        ),
    ];
    for (call, first_line, header) in calls {
        let fake = Fake::start(vec![json("200 OK", "", " {\"b\":1, \"a\":1.0} ")]);
        assert_eq!(call(&fake.client()).unwrap(), b" {\"b\":1, \"a\":1.0} ");
        let request = fake.finish().remove(0);
        assert!(request.starts_with(&format!("{first_line} HTTP/1.1\r\n")), "{request}");
        assert!(request.to_lowercase().contains(&format!("{header}\r\n")), "{request}");
    }
}

#[test]
fn a_query_brings_its_coverage() {
    let coverage = r#"{"from_index":0,"to_index":9,"as_of":9,"complete":true}"#;
    let header = format!("indelible-coverage: {coverage}\r\n");
    let fake = Fake::start(vec![json("200 OK", &header, "a\n1\n")]);
    let table = fake.client().query("SELECT 'ä\"'", TableForm::Csv).unwrap();
    let expected = Coverage { from_index: 0, to_index: 9, as_of: 9, complete: true };
    assert_eq!(table.coverage, Some(expected));
    assert!(fake.finish()[0].ends_with(r#"{"sql":"SELECT 'ä\"'"}"#));
}

#[test]
fn one_event_that_is_refused_is_a_result_and_no_error() {
    let batch = Batch {
        body: Body { form: Form::Json, bytes: b"{}" },
        identity: Identity::Ids,
        mapping: None,
        receipt: ReceiptWish::Unwanted,
    };
    let rejected = r#"{"tenant":"t","results":[{"status":"rejected","code":"missing_field","field":"/actor","hint":"h"}]}"#;
    let conflict =
        r#"{"tenant":"t","results":[{"status":"conflict","code":"id_conflict","index":4}]}"#;
    for (status, body) in
        [("422 No", rejected), ("409 Conflict", conflict), ("207 Multi-Status", rejected)]
    {
        let fake = Fake::start(vec![json(status, "", body)]);
        let answer = fake.client().send(batch, QUICK).unwrap();
        assert!(matches!(
            answer.results[..],
            [ItemResult::Rejected { .. } | ItemResult::Conflict { .. }]
        ));
    }
    let fake = Fake::start(vec![problem("422 No", "", "too_deep", "false")]);
    assert!(matches!(fake.client().send(batch, QUICK), Err(Error::Refused { .. })));
}

#[test]
fn administration_is_typed() {
    let tenants =
        r#"{"tenants":[{"name":"acme","origin":"s/acme","size":3,"checkpoint_keys":["k"]}]}"#;
    let fake = Fake::start(vec![json("200 OK", "", tenants)]);
    assert_eq!(fake.client().tenants().unwrap().tenants[0].size, 3);
    let created =
        r#"{"token":"ind_x","lookup":"x","tenant":"acme","producer":"web","scopes":["write"]}"#;
    let fake = Fake::start(vec![json("201 Created", "", created)]);
    let key = NewKey {
        tenant: "acme".into(),
        producer: Some("web".into()),
        scopes: vec!["write".into()],
    };
    let answer = fake.client().create_key(&key).unwrap();
    assert_eq!(answer.token, "ind_x");
    assert!(!format!("{answer:?}").contains("ind_x"), "a token is not printed by accident");
    assert!(fake.finish()[0].ends_with(r#"{"tenant":"acme","producer":"web","scopes":["write"]}"#));
    let fake = Fake::start(vec![json("204 No Content", "", "")]);
    assert_eq!(fake.client().revoke_key("abcdefgh"), Ok(()));
    assert!(fake.finish()[0].starts_with("DELETE /v1/keys/abcdefgh "));
    let fake = Fake::start(vec![problem("409 Conflict", "", "already_exists", "false")]);
    let error = fake.client().create_tenant(&TenantId::parse("acme").unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Refused { problem } if problem.code == "already_exists"));
}
