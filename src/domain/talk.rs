//! When a talk by Direct Messages is over, where nobody closes anything: a person and an account
//! write to each other, the account has the last word, and nothing is said for `after`.
//!
//! A talk begins with a person's message. What an account writes to somebody who never wrote, or
//! writes after the end, belongs to no new talk: nobody is asked about a talk they had no part in.
//!
//! Messages come late, repeated and in any order. What was said is therefore a set, and its turns
//! are read off the sorted set, up to where it is known to be whole: any way of hearing the same
//! messages leads to the same turns. Deliberately absent: the texts.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::direct_message::DirectMessage;
use super::id::{ConversationId, UserId};
use super::time::Millis;

/// Messages of one conversation that are kept one by one; of a longer talk the oldest are only
/// counted.
const SAID_MAX: usize = 500;

/// How long an account's messages that begin nothing are kept, for a person's message between them
/// may come late.
const LATE_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    Person,
    Account,
}

/// Where a message stands among those of its conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePosition {
    /// By X's clock.
    pub at: Millis,
    pub id: String,
}

impl Ord for MessagePosition {
    fn cmp(&self, other: &Self) -> Ordering {
        // X's ids are numbers, written without leading zeros, that grow with time.
        let place = |mark: &Self| (mark.at, mark.id.len());
        place(self).cmp(&place(other)).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for MessagePosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One message, as far as turns depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkMessage {
    #[serde(flatten)]
    pub mark: MessagePosition,
    pub by: Writer,
}

impl TalkMessage {
    /// With whom the account has this message, and whose it is; nothing where it is not the
    /// account's, not with a person, or has an id that is none of X's.
    pub fn between(account: &UserId, message: &DirectMessage) -> Option<(UserId, Self)> {
        let (by, person) = match (message.sender.as_str(), message.recipient.as_str()) {
            (sender, recipient) if sender == recipient => return None,
            (sender, recipient) if sender == account.as_str() => (Writer::Account, recipient),
            (sender, recipient) if recipient == account.as_str() => (Writer::Person, sender),
            _ => return None,
        };
        // Messages' ids have the form of people's.
        UserId::parse(&message.id).ok()?;
        let mark = MessagePosition { at: message.created_at, id: message.id.clone() };
        Some((UserId::parse(person).ok()?, Self { mark, by }))
    }
}

/// What happens to a talk; it is named by the id of its first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Closed(Closed),
    /// The person writes after the end.
    Reopened {
        talk: String,
        at: Millis,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub talk: String,
    /// When the silence had lasted long enough.
    pub closed_at: Millis,
    pub last_message_at: Millis,
    pub agent_messages: u32,
}

/// All that is remembered of what one person and one account write to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// All up to here is in what follows, or counts no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_to: Option<MessagePosition>,
    /// A talk under way whose first messages are only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<OpenConversation>,
    /// In order, each once.
    said: VecDeque<TalkMessage>,
    /// The talk that ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedConversation>,
    /// The last wish for no more prompts that was heeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Millis>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OpenConversation {
    talk: String,
    agent_messages: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EndedConversation {
    talk: String,
    closed_at: Millis,
    reopened: bool,
}

impl Conversation {
    /// Adds a message, where it is not known yet. surveyd's own prompts are not to be added.
    pub fn hear(&mut self, said: TalkMessage) {
        if self.known_to.as_ref().is_some_and(|known_to| said.mark <= *known_to) {
            return;
        }
        if let Err(place) = self.said.binary_search_by(|known| known.mark.cmp(&said.mark)) {
            self.said.insert(place, said);
        }
    }

    /// Whether a person's wish for no more prompts is news: one that was heeded is not heeded
    /// again, for somebody may have been let in again since.
    pub fn stop(&mut self, at: Millis) -> bool {
        let is_news = self.stopped_at.is_none_or(|before| at > before);
        if is_news {
            self.stopped_at = Some(at);
        }
        is_news
    }

    /// What has happened by now, in order, each once. All that was said up to `heard_to` has been
    /// heard, as far as can be known.
    pub fn turns(&mut self, after: Duration, heard_to: Millis) -> Vec<Turn> {
        let mut turns = Vec::new();
        loop {
            let first = self.first();
            if let (Some(first), Some(ended)) = (first, &mut self.ended)
                && !std::mem::replace(&mut ended.reopened, true)
            {
                // One that came too late to keep the talk from being closed was made before that.
                let at = self.said.get(first).map_or(ended.closed_at, |said| said.mark.at);
                let (talk, at) = (ended.talk.clone(), at.max(ended.closed_at));
                turns.push(Turn::Reopened { talk, at });
            }
            match self.end(after) {
                Some((last, said_at)) if said_at.plus(after) <= heard_to => {
                    turns.push(Turn::Closed(self.close(last, said_at, after)));
                }
                Some(_) | None => break,
            }
        }
        self.forget(after, heard_to);
        turns
    }

    /// When the talk under way ends, if nothing more is said; `None` while the person waits for an
    /// answer, or nobody talks.
    pub fn ends_at(&self, after: Duration) -> Option<Millis> {
        self.end(after).map(|(_, said_at)| said_at.plus(after))
    }

    /// When something was last said, as far as it is kept.
    pub fn last_at(&self) -> Option<Millis> {
        let said = self.said.back().map(|said| &said.mark);
        said.or(self.known_to.as_ref()).map(|mark| mark.at)
    }

    /// Where the talk under way begins among what is kept.
    fn first(&self) -> Option<usize> {
        match &self.begun {
            Some(_) => Some(0),
            None => self.said.iter().position(|said| said.by == Writer::Person),
        }
    }

    /// The first message of the account that nobody follows up for `after`, and when it was made.
    fn end(&self, after: Duration) -> Option<(usize, Millis)> {
        let talk = self.said.iter().enumerate().skip(self.first()?);
        talk.filter(|(_, said)| said.by == Writer::Account)
            .map(|(place, said)| (place, said.mark.at))
            .find(|(place, said_at)| {
                self.said.get(place + 1).is_none_or(|next| next.mark.at >= said_at.plus(after))
            })
    }

    /// Ends the talk under way with the message at `last`.
    fn close(&mut self, last: usize, last_message_at: Millis, after: Duration) -> Closed {
        self.count(last + 1);
        let OpenConversation { talk, agent_messages } =
            self.begun.take().expect("a person's message stands before the talk's last");
        let closed_at = last_message_at.plus(after);
        self.ended = Some(EndedConversation { talk: talk.clone(), closed_at, reopened: false });
        Closed { talk, closed_at, last_message_at, agent_messages }
    }

    /// Takes out the oldest messages and only counts them.
    fn count(&mut self, messages: usize) {
        for said in self.said.drain(..messages) {
            match (&mut self.begun, said.by) {
                (Some(begun), Writer::Account) => {
                    begun.agent_messages = begun.agent_messages.saturating_add(1);
                }
                (None, Writer::Person) => {
                    self.begun =
                        Some(OpenConversation { talk: said.mark.id.clone(), agent_messages: 0 });
                }
                (Some(_), Writer::Person) | (None, Writer::Account) => {}
            }
            self.known_to = Some(said.mark);
        }
    }

    /// Lets go of what no late message can make count again, and of single messages beyond
    /// [`SAID_MAX`].
    fn forget(&mut self, after: Duration, heard_to: Millis) {
        let long_ago = heard_to.minus(LATE_MOST);
        let idle = match &self.begun {
            Some(_) => 0,
            None => self
                .said
                .iter()
                .take_while(|said| said.by == Writer::Account && said.mark.at < long_ago)
                .count(),
        };
        self.said.drain(..idle);
        if self.said.len() > SAID_MAX {
            let settled = heard_to.minus(after);
            let old = self.said.iter().take_while(|said| said.mark.at < settled).count();
            // The last one kept may be one that nobody follows up.
            self.count(old.min(self.said.len() - SAID_MAX / 2));
        }
    }
}

/// The conversation that a talk is known as.
pub fn conversation_id(person: &UserId, talk: &str) -> ConversationId {
    ConversationId::parse(&format!("dm-{person}-{talk}")).expect("two ids are short enough")
}

#[cfg(test)]
mod tests;
