//! Rows of feedback. Updates are folded into them, and they are matched with the surveys they
//! answer. Single prompts are asked for by feedback/show.

pub mod advance;
pub mod answers;
pub mod row;
pub mod rows;
pub mod fold;
pub mod folded;
pub mod hints;
pub mod matching;
pub mod shows;
