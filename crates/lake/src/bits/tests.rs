//! Numbers come back; cut bytes are refused.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn varints_come_back(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| put_varint(*number, &mut bytes));
        let mut input = Varints::new(&bytes);
        for number in &numbers {
            prop_assert_eq!(input.next(), Some(*number));
        }
        prop_assert!(input.is_at_end() && input.next().is_none());
    }

    #[test]
    fn zigzag_is_one_to_one(number: i64) {
        prop_assert_eq!(unzigzag(zigzag(number)), number);
    }

    #[test]
    fn packed_numbers_come_back(numbers in prop::collection::vec(any::<u32>(), 0..50), wide in 0_u32..=32) {
        let mask = u32::try_from((1_u64 << wide) - 1).unwrap();
        let mut bytes = Vec::new();
        pack(numbers.iter().map(|number| number & mask), wide, &mut bytes);
        prop_assert_eq!(Some(bytes.len()), packed_bytes(numbers.len(), wide));
        for (place, number) in numbers.iter().enumerate() {
            prop_assert_eq!(unpack(&bytes, place, wide), Some(number & mask));
        }
        if wide > 7 {
            prop_assert_eq!(unpack(&bytes, numbers.len(), wide), None);
        }
    }

    #[test]
    fn rice_numbers_come_back(
        numbers in prop::collection::vec(prop_oneof![0_u32..9, 0_u32..5_000], 0..50),
        tail in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = Vec::new();
        let low = rice_low(&numbers);
        put_rice(&numbers, low, &mut bytes);
        bytes.extend_from_slice(&tail);
        let mut read = Rice::new(&bytes, low);
        for number in &numbers {
            prop_assert_eq!(read.next(), Some(*number));
        }
        prop_assert_eq!(read.rest(), &tail[..]);
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..40), place: usize, wide: u32) {
        let _ = Varints::new(&bytes).next();
        let _ = unpack(&bytes, place, wide % 256);
        let mut rice = Rice::new(&bytes, wide);
        while rice.next().is_some() {}
    }
}

#[test]
fn a_number_past_64_bits_is_none() {
    let mut long = vec![0xff; 9];
    long.push(0x02);
    assert_eq!(Varints::new(&long).next(), None);
    long[9] = 0x01;
    assert_eq!(Varints::new(&long).next(), Some(u64::MAX));
    assert_eq!(Varints::new(&[0x80]).next(), None);
}
