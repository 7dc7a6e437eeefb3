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

/// Looks at the ends only: a count would read all of them.
const MARKS: &str = "select min(seq) as first_seq, max(seq) as last_seq from result_due";

const DAYS: &str = "select (select count(*) from day_due) as due, \
     (select count(*) from result_state where zone = $1 and mark_from is null) as known";

impl Store {
    /// Returns the marks of surveys whose results are to be made again, without writing.
    pub(super) async fn marks_left(&self) -> Result<Option<Marks>> {
        let row = sqlx::query(MARKS).fetch_one(&self.readers).await?;
        let (first, last): (Option<i64>, Option<i64>) =
            (row.try_get("first_seq")?, row.try_get("last_seq")?);
        Ok(first.zip(last).map(|(first, last)| Marks { first, last }))
    }

    /// Returns how many days are due, without writing. One more stands for the days that are still
    /// to be marked after a change of the zone.
    pub(super) async fn days_left(&self, zone: &Zone) -> Result<u64> {
        let row = sqlx::query(DAYS).bind(zone.name()).fetch_one(&self.readers).await?;
        let (due, known): (i64, i64) = (row.try_get("due")?, row.try_get("known")?);
        Ok(u64::try_from(due).unwrap_or(0) + u64::from(known == 0))
    }
}

/// The most days that are marked by one statement.
const DAYS_MAX: usize = 64;

/// Marks days as due.
pub async fn mark_days(connection: &mut AnyConnection, days: &[Day]) -> Result<()> {
    for days in days.chunks(DAYS_MAX) {
        let size = size(days.len(), DAYS_MAX);
        let rows = Places::of(connection).rows(size, 1);
        let sql = format!("insert into day_due (day) values {rows} on conflict (day) do nothing");
        let last = days.len() - 1;
        let query = (0..size).fold(sqlx::query(AssertSqlSafe(sql)), |query, place| {
            query.bind(i64::from(days[place.min(last)].0))
        });
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
