//! Names: what one may look like, and which of those that are known is most like one.

use strsim::normalized_damerau_levenshtein;

use super::defaults::NAME_CHARACTERS_MAX;

/// How alike two words must be for one to be the other misspelt, from 0 to 1.
const LIKENESS_MIN: f64 = 0.6;

/// The word most like `word`, where one is like it at all.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |known: &str| match known.contains(word) && word.len() > 2 {
        // `timeout` for `request_timeout`: what is left out is not misspelt.
        true => 1.0,
        false => normalized_damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase()),
    };
    known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        // Of several that hold the word, the shortest says least beside it.
        .max_by(|(one, a), (other, b)| one.total_cmp(other).then(b.len().cmp(&a.len())))
        .map(|(_, known)| known)
}

pub(super) fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(letter)
}
