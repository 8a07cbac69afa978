//! The hash rules against values from outside.

use super::*;

fn hex(hash: &Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rules_agree_with_published_values() {
    // Certificate Transparency's merkle_tree_test.cc: the roots of its first one and two leaves, "" and 0x00.
    let first = leaf_hash(b"");
    assert_eq!(hex(&first), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let both = node_hash(&first, &leaf_hash(&[0]));
    assert_eq!(hex(&both), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_eq!(EMPTY_ROOT.0, <[u8; 32]>::from(Sha256::digest([])));
}

#[test]
fn a_leaf_never_is_a_node() {
    let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let pair: Vec<u8> = left.0.into_iter().chain(right.0).collect();
    assert_ne!(leaf_hash(&pair), node_hash(&left, &right));
    assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
}

#[test]
fn text_is_read_in_one_spelling() {
    let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert_eq!(text.parse(), Ok(EMPTY_ROOT));
    assert_eq!(EMPTY_ROOT.to_string(), text);
    for refused in ["", "47DEQpj8", &text[1..], &text[..43], &format!("{text}\n")] {
        assert!(Hash::parse(refused).is_err(), "{refused:?}");
    }
}
