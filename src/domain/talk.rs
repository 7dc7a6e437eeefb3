//! Decides when a talk by Direct Messages is over if nobody closes it. It is over once the account
//! has had the last word and nobody has written for `after`.
//!
//! A talk begins with a person's message. A message from the account to somebody who never wrote
//! begins no talk. Neither does one after the end. Nobody is asked about a talk they had no part
//! in.
//!
//! Messages arrive late, repeatedly and in any order. They are therefore kept as a sorted set. The
//! turns are read from that set up to where it is known to be complete. The order of arrival does
//! not change the turns.
//!
//! Deliberately absent: the texts.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::direct_message::DirectMessage;
use super::id::{ConversationId, UserId};
use super::time::Millis;

/// How many messages of one conversation are kept one by one. The oldest messages of a longer talk
/// are only counted.
const SAID_MAX: usize = 500;

/// How long the account's messages outside a talk are kept. A person's message between them may
/// still arrive late.
const LATE_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    Person,
    Account,
}

/// The position of a message in its conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePosition {
    /// The instant by X's clock.
    pub at: Millis,
    pub id: String,
}

impl Ord for MessagePosition {
    fn cmp(&self, other: &Self) -> Ordering {
        // X's ids are numbers without leading zeros that grow with time.
        let place = |mark: &Self| (mark.at, mark.id.len());
        place(self).cmp(&place(other)).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for MessagePosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One message with only what turns depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkMessage {
    #[serde(flatten)]
    pub mark: MessagePosition,
    pub by: Author,
}

impl TalkMessage {
    /// The message and the person on its other side. `None` if the message is not the account's, if
    /// its other side is not a person, or if an id does not have X's form.
    pub fn between(account: &UserId, message: &DirectMessage) -> Option<(UserId, Self)> {
        let (by, person) = match (message.sender.as_str(), message.recipient.as_str()) {
            (sender, recipient) if sender == recipient => return None,
            (sender, recipient) if sender == account.as_str() => (Author::Account, recipient),
            (sender, recipient) if recipient == account.as_str() => (Author::Person, sender),
            _ => return None,
        };
        // Ids of messages have the same form as ids of people.
        UserId::parse(&message.id).ok()?;
        let mark = MessagePosition { at: message.created_at, id: message.id.clone() };
        Some((UserId::parse(person).ok()?, Self { mark, by }))
    }
}

/// Something that happens to a talk. A talk is named by the id of its first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TalkTurn {
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
    /// When the silence had lasted for `after`.
    pub closed_at: Millis,
    pub last_message_at: Millis,
    pub agent_messages: u32,
}

/// All that is remembered of the messages between one person and one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// Every message up to this position is in the fields below or no longer matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_to: Option<MessagePosition>,
    /// An open talk whose first messages are only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<OpenConversation>,
    /// The kept messages in order without repetition.
    said: VecDeque<TalkMessage>,
    /// The talk that ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedConversation>,
    /// The last request for no more prompts that surveyd obeyed.
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
    /// Adds a message unless it is known already. The caller must not add surveyd's own prompts.
    pub fn hear(&mut self, said: TalkMessage) {
        if self.known_to.as_ref().is_some_and(|known_to| said.mark <= *known_to) {
            return;
        }
        if let Err(place) = self.said.binary_search_by(|known| known.mark.cmp(&said.mark)) {
            self.said.insert(place, said);
        }
    }

    /// True if a person's request for no more prompts is new. A request is obeyed once only,
    /// because an operator may have let the person in again since.
    pub fn stop(&mut self, at: Millis) -> bool {
        let is_news = self.stopped_at.is_none_or(|before| at > before);
        if is_news {
            self.stopped_at = Some(at);
        }
        is_news
    }

    /// Returns the turns that have happened by now. They are in order and each is returned once.
    /// All messages up to `heard_to` are assumed to have arrived.
    pub fn turns(&mut self, after: Duration, heard_to: Millis) -> Vec<TalkTurn> {
        let mut turns = Vec::new();
        loop {
            let first = self.first();
            if let (Some(first), Some(ended)) = (first, &mut self.ended)
                && !std::mem::replace(&mut ended.reopened, true)
            {
                // A message that arrived too late to keep the talk open is older than the end.
                let at = self.said.get(first).map_or(ended.closed_at, |said| said.mark.at);
                let (talk, at) = (ended.talk.clone(), at.max(ended.closed_at));
                turns.push(TalkTurn::Reopened { talk, at });
            }
            match self.end(after) {
                Some((last, said_at)) if said_at.plus(after) <= heard_to => {
                    turns.push(TalkTurn::Closed(self.close(last, said_at, after)));
                }
                Some(_) | None => break,
            }
        }
        self.forget(after, heard_to);
        turns
    }

    /// When the open talk ends if nobody writes again. `None` while the person waits for an answer
    /// or if no talk is open.
    pub fn ends_at(&self, after: Duration) -> Option<Millis> {
        self.end(after).map(|(_, said_at)| said_at.plus(after))
    }

    /// The instant of the newest message that is still remembered.
    pub fn last_at(&self) -> Option<Millis> {
        let said = self.said.back().map(|said| &said.mark);
        said.or(self.known_to.as_ref()).map(|mark| mark.at)
    }

    /// The index of the open talk's first kept message.
    fn first(&self) -> Option<usize> {
        match &self.begun {
            Some(_) => Some(0),
            None => self.said.iter().position(|said| said.by == Author::Person),
        }
    }

    /// The first message of the account that nobody follows up for `after`. Also returns its
    /// instant.
    fn end(&self, after: Duration) -> Option<(usize, Millis)> {
        let talk = self.said.iter().enumerate().skip(self.first()?);
        talk.filter(|(_, said)| said.by == Author::Account)
            .map(|(place, said)| (place, said.mark.at))
            .find(|(place, said_at)| {
                self.said.get(place + 1).is_none_or(|next| next.mark.at >= said_at.plus(after))
            })
    }

    /// Ends the open talk with the message at `last`.
    fn close(&mut self, last: usize, last_message_at: Millis, after: Duration) -> Closed {
        self.count(last + 1);
        let OpenConversation { talk, agent_messages } =
            self.begun.take().expect("a person's message stands before the talk's last");
        let closed_at = last_message_at.plus(after);
        self.ended = Some(EndedConversation { talk: talk.clone(), closed_at, reopened: false });
        Closed { talk, closed_at, last_message_at, agent_messages }
    }

    /// Removes the oldest messages, which are only counted from then on.
    fn count(&mut self, messages: usize) {
        for said in self.said.drain(..messages) {
            match (&mut self.begun, said.by) {
                (Some(begun), Author::Account) => {
                    begun.agent_messages = begun.agent_messages.saturating_add(1);
                }
                (None, Author::Person) => {
                    self.begun =
                        Some(OpenConversation { talk: said.mark.id.clone(), agent_messages: 0 });
                }
                (Some(_), Author::Person) | (None, Author::Account) => {}
            }
            self.known_to = Some(said.mark);
        }
    }

    /// Drops messages that no late message can make relevant again. Then drops single messages
    /// beyond [`SAID_MAX`].
    fn forget(&mut self, after: Duration, heard_to: Millis) {
        let long_ago = heard_to.minus(LATE_MOST);
        let idle = match &self.begun {
            Some(_) => 0,
            None => self
                .said
                .iter()
                .take_while(|said| said.by == Author::Account && said.mark.at < long_ago)
                .count(),
        };
        self.said.drain(..idle);
        if self.said.len() > SAID_MAX {
            let settled = heard_to.minus(after);
            let old = self.said.iter().take_while(|said| said.mark.at < settled).count();
            // The last kept message may be one that nobody follows up.
            self.count(old.min(self.said.len() - SAID_MAX / 2));
        }
    }
}

/// The conversation id that a talk is stored under.
pub fn conversation_id(person: &UserId, talk: &str) -> ConversationId {
    ConversationId::parse(&format!("dm-{person}-{talk}")).expect("two ids are short enough")
}

#[cfg(test)]
mod tests;
