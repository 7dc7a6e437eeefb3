//! The life of a survey on record: its row and every step of it, who works on it, the last
//! decision, the send, and how a send without an answer is settled.

pub mod claim;
pub mod clock_ahead;
pub mod decide;
pub mod dry_run;
pub mod ending;
pub mod prompt;
pub mod retry;
pub mod row;
pub mod send;
pub mod settle;
pub mod step;
pub mod wait_history;
pub mod waiting;
