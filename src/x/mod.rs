//! Makes every call to X. It signs the call and says what the answer means for the caller.
//!
//! Each call is made once. The client repeats nothing and follows no redirect. The POST that
//! prompts a person never uses a connection that was idle before. A repetition that nobody decided
//! on would prompt somebody twice.
//!
//! - `client` has the client and every call that reads. `prompt` posts the call that prompts.
//! - `oauth` signs a request.
//! - `reply` holds X's answer. `rate_limit` reads its headers about a limit.
//! - `wire` reads X's JSON. `direct_messages` reads its lists of Direct Messages.
//! - `error` says what a refusal means: X's codes, a limit, silence. `remedy` says what to do
//!   before the next call that reads.
//!
//! Deliberately absent: waiting, budgets, and any memory but the offset of X's clock.

mod client;
mod direct_messages;
mod error;
mod oauth;
mod prompt;
mod rate_limit;
mod remedy;
mod reply;
mod wire;

pub use client::{CallResult, Client, LaterPages, USERS_MAX, XSettings};
pub use direct_messages::MessagesPage;
pub use error::Error;
pub use oauth::Keys;
pub use remedy::Remedy;
pub use wire::{CanDm, EventsPage, Hint, Reachability, Verified, hints};
