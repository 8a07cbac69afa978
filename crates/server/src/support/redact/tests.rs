//! What goes and what stays.

use super::*;

const TOKEN: &str = "ind_abcdefg2_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde";
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

#[test]
fn what_looks_like_a_secret_goes() {
    let redactor = Redactor::default();
    // (line, what is left)
    let cases = [
        (format!("sent with {TOKEN} today"), "sent with ind_abcdefg2_[redacted] today"),
        (format!("url=http://x/?{TOKEN}"), "url=http://x/?ind_abcdefg2_[redacted]"),
        (
            "curl -H 'Authorization: Bearer abc.def' x".to_owned(),
            "curl -H 'Authorization: [redacted]",
        ),
        ("header Bearer abc.def, then more".to_owned(), "header Bearer [redacted] then more"),
        ("password = \"hunter2\" # old".to_owned(), "password = [redacted]"),
        ("{\"client_secret\":\"s3cr3t\",\"x\":1}".to_owned(), "{\"client_secret\": [redacted]"),
        ("a=1 token=x1 b=2".to_owned(), "a=1 token= [redacted]"),
        ("message=odd note=kept".to_owned(), "message=odd note=kept"),
        ("the token of the other store".to_owned(), "the token of the other store"),
        (
            format!("indelible-root-key/v1 store 00ff {KEY}"),
            "indelible-root-key/v1 store 00ff [redacted]",
        ),
        (format!("PRIVATE+KEY+demo/default+c3+{KEY}"), "[redacted]"),
    ];
    for (text, expected) in cases {
        assert_eq!(redactor.apply(&text), format!("{expected}\n"), "{text}");
    }
}

#[test]
fn what_helps_stays() {
    let redactor = Redactor::default();
    for line in [
        "listen = \"127.0.0.1:7070\"",
        "time=2026-11-24T14:03:05.123456789Z level=warn target=indelible::keeper message=\"counts stay open\" id=counts_open",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 key=abcdefg2",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "lake/default.00000000000000000000-00000000000000131072.l1.parquet 1048576",
        "/srv/Audit-Data/indelible/ledger/wal/00000000000000000001.log",
        "indelible_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 17",
    ] {
        assert_eq!(redactor.apply(line), format!("{line}\n"));
    }
}

#[test]
fn what_the_machine_knows_goes_wherever_it_stands() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("client.json");
    std::fs::write(&path, r#"{"token":"not-like-a-token-1"}"#).expect("written");
    let redactor = Redactor::new(&[path], ["a-value-of-the-environment".to_owned()].into_iter());
    let text = "xnot-like-a-token-1x a-value-of-the-environment other";
    assert_eq!(redactor.apply(text), "x[redacted]x [redacted] other\n");
}
