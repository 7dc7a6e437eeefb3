//! Writes the export as JSON Lines with one object a line. Every line has every field. Absent
//! values are null.

use std::io;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::results::{COLUMNS, ColumnValue, ResultRow};

/// Writes rows as JSON Lines. It does not buffer its output, so give it a buffered writer.
pub struct JsonlExport<W: io::Write> {
    out: W,
}

impl<W: io::Write> JsonlExport<W> {
    /// Begins an export. JSON Lines has no header.
    pub fn new(writer: W) -> Self {
        Self { out: writer }
    }

    /// Writes one survey.
    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &JsonRow(row))?;
        self.out.write_all(b"\n")
    }

    /// Flushes the writer and returns it.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// One row with the names of the columns as its fields.
struct JsonRow<'r>(&'r ResultRow);

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(COLUMNS.len()))?;
        for column in &COLUMNS {
            match (column.read)(self.0) {
                None => fields.serialize_entry(column.name, &())?,
                Some(ColumnValue::Text(text)) => fields.serialize_entry(column.name, &text)?,
                Some(ColumnValue::Number(number)) => {
                    fields.serialize_entry(column.name, &number)?
                }
                Some(ColumnValue::Time(at)) => {
                    fields.serialize_entry(column.name, &at.rfc3339())?
                }
                Some(ColumnValue::Flag(is)) => fields.serialize_entry(column.name, &is)?,
                Some(ColumnValue::List(texts)) => fields.serialize_entry(column.name, texts)?,
            }
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::results::samples::{answered, suppressed};

    fn written(rows: &[ResultRow]) -> String {
        let mut export = JsonlExport::new(Vec::new());
        rows.iter().for_each(|row| export.row(row).unwrap());
        String::from_utf8(export.finish().unwrap()).unwrap()
    }

    #[test]
    fn the_export_reads_like_this() {
        let expected = concat!(
            r#"{"survey_id":"s-1","account":"acme","source":"desk","conversation_id":"c-42","#,
            r#""external_id":"c-42#2","user_id":"343434343434","state":"answered","reason":null,"#,
            r#""closed_at":"2026-11-22T07:59:58.000Z","due_at":"2026-11-22T08:04:58.000Z","#,
            r#""sent_at":"2026-11-22T08:05:00.250Z","feedback_id":"f-1","dm_id":"d-1","#,
            r#""type":"csat","question_variant_id":12,"test":false,"score":4,"#,
            r#""scored_at":"2026-11-22T08:06:00.000Z","text":"Good, thanks","#,
            r#""commented_at":"2026-11-22T08:07:00.000Z","updated_at":"2026-11-22T08:07:00.000Z","#,
            r#""updates":2,"agent":"dana","team":"billing","tags":["vip","late"],"#,
            r#""language":"es"}"#,
            "\n",
            r#"{"survey_id":"s-2","account":"acme","source":"desk","conversation_id":"c-43","#,
            r#""external_id":"c-43","user_id":null,"state":"suppressed","#,
            r#""reason":"throttled","closed_at":"2026-11-22T08:00:00.000Z","due_at":"2026-11-22T08:05:00.000Z","#,
            r#""sent_at":null,"feedback_id":null,"dm_id":null,"type":"nps","#,
            r#""question_variant_id":0,"test":true,"score":null,"scored_at":null,"text":null,"#,
            r#""commented_at":null,"updated_at":null,"updates":0,"agent":null,"team":null,"#,
            r#""tags":[],"language":null}"#,
            "\n",
        );
        assert_eq!(written(&[answered(), suppressed()]), expected);
    }

    #[test]
    fn the_names_are_those_of_the_columns_in_their_order() {
        let line = written(&[answered()]);
        let places = COLUMNS.map(|column| line.find(&format!("\"{}\":", column.name)).unwrap());
        assert!(places.is_sorted());
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(fields.len(), COLUMNS.len());
    }

    proptest! {
        #[test]
        fn every_text_stays_one_line_and_as_it_was(text in any::<String>()) {
            let mut row = answered();
            row.told.text = Some(text.clone());
            let line = written(&[row]);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let found: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(found["text"].as_str(), Some(text.as_str()));
        }
    }
}
