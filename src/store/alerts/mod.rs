//! Keeps what is told at once.
//!
//! [`facts`] records what happened, in the transaction that makes it certain. [`fan_out`] makes
//! messages of facts, as [`crate::domain::alert`] decides. [`tries`] records each try of a message
//! before it is made, and its outcome after. [`summary`] puts one message in the place of many, and
//! [`refuted`] takes out of it what X's events do not know. [`standing`] says how alerts do.
//! [`sweep`] deletes what is too old.
//!
//! A message is made in the transaction that moves its alert past the fact. So each fact makes a
//! message once, whatever breaks down in between. Must not send anything: `alerts` does that.

pub mod facts;
pub mod fan_out;
pub mod refuted;
pub mod standing;
pub mod summary;
pub mod sweep;
pub mod tries;
