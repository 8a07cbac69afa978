//! The id window against a plain list of the last ids.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn the_window_holds_the_last_ids(ids in prop::collection::vec((0_u8..2, 0_u8..20), 1..200)) {
        const LIMIT: usize = 6;
        let mut seen = Seen::new(LIMIT);
        let tenant = TenantId::parse("acme").unwrap();
        let producers = [None, ProducerId::parse("p").ok()];
        let mut list: Vec<(u8, u8, u64)> = Vec::new();
        for (index, (producer, id)) in (0_u64..).zip(ids) {
            let scope = seen.scope(&tenant, producers[usize::from(producer)].as_ref());
            let window = list.iter().rev().take(LIMIT);
            let expected = window.clone().find(|(p, i, _)| (*p, *i) == (producer, id)).map(|e| e.2);
            prop_assert_eq!(seen.find(scope, EventId([id; 16])), expected);
            if expected.is_none() {
                seen.insert(scope, EventId([id; 16]), index);
                list.push((producer, id, index));
            }
            prop_assert_eq!(seen.len(), list.len().min(LIMIT));
        }
    }
}
