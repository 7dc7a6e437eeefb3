//! How far X's feedback events have been read, and the gaps that could not be read.

pub mod unread;
pub mod windows;
