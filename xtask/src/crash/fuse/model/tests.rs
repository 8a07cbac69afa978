//! What a cut leaves and what it may take.

use super::{Kind, Model, ROOT, Refused};
use crate::crash::Dice;

/// Every seed that is tried: enough for each chance to come up.
const SEEDS: u64 = 64;

fn after_cut(model: &Model, seed: u64) -> Model {
    let mut cut = model.clone();
    cut.cut(&mut Dice::new(seed));
    cut
}

#[test]
fn what_was_synced_survives_every_cut() {
    let mut model = Model::new();
    let folder = model.create_folder(ROOT, "a").expect("a folder");
    let file = model.create(folder, "f").expect("a file");
    model.write(file, 0, &[7; 3000]).expect("a write");
    model.sync(file).expect("a sync");
    model.sync_folder(folder).expect("a sync");
    model.sync_folder(ROOT).expect("a sync");
    model.write(file, 100, &[9; 3000]).expect("a write");
    for seed in 0..SEEDS {
        let cut = after_cut(&model, seed);
        let folder = cut.find(ROOT, "a").expect("the folder");
        let file = cut.find(folder, "f").expect("the file");
        assert_eq!(cut.read(file, 0, 100).expect("bytes"), [7; 100]);
        let young = cut.read(file, 100, 2900).expect("bytes");
        assert!(young.iter().all(|byte| [7, 9].contains(byte)), "old bytes or new ones");
    }
}

#[test]
fn bytes_without_a_sync_are_lost_under_some_seed_and_kept_under_another() {
    let mut model = Model::new();
    let file = model.create(ROOT, "f").expect("a file");
    model.sync_folder(ROOT).expect("a sync");
    model.write(file, 0, b"young").expect("a write");
    let kept = |seed| after_cut(&model, seed).read(file, 0, 5).expect("bytes").to_vec();
    assert!((0..SEEDS).any(|seed| kept(seed).is_empty()));
    assert!((0..SEEDS).any(|seed| kept(seed) == b"young"));
}

#[test]
fn a_name_without_a_sync_of_its_folder_is_lost_under_some_seed() {
    let mut model = Model::new();
    let file = model.create(ROOT, "f").expect("a file");
    model.write(file, 0, b"bytes").expect("a write");
    model.sync(file).expect("a sync of the file alone");
    let is_there = |seed| after_cut(&model, seed).find(ROOT, "f").is_ok();
    assert!((0..SEEDS).any(|seed| !is_there(seed)));
    assert!((0..SEEDS).any(is_there));
}

#[test]
fn a_rename_is_whole_or_not_there() {
    let mut model = Model::new();
    let (old, new) =
        (model.create(ROOT, "f").expect("a file"), model.create(ROOT, "f.tmp").expect("a file"));
    model.sync_folder(ROOT).expect("a sync");
    model.rename((ROOT, "f.tmp"), (ROOT, "f")).expect("a rename");
    for seed in 0..SEEDS {
        let cut = after_cut(&model, seed);
        let names: Vec<_> = cut.names(ROOT).expect("names");
        let before = vec![("f".to_owned(), old), ("f.tmp".to_owned(), new)];
        let after = vec![("f".to_owned(), new)];
        assert!(names == before || names == after, "{names:?}");
    }
}

#[test]
fn a_removed_file_may_be_back() {
    let mut model = Model::new();
    let file = model.create(ROOT, "f").expect("a file");
    model.write(file, 0, b"bytes").expect("a write");
    model.sync(file).expect("a sync");
    model.sync_folder(ROOT).expect("a sync");
    model.remove(ROOT, "f", Kind::File(0)).expect("a removal");
    assert_eq!(model.find(ROOT, "f"), Err(Refused::NotFound));
    let back = |seed| {
        let cut = after_cut(&model, seed);
        cut.find(ROOT, "f").is_ok_and(|file| cut.read(file, 0, 5) == Ok(b"bytes"))
    };
    assert!((0..SEEDS).any(back));
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let mut model = Model::new();
    let folder = model.create_folder(ROOT, "a").expect("a folder");
    model.create(folder, "f").expect("a file");
    assert_eq!(model.create(ROOT, "a"), Err(Refused::Exists));
    assert_eq!(model.remove(ROOT, "a", Kind::Folder), Err(Refused::NotEmpty));
    assert_eq!(model.remove(ROOT, "a", Kind::File(0)), Err(Refused::WrongKind));
    assert_eq!(model.remove(ROOT, "b", Kind::File(0)), Err(Refused::NotFound));
    assert_eq!(model.write(99, 0, b"x"), Err(Refused::NotFound));
}
