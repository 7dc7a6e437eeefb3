//! Writes the export with one row for each survey. CSV is for spreadsheets and JSON Lines for
//! programs.
//!
//! Both have the columns of [`results::COLUMNS`](crate::results::COLUMNS) in that order. Times are
//! RFC 3339 in UTC and always have milliseconds, except in [`Dialect::Spreadsheets`]. Rows are
//! written one at a time. So an export of any length needs the memory of one row.

mod csv;
mod jsonl;

pub use self::{
    csv::{CsvExport, Dialect, defused},
    jsonl::JsonlExport,
};
