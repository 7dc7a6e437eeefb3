//! The conditions that a view puts on results, in SQL.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::domain::view::{Filter, View};
use crate::store::{Result, Store};

/// A value of a statement.
#[derive(Clone)]
pub enum Value {
    Text(String),
    Number(i64),
}

/// The conditions of a statement with the values that they name.
#[derive(Clone, Default)]
pub struct Conditions {
    pub sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    pub fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub fn between(&mut self, column: &str, from: i64, to: i64) {
        let from = self.place(Value::Number(from));
        let to = self.place(Value::Number(to));
        self.sql.push(format!("{column} >= {from} and {column} <= {to}"));
    }

    pub fn is(&mut self, column: &str, value: &str) {
        let place = self.place(Value::Text(value.to_owned()));
        self.sql.push(format!("{column} = {place}"));
    }

    /// The column has one of the texts. Without any text nothing fits.
    pub fn one_of(&mut self, column: &str, texts: impl IntoIterator<Item = String>) {
        let places: Vec<String> =
            texts.into_iter().map(|text| self.place(Value::Text(text))).collect();
        self.sql.push(match places.is_empty() {
            true => "1 = 0".to_owned(),
            false => format!("{column} in ({})", places.join(", ")),
        });
    }

    pub fn all(&self) -> String {
        self.sql.join(" and ")
    }

    /// The view's type and filters on the results whose columns stand behind `prefix`. Of a filter
    /// of tags it finds a few surveys too many, so the caller asks [`has_a_tag`] as well.
    pub fn of_view(&mut self, view: &View, prefix: &str) {
        if let Some(kind) = view.kind {
            self.is(&format!("{prefix}kind"), kind.as_str());
        }
        for (filter, values) in view.filters.iter() {
            let column = format!("{prefix}{}", name_of(filter));
            let mut fits = Vec::new();
            // An absent value is not an empty one.
            if values.contains("") {
                fits.push(format!("{column} is null"));
            }
            for value in values.iter().filter(|value| !value.is_empty()) {
                fits.push(match filter {
                    Filter::Tag => {
                        let written = serde_json::to_string(value).unwrap_or_default();
                        let place = self.place(Value::Text(written));
                        format!("replace({column}, {place}, '') <> {column}")
                    }
                    _ => format!("{column} = {}", self.place(Value::Text(value.clone()))),
                });
            }
            self.sql.push(match fits.is_empty() {
                true => "1 = 0".to_owned(),
                false => format!("({})", fits.join(" or ")),
            });
        }
    }

    /// Runs the statement with the values of these conditions.
    pub async fn rows(self, store: &Store, sql: String) -> Result<Vec<AnyRow>> {
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        });
        Ok(query.fetch_all(&store.readers).await?)
    }
}

/// The column of `result` that a filter looks at.
pub fn name_of(filter: Filter) -> &'static str {
    match filter {
        Filter::Tag => "tags",
        other => other.as_str(),
    }
}

/// True if a set of tags, as `result` keeps it, has one of the wanted. The empty text stands for
/// surveys without tags.
pub fn has_a_tag(tagged: Option<&str>, wanted: &BTreeSet<String>) -> Result<bool> {
    let Some(tagged) = tagged else { return Ok(wanted.contains("")) };
    let tags: Vec<String> = serde_json::from_str(tagged)?;
    Ok(tags.iter().any(|tag| wanted.contains(tag)))
}
