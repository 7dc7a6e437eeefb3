//! Recognises events that were delivered before, by their senders' own ids.
//!
//! A delivery is recorded in the transaction that takes in its content. So every event that was
//! answered is remembered, and no other.

use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe};

use super::accept::{self, NewSurvey};
use super::erased;
use super::reopen;
use super::taken::{self, Taken};
use crate::domain::close::{Close, MINUTE_MS, Reopening, is_of_content, timeless};
use crate::domain::id::SurveyId;
use crate::domain::policy::AtClose;
use crate::domain::survey_type::Card;
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, size};
use crate::store::{Result, Store};

/// How long a delivery is remembered. No desk retries for longer.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Forgets at most 512 deliveries in one transaction.
const FORGET: &str = "delete from delivery where (source, event_id) in \
     (select source, event_id from delivery where at < $1 order by at, source, event_id limit 512)";

const SURVEY: &str = "select survey_id from delivery where source = $1 and event_id = $2";

const ANSWER: &str = "select id, state, reason, due_at from survey where id = $1";

const WITHIN_A_MINUTE: &str = "select event_id from delivery where source = $1 \
     and event_id in ($2, $3) and at > $4 order by at, event_id limit 1";

const CALLED_OFF: &str = "select survey.ordinal from delivery, survey where delivery.source = $1 \
     and event_id = $2 and survey.id = delivery.survey_id and survey.state = 'cancelled' \
     and survey.reason = 'reopened'";

const CLOSED_SINCE: &str = "select survey.ordinal from delivery, survey where delivery.source = $1 \
     and event_id = $2 and survey.account = $3 and survey.conversation_id = $4 \
     and survey.accepted_at > delivery.at limit 1";

const TELL: &str = "update delivery set survey_id = $1 where source = $2 and event_id = $3";

impl Store {
    /// Takes a close by the sender's event id. A redelivery changes nothing, whatever its content
    /// says. `if_next` is the decision that applies if the close has the instant of a cancelled
    /// close.
    pub async fn take_close(
        &self,
        close: Close,
        (at_close, if_next): (AtClose, Option<AtClose>),
        card: Card,
        event_id: Option<String>,
        now: Millis,
    ) -> Result<Taken> {
        let mut survey = NewSurvey::of(close, at_close, card, event_id, now)?;
        survey.if_next = if_next;
        self.writer.close(survey).await
    }

    /// Takes a reopening by the sender's event id. Returns the survey that it cancels. The flag is
    /// true if the event was new.
    pub async fn take_reopening(
        &self,
        reopening: Reopening,
        event_id: Option<String>,
        now: Millis,
    ) -> Result<(Option<SurveyId>, bool)> {
        self.writer
            .run_at_intake(move |connection| Box::pin(reopen(connection, reopening, event_id, now)))
            .await
    }
}

/// The number of values in a row of the insert.
const VALUES: usize = 4;

/// Takes a batch of closes and answers in the batch's order. A close that was delivered before gets
/// its survey's present state as the answer.
pub async fn take(connection: &mut AnyConnection, batch: Vec<NewSurvey>) -> Result<Vec<Taken>> {
    let mut batch = erased::closes(connection, batch).await?;
    if batch.iter().all(|survey| survey.event_id.is_none()) {
        return accept::take_new(connection, batch).await;
    }
    for survey in &mut batch {
        if let Some(event_id) = &survey.event_id {
            let event = (survey.close.source.as_str(), event_id.as_str());
            let id = match survey.if_next.is_some() && is_of_content(event_id) {
                true => id_unless_undone(connection, event, None).await?,
                false => id_within_a_minute(connection, event, None, survey.now).await?,
            };
            survey.event_id = Some(id);
        }
    }
    let repeated = note(connection, &batch).await?;
    let events: Vec<_> =
        batch.iter().map(|survey| (survey.close.source.clone(), survey.event_id.clone())).collect();
    let mut late = Vec::new();
    let mut fresh = Vec::new();
    for (survey, repeated) in batch.into_iter().zip(&repeated) {
        if *repeated { late.push(survey) } else { fresh.push(survey) }
    }
    let own: Vec<_> = fresh.iter().map(|survey| survey.id.clone()).collect();
    let made = match fresh.is_empty() {
        true => Vec::new(),
        false => accept::take_new(connection, fresh).await?,
    };
    let mut fresh = own.into_iter().zip(made);
    let mut late = late.into_iter();
    let mut taken: Vec<Option<Taken>> = Vec::with_capacity(events.len());
    for ((source, event_id), repeated) in events.iter().zip(&repeated) {
        if *repeated {
            taken.push(None);
            continue;
        }
        let (own, made) = fresh.next().expect("each that is not repeated was taken");
        if let Some(event_id) = event_id
            && made.survey_id.as_str() != own
        {
            tell(connection, (source, event_id), Some(&made.survey_id)).await?;
        }
        taken.push(Some(made));
    }
    let mut answers = Vec::with_capacity(taken.len());
    for taken in taken {
        answers.push(match taken {
            Some(taken) => taken,
            None => again(connection, late.next().expect("each repeated one is kept")).await?,
        });
    }
    Ok(answers)
}

/// Returns the id for an event that carries no time. If an equal event came within the last minute
/// then the new event repeats it and takes its id. This does not apply if the earlier event was
/// undone since. A reopening that cancels the survey undoes a close. A later close undoes a
/// reopening. The new event is then the conversation's next.
async fn id_within_a_minute(
    connection: &mut AnyConnection,
    (source, event_id): (&str, &str),
    reopening: Option<&Reopening>,
    now: Millis,
) -> Result<String> {
    let Some((of, minute)) = timeless(event_id) else { return Ok(event_id.to_owned()) };
    let first = first_within_a_minute(connection, (source, of, minute), now).await?;
    match first {
        None => Ok(event_id.to_owned()),
        Some(first) => id_unless_undone(connection, (source, &first), reopening).await,
    }
}

/// Returns the id under which an event repeats the earlier one of this id, or else the next free
/// id because the earlier one was undone since.
///
/// An id that was made of the content alone needs this, because the help desk may say the same of
/// two closings. It may give the time to the minute, or the time of the first closing for ever.
async fn id_unless_undone(
    connection: &mut AnyConnection,
    (source, first): (&str, &str),
    reopening: Option<&Reopening>,
) -> Result<String> {
    let mut id = first.to_owned();
    for number in 2_u32.. {
        let undone =
            sqlx::query_scalar(if reopening.is_some() { CLOSED_SINCE } else { CALLED_OFF })
                .bind(source)
                .bind(id.as_str());
        let undone = match reopening {
            Some(again) => undone.bind(again.account.as_str()).bind(again.conversation_id.as_str()),
            None => undone,
        };
        let undone: Option<i64> = undone.fetch_optional(&mut *connection).await?;
        if undone.is_none() {
            break;
        }
        id = format!("{first}\n{number}");
    }
    Ok(id)
}

/// Returns the id under which an equal event first came within the last minute.
async fn first_within_a_minute(
    connection: &mut AnyConnection,
    (source, of, minute): (&str, &str, i64),
    now: Millis,
) -> Result<Option<String>> {
    let (before, this) = (format!("{of}\n{}", minute - 1), format!("{of}\n{minute}"));
    let first = sqlx::query_scalar(WITHIN_A_MINUTE)
        .bind(source)
        .bind(before)
        .bind(this)
        .bind(now.0 - MINUTE_MS);
    Ok(first.fetch_optional(connection).await?)
}

/// Records the events of a batch. Returns for each survey whether its event was known.
async fn note(connection: &mut AnyConnection, batch: &[NewSurvey]) -> Result<Vec<bool>> {
    let with_event: Vec<_> = batch.iter().filter(|survey| survey.event_id.is_some()).collect();
    if let Some(survey) = with_event.first() {
        forget(connection, survey.now).await?;
    }
    let rows = size(with_event.len(), usize::MAX);
    let mut query = sqlx::query(AssertSqlSafe(insert(connection, rows)));
    for row in 0..rows {
        let survey = with_event.get(row);
        query = query
            .bind(survey.map(|survey| survey.close.source.as_str()))
            .bind(survey.and_then(|survey| survey.event_id.as_deref()))
            .bind(survey.map(|survey| survey.now.0))
            .bind(survey.map(|survey| survey.id.as_str()));
    }
    let written = query.execute(&mut *connection).await?.rows_affected();
    if usize::try_from(written).is_ok_and(|written| written == with_event.len()) {
        return Ok(vec![false; batch.len()]);
    }
    let mut repeated = Vec::with_capacity(batch.len());
    for survey in batch {
        repeated.push(match &survey.event_id {
            None => false,
            Some(event_id) => {
                let known = survey_of(connection, (&survey.close.source, event_id)).await?;
                known.as_deref() != Some(survey.id.as_str())
            }
        });
    }
    Ok(repeated)
}

/// Returns one statement for a whole batch. Rows without an event are left out.
fn insert(connection: &AnyConnection, rows: usize) -> String {
    format!(
        "with new (source, event_id, at, survey_id) as (values {}) \
         insert into delivery (source, event_id, at, survey_id) \
         select source, event_id, at, survey_id from new where event_id is not null \
         on conflict (source, event_id) do nothing",
        Places::of(connection).rows(rows, VALUES)
    )
}

/// Answers a close that was delivered before.
async fn again(connection: &mut AnyConnection, survey: NewSurvey) -> Result<Taken> {
    let event = (survey.close.source.as_str(), survey.event_id.as_deref().unwrap_or_default());
    let known = survey_of(connection, event).await?;
    let row = sqlx::query(ANSWER).bind(known).fetch_optional(&mut *connection).await?;
    match row {
        Some(row) => taken::taken_from(&row),
        // The survey has been erased, or the earlier event was a reopening.
        None => {
            let taken = accept::take_new(connection, vec![survey]).await?;
            Ok(taken.into_iter().next().expect("one answer a close"))
        }
    }
}

/// Takes a reopening. Returns the survey that it cancels. The flag is true if the event was new.
pub async fn reopen(
    connection: &mut AnyConnection,
    reopening: Reopening,
    event_id: Option<String>,
    now: Millis,
) -> Result<(Option<SurveyId>, bool)> {
    let (reopening, event_id) = erased::reopening(connection, reopening, event_id).await?;
    let Some(event_id) = event_id else {
        return Ok((reopen::reopen(connection, reopening, now).await?, true));
    };
    let source = reopening.source.clone();
    let event = (source.as_str(), event_id.as_str());
    let event_id = id_within_a_minute(connection, event, Some(&reopening), now).await?;
    forget(connection, now).await?;
    let written = sqlx::query(AssertSqlSafe(insert(connection, 1)))
        .bind(source.as_str())
        .bind(event_id.as_str())
        .bind(now.0)
        .bind(None::<&str>)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if written == 0 {
        let known = survey_of(connection, (&source, &event_id)).await?;
        return Ok((known.map(SurveyId::new), false));
    }
    let cancelled = reopen::reopen(connection, reopening, now).await?;
    if cancelled.is_some() {
        tell(connection, (&source, &event_id), cancelled.as_ref()).await?;
    }
    Ok((cancelled, true))
}

async fn forget(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    sqlx::query(FORGET).bind(now.minus(KEPT).0).execute(connection).await?;
    Ok(())
}

async fn survey_of(
    connection: &mut AnyConnection,
    (source, event_id): (&str, &str),
) -> Result<Option<String>> {
    let known: Option<Option<String>> =
        sqlx::query_scalar(SURVEY).bind(source).bind(event_id).fetch_optional(connection).await?;
    Ok(known.flatten())
}

async fn tell(
    connection: &mut AnyConnection,
    (source, event_id): (&str, &str),
    survey_id: Option<&SurveyId>,
) -> Result<()> {
    sqlx::query(TELL)
        .bind(survey_id.map(SurveyId::as_str))
        .bind(source)
        .bind(event_id)
        .execute(connection)
        .await?;
    Ok(())
}
