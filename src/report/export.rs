//! Writes the export with one row for each survey. CSV is for spreadsheets and JSON Lines for
//! programs.
//!
//! Both have the columns of [`COLUMNS`] in that order. Times are RFC 3339 in UTC and always have
//! milliseconds, except in [`Dialect::Spreadsheets`]. Rows are written one at a time. So an export
//! of any length needs the memory of one row. docs/export.md explains each column.

mod csv;
mod jsonl;

pub use self::{
    csv::{CsvExport, Dialect},
    jsonl::JsonlExport,
};
use crate::domain::{survey_type::SurveyType, time::Millis};

/// The names of the columns in their order.
pub const COLUMNS: [&str; 26] = [
    "survey_id",
    "account",
    "source",
    "conversation_id",
    "external_id",
    "user_id",
    "state",
    "reason",
    "closed_at",
    "due_at",
    "sent_at",
    "feedback_id",
    "dm_id",
    "type",
    "question_variant_id",
    "test",
    "score",
    "scored_at",
    "text",
    "commented_at",
    "updated_at",
    "updates",
    "agent",
    "team",
    "tags",
    "language",
];

/// One survey as it is exported. The fields are the columns in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRow {
    pub survey_id: String,
    pub account: String,
    pub source: String,
    pub conversation_id: String,
    pub external_id: String,
    /// Empty if the help desk did not say.
    pub user_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub closed_at: Millis,
    pub due_at: Option<Millis>,
    pub sent_at: Option<Millis>,
    pub feedback_id: Option<String>,
    pub dm_id: Option<String>,
    /// The column `type`.
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub score: Option<u8>,
    pub scored_at: Option<Millis>,
    pub text: Option<String>,
    pub commented_at: Option<Millis>,
    pub updated_at: Option<Millis>,
    /// The number of distinct `updated_at` values that were seen.
    pub updates: u32,
    pub agent: Option<String>,
    pub team: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::COLUMNS;

    #[test]
    fn the_page_on_the_export_tells_of_every_column_in_its_order() {
        let page = include_str!("../../docs/export.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let told: Vec<&str> = rows.map(|(name, _)| name).collect();
        assert_eq!(told, COLUMNS);
    }
}
