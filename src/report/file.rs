//! Writes a report in whichever form somebody asks for.

use super::error::ReportError;
use super::text::TextPage;
use super::{html, json, rows, text};
use crate::domain::result_files::ReportFile;
use crate::domain::summary::Compared;
use crate::domain::view::View;
use crate::results::Reading;

/// Returns the bytes of the report. `compared` is what `reading` read for the view. `page` matters
/// to text alone.
pub async fn write(
    reading: &Reading,
    view: &View,
    compared: &Compared,
    form: ReportFile,
    page: &TextPage,
) -> Result<Vec<u8>, ReportError> {
    Ok(match form {
        ReportFile::Text => text::render(compared, page).into_bytes(),
        ReportFile::Json => json::render(compared).into_bytes(),
        ReportFile::Csv => rows::csv(compared).into_bytes(),
        ReportFile::Xlsx => {
            rows::xlsx(compared).map_err(|error| ReportError::Written(error.to_string()))?
        }
        ReportFile::Html => html::render(reading, view, compared).await?.into_bytes(),
    })
}
