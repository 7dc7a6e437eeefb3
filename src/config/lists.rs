//! Reads values that may be one or several.

use super::given::{GivenValue, Wrong};
use super::names::nearest;
use super::values;
use crate::domain::close::ClosedBy;

/// Reads one of the known words or several and returns their meanings. The list may be empty.
pub(super) fn chosen<T: Copy>(given: &GivenValue, words: &[(&str, T)]) -> Result<Vec<T>, Wrong> {
    let choose = values::choice(words);
    let meaning = |text: String| {
        choose(&GivenValue::Variable(text.clone()))
            .map_err(|wrong| Wrong::new(format!("{text:?} {}", wrong.problem), wrong.remedy))
    };
    let texts = given.texts()?;
    let unknown: Vec<_> =
        texts.iter().filter(|text| words.iter().all(|(word, _)| word != text)).collect();
    if unknown.len() > 1 {
        return Err(several_unknown(&unknown, words));
    }
    texts.into_iter().map(meaning).collect()
}

/// Names all words that are not known, each with the one that may be meant.
fn several_unknown<T>(unknown: &[&String], words: &[(&str, T)]) -> Wrong {
    let known = || words.iter().map(|(word, _)| *word);
    let named: Vec<_> = unknown.iter().map(|text| format!("{text:?}")).collect();
    let meant = unknown.iter().filter_map(|text| {
        nearest(text, known()).map(|meant| format!("for {text:?} did you mean {meant:?}? "))
    });
    let meant: String = meant.collect();
    let known: Vec<_> = known().map(|word| format!("\"{word}\"")).collect();
    let problem = format!("{} are not known here", named.join(" and "));
    Wrong::new(problem, format!("{meant}It is one of {}", known.join(", ")))
}

/// Reads at least one text. A variable separates its texts by commas.
pub(super) fn texts(given: &GivenValue) -> Result<Vec<String>, Wrong> {
    let texts = given.texts()?;
    match texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
        true => Err(Wrong::new("names nothing", "write a value, or several as [\"a\", \"b\"]")),
        false => Ok(texts),
    }
}

/// Reads who may have closed a conversation. The list may be empty.
pub(super) fn closers(given: &GivenValue) -> Result<Vec<ClosedBy>, Wrong> {
    chosen(given, &ClosedBy::ALL.map(|by| (by.as_str(), by)))
}

/// Reads who may have closed a conversation. The list must not be empty.
pub(super) fn some_closers(given: &GivenValue) -> Result<Vec<ClosedBy>, Wrong> {
    texts(given)?;
    closers(given)
}
