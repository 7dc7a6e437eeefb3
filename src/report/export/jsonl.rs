//! Writes the export as JSON Lines with one object a line. Every line has every field. Absent
//! values are null.

use std::io;

use serde::Serialize;

use super::ExportRow;
use crate::domain::time::Millis;

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
    pub fn row(&mut self, row: &ExportRow) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &JsonRow::of(row))?;
        self.out.write_all(b"\n")
    }

    /// Flushes the writer and returns it.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// One row with the names of the columns as its fields.
#[derive(Serialize)]
struct JsonRow<'a> {
    survey_id: &'a str,
    account: &'a str,
    source: &'a str,
    conversation_id: &'a str,
    external_id: &'a str,
    user_id: Option<&'a str>,
    state: &'a str,
    reason: Option<&'a str>,
    closed_at: String,
    due_at: Option<String>,
    sent_at: Option<String>,
    feedback_id: Option<&'a str>,
    dm_id: Option<&'a str>,
    r#type: &'static str,
    question_variant_id: u32,
    test: bool,
    score: Option<u8>,
    scored_at: Option<String>,
    text: Option<&'a str>,
    commented_at: Option<String>,
    updated_at: Option<String>,
    updates: u32,
    agent: Option<&'a str>,
    team: Option<&'a str>,
    tags: &'a [String],
    language: Option<&'a str>,
}

impl<'a> JsonRow<'a> {
    fn of(row: &'a ExportRow) -> Self {
        Self {
            survey_id: &row.survey_id,
            account: &row.account,
            source: &row.source,
            conversation_id: &row.conversation_id,
            external_id: &row.external_id,
            user_id: Some(row.user_id.as_str()).filter(|id| !id.is_empty()),
            state: &row.state,
            reason: row.reason.as_deref(),
            closed_at: row.closed_at.rfc3339(),
            due_at: row.due_at.map(Millis::rfc3339),
            sent_at: row.sent_at.map(Millis::rfc3339),
            feedback_id: row.feedback_id.as_deref(),
            dm_id: row.dm_id.as_deref(),
            r#type: row.kind.as_str(),
            question_variant_id: row.question_variant_id,
            test: row.test,
            score: row.score,
            scored_at: row.scored_at.map(Millis::rfc3339),
            text: row.text.as_deref(),
            commented_at: row.commented_at.map(Millis::rfc3339),
            updated_at: row.updated_at.map(Millis::rfc3339),
            updates: row.updates,
            agent: row.agent.as_deref(),
            team: row.team.as_deref(),
            tags: &row.tags,
            language: row.language.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::report::export::{
        COLUMNS,
        samples::{answered, suppressed},
    };

    fn written(rows: &[ExportRow]) -> String {
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
            r#""external_id":"c-43","user_id":"343434343435","state":"suppressed","#,
            r#""reason":"throttled","closed_at":"2026-11-22T08:00:00.000Z","due_at":null,"#,
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
        let places = COLUMNS.map(|name| line.find(&format!("\"{name}\":")).unwrap());
        assert!(places.is_sorted());
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(fields.len(), COLUMNS.len());
    }

    proptest! {
        #[test]
        fn every_text_stays_one_line_and_as_it_was(text in any::<String>()) {
            let line = written(&[ExportRow { text: Some(text.clone()), ..answered() }]);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let found: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(found["text"].as_str(), Some(text.as_str()));
        }
    }
}
