//! Closes piles of answers as blocks at the ends of weeks.
//!
//! A turn is one transaction. A crash leaves all of it or nothing. The right to refresh results is
//! the right to close blocks, too: only one daemon has it, and no answer comes in meanwhile.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::domain::blocks::{Block, BlockRule, Pile, Sorts, close};
use crate::domain::days::Day;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::results::state;
use crate::store::{Error, Result, Store};

/// The most piles that one turn looks at.
const TURN: usize = 64;

/// An answer dated so much later than now was dated by a clock that ran ahead. It is on record, so
/// it does not wait for that instant.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// What one turn has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// How many blocks were closed.
    pub closed: u64,
    /// True if every week that is over was looked at.
    pub is_done: bool,
}

impl Store {
    /// Looks at up to 64 piles of the next week that is over and closes those that may be shown.
    /// Each week is looked at once. Nothing is written if no week is left.
    /// [`Error::Busy`](crate::store::Error::Busy): another daemon is at it.
    pub async fn close_blocks(&self, rule: &BlockRule, now: Millis) -> Result<Closing> {
        let mut connection = self.readers.acquire().await?;
        if next_week(&mut connection, rule, now).await?.is_none() {
            return Ok(Closing { closed: 0, is_done: true });
        }
        drop(connection);
        let rule = rule.clone();
        self.writer
            .run(move |connection| Box::pin(async move { turn(connection, &rule, now).await }))
            .await
    }
}

/// A week that is looked at, and the last pile of it that was.
struct WeekCursor {
    sunday: Day,
    after: (String, String),
}

async fn turn(connection: &mut AnyConnection, rule: &BlockRule, now: Millis) -> Result<Closing> {
    state::lock(connection).await?;
    let Some(week) = next_week(connection, rule, now).await? else {
        return Ok(Closing { closed: 0, is_done: true });
    };
    let span = Span { until: rule.week_ends_at(week.sunday), ahead: now.plus(AHEAD) };
    let piles = piles(connection, rule, &week, span).await?;
    let mut closed = 0;
    for pile in &piles {
        let block_before = block_before(connection, pile).await?;
        let last_day = block_before.map(|(_, day)| day);
        let days = rule.days(last_day, pile.first_answer, week.sunday);
        let Some(block) = close(&Pile { days, sorts: pile.sorts }, rule.agent_min) else {
            continue;
        };
        let no = block_before.map_or(0, |(no, _)| no) + 1;
        write(connection, pile, no, &block, (now, rule.published_at(week.sunday))).await?;
        mark(connection, pile, no, span).await?;
        closed += 1;
    }
    let place = piles.last().filter(|_| piles.len() == TURN);
    let place = place.map(|pile| (pile.agent.as_str(), pile.kind()));
    looked_at(connection, week.sunday, place).await?;
    let is_done = next_week(connection, rule, now).await?.is_none();
    Ok(Closing { closed, is_done })
}

const LAST_WEEK: &str = "select sunday, after_agent, after_kind from agent_week \
     where name = 'blocks'";

const FIRST_ANSWER: &str = "select min(at) from agent_answer where block is null";

/// Finds the week to look at. `None` if each week that is over was looked at.
async fn next_week(
    connection: &mut AnyConnection,
    rule: &BlockRule,
    now: Millis,
) -> Result<Option<WeekCursor>> {
    let nowhere = || (String::new(), String::new());
    let Some(row) = sqlx::query(LAST_WEEK).fetch_optional(&mut *connection).await? else {
        let first: Option<Millis> = sqlx::query_scalar(FIRST_ANSWER).fetch_one(connection).await?;
        let sunday = rule.next_week(None, first, now);
        return Ok(sunday.map(|sunday| WeekCursor { sunday, after: nowhere() }));
    };
    let last = day(row.try_get("sunday")?);
    let after: (Option<String>, Option<String>) =
        (row.try_get("after_agent")?, row.try_get("after_kind")?);
    if let (Some(agent), Some(kind)) = after {
        // It may not be over in the zone of another configuration.
        let is_over = rule.week_ends_at(last) < now;
        return Ok(is_over.then_some(WeekCursor { sunday: last, after: (agent, kind) }));
    }
    let sunday = rule.next_week(Some(last), None, now);
    Ok(sunday.map(|sunday| WeekCursor { sunday, after: nowhere() }))
}

/// The answers of a week's end: those up to it, and those that a clock has dated ahead.
#[derive(Clone, Copy)]
struct Span {
    until: Millis,
    ahead: Millis,
}

/// A pile as it is found.
struct FoundPile {
    agent: String,
    sorts: Sorts,
    first_answer: Millis,
}

impl FoundPile {
    fn kind(&self) -> &'static str {
        self.sorts.kind().as_str()
    }
}

/// Leaves out piles that are too small whatever is in them.
static PILES: LazyLock<String> = LazyLock::new(|| {
    let counts = (0..=10).map(|score| {
        format!(", cast(sum(case when score = {score} then 1 else 0 end) as bigint) as s{score}")
    });
    format!(
        "select agent, kind, min(at) as first_at{} from agent_answer \
         where block is null and (at <= $1 or at > $2) \
         and (agent > $3 or (agent = $3 and kind > $4)) \
         group by agent, kind having count(*) >= $5 order by agent, kind limit $6",
        counts.collect::<String>()
    )
});

async fn piles(
    connection: &mut AnyConnection,
    rule: &BlockRule,
    week: &WeekCursor,
    span: Span,
) -> Result<Vec<FoundPile>> {
    let rows = sqlx::query(AssertSqlSafe(PILES.as_str()))
        .bind(span.until.0)
        .bind(span.ahead.0)
        .bind(week.after.0.as_str())
        .bind(week.after.1.as_str())
        .bind(i64::from(rule.agent_min))
        .bind(i64::try_from(TURN).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter().map(found).collect()
}

const SCORES: [&str; 11] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10"];

fn found(row: &AnyRow) -> Result<FoundPile> {
    let kind: String = row.try_get("kind")?;
    let kind = SurveyType::parse(&kind)
        .ok_or_else(|| Error::Broken(format!("an agent's answer of the type {kind}")))?;
    let mut scores = [0; SCORES.len()];
    for (score, column) in scores.iter_mut().zip(SCORES) {
        *score = u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0);
    }
    Ok(FoundPile {
        agent: row.try_get("agent")?,
        sorts: Sorts::of(kind, &scores),
        first_answer: row.try_get("first_at")?,
    })
}

const BLOCK_BEFORE: &str = "select no, to_day from agent_block where agent = $1 and kind = $2 \
     order by no desc limit 1";

/// The number and the last day of the block before this one.
async fn block_before(
    connection: &mut AnyConnection,
    pile: &FoundPile,
) -> Result<Option<(i64, Day)>> {
    let row = sqlx::query(BLOCK_BEFORE)
        .bind(pile.agent.as_str())
        .bind(pile.kind())
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((row.try_get("no")?, day(row.try_get("to_day")?)))).transpose()
}

/// No conflict is allowed: what stands is never written over.
const WRITE: &str = "insert into agent_block (agent, kind, no, from_day, to_day, n, content, \
     promoters, detractors, closed_at, published_at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

async fn write(
    connection: &mut AnyConnection,
    pile: &FoundPile,
    no: i64,
    block: &Block,
    (closed_at, published_at): (Millis, Millis),
) -> Result<()> {
    let (content, promoters, detractors) = match block.sorts {
        Sorts::Csat { content, .. } => (Some(content), None, None),
        Sorts::Nps { promoters, detractors, .. } => (None, Some(promoters), Some(detractors)),
    };
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(WRITE)
        .bind(pile.agent.as_str())
        .bind(pile.kind())
        .bind(no)
        .bind(i64::from(block.days.from.0))
        .bind(i64::from(block.days.to.0))
        .bind(count(block.sorts.answers()))
        .bind(content.map(count))
        .bind(promoters.map(count))
        .bind(detractors.map(count))
        .bind(closed_at.0)
        .bind(published_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

const MARK: &str = "update agent_answer set block = $1 where agent = $2 and kind = $3 \
     and block is null and (at <= $4 or at > $5)";

/// Gives the answers of a pile the number of their block.
async fn mark(connection: &mut AnyConnection, pile: &FoundPile, no: i64, span: Span) -> Result<()> {
    let marked = sqlx::query(MARK)
        .bind(no)
        .bind(pile.agent.as_str())
        .bind(pile.kind())
        .bind(span.until.0)
        .bind(span.ahead.0)
        .execute(connection)
        .await?;
    match marked.rows_affected() == pile.sorts.answers() {
        true => Ok(()),
        // The right to refresh keeps all others out, so only a program of another version could.
        // Nothing is committed then.
        false => Err(Error::Busy("an answer came in while its block was closed".into())),
    }
}

const LOOKED_AT: &str = "insert into agent_week (name, sunday, after_agent, after_kind) \
     values ('blocks', $1, $2, $3) on conflict (name) do update set sunday = excluded.sunday, \
     after_agent = excluded.after_agent, after_kind = excluded.after_kind";

/// Notes that a week was looked at, up to a pile or as a whole.
async fn looked_at(
    connection: &mut AnyConnection,
    sunday: Day,
    place: Option<(&str, &str)>,
) -> Result<()> {
    sqlx::query(LOOKED_AT)
        .bind(i64::from(sunday.0))
        .bind(place.map(|(agent, _)| agent))
        .bind(place.map(|(_, kind)| kind))
        .execute(connection)
        .await?;
    Ok(())
}

fn day(number: i64) -> Day {
    Day(i32::try_from(number).unwrap_or(i32::MAX))
}
