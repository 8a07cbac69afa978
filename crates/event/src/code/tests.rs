//! The table is whole, unambiguous and as the contract has it.

use super::Code;

/// The first set of the contract, with its order.
const FIRST_SET: &str = "malformed_json not_utf8 lone_surrogate duplicate_key too_deep too_long too_large too_many_items \
    wrong_type missing_field unknown_field invalid_value stamped_field schema_unknown schema_reserved seq_conflict id_conflict \
    sequence_gap unsupported_media_type unsupported_encoding unauthorized forbidden not_found rate_limited hot_full streams_full \
    clock_unsane disk_full stopping query_invalid query_not_allowed query_limit";

#[test]
fn the_contract_is_covered() {
    for text in FIRST_SET.split_whitespace() {
        assert_eq!(Code::parse(text).map(Code::as_str), Some(text));
    }
    assert_eq!(Code::parse("MALFORMED_JSON"), None);
}

#[test]
fn every_row_is_complete_and_its_own() {
    for (position, code) in Code::ALL.iter().enumerate() {
        let text = code.as_str();
        assert_eq!(
            Code::ALL.iter().position(|other| other.as_str() == text),
            Some(position),
            "{text} twice"
        );
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{text}"
        );
        assert!((400..600).contains(&code.status()), "{text}");
        assert!(!code.hint().is_empty() && !code.hint().ends_with('.'), "{text}");
        // A server that asks to try again must not answer with a status that clients take for final.
        let is_final = matches!(code.status(), 400..=407 | 413..=428);
        assert!(!(code.retryable() && is_final), "{text}");
    }
}
