//! Keeps what supervisors read: a narrow row for each survey, and the totals of each day.
//!
//! Triggers mark what changes (`result_due`). [`refresh`] makes the results of marked surveys anew,
//! and [`days`] the totals of the days that these touch. Both work in bounded turns of the writer
//! that does not take closes. A result is always made as a whole from its survey and feedback, and
//! a day as a whole from its results, so neither can drift. Only the holder of [`state`]'s row
//! works on them.
//!
//! Nothing here is on the way of a close or an answer. Nothing is decided by what stands here.

pub mod catch_up;
pub mod days;
pub mod due;
pub mod refresh;
pub mod row;
pub mod state;
pub mod totals;
