//! Why a report cannot be made.

use thiserror::Error;

use crate::results;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    #[error(transparent)]
    Read(#[from] results::Error),
    #[error("the report cannot be written: {0}")]
    Written(String),
}
