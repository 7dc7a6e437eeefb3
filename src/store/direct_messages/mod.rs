//! Conversations by Direct Message, and how far X's lists of messages have been read.

pub mod streams;
pub mod talks;
