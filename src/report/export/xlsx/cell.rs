//! Turns a value into what a cell can hold, and writes it.

use std::borrow::Cow;

use rust_xlsxwriter::{Format, Worksheet, XlsxError};

use crate::domain::time::Millis;
use crate::report::export::csv::is_formula;
use crate::results::ColumnValue;

/// The most UTF-16 units of a cell (Microsoft, "Excel specifications and limits").
const CELL_UNITS_MAX: usize = 32_767;

/// Excel counts days from an instant that makes this the day of 1970-01-01.
const DAY_OF_1970: f64 = 25_569.0;
const DAY_MS: f64 = 86_400_000.0;
/// The first day that Excel and all other programs count alike, 1900-03-01.
const FIRST_DAY: f64 = 61.0;
/// The day after Excel's last, 9999-12-31.
const END_OF_DAYS: f64 = 2_958_466.0;

/// The content of a cell.
#[derive(Debug, PartialEq)]
pub enum CellContent<'r> {
    Text(Cow<'r, str>),
    Number(f64),
    Flag(bool),
}

impl<'r> CellContent<'r> {
    pub fn of(value: ColumnValue<'r>) -> Self {
        match value {
            ColumnValue::Text(text) => Self::Text(writable(text)),
            ColumnValue::List(texts) => Self::Text(writable(Cow::Owned(texts.join("|")))),
            // Every number here is far below those that a cell rounds.
            ColumnValue::Number(number) => Self::Number(number as f64),
            ColumnValue::Flag(is) => Self::Flag(is),
            ColumnValue::Time(at) => match day(at) {
                Some(day) => Self::Number(day),
                None => Self::Text(Cow::Owned(at.rfc3339())),
            },
        }
    }

    /// The bytes of its text in the file at most.
    pub fn text_bytes(&self) -> u64 {
        match self {
            // An ampersand takes five bytes.
            Self::Text(text) => 5 * text.len() as u64,
            Self::Number(_) | Self::Flag(_) => 0,
        }
    }

    /// Writes the cell. Text that looks like a formula is marked, so that it stays text when
    /// somebody edits it.
    pub fn write(
        &self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        quoted: &Format,
    ) -> Result<(), XlsxError> {
        match self {
            Self::Text(text) if is_formula(text) => {
                sheet.write_string_with_format(row, column, text.as_ref(), quoted)?
            }
            Self::Text(text) => sheet.write_string(row, column, text.as_ref())?,
            Self::Number(number) => sheet.write_number(row, column, *number)?,
            Self::Flag(is) => sheet.write_boolean(row, column, *is)?,
        };
        Ok(())
    }
}

/// Returns the day as Excel counts it, with the time of day as a fraction. An instant that Excel
/// knows no date for has none.
fn day(at: Millis) -> Option<f64> {
    let day = at.0 as f64 / DAY_MS + DAY_OF_1970;
    (FIRST_DAY..END_OF_DAYS).contains(&day).then_some(day)
}

/// Returns a text as a cell can hold it.
///
/// U+FFFD stands for each character that XML 1.0 forbids. Line ends are line feeds, because a cell
/// shows no other. A text that is too long ends in an ellipsis.
pub fn writable(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_forbidden =
        |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    let mut text = text;
    if text.contains('\r') {
        text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    if text.contains(is_forbidden) {
        text = Cow::Owned(text.replace(is_forbidden, "\u{fffd}"));
    }
    // No text has more UTF-16 units than bytes.
    if text.len() <= CELL_UNITS_MAX || text.encode_utf16().count() <= CELL_UNITS_MAX {
        return text;
    }
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units < CELL_UNITS_MAX
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    Cow::Owned(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_cleaned_to_what_a_cell_can_hold() {
        let written = |text: &str| writable(Cow::Borrowed(text)).into_owned();
        let honest = "Zürich\t☃ 山田\n𝄞 _x0041_ \u{7f}\u{fffd}";
        assert_eq!(written(honest), honest);
        assert_eq!(written("a\0b\u{b}c\u{1b}d\u{ffff}e"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(written("a\r\nb\rc\nd"), "a\nb\nc\nd");
        let full = "x".repeat(32_767);
        assert_eq!(written(&full), full);
        assert_eq!(written(&format!("{full}y")), format!("{}…", "x".repeat(32_766)));
        // A letter of two units is never halved.
        let clefs = "𝄞".repeat(16_383);
        assert_eq!(written(&format!("{clefs}x")), format!("{clefs}x"));
        assert_eq!(written(&format!("{clefs}xy")), format!("{clefs}…"));
    }

    #[test]
    fn an_instant_that_excel_knows_no_date_for_is_text() {
        let at =
            |text: &str| CellContent::of(ColumnValue::Time(Millis::from_rfc3339(text).unwrap()));
        assert_eq!(at("1970-01-01T00:00:00Z"), CellContent::Number(25_569.0));
        assert_eq!(at("2026-11-22T18:00:00Z"), CellContent::Number(46_348.75));
        assert_eq!(at("1900-03-01T00:00:00Z"), CellContent::Number(61.0));
        let text = "1900-02-28T23:59:59.999Z";
        assert_eq!(at(text), CellContent::Text(text.into()));
    }
}
