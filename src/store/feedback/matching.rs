//! Matches feedback with the survey it answers. The keys are the feedback id, the external id with
//! the person, or the external id alone if X does not name the person.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::advance::advance;
use super::folded::Folded;
use super::row::{COLUMNS, FeedbackRow, known_row};
use super::rows::BATCH_MAX;
use crate::domain::feedback::{Object, Update};
use crate::domain::id::{FeedbackId, SurveyId, is_named_by};
use crate::domain::survey::{State, Survey};
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, bind_all, size};
use crate::store::survey::step::touch;
use crate::store::{Result, Store};

const KNOWN: &str = "select min(how) from \
     (select 1 as how from feedback where account = $1 and id = $2 union all \
     select 1 from survey where account = $1 and feedback_id = $2 union all \
     select 2 from survey where account = $1 and external_id = $3 and user_id = $4 \
     and begun_at is not null) as known";

const BY_ID: i64 = 1;

impl Store {
    /// Returns the account that an update's feedback belongs to, by our own record. This is the
    /// account that knows the feedback id. Otherwise it is the only account that prompted this
    /// person under this external id.
    pub async fn whose_feedback<'a>(
        &self,
        accounts: impl Iterator<Item = &'a str>,
        update: &Update,
    ) -> Result<Option<&'a str>> {
        let mut by_name = Vec::new();
        for account in accounts {
            let object = &update.object;
            let known: Option<i64> = sqlx::query_scalar(KNOWN)
                .bind(account)
                .bind(update.id.as_str())
                .bind(object.external_id.as_deref())
                .bind(object.to_user_id.as_deref())
                .fetch_one(&self.readers)
                .await?;
            match known {
                Some(BY_ID) => return Ok(Some(account)),
                Some(_) => by_name.push(account),
                None => {}
            }
        }
        Ok(by_name.pop().filter(|_| by_name.is_empty()))
    }
}

/// How far X's clock may lag ours. A prompt that X created earlier than this before our request is
/// not ours. An agent may use the same external ids.
pub const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// Finds the surveys of rows that have none, at most [`BATCH_MAX`]. The first key is the feedback
/// id that create's answer gave. The second is the external id with the person, as far as X names
/// the person. No survey is given to two rows.
pub async fn match_surveys(
    connection: &mut AnyConnection,
    account: &str,
    rows: Vec<&mut FeedbackRow>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut by_id: HashMap<String, SurveyId> = HashMap::new();
    // Begun surveys by external id. The latest to begin is last.
    let mut by_name: HashMap<String, Vec<UnmatchedSend>> = HashMap::new();
    for row in &candidates(connection, account, &rows).await? {
        let id = row.try_get("id")?;
        match row.try_get::<Option<String>, _>("feedback_id")? {
            Some(feedback_id) => drop(by_id.insert(feedback_id, id)),
            None => {
                let (person, at) = (row.try_get("user_id")?, row.try_get("begun_at")?);
                let begun = UnmatchedSend { id, person, at };
                by_name.entry(row.try_get("external_id")?).or_default().push(begun);
            }
        }
    }
    let mut rows = rows;
    // surveyd requests a prompt once. Of two rows with one name the first is its own.
    rows.sort_by_key(|row| (row.feedback.object().created_at, row.feedback.id.clone()));
    for row in rows {
        row.survey_id = by_id.get(row.feedback.id.as_str()).cloned();
        let Object { external_id: Some(name), to_user_id, created_at, .. } = row.feedback.object()
        else {
            continue;
        };
        let Some(begun) = by_name.get_mut(name).filter(|_| row.survey_id.is_none()) else {
            continue;
        };
        let before = created_at.map_or(Millis(i64::MAX), |at| at.plus(CLOCKS_APART));
        // Feedback in X's documents lacks its person.
        let is_its = |begun: &UnmatchedSend| {
            begun.at <= before && to_user_id.as_ref().is_none_or(|person| *person == begun.person)
        };
        row.survey_id = begun.iter().rposition(is_its).map(|place| begun.remove(place).id);
    }
    Ok(())
}

/// A survey whose prompt X may have created, although its feedback id is not known.
struct UnmatchedSend {
    id: SurveyId,
    person: String,
    at: Millis,
}

/// Reads the surveys that rows may belong to, in one statement. A sent survey matches by its
/// feedback id only. A survey that is being sent is left to its worker.
async fn candidates(
    connection: &mut AnyConnection,
    account: &str,
    rows: &[&mut FeedbackRow],
) -> Result<Vec<AnyRow>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.feedback.id.as_str()).collect();
    let names = rows.iter().filter_map(|row| row.feedback.object().external_id.as_deref());
    let mut names: Vec<&str> = names.collect();
    if names.is_empty() {
        // No survey has this name.
        names.push("");
    }
    let mut places = Places::of(connection);
    let sql = format!(
        "select id, feedback_id, external_id, user_id, begun_at from survey \
         where account = {} and feedback_id in {} union all \
         select id, feedback_id, external_id, user_id, begun_at from survey \
         where account = {} and external_id in {} and begun_at is not null \
         and feedback_id is null and state <> 'sending' order by begun_at",
        places.one(),
        places.row(size(ids.len(), BATCH_MAX)),
        places.one(),
        places.row(size(names.len(), BATCH_MAX)),
    );
    let query = bind_all(sqlx::query(AssertSqlSafe(sql)).bind(account), &ids, BATCH_MAX);
    let query = bind_all(query.bind(account), &names, BATCH_MAX);
    Ok(query.fetch_all(connection).await?)
}

/// Looks for earlier feedback of a survey that has just become uncertain.
pub async fn match_waiting(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<()> {
    let State::Uncertain { begun_at, .. } = survey.state else { return Ok(()) };
    let since = begun_at.minus(CLOCKS_APART);
    let waiting = unmatched(connection, survey, since).await?;
    let mut of_it =
        waiting.into_iter().filter(|known| is_made(known, since) && is_named(survey, known));
    if let Some(known) = of_it.next() {
        adopt(connection, survey, known, now).await?;
    }
    Ok(())
}

/// The feedback that X has shown for a close whose prompt is about to be sent.
pub enum Before {
    Nothing,
    /// The prompt of this close. Carries the survey with that prompt.
    Prompt(Box<Survey>),
    /// Feedback with this prompt's name and a date before the close. X's dates may be wrong.
    /// Another program's prompt of that name would have been answered since.
    Namesake(FeedbackId),
}

/// Checks before a send whether X has already shown a prompt for this close. surveyd may have sent
/// it before a restored backup. Another program with the same external ids may have sent it, too.
/// If the conversation's surveys were lost they are counted from one again. So the prompt may carry
/// the external id of any of them.
pub async fn find_before(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<Before> {
    // X dates to the second by its own clock. So a prompt may seem older than its close.
    let since = survey.closed_at.minus(CLOCKS_APART);
    let (mut shown, before): (Vec<_>, Vec<_>) = unmatched(connection, survey, since)
        .await?
        .into_iter()
        .partition(|known| is_made(known, since));
    shown.sort_by_key(|known| !is_named(survey, known));
    let is_of = |known: &FeedbackRow| {
        let name = known.feedback.object().external_id.as_deref();
        name.is_some_and(|name| is_named_by(&survey.conversation_id, name))
    };
    if let Some(known) = shown.into_iter().find(is_of) {
        let adopted = adopt(connection, survey, known, now).await?;
        return Ok(adopted.map_or(Before::Nothing, |survey| Before::Prompt(Box::new(survey))));
    }
    let namesake = before.into_iter().find(|known| is_named(survey, known));
    Ok(namesake.map_or(Before::Nothing, |known| Before::Namesake(known.feedback.id)))
}

/// True if X created the feedback at `since` or later, by its own date.
fn is_made(known: &FeedbackRow, since: Millis) -> bool {
    let object = known.feedback.object();
    object.created_at.unwrap_or(object.updated_at) >= since
}

fn is_named(survey: &Survey, known: &FeedbackRow) -> bool {
    known.feedback.object().external_id.as_deref() == Some(survey.external_id.as_str())
}

/// The most rows that are read for one person. A person gets at most one prompt a day, so further
/// rows are no prompts.
const UNMATCHED_MAX: i64 = 1_000;

/// Returns the feedback of a survey's person that belongs to no survey, the oldest first. X created
/// or updated it at `since` or later.
async fn unmatched(
    connection: &mut AnyConnection,
    survey: &Survey,
    since: Millis,
) -> Result<Vec<FeedbackRow>> {
    // Feedback in X's documents lacks its person.
    let sql = format!(
        "select {COLUMNS} from feedback where account = $1 and to_user_id = $2 \
         and survey_id is null and external_id is not null \
         and (coalesce(created_at, updated_at) >= $3 or updated_at >= $3) union all \
         select {COLUMNS} from feedback where account = $1 and external_id = $4 \
         and survey_id is null and to_user_id is null \
         and (coalesce(created_at, updated_at) >= $3 or updated_at >= $3) order by created_at, id limit $5"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(survey.account.as_str())
        .bind(survey.person())
        .bind(since.0)
        .bind(survey.external_id.as_str())
        .bind(UNMATCHED_MAX)
        .fetch_all(connection)
        .await?;
    let rows = rows.iter().map(known_row).collect::<Result<Vec<_>>>()?;
    // A row whose every statement is refuted came from the webhook alone.
    Ok(rows.into_iter().filter(|row| row.feedback.stands()).collect())
}

/// Counts this write like every write of the row. A worker that read the row earlier begins again.
const ADOPT: &str =
    "update feedback set survey_id = $1, folds = folds + 1 where account = $2 and id = $3";

/// Gives a survey feedback that belongs to no other survey.
async fn adopt(
    connection: &mut AnyConnection,
    survey: &Survey,
    known: FeedbackRow,
    now: Millis,
) -> Result<Option<Survey>> {
    sqlx::query(ADOPT)
        .bind(survey.id.as_str())
        .bind(survey.account.as_str())
        .bind(known.feedback.id.as_str())
        .execute(&mut *connection)
        .await?;
    let known = FeedbackRow { survey_id: Some(survey.id.clone()), ..known };
    let mut folded = Folded::default();
    advance(connection, std::iter::once(&known), now, &mut folded).await?;
    let changed = !folded.settled.is_empty() || !folded.answered.is_empty();
    let now_is = if changed { touch(connection, &survey.id).await? } else { None };
    Ok(now_is.map(|(survey, _)| survey))
}
