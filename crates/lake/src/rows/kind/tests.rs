//! Numbers and kinds are one to one.

use super::*;

#[test]
fn every_kind_has_one_number() {
    assert_eq!(RecordKind::from_code(0), Some(RecordKind::Event));
    assert_eq!(RecordKind::Event.code(), 0);
    assert_eq!(SystemKind::ALL.len(), SYSTEM_KINDS.len());
    for kind in SystemKind::ALL {
        let kind = RecordKind::System(*kind);
        assert_eq!(RecordKind::from_code(kind.code()), Some(kind), "{kind:?}");
    }
    assert_eq!(RecordKind::from_code(12), None);
}
