//! Writes the export as XLSX, for people with Excel or LibreOffice.
//!
//! Ids and texts are strings in their cells, never formulas, numbers or links. So every digit of an
//! id stays. Instants are real dates in UTC, and scores are real numbers. Tags are joined by `|` as
//! in CSV. A sheet holds a limited number of rows. Further rows go to further sheets.
//!
//! The rows lie in a temporary file until the workbook is complete. So an export of any length
//! needs the memory of one row. Nothing in the file depends on the time it is written at. So two
//! exports of the same results have the same bytes.

mod cell;
mod fault;

use std::io;
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, IgnoreError, Workbook, XlsxError};

use self::cell::CellContent;
pub use self::cell::writable;
pub use self::fault::is_failed_write;
use self::fault::{Kept, caught};
use crate::results::{COLUMNS, ColumnType, ExportColumn, ResultRow};

/// The most rows of a sheet below its header (Microsoft, "Excel specifications and limits").
pub const SHEET_ROWS_MAX: u32 = 1_048_575;
/// From about this size on, a sheet may be too large for a ZIP archive without its extension for
/// large files. The limit is twice as much.
const LARGE_BYTES: u64 = 2 << 30;
/// The bytes of markup around a cell at most.
const CELL_BYTES: u64 = 100;

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

#[cfg(test)]
mod tests {
    use std::env;
    use std::io::{Cursor, Read as _};

    use zip::ZipArchive;

    use super::*;
    use crate::report::export::csv::is_formula;
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
}
