//! The tree of 1,000 entries that an independent implementation wrote (`testdata/vectors/`): checkpoint, tiles,
//! bundles, an older checkpoint and the proof between both.

use indelible_tlog::Hash;
use indelible_tlog::checkpoint::Checkpoint;
use indelible_tlog::hash::leaf_hash;
use indelible_tlog::note::VerifierKey;
use indelible_tlog::tile::{self, TilePath};
use indelible_tlog::tree::TreeSize;
use indelible_tlog::{Error, proof};

use crate::store::Store;

const KEY: &str = include_str!("../../../../testdata/vectors/key.vkey");
const CHECKPOINT: &str = include_str!("../../../../testdata/vectors/tree/checkpoint");
const OLDER: &str = include_str!("../../../../testdata/vectors/older.checkpoint");
const CONSISTENCY: &str = include_str!("../../../../testdata/vectors/consistency-777-1000.txt");

/// Tiles and bundles by their paths.
const TILES: [(&str, &[u8]); 9] = [
    ("tile/0/000", include_bytes!("../../../../testdata/vectors/tree/tile/0/000")),
    ("tile/0/001", include_bytes!("../../../../testdata/vectors/tree/tile/0/001")),
    ("tile/0/002", include_bytes!("../../../../testdata/vectors/tree/tile/0/002")),
    ("tile/0/003.p/232", include_bytes!("../../../../testdata/vectors/tree/tile/0/003.p/232")),
    ("tile/1/000.p/3", include_bytes!("../../../../testdata/vectors/tree/tile/1/000.p/3")),
    ("tile/entries/000", include_bytes!("../../../../testdata/vectors/tree/tile/entries/000")),
    ("tile/entries/001", include_bytes!("../../../../testdata/vectors/tree/tile/entries/001")),
    ("tile/entries/002", include_bytes!("../../../../testdata/vectors/tree/tile/entries/002")),
    (
        "tile/entries/003.p/232",
        include_bytes!("../../../../testdata/vectors/tree/tile/entries/003.p/232"),
    ),
];

fn key() -> VerifierKey {
    VerifierKey::parse(KEY.trim_end()).unwrap()
}

/// Our tree over the entries of their bundles.
fn store() -> Store {
    let bundles = TILES.iter().filter(|(path, _)| path.starts_with("tile/entries/"));
    Store::of(bundles.flat_map(|(_, bundle)| tile::split_entries(bundle).unwrap()))
}

#[test]
fn checkpoints_open_with_the_key_and_with_no_other() {
    let newer = Checkpoint::open(CHECKPOINT, &[key()]).unwrap();
    let older = Checkpoint::open(OLDER, &[key()]).unwrap();
    assert_eq!((newer.size, older.size), (TreeSize(1_000), TreeSize(777)));
    assert_eq!(key().to_string(), KEY.trim_end());
    let forged = OLDER.replace("\n777\n", "\n778\n");
    let wrong = Error::BadSignature { name: "demo-7f3a/default".to_owned() };
    assert_eq!(Checkpoint::open(&forged, &[key()]), Err(wrong));
}

#[test]
fn the_tree_over_their_entries_has_their_root() {
    let store = store();
    let checkpoint = Checkpoint::open(CHECKPOINT, &[key()]).unwrap();
    assert_eq!((store.tree.size(), store.tree.root()), (checkpoint.size, checkpoint.root));
    let older = Checkpoint::open(OLDER, &[key()]).unwrap();
    assert_eq!(proof::root(older.size, &mut store.fetch()).unwrap(), older.root);
}

#[test]
fn our_tiles_have_their_paths_and_bytes() {
    let store = store();
    let ours: Vec<TilePath> = tile::all(store.tree.size()).collect();
    let paths: Vec<String> = ours.iter().map(TilePath::to_string).collect();
    assert_eq!(paths, TILES.map(|(path, _)| path));
    for (path, bytes) in TILES {
        let tile = TilePath::parse(path).unwrap();
        let made: Vec<u8> = match tile {
            TilePath::Hashes { .. } => {
                tile.nodes().flat_map(|node| store.fetch()(node).unwrap().0).collect()
            }
            TilePath::Entries { width, .. } => {
                let entries = tile::split_entries(bytes).unwrap();
                assert_eq!(entries.len(), usize::from(width));
                assert!(entries.iter().all(|entry| entry.len() == 42));
                let mut bundle = Vec::new();
                for entry in entries {
                    tile::append_entry(&mut bundle, entry).unwrap();
                }
                bundle
            }
        };
        assert_eq!(made, bytes, "{path}");
    }
}

#[test]
fn their_consistency_proof_verifies_and_is_ours() {
    let hashes: Vec<Hash> = CONSISTENCY.lines().map(|line| line.parse().unwrap()).collect();
    let (older, newer) = (
        Checkpoint::open(OLDER, &[key()]).unwrap(),
        Checkpoint::open(CHECKPOINT, &[key()]).unwrap(),
    );
    let (old, new) = ((older.size, &older.root), (newer.size, &newer.root));
    assert_eq!(proof::verify_consistency(old, new, &hashes), Ok(()));
    let made = proof::consistency(older.size, newer.size, &mut store().fetch()).unwrap();
    assert_eq!(made, hashes);
    let other = (TreeSize(778), &older.root);
    assert!(proof::verify_consistency(other, new, &hashes).is_err());
}

#[test]
fn every_entry_is_proven_in_their_tree() {
    let store = store();
    let checkpoint = Checkpoint::open(CHECKPOINT, &[key()]).unwrap();
    let tree = (checkpoint.size, &checkpoint.root);
    for (index, leaf) in (0_u64..).zip(&store.leaves) {
        let made = proof::inclusion(index, checkpoint.size, &mut store.fetch()).unwrap();
        assert_eq!(proof::verify_range(index, &[*leaf], &made, tree), Ok(()));
        let other = leaf_hash(&index.to_be_bytes());
        assert!(proof::verify_range(index, &[other], &made, tree).is_err());
    }
}
