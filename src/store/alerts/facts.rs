//! Records what happened, once for each fact.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::refuted::{NOT_YET_TOLD, uncount};
use crate::domain::alert::{Answer, Change, Fact, TOLD_FOR};
use crate::domain::id::SurveyId;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::results::row::{MadeResult, StoredResult};
use crate::store::{Result, Store};

impl Store {
    /// Records a fact. Returns false if it is on record already.
    pub async fn record_fact(&self, fact: Fact) -> Result<bool> {
        self.writer
            .run(move |connection| Box::pin(async move { Ok(add(connection, &[fact]).await? > 0) }))
            .await
    }
}

const NUMBERS: &str = "update alert_line set seq = seq + $1 where name = 'facts' returning seq";

const ADD: &str = "insert into alert_fact \
     (seq, type, fact_key, account, survey_id, at, detail, score, withdrawn) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, 0) on conflict (fact_key) do nothing";

/// Records facts in the transaction that makes them certain. Returns how many are new.
///
/// On PostgreSQL it waits for every other transaction that records facts. So it should be the last
/// thing that a transaction does.
pub async fn add(connection: &mut AnyConnection, facts: &[Fact]) -> Result<u64> {
    let Ok(count @ 1..) = i64::try_from(facts.len()) else { return Ok(0) };
    let line = sqlx::query(NUMBERS).bind(count).fetch_one(&mut *connection).await?;
    let last: i64 = line.try_get("seq")?;
    let mut added = 0;
    for (seq, fact) in (last - count + 1..).zip(facts) {
        let score = fact.detail.answer().map(|answer| i64::from(answer.score));
        let done = sqlx::query(ADD)
            .bind(seq)
            .bind(fact.detail.fact_type().as_str())
            .bind(fact.key.as_str())
            .bind(fact.account.as_deref())
            .bind(fact.survey_id.as_ref().map(SurveyId::as_str))
            .bind(fact.at.0)
            .bind(fact.detail.json())
            .bind(score)
            .execute(&mut *connection)
            .await?;
        added += done.rows_affected();
    }
    Ok(added)
}

/// The facts on record about one survey.
#[derive(Default)]
struct KnownFacts {
    count: usize,
    /// The score of the last one. Absent: X's events do not know that answer.
    score: Option<u8>,
}

/// Records what is new among results that are made anew: answers, changed scores and comments.
/// Takes back what X's events turned out not to know.
///
/// It is called for every result that is made, and looks at what it has recorded before. So results
/// that are made again from scratch tell nothing again. Tests are left out.
pub async fn of_results(
    connection: &mut AnyConnection,
    before: &BTreeMap<&str, &StoredResult>,
    made: &[MadeResult],
    now: Millis,
) -> Result<()> {
    let oldest = now.minus(TOLD_FOR);
    let of_id: BTreeMap<&str, &MadeResult> =
        made.iter().map(|made| (made.survey_id.as_str(), made)).collect();
    let score_of = |id: &str| of_id.get(id)?.row.as_ref()?.score;
    let was_answered = before.values().filter(|row| row.score.is_some());
    let lost = was_answered.map(|row| row.survey_id.as_str()).filter(|id| score_of(id).is_none());
    let lost: Vec<&str> = lost.collect();
    withdraw(connection, &lost, now).await?;

    let answers: Vec<(&StoredResult, Millis)> = made
        .iter()
        .filter_map(|made| Some((made.row.as_ref()?, made.scored_at?)))
        .filter(|(row, scored_at)| row.test == 0 && *scored_at >= oldest)
        .collect();
    let has_new_comment = |row: &&StoredResult| {
        let before = before.get(row.survey_id.as_str());
        row.commented_at.is_some() && before.is_none_or(|row| row.commented_at.is_none())
    };
    let commented = answers.iter().map(|(row, _)| *row).filter(has_new_comment);
    let commented: Vec<&str> = commented.map(|row| row.survey_id.as_str()).collect();
    wait_no_more(connection, &commented, now).await?;

    let ids: Vec<&str> = answers.iter().map(|(row, _)| row.survey_id.as_str()).collect();
    let known = known(connection, &ids).await?;
    let nothing = KnownFacts::default();
    let facts = answers.iter().filter_map(|(row, scored_at)| {
        new_fact(row, *scored_at, known.get(row.survey_id.as_str()).unwrap_or(&nothing))
    });
    add(connection, &facts.collect::<Vec<_>>()).await?;
    Ok(())
}

/// The fact that an answer makes beside those on record.
fn new_fact(row: &StoredResult, scored_at: Millis, known: &KnownFacts) -> Option<Fact> {
    let answer = Answer {
        kind: SurveyType::parse(&row.kind)?,
        score: u8::try_from(row.score?).ok()?,
        team: row.team.clone(),
        agent: row.agent.clone(),
        question: u32::try_from(row.question).ok(),
    };
    let id = SurveyId::new(row.survey_id.as_str());
    let fact = match known.score {
        Some(score) if score == answer.score => return None,
        Some(score_before) => {
            let change = Change { answer, score_before };
            Fact::changed(&id, &row.account, scored_at, change)
        }
        None => Fact::answered(&id, &row.account, scored_at, answer),
    };
    Some(match known.count {
        0 => fact,
        // The same score may come back. An answer that was withdrawn may be followed by another.
        count => Fact { key: format!("{}:{count}", fact.key), ..fact },
    })
}

/// Returns the facts about surveys, by survey.
async fn known(
    connection: &mut AnyConnection,
    ids: &[&str],
) -> Result<BTreeMap<String, KnownFacts>> {
    let mut known: BTreeMap<String, KnownFacts> = BTreeMap::new();
    for ids in ids.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(ids.len(), ROWS_MAX));
        let sql = format!(
            "select survey_id, score, withdrawn from alert_fact where survey_id in {places} \
             order by seq"
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        for row in &query.fetch_all(&mut *connection).await? {
            let facts = known.entry(row.try_get("survey_id")?).or_default();
            let score: Option<i64> = row.try_get("score")?;
            let is_withdrawn = row.try_get::<i64, _>("withdrawn")? != 0;
            facts.count += 1;
            facts.score =
                score.and_then(|score| u8::try_from(score).ok()).filter(|_| !is_withdrawn);
        }
    }
    Ok(known)
}

/// Takes answers back. What waits about them is not sent, and a summary that waits counts them no
/// more.
async fn withdraw(connection: &mut AnyConnection, ids: &[&str], now: Millis) -> Result<()> {
    for ids in ids.chunks(ROWS_MAX) {
        let size = size(ids.len(), ROWS_MAX);
        let places = Places::of(connection).row(size);
        let facts = format!("update alert_fact set withdrawn = 1 where survey_id in {places}");
        let query = bind_all(sqlx::query(AssertSqlSafe(facts)), ids, ROWS_MAX);
        query.execute(&mut *connection).await?;
        let mut places = Places::of(connection);
        let ended_at = places.one();
        let messages = format!(
            "update alert_message set ended_at = {ended_at}, outcome = 'refuted' \
             where survey_id in {} and {NOT_YET_TOLD} returning into_message",
            places.row(size)
        );
        let query = sqlx::query(AssertSqlSafe(messages)).bind(now.0);
        let rows = bind_all(query, ids, ROWS_MAX).fetch_all(&mut *connection).await?;
        uncount(connection, &rows, now).await?;
    }
    Ok(())
}

/// Lets messages go whose comments they waited for.
async fn wait_no_more(connection: &mut AnyConnection, ids: &[&str], now: Millis) -> Result<()> {
    for ids in ids.chunks(ROWS_MAX) {
        let mut places = Places::of(connection);
        let (due_at, later) = (places.one(), places.one());
        let sql = format!(
            "update alert_message set due_at = {due_at} where due_at > {later} and tries = 0 \
             and ended_at is null and survey_id in {}",
            places.row(size(ids.len(), ROWS_MAX))
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(now.0).bind(now.0);
        bind_all(query, ids, ROWS_MAX).execute(&mut *connection).await?;
    }
    Ok(())
}
