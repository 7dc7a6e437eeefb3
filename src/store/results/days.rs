//! Makes the totals of due days anew, a day at a time.

use std::sync::LazyLock;

use sqlx::{AnyConnection, AssertSqlSafe};

use super::due::mark_days;
use super::refresh::Refreshed;
use super::state;
use crate::domain::days::{Day, Days, Zone};
use crate::domain::time::Millis;
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
    /// Makes the totals of one due day anew, the newest first. Nothing is written if none is due.
    /// A change of the zone makes all days due. [`Error::Busy`](crate::store::Error::Busy): another
    /// daemon is at it.
    pub async fn refresh_days(&self, zone: &Zone) -> Result<Refreshed> {
        if self.days_left(zone).await? == 0 {
            return Ok(Refreshed::default());
        }
        let of_turn = zone.clone();
        self.writer
            .run(move |connection| Box::pin(async move { turn(connection, &of_turn).await }))
            .await?;
        let left = self.days_left(zone).await?;
        Ok(Refreshed { left, do_writes_wait: self.writer.do_writes_wait(), ..Refreshed::default() })
    }
}

async fn turn(connection: &mut AnyConnection, zone: &Zone) -> Result<()> {
    if let Some(from) = state::lock(connection, zone).await? {
        let rest = mark_all(connection, zone, from).await?;
        return state::mark_from(connection, rest).await;
    }
    match take_day(connection).await? {
        Some(day) => count(connection, zone, day).await,
        None => Ok(()),
    }
}

/// The first instant at or after one at which a survey closed or was sent.
const NEXT: &str = "select min(at) from (select min(closed_at) as at from result \
     where closed_at >= $1 union all select min(sent_at) from result where sent_at >= $1) as ends";

/// Marks days that have results. Returns from where on days are left to be marked.
async fn mark_all(
    connection: &mut AnyConnection,
    zone: &Zone,
    mut from: Millis,
) -> Result<Option<Millis>> {
    let mut days = Vec::new();
    while days.len() < MARKED_A_TURN {
        let next = sqlx::query_scalar(NEXT).bind(from.0).fetch_one(&mut *connection).await?;
        let Some(at) = next else {
            mark_days(connection, &days).await?;
            return Ok(None);
        };
        let day = zone.day_of(at);
        days.push(day);
        let end = zone.period(Days { from: day, to: day }).to;
        from = Millis(end.max(at).0.saturating_add(1));
    }
    mark_days(connection, &days).await?;
    Ok(Some(from))
}

const TAKE: &str = "delete from day_due where day = (select max(day) from day_due) returning day";

async fn take_day(connection: &mut AnyConnection) -> Result<Option<Day>> {
    let day: Option<i64> = sqlx::query_scalar(TAKE).fetch_optional(connection).await?;
    Ok(day.and_then(|day| i32::try_from(day).ok()).map(Day))
}

/// Names the dimensions, because they come first in the key.
const EMPTY: &str = "delete from day_total where day = $1 and dim in \
     ('', 'agent', 'tags', 'language', 'source', 'rule', 'variant', 'question')";

/// Counts the closes and the prompts of one period, by one dimension.
///
/// Both inner selects are ranges of an index. Closes are grouped by their outcome, too, so that
/// each is named once with its count.
static COUNTS: LazyLock<[String; Dimension::ALL.len()]> = LazyLock::new(|| {
    Dimension::ALL.map(|dimension| {
        let scores = |each: &dyn Fn(u8) -> String| (0..=10).map(each).collect::<String>();
        let groups = format!(
            "account, kind, coalesce('=' || team, '') as team_key, \
             coalesce('=' || {}, '') as dim_key",
            dimension.value()
        );
        format!(
            "insert into day_total (dim, day, account, kind, team, key, closes, prompted, \
             commented, {names}last_unanswered_at, waits, losses) \
             select '{dim}', $1, account, kind, team_key, dim_key, cast(sum(closes) as bigint), \
             cast(sum(prompted) as bigint), cast(sum(commented) as bigint), {sums}\
             max(last_unanswered_at), string_agg(waits, ''), \
             string_agg(loss || '=' || cast(closes as text), ' ') \
             from (select {groups}, case when outcome in ('sent', 'answered') then null \
             else outcome end as loss, count(*) as closes, 0 as prompted, 0 as commented, {zeros}\
             cast(null as bigint) as last_unanswered_at, cast(null as text) as waits \
             from result where test = 0 and closed_at >= $2 and closed_at <= $3 \
             group by account, kind, team_key, dim_key, loss \
             union all \
             select {groups}, null, 0, count(*), count(commented_at), {counts}\
             max(case when score is null then sent_at end), string_agg(wait, '') \
             from result where test = 0 and sent_at >= $2 and sent_at <= $3 \
             group by account, kind, team_key, dim_key) as counted \
             group by account, kind, team_key, dim_key",
            dim = dimension.as_str(),
            names = scores(&|score| format!("s{score}, ")),
            sums = scores(&|score| format!("cast(sum(s{score}) as bigint), ")),
            zeros = scores(&|score| format!("0 as s{score}, ")),
            counts = scores(&|score| format!("sum(case when score = {score} then 1 else 0 end), ")),
        )
    })
});

async fn count(connection: &mut AnyConnection, zone: &Zone, day: Day) -> Result<()> {
    let period = zone.period(Days { from: day, to: day });
    let day = i64::from(day.0);
    sqlx::query(EMPTY).bind(day).execute(&mut *connection).await?;
    for counts in COUNTS.iter() {
        sqlx::query(AssertSqlSafe(counts.as_str()))
            .bind(day)
            .bind(period.from.0)
            .bind(period.to.0)
            .execute(&mut *connection)
            .await?;
    }
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
}
