//! Prints plain tables whose columns are as wide as their widest cell.

use std::io;

use crate::output::out;
use crate::terminal::OutputStyle;
use crate::terminal::table::{Column, table};

/// Writes a table to standard output.
pub fn print(head: &[&'static str], rows: &[Vec<String>]) -> io::Result<()> {
    let columns: Vec<Column> = head.iter().map(|head| Column::text(head)).collect();
    out!("{}", table(&OutputStyle::PLAIN, &columns, rows))
}

/// Returns a table in which every column after the first holds numbers.
pub fn of_numbers(head: &[&'static str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Column> = head
        .iter()
        .enumerate()
        .map(|(place, head)| if place == 0 { Column::text(head) } else { Column::number(head) })
        .collect();
    table(&OutputStyle::PLAIN, &columns, rows)
}
