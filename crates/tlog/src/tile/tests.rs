//! Paths by table: what is read, what is refused, what a tree of a size serves.

use super::*;

fn hashes(level: u8, index: u64, width: u16) -> TilePath {
    TilePath::Hashes { level, index, width }
}

#[test]
fn paths_are_read_and_written() {
    let cases = [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/0/003.p/232", hashes(0, 3, 232)),
        ("tile/1/000.p/3", hashes(1, 0, 3)),
        ("tile/0/999", hashes(0, 999, 256)),
        ("tile/0/x001/000", hashes(0, 1_000, 256)),
        ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
        ("tile/0/x001/x000/000.p/1", hashes(0, 1_000_000, 1)),
        ("tile/7/000", hashes(7, 0, 256)),
        ("tile/entries/x123/456", TilePath::Entries { index: 123_456, width: 256 }),
        ("tile/entries/003.p/255", TilePath::Entries { index: 3, width: 255 }),
    ];
    for (text, tile) in cases {
        assert_eq!(TilePath::parse(text), Some(tile), "{text}");
        assert_eq!(tile.to_string(), text);
    }
}

#[test]
fn other_spellings_are_no_paths() {
    let refused = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/+0/000",
        "tile/8/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/X001/000",
        "tile/0/x001/x000",
        "tile/0/12a",
        "tile/0/\u{661}\u{662}\u{663}",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/.p/1",
        "tile/data/000",
        "tile/Entries/000",
        "tile/entries/x000/001",
        "tile/8/0/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x072/x057/x594/x037/x927/936",
        "tile/0/000?x",
        "tile/0/%30%30%30",
        "tile/0/../0/000",
    ];
    for text in refused {
        assert_eq!(TilePath::parse(text), None, "{text:?}");
    }
}

#[test]
fn the_last_index_that_a_tree_can_have_is_read() {
    let last = (1 << 56) - 1;
    let text = hashes(0, last, 256).to_string();
    assert_eq!(TilePath::parse(&text), Some(hashes(0, last, 256)));
    assert_eq!(TilePath::parse(&hashes(0, last + 1, 256).to_string()), None);
}

#[test]
fn a_prefix_of_the_current_tile_is_served_and_nothing_wider() {
    let entries = |index, width| TilePath::Entries { index, width };
    // (tile, size, served)
    let cases = [
        (hashes(0, 0, 1), 0, false),
        (hashes(0, 0, 1), 1, true),
        (hashes(0, 0, 256), 255, false),
        (hashes(0, 0, 255), 255, true),
        (hashes(0, 0, 256), 256, true),
        (hashes(1, 0, 1), 255, false),
        (hashes(1, 0, 1), 256, true),
        (hashes(0, 3, 232), 1_000, true),
        (hashes(0, 3, 233), 1_000, false),
        (hashes(0, 4, 1), 1_000, false),
        (hashes(1, 0, 3), 1_000, true),
        (hashes(1, 0, 4), 1_000, false),
        (entries(3, 232), 1_000, true),
        (entries(3, 233), 1_000, false),
        (entries(u64::MAX, 1), u64::MAX, false),
        (hashes(7, 0, 255), u64::MAX, true),
        (hashes(7, 0, 256), u64::MAX, false),
    ];
    for (tile, size, served) in cases {
        assert_eq!(tile.is_within(TreeSize(size)), served, "{tile} in {size}");
    }
}

#[test]
fn all_tiles_of_a_tree_are_counted() {
    // Counted on a log that Tessera wrote: at 70,000 there are 277 tiles and 274 bundles.
    let count = |size| {
        let tiles: Vec<_> = all(TreeSize(size)).collect();
        assert!(tiles.iter().all(|tile| tile.is_within(TreeSize(size))));
        let bundles = tiles.iter().filter(|tile| matches!(tile, TilePath::Entries { .. })).count();
        (tiles.len() - bundles, bundles)
    };
    assert_eq!(count(70_000), (277, 274));
    assert_eq!(count(0), (0, 0));
    assert_eq!(count(1), (1, 1));
    let of_256: Vec<String> = all(TreeSize(256)).map(|tile| tile.to_string()).collect();
    assert_eq!(of_256, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
}

#[test]
fn nodes_of_a_tile_lie_side_by_side() {
    let nodes: Vec<Node> = hashes(1, 2, 3).nodes().collect();
    let at = |index| Node { level: 8, index };
    assert_eq!(nodes, [at(512), at(513), at(514)]);
}

#[test]
fn bundles_hold_what_was_put_in() {
    let mut bundle = Vec::new();
    let entries: [&[u8]; 3] = [b"", b"one", &[7; 65_535]];
    for entry in entries {
        assert_eq!(append_entry(&mut bundle, entry), Some(()));
    }
    assert_eq!(append_entry(&mut bundle.clone(), &[0; 65_536]), None);
    assert_eq!(split_entries(&bundle).unwrap(), entries);
    assert_eq!(split_entries(&bundle[..bundle.len() - 1]), None, "cut inside an entry");
    assert_eq!(split_entries(&bundle[..1]), None, "cut inside a length");
    assert_eq!(split_entries(&[0; 2 * 256]).map(|entries| entries.len()), Some(256));
    assert_eq!(split_entries(&[0; 2 * 257]), None, "one entry too many");
}
