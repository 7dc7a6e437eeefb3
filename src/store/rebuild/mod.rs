//! The record rebuilt from X's events.

pub mod gather;
pub mod rows;
pub mod surveys;
