//! Checks names and finds the known name that a misspelt one most likely means.

use strsim::normalized_damerau_levenshtein;

use super::defaults::NAME_CHARACTERS_MAX;

/// The least likeness (0 to 1) at which one word counts as the other misspelt.
const LIKENESS_MIN: f64 = 0.6;

/// Returns the known word most like `word`. Returns `None` if none is like enough.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |known: &str| match known.contains(word) && word.len() > 2 {
        // `timeout` for `request_timeout` is shortened and not misspelt.
        true => 1.0,
        false => normalized_damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase()),
    };
    known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        // Of several words that contain `word`, the shortest adds least to it.
        .max_by(|(one, a), (other, b)| one.total_cmp(other).then(b.len().cmp(&a.len())))
        .map(|(_, known)| known)
}

pub(super) fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(letter)
}
