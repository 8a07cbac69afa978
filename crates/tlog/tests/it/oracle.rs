//! Differential tests against the published crates `tlog_tiles` and `signed_note` (cloudflare/azul, ports of Go's
//! `sumdb`). Their tile paths are sumdb's, not C2SP's, so paths are not compared.

use indelible_tlog::checkpoint::Checkpoint;
use indelible_tlog::note::{self, Note, SigningKey, VerifierKey};
use indelible_tlog::tree::TreeSize;
use indelible_tlog::{Hash, proof};
use proptest::prelude::*;
use signed_note::{Signer as _, StandardSigner, StandardVerifier, Verifier as _, VerifierList};
use tlog_tiles::HashReader;

use crate::store::Store;

/// Hashes in the order in which sumdb stores them.
struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

/// Their tree over the entries of `Store::numbered`.
fn their_tree(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for index in 0..size {
        let entry = format!("entry {index}");
        let more = tlog_tiles::stored_hashes(index, entry.as_bytes(), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect()
}

#[test]
fn trees_and_proofs_are_theirs() {
    let sizes = [1, 2, 3, 5, 8, 13, 64, 65, 127, 255, 256, 257];
    for size in sizes {
        let (store, their) = (Store::numbered(size), their_tree(size));
        let root = store.tree.root();
        assert_eq!(root.0, tlog_tiles::tree_hash(size, &their).unwrap().0);
        for index in (0..size).step_by(1 + usize::try_from(size / 32).unwrap()) {
            let made = proof::inclusion(index, TreeSize(size), &mut store.fetch()).unwrap();
            assert_eq!(made, ours(&tlog_tiles::prove_record(size, index, &their).unwrap()));
            let leaf = theirs(&store.leaves[usize::try_from(index).unwrap()..])[0];
            let their_root = tlog_tiles::Hash(root.0);
            tlog_tiles::check_record(&theirs(&made), size, their_root, index, leaf).unwrap();
        }
        for old in (1..=size).step_by(1 + usize::try_from(size / 32).unwrap()) {
            let made =
                proof::consistency(TreeSize(old), TreeSize(size), &mut store.fetch()).unwrap();
            assert_eq!(made, ours(&tlog_tiles::prove_tree(size, old, &their).unwrap()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any proof, right or wrong, is judged as they judge it.
    #[test]
    fn proofs_are_judged_as_they_judge_them(
        size in 1_u64..64, index in 0_u64..64, old in 1_u64..64, cut in 0_usize..3, wrong in 0_usize..16,
    ) {
        let store = Store::numbered(size);
        let root = store.tree.root();
        let (index, old) = (index % size, 1 + old % size);
        let mut made = proof::inclusion(index, TreeSize(size), &mut store.fetch()).unwrap();
        made.truncate(made.len().saturating_sub(cut.saturating_sub(1)));
        if let Some(hash) = made.get_mut(wrong) {
            hash.0[0] ^= 1;
        }
        let leaf = store.leaves[usize::try_from(index).unwrap()];
        let our_word = proof::verify_range(index, &[leaf], &made, (TreeSize(size), &root)).is_ok();
        let (their_root, their_leaf) = (tlog_tiles::Hash(root.0), tlog_tiles::Hash(leaf.0));
        let their_word = tlog_tiles::check_record(&theirs(&made), size, their_root, index, their_leaf);
        prop_assert_eq!(our_word, their_word.is_ok());

        let old_root = proof::root(TreeSize(old), &mut store.fetch()).unwrap();
        let mut made = proof::consistency(TreeSize(old), TreeSize(size), &mut store.fetch()).unwrap();
        made.truncate(made.len().saturating_sub(cut.saturating_sub(1)));
        if let Some(hash) = made.get_mut(wrong) {
            hash.0[0] ^= 1;
        }
        let (older, newer) = ((TreeSize(old), &old_root), (TreeSize(size), &root));
        let our_word = proof::verify_consistency(older, newer, &made).is_ok();
        let their_old = tlog_tiles::Hash(old_root.0);
        let their_word = tlog_tiles::check_tree(&theirs(&made), size, their_root, old, their_old);
        prop_assert_eq!(our_word, their_word.is_ok());
    }

    /// A checkpoint with one byte changed is read by us only if it is by them; we refuse more (extensions).
    #[test]
    fn what_we_read_they_read(at in 0_usize..200, byte in 1_u8..128) {
        let good = Checkpoint { origin: "a.b/c".to_owned(), size: TreeSize(907), root: Hash([7; 32]) };
        let mut text = good.body().into_bytes();
        let length = text.len();
        text[at % length] = byte;
        let text = String::from_utf8(text).unwrap();
        let their = tlog_tiles::Checkpoint::from_bytes(text.as_bytes());
        if let Ok(ours) = Checkpoint::parse(&text) {
            let their = their.expect("they read what we read");
            prop_assert_eq!(their.origin(), ours.origin.as_str());
            prop_assert_eq!((their.size(), their.hash().0), (ours.size.0, ours.root.0));
        }
    }

    /// A note with one byte changed is verified by us exactly if it is by them.
    #[test]
    fn notes_are_judged_as_they_judge_them(seed: [u8; 32], at in 0_usize..400, byte in 1_u8..128) {
        let keys = [("one/a", seed), ("two", [1; 32])]
            .map(|(name, seed)| SigningKey::new(name, seed).unwrap());
        let good = note::sign("hello\n\nworld\n", &[&keys[0], &keys[1]]);
        let mut bytes = good.clone().into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        let known: Vec<VerifierKey> = keys.iter().map(|key| key.verifier().clone()).collect();
        for text in [good.into_bytes(), bytes] {
            let our_word = std::str::from_utf8(&text).ok().and_then(|text| {
                Note::parse(text).ok()?.verify(&known).ok().map(|signers| signers.len())
            });
            let verifiers = known.iter().map(|key| {
                let their: Box<dyn signed_note::Verifier> =
                    Box::new(StandardVerifier::new(&key.to_string()).unwrap());
                their
            });
            let list = VerifierList::new(verifiers.collect());
            let their_word = signed_note::Note::from_bytes(&text).ok()
                .and_then(|note| note.verify(&list).ok().map(|(good, _)| good.len()));
            prop_assert_eq!(our_word, their_word, "{}", String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn keys_and_signatures_are_theirs() {
    for (name, seed) in [("demo-7f3a/default", [3; 32]), ("ü", [0; 32]), ("a", [255; 32])] {
        let key = SigningKey::new(name, seed).unwrap();
        let their_key = StandardSigner::new(&key.to_secret_text()).unwrap();
        let their_verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        assert_eq!((their_key.name(), their_verifier.name()), (name, name));
        assert_eq!(their_key.key_id(), their_verifier.key_id());
        let mut their_note = signed_note::Note::new(b"hello\n", &[]).unwrap();
        their_note.add_sigs(&[&their_key]).unwrap();
        let our_note = note::sign("hello\n", &[&key]);
        assert_eq!(their_note.to_bytes(), our_note.as_bytes());
    }
}
