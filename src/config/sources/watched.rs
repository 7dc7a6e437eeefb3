//! Reads a source of kind `dm_inactivity`: which account's Direct Messages to watch, how, and after
//! how much silence a conversation is over.

use std::collections::BTreeSet;

use super::super::fault_collector::ConfigTable;
use super::super::given::{GivenValue, Wrong, quoted};
use super::super::{MessageStream, WatchedMessages, defaults, values};
use super::{Around, account};
use crate::domain::stop_words::{self, StopWords};

const STREAMS: [(&str, MessageStream); 3] =
    [("v1.1", MessageStream::V1), ("v2", MessageStream::V2), ("webhook", MessageStream::Webhook)];

pub(super) fn read(
    mut table: ConfigTable,
    name: Option<String>,
    account: Option<Option<String>>,
    around: &Around,
    watched: &mut BTreeSet<String>,
) -> Option<WatchedMessages> {
    let account = match account {
        Some(None) => account::only(&mut table, around, ""),
        account => account,
    };
    // Two sources would each close the same conversation.
    if let Some(Some(account)) = &account
        && !watched.insert(account.clone())
    {
        let remedy = "leave one source for each account, and remove the other";
        let problem = "is watched by another source, too";
        table.fault("account", Some(quoted(account)), problem, remedy);
    }
    let after = table.or("after", defaults::AFTER, values::duration(defaults::AFTER_BOUNDS));
    let stream = table.or("stream", MessageStream::V1, values::choice(&STREAMS));
    let every = match stream {
        Some(MessageStream::Webhook) => defaults::LISTED_EVERY_BESIDE_WEBHOOK,
        Some(MessageStream::V1 | MessageStream::V2) | None => defaults::LISTED_EVERY,
    };
    let every = table.or("every", every, values::duration(defaults::LISTED_EVERY_BOUNDS));
    let usual = StopWords::new(stop_words::DEFAULT).expect("each has letters");
    let stop_words = table.or("stop_words", usual, words);
    table.close(&[]);
    Some(WatchedMessages {
        name: name?,
        account: account??,
        after: after?,
        stream: stream?,
        every: every?,
        stop_words: stop_words?,
    })
}

/// Reads the list of stop words. If it is empty, nobody can opt out by a message.
fn words(given: &GivenValue) -> Result<StopWords, Wrong> {
    let words = given.texts()?;
    StopWords::new(words.iter().map(String::as_str)).map_err(|word| {
        let problem = format!("holds \"{word}\", in which there is no letter");
        Wrong::new(problem, "write whole messages, as [\"stop\", \"no more\"]")
    })
}
