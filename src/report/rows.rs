//! Writes the rows of a report for spreadsheets. Each row is a group.
//!
//! The columns stand in one table, from which every form of the rows is written. Numbers are
//! rounded to two decimals. A hidden or absent number is empty.

use std::io;

use csv::{Terminator, WriterBuilder};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use super::export::{defused, writable};
use super::json::rounded;
use crate::domain::summary::{Compared, ComparedGroup};

/// One column of the rows.
pub struct RowColumn {
    pub name: &'static str,
    /// Reads the column's value. `None` is an absent value.
    pub read: fn(&ComparedGroup) -> Option<RowValue>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowValue {
    Text(String),
    Number(f64),
    Flag(bool),
}

use RowValue::{Flag, Number, Text};

const fn column(name: &'static str, read: fn(&ComparedGroup) -> Option<RowValue>) -> RowColumn {
    RowColumn { name, read }
}

/// All columns in their order.
pub const COLUMNS: [RowColumn; 22] = [
    column("key", |row| row.group.key.clone().map(Text)),
    column("type", |row| Some(Text(row.group.kind.as_str().to_owned()))),
    column("closes", |row| count(row.group.closes)),
    column("prompted", |row| count(row.group.prompted)),
    column("answered", |row| count(row.group.answered)),
    column("commented", |row| count(row.group.commented)),
    column("response_rate", |row| number(row.group.response_rate?)),
    column("immature", |row| Some(Flag(row.group.immature))),
    column("score", |row| number(row.group.score?.value)),
    column("low", |row| number(row.group.score?.low)),
    column("high", |row| number(row.group.score?.high)),
    column("mean", |row| number(row.group.mean?)),
    column("median_response_seconds", |row| number(row.group.median_response_seconds?)),
    column("hidden", |row| Some(Text(row.group.hidden?.as_str().to_owned()))),
    column("score_before", |row| number(row.before.as_ref()?.score?.value)),
    column("answered_before", |row| count(row.before.as_ref()?.answered)),
    column("difference", |row| number(row.change?.difference.points)),
    column("difference_low", |row| number(row.change?.difference.low)),
    column("difference_high", |row| number(row.change?.difference.high)),
    column("more_than_chance", |row| Some(Flag(row.change?.more_than_chance))),
    column("suppressed", |row| count(row.group.suppressed.values().sum())),
    column("unsent", |row| count(row.group.unsent.values().sum())),
];

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn count(count: u64) -> Option<RowValue> {
    Some(Number(count as f64))
}

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn number(number: f64) -> Option<RowValue> {
    Some(Number(rounded(number)))
}

/// Returns the rows as a workbook for Excel. Texts are never formulas.
pub fn xlsx(compared: &Compared) -> io::Result<Vec<u8>> {
    workbook(compared).map_err(io::Error::other)
}

fn workbook(compared: &Compared) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // Two files of the same rows have the same bytes.
    let made_at = ExcelDateTime::from_ymd(1980, 1, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
    let sheet = book.add_worksheet();
    sheet.set_name("report")?;
    sheet.set_freeze_panes(1, 1)?;
    let bold = Format::new().set_bold();
    for (column, at) in COLUMNS.iter().zip(0_u16..) {
        sheet.write_string_with_format(0, at, column.name, &bold)?;
    }
    for (row, line) in compared.rows.iter().zip(1_u32..) {
        for (column, at) in COLUMNS.iter().zip(0_u16..) {
            match (column.read)(row) {
                None => continue,
                Some(Text(text)) => sheet.write_string(line, at, writable(text.into()))?,
                Some(Number(number)) => sheet.write_number(line, at, number)?,
                Some(Flag(is)) => sheet.write_boolean(line, at, is)?,
            };
        }
    }
    book.save_to_buffer()
}

/// Returns the rows as CSV (RFC 4180) with a header and CRLF line ends. A key that a spreadsheet
/// would run as a formula is defused.
pub fn csv(compared: &Compared) -> String {
    let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let mut write = |cells: Vec<String>| {
        out.write_record(cells).expect("a list of bytes takes all records of one length");
    };
    write(COLUMNS.iter().map(|column| column.name.to_owned()).collect());
    for row in &compared.rows {
        let cell = |column: &RowColumn| match (column.read)(row) {
            None => String::new(),
            Some(Text(text)) => defused(text.into()).into_owned(),
            Some(Number(number)) => number.to_string(),
            Some(Flag(is)) => is.to_string(),
        };
        write(COLUMNS.iter().map(cell).collect());
    }
    let bytes = out.into_inner().expect("a list of bytes takes everything");
    String::from_utf8(bytes).expect("it was written from texts")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::summary::{GroupBy, compare};
    use crate::report::samples;

    #[test]
    fn the_rows_read_like_this() {
        let november = samples::november(GroupBy::Agent);
        let compared = compare(november.clone(), Some(november));
        let text = csv(&compared);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines[0],
            "key,type,closes,prompted,answered,commented,response_rate,immature,score,low,high,\
             mean,median_response_seconds,hidden,score_before,answered_before,difference,\
             difference_low,difference_high,more_than_chance,suppressed,unsent"
        );
        assert_eq!(
            lines[1],
            "ana,csat,16,13,10,6,76.92,true,90,59.58,98.21,4.6,250,,90,10,0,-31.5,31.5,false,3,0"
        );
        assert_eq!(lines[3], "ben,csat,1,1,1,0,100,false,,,,,,small_group,,1,,,,,0,0");
    }

    #[test]
    fn a_key_is_no_formula() {
        let mut compared = compare(samples::november(GroupBy::Agent), None);
        compared.rows[0].group.key = Some("=1+1".to_owned());
        assert!(csv(&compared).contains("\r\n'=1+1,csat,"));
        let book = xlsx(&compared).unwrap();
        assert_eq!(book, xlsx(&compared).unwrap(), "the same bytes");
        assert!(book.starts_with(b"PK"));
    }
}
