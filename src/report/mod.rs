//! Writes what users read of the results. The report comes as text and as JSON. The export comes as
//! CSV, JSON Lines, Parquet and XLSX. The folder also reads the period that both are asked for.
//!
//! The numbers come from `domain::summary`. Nothing is computed here.

pub mod export;
pub mod json;
pub mod opt_outs;
pub mod period;
pub mod rows;
pub mod text;

#[cfg(test)]
mod samples;
