//! Secrets stay secret and commitments bind. The exact values are in the vectors of `tests/it`.

use super::{LedgerKey, SaltBlock, Sealer, digest, event_root};
use crate::event::PartBytes;

fn block(byte: u8) -> SaltBlock {
    SaltBlock { id: 7, secret: [byte; 32] }
}

#[test]
fn every_input_changes_the_salt() {
    let sealer = Sealer::new(&LedgerKey([1; 32]));
    let salt = sealer.seed(&block(2), 3).salt(4, 5);
    let others = [
        Sealer::new(&LedgerKey([9; 32])).seed(&block(2), 3).salt(4, 5),
        sealer.seed(&block(9), 3).salt(4, 5),
        sealer.seed(&block(2), 9).salt(4, 5),
        sealer.seed(&block(2), 3).salt(9, 5),
        sealer.seed(&block(2), 3).salt(4, 9),
    ];
    for other in others {
        assert_ne!(other, salt);
    }
    // The number of the block is a name, not a secret: it is in no hash.
    let renamed = SaltBlock { id: 8, secret: [2; 32] };
    assert_eq!(sealer.seed(&renamed, 3).salt(4, 5), salt);
}

#[test]
fn every_input_changes_the_digest_and_the_root() {
    let part = PartBytes { tag: 1, ordinal: 2, bytes: b"{}" };
    let value = digest(part, &[3; 32]);
    let others = [
        digest(PartBytes { tag: 9, ..part }, &[3; 32]),
        digest(PartBytes { ordinal: 9, ..part }, &[3; 32]),
        digest(PartBytes { bytes: b"[]", ..part }, &[3; 32]),
        digest(part, &[9; 32]),
    ];
    for other in others {
        assert_ne!(other, value);
        assert_ne!(
            event_root([(1, 2, other)].into_iter()),
            event_root([(1, 2, value)].into_iter())
        );
    }
    let root = event_root([(1, 2, value)].into_iter());
    assert_ne!(event_root([(1, 3, value)].into_iter()), root);
    assert_ne!(event_root([(2, 2, value)].into_iter()), root);
    assert_ne!(event_root([].into_iter()), root);
}

#[test]
fn secrets_are_not_printed() {
    let key = LedgerKey([0xab; 32]);
    let sealer = Sealer::new(&key);
    let seed = sealer.seed(&block(0xab), 1);
    let shown = format!("{key:?} {:?} {sealer:?} {seed:?}", block(0xab));
    assert_eq!(shown, "LedgerKey(..) SaltBlock(7, ..) Sealer(..) Seed(..)");
}
