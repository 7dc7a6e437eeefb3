//! Makes the results of changed surveys anew, a few at a time.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::due::{Marks, mark_days};
use super::row::{self, StoredResult};
use super::state;
use crate::domain::days::{Day, Zone};
use crate::domain::id::SurveyId;
use crate::domain::time::Millis;
use crate::store::alerts::facts;
use crate::store::blocks::answers;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::{Result, Store};

/// The most marks that one turn takes.
pub const TURN: i64 = 128;

/// What one turn has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// How many marks, or days, are left at most. Zero: there is nothing more to do now.
    pub left: u64,
    /// Surveys of which a part cannot be read. Without a readable notice they count without its
    /// names.
    pub unreadable: Vec<SurveyId>,
    /// True if other writes wait.
    pub do_writes_wait: bool,
}

impl Store {
    /// Makes the results of at most 128 changed surveys anew, and marks the days that they touch.
    /// Answers that are new on record count from `now` on in agents' blocks, and are facts that
    /// alerts are told of. Days are counted in `zone` if nothing has said so before. Nothing is
    /// written if nothing has changed. [`Error::Busy`](crate::store::Error::Busy): another daemon
    /// is at it.
    pub async fn refresh_results(&self, zone: &Zone, now: Millis) -> Result<Refreshed> {
        if self.marks_left().await?.is_none() {
            return Ok(Refreshed::default());
        }
        let zone = zone.clone();
        let unreadable = self
            .writer
            .run(move |connection| Box::pin(async move { turn(connection, &zone, now).await }))
            .await?;
        let left = self.marks_left().await?.map_or(0, Marks::count);
        Ok(Refreshed { left, unreadable, do_writes_wait: self.writer.do_writes_wait() })
    }
}

async fn turn(connection: &mut AnyConnection, zone: &Zone, now: Millis) -> Result<Vec<SurveyId>> {
    let mut right = state::lock(connection).await?;
    // Only the first one chooses the zone. Who merely reads in another leaves it as it is.
    let counted_in = match right.zone.clone() {
        Some(zone) => zone,
        None => {
            state::count_in(connection, &mut right, zone).await?;
            zone.clone()
        }
    };
    let ids = take_marks(connection).await?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let before = row::read(connection, &ids).await?;
    let made = row::make(connection, &ids).await?;
    let unreadable = made.iter().filter(|made| !made.is_whole);
    let unreadable = unreadable.map(|made| SurveyId::new(made.survey_id.as_str())).collect();
    let before: BTreeMap<&str, &StoredResult> =
        before.iter().map(|row| (row.survey_id.as_str(), row)).collect();
    let rows = made.iter().filter_map(|made| made.row.as_ref());
    let after: BTreeMap<&str, &StoredResult> =
        rows.map(|row| (row.survey_id.as_str(), row)).collect();
    let gone: Vec<&str> = before.keys().copied().filter(|id| !after.contains_key(id)).collect();
    let changed: Vec<&StoredResult> = after
        .values()
        .copied()
        .filter(|row| before.get(row.survey_id.as_str()) != Some(row))
        .collect();
    row::delete(connection, &gone).await?;
    row::write(connection, &changed).await?;
    answers::keep(connection, after.values().copied(), now).await?;
    let was = changed.iter().filter_map(|row| before.get(row.survey_id.as_str()));
    let was = was.chain(gone.iter().filter_map(|id| before.get(id))).copied();
    let days: BTreeSet<Day> =
        was.chain(changed.iter().copied()).flat_map(|row| days_of(row, &counted_in)).collect();
    mark_days(connection, &days.into_iter().collect::<Vec<_>>(), right.number).await?;
    // Other transactions that record facts wait from here on.
    facts::of_results(connection, &before, &made, now).await?;
    Ok(unreadable)
}

/// The days whose totals count the row.
fn days_of(row: &StoredResult, zone: &Zone) -> impl Iterator<Item = Day> {
    let counts = row.test == 0;
    let at = [Some(row.closed_at), row.sent_at].into_iter().flatten().filter(move |_| counts);
    at.map(|at| zone.day_of(at)).collect::<Vec<_>>().into_iter()
}

const TAKE: &str = "delete from result_due where seq in \
     (select seq from result_due order by seq limit $1) returning survey_id, account, feedback_id";

/// Deletes marks and returns the surveys that they stand for.
///
/// A mark that can be read was committed together with the change, so the change can be read, too.
async fn take_marks(connection: &mut AnyConnection) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let mut feedback: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mark in sqlx::query(TAKE).bind(TURN).fetch_all(&mut *connection).await? {
        ids.extend(mark.try_get::<Option<String>, _>("survey_id")?);
        let (account, id): (Option<String>, Option<String>) =
            (mark.try_get("account")?, mark.try_get("feedback_id")?);
        if let (Some(account), Some(id)) = (account, id) {
            feedback.entry(account).or_default().insert(id);
        }
    }
    for (account, feedback) in &feedback {
        let feedback: Vec<&str> = feedback.iter().map(String::as_str).collect();
        for feedback in feedback.chunks(ROWS_MAX) {
            let mut places = Places::of(connection);
            let of_account = places.one();
            let sql = format!(
                "select id from survey where account = {of_account} and feedback_id in {} \
                 order by reason",
                places.row(size(feedback.len(), ROWS_MAX))
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(account.as_str());
            let found = bind_all(query, feedback, ROWS_MAX).fetch_all(&mut *connection).await?;
            for row in &found {
                ids.insert(row.try_get("id")?);
            }
        }
    }
    Ok(ids)
}
