//! The forms of files with results.

use super::named::named;

/// The form of a report, with a row for each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFile {
    Html,
    Text,
    Json,
    Csv,
    Xlsx,
}

named!(ReportFile {
    Html = "html",
    Text = "text",
    Json = "json",
    Csv = "csv",
    Xlsx = "xlsx",
});

/// The form of an export, with a row for each survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFile {
    Csv,
    Jsonl,
    Parquet,
    Xlsx,
}

named!(ExportFile {
    Csv = "csv",
    Jsonl = "jsonl",
    Parquet = "parquet",
    Xlsx = "xlsx",
});

impl ReportFile {
    /// The ending of the file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html | Self::Json | Self::Csv | Self::Xlsx => self.as_str(),
        }
    }
}

impl ExportFile {
    /// The ending of the file's name.
    pub fn ending(self) -> &'static str {
        self.as_str()
    }
}
