//! Values of which there may be one or several.

use super::given::{GivenValue, Wrong};
use super::values;
use crate::domain::close::ClosedBy;

/// One text, or a list of texts: never none. A variable's texts stand between commas.
pub(super) fn texts(given: &GivenValue) -> Result<Vec<String>, Wrong> {
    let texts = given.texts()?;
    match texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
        true => Err(Wrong::new("names nothing", "write a value, or several as [\"a\", \"b\"]")),
        false => Ok(texts),
    }
}

/// Who may have closed a conversation; none is an answer, too.
pub(super) fn closers(given: &GivenValue) -> Result<Vec<ClosedBy>, Wrong> {
    let words = ClosedBy::ALL.map(|by| (by.as_str(), by));
    let choose = values::choice(&words);
    given.texts()?.into_iter().map(|text| choose(&GivenValue::Variable(text))).collect()
}

/// The same, and at least one.
pub(super) fn some_closers(given: &GivenValue) -> Result<Vec<ClosedBy>, Wrong> {
    texts(given)?;
    closers(given)
}
