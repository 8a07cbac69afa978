//! What was probably meant by a word that is unknown.
//!
//! Promises: a key under the wrong table, without its unit or with a letter wrong is recognised. Refuses to suggest what is
//! not alike: a wrong hint costs more than none.

use super::keys::KEYS;

/// Last words of keys that say a unit or a bound, and what people write in their place.
const ENDINGS: &[&str] = &["ms", "max", "min", "bytes", "rows", "s", "sec", "secs", "seconds"];

/// What to do about the unknown key `path`.
pub(super) fn key(path: &str) -> String {
    match meant(path) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`indelible config init -o -` prints every key with its meaning".to_owned(),
    }
}

/// The key that `path` probably stands for.
pub(super) fn meant(path: &str) -> Option<&'static str> {
    let names = || KEYS.iter().map(|key| key.name);
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    // Dashes for underscores, capitals, another table, another unit: all of them leave the stem as it is.
    let word = last(path).to_ascii_lowercase().replace('-', "_");
    let table = path.split('.').next().unwrap_or_default();
    let is_near = |name: &&str| name.split('.').next() == Some(table);
    let alike = |name: &&str| last(name) == word || stem(&last(name)) == stem(&word);
    let same = names().filter(is_near).find(alike).or_else(|| names().find(alike));
    same.or_else(|| nearest(path, names()))
}

/// A name without the words at its end that are units and bounds.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((before, ending)) = stem.rsplit_once('_') {
        if !ENDINGS.contains(&ending) {
            break;
        }
        stem = before;
    }
    stem
}

/// The one of `known` that is most like `word`, if it is alike enough.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(word, known), known)).min()?;
    // Of a short word half may be wrong: two letters that changed places are two.
    let letters = near.1.chars().count();
    let most = if letters <= 8 { letters / 2 } else { (letters / 4).min(5) };
    (near.0 <= most).then_some(near.1)
}

/// The edit distance between two short texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (position, here) in left.chars().enumerate() {
        let mut next = vec![position + 1];
        for ((there, above), diagonal) in right.iter().zip(row.iter().skip(1)).zip(&row) {
            let last = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(here != *there)).min(above + 1).min(last + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
