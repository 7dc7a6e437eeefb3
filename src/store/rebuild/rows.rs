//! Rebuilds feedback rows from X's events.
//!
//! The events are first gathered beside the rows. Only once all are gathered are the rows rebuilt,
//! each in one step. So a rebuild that is broken off leaves whole rows. A reader during a rebuild
//! finds whole rows, too. A gathering that was broken off resumes.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, Row};

use super::gather::BATCH;
use super::gather::gather;
use super::surveys::{self, Making};
use crate::domain::feedback::{Feedback, Update};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::{Millis, Period};
use crate::store::attempts::Tries;
use crate::store::feedback::advance::{advance, withdraw};
use crate::store::feedback::folded::Folded;
use crate::store::feedback::matching::match_surveys;
use crate::store::feedback::row::{FeedbackRow, known_row};
use crate::store::feedback::rows::{read_rows, version, write};
use crate::store::survey::decide;
use crate::store::{Error, Result, Store};

/// One rebuild of one account. It can do nothing more once another rebuild has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuild {
    pub account: String,
    run: String,
    makes_surveys: bool,
    pub from: Millis,
    /// All events up to this instant are gathered.
    pub read_to: Millis,
}

/// Counts of what became of the rows in X's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeAnew {
    /// Rows that did not exist, and rows that say something else now.
    pub new: usize,
    pub changed: usize,
    pub unchanged: usize,
    /// Surveys rebuilt from feedback that had none, and surveys found sent that were not known to
    /// be.
    pub surveys_made: usize,
    pub surveys_found: usize,
    /// Surveys that are answered now and were not, and the reverse.
    pub answered: usize,
    pub withdrawn: usize,
    /// Feedback that may belong to one of surveyd's prompts and has no known survey.
    pub without_survey: usize,
}

const BEGIN: &str = "insert into rebuild (account, run, from_at, read_to, makes_surveys) \
     values ($1, $2, $3, $3, $5) on conflict (account) do update set run = excluded.run, \
     from_at = excluded.from_at, makes_surveys = excluded.makes_surveys, \
     read_to = case when rebuild.from_at = excluded.from_at and rebuild.read_to <= $4 \
     then rebuild.read_to else excluded.read_to end returning read_to";

const OWN: &str = "update rebuild set read_to = coalesce($1, read_to) \
     where account = $2 and run = $3";

const NEXT: &str = "select id, told from rebuild_told where account = $1 and id > $2 \
     order by id limit $3";

const LEFT_ALONE: &str = "select count(*) from feedback f where f.account = $1 \
     and f.updated_at >= $2 and f.updated_at <= $3 and not exists \
     (select 1 from rebuild_told t where t.account = f.account and t.id = f.id)";

/// Lets the poller's first reading resume where the rebuild has read to.
const READ_TO: &str = "insert into reading (account, what, begun_from, done_to) \
     values ($1, 'first', $3, $2) on conflict (account, what) do nothing";

impl Store {
    /// Begins a rebuild from the events of a period. Resumes a rebuild from the same instant that
    /// was broken off before it had read past the period.
    pub async fn begin_rebuild(
        &self,
        account: &str,
        Period { from, to }: Period,
        makes_surveys: bool,
    ) -> Result<Rebuild> {
        let account = account.to_owned();
        let run = uuid::Uuid::now_v7().simple().to_string();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let read_to: i64 = sqlx::query_scalar(BEGIN)
                        .bind(account.as_str())
                        .bind(run.as_str())
                        .bind(from.0)
                        .bind(to.0)
                        .bind(i64::from(makes_surveys))
                        .fetch_one(&mut *connection)
                        .await?;
                    if read_to == from.0 {
                        forget(connection, &account).await?;
                    }
                    Ok(Rebuild { account, run, makes_surveys, from, read_to: Millis(read_to) })
                })
            })
            .await
    }

    /// Gathers the updates of a page of events.
    pub async fn gather(&self, rebuild: &Rebuild, updates: Vec<Update>) -> Result<()> {
        let rebuild = rebuild.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    own(connection, &rebuild, None).await?;
                    gather(connection, &rebuild.account, updates).await
                })
            })
            .await
    }

    /// Records that all events up to `read_to` are gathered.
    pub async fn gathered_to(&self, rebuild: &mut Rebuild, read_to: Millis) -> Result<()> {
        rebuild.read_to = read_to;
        let rebuild = rebuild.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move { own(connection, &rebuild, Some(read_to)).await })
            })
            .await
    }

    /// Returns how many feedback objects the gathered events contain.
    pub async fn gathered(&self, rebuild: &Rebuild) -> Result<i64> {
        let count = sqlx::query_scalar("select count(*) from rebuild_told where account = $1")
            .bind(rebuild.account.as_str());
        Ok(count.fetch_one(&self.readers).await?)
    }

    /// Rebuilds up to 100 rows after `after` from the events of `read`. Creates surveys for rows
    /// without one if the rebuild does that. Returns the last row's id, or `None` if there are no
    /// more.
    pub async fn make_anew(
        &self,
        rebuild: &Rebuild,
        (read, making): (Period, Making),
        after: Option<FeedbackId>,
        now: Millis,
    ) -> Result<Option<(FeedbackId, MadeAnew)>> {
        let rebuild = rebuild.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    own(connection, &rebuild, None).await?;
                    let rows = sqlx::query(NEXT)
                        .bind(rebuild.account.as_str())
                        .bind(after.as_ref().map_or("", FeedbackId::as_str))
                        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
                        .fetch_all(&mut *connection)
                        .await?;
                    let mut told = Vec::with_capacity(rows.len());
                    for row in &rows {
                        told.push(serde_json::from_str(&row.try_get::<String, _>("told")?)?);
                    }
                    let Some(last) = rows.last() else { return Ok(None) };
                    let last = last.try_get("id")?;
                    let made = make(connection, &rebuild, told, (read, making), now).await?;
                    Ok(Some((last, made)))
                })
            })
            .await
    }

    /// Ends a rebuild whose rows are all written. Returns how many rows of the period X's events do
    /// not contain. These rows stay as they are.
    pub async fn end_rebuild(&self, rebuild: &Rebuild) -> Result<i64> {
        let rebuild = rebuild.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    own(connection, &rebuild, None).await?;
                    let account = rebuild.account.as_str();
                    let left: i64 = sqlx::query_scalar(LEFT_ALONE)
                        .bind(account)
                        .bind(rebuild.from.0)
                        .bind(rebuild.read_to.0)
                        .fetch_one(&mut *connection)
                        .await?;
                    sqlx::query(READ_TO)
                        .bind(account)
                        .bind(rebuild.read_to.0)
                        .bind(rebuild.from.0)
                        .execute(&mut *connection)
                        .await?;
                    forget(connection, account).await?;
                    sqlx::query("delete from rebuild where account = $1")
                        .bind(account)
                        .execute(&mut *connection)
                        .await?;
                    Ok(left)
                })
            })
            .await
    }
}

/// Locks the rebuild if it is still the latest.
async fn own(
    connection: &mut AnyConnection,
    rebuild: &Rebuild,
    read_to: Option<Millis>,
) -> Result<()> {
    let owned = sqlx::query(OWN)
        .bind(read_to.map(|at| at.0))
        .bind(rebuild.account.as_str())
        .bind(rebuild.run.as_str())
        .execute(connection)
        .await?;
    match owned.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::Overtaken(rebuild.account.clone())),
    }
}

async fn forget(connection: &mut AnyConnection, account: &str) -> Result<()> {
    sqlx::query("delete from rebuild_told where account = $1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}

async fn make(
    connection: &mut AnyConnection,
    Rebuild { account, makes_surveys, .. }: &Rebuild,
    told: Vec<Feedback>,
    (read, making): (Period, Making),
    now: Millis,
) -> Result<MadeAnew> {
    if *makes_surveys {
        decide::guard_group(connection, &making.throttle_group).await?;
    }
    let mut tries = Tries::begin(connection).await?;
    loop {
        let mut made = MadeAnew::default();
        let mut rows = join(connection, account, &told, read, &mut made).await?;
        if *makes_surveys {
            let known = rows.iter_mut().map(|anew| &mut anew.row).collect();
            let surveys = surveys::link(connection, account, known, &making, now).await?;
            made.surveys_made = surveys.len();
        }
        let without =
            |anew: &&Anew| anew.row.survey_id.is_none() && surveys::may_be_ours(&anew.row.feedback);
        made.without_survey = rows.iter().filter(without).count();
        if write(connection, account, &rows.iter().map(|row| &row.row).collect::<Vec<_>>()).await? {
            let fresh_from = now.minus(making.fresh_for);
            advance_all(connection, &rows, (fresh_from, now), &mut made).await?;
            return Ok(made);
        }
        tries.again(connection).await?;
    }
}

/// A rebuilt row.
struct Anew {
    row: FeedbackRow,
    /// The row's feedback and survey before the rebuild.
    before: Option<(Feedback, Option<SurveyId>)>,
}

/// Joins the gathered events with the existing rows and finds their surveys.
async fn join(
    connection: &mut AnyConnection,
    account: &str,
    told: &[Feedback],
    read: Period,
    made: &mut MadeAnew,
) -> Result<Vec<Anew>> {
    let mut held = HashMap::new();
    for row in &read_rows(connection, account, told).await? {
        let (id, folds) = version(row)?;
        // A row that cannot be read is rebuilt like any other.
        held.insert(id, (folds, known_row(row).ok()));
    }
    let mut rows = Vec::with_capacity(told.len());
    for events in told {
        let (folds, before) = held.remove(&events.id).unzip();
        made.new += usize::from(folds.is_none());
        let before = before.flatten().map(|known| (known.feedback, known.survey_id));
        let feedback = before.as_ref().map(|(feedback, _)| feedback.clone());
        let feedback = Feedback::made_anew(events.clone(), feedback, read);
        rows.push(Anew { row: FeedbackRow { feedback, survey_id: None, folds }, before });
    }
    match_surveys(connection, account, rows.iter_mut().map(|anew| &mut anew.row).collect()).await?;
    Ok(rows)
}

/// Moves the surveys of rows forward or back and counts the results.
async fn advance_all(
    connection: &mut AnyConnection,
    rows: &[Anew],
    (fresh_from, now): (Millis, Millis),
    made: &mut MadeAnew,
) -> Result<()> {
    let mut folded = Folded::default();
    advance(connection, rows.iter().map(|anew| &anew.row), now, &mut folded).await?;
    let of = |answered: bool| {
        let rows = rows.iter().map(|anew| &anew.row);
        let rows = rows.filter(move |row| row.feedback.is_answered() == answered);
        rows.filter_map(|row| row.survey_id.as_ref()).collect::<HashSet<_>>()
    };
    for id in of(false).difference(&of(true)) {
        if withdraw(connection, id, "X's events know of no answer", now).await? {
            made.withdrawn += 1;
            // X is asked about it again while the prompt is fresh.
            let show = sqlx::query(SHOW).bind(now.0).bind(id.as_str()).bind(fresh_from.0);
            show.execute(&mut *connection).await?;
        }
    }
    made.surveys_found += folded.settled.len();
    made.answered += folded.answered.len();
    let says_the_same = |anew: &&Anew| {
        let before = anew.before.as_ref();
        before.is_some_and(|(feedback, id)| {
            feedback.tells_as(&anew.row.feedback) && *id == anew.row.survey_id
        })
    };
    made.unchanged = rows.iter().filter(says_the_same).count();
    made.changed = rows.len() - made.unchanged - made.new;
    Ok(())
}

const SHOW: &str = "update survey set show_at = coalesce(show_at, $1) \
     where id = $2 and sent_at > $3";

impl MadeAnew {
    /// Returns the number of rows in X's events.
    pub fn rows(&self) -> usize {
        self.new + self.changed + self.unchanged
    }
}

impl std::ops::AddAssign for MadeAnew {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.surveys_made += more.surveys_made;
        self.surveys_found += more.surveys_found;
        self.answered += more.answered;
        self.withdrawn += more.withdrawn;
        self.without_survey += more.without_survey;
    }
}
