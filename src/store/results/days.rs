//! Makes the totals of due days anew, a day at a time.

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::due::mark_days;
use super::refresh::Refreshed;
use super::state;
use crate::domain::days::{Day, Days, Zone};
use crate::domain::time::Millis;
use crate::store::placeholders::Places;
use crate::store::{Result, Store};

/// The most days that one turn marks after a change of the zone.
const MARKED_A_TURN: usize = 64;

/// What surveys are counted by within a day, account and team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// All together.
    Whole,
    Agent,
    /// The whole set of tags.
    Tags,
    Language,
    Source,
    Rule,
    Variant,
    Question,
}

impl Dimension {
    pub const ALL: [Self; 8] = [
        Self::Whole,
        Self::Agent,
        Self::Tags,
        Self::Language,
        Self::Source,
        Self::Rule,
        Self::Variant,
        Self::Question,
    ];

    /// The word for it in `day_total.dim`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Agent => "agent",
            Self::Tags => "tags",
            Self::Language => "language",
            Self::Source => "source",
            Self::Rule => "rule",
            Self::Variant => "variant",
            Self::Question => "question",
        }
    }

    /// The value as an expression over `result`.
    fn value(self) -> &'static str {
        match self {
            Self::Whole => "cast(null as text)",
            Self::Question => "cast(question as text)",
            other => other.as_str(),
        }
    }
}

impl Store {
    /// Counts days in that zone from now on. A change of the zone makes all days due. Until their
    /// totals are there again, and in every other zone, reports are read from single results.
    /// [`Error::Busy`](crate::store::Error::Busy): another daemon is at it.
    pub async fn count_days_in(&self, zone: &Zone) -> Result<()> {
        let zone = zone.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut right = state::lock(connection).await?;
                    state::count_in(connection, &mut right, &zone).await
                })
            })
            .await
    }

    /// Makes the totals of one due day anew, the newest first. Nothing is written if none is due,
    /// or if days are counted in another zone. [`Error::Busy`](crate::store::Error::Busy): another
    /// daemon is at it.
    ///
    /// The day is counted beside the writer, which a very busy day would hold up for seconds.
    pub async fn refresh_days(&self, zone: &Zone) -> Result<Refreshed> {
        match self.due_day(zone).await? {
            NextTask::Nothing => return Ok(Refreshed::default()),
            NextTask::Marking => {
                let zone = zone.clone();
                self.writer
                    .run(|connection| Box::pin(async move { mark_rest(connection, &zone).await }))
                    .await?;
            }
            NextTask::Day(day) => {
                let counted = self.count_day(zone, day).await?;
                let zone = zone.clone();
                self.writer
                    .run(move |connection| {
                        Box::pin(async move { write(connection, &zone, day, counted).await })
                    })
                    .await?;
            }
        }
        let left = self.days_left(zone).await?;
        Ok(Refreshed { left, do_writes_wait: self.writer.do_writes_wait(), ..Refreshed::default() })
    }

    async fn due_day(&self, zone: &Zone) -> Result<NextTask> {
        let row = sqlx::query(NEWEST).bind(zone.name()).fetch_one(&self.readers).await?;
        let (marked, day): (Option<i64>, Option<i64>) =
            (row.try_get("marked")?, row.try_get("day")?);
        let day = day.and_then(|day| i32::try_from(day).ok()).map(Day);
        Ok(match (marked, day) {
            (Some(0), _) => NextTask::Marking,
            (Some(_), Some(day)) => NextTask::Day(day),
            (Some(_), None) | (None, _) => NextTask::Nothing,
        })
    }

    async fn count_day(&self, zone: &Zone, day: Day) -> Result<CountedDay> {
        let mut connection = self.readers.acquire().await?;
        let sql = counts(&Places::of(&connection));
        let period = zone.period(Days { from: day, to: day });
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(period.from.0)
            .bind(period.to.0)
            .fetch_one(&mut *connection)
            .await?;
        let totals: Option<String> = row.try_get("totals")?;
        Ok(CountedDay { pass: row.try_get("passes")?, totals: totals.unwrap_or("[]".to_owned()) })
    }
}

/// What is due next.
enum NextTask {
    Nothing,
    /// Days are still to be marked after a change of the zone.
    Marking,
    Day(Day),
}

/// Whether all days are marked is absent if days are counted in another zone.
const NEWEST: &str = "select (select max(day) from result_day where marked > made) as day, \
     (select case when mark_from is null then 1 else 0 end from result_state where zone = $1) \
     as marked";

/// The totals of a day as they were when a pass was the last.
struct CountedDay {
    pass: i64,
    /// The rows of `day_total` without the day, as a JSON array of arrays.
    totals: String,
}

async fn mark_rest(connection: &mut AnyConnection, zone: &Zone) -> Result<()> {
    let right = state::lock(connection).await?;
    let Some(from) = right.mark_from.filter(|_| right.is_in(zone)) else { return Ok(()) };
    let rest = mark_all(connection, zone, from, right.number).await?;
    state::mark_from(connection, rest).await
}

/// The first instant at or after one at which a survey closed or was sent.
const NEXT: &str = "select min(at) from (select min(closed_at) as at from result \
     where closed_at >= $1 union all select min(sent_at) from result where sent_at >= $1) as ends";

/// Marks days that have results. Returns from where on days are left to be marked.
async fn mark_all(
    connection: &mut AnyConnection,
    zone: &Zone,
    mut from: Millis,
    pass: i64,
) -> Result<Option<Millis>> {
    let mut days = Vec::new();
    while days.len() < MARKED_A_TURN {
        let next = sqlx::query_scalar(NEXT).bind(from.0).fetch_one(&mut *connection).await?;
        let Some(at) = next else {
            mark_days(connection, &days, pass).await?;
            return Ok(None);
        };
        let day = zone.day_of(at);
        days.push(day);
        let end = zone.period(Days { from: day, to: day }).to;
        from = Millis(end.max(at).0.saturating_add(1));
    }
    mark_days(connection, &days, pass).await?;
    Ok(Some(from))
}

/// The columns of `day_total` without the day.
const COLUMNS: &str = "dim, account, kind, team, key, closes, prompted, commented, s0, s1, s2, s3, \
     s4, s5, s6, s7, s8, s9, s10, last_unanswered_at, waits, losses";

/// How many of [`COLUMNS`] hold text before the counts, and how many numbers follow.
const NAMES: usize = 5;
const NUMBERS: usize = 15;

/// Counts the closes and the prompts of a period by every dimension, and names the last pass.
///
/// One statement sees one state of the database, so all dimensions fit together and hold just what
/// the passes up to that one have written.
fn counts(places: &Places) -> String {
    let all = Dimension::ALL.map(counts_by).join(" union all ");
    let totals = places.json(COLUMNS);
    format!(
        "select (select passes from result_state where name = 'results') as passes, \
         (select {totals} from ({all}) as totals) as totals"
    )
}

/// Both inner selects are ranges of an index. Closes are grouped by their outcome, too, so that
/// each is named once with its count.
fn counts_by(dimension: Dimension) -> String {
    let scores = |each: &dyn Fn(u8) -> String| (0..=10).map(each).collect::<String>();
    let groups = format!(
        "account, kind, coalesce('=' || team, '') as team_key, coalesce('=' || {}, '') as dim_key",
        dimension.value()
    );
    format!(
        "select '{dim}' as dim, account, kind, team_key as team, dim_key as key, \
         cast(sum(closes) as bigint) as closes, cast(sum(prompted) as bigint) as prompted, \
         cast(sum(commented) as bigint) as commented, {sums}\
         max(last_unanswered_at) as last_unanswered_at, string_agg(waits, '') as waits, \
         string_agg(loss || '=' || cast(closes as text), ' ') as losses \
         from (select {groups}, case when outcome in ('sent', 'answered') then null \
         else outcome end as loss, count(*) as closes, 0 as prompted, 0 as commented, {zeros}\
         cast(null as bigint) as last_unanswered_at, cast(null as text) as waits \
         from result where test = 0 and closed_at >= $1 and closed_at <= $2 \
         group by account, kind, team_key, dim_key, loss \
         union all \
         select {groups}, null, 0, count(*), count(commented_at), {counts}\
         max(case when score is null then sent_at end), string_agg(wait, '') \
         from result where test = 0 and sent_at >= $1 and sent_at <= $2 \
         group by account, kind, team_key, dim_key) as counted \
         group by account, kind, team_key, dim_key",
        dim = dimension.as_str(),
        sums = scores(&|score| format!("cast(sum(s{score}) as bigint) as s{score}, ")),
        zeros = scores(&|score| format!("0 as s{score}, ")),
        counts = scores(&|score| format!("sum(case when score = {score} then 1 else 0 end), ")),
    )
}

const MADE: &str = "update result_day set made = $1 where day = $2 and made < $1";

/// Names the dimensions, because they come first in the key.
const EMPTY: &str = "delete from day_total where day = $1 and dim in \
     ('', 'agent', 'tags', 'language', 'source', 'rule', 'variant', 'question')";

/// Writes the totals of a day, unless newer ones stand there. The day stays due if its results have
/// changed since the totals were counted.
async fn write(
    connection: &mut AnyConnection,
    zone: &Zone,
    day: Day,
    counted: CountedDay,
) -> Result<()> {
    // Meanwhile another daemon may count the days of another zone.
    if !state::lock(connection).await?.is_in(zone) {
        return Ok(());
    }
    let day = i64::from(day.0);
    let made = sqlx::query(MADE).bind(counted.pass).bind(day).execute(&mut *connection).await?;
    if made.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(EMPTY).bind(day).execute(&mut *connection).await?;
    let mut places = Places::of(connection);
    let of_day = places.one();
    let values: String = (0..NAMES + NUMBERS + 2)
        .map(|place| match (NAMES..NAMES + NUMBERS).contains(&place) {
            true => format!(", cast(value ->> {place} as bigint)"),
            false => format!(", value ->> {place}"),
        })
        .collect();
    let sql = format!(
        "insert into day_total (day, {COLUMNS}) select {of_day}{values} from {}",
        places.elements()
    );
    sqlx::query(AssertSqlSafe(sql)).bind(day).bind(counted.totals).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_emptied_of_every_dimension() {
        let named = Dimension::ALL.map(|dimension| format!("'{}'", dimension.as_str()));
        assert!(EMPTY.ends_with(&format!("({})", named.join(", "))), "{EMPTY}");
    }

    #[test]
    fn each_column_of_a_total_is_written_as_it_is_counted() {
        let columns: Vec<&str> = COLUMNS.split(", ").collect();
        assert_eq!(columns.len(), NAMES + NUMBERS + 2);
        let (numbers, texts) = columns[NAMES..].split_at(NUMBERS);
        assert_eq!((numbers[0], numbers[NUMBERS - 1]), ("closes", "last_unanswered_at"));
        assert_eq!(texts, ["waits", "losses"]);
    }
}
