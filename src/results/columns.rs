//! The table of columns: the name, the type and the reading of each value that a result shows.
//!
//! Every form of the export is written from this table. A new column is one new line here, one in
//! docs/export.md and one in the texts of the tests.

use std::borrow::Cow;

use super::ResultRow;
use crate::domain::time::Millis;

/// One column.
pub struct ExportColumn {
    pub name: &'static str,
    pub kind: ColumnType,
    /// Reads the column's value. `None` is an absent value.
    pub read: for<'r> fn(&'r ResultRow) -> Option<ColumnValue<'r>>,
}

/// The type of a column. It says how a form with types of its own stores the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// An id, or a name that may be one. It stays text even where it has only digits.
    Id,
    /// Text that other people wrote.
    Text,
    /// One of surveyd's own words, such as a state.
    Word,
    Number,
    /// A score. It is 10 at most.
    Score,
    Time,
    Flag,
    /// Several texts that other people wrote.
    List,
}

/// A value as it is read from a result.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue<'r> {
    /// The value of an [`Id`](ColumnType::Id), a [`Text`](ColumnType::Text) or a
    /// [`Word`](ColumnType::Word).
    Text(Cow<'r, str>),
    /// The value of a [`Number`](ColumnType::Number) or a [`Score`](ColumnType::Score).
    Number(i64),
    Time(Millis),
    Flag(bool),
    List(&'r [String]),
}

use ColumnType::{Flag, Id, List, Number, Score, Text, Time, Word};

const fn column(
    name: &'static str,
    kind: ColumnType,
    read: for<'r> fn(&'r ResultRow) -> Option<ColumnValue<'r>>,
) -> ExportColumn {
    ExportColumn { name, kind, read }
}

/// All columns in their order. docs/export.md explains each of them.
pub const COLUMNS: [ExportColumn; 26] = [
    column("survey_id", Id, |row| text(row.survey.id.as_str())),
    column("account", Text, |row| text(&row.survey.account)),
    column("source", Text, |row| text(&row.survey.source)),
    column("conversation_id", Id, |row| text(row.survey.conversation_id.as_str())),
    column("external_id", Id, |row| text(&row.survey.external_id)),
    column("user_id", Id, |row| text(row.survey.user_id.as_ref()?.as_str())),
    column("state", Word, |row| text(row.survey.state.name())),
    column("reason", Text, |row| Some(ColumnValue::Text(row.survey.state.reason()?.into()))),
    column("closed_at", Time, |row| Some(ColumnValue::Time(row.survey.closed_at))),
    column("due_at", Time, |row| Some(ColumnValue::Time(row.survey.due_at))),
    column("sent_at", Time, |row| Some(ColumnValue::Time(row.survey.state.delivery()?.sent_at))),
    column("feedback_id", Id, |row| text(row.survey.state.delivery()?.feedback_id.as_str())),
    column("dm_id", Id, |row| text(row.survey.state.delivery()?.dm_id.as_deref()?)),
    column("type", Word, |row| text(row.survey.kind.as_str())),
    column("question_variant_id", Number, |row| number(row.survey.question_variant_id.into())),
    column("test", Flag, |row| Some(ColumnValue::Flag(row.survey.test))),
    column("score", Score, |row| number(u8::try_from(row.told.score?).ok()?.into())),
    column("scored_at", Time, |row| row.told.scored_at.map(ColumnValue::Time)),
    column("text", Text, |row| text(row.told.text.as_deref()?)),
    column("commented_at", Time, |row| row.told.commented_at.map(ColumnValue::Time)),
    column("updated_at", Time, |row| row.told.updated_at.map(ColumnValue::Time)),
    column("updates", Number, |row| number(row.told.updates.into())),
    column("agent", Id, |row| text(row.survey.notice.agent.as_deref()?)),
    column("team", Id, |row| text(row.survey.notice.team.as_deref()?)),
    column("tags", List, |row| Some(ColumnValue::List(&row.survey.notice.tags))),
    column("language", Text, |row| text(row.survey.notice.language.as_deref()?)),
];

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn text(text: &str) -> Option<ColumnValue<'_>> {
    Some(ColumnValue::Text(Cow::Borrowed(text)))
}

#[expect(clippy::unnecessary_wraps, reason = "each reading of a column gives an option")]
fn number(number: i64) -> Option<ColumnValue<'static>> {
    Some(ColumnValue::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::samples::{answered, suppressed};

    #[test]
    fn the_page_on_the_export_tells_of_every_column_in_its_order() {
        let page = include_str!("../../docs/export.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let documented: Vec<&str> = rows.map(|(name, _)| name).collect();
        assert_eq!(documented, COLUMNS.map(|column| column.name));
    }

    #[test]
    fn every_value_is_of_its_columns_type() {
        for row in [answered(), suppressed()] {
            for column in COLUMNS {
                let fits = match (column.read)(&row) {
                    Some(ColumnValue::Text(_)) => matches!(column.kind, Id | Text | Word),
                    Some(ColumnValue::Number(_)) => matches!(column.kind, Number | Score),
                    Some(ColumnValue::Time(_)) => column.kind == Time,
                    Some(ColumnValue::Flag(_)) => column.kind == Flag,
                    Some(ColumnValue::List(_)) => column.kind == List,
                    None => true,
                };
                assert!(fits, "{}", column.name);
            }
        }
    }
}
