//! Plain tables for people: columns as wide as their widest cell.

use std::io;

use crate::columns;
use crate::domain::plain_text::printable;
use crate::output::out;

/// Writes a table to standard output.
pub fn print(head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    out!("{}", aligned(head, rows, |_| false))
}

/// A table whose columns behind the first hold numbers.
pub fn of_numbers(head: &[&str], rows: &[Vec<String>]) -> String {
    aligned(head, rows, |column| column > 0)
}

fn aligned(head: &[&str], rows: &[Vec<String>], is_number: impl Fn(usize) -> bool) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| columns::width(cell)).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns::width(cell));
        }
    }
    let mut table = String::new();
    let mut line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            text += &match is_number(column) {
                true => columns::right(cell, *width) + "  ",
                false => columns::left(cell, *width) + "  ",
            };
        }
        table.push_str(text.trim_end());
        table.push('\n');
    };
    line(head.to_vec());
    for row in &rows {
        line(row.iter().map(String::as_str).collect());
    }
    table
}
