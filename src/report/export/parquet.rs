//! Writes the export as Parquet, for DuckDB, pandas and data warehouses.
//!
//! Ids and texts are UTF-8 strings. Instants are timestamps in UTC with milliseconds. Tags are a
//! list of strings. Every column may be null, so the schema never depends on the rows. The file
//! names the version of surveyd and nothing else about its origin. So two exports of the same
//! results have the same bytes.
//!
//! Parquet stores a group of rows column by column, and a group is held in memory until it is
//! written. It ends at a number of rows or of bytes, whichever comes first.

mod buffer;
mod schema;

use std::io;
use std::mem;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;

use self::buffer::ColumnBuffer;
use self::schema::schema;
use crate::results::{COLUMNS, ResultRow};

/// The most rows of a group.
const GROUP_ROWS_MAX: usize = 50_000;
/// A group ends with the row whose texts bring it to this many bytes.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Writes rows as Parquet. It buffers its output, so the writer below needs no buffer. It keeps the
/// writer, so give it a `&mut`.
pub struct ParquetExport<W: io::Write + Send> {
    file: SerializedFileWriter<W>,
    group: Vec<ColumnBuffer>,
    rows: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl<W: io::Write + Send> ParquetExport<W> {
    /// Begins an export by writing the mark of a Parquet file.
    pub fn new(writer: W) -> io::Result<Self> {
        Self::with_groups(writer, GROUP_ROWS_MAX, GROUP_BYTES_MAX)
    }

    fn with_groups(writer: W, rows_max: usize, bytes_max: usize) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_created_by(format!("surveyd {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .build();
        let schema = schema().map_err(io_error)?;
        let file = SerializedFileWriter::new(writer, schema, Arc::new(properties));
        let (file, group) = (file.map_err(io_error)?, new_group());
        Ok(Self { file, group, rows: 0, rows_max, bytes_max })
    }

    /// Writes one survey.
    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        for (column, buffer) in COLUMNS.iter().zip(&mut self.group) {
            buffer.push((column.read)(row));
        }
        self.rows += 1;
        let bytes: usize = self.group.iter().map(ColumnBuffer::text_bytes).sum();
        if self.rows == self.rows_max || bytes >= self.bytes_max {
            self.end_group().map_err(io_error)?;
        }
        Ok(())
    }

    /// Writes the last group and the end of the file, without which no program reads it.
    pub fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.end_group().map_err(io_error)?;
        }
        self.file.into_inner().map_err(io_error)
    }

    fn end_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for buffer in mem::replace(&mut self.group, new_group()) {
            let mut column = group.next_column()?.expect("the schema has each of the columns");
            buffer.write(column.untyped())?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn new_group() -> Vec<ColumnBuffer> {
    COLUMNS.iter().map(|column| ColumnBuffer::new(column.kind)).collect()
}

/// An error of the writer below stays what it was. So a closed pipe can be told from a full disk.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use ::parquet::record::{Field, Row};
    use ::parquet::schema::printer::print_schema;
    use proptest::prelude::*;

    use super::*;
    use crate::results::samples::{answered, suppressed};

    fn written(rows: &[ResultRow]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut export = ParquetExport::new(&mut bytes).unwrap();
        rows.iter().for_each(|row| export.row(row).unwrap());
        export.finish().unwrap();
        bytes
    }

    fn reader(bytes: &[u8]) -> SerializedFileReader<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        SerializedFileReader::new(file).unwrap()
    }

    fn read_back(rows: &[ResultRow]) -> Vec<Row> {
        reader(&written(rows)).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn the_schema_reads_like_this() {
        let file = reader(&written(&[]));
        let mut schema = Vec::new();
        print_schema(&mut schema, file.metadata().file_metadata().schema());
        assert_eq!(
            String::from_utf8(schema).unwrap(),
            "message surveys {
  OPTIONAL BYTE_ARRAY survey_id (STRING);
  OPTIONAL BYTE_ARRAY account (STRING);
  OPTIONAL BYTE_ARRAY source (STRING);
  OPTIONAL BYTE_ARRAY conversation_id (STRING);
  OPTIONAL BYTE_ARRAY external_id (STRING);
  OPTIONAL BYTE_ARRAY user_id (STRING);
  OPTIONAL BYTE_ARRAY state (STRING);
  OPTIONAL BYTE_ARRAY reason (STRING);
  OPTIONAL INT64 closed_at (TIMESTAMP(MILLIS,true));
  OPTIONAL INT64 due_at (TIMESTAMP(MILLIS,true));
  OPTIONAL INT64 sent_at (TIMESTAMP(MILLIS,true));
  OPTIONAL BYTE_ARRAY feedback_id (STRING);
  OPTIONAL BYTE_ARRAY dm_id (STRING);
  OPTIONAL BYTE_ARRAY type (STRING);
  OPTIONAL INT64 question_variant_id;
  OPTIONAL BOOLEAN test;
  OPTIONAL INT32 score;
  OPTIONAL INT64 scored_at (TIMESTAMP(MILLIS,true));
  OPTIONAL BYTE_ARRAY text (STRING);
  OPTIONAL INT64 commented_at (TIMESTAMP(MILLIS,true));
  OPTIONAL INT64 updated_at (TIMESTAMP(MILLIS,true));
  OPTIONAL INT64 updates;
  OPTIONAL BYTE_ARRAY agent (STRING);
  OPTIONAL BYTE_ARRAY team (STRING);
  OPTIONAL group tags (LIST) {
    REPEATED group list {
      REQUIRED BYTE_ARRAY element (STRING);
    }
  }
  OPTIONAL BYTE_ARRAY language (STRING);
}
"
        );
    }

    #[test]
    fn the_rows_read_like_this() {
        let rows = read_back(&[answered(), suppressed()]);
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let expected = [
            r#"{survey_id: "s-1", account: "acme", source: "desk", conversation_id: "c-42", "#,
            r#"external_id: "c-42#2", user_id: "343434343434", state: "answered", reason: null, "#,
            "closed_at: 2026-11-22 07:59:58.000 +00:00, due_at: 2026-11-22 08:04:58.000 +00:00, ",
            r#"sent_at: 2026-11-22 08:05:00.250 +00:00, feedback_id: "f-1", dm_id: "d-1", "#,
            r#"type: "csat", question_variant_id: 12, test: false, score: 4, "#,
            r#"scored_at: 2026-11-22 08:06:00.000 +00:00, text: "Good, thanks", "#,
            "commented_at: 2026-11-22 08:07:00.000 +00:00, ",
            "updated_at: 2026-11-22 08:07:00.000 +00:00, updates: 2, ",
            r#"agent: "dana", team: "billing", tags: ["vip", "late"], language: "es"}"#,
        ];
        assert_eq!(rows[0], expected.concat());
        let expected = [
            r#"{survey_id: "s-2", account: "acme", source: "desk", conversation_id: "c-43", "#,
            r#"external_id: "c-43", user_id: null, state: "suppressed", reason: "throttled", "#,
            "closed_at: 2026-11-22 08:00:00.000 +00:00, due_at: 2026-11-22 08:05:00.000 +00:00, ",
            r#"sent_at: null, feedback_id: null, dm_id: null, type: "nps", "#,
            "question_variant_id: 0, test: true, score: null, scored_at: null, text: null, ",
            "commented_at: null, updated_at: null, updates: 0, ",
            "agent: null, team: null, tags: [], language: null}",
        ];
        assert_eq!(rows[1], expected.concat());
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn the_file_names_the_version_alone() {
        let file = reader(&written(&[answered()]));
        let metadata = file.metadata().file_metadata();
        let version = format!("surveyd {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata.created_by(), Some(version.as_str()));
        assert_eq!(metadata.key_value_metadata(), None);
    }

    #[test]
    fn two_exports_of_the_same_results_are_the_same_bytes() {
        let rows = [answered(), suppressed(), answered()];
        assert_eq!(written(&rows), written(&rows));
    }

    #[test]
    fn a_group_ends_at_a_number_of_rows_or_of_bytes() {
        let sizes = |rows: &[ResultRow]| {
            let mut bytes = Vec::new();
            let mut export = ParquetExport::with_groups(&mut bytes, 3, 5_000).unwrap();
            rows.iter().for_each(|row| export.row(row).unwrap());
            export.finish().unwrap();
            let file = reader(&bytes);
            let groups = file.metadata().row_groups().iter();
            groups.map(|group| group.num_rows()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&vec![suppressed(); 7]), [3, 3, 1]);
        assert_eq!(sizes(&vec![suppressed(); 3]), [3]);
        let mut long = suppressed();
        long.told.text = Some("x".repeat(2_500));
        assert_eq!(sizes(&vec![long; 3]), [2, 1]);
        assert_eq!(sizes(&[]), Vec::<i64>::new());
    }

    #[test]
    fn an_error_of_the_writer_stays_what_it_was() {
        #[derive(Debug)]
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut export = ParquetExport::new(Full).unwrap();
        export.row(&answered()).unwrap();
        assert_eq!(export.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    proptest! {
        #[test]
        fn every_text_and_every_tag_is_read_back_as_it_was(
            texts in prop::collection::vec((any::<Option<String>>(), any::<Vec<String>>()), 0..9),
        ) {
            let rows = texts.iter().map(|(text, tags)| {
                let mut row = answered();
                row.told.text.clone_from(text);
                row.survey.notice.tags.clone_from(tags);
                row
            });
            let rows = read_back(&rows.collect::<Vec<_>>());
            let found = rows.iter().map(|row| {
                let columns: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
                let text = |field: &Field| match field {
                    Field::Str(text) => Some(text.clone()),
                    _ => None,
                };
                let Field::ListInternal(tags) = columns[24] else { panic!("{row}") };
                (text(columns[18]), tags.elements().iter().filter_map(text).collect::<Vec<_>>())
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), texts);
        }
    }
}
