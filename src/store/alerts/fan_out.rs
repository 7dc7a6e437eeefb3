//! Makes messages of facts, for one alert at a time.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::refuted::{NOT_YET_TOLD, uncount};
use crate::domain::alert::{AlertType, Detail, Fact, TOLD_FOR, Wanted};
use crate::domain::id::SurveyId;
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// The most facts that one turn takes.
const TURN: i64 = 200;

/// What one turn has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FannedOut {
    /// How many facts the alert has passed.
    pub facts: usize,
    pub messages: usize,
    /// Facts that this version cannot read. They are passed by.
    pub unreadable: Vec<String>,
}

impl FannedOut {
    /// True if more facts may wait.
    pub fn is_full(&self) -> bool {
        i64::try_from(self.facts).is_ok_and(|facts| facts >= TURN)
    }
}

/// An alert that is new begins at the end of the facts. The row is locked either way, so daemons
/// make the messages of an alert one after the other.
const LOCK: &str = "insert into alert_standing (alert, facts_to, failures) \
     select $1, seq, 0 from alert_line where name = 'facts' \
     on conflict (alert) do update set facts_to = alert_standing.facts_to returning facts_to";

const FACTS: &str = "select f.seq, f.type, f.fact_key, f.account, f.survey_id, f.at, f.detail, \
     f.withdrawn, r.commented_at from alert_fact f left join result r on r.survey_id = f.survey_id \
     where f.seq > $1 order by f.seq limit $2";

const PASS: &str = "update alert_standing set facts_to = $1 where alert = $2";

impl Store {
    /// Makes the messages of at most 200 facts for an alert.
    pub async fn fan_out(&self, wanted: &Wanted, now: Millis) -> Result<FannedOut> {
        let wanted = wanted.clone();
        self.writer
            .run(move |connection| Box::pin(async move { turn(connection, &wanted, now).await }))
            .await
    }
}

async fn turn(connection: &mut AnyConnection, wanted: &Wanted, now: Millis) -> Result<FannedOut> {
    let alert = wanted.name.as_str();
    let standing = sqlx::query(LOCK).bind(alert).fetch_one(&mut *connection).await?;
    let from: i64 = standing.try_get("facts_to")?;
    let rows = sqlx::query(FACTS).bind(from).bind(TURN).fetch_all(&mut *connection).await?;
    let mut done = FannedOut { facts: rows.len(), ..FannedOut::default() };
    let Some(last) = rows.last() else { return Ok(done) };
    let last: i64 = last.try_get("seq")?;
    for row in &rows {
        match read(row)? {
            ReadFact::Told(fact) if fact.fact.at >= now.minus(TOLD_FOR) => {
                done.messages += make(connection, wanted, &fact, now).await?;
            }
            ReadFact::Told(_) | ReadFact::Untold => {}
            ReadFact::Unreadable(why) => done.unreadable.push(why),
        }
    }
    sqlx::query(PASS).bind(last).bind(alert).execute(&mut *connection).await?;
    Ok(done)
}

/// A fact with its number.
struct Numbered {
    seq: i64,
    fact: Fact,
    has_comment: bool,
}

enum ReadFact {
    Told(Box<Numbered>),
    /// It was on record before alerts were, or it was taken back.
    Untold,
    Unreadable(String),
}

fn read(row: &AnyRow) -> Result<ReadFact> {
    let detail: Option<String> = row.try_get("detail")?;
    let (Some(detail), 0) = (detail, row.try_get::<i64, _>("withdrawn")?) else {
        return Ok(ReadFact::Untold);
    };
    let fact_type: String = row.try_get("type")?;
    Ok(match Detail::read(&fact_type, &detail) {
        Err(error) => ReadFact::Unreadable(error.to_string()),
        Ok(detail) => ReadFact::Told(Box::new(Numbered {
            seq: row.try_get("seq")?,
            has_comment: row.try_get::<Option<Millis>, _>("commented_at")?.is_some(),
            fact: Fact {
                key: row.try_get("fact_key")?,
                account: row.try_get("account")?,
                survey_id: row.try_get("survey_id")?,
                at: row.try_get("at")?,
                detail,
            },
        })),
    })
}

const MAKE: &str = "insert into alert_message (id, alert, type, fact_seq, fact_key, survey_id, at, \
     covers, since, due_at, tries) values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, 0)";

/// Makes the messages of one fact. Returns how many.
async fn make(
    connection: &mut AnyConnection,
    wanted: &Wanted,
    numbered: &Numbered,
    now: Millis,
) -> Result<usize> {
    let fact = &numbered.fact;
    let mut types: BTreeSet<AlertType> = wanted.messages_of(fact).into_iter().collect();
    if let Some(survey_id) = fact.survey_id.as_ref().filter(|_| fact.detail.answer().is_some()) {
        // What waits says what is no longer so. It is said anew, or not at all.
        types.extend(instead(connection, wanted, fact, survey_id, now).await?);
        let told = told(connection, &wanted.name, survey_id).await?;
        types.retain(|alert_type| !told.contains(alert_type));
    }
    let due_at = wanted.due_at(fact, numbered.has_comment, now);
    for alert_type in &types {
        sqlx::query(MAKE)
            .bind(new_id())
            .bind(wanted.name.as_str())
            .bind(alert_type.as_str())
            .bind(numbered.seq)
            .bind(fact.key.as_str())
            .bind(fact.survey_id.as_ref().map(SurveyId::as_str))
            .bind(fact.at.0)
            .bind(fact.at.0)
            .bind(due_at.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(types.len())
}

/// A new message's id. It holds no dot, as Standard Webhooks asks.
pub fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// Ends the messages that wait about an earlier score of the survey, also those that a waiting
/// summary stands for. Returns the types of those that the new score makes in their place.
async fn instead(
    connection: &mut AnyConnection,
    wanted: &Wanted,
    fact: &Fact,
    survey_id: &SurveyId,
    now: Millis,
) -> Result<Vec<AlertType>> {
    let Detail::Changed(change) = &fact.detail else { return Ok(Vec::new()) };
    let replace = format!(
        "update alert_message set ended_at = $1, outcome = 'refuted' \
         where survey_id = $2 and alert = $3 and {NOT_YET_TOLD} returning type, into_message"
    );
    let rows = sqlx::query(AssertSqlSafe(replace))
        .bind(now.0)
        .bind(survey_id.as_str())
        .bind(wanted.name.as_str())
        .fetch_all(&mut *connection)
        .await?;
    uncount(connection, &rows, now).await?;
    let as_first = Fact { detail: Detail::Answered(change.answer.clone()), ..fact.clone() };
    let fitting = wanted.messages_of(&as_first);
    let ended = types(&rows)?;
    Ok(ended.into_iter().filter(|alert_type| fitting.contains(alert_type)).collect())
}

const TOLD: &str = "select type from alert_message where survey_id = $1 and alert = $2 \
     and (outcome is null or outcome <> 'refuted')";

/// The types under which the alert is told of the survey already.
async fn told(
    connection: &mut AnyConnection,
    alert: &str,
    survey_id: &SurveyId,
) -> Result<BTreeSet<AlertType>> {
    let query = sqlx::query(TOLD).bind(survey_id.as_str()).bind(alert);
    types(&query.fetch_all(connection).await?)
}

fn types(rows: &[AnyRow]) -> Result<BTreeSet<AlertType>> {
    let mut types = BTreeSet::new();
    for row in rows {
        types.extend(AlertType::parse(&row.try_get::<String, _>("type")?));
    }
    Ok(types)
}
