//! Writes the export as XLSX, for people with Excel or LibreOffice.
//!
//! Ids and texts are strings in their cells, never formulas, numbers or links. So every digit of an
//! id stays. Instants are real dates in UTC, and scores are real numbers. Tags are joined by `|` as
//! in CSV. A sheet holds a limited number of rows. Further rows go to further sheets.
//!
//! The rows lie in a temporary file until the workbook is complete. So an export of any length
//! needs the memory of one row. Nothing in the file depends on the time it is written at. So two
//! exports of the same results have the same bytes.

use std::borrow::Cow;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, IgnoreError, Workbook, Worksheet, XlsxError,
};

use super::csv::is_formula;
use crate::domain::time::Millis;
use crate::results::{COLUMNS, ColumnType, ColumnValue, ExportColumn, ResultRow};

/// The most rows of a sheet below its header (Microsoft, "Excel specifications and limits").
pub const SHEET_ROWS_MAX: u32 = 1_048_575;
/// The most UTF-16 units of a cell (the same page).
const CELL_UNITS_MAX: usize = 32_767;
/// From about this size on, a sheet may be too large for a ZIP archive without its extension for
/// large files. The limit is twice as much.
const LARGE_BYTES: u64 = 2 << 30;
/// The bytes of markup around a cell at most.
const CELL_BYTES: u64 = 100;

/// Excel counts days from an instant that makes this the day of 1970-01-01.
const DAY_OF_1970: f64 = 25_569.0;
const DAY_MS: f64 = 86_400_000.0;
/// The first day that Excel and all other programs count alike, 1900-03-01.
const FIRST_DAY: f64 = 61.0;
/// The day after Excel's last, 9999-12-31.
const END_OF_DAYS: f64 = 2_958_466.0;

/// What the panic of a failed write to the temporary file says.
const FAILED_WRITE: &str = "Couldn't write to xml file";

/// Writes rows as XLSX. Nothing reaches the writer before the end.
pub struct XlsxExport {
    book: Workbook,
    sheets: usize,
    /// The rows below the header of the last sheet.
    rows: u32,
    rows_max: u32,
    /// The bytes of the last sheet at most.
    bytes: u64,
    is_large: bool,
    quoted: Format,
}

impl XlsxExport {
    /// Begins an export. Its temporary file lies without a name in the folder `temporary`. There it
    /// needs some nine times the room of the finished workbook.
    pub fn new(temporary: &Path) -> io::Result<Self> {
        Self::with_rows(temporary, SHEET_ROWS_MAX)
    }

    fn with_rows(temporary: &Path, rows_max: u32) -> io::Result<Self> {
        let quoted = Format::new().set_quote_prefix();
        let book = Workbook::new();
        let mut export =
            Self { book, sheets: 0, rows: 0, rows_max, bytes: 0, is_large: false, quoted };
        caught(|| {
            // The library would put the present time here.
            let made_at = ExcelDateTime::from_ymd(1980, 1, 1)?;
            export.book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
            export.book.set_tempdir(temporary)?;
            export.begin_sheet()
        })?;
        Ok(export)
    }

    /// Writes one survey.
    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        caught(|| {
            if self.rows == self.rows_max {
                self.end_sheet()?;
                self.begin_sheet()?;
            }
            self.rows += 1;
            let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
            for (place, column) in (0..).zip(&COLUMNS) {
                let Some(value) = (column.read)(row) else { continue };
                let cell = CellContent::of(value);
                self.bytes += CELL_BYTES + cell.text_bytes();
                cell.write(sheet, (self.rows, place), &self.quoted)?;
            }
            Ok(())
        })
    }

    /// The sheets that the rows needed up to now.
    pub fn sheets(&self) -> usize {
        self.sheets
    }

    /// Packs the workbook and writes it. The writer need not seek.
    pub fn finish<W: io::Write + Send>(mut self, writer: W) -> io::Result<W> {
        let mut writer = Kept { writer, error: None };
        let packed = caught(|| {
            self.end_sheet()?;
            self.book.use_zip_large_file(self.is_large);
            self.book.save_to_writer(&mut writer)
        });
        match writer.error {
            Some(error) => Err(error),
            None => packed.map(|()| writer.writer),
        }
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        (self.rows, self.bytes) = (0, 0);
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        match self.sheets {
            1 => sheet.set_name("surveys")?,
            number => sheet.set_name(format!("surveys {number}"))?,
        };
        sheet.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        let date = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
        for (place, column) in (0..).zip(&COLUMNS) {
            sheet.set_column_width(place, width(column))?;
            if column.kind == ColumnType::Time {
                sheet.set_column_format(place, &date)?;
            }
            sheet.write_string_with_format(0, place, column.name, &bold)?;
        }
        Ok(())
    }

    fn end_sheet(&mut self) -> Result<(), XlsxError> {
        self.is_large |= self.bytes > LARGE_BYTES;
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        let (last, rows) = (COLUMNS.len() as u16 - 1, self.rows);
        sheet.autofilter(0, 0, rows, last)?;
        if rows > 0 {
            // Excel would mark each id of digits as a mistake.
            sheet.ignore_error_range(1, 0, rows, last, IgnoreError::NumberStoredAsText)?;
        }
        Ok(())
    }
}

/// The width of a column in characters.
fn width(column: &ExportColumn) -> f64 {
    let of_values: u32 = match column.kind {
        _ if column.name == "text" => 60,
        ColumnType::Id | ColumnType::Time | ColumnType::List => 20,
        ColumnType::Text => 16,
        ColumnType::Word => 12,
        ColumnType::Number | ColumnType::Score | ColumnType::Flag => 8,
    };
    // The button of the filter stands beside the name.
    let of_name = u32::try_from(column.name.len()).expect("names are short") + 4;
    of_values.max(of_name).into()
}

/// The content of a cell.
#[derive(Debug, PartialEq)]
enum CellContent<'r> {
    Text(Cow<'r, str>),
    Number(f64),
    Flag(bool),
}

impl<'r> CellContent<'r> {
    fn of(value: ColumnValue<'r>) -> Self {
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

    fn text_bytes(&self) -> u64 {
        match self {
            // An ampersand takes five bytes.
            Self::Text(text) => 5 * text.len() as u64,
            Self::Number(_) | Self::Flag(_) => 0,
        }
    }

    /// Writes the cell. Text that looks like a formula is marked, so that it stays text when
    /// somebody edits it.
    fn write(
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

/// Keeps the first error of a writer, because the library gives back its text alone. Later writes
/// go nowhere. Otherwise the library would complain on standard error that it cannot clean up.
struct Kept<W> {
    writer: W,
    error: Option<io::Error>,
}

impl<W: io::Write> Kept<W> {
    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error = Some(error);
            }
            kind.into()
        })
    }
}

impl<W: io::Write> io::Write for Kept<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Ok(bytes.len());
        }
        let written = self.writer.write(bytes);
        self.keep(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.error.is_some() {
            return Ok(());
        }
        let flushed = self.writer.flush();
        self.keep(flushed)
    }
}

/// Does a piece of the library's work. The library panics if its temporary file cannot be written.
/// That is an error here like that of any other file. After an error the export must be dropped.
fn caught<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| match error {
            XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => error,
            error => io::Error::other(error),
        }),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) if is_failed_write(&text) => {
                let reason =
                    text.split("message: \"").nth(1).and_then(|text| text.split('"').next());
                let reason = reason.unwrap_or("is the disk full?");
                Err(io::Error::other(format!("the temporary file cannot be written: {reason}")))
            }
            Ok(text) => panic::resume_unwind(text),
            Err(payload) => panic::resume_unwind(payload),
        },
    }
}

/// True if a panic with this text is a failed write of [`XlsxExport`]. It ends as an error, so
/// nobody needs to be told of the panic.
pub fn is_failed_write(panic: &str) -> bool {
    panic.starts_with(FAILED_WRITE)
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::io::{Cursor, Read as _};

    use zip::ZipArchive;

    use super::*;
    use crate::results::samples::{answered, suppressed};

    fn written_in(rows: &[ResultRow], rows_max: u32) -> Vec<u8> {
        let mut export = XlsxExport::with_rows(&env::temp_dir(), rows_max).unwrap();
        rows.iter().for_each(|row| export.row(row).unwrap());
        export.finish(Vec::new()).unwrap()
    }

    fn written(rows: &[ResultRow]) -> Vec<u8> {
        written_in(rows, SHEET_ROWS_MAX)
    }

    fn part(bytes: &[u8], name: &str) -> String {
        let mut book = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        book.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn sheet(bytes: &[u8], number: usize) -> String {
        part(bytes, &format!("xl/worksheets/sheet{number}.xml"))
    }

    /// The rows of a sheet, each with its cells as they stand in the file.
    fn rows(sheet: &str) -> Vec<Vec<String>> {
        let (_, rows) = sheet.split_once("<sheetData>").unwrap();
        let (rows, _) = rows.split_once("</sheetData>").unwrap();
        let rows = rows.split("</row>").filter(|row| !row.is_empty());
        rows.map(|row| row.split("<c ").skip(1).map(str::to_owned).collect()).collect()
    }

    fn comment(text: &str) -> ResultRow {
        let mut row = suppressed();
        row.told.text = Some(text.to_owned());
        row
    }

    #[test]
    fn the_rows_read_like_this() {
        let rows = rows(&sheet(&written(&[answered(), suppressed()]), 1));
        let names = rows[0].iter().zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars()).zip(&COLUMNS);
        for ((cell, letter), column) in names {
            let name = column.name;
            let expected =
                format!(r#"r="{letter}1" s="1" t="inlineStr"><is><t>{name}</t></is></c>"#);
            assert_eq!(*cell, expected);
        }
        let text =
            |at: &str, text: &str| format!(r#"r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
        let date = |at: &str, day: &str| format!(r#"r="{at}" s="2"><v>{day}</v></c>"#);
        let number = |at: &str, number: u32| format!(r#"r="{at}"><v>{number}</v></c>"#);
        let flag = |at: &str, is: u32| format!(r#"r="{at}" t="b"><v>{is}</v></c>"#);
        let expected = [
            text("A2", "s-1"),
            text("B2", "acme"),
            text("C2", "desk"),
            text("D2", "c-42"),
            text("E2", "c-42#2"),
            text("F2", "343434343434"),
            text("G2", "answered"),
            date("I2", "46348.33331018519"),
            date("J2", "46348.33678240741"),
            date("K2", "46348.33680844908"),
            text("L2", "f-1"),
            text("M2", "d-1"),
            text("N2", "csat"),
            number("O2", 12),
            flag("P2", 0),
            number("Q2", 4),
            date("R2", "46348.3375"),
            text("S2", "Good, thanks"),
            date("T2", "46348.33819444444"),
            date("U2", "46348.33819444444"),
            number("V2", 2),
            text("W2", "dana"),
            text("X2", "billing"),
            text("Y2", "vip|late"),
            text("Z2", "es"),
        ];
        assert_eq!(rows[1], expected);
        let expected = [
            text("A3", "s-2"),
            text("B3", "acme"),
            text("C3", "desk"),
            text("D3", "c-43"),
            text("E3", "c-43"),
            text("G3", "suppressed"),
            text("H3", "throttled"),
            date("I3", "46348.33333333333"),
            date("J3", "46348.336805555555"),
            text("N3", "nps"),
            number("O3", 0),
            flag("P3", 1),
            number("V3", 0),
        ];
        assert_eq!(rows[2], expected);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn the_sheet_around_the_rows_reads_like_this() {
        let bytes = written(&[answered()]);
        let sheet = sheet(&bytes, 1);
        let (head, rest) = sheet.split_once("<sheetData>").unwrap();
        let (_, tail) = rest.split_once("</sheetData>").unwrap();
        let frozen =
            "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>";
        assert!(head.contains(frozen), "{head}");
        let comments = "<col min=\"19\" max=\"19\" width=\"60.7109375\" customWidth=\"1\"/>";
        assert!(head.contains(comments), "{head}");
        assert_eq!(
            tail,
            "<autoFilter ref=\"A1:Z2\"/><pageMargins left=\"0.7\" right=\"0.7\" top=\"0.75\" \
             bottom=\"0.75\" header=\"0.3\" footer=\"0.3\"/><ignoredErrors><ignoredError \
             sqref=\"A2:Z2\" numberStoredAsText=\"1\"/></ignoredErrors></worksheet>"
        );
        let core = part(&bytes, "docProps/core.xml");
        let styles = part(&bytes, "xl/styles.xml");
        assert!(styles.contains("formatCode=\"yyyy-mm-dd hh:mm:ss\""), "{styles}");
        let (_, properties) = core.split_once("<dc:creator>").unwrap();
        assert_eq!(
            properties,
            "</dc:creator><cp:lastModifiedBy></cp:lastModifiedBy>\
             <dcterms:created xsi:type=\"dcterms:W3CDTF\">1980-01-01T00:00:00Z</dcterms:created>\
             <dcterms:modified xsi:type=\"dcterms:W3CDTF\">1980-01-01T00:00:00Z</dcterms:modified>\
             </cp:coreProperties>"
        );
    }

    #[test]
    fn an_export_without_rows_still_has_its_header() {
        let rows = rows(&sheet(&written(&[]), 1));
        assert_eq!((rows.len(), rows[0].len()), (1, COLUMNS.len()));
    }

    #[test]
    fn two_exports_of_the_same_results_are_the_same_bytes() {
        let rows = [answered(), suppressed(), comment("=1")];
        assert_eq!(written(&rows), written(&rows));
    }

    #[test]
    fn rows_that_one_sheet_cannot_hold_go_to_further_ones() {
        let bytes = written_in(&vec![suppressed(); 5], 2);
        let sizes: Vec<usize> =
            (1..=3).map(|number| rows(&sheet(&bytes, number)).len() - 1).collect();
        assert_eq!(sizes, [2, 2, 1]);
        let book = part(&bytes, "xl/workbook.xml");
        let names: Vec<&str> = book
            .split("<sheet name=\"")
            .skip(1)
            .map(|rest| rest.split_once('"').unwrap().0)
            .collect();
        assert_eq!(names, ["surveys", "surveys 2", "surveys 3"]);
        let two = written_in(&vec![suppressed(); 4], 2);
        assert_eq!(ZipArchive::new(Cursor::new(two)).unwrap().len() + 1, {
            ZipArchive::new(Cursor::new(bytes)).unwrap().len()
        });
    }

    #[test]
    fn what_a_spreadsheet_would_run_or_link_is_text() {
        for hostile in [
            "=1+1",
            "{=1+1}",
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "1234567890123456789",
            "1e5",
            "2026-11-22",
            "TRUE",
            "https://evil.example/",
            "mailto:me@acme.example",
            "internal:Sheet1!A1",
        ] {
            let bytes = written(&[comment(hostile)]);
            let sheet = sheet(&bytes, 1);
            assert!(!sheet.contains("<f>") && !sheet.contains("hyperlink"), "{sheet}");
            let cell = rows(&sheet)[1].iter().find(|cell| cell.starts_with("r=\"S2\"")).cloned();
            let style = if is_formula(hostile) { " s=\"3\"" } else { "" };
            let expected = format!("r=\"S2\"{style} t=\"inlineStr\"><is><t>{hostile}</t></is></c>");
            assert_eq!(cell.as_deref(), Some(expected.as_str()));
        }
    }

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

    #[test]
    fn an_error_of_the_writer_stays_what_it_was() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::StorageFull, "no room"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let export = XlsxExport::new(&env::temp_dir()).unwrap();
        let error = export.finish(Full).err().unwrap();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::StorageFull, "no room")
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let error = XlsxExport::new(Path::new("/nowhere/at/all")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[should_panic(expected = "something else")]
    fn any_other_panic_stays_one() {
        let _ = caught::<()>(|| panic!("something else: {}", 1));
    }
}
