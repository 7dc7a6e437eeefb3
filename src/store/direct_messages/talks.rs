//! Talks by Direct Message.
//!
//! A message, the change it makes and its consequences are one transaction. A consequence is a
//! close, a reopening or an opt-out. So nothing heard is lost and nothing has consequences twice.
//! Each stream has one row. Its transactions lock this row first and therefore run one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, Row};

use super::streams::{self, StreamPage};
use crate::domain::close::{Close, Notice, Precision, Reopening};
use crate::domain::direct_message::{DirectMessage, PromptTraces, Trace};
use crate::domain::id::{ConversationId, SurveyId, UserId};
use crate::domain::policy::AtClose;
use crate::domain::stop_words::StopWords;
use crate::domain::survey_type::Card;
use crate::domain::talk::{Author, Conversation, TalkMessage, TalkTurn, conversation_id};
use crate::domain::time::Millis;
use crate::store::account::opt_outs::{self, OptOut};
use crate::store::close::accept::{self, NewSurvey};
use crate::store::close::reopen;
use crate::store::close::taken::Taken;
use crate::store::person::keys::Keys;
use crate::store::person::screen;
use crate::store::{Result, Store};

/// A source that watches the Direct Messages of one account.
#[derive(Clone)]
pub struct MessageWatch {
    pub source: String,
    pub account: String,
    /// The account's own id at X.
    pub user_id: UserId,
    /// How long the account must have had the last word.
    pub after: Duration,
    pub stop_words: StopWords,
    pub judge: Judge,
}

/// Decides at the close, as for every other source.
pub type Judge = Arc<dyn Fn(&Close, Millis) -> (AtClose, Card) + Send + Sync>;

/// The consequences of messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TalkOutcome {
    pub turns: Vec<Taking>,
    /// The people who want no more prompts.
    pub stopped: Vec<UserId>,
    /// True if there is more to do at once.
    pub is_more: bool,
}

/// A turn of a talk that has been taken in.
#[derive(Clone, Debug, PartialEq)]
pub enum Taking {
    Closed { close: Box<Close>, taken: Taken },
    Reopened { conversation_id: ConversationId, cancelled: Option<SurveyId> },
}

/// A period of messages that X has delivered in full, by X's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Absent if everything said before has been heard, too.
    pub from: Option<Millis>,
    pub to: Millis,
}

impl Delivered {
    fn from(self) -> i64 {
        self.from.map_or(i64::MIN, |from| from.0)
    }
}

/// The most talks that end in one transaction.
const ENDED_MAX: i64 = 64;

/// How long a silent conversation is remembered. X lists its messages for a shorter time.
const REMEMBERED: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// How far from its send a prompt may lie if X has not named its message. No request takes longer.
/// Two clocks cannot differ by more unnoticed.
const ABOUT: Duration = Duration::from_secs(60 * 60);

/// The most prompts to one person that are read, more than X lists. Prompts of every account count
/// because the account's name may have changed since.
const PROMPTS_MAX: i64 = 1_000;

const PROMPTS: &str = "select dm_id, message, begun_at, spent_at from survey where user_id = $1 \
     and spent_at is not null and spent_at >= $2 order by spent_at desc, id limit $3";

const LOOK: &str = "select heard from dm_conversation \
     where handle = $1 and user_id = $2";

const KEEP: &str = "insert into dm_conversation (handle, user_id, heard, last_at, ends_at) \
     values ($1, $2, $3, $4, $5) on conflict (handle, user_id) do update \
     set heard = excluded.heard, last_at = excluded.last_at, ends_at = excluded.ends_at";

const ENDING: &str = "select user_id, heard, last_at from dm_conversation where handle = $1 \
     and (ends_at <= $2 or ends_at <= $3 and last_at >= $4) order by ends_at, user_id limit $5";

const NEXT_END: &str = "select min(ends_at) from dm_conversation where handle = $1 \
     and ends_at is not null and last_at >= $2";

/// Forgets at most 512 conversations in one transaction.
const FORGET: &str = "delete from dm_conversation where handle = $1 and user_id in \
     (select user_id from dm_conversation where handle = $1 and last_at < $2 order by last_at, user_id limit 512)";

impl Store {
    /// Takes in messages together with the progress of their reading. They may come in any order
    /// and more than once.
    pub async fn hear(
        &self,
        watch: &MessageWatch,
        messages: Vec<DirectMessage>,
        page: Option<StreamPage>,
        now: Millis,
    ) -> Result<TalkOutcome> {
        let watch = watch.clone();
        self.writer
            .run(move |connection| Box::pin(hear(connection, watch, messages, page, now)))
            .await
    }

    /// Closes talks that are over, as far as the stream was read or delivered.
    pub async fn end_talks(
        &self,
        watch: &MessageWatch,
        delivered: Option<Delivered>,
        now: Millis,
    ) -> Result<TalkOutcome> {
        let watch = watch.clone();
        self.writer
            .run(move |connection| Box::pin(end_talks(connection, watch, delivered, now)))
            .await
    }

    /// Returns when the next delivered talk ends if nothing more is said in it.
    pub async fn next_talk_end(
        &self,
        watch: &MessageWatch,
        delivered: Delivered,
    ) -> Result<Option<Millis>> {
        let next: Option<i64> = sqlx::query_scalar(NEXT_END)
            .bind(watch.user_id.as_str())
            .bind(delivered.from())
            .fetch_one(&self.readers)
            .await?;
        Ok(next.map(Millis))
    }
}

async fn hear(
    connection: &mut AnyConnection,
    watch: MessageWatch,
    messages: Vec<DirectMessage>,
    page: Option<StreamPage>,
    now: Millis,
) -> Result<TalkOutcome> {
    let stream = streams::open(connection, &watch.user_id).await?;
    let mut by_person: BTreeMap<UserId, Vec<(TalkMessage, DirectMessage)>> = BTreeMap::new();
    for message in messages {
        if let Some((person, said)) = TalkMessage::between(&watch.user_id, &message) {
            by_person.entry(person).or_default().push((said, message));
        }
    }
    let keys = Keys::enter(connection).await?;
    let erased = screen::people(connection, &keys, by_person.keys().map(UserId::as_str)).await?;
    let all = by_person.len();
    by_person.retain(|person, _| !erased.contains_key(person.as_str()));
    screen::count_dropped(connection, &keys, all - by_person.len()).await?;
    let mut heard = TalkOutcome::default();
    let mut conversations = Vec::new();
    let mut stops = Vec::new();
    for (person, said) in by_person {
        let said = without_prompts(connection, &watch, &person, said).await?;
        let before = look(connection, &watch, &person).await?;
        let mut conversation = before.clone();
        for (said, message) in said {
            let at = said.mark.at;
            let is_stop = said.by == Author::Person && watch.stop_words.are_said_by(&message.text);
            if is_stop && conversation.stop(at) {
                let why = Some("asked for it in a Direct Message".to_owned());
                let account = Some(watch.account.clone());
                stops.push(OptOut { user_id: person.clone(), account, at, why });
            }
            conversation.hear(said);
        }
        if conversation != before {
            conversations.push((person, conversation));
        }
    }
    // Done before any survey is locked. A worker that begins a send locks these rows in the same
    // order.
    if !stops.is_empty() {
        heard.stopped = stops.iter().map(|stop| stop.user_id.clone()).collect();
        heard.stopped.dedup();
        opt_outs::add(connection, stops).await?;
    }
    let heard_to = match page {
        Some(page) => streams::turn(connection, &watch.user_id, stream, page).await?,
        None => stream.heard_to,
    };
    for (person, conversation) in conversations {
        let turns = advance(connection, &watch, &person, conversation, heard_to, now).await?;
        heard.turns.extend(turns);
    }
    Ok(heard)
}

async fn end_talks(
    connection: &mut AnyConnection,
    watch: MessageWatch,
    delivered: Option<Delivered>,
    now: Millis,
) -> Result<TalkOutcome> {
    let stream = streams::open(connection, &watch.user_id).await?;
    let mut heard = TalkOutcome::default();
    let Some(heard_to) = stream.heard_to.max(delivered.map(|delivered| delivered.to)) else {
        return Ok(heard);
    };
    let from = delivered.map_or(i64::MAX, Delivered::from);
    let read_to = stream.heard_to.unwrap_or(Millis(i64::MIN));
    let rows = sqlx::query(ENDING)
        .bind(watch.user_id.as_str())
        .bind(read_to.0)
        .bind(heard_to.0)
        .bind(from)
        .bind(ENDED_MAX)
        .fetch_all(&mut *connection)
        .await?;
    heard.is_more = i64::try_from(rows.len()).is_ok_and(|rows| rows == ENDED_MAX);
    for row in rows {
        let person = person(row.try_get("user_id")?)?;
        let conversation = serde_json::from_str(&row.try_get::<String, _>("heard")?)?;
        let heard_to = if row.try_get::<i64, _>("last_at")? >= from { heard_to } else { read_to };
        let turns = advance(connection, &watch, &person, conversation, Some(heard_to), now).await?;
        heard.turns.extend(turns);
    }
    sqlx::query(FORGET)
        .bind(watch.user_id.as_str())
        .bind(heard_to.minus(REMEMBERED).0)
        .execute(connection)
        .await?;
    Ok(heard)
}

/// Leaves out surveyd's own prompts.
async fn without_prompts(
    connection: &mut AnyConnection,
    watch: &MessageWatch,
    person: &UserId,
    said: Vec<(TalkMessage, DirectMessage)>,
) -> Result<Vec<(TalkMessage, DirectMessage)>> {
    let of_account = said.iter().filter(|(said, _)| said.by == Author::Account);
    let Some(oldest) = of_account.map(|(said, _)| said.mark.at).min() else { return Ok(said) };
    let rows = sqlx::query(PROMPTS)
        .bind(person.as_str())
        .bind(oldest.minus(ABOUT).0)
        .bind(PROMPTS_MAX)
        .fetch_all(&mut *connection)
        .await?;
    let mut known = Vec::new();
    let mut texts = Vec::new();
    for row in &rows {
        let sent_at: Millis = row.try_get("spent_at")?;
        let begun_at = row.try_get::<Option<_>, _>("begun_at")?.unwrap_or(sent_at);
        match (row.try_get("dm_id")?, row.try_get::<Option<String>, _>("message")?) {
            (Some(dm_id), _) => known.push(dm_id),
            (None, Some(text)) => texts.push((text, begun_at.min(sent_at), sent_at)),
            (None, None) => {}
        }
    }
    let others = texts.iter().map(|(text, from, to)| Trace {
        sender: &watch.user_id,
        recipient: person,
        text,
        from: from.minus(ABOUT),
        to: to.plus(ABOUT),
    });
    let prompts = PromptTraces { known, others: others.collect() };
    Ok(said.into_iter().filter(|(_, message)| !prompts.have_left(message)).collect())
}

async fn look(
    connection: &mut AnyConnection,
    watch: &MessageWatch,
    person: &UserId,
) -> Result<Conversation> {
    let heard: Option<String> = sqlx::query_scalar(LOOK)
        .bind(watch.user_id.as_str())
        .bind(person.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(heard.map_or(Ok(Conversation::default()), |heard| serde_json::from_str(&heard))?)
}

/// Takes in the turns that are due in a conversation, and stores the conversation afterwards.
async fn advance(
    connection: &mut AnyConnection,
    watch: &MessageWatch,
    person: &UserId,
    mut conversation: Conversation,
    heard_to: Option<Millis>,
    now: Millis,
) -> Result<Vec<Taking>> {
    let mut takings = Vec::new();
    for turn in conversation.turns(watch.after, heard_to.unwrap_or(Millis(i64::MIN))) {
        takings.push(take(connection, watch, person, turn, now).await?);
    }
    sqlx::query(KEEP)
        .bind(watch.user_id.as_str())
        .bind(person.as_str())
        .bind(serde_json::to_string(&conversation)?)
        .bind(conversation.last_at().unwrap_or(now).0)
        .bind(conversation.ends_at(watch.after).map(|at| at.0))
        .execute(connection)
        .await?;
    Ok(takings)
}

async fn take(
    connection: &mut AnyConnection,
    watch: &MessageWatch,
    person: &UserId,
    turn: TalkTurn,
    now: Millis,
) -> Result<Taking> {
    match turn {
        TalkTurn::Closed(closed) => {
            let close = Close {
                account: watch.account.clone(),
                source: watch.source.clone(),
                conversation_id: conversation_id(person, &closed.talk),
                user_id: Some(person.clone()),
                closed_at: closed.closed_at,
                precision: Precision::Exact,
                notice: Notice {
                    agent_messages: Some(closed.agent_messages),
                    last_message_at: Some(closed.last_message_at),
                    ..Notice::default()
                },
            };
            let (at_close, card) = (watch.judge)(&close, now);
            let survey = NewSurvey::of(close.clone(), at_close, card, None, now)?;
            let taken = accept::take_new(connection, vec![survey]).await?;
            let taken = taken.into_iter().next().expect("one answer a close");
            Ok(Taking::Closed { close: Box::new(close), taken })
        }
        TalkTurn::Reopened { talk, at } => {
            let conversation_id = conversation_id(person, &talk);
            let reopening = Reopening {
                account: watch.account.clone(),
                source: watch.source.clone(),
                conversation_id: conversation_id.clone(),
                user_id: Some(person.clone()),
                reopened_at: at,
            };
            let cancelled = reopen::reopen(connection, reopening, now).await?;
            Ok(Taking::Reopened { conversation_id, cancelled })
        }
    }
}

fn person(id: String) -> Result<UserId> {
    UserId::parse(&id)
        .map_err(|why| crate::store::Error::Broken(format!("a conversation's person {why}")))
}
