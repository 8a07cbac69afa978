//! The vectors of `testdata/vectors`: every case has the exit code that it must have.

use std::path::PathBuf;

use serde::Deserialize;
use tlog::note::VerifierKey;

use crate::ids::{Instance, Seq};
use crate::receipt::{Given, Receipt, verify};

/// One line of `cases.jsonl`.
#[derive(Deserialize)]
struct Case {
    name: String,
    receipt: String,
    event: Option<String>,
    keys: Vec<String>,
    instance: Option<String>,
    seq: Option<u64>,
    exit: u8,
}

fn read(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors").join(name);
    #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
    let bytes = std::fs::read(&path);
    bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn keys(texts: &[String]) -> Vec<VerifierKey> {
    texts.iter().map(|text| VerifierKey::parse(text.trim()).unwrap()).collect()
}

#[test]
fn every_case_has_its_exit_code() {
    let text = String::from_utf8(read("cases.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        let case: Case = serde_json::from_str(line).unwrap();
        let event = case.event.map(|event| tlog::encoding::from_base64(&event).unwrap());
        let stream = case.instance.as_deref().zip(case.seq);
        let given = Given {
            event: event.as_deref(),
            keys: &keys(&case.keys),
            stream: stream.map(|(instance, seq)| (Instance::parse(instance).unwrap(), Seq(seq))),
        };
        let report = verify(case.receipt.as_bytes(), &given);
        if report.conclusion.code() != case.exit {
            wrong.push(format!(
                "case {number} `{}`: {} is due\n{}",
                case.name,
                case.exit,
                report.lines().join("\n")
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 268);
}

#[test]
fn every_receipt_is_verified_with_its_event() {
    let key = String::from_utf8(read("key.vkey")).unwrap();
    let keys = keys(&[key]);
    for number in (0..1000).step_by(100) {
        let event = read(&format!("events/{number:03}.json"));
        let given = Given { event: Some(&event), keys: &keys, stream: None };
        for form in ["json", "tlog-proof"] {
            let file = read(&format!("receipts/{number:03}.{form}"));
            let report = verify(&file, &given);
            assert_eq!(
                report.conclusion.code(),
                0,
                "{number}.{form}\n{}",
                report.lines().join("\n")
            );
        }
    }
}

#[test]
fn a_receipt_written_again_is_the_same_receipt() {
    for number in (0..1000).step_by(100) {
        let json = read(&format!("receipts/{number:03}.json"));
        let receipt = Receipt::parse(&json).unwrap();
        let again = receipt.to_json();
        assert_eq!(Receipt::parse(again.as_bytes()).unwrap(), receipt);
        let file = receipt.to_proof_file().unwrap();
        assert_eq!(Receipt::parse(file.as_bytes()).unwrap(), receipt);
        let given = read(&format!("receipts/{number:03}.tlog-proof"));
        assert_eq!(Receipt::parse(&given).unwrap(), receipt);
    }
}
