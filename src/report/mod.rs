//! What users read of the results: the report as text and as JSON, the export as CSV and as JSON
//! Lines, and the period that both are asked for.
//!
//! The numbers are `domain::summary`'s; what stands here only writes them, and computes none.

pub mod export;
pub mod json;
pub mod opt_outs;
pub mod period;
pub mod text;

#[cfg(test)]
mod samples;
