//! The life of a survey on record: its row and every step of that row.
//!
//! - [`lease`] leases due surveys. [`decide`] takes the last decision. [`dry_run`] ends a dry run.
//! - [`send`] records the send of a [`prompt`], and [`send_outcome`] what became of it.
//! - [`settle`] settles a send that had no answer. [`retry`] and [`ending`] are the operator's.
//! - [`row`] is the row, and [`step`] one step of it.
//! - [`waiting`] and [`wait_history`] say why a survey waits. [`clock_ahead`] repairs what a wrong
//!   clock wrote.

pub mod lease;
pub mod clock_ahead;
pub mod decide;
pub mod dry_run;
pub mod ending;
pub mod prompt;
pub mod retry;
pub mod row;
pub mod send;
pub mod send_outcome;
pub mod settle;
pub mod step;
pub mod wait_history;
pub mod waiting;
