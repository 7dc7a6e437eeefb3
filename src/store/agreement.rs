//! Looks whether what stands in the database twice agrees.
//!
//! Each comparison is one statement, so it sees one state of the database, whatever is written
//! meanwhile. Results and days that are yet to be made are left out.

use sqlx::Row as _;

use super::database::integrity;
use super::results::due::mark_days;
use super::results::state;
use super::{Engine, Result, Store};
use crate::domain::days::{Day, Days, Zone};

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    pub what: &'static str,
    /// How many rows, or days, are concerned.
    pub count: u64,
    /// True if it is a copy, which can be made again.
    pub is_copy: bool,
}

/// What rows of the record must never say, with a statement that counts those that do.
const RECORD: [(&str, &str); 5] = [
    (
        "steps of surveys that are not there",
        "select count(*) from survey_history h \
         where not exists (select 1 from survey s where s.id = h.survey_id)",
    ),
    (
        "answers to surveys that are not there",
        "select count(*) from feedback f where f.survey_id is not null \
         and not exists (select 1 from survey s where s.id = f.survey_id)",
    ),
    (
        "prompts that two surveys claim",
        "select count(*) from (select account, feedback_id from survey \
         where feedback_id is not null group by account, feedback_id having count(*) > 1) as twice",
    ),
    (
        "surveys that were sent at no time",
        "select count(*) from survey where state in ('sent', 'answered') and sent_at is null",
    ),
    (
        "surveys whose sending never began",
        "select count(*) from survey where state in ('sending', 'uncertain') and begun_at is null",
    ),
];

/// The same for results, which are copies of surveys and feedback.
const RESULTS: [(&str, &str); 3] = [
    (
        "surveys without a result",
        "select count(*) from survey s \
         where not exists (select 1 from result r where r.survey_id = s.id) \
         and s.id not in (select survey_id from result_due where survey_id is not null)",
    ),
    (
        "results of surveys that are not there",
        "select count(*) from result r \
         where not exists (select 1 from survey s where s.id = r.survey_id) \
         and r.survey_id not in (select survey_id from result_due where survey_id is not null)",
    ),
    (
        "results that say something else than their survey",
        "select count(*) from result r join survey s on s.id = r.survey_id \
         left join feedback f on f.account = s.account and f.id = s.feedback_id \
         where (r.account <> s.account or r.source <> s.source or r.kind <> s.kind \
         or r.question <> s.question_variant_id or r.test <> s.test or r.closed_at <> s.closed_at \
         or coalesce(r.sent_at, -1) <> \
         case when s.state in ('sent', 'answered') then coalesce(s.sent_at, -1) else -1 end \
         or (r.outcome <> s.state and s.state <> 'suppressed') \
         or (r.score is not null and coalesce(f.score, -1) <> r.score) \
         or (r.commented_at is not null and f.comment is null)) \
         and s.id not in (select survey_id from result_due where survey_id is not null) \
         and coalesce(s.account || ' ' || s.feedback_id, '') not in \
         (select account || ' ' || feedback_id from result_due where feedback_id is not null)",
    ),
];

/// Days whose totals are made.
const MADE: &str = "select d.day, s.zone from result_day d, result_state s \
     where d.marked <= d.made and s.name = 'results' and s.mark_from is null order by d.day";

/// Counts the dimensions by which the totals of a day agree with its results, the dimensions that
/// there are, and the results. Returns no row if the day has become due.
const OF_DAY: &str = "select (select count(*) from totals t, of_day o where t.closes = o.closes \
     and t.prompted = o.prompted and t.commented = o.commented and t.scored = o.scored \
     and t.points = o.points) as agreeing, (select count(*) from totals) as dimensions, \
     o.closes + o.prompted as results from of_day o \
     where exists (select 1 from result_day d where d.day = $3 and d.marked <= d.made)";

const WITH: &str = "with totals as (select dim, sum(closes) as closes, sum(prompted) as prompted, \
     sum(commented) as commented, sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10) \
     as scored, sum(s1 + 2 * s2 + 3 * s3 + 4 * s4 + 5 * s5 + 6 * s6 + 7 * s7 + 8 * s8 + 9 * s9 \
     + 10 * s10) as points from day_total where day = $3 group by dim), \
     sent as (select count(*) as prompted, count(commented_at) as commented, \
     count(score) as scored, coalesce(sum(score), 0) as points from result \
     where test = 0 and sent_at >= $1 and sent_at <= $2), \
     of_day as (select sent.*, (select count(*) from result where test = 0 \
     and closed_at >= $1 and closed_at <= $2) as closes from sent) ";

/// Every day is counted by that many dimensions, with nothing left out of any.
const DIMENSIONS: i64 = super::results::days::Dimension::ALL.len() as i64;

impl Store {
    /// Reads all of a SQLite file and returns what is wrong with it, in SQLite's words. PostgreSQL
    /// has programs of its own for that.
    pub async fn damages(&self) -> Result<Vec<String>> {
        match self.location.engine {
            Engine::Sqlite => integrity::faults(&mut *self.readers.acquire().await?).await,
            Engine::Postgres => Ok(Vec::new()),
        }
    }

    /// Returns what does not agree.
    pub async fn disagreements(&self) -> Result<Vec<Disagreement>> {
        let mut found = Vec::new();
        for (rules, is_copy) in [(&RECORD[..], false), (&RESULTS[..], true)] {
            for (what, sql) in rules {
                let count: i64 = sqlx::query_scalar(*sql).fetch_one(&self.readers).await?;
                found.push(Disagreement { what, count: count.unsigned_abs(), is_copy });
            }
        }
        let count = self.disagreeing_days().await?.len() as u64;
        let what = "days whose totals are not those of their results";
        found.push(Disagreement { what, count, is_copy: true });
        found.retain(|one| one.count > 0);
        Ok(found)
    }

    async fn disagreeing_days(&self) -> Result<Vec<Day>> {
        let mut days = Vec::new();
        for row in sqlx::query(MADE).fetch_all(&self.readers).await? {
            let (day, zone): (i64, String) = (row.try_get("day")?, row.try_get("zone")?);
            let day = i32::try_from(day).ok().map(Day);
            let Some((day, zone)) = day.zip(Zone::parse(&zone)) else { continue };
            let period = zone.period(Days { from: day, to: day });
            let sql = sqlx::AssertSqlSafe(format!("{WITH}{OF_DAY}"));
            let row = sqlx::query(sql)
                .bind(period.from.0)
                .bind(period.to.0)
                .bind(i64::from(day.0))
                .fetch_optional(&self.readers)
                .await?;
            let Some(row) = row else { continue };
            let number = |column: &str| row.try_get::<i64, _>(column);
            let expected = if number("results")? > 0 { DIMENSIONS } else { 0 };
            if number("agreeing")? != expected || number("dimensions")? != expected {
                days.push(day);
            }
        }
        Ok(days)
    }

    /// Has all results made again, and the totals of the days that disagree. A daemon does that a
    /// few at a time. [`Error::Busy`](super::Error::Busy): a daemon is at it.
    pub async fn make_copies_again(&self) -> Result<()> {
        let days = self.disagreeing_days().await?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let right = state::lock(connection).await?;
                    for mark in [
                        "insert into result_due (survey_id) select id from survey",
                        "insert into result_due (survey_id) select survey_id from result r \
                         where not exists (select 1 from survey s where s.id = r.survey_id)",
                    ] {
                        sqlx::query(mark).execute(&mut *connection).await?;
                    }
                    mark_days(connection, &days, right.number).await
                })
            })
            .await
    }
}
