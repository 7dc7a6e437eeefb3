//! The closes on record in the order of their acceptance, with the facts that a replay needs.

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

/// A survey on record, with the closes that created and moved it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub survey: Survey,
    /// The close that created the survey. Absent for surveys from before this was kept.
    pub first_closed_at: Option<Millis>,
    /// Further closes of the conversation. They moved the survey while it waited or came too late.
    pub further: Vec<Further>,
    pub spent: Option<Spent>,
    /// The prompt that a dry run would have sent.
    pub dry: Option<Spent>,
    /// The instant at which the survey first reached its send while prompts were spread evenly.
    pub paced_at: Option<Millis>,
    /// True if a request was ever begun for it.
    pub is_begun: bool,
    /// The instant at which it was cancelled. Absent if it was not.
    pub cancelled_at: Option<Millis>,
    /// The last reopening of its conversation.
    pub reopened_at: Option<Millis>,
    pub at_close: Option<Decision>,
    pub at_sending: Option<Decision>,
}

/// A close that created no survey of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Further {
    /// The instant of this close, or of the close that it replaced.
    pub closed_at: Millis,
    pub accepted_at: Millis,
}

/// A prompt that X may have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The latest instant at which X may have counted it.
    pub at: Millis,
    /// The throttle group at that time.
    pub throttle_group: Option<String>,
}

/// Ids begin with their time of creation. So the first matching survey precedes every close that
/// was accepted later. An index of the instants would cost one more write for each close.
const FIRST: &str = "select min(id) from survey where closed_at >= $1";

static PAGE_OF: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {}, s.first_closed_at, s.spent_at, s.throttle_group, s.paced_at, \
         case when s.state = 'cancelled' then (select max(h.at) from survey_history h \
         where h.survey_id = s.id and h.state = 'cancelled') end as cancelled_at, \
         r.reopened_at, s.decided, s.decision, s.dry_at from survey s left join reopening r \
         on r.account = s.account and r.conversation_id = s.conversation_id \
         where s.id >= $1 and s.id <> $2 order by s.id limit $3",
        row::qualified()
    )
});

const FURTHER: &str = "select s.id, m.closed_at, m.accepted_at from survey s \
     join merged_close m on m.account = s.account and m.conversation_id = s.conversation_id \
     and m.survey_id = s.id where s.id >= $1 and s.id <= $2 order by s.id, m.accepted_at, m.closed_at";

/// The most surveys that are read at once.
const PAGE: i64 = 1_000;

fn recorded(row: &AnyRow) -> Result<Recorded> {
    let throttle_group: Option<String> = row.try_get("throttle_group")?;
    let spent = |at| Spent { at, throttle_group: throttle_group.clone() };
    Ok(Recorded {
        survey: row::survey(row)?.0,
        first_closed_at: row.try_get("first_closed_at")?,
        further: Vec::new(),
        spent: row.try_get::<Option<_>, _>("spent_at")?.map(spent),
        dry: row.try_get::<Option<_>, _>("dry_at")?.map(spent),
        paced_at: row.try_get("paced_at")?,
        is_begun: row.try_get::<Option<Millis>, _>("begun_at")?.is_some(),
        cancelled_at: row.try_get("cancelled_at")?,
        reopened_at: row.try_get("reopened_at")?,
        at_close: kept(row, "decided")?,
        at_sending: kept(row, "decision")?,
    })
}

impl Store {
    /// Returns the closes on record page by page, oldest acceptance first. The caller gives the
    /// last of a page to get the next. An empty page is the end. The first page begins with the
    /// first survey that closed at `from` or later. Every survey accepted after it follows.
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
            let of_survey = further.entry(row.try_get("id")?).or_default();
            of_survey.push(Further {
                closed_at: row.try_get("closed_at")?,
                accepted_at: row.try_get("accepted_at")?,
            });
        }
        for row in &mut page {
            row.further = further.remove(row.survey.id.as_str()).unwrap_or_default();
        }
        Ok(page)
    }
}
