//! Writes an export in whichever form somebody asks for.

use std::io;
use std::path::Path;

use super::{CsvExport, Dialect, JsonlExport, ParquetExport, XlsxExport};
use crate::domain::result_files::ExportFile;
use crate::results::ResultRow;

/// An export that is being written, one row at a time.
pub enum FileExport<W: io::Write + Send> {
    Csv(Box<CsvExport<W>>),
    Jsonl(JsonlExport<W>),
    Parquet(Box<ParquetExport<W>>),
    /// A workbook is written at its end.
    Xlsx(Box<XlsxExport>, W),
}

impl<W: io::Write + Send> FileExport<W> {
    /// Begins an export. `dialect` matters to CSV alone. XLSX needs a temporary file, which lies in
    /// the folder `temporary`.
    pub fn new(
        form: ExportFile,
        dialect: Dialect,
        writer: W,
        temporary: &Path,
    ) -> io::Result<Self> {
        Ok(match form {
            ExportFile::Csv => Self::Csv(Box::new(CsvExport::new(writer, dialect)?)),
            ExportFile::Jsonl => Self::Jsonl(JsonlExport::new(writer)),
            ExportFile::Parquet => Self::Parquet(Box::new(ParquetExport::new(writer)?)),
            ExportFile::Xlsx => Self::Xlsx(Box::new(XlsxExport::new(temporary)?), writer),
        })
    }

    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.row(row),
            Self::Jsonl(lines) => lines.row(row),
            Self::Parquet(parquet) => parquet.row(row),
            Self::Xlsx(xlsx, _) => xlsx.row(row),
        }
    }

    /// The sheets that the rows needed up to now. Forms without sheets have one.
    pub fn sheets(&self) -> usize {
        match self {
            Self::Csv(_) | Self::Jsonl(_) | Self::Parquet(_) => 1,
            Self::Xlsx(xlsx, _) => xlsx.sheets(),
        }
    }

    /// Writes what is left, and returns the writer. Without it the file is not whole.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Csv(csv) => csv.finish(),
            Self::Jsonl(lines) => lines.finish(),
            Self::Parquet(parquet) => parquet.finish(),
            Self::Xlsx(xlsx, writer) => xlsx.finish(writer),
        }
    }
}
