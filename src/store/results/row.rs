//! One row of `result`: how it is made from a survey and its feedback, read and written.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::domain::close::Notice;
use crate::domain::policy::decision::Decision;
use crate::domain::survey::Reason;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::{Millis, millis};
use crate::store::Result;
use crate::store::placeholders::{Places, Query, ROWS_MAX, bind_all, size};
use crate::store::read::reads::kept;

pub const COLUMNS: &str = "survey_id, account, source, kind, question, test, closed_at, sent_at, \
     outcome, agent, team, tags, language, rule, variant, score, commented_at, wait";

/// How many [`COLUMNS`] there are.
const VALUES: usize = 18;

/// The row of one survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResult {
    pub survey_id: String,
    pub account: String,
    pub source: String,
    pub kind: String,
    pub question: i64,
    pub test: i64,
    pub closed_at: Millis,
    pub sent_at: Option<Millis>,
    pub outcome: String,
    pub agent: Option<String>,
    pub team: Option<String>,
    pub tags: Option<String>,
    pub language: Option<String>,
    pub rule: Option<String>,
    pub variant: Option<String>,
    pub score: Option<i64>,
    pub commented_at: Option<Millis>,
    pub wait: Option<String>,
}

/// What was made of a survey.
pub struct MadeResult {
    pub survey_id: String,
    /// Absent if the survey holds what cannot be counted.
    pub row: Option<StoredResult>,
    /// When the score of the row was given.
    pub scored_at: Option<Millis>,
    /// False if a part of the survey cannot be read.
    pub is_whole: bool,
}

const OF_SURVEYS: &str = "select s.id, s.account, s.source, s.kind, s.question_variant_id, s.test, \
     s.state, s.reason, s.closed_at, s.sent_at, s.notice, s.decided, s.decision, f.score, \
     f.score_given_at, case when f.comment is not null then f.comment_given_at end as commented_at \
     from survey s left join feedback f on f.account = s.account and f.id = s.feedback_id \
     where s.id in ";

/// Makes the rows of the surveys that are still there.
pub async fn make(connection: &mut AnyConnection, ids: &[&str]) -> Result<Vec<MadeResult>> {
    let mut made = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(ids.len(), ROWS_MAX));
        // No index has this order, so SQLite finds all rows before it hands over the first.
        let sql = format!("{OF_SURVEYS}{places} order by s.reason");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        let rows = query.fetch_all(&mut *connection).await?;
        for row in &rows {
            let survey_id = row.try_get("id")?;
            // One survey that cannot be read must not stop the others.
            let of_survey = of_survey(row);
            let is_whole = of_survey.as_ref().is_ok_and(|(_, _, is_whole)| *is_whole);
            let scored_at = of_survey.as_ref().ok().and_then(|(_, scored_at, _)| *scored_at);
            let row = of_survey.ok().map(|(row, _, _)| row);
            made.push(MadeResult { survey_id, row, scored_at, is_whole });
        }
    }
    Ok(made)
}

/// Returns the rows of the surveys as they stand.
pub async fn read(connection: &mut AnyConnection, ids: &[&str]) -> Result<Vec<StoredResult>> {
    let mut read = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(ids.len(), ROWS_MAX));
        let sql = format!("select {COLUMNS} from result where survey_id in {places} order by wait");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        let rows = query.fetch_all(&mut *connection).await?;
        read.extend(rows.iter().map(stored).collect::<Result<Vec<_>>>()?);
    }
    Ok(read)
}

fn stored(row: &AnyRow) -> Result<StoredResult> {
    Ok(StoredResult {
        survey_id: row.try_get("survey_id")?,
        account: row.try_get("account")?,
        source: row.try_get("source")?,
        kind: row.try_get("kind")?,
        question: row.try_get("question")?,
        test: row.try_get("test")?,
        closed_at: row.try_get("closed_at")?,
        sent_at: row.try_get("sent_at")?,
        outcome: row.try_get("outcome")?,
        agent: row.try_get("agent")?,
        team: row.try_get("team")?,
        tags: row.try_get("tags")?,
        language: row.try_get("language")?,
        rule: row.try_get("rule")?,
        variant: row.try_get("variant")?,
        score: row.try_get("score")?,
        commented_at: row.try_get("commented_at")?,
        wait: row.try_get("wait")?,
    })
}

/// Makes the row of a survey. Says when its score was given and whether its notice could be read. A
/// notice that cannot be gives no names, and all else still counts.
fn of_survey(row: &AnyRow) -> Result<(StoredResult, Option<Millis>, bool)> {
    let notice: String = row.try_get("notice")?;
    let notice: Option<Notice> = serde_json::from_str(&notice).ok();
    let is_whole = notice.is_some();
    let notice = notice.unwrap_or_default().without_blank_names();
    let (at_sending, at_close) = (kept(row, "decision")?, kept(row, "decided")?);
    let decision: Option<Decision> = at_sending.or(at_close);
    let (rule, variant) = decision.map(|it| (it.rule, it.variant)).unwrap_or_default();
    let (state, reason): (String, Option<String>) = (row.try_get("state")?, row.try_get("reason")?);
    let is_sent = matches!(state.as_str(), "sent" | "answered");
    let sent_at: Option<Millis> = row.try_get("sent_at")?;
    let sent_at = sent_at.filter(|_| is_sent);
    let kind: String = row.try_get("kind")?;
    let score: Option<i64> = row.try_get("score")?;
    let score = score.filter(|score| is_on_scale(&kind, *score));
    let scored_at: Option<Millis> = row.try_get("score_given_at")?;
    let wait = match (score, sent_at, scored_at) {
        (Some(_), Some(sent_at), Some(scored_at)) => {
            Some(written_wait(millis(scored_at.since(sent_at))))
        }
        _ => None,
    };
    let row = StoredResult {
        survey_id: row.try_get("id")?,
        account: row.try_get("account")?,
        source: row.try_get("source")?,
        question: row.try_get("question_variant_id")?,
        test: row.try_get("test")?,
        closed_at: row.try_get("closed_at")?,
        sent_at,
        outcome: outcome(&state, reason.as_deref()),
        agent: notice.agent.map(without_nul),
        team: notice.team.map(without_nul),
        tags: tags(notice.tags),
        language: notice.language.map(without_nul),
        rule: rule.map(without_nul),
        variant: variant.map(without_nul),
        score,
        commented_at: row.try_get("commented_at")?,
        wait,
        kind,
    };
    let scored_at = scored_at.filter(|_| row.score.is_some());
    Ok((row, scored_at, is_whole))
}

/// The reason of a suppressed survey, else the name of its state.
fn outcome(state: &str, reason: Option<&str>) -> String {
    match reason.filter(|_| state == "suppressed").and_then(Reason::parse) {
        Some(reason) => reason.as_str().to_owned(),
        None => state.to_owned(),
    }
}

fn is_on_scale(kind: &str, score: i64) -> bool {
    let score = u8::try_from(score);
    SurveyType::parse(kind).is_some_and(|kind| score.is_ok_and(|it| kind.scores().contains(&it)))
}

/// The distinct tags in their order as JSON.
fn tags(mut tags: Vec<String>) -> Option<String> {
    tags.sort();
    tags.dedup();
    (!tags.is_empty()).then(|| serde_json::to_string(&tags).expect("texts are plain data"))
}

/// PostgreSQL stores no NUL. JSON has one only behind an escape.
fn without_nul(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

/// The width and the base of a wait: enough for 89 years.
pub const WAIT_DIGITS: usize = 8;
const WAIT_BASE: u32 = 36;

/// Writes milliseconds with a fixed width, so that texts of waits can be joined without a sign
/// between them.
fn written_wait(wait_ms: i64) -> String {
    let base = i64::from(WAIT_BASE);
    let mut left = wait_ms.clamp(0, base.pow(8) - 1);
    let mut digits = [0_u8; WAIT_DIGITS];
    for digit in digits.iter_mut().rev() {
        let value = u32::try_from(left % base).expect("it is below the base");
        *digit = char::from_digit(value, WAIT_BASE).map_or(b'0', |digit| digit as u8);
        left /= base;
    }
    digits.into_iter().map(char::from).collect()
}

/// Reads joined waits. What does not have their form is left out.
pub fn read_waits(waits: &str) -> Vec<u64> {
    let waits = waits.as_bytes().chunks(WAIT_DIGITS);
    let read = |wait: &[u8]| u64::from_str_radix(std::str::from_utf8(wait).ok()?, WAIT_BASE).ok();
    waits.filter_map(read).collect()
}

/// The most rows in one statement.
const BATCH_MAX: usize = 128;

/// Replaces a row as a whole.
const REPLACE: &str = "on conflict (survey_id) do update set account = excluded.account, \
     source = excluded.source, kind = excluded.kind, question = excluded.question, \
     test = excluded.test, closed_at = excluded.closed_at, sent_at = excluded.sent_at, \
     outcome = excluded.outcome, agent = excluded.agent, team = excluded.team, \
     tags = excluded.tags, language = excluded.language, rule = excluded.rule, \
     variant = excluded.variant, score = excluded.score, commented_at = excluded.commented_at, \
     wait = excluded.wait";

/// Writes rows in the place of those that stand.
pub async fn write(connection: &mut AnyConnection, rows: &[&StoredResult]) -> Result<()> {
    for rows in rows.chunks(BATCH_MAX) {
        let size = size(rows.len(), BATCH_MAX);
        let values = Places::of(connection).rows(size, VALUES);
        let sql = format!(
            "with new ({COLUMNS}) as (values {values}) insert into result ({COLUMNS}) \
             select {COLUMNS} from new where survey_id is not null {REPLACE}"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        // The unused places repeat the last row without its id.
        for place in 0..size {
            let id = rows.get(place).map(|row| row.survey_id.as_str());
            query = bind(query, id, rows[place.min(rows.len() - 1)]);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn bind<'q>(query: Query<'q>, id: Option<&'q str>, row: &'q StoredResult) -> Query<'q> {
    query
        .bind(id)
        .bind(row.account.as_str())
        .bind(row.source.as_str())
        .bind(row.kind.as_str())
        .bind(row.question)
        .bind(row.test)
        .bind(row.closed_at.0)
        .bind(row.sent_at.map(|at| at.0))
        .bind(row.outcome.as_str())
        .bind(row.agent.as_deref())
        .bind(row.team.as_deref())
        .bind(row.tags.as_deref())
        .bind(row.language.as_deref())
        .bind(row.rule.as_deref())
        .bind(row.variant.as_deref())
        .bind(row.score)
        .bind(row.commented_at.map(|at| at.0))
        .bind(row.wait.as_deref())
}

/// Deletes the rows of surveys.
pub async fn delete(connection: &mut AnyConnection, ids: &[&str]) -> Result<()> {
    for ids in ids.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(ids.len(), ROWS_MAX));
        let sql = format!("delete from result where survey_id in {places}");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wait_has_always_the_same_width() {
        for (wait_ms, written) in [
            (-1, "00000000"),
            (0, "00000000"),
            (35, "0000000z"),
            (36, "00000010"),
            (i64::MAX, "zzzzzzzz"),
        ] {
            assert_eq!(written_wait(wait_ms), written);
        }
    }

    #[test]
    fn the_outcome_of_a_suppressed_survey_is_its_reason() {
        assert_eq!(outcome("suppressed", Some("throttled")), "throttled");
        assert_eq!(outcome("suppressed", Some("a reason of a later program")), "suppressed");
        assert_eq!(outcome("suppressed", None), "suppressed");
        assert_eq!(outcome("failed", Some("rule")), "failed");
    }

    #[test]
    fn a_score_outside_the_scale_is_none() {
        assert!(is_on_scale("csat", 5) && is_on_scale("nps", 0));
        assert!(!is_on_scale("csat", 0) && !is_on_scale("csat", 6) && !is_on_scale("nps", 11));
        assert!(!is_on_scale("nps", -1) && !is_on_scale("nps", 260) && !is_on_scale("ces", 1));
    }

    #[test]
    fn tags_are_kept_as_a_set() {
        let of = |all: &[&str]| tags(all.iter().map(|tag| (*tag).to_owned()).collect());
        assert_eq!(of(&["vip", "a\"b", "vip"]).as_deref(), Some(r#"["a\"b","vip"]"#));
        assert_eq!(of(&[]), None);
    }

    proptest! {
        #[test]
        fn joined_waits_are_read_as_they_were_written(
            waits in proptest::collection::vec(0u64..2_000_000_000_000, 0..20)
        ) {
            let written = |wait: &u64| written_wait(i64::try_from(*wait).unwrap());
            let joined: String = waits.iter().map(written).collect();
            prop_assert_eq!(read_waits(&joined), waits);
        }
    }
}
