//! Writes what users read of the results. The report comes as text, JSON, CSV, XLSX and HTML
//! ([`file`]), and as some sentences ([`headline`]). The export comes as CSV, JSON Lines, Parquet
//! and XLSX. The folder also reads the period that both are asked for.
//!
//! The numbers come from `domain::summary`. Nothing is computed here.

pub mod error;
pub mod export;
pub mod file;
pub mod headline;
mod html;
pub mod json;
pub mod opt_outs;
pub mod period;
pub mod rows;
pub mod text;

#[cfg(test)]
mod samples;
