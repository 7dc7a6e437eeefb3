//! Reads values that may be one or several.

use super::given::{GivenValue, Wrong};
use super::values;
use crate::domain::close::ClosedBy;

/// Reads one of the known words or several and returns their meanings. The list may be empty.
pub(super) fn chosen<T: Copy>(given: &GivenValue, words: &[(&str, T)]) -> Result<Vec<T>, Wrong> {
    let choose = values::choice(words);
    let meaning = |text: String| {
        choose(&GivenValue::Variable(text.clone()))
            .map_err(|wrong| Wrong::new(format!("{text:?} {}", wrong.problem), wrong.remedy))
    };
    given.texts()?.into_iter().map(meaning).collect()
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
