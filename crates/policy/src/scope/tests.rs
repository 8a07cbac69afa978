//! Patterns against a plain second way to match them.

use super::is_like;

/// Tries every split.
fn plainly(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| plainly(rest, &text[at..])),
        Some((byte, rest)) => text.first() == Some(byte) && plainly(rest, &text[1..]),
    }
}

fn words(letters: &[char], most: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..most {
        last = last
            .iter()
            .flat_map(|word| letters.iter().map(move |c| format!("{word}{c}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn every_short_pattern_matches_what_it_should() {
    let (mut yes, mut no) = (0, 0);
    for pattern in words(&['a', 'b', '*'], 5) {
        for text in words(&['a', 'b'], 5) {
            let matches = is_like(&pattern, &text);
            assert_eq!(matches, plainly(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            if matches { yes += 1 } else { no += 1 }
        }
    }
    assert!(yes > 1_000 && no > 1_000, "{yes} {no}");
}

#[test]
fn a_pattern_of_actions() {
    assert!(is_like("invoice.*", "invoice.approve") && is_like("*", "") && is_like("é*", "éa"));
    assert!(!is_like("invoice.*", "invoice") && !is_like("invoice.*", "Invoice.approve"));
}
