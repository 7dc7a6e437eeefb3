//! Rows of feedback: updates folded into them, the surveys that they answer, and the prompts
//! that X is asked about one by one.

pub mod advance;
pub mod answers;
pub mod row;
pub mod rows;
pub mod fold;
pub mod folded;
pub mod hints;
pub mod matching;
pub mod shows;
