//! Surveys whose send has no known outcome, and how X's events settle them.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::step::{advance_state, note, step_locked, touch_in, write_state};
use crate::domain::id::{FeedbackId, SurveyId, UserId};
use crate::domain::survey::{Event, Failure, State, Survey};
use crate::domain::time::Millis;
use crate::store::feedback::matching::CLOCKS_APART;
use crate::store::feedback::row::{COLUMNS, known_row};
use crate::store::{Error, Result, Store};

/// A survey that waits to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    pub survey_id: SurveyId,
    pub begun_at: Millis,
    /// The latest known end of the request, by X's clock and by ours.
    pub given_up_at: Millis,
    pub given_up_here: Millis,
    pub user_id: UserId,
    /// The text of the prompt. Absent for a send that began before texts were kept.
    pub message: Option<String>,
}

/// Finds the Direct Messages that an account's prompts to one person are known to have created.
const MESSAGES_ON_RECORD: &str = "select dm_id from survey where user_id = $1 and account = $2 \
     and spent_at is not null and dm_id is not null";

const NOT_SPENT: &str =
    "update survey set spent_at = null, try_at = $1, put_off_at = $1 where id = $2";

const AS_OTHERS: &str = "select sent_as, count(*) as surveys from survey where account = $1 \
     and state = 'uncertain' and sent_as <> $2 group by sent_as order by sent_as";

const LATE_AS_OTHERS: &str = "select id, sent_as from survey where account = $1 \
     and state = 'uncertain' and sent_as <> $2 and closed_at < $3 order by given_up_at, id limit $4";

/// The most surveys that are settled together.
const UNSETTLED_MAX: i64 = 100;

impl Store {
    /// Returns the uncertain surveys that an account sent under its present identity, the longest
    /// waiting first.
    pub async fn unsettled(&self, account: &str, sent_as: &str) -> Result<Vec<Unsettled>> {
        let rows = sqlx::query(
            "select id, begun_at, given_up_at, user_id, message, \
             coalesce(given_up_here, given_up_at) as given_up_here from survey where account = $1 \
             and state = 'uncertain' and begun_at is not null and given_up_at is not null \
             and (sent_as is null or sent_as = $3) order by given_up_at, id limit $2",
        )
        .bind(account)
        .bind(UNSETTLED_MAX)
        .bind(sent_as)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Unsettled {
                    survey_id: row.try_get("id")?,
                    begun_at: row.try_get("begun_at")?,
                    given_up_at: row.try_get("given_up_at")?,
                    user_id: UserId::parse(&row.try_get::<String, _>("user_id")?)
                        .map_err(|problem| Error::Broken(format!("a user id that {problem}")))?,
                    message: row.try_get("message")?,
                    given_up_here: row.try_get("given_up_here")?,
                })
            })
            .collect()
    }

    /// Settles surveys as not sent. X's events have been read past everything that the requests may
    /// have caused and show nothing of them. A survey that closed before `closed_before` expires. A
    /// survey found at X meanwhile is left alone. Feedback without a name or with another time may
    /// belong to a survey. Such a survey fails.
    pub async fn settle_unsent(
        &self,
        unsent: Vec<Unsettled>,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut settled = Vec::new();
                    for one in unsent {
                        let Some((survey, token)) = still_unsettled(connection, &one).await? else {
                            continue;
                        };
                        if let Some(id) = may_be_its(connection, &survey, &one).await? {
                            let message = format!(
                                "X shows feedback {id}, which by its name or its time may be of this \
                                 prompt: it is not sent again"
                            );
                            let event = Event::Refused(Failure { code: None, message });
                            let locked = (survey, token);
                            settled.push(step_locked(connection, locked, event, now, None).await?);
                            continue;
                        }
                        let id = one.survey_id;
                        let late = survey.closed_at < closed_before;
                        let event = if late { Event::TooLate } else { Event::NotSent };
                        let state = advance_state(survey.state, event)?;
                        write_state(connection, (&id, token), &state).await?;
                        let detail = Some("X did not carry it out");
                        note(connection, (&id, token), now, &state, detail).await?;
                        // The prompt's share of the budgets comes back.
                        sqlx::query(NOT_SPENT)
                            .bind(now.0)
                            .bind(id.as_str())
                            .execute(&mut *connection)
                            .await?;
                        settled.push(Survey { state, ..survey });
                    }
                    Ok(settled)
                })
            })
            .await
    }

    /// Returns the identity that a survey's prompt was last sent under: the handle and the X.
    /// Absent also for a prompt sent before this was kept.
    pub async fn sent_as(&self, id: &SurveyId) -> Result<Option<String>> {
        let sent_as: Option<Option<String>> =
            sqlx::query_scalar("select sent_as from survey where id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.readers)
                .await?;
        Ok(sent_as.flatten())
    }

    /// Counts an account's uncertain surveys by each other identity that it sent them under.
    pub async fn unsettled_as_others(
        &self,
        account: &str,
        sent_as: &str,
    ) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query(AS_OTHERS).bind(account).bind(sent_as);
        let rows = rows.fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((row.try_get("sent_as")?, row.try_get("surveys")?))).collect()
    }

    /// Fails the uncertain surveys that an account sent under another identity and that closed
    /// before `closed_before`. X's lists for the account as it is now say nothing of those prompts.
    /// The surveys keep their share of the budgets and of the throttle.
    pub async fn settle_as_others(
        &self,
        account: &str,
        sent_as: &str,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        let (account, sent_as) = (account.to_owned(), sent_as.to_owned());
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let late = sqlx::query(LATE_AS_OTHERS)
                        .bind(account)
                        .bind(sent_as)
                        .bind(closed_before.0)
                        .bind(UNSETTLED_MAX);
                    let mut settled = Vec::new();
                    for row in late.fetch_all(&mut *connection).await? {
                        let id = row.try_get("id")?;
                        let Some(locked) = touch_in(connection, &id, "uncertain").await? else {
                            continue;
                        };
                        let was: String = row.try_get("sent_as")?;
                        let message = format!(
                            "the prompt left as {was}, which the account no longer is: what X \
                             shows of the account does not tell whether it went out, and it is \
                             not sent again"
                        );
                        let event = Event::Refused(Failure { code: None, message });
                        settled.push(step_locked(connection, locked, event, now, None).await?);
                    }
                    Ok(settled)
                })
            })
            .await
    }

    /// Fails an uncertain survey because no daemon reads the events of its account any more. It
    /// keeps its share of the budgets and of the throttle. It is never sent again. Returns `None`
    /// if the survey has an outcome by now.
    pub async fn give_up(&self, id: SurveyId, now: Millis) -> Result<Option<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let Some(locked) = touch_in(connection, &id, "uncertain").await? else {
                        return Ok(None);
                    };
                    let message = "given up by the operator: whether its prompt went out is not \
                                   known, and it is not sent again";
                    let event = Event::Refused(Failure { code: None, message: message.into() });
                    step_locked(connection, locked, event, now, None).await.map(Some)
                })
            })
            .await
    }

    /// Returns the Direct Messages of an account's known prompts to one person.
    pub async fn messages_on_record(
        &self,
        account: &str,
        person: &UserId,
    ) -> Result<BTreeSet<String>> {
        let messages = sqlx::query_scalar(MESSAGES_ON_RECORD).bind(person.as_str()).bind(account);
        let messages: Vec<String> = messages.fetch_all(&self.readers).await?;
        Ok(messages.into_iter().collect())
    }

    /// Fails surveys whose Direct Message X lists although its events hold no feedback for them.
    /// The caller has read these events to their end. The surveys are never sent again. They keep
    /// their share of the budgets and of the throttle. A survey found at X meanwhile is left alone.
    pub async fn settle_shown(
        &self,
        shown: Vec<(Unsettled, String)>,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut settled = Vec::new();
                    for (one, message_id) in shown {
                        let Some(locked) = still_unsettled(connection, &one).await? else {
                            continue;
                        };
                        let message = format!(
                            "X shows the Direct Message {message_id} of this prompt, and no \
                             feedback for it: it is not sent again"
                        );
                        let event = Event::Refused(Failure { code: None, message });
                        settled.push(step_locked(connection, locked, event, now, None).await?);
                    }
                    Ok(settled)
                })
            })
            .await
    }
}

/// Selects feedback that belongs to no survey and may be of a prompt:
///
/// - of the right time and without a name
/// - of the right name at any time, because X's dates may be wrong
/// - of the right person and within the request's own time, whatever its name, because X may write
///   a name otherwise than it was sent
///
/// A prompt of another program under the same name, or in the same minutes to the same person,
/// forbids another send, too.
const MAY_BE_ITS: &str = "and survey_id is null \
     and ((external_id is null and (to_user_id is null or to_user_id = $3) \
     or external_id = $2 and to_user_id is null) \
     and coalesce(created_at, updated_at) between $4 and $5 \
     or external_id = $2 and to_user_id = $3 \
     or to_user_id = $3 and coalesce(created_at, updated_at) between $6 and $7) \
     order by id limit 100";

/// How far X's date of a prompt may lie outside its request. X refuses a request whose signature is
/// more than five minutes off its clock.
const DATED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Returns a feedback object that X has sent and that may belong to this survey.
async fn may_be_its(
    connection: &mut AnyConnection,
    survey: &Survey,
    one: &Unsettled,
) -> Result<Option<FeedbackId>> {
    let sql = format!("select {COLUMNS} from feedback where account = $1 {MAY_BE_ITS}");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(survey.account.as_str())
        .bind(survey.external_id.as_str())
        .bind(survey.person())
        .bind(one.begun_at.minus(CLOCKS_APART).0)
        .bind(one.given_up_at.max(one.given_up_here).plus(CLOCKS_APART).0)
        .bind(one.begun_at.minus(DATED_WITHIN).0)
        .bind(one.given_up_at.max(one.given_up_here).plus(DATED_WITHIN).0)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let feedback = known_row(row)?.feedback;
        if feedback.is_word() {
            return Ok(Some(feedback.id));
        }
    }
    Ok(None)
}

/// Locks a survey if it still waits to be settled for the same request.
async fn still_unsettled(
    connection: &mut AnyConnection,
    one: &Unsettled,
) -> Result<Option<(Survey, i64)>> {
    let locked = touch_in(connection, &one.survey_id, "uncertain").await?;
    Ok(locked.filter(|(survey, _)| {
        matches!(survey.state, State::Uncertain { given_up_at, .. } if given_up_at == one.given_up_at)
    }))
}
