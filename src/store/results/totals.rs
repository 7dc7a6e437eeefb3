//! Reads the totals of days.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::days::Dimension;
use super::row::read_waits;
use crate::domain::days::{Day, Days};
use crate::domain::summary::Counts;
use crate::domain::survey_type::SurveyType;
use crate::store::{Error, Result, Store};

/// The counts of one day, account, type, team and value of a dimension. Tests are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTotal {
    pub day: Day,
    pub account: String,
    pub kind: SurveyType,
    pub team: Option<String>,
    /// The value of the dimension. That of [`Dimension::Tags`] is a JSON array.
    pub key: Option<String>,
    /// The closes of the day and what became of them, and the prompts of the day with their
    /// answers.
    pub counts: Counts,
}

const TOTALS: &str = "select day, account, kind, team, key, closes, prompted, commented, s0, s1, \
     s2, s3, s4, s5, s6, s7, s8, s9, s10, last_unanswered_at, waits, losses from day_total \
     where dim = $1 and day >= $2 and day <= $3 order by day, account, kind, team, key";

impl Store {
    /// Returns the totals of days by a dimension, in their order.
    pub async fn day_totals(&self, days: Days, by: Dimension) -> Result<Vec<DayTotal>> {
        let rows = sqlx::query(TOTALS)
            .bind(by.as_str())
            .bind(i64::from(days.from.0))
            .bind(i64::from(days.to.0))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(total).collect()
    }
}

const SCORES: [&str; 11] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10"];

fn total(row: &AnyRow) -> Result<DayTotal> {
    let count = |column: &str| -> Result<u64> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
    };
    let mut scores = [0; SCORES.len()];
    for (score, column) in scores.iter_mut().zip(SCORES) {
        *score = count(column)?;
    }
    let kind: String = row.try_get("kind")?;
    let waits: Option<String> = row.try_get("waits")?;
    let losses: Option<String> = row.try_get("losses")?;
    Ok(DayTotal {
        day: Day(i32::try_from(row.try_get::<i64, _>("day")?).unwrap_or(i32::MAX)),
        account: row.try_get("account")?,
        kind: SurveyType::parse(&kind)
            .ok_or_else(|| Error::Broken(format!("a total of the type {kind}")))?,
        team: name(row.try_get("team")?),
        key: name(row.try_get("key")?),
        counts: Counts {
            closes: count("closes")?,
            unsent: read_losses(losses.as_deref().unwrap_or_default()),
            prompted: count("prompted")?,
            commented: count("commented")?,
            scores,
            last_unanswered_at: row.try_get("last_unanswered_at")?,
            waits_ms: read_waits(waits.as_deref().unwrap_or_default()),
        },
    })
}

/// A name stands behind `=`, so that an absent one is not an empty one.
fn name(kept: String) -> Option<String> {
    kept.strip_prefix('=').map(str::to_owned)
}

fn read_losses(losses: &str) -> BTreeMap<String, u64> {
    let losses = losses.split(' ').filter_map(|loss| loss.split_once('='));
    losses.filter_map(|(outcome, count)| Some((outcome.to_owned(), count.parse().ok()?))).collect()
}
