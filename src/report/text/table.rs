//! A table of aligned columns, as wide as its content and no wider than the page.

use std::fmt;

use crate::columns;

/// The fewest characters that the names are cut to, even where the line then grows too long.
const NAME_MIN: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A column of names, which are cut where the page is too narrow, and columns that never are.
#[derive(Debug)]
pub(super) struct Table {
    page: usize,
    heading: &'static str,
    columns: Vec<(&'static str, Align)>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(super) fn new(
        page: usize,
        heading: &'static str,
        columns: Vec<(&'static str, Align)>,
    ) -> Self {
        Self { page, heading, columns, rows: Vec::new() }
    }

    /// Adds a row; `cells` has one for each column.
    pub(super) fn row(&mut self, name: &str, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push((name.to_owned(), cells));
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(place, (heading, _)): (usize, &(&str, Align))| {
            let cells = self.rows.iter().map(|(_, cells)| columns::width(&cells[place]));
            cells.chain([columns::width(heading)]).max().unwrap_or(0)
        };
        self.columns.iter().enumerate().map(width).collect()
    }

    fn name_width(&self, widths: &[usize]) -> usize {
        let taken: usize = widths.iter().map(|width| width + 2).sum();
        let names = self.rows.iter().map(|(name, _)| columns::width(name));
        let wanted = names.chain([columns::width(self.heading)]).max().unwrap_or(0);
        wanted.min(self.page.saturating_sub(taken).max(NAME_MIN))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let name_width = self.name_width(&widths);
        let mut line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
            let mut line = columns::left(&columns::cut(name, name_width), name_width);
            for ((cell, width), (_, align)) in cells.zip(&widths).zip(&self.columns) {
                line.push_str("  ");
                line.push_str(&match align {
                    Align::Left => columns::left(cell, *width),
                    Align::Right => columns::right(cell, *width),
                });
            }
            writeln!(out, "{}", line.trim_end())
        };
        line(self.heading, &mut self.columns.iter().map(|(heading, _)| *heading))?;
        for (name, cells) in &self.rows {
            line(name, &mut cells.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

/// Breaks a line at its spaces so that none is longer than `page`, and indents all but the first.
pub(super) fn wrap(text: &str, page: usize) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = columns::width(word);
        if wrapped.is_empty() {
            width = length;
        } else if width + 1 + length <= page {
            wrapped.push(' ');
            width += 1 + length;
        } else {
            wrapped.push_str("\n  ");
            width = 2 + length;
        }
        wrapped.push_str(word);
    }
    wrapped
}
