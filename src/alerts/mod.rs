//! Tells others at once what happened: by signed webhooks, and in chats.
//!
//! - [`bodies`] writes a message in the receiver's format. [`signature`] signs it.
//! - [`address_guard`] sends it, and to no private address.
//! - [`deliver`] takes one step after the other: it records a try, makes it, records its outcome.
//! - [`silences`] looks for what did not come.
//!
//! What is told, to whom and when again is decided in [`crate::domain::alert`].

pub mod address_guard;
pub mod bodies;
pub mod deliver;
pub mod signature;
pub mod silences;
