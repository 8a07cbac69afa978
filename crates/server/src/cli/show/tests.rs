//! The check of a proof, against proofs that hold and such that do not.

use tlog::TreeSize;
use tlog::hash::node_hash;
use tlog::note::SigningKey;

use super::*;

/// The proof of the second of two entries, and its key.
fn example() -> (wire::Proof, VerifierKey) {
    let key = SigningKey::new("store/default", [1; 32]).unwrap();
    let (first, second) = (leaf_hash(b"first"), leaf_hash(&[0x0a, 0xff]));
    let origin = "store/default".to_owned();
    let root = node_hash(&first, &second);
    let checkpoint = Checkpoint { origin, size: TreeSize(2), root }.sign(&key);
    let proof = vec![first.to_string()];
    let proof = wire::Proof { index: 1, entry: "0aff".to_owned(), proof, checkpoint };
    (proof, key.verifier().clone())
}

fn exit(proof: &wire::Proof, keys: &[String]) -> Exit {
    let connection = Connection {
        url: "http://127.0.0.1:1".to_owned(),
        token: "t".to_owned(),
        tenant: "default".to_owned(),
        checkpoint_keys: keys.to_vec(),
    };
    check(&serde_json::to_vec(proof).unwrap(), &connection).unwrap_or_else(|failure| failure.exit)
}

#[test]
fn what_holds_is_done_and_what_does_not_is_ten() {
    let (proof, key) = example();
    let keys = [key.to_string()];
    assert_eq!(exit(&proof, &keys), Exit::Done);
    assert_eq!(exit(&proof, &[]), Exit::IntegrityUnchecked);
    let spoiled = [
        wire::Proof { index: 0, ..proof.clone() },
        wire::Proof { index: 2, ..proof.clone() },
        wire::Proof { entry: "0afe".to_owned(), ..proof.clone() },
        wire::Proof { entry: "0AFF".to_owned(), ..proof.clone() },
        wire::Proof { entry: "0af".to_owned(), ..proof.clone() },
        wire::Proof { proof: Vec::new(), ..proof.clone() },
        wire::Proof { proof: vec!["x".to_owned()], ..proof.clone() },
        wire::Proof { checkpoint: proof.checkpoint.replace("\n2\n", "\n3\n"), ..proof.clone() },
        wire::Proof { checkpoint: String::new(), ..proof },
    ];
    for proof in spoiled {
        assert_eq!(exit(&proof, &keys), Exit::IntegrityFailed, "{proof:?}");
    }
}
