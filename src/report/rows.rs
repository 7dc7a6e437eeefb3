//! Writes the rows of a report for spreadsheets. Each row is a group, and the first is the total.
//!
//! The columns stand in one table, from which every form of the rows is written. Numbers are
//! rounded to two decimals. A hidden or absent number is empty.

use csv::{Terminator, WriterBuilder};

use super::export::defused;
use super::json::rounded;
use crate::domain::summary::{Compared, Row};

/// One column of the rows.
pub struct RowColumn {
    pub name: &'static str,
    /// Reads the column's value. `None` is an absent value.
    pub read: fn(&Row) -> Option<RowValue>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowValue {
    Text(String),
    Number(f64),
    Flag(bool),
}

use RowValue::{Flag, Number, Text};

const fn column(name: &'static str, read: fn(&Row) -> Option<RowValue>) -> RowColumn {
    RowColumn { name, read }
}

/// All columns in their order.
pub const COLUMNS: [RowColumn; 20] = [
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
];

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn count(count: u64) -> Option<RowValue> {
    Some(Number(count as f64))
}

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn number(number: f64) -> Option<RowValue> {
    Some(Number(rounded(number)))
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
