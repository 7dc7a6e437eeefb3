//! How far X's feedback events have been read, and what of them could not be read.

pub mod unread;
pub mod windows;
