//! Folds updates into rows keyed by feedback id, and moves the surveys of these rows.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::advance::advance;
use super::folded::Folded;
use super::matching::match_surveys;
use super::row::FeedbackRow;
use super::rows::{BATCH_MAX, read, write};
use crate::domain::feedback::{Feedback, Trust, Update};
use crate::domain::id::FeedbackId;
use crate::domain::time::Millis;
use crate::store::attempts::Tries;
use crate::store::person::screen;
use crate::store::{Result, Store};

impl Store {
    /// Folds updates from X's API into an account's feedback rows. They are durable when this
    /// returns.
    pub async fn fold(&self, account: &str, updates: Vec<Update>, now: Millis) -> Result<Folded> {
        self.fold_told(account, updates, Trust::Word, now).await
    }

    /// Folds updates from X's webhook. X's events up to `judged_by` confirm or refute them.
    pub async fn fold_hints(
        &self,
        account: &str,
        updates: Vec<Update>,
        judged_by: Millis,
        now: Millis,
    ) -> Result<Folded> {
        self.fold_told(account, updates, Trust::Hint { judged_by }, now).await
    }

    async fn fold_told(
        &self,
        account: &str,
        updates: Vec<Update>,
        trust: Trust,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { fold(connection, &account, updates, trust, now).await })
            })
            .await
    }
}

/// Folds updates in any number and order.
pub async fn fold(
    connection: &mut AnyConnection,
    account: &str,
    updates: Vec<Update>,
    trust: Trust,
    now: Millis,
) -> Result<Folded> {
    let mut updates = screen::updates(connection, account, updates).await?;
    // Sorted by id, so that two daemons write the same rows in the same order.
    updates.sort_by(|one, other| one.id.cmp(&other.id));
    let mut told: Vec<Feedback> = Vec::with_capacity(updates.len());
    for update in updates {
        let next = Feedback::of(update, trust);
        match told.last_mut().filter(|last| last.id == next.id) {
            Some(last) => last.join(next),
            None => told.push(next),
        }
    }
    let mut folded = Folded::default();
    let mut rest = told.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch(rest));
        fold_batch(connection, account, batch, now, &mut folded).await?;
        rest = later;
    }
    Ok(folded)
}

/// The most bytes that the rows of a batch may have together. Each row is held in several copies.
const WEIGHT_MOST: usize = 1024 * 1024;

/// Returns how many of these rows make the next batch.
fn batch(told: &[Feedback]) -> usize {
    let mut weight = 0;
    let fits = told.iter().take(BATCH_MAX).take_while(|feedback| {
        weight += feedback.weight();
        weight <= WEIGHT_MOST
    });
    fits.count().max(1)
}

async fn fold_batch(
    connection: &mut AnyConnection,
    account: &str,
    batch: &[Feedback],
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let changed = write_joined(connection, account, batch).await?;
    for Changed { row, news } in &changed {
        let named = || (row.survey_id.clone(), row.feedback.id.clone());
        folded.updated.extend(news.says_more.then(named));
        folded.refuted.extend(news.refutes.then(named));
        folded.contradicted.extend(news.contradicts.then(named));
    }
    let moving = changed.iter().filter(|changed| changed.news.moves_survey);
    advance(connection, moving.map(|changed| &changed.row), now, folded).await
}

/// A row that differs from what was read.
struct Changed {
    row: FeedbackRow,
    news: RowNews,
}

/// The news in a row.
struct RowNews {
    says_more: bool,
    refutes: bool,
    contradicts: bool,
    /// True if the row may move its survey. The survey is already as far as the earlier row took
    /// it.
    moves_survey: bool,
}

/// Joins the rows of a batch with the new statements and writes them. Returns the changed rows.
async fn write_joined(
    connection: &mut AnyConnection,
    account: &str,
    batch: &[Feedback],
) -> Result<Vec<Changed>> {
    let mut tries = Tries::begin(connection).await?;
    loop {
        let changed = join(connection, account, batch).await?;
        let rows: Vec<&FeedbackRow> = changed.iter().map(|changed| &changed.row).collect();
        if write(connection, account, &rows).await? {
            return Ok(changed);
        }
        tries.again(connection).await?;
    }
}

/// Reads the rows of a batch, joins them with the new statements and finds their surveys.
async fn join(
    connection: &mut AnyConnection,
    account: &str,
    batch: &[Feedback],
) -> Result<Vec<Changed>> {
    let rows = read(connection, account, batch, raw_from(batch)).await?;
    let mut known: HashMap<FeedbackId, FeedbackRow> =
        rows.into_iter().map(|row| (row.feedback.id.clone(), row)).collect();
    let mut joined: Vec<Changed> = Vec::with_capacity(batch.len());
    for told in batch {
        let (row, news) = match known.remove(&told.id) {
            // Most rows that are read again hold nothing new.
            Some(row) if row.feedback.holds(told) => (row, RowNews::NONE),
            Some(mut row) => {
                let before = row.feedback.clone();
                row.feedback.join(told.clone());
                let news = RowNews::between(Some(&before), &row.feedback);
                (row, news)
            }
            None => {
                let row = FeedbackRow { feedback: told.clone(), survey_id: None, folds: None };
                let news = RowNews::between(None, told);
                (row, news)
            }
        };
        // A row without a survey may have come before the answer of create named its survey.
        let is_matched = row.survey_id.is_some();
        if news.says_more || !is_matched {
            let moves_survey = news.moves_survey || !is_matched;
            joined.push(Changed { row, news: RowNews { moves_survey, ..news } });
        }
    }
    let unmatched = joined.iter_mut().map(|changed| &mut changed.row);
    let unmatched: Vec<&mut FeedbackRow> =
        unmatched.filter(|row| row.survey_id.is_none()).collect();
    match_surveys(connection, account, unmatched).await?;
    joined.retain(|changed| changed.news.says_more || changed.row.survey_id.is_some());
    Ok(joined)
}

/// Returns the instant from which the raw text of known rows is needed. An API update of the batch
/// replaces the raw text of an older row. A hint replaces nothing, so it needs the text of every
/// row.
fn raw_from(batch: &[Feedback]) -> Millis {
    let replaced = batch.iter().map(|told| match told.judged_by() {
        None => told.object().updated_at,
        Some(_) => Millis(i64::MIN),
    });
    replaced.min().unwrap_or(Millis(i64::MIN))
}

impl RowNews {
    const NONE: Self =
        Self { says_more: false, refutes: false, contradicts: false, moves_survey: false };

    fn between(before: Option<&Feedback>, after: &Feedback) -> Self {
        let grows = |count: fn(&Feedback) -> usize| count(after) > before.map_or(0, count);
        let becomes = |is: fn(&Feedback) -> bool| is(after) && !before.is_some_and(is);
        let is_hint = after.judged_by().is_some();
        Self {
            says_more: before != Some(after),
            refutes: grows(Feedback::refuted),
            contradicts: grows(Feedback::contradictions),
            moves_survey: is_hint
                || becomes(Feedback::is_answered)
                || becomes(Feedback::is_complete),
        }
    }
}
