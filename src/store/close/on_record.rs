//! The closes on record, in the order in which they were accepted, with all that a replay of them
//! must know.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::domain::policy::decision::Decision;
use crate::domain::survey::Survey;
use crate::domain::time::Millis;
use crate::store::read::reads::kept;
use crate::store::survey::row;
use crate::store::{Result, Store};

/// A survey on record, with the closes that made and moved it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub survey: Survey,
    /// The close that made it; absent for surveys of before that was kept.
    pub first_closed_at: Option<Millis>,
    /// Further closes of the conversation that moved the survey while it waited, or came too late
    /// to.
    pub further: Vec<Further>,
    pub spent: Option<Spent>,
    /// When a dry run would have sent it.
    pub dry: Option<Spent>,
    /// When it first reached its moment of sending, where prompts are spread evenly.
    pub paced_at: Option<Millis>,
    /// Whether a request was ever begun for it.
    pub is_begun: bool,
    /// When it was called off, where it was while it waited.
    pub cancelled_at: Option<Millis>,
    /// The last reopening of its conversation.
    pub reopened_at: Option<Millis>,
    pub at_close: Option<Decision>,
    pub at_sending: Option<Decision>,
}

/// A close that made no survey of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Further {
    /// Of this close, or of the one that it took the place of.
    pub closed_at: Millis,
    pub accepted_at: Millis,
}

/// A prompt that X may have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The latest instant at which it may have.
    pub at: Millis,
    /// The throttle group of then.
    pub throttle_group: Option<String>,
}

/// Ids begin with the time at which they were made, so the first of them stands before all closes
/// that were accepted later; an index of the instants themselves would be one more for each close
/// to write.
const FIRST: &str = "select min(id) from survey where closed_at >= $1";

static PAGE_OF: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {}, s.first_closed_at, s.spent_at, s.throttle_group, s.paced_at, \
         case when s.state = 'cancelled' then (select max(h.at) from survey_history h \
         where h.survey_id = s.id and h.state = 'cancelled') end, r.reopened_at, s.decided, \
         s.decision, s.dry_at from survey s left join reopening r on r.account = s.account \
         and r.conversation_id = s.conversation_id \
         where s.id >= $1 and s.id <> $2 order by s.id limit $3",
        row::qualified()
    )
});

const FURTHER: &str = "select s.id, m.closed_at, m.accepted_at from survey s \
     join merged_close m on m.account = s.account and m.conversation_id = s.conversation_id \
     and m.survey_id = s.id where s.id >= $1 and s.id <= $2 order by s.id, m.accepted_at, m.closed_at";

/// Surveys read at once.
const PAGE: i64 = 1_000;

const BEGUN_AT: usize = 17;
const MORE: usize = 23;

fn recorded(row: &AnyRow) -> Result<Recorded> {
    let instant = |column: usize| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Millis));
    let throttle_group: Option<String> = row.try_get(MORE + 2)?;
    let spent = |at| Spent { at, throttle_group: throttle_group.clone() };
    Ok(Recorded {
        survey: row::survey(row)?.0,
        first_closed_at: instant(MORE)?,
        further: Vec::new(),
        spent: instant(MORE + 1)?.map(spent),
        dry: instant(MORE + 8)?.map(spent),
        paced_at: instant(MORE + 3)?,
        is_begun: instant(BEGUN_AT)?.is_some(),
        cancelled_at: instant(MORE + 4)?,
        reopened_at: instant(MORE + 5)?,
        at_close: kept(row, MORE + 6)?,
        at_sending: kept(row, MORE + 7)?,
    })
}

impl Store {
    /// The closes on record, oldest acceptance first, page by page: give the last of a page to get
    /// the next; an empty page is the end. It begins with the first that closed at `from` or later,
    /// and leaves out none that was accepted after it.
    pub async fn recorded(&self, from: Millis, after: Option<&Recorded>) -> Result<Vec<Recorded>> {
        let after = after.map(|last| last.survey.id.as_str());
        let first: Option<String> = match after {
            Some(last) => Some(last.to_owned()),
            None => sqlx::query_scalar(FIRST).bind(from.0).fetch_one(&self.readers).await?,
        };
        let Some(first) = first else { return Ok(Vec::new()) };
        let rows = sqlx::query(AssertSqlSafe(PAGE_OF.as_str()))
            .bind(first.as_str())
            .bind(after.unwrap_or_default())
            .bind(PAGE)
            .fetch_all(&self.readers)
            .await?;
        let mut page = rows.iter().map(recorded).collect::<Result<Vec<_>>>()?;
        let Some(last) = page.last() else { return Ok(page) };
        let rows = sqlx::query(FURTHER)
            .bind(first.as_str())
            .bind(last.survey.id.as_str())
            .fetch_all(&self.readers)
            .await?;
        let mut further: HashMap<String, Vec<Further>> = HashMap::new();
        for row in &rows {
            let (closed_at, accepted_at) = (Millis(row.try_get(1)?), Millis(row.try_get(2)?));
            let of_survey = further.entry(row.try_get(0)?).or_default();
            of_survey.push(Further { closed_at, accepted_at });
        }
        for row in &mut page {
            row.further = further.remove(row.survey.id.as_str()).unwrap_or_default();
        }
        Ok(page)
    }
}
