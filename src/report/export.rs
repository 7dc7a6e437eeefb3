//! Writes the export with one row for each survey. CSV, JSON Lines and Parquet are for programs.
//! XLSX is for spreadsheets.
//!
//! All have the columns of [`results::COLUMNS`](crate::results::COLUMNS) in that order. Rows are
//! given one at a time. CSV and JSON Lines need the memory of one row, Parquet that of a group of
//! rows. XLSX needs a temporary file. So no export is too long for the memory.

mod csv;
mod file;
mod jsonl;
mod parquet;
mod xlsx;

pub use self::{
    csv::{CsvExport, Dialect, defused},
    file::FileExport,
    jsonl::JsonlExport,
    parquet::ParquetExport,
    xlsx::{SHEET_ROWS_MAX, XlsxExport, is_failed_write, writable},
};
