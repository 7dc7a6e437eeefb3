//! Surveys rebuilt from X's events after the database that knew them was lost. The external ids
//! tell whose prompts they were.
//!
//! Their closes are not known. It is only certain that each close came before its prompt. So every
//! close before such a prompt counts as known, if conversation and person are the same.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use uuid::{NoContext, Timestamp, Uuid};

use crate::domain::close::{Close, Notice};
use crate::domain::feedback::Feedback;
use crate::domain::id::{
    ConversationId, FeedbackId, SurveyId, UserId, external_id, first_names, is_named_by, named_by,
};
use crate::domain::survey::{Delivery, State, Survey};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::close::taken::{Taken, taken_from};
use crate::store::feedback::matching::CLOCKS_APART;
use crate::store::feedback::row::FeedbackRow;
use crate::store::survey::step::{count_answered, note};
use crate::store::{Result, Store};

/// The value of the `source` column in a rebuilt survey.
const SOURCE: &str = "rebuild";

/// The configuration that surveys are rebuilt with.
#[derive(Clone, Debug)]
pub struct Making {
    /// The throttle group of today's configuration, in which the prompts count.
    pub throttle_group: String,
    /// How long after its prompt surveyd asks X about a feedback.
    pub fresh_for: Duration,
    /// The longest that a survey of the account may wait for its prompt.
    pub expire_after: Duration,
}

impl Store {
    /// True if a prompt was ever begun here. Prompts known only from X's events do not count.
    pub async fn knows_prompts(&self) -> Result<bool> {
        let known: Option<String> = sqlx::query_scalar(
            "select s.id from survey s where s.begun_at is not null and not (s.source = $1 \
             and exists (select 1 from rebuilt r where r.survey_id = s.id)) limit 1",
        )
        .bind(SOURCE)
        .fetch_optional(&self.readers)
        .await?;
        Ok(known.is_some())
    }
}

/// A survey that was rebuilt from feedback alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSurvey {
    pub id: SurveyId,
    pub conversation_id: ConversationId,
    pub feedback_id: FeedbackId,
}

/// A row without a survey, and the surveys that it may belong to.
struct Open<'a> {
    feedback: &'a Feedback,
    asked: FeedbackPrompt<'a>,
    survey_id: &'a mut Option<SurveyId>,
    /// In the order of their closes, the newest first.
    unsent: Vec<Unsent>,
}

/// A survey that was not sent, as far as surveyd knows.
struct Unsent {
    id: SurveyId,
    conversation_id: ConversationId,
    /// True if its external id is exactly that of the prompt.
    is_named: bool,
}

/// Finds or creates the survey of each row that has none. A scheduled or expired survey fits if its
/// close came before the prompt. No survey is given to two rows. Rows with a survey of exactly
/// their external id choose first. Otherwise the earliest prompt chooses first. Returns the surveys
/// that it created.
pub async fn link(
    connection: &mut AnyConnection,
    account: &str,
    rows: Vec<&mut FeedbackRow>,
    making: &Making,
    now: Millis,
) -> Result<Vec<MadeSurvey>> {
    let mut given: HashSet<SurveyId> = HashSet::new();
    let mut open = Vec::new();
    for FeedbackRow { feedback, survey_id, .. } in rows {
        let feedback: &Feedback = feedback;
        given.extend(survey_id.clone());
        if let (None, Some(asked)) = (&survey_id, asked(feedback)) {
            let unsent = unsent(connection, account, &asked, making).await?;
            open.push(Open { feedback, asked, survey_id, unsent });
        }
    }
    open.sort_by_key(|row| row.asked.sent_at);
    for by_name in [true, false] {
        for row in open.iter_mut().filter(|row| row.survey_id.is_none()) {
            let is_its = |survey: &&Unsent| survey.is_named || !by_name;
            let free = row.unsent.iter().filter(is_its).find(|survey| !given.contains(&survey.id));
            let Some(Unsent { id, conversation_id, .. }) = free else { continue };
            given.insert(id.clone());
            *row.survey_id = Some(id.clone());
            remember(connection, account, &external_id(conversation_id, 1), id).await?;
        }
    }
    let mut made = Vec::new();
    for row in open.iter_mut().filter(|row| row.survey_id.is_none()) {
        let making = (making, now);
        *row.survey_id = make(connection, account, (row.feedback, &row.asked), making).await?;
        made.extend(row.survey_id.clone().map(|id| MadeSurvey {
            id,
            conversation_id: row.asked.conversation_id.clone(),
            feedback_id: row.feedback.id.clone(),
        }));
    }
    Ok(made)
}

/// The prompt behind a feedback, as far as X says whose it was.
struct FeedbackPrompt<'a> {
    external_id: &'a str,
    user_id: &'a str,
    conversation_id: ConversationId,
    ordinal: i64,
    kind: SurveyType,
    sent_at: Millis,
}

fn asked(feedback: &Feedback) -> Option<FeedbackPrompt<'_>> {
    // Feedback known from the webhook alone may be invented.
    let object = feedback.is_word().then(|| feedback.object())?;
    let (external_id, user_id) = (object.external_id.as_deref()?, object.to_user_id.as_deref()?);
    UserId::parse(user_id).ok()?;
    let (conversation_id, ordinal) = named_by(external_id).ok()?;
    Some(FeedbackPrompt {
        external_id,
        user_id,
        conversation_id,
        ordinal,
        kind: object.kind.as_deref().and_then(SurveyType::parse)?,
        sent_at: object.created_at.unwrap_or(object.updated_at),
    })
}

/// True if a feedback carries everything that a survey needs. An agent's own prompt may do so, too.
pub fn may_be_ours(feedback: &Feedback) -> bool {
    asked(feedback).is_some()
}

/// Selects surveys whose close came before the prompt and that had not expired by then.
const UNSENT: &str = "select id, conversation_id, external_id from survey where account = $1 \
     and user_id = $2 and state in ('scheduled', 'expired') and closed_at <= $3 \
     and closed_at >= $4 and ";

async fn unsent(
    connection: &mut AnyConnection,
    account: &str,
    asked: &FeedbackPrompt<'_>,
    making: &Making,
) -> Result<Vec<Unsent>> {
    let (names, id) = (first_names(asked.external_id), asked.conversation_id.as_str());
    let (condition, first, last) = match (names.first(), names.last()) {
        (Some(first), Some(last)) if names.contains(&id) => {
            ("conversation_id in ($5, $6)", *first, *last)
        }
        // The external id was cut, so only the beginning of the conversation id is known.
        _ => ("substr(conversation_id, 1, length($5)) = $6", id, id),
    };
    let sql = format!("{UNSENT}{condition} order by closed_at desc, id desc limit 100");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(account)
        .bind(asked.user_id)
        .bind(asked.sent_at.plus(CLOCKS_APART).0)
        .bind(asked.sent_at.minus(making.expire_after + CLOCKS_APART).0)
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await?;
    let mut unsent = Vec::new();
    for row in &rows {
        let Ok(conversation_id) =
            ConversationId::parse(&row.try_get::<String, _>("conversation_id")?)
        else {
            continue;
        };
        if is_named_by(&conversation_id, asked.external_id) {
            let id = row.try_get("id")?;
            let is_named = row.try_get::<String, _>("external_id")? == asked.external_id;
            unsent.push(Unsent { id, conversation_id, is_named });
        }
    }
    Ok(unsent)
}

/// Records that this survey answers a repeated close of the conversation.
async fn remember(
    connection: &mut AnyConnection,
    account: &str,
    first_name: &str,
    id: &SurveyId,
) -> Result<()> {
    sqlx::query(
        "insert into rebuilt (account, name, survey_id) values ($1, $2, $3) \
         on conflict (account, name, survey_id) do nothing",
    )
    .bind(account)
    .bind(first_name)
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

const SENDING: &str = "select id from survey where account = $1 and external_id = $2 \
     and user_id = $3 and state = 'sending' limit 1";

/// Creates the survey of a feedback that has none. Returns `None` if a worker is sending a survey
/// that the feedback fits. That worker will find it.
async fn make(
    connection: &mut AnyConnection,
    account: &str,
    (feedback, asked): (&Feedback, &FeedbackPrompt<'_>),
    (making, now): (&Making, Millis),
) -> Result<Option<SurveyId>> {
    let sending: Option<String> = sqlx::query_scalar(SENDING)
        .bind(account)
        .bind(asked.external_id)
        .bind(asked.user_id)
        .fetch_optional(&mut *connection)
        .await?;
    if sending.is_some() {
        return Ok(None);
    }
    let id = insert(connection, account, (feedback, asked), making, now).await?;
    for name in first_names(asked.external_id) {
        remember(connection, account, name, &id).await?;
    }
    Ok(Some(id))
}

const INSERT: &str = "insert into survey (id, account, source, conversation_id, ordinal, \
     external_id, user_id, kind, question_variant_id, test, state, closed_at, accepted_at, due_at, \
     notice, try_at, lease_token, attempts, begun_at, spent_at, throttle_group, sent_at, \
     feedback_id, dm_id, show_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, \
     $12, $13, $12, 1, 1, $12, $18, $14, $12, $15, $16, $17) \
     on conflict (account, conversation_id, ordinal) do nothing";

/// X cuts its dates to the second, so it may have counted the prompt this much later.
const DATED_TO: Duration = Duration::from_secs(1);

/// Inserts a survey at the instant of its prompt. Its close and its way to the prompt are not
/// known.
async fn insert(
    connection: &mut AnyConnection,
    account: &str,
    (feedback, asked): (&Feedback, &FeedbackPrompt<'_>),
    making: &Making,
    now: Millis,
) -> Result<SurveyId> {
    let object = feedback.object();
    let delivery = Delivery {
        sent_at: asked.sent_at,
        feedback_id: feedback.id.clone(),
        dm_id: object.dm_id.clone(),
    };
    let state = match feedback.is_answered() {
        true => State::Answered(delivery),
        false => State::Sent(delivery),
    };
    let is_asked_about = !feedback.is_complete() && now.since(asked.sent_at) < making.fresh_for;
    // X's default is 0.
    let variant = object.question_variant_id.and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    let id = id_of(asked.sent_at);
    let notice = serde_json::to_string(&Notice::default())?;
    let mut ordinal = asked.ordinal;
    loop {
        let inserted = sqlx::query(INSERT)
            .bind(id.as_str())
            .bind(account)
            .bind(SOURCE)
            .bind(asked.conversation_id.as_str())
            .bind(ordinal)
            .bind(asked.external_id)
            .bind(asked.user_id)
            .bind(asked.kind.as_str())
            .bind(i64::from(variant))
            .bind(i64::from(object.test))
            .bind(state.name())
            .bind(asked.sent_at.0)
            .bind(notice.as_str())
            .bind(making.throttle_group.as_str())
            .bind(feedback.id.as_str())
            .bind(object.dm_id.as_deref())
            .bind(is_asked_about.then_some(now.0))
            .bind(asked.sent_at.plus(DATED_TO).0)
            .execute(&mut *connection)
            .await?;
        if inserted.rows_affected() == 1 {
            break;
        }
        // A close after the loss has this ordinal already, or two cut conversation ids are equal.
        let last: i64 = sqlx::query_scalar(
            "select max(ordinal) from survey where account = $1 and conversation_id = $2",
        )
        .bind(account)
        .bind(asked.conversation_id.as_str())
        .fetch_one(&mut *connection)
        .await?;
        ordinal = last + 1;
    }
    if matches!(state, State::Answered(_)) {
        count_answered(connection, account, 1).await?;
    }
    note(connection, (&id, 1), now, &state, Some("rebuilt from X's events")).await?;
    Ok(id)
}

/// Returns an id for the instant of the prompt. Ids begin with the time their close was accepted,
/// and surveys are read in that order.
fn id_of(at: Millis) -> SurveyId {
    let ms = u64::try_from(at.0).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, ms / 1_000, nanos));
    SurveyId::new(id.simple().to_string())
}

const KNOWN: &str = "select s.id, s.state, s.reason, s.due_at from rebuilt r \
     join survey s on s.id = r.survey_id where r.account = $1 and r.name = $2 \
     and s.user_id = $3 and s.sent_at >= $4 order by s.sent_at, s.id limit 1";

/// Returns the rebuilt survey whose prompt came after this close.
pub async fn known_close(connection: &mut AnyConnection, close: &Close) -> Result<Option<Taken>> {
    let row = sqlx::query(KNOWN)
        .bind(close.account.as_str())
        .bind(external_id(&close.conversation_id, 1))
        .bind(close.person())
        .bind(close.closed_at.minus(CLOCKS_APART).0)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(taken_from).transpose()
}

const PROMPTED: &str = "select s.id, s.external_id from survey s where s.user_id = $1 \
     and s.spent_at is not null and s.account = $2 and s.sent_at >= $3 and exists \
     (select 1 from rebuilt r where r.survey_id = s.id) order by s.sent_at limit 1000";

/// Checks before a send whether X's events have shown a prompt for this close. Any external id of
/// the conversation counts. Returns the survey that was rebuilt from that prompt.
pub async fn prompted_before(
    connection: &mut AnyConnection,
    survey: &Survey,
) -> Result<Option<SurveyId>> {
    let rows = sqlx::query(PROMPTED)
        .bind(survey.person())
        .bind(survey.account.as_str())
        .bind(survey.closed_at.minus(CLOCKS_APART).0)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        if is_named_by(&survey.conversation_id, &row.try_get::<String, _>("external_id")?) {
            return Ok(Some(row.try_get("id")?));
        }
    }
    Ok(None)
}
