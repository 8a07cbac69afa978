//! The id window against a plain list of the ids at or above the floor.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn the_window_holds_every_id_from_its_floor_on(
        ids in prop::collection::vec((0_u8..2, 0_u8..20, 0_u64..40), 1..200),
    ) {
        const LIMIT: usize = 6;
        let mut seen = Seen::new(LIMIT);
        let (tenant, other) = (TenantId::parse("acme").unwrap(), TenantId::parse("beta").unwrap());
        let producers = [None, ProducerId::parse("p").ok()];
        let mut list: Vec<(u8, u8, u64)> = Vec::new();
        let mut watermark = 0;
        for (index, (producer, id, archived)) in (0_u64..).zip(ids) {
            let scope = seen.scope(&tenant, producers[usize::from(producer)].as_ref());
            let floor = seen.floor(&tenant);
            let mut window = list.iter().filter(|(_, _, at)| *at >= floor);
            let expected = window.find(|(p, i, _)| (*p, *i) == (producer, id)).map(|e| e.2);
            prop_assert_eq!(seen.find(scope, EventId([id; 16])), expected);
            if expected.is_none() {
                seen.insert(&tenant, scope, (EventId([id; 16]), index));
                list.push((producer, id, index));
            }
            watermark = watermark.max(archived.min(index + 1));
            let archived = watermark;
            seen.trim(&tenant, archived);
            prop_assert!(seen.floor(&tenant) <= floor.max(archived), "what is not archived stays");
            let left = list.iter().filter(|(_, _, at)| *at >= archived).count();
            prop_assert!(!seen.is_over() || seen.len() == left, "the rest is bounded");
        }
        let end = u64::try_from(list.len()).unwrap() + 200;
        prop_assert_eq!(seen.floor(&other), 0);
        seen.raise(&tenant, end);
        prop_assert_eq!((seen.len(), seen.floor(&tenant)), (0, end));
    }
}
