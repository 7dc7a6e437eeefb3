//! Suggests why a conversation is not on record.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::Context;
use crate::config::Config;
use crate::domain::id::UserId;
use crate::domain::plain_text::printable;
use crate::domain::time::Millis;
use crate::store::{self, ConversationName, Listing, Store};

/// The conversation that was not found and the clues in the form for programs.
#[derive(Serialize)]
pub struct Unknown {
    pub conversation_id: String,
    pub account: Option<String>,
    pub clues: Vec<Clue>,
}

/// A possible reason with a command that shows more about it.
#[derive(Serialize)]
pub struct Clue {
    /// `other_account`, `similar`, `survey`, `person` or `refused`.
    kind: &'static str,
    message: String,
    command: String,
}

/// The most clues of one kind.
const EACH_MAX: u32 = 5;
/// The fewest characters that count as the beginning of an id.
const BEGINNING_MIN: usize = 4;

impl Unknown {
    pub async fn of(
        conversation: &str,
        account: Option<&str>,
        store: &Store,
        context: &Context,
    ) -> store::Result<Self> {
        let named = store.similar_conversations(conversation, EACH_MAX).await?;
        let mut clues: Vec<Clue> = named.iter().map(|one| of_name(one, conversation)).collect();
        clues.extend(of_survey(conversation, store).await?);
        clues.extend(of_person(conversation, store).await?);
        clues.extend(of_refusals(account, store, context).await?);
        Ok(Self {
            conversation_id: conversation.to_owned(),
            account: account.map(str::to_owned),
            clues,
        })
    }

    /// Returns the conversation that was not found and a line for each clue.
    pub fn words(&self) -> String {
        let with = self.account.as_ref().map(|name| format!(" with account {name}"));
        let of = format!("{}{}", self.conversation_id, with.unwrap_or_default());
        let mut words = format!("no close of conversation {of} is on record");
        for Clue { message, command, .. } in &self.clues {
            words += &format!("\n  {}: `{command}`", printable(message));
        }
        if self.clues.is_empty() {
            words += "\n  nothing that came here was refused: see at the help desk whether it sent \
                      this close";
        }
        words
    }
}

fn of_name(ConversationName { account, conversation_id }: &ConversationName, asked: &str) -> Clue {
    let command = format!("surveyd explain {} --account {account}", quoted(conversation_id));
    let (kind, message) = if conversation_id == asked {
        ("other_account", format!("account {account} has a conversation of that name"))
    } else {
        ("similar", format!("account {account} has a conversation {conversation_id}"))
    };
    Clue { kind, message, command }
}

/// Finds a survey if its id or the beginning of its id was given.
async fn of_survey(asked: &str, store: &Store) -> store::Result<Option<Clue>> {
    let beginning = asked.trim_end_matches('…');
    if beginning.chars().count() < BEGINNING_MIN {
        return Ok(None);
    }
    let found = store.beginning_with(beginning, 1).await?;
    Ok(found.first().map(|survey| Clue {
        kind: "survey",
        message: format!(
            "survey {} of conversation {} has such an id",
            survey.id, survey.conversation_id
        ),
        command: format!("surveyd surveys show {}", quoted(beginning)),
    }))
}

/// Finds a person's newest conversations if the person's id was given.
async fn of_person(asked: &str, store: &Store) -> store::Result<Vec<Clue>> {
    let Ok(user_id) = UserId::parse(asked) else { return Ok(Vec::new()) };
    let listing =
        Listing { user_id: Some(user_id.to_string()), limit: EACH_MAX, ..Listing::default() };
    let found = store.list(&listing).await?.into_iter().map(|survey| Clue {
        kind: "person",
        message: format!(
            "it is a person's id; they had conversation {} with account {}",
            survey.conversation_id, survey.account
        ),
        command: format!(
            "surveyd explain {} --account {}",
            quoted(survey.conversation_id.as_str()),
            survey.account
        ),
    });
    Ok(found.collect())
}

/// Finds the latest refusal of each source that may name the account.
async fn of_refusals(
    account: Option<&str>,
    store: &Store,
    context: &Context,
) -> store::Result<Vec<Clue>> {
    let mut by_source: BTreeMap<String, (u64, Millis, String)> = BTreeMap::new();
    for (at, rejected) in store.rejected(None).await? {
        if account.is_some_and(|account| !may_name(&context.config, &rejected.source, account)) {
            continue;
        }
        let words = rejected.words();
        // The newest refusal of a source comes first.
        let known = by_source.entry(rejected.source).or_insert((0, at, words));
        known.0 += rejected.count;
    }
    let mut by_source: Vec<_> = by_source.into_iter().collect();
    by_source.sort_by_key(|(_, (_, at, _))| std::cmp::Reverse(*at));
    let told = by_source.into_iter().take(EACH_MAX as usize);
    let told = told.map(|(source, (count, at, words))| {
        let requests = match count {
            1 => "a request".to_owned(),
            many => format!("{many} requests"),
        };
        let message = format!(
            "source {source} had {requests} refused, the last at {}, for: {words}",
            at.rfc3339()
        );
        let command = format!("surveyd sources rejected {}", quoted(&source));
        Clue { kind: "refused", message, command }
    });
    Ok(told.collect())
}

/// True if the source may send closes for the account.
fn may_name(config: &Config, source: &str, account: &str) -> bool {
    let of_http = config.sources.iter().map(|source| (&source.name, &source.accounts));
    let mut all = of_http.chain(config.spools.iter().map(|spool| (&spool.name, &spool.accounts)));
    match (all.find(|(name, _)| *name == source), config.watched(source)) {
        (Some((_, accounts)), _) => accounts.is_empty() || accounts.iter().any(|it| it == account),
        (None, Some(watched)) => watched.account == account,
        (None, None) => true,
    }
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+,=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", printable(word).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_for_something_else() {
        assert_eq!(quoted("c-42"), "c-42");
        assert_eq!(quoted("#42"), "'#42'");
        assert_eq!(quoted("it's 1"), r"'it'\''s 1'");
    }
}
