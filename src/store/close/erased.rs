//! Takes in closes and reopenings of people who were erased, without the people.

use sqlx::AnyConnection;

use super::accept::NewSurvey;
use crate::domain::close::Reopening;
use crate::store::Result;
use crate::store::person::keys::{Key, Keys};
use crate::store::person::screen;

/// How old a close is at least that may belong to a conversation that was erased by its age.
const OLD_MS: i64 = 24 * 60 * 60 * 1000;

/// Takes the people out of those closes whose people or conversations were erased.
pub async fn closes(
    connection: &mut AnyConnection,
    batch: Vec<NewSurvey>,
) -> Result<Vec<NewSurvey>> {
    let keys = Keys::enter(connection).await?;
    if keys.is_empty() {
        return Ok(batch);
    }
    let persons = batch.iter().map(|survey| survey.close.person());
    let erased = screen::people(connection, &keys, persons).await?;
    let mut screened = Vec::with_capacity(batch.len());
    for survey in batch {
        screened.push(match erased.get(survey.close.person()) {
            Some(key) => survey.forgotten(key),
            None => match of_conversation(connection, &keys, &survey).await? {
                Some(key) => survey.without_person(&key),
                None => survey,
            },
        });
    }
    Ok(screened)
}

const KNOWN: &str = "select count(*) from survey s where s.account = $1 and s.conversation_id = $2 \
     and (s.closed_at = $3 or s.first_closed_at = $3 or exists (select 1 from merged_close m \
     where m.account = $1 and m.conversation_id = $2 and m.closed_at = $3))";

/// Returns the key of a conversation that was erased, if this close belongs to it: it is on record,
/// or names nobody.
async fn of_conversation(
    connection: &mut AnyConnection,
    keys: &Keys,
    survey: &NewSurvey,
) -> Result<Option<Key>> {
    let close = &survey.close;
    if close.user_id.is_some() && survey.now.0 - close.closed_at.0 < OLD_MS {
        return Ok(None);
    }
    let of = (close.account.as_str(), close.conversation_id.as_str());
    let Some(key) = screen::conversation(connection, keys, of).await? else { return Ok(None) };
    if close.user_id.is_none() {
        return Ok(Some(key));
    }
    let known: i64 = sqlx::query_scalar(KNOWN)
        .bind(of.0)
        .bind(key.name(of.0, of.1))
        .bind(close.closed_at.0)
        .fetch_one(connection)
        .await?;
    Ok((known > 0).then_some(key))
}

/// Takes the person out of a reopening, and the id of its event, if the person or the conversation
/// was erased.
pub async fn reopening(
    connection: &mut AnyConnection,
    reopening: Reopening,
    event_id: Option<String>,
) -> Result<(Reopening, Option<String>)> {
    let keys = Keys::enter(connection).await?;
    if keys.is_empty() {
        return Ok((reopening, event_id));
    }
    let person = reopening.user_id.as_ref().map_or("", |person| person.as_str());
    let erased = screen::people(connection, &keys, [person]).await?;
    let key = match erased.into_values().next() {
        Some(key) => Some(key),
        None => {
            let of = (reopening.account.as_str(), reopening.conversation_id.as_str());
            screen::conversation(connection, &keys, of).await?
        }
    };
    let Some(key) = key else { return Ok((reopening, event_id)) };
    let event_id = event_id.map(|id| key.event(&reopening.source, &id));
    let conversation_id = key.conversation(&reopening.account, &reopening.conversation_id);
    Ok((Reopening { conversation_id, user_id: None, ..reopening }, event_id))
}
