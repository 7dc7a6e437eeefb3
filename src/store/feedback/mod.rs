//! Rows of feedback. Updates are folded into them, and they are matched with the surveys they
//! answer. Single prompts are asked for by feedback/show.
//!
//! - [`fold`] folds updates into rows. [`folded`] says what that changed.
//! - [`row`] is one row. [`rows`] reads and writes many in one statement.
//! - [`matching`] finds the survey of a row.
//! - [`advance`] moves surveys on. [`answers`] makes many of them `answered`.
//! - [`hints`] judges hints by X's events. [`shows`] plans feedback/show.

pub mod advance;
pub mod answers;
pub mod row;
pub mod rows;
pub mod fold;
pub mod folded;
pub mod hints;
pub mod matching;
pub mod shows;
