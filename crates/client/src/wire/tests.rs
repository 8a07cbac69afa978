//! One fixture per shape: what the contract says is on the wire.

use super::*;

#[test]
fn every_result_is_read_and_written_as_the_contract_has_it() {
    let fixtures = [
        r#"{"status":"committed","id":"0192","index":17}"#,
        r#"{"status":"committed","id":"0192","index":17,"dedup":false}"#,
        r#"{"status":"duplicate","id":"0192","index":17}"#,
        r#"{"status":"conflict","code":"seq_conflict","index":3}"#,
        r#"{"status":"rejected","code":"missing_field","field":"/actor","hint":"add the field"}"#,
        r#"{"status":"rejected","code":"too_deep","field":"/attrs","hint":"nest less","index":9}"#,
        r#"{"status":"dead_lettered","id":"0192","index":4,"code":"schema_unknown"}"#,
    ];
    for fixture in fixtures {
        let result: ItemResult = serde_json::from_str(fixture).unwrap();
        assert_eq!(serde_json::to_string(&result).unwrap(), fixture);
    }
}

#[test]
fn what_is_newer_is_skipped_and_what_is_wrong_is_refused() {
    let newer =
        r#"{"tenant":"t","results":[{"status":"duplicate","id":"a","index":1,"x":[]}],"y":1}"#;
    assert!(serde_json::from_str::<Answer>(newer).is_ok());
    let wrong = [
        r#"{"tenant":"t"}"#,
        r#"{"tenant":"t","results":[{"status":"stored","id":"a","index":1}]}"#,
        r#"{"tenant":"t","results":[{"status":"committed","id":"a"}]}"#,
        r#"{"tenant":"t","results":[{"status":"committed","id":"a","index":-1}]}"#,
        "[]",
        "",
    ];
    for text in wrong {
        assert!(serde_json::from_str::<Answer>(text).is_err(), "{text}");
    }
}

#[test]
fn a_problem_speaks_for_itself() {
    let problem = |text: &str| serde_json::from_str::<Problem>(text).unwrap();
    let whole = problem(
        r#"{"type":"about:blank","title":"the body is too large","status":413,"detail":"17 MiB are more than 16 MiB",
            "code":"too_large","hint":"split it","retryable":false}"#,
    );
    assert_eq!(whole.sentence(), "17 MiB are more than 16 MiB (`too_large`)");
    assert_eq!(whole.hint(), "split it");
    let bare = problem(r#"{"code":"stopping","retryable":true}"#);
    assert_eq!(bare.sentence(), "the server answered `stopping`");
    assert_eq!(bare.hint(), Code::Stopping.hint());
    assert!(!bare.may_be_stored());
    assert!(problem(r#"{"code":"disk_fault"}"#).may_be_stored());
}
