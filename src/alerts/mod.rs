//! Tells others at once what happened: by signed webhooks, and in chats.
//!
//! [`bodies`] writes a message in the receiver's format. [`signature`] signs it. [`guard`] sends
//! it, and only to addresses that messages may go to. [`deliver`] takes one step after the other:
//! it records a try, makes it and records its outcome. [`silences`] looks for what did not come.
//! What is told, to whom and when again is decided in `domain::alert`.

pub mod bodies;
pub mod deliver;
pub mod guard;
pub mod signature;
pub mod silences;
