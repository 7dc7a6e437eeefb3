//! The life of a survey on record: its row and every step of that row.
//!
//! The modules lease a survey and decide whether to prompt. They record the send. They settle a
//! send that had no answer.

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
