//! What is left to do: the marks of changed surveys and the days that are due.

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::domain::days::{Day, Zone};
use crate::store::placeholders::{Places, size};
use crate::store::{Result, Store};

/// The marks that are left, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub first: i64,
    pub last: i64,
}

impl Marks {
    /// How many are left at most. Numbers may be missing between the first and the last.
    pub fn count(self) -> u64 {
        u64::try_from(self.last.saturating_sub(self.first)).unwrap_or(0).saturating_add(1)
    }
}

/// Looks at the ends only. A count would read all marks, and so does SQLite if both ends are asked
/// for at once.
const MARKS: &str = "select (select min(seq) from result_due) as first_seq, \
     (select max(seq) from result_due) as last_seq";

/// Nothing if days are counted in another zone.
const DAYS: &str = "select (select count(*) from result_day where marked > made) as due, \
     case when mark_from is null then 0 else 1 end as marking from result_state where zone = $1";

impl Store {
    /// Returns the marks of surveys whose results are to be made again, without writing.
    pub(super) async fn marks_left(&self) -> Result<Option<Marks>> {
        let row = sqlx::query(MARKS).fetch_one(&self.readers).await?;
        let (first, last): (Option<i64>, Option<i64>) =
            (row.try_get("first_seq")?, row.try_get("last_seq")?);
        Ok(first.zip(last).map(|(first, last)| Marks { first, last }))
    }

    /// Returns how many days are due, without writing. One more stands for the days that are still
    /// to be marked after a change of the zone. In another zone than that of the days, none is due.
    pub(super) async fn days_left(&self, zone: &Zone) -> Result<u64> {
        let row = sqlx::query(DAYS).bind(zone.name()).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(0) };
        let (due, marking): (i64, i64) = (row.try_get("due")?, row.try_get("marking")?);
        Ok(u64::try_from(due + marking).unwrap_or(0))
    }
}

/// The most days that are marked by one statement.
const DAYS_MAX: usize = 64;

/// Marks days as due, by the pass that has changed their results.
pub async fn mark_days(connection: &mut AnyConnection, days: &[Day], pass: i64) -> Result<()> {
    for days in days.chunks(DAYS_MAX) {
        let size = size(days.len(), DAYS_MAX);
        let mut places = Places::of(connection);
        let rows = places.rows(size, 1);
        // The unused places repeat the last day, which PostgreSQL would refuse to write twice.
        let sql = format!(
            "with new (day) as (values {rows}) insert into result_day (day, marked, made) \
             select distinct day, {}, 0 from new where true \
             on conflict (day) do update set marked = excluded.marked",
            places.one()
        );
        let last = days.len() - 1;
        let query = (0..size).fold(sqlx::query(AssertSqlSafe(sql)), |query, place| {
            query.bind(i64::from(days[place.min(last)].0))
        });
        query.bind(pass).execute(&mut *connection).await?;
    }
    Ok(())
}
