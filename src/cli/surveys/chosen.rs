//! Finds the one survey of a command by its id, by the beginning of its id or by its conversation.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use clap::Args;

use crate::cli::explain::Unknown;
use crate::cli::{Context, usage};
use crate::domain::id::SurveyId;
use crate::domain::plain_text::printable;
use crate::domain::survey::Survey;
use crate::store::{Listing, ResultRow, Store};

#[derive(Args)]
pub struct One {
    /// The survey's id, or its beginning (4 characters or more) if no other id begins with it
    #[arg(value_name = "ID", required_unless_present = "conversation")]
    id: Option<String>,
    /// The newest survey of this conversation, instead of an id
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    conversation: Option<String>,
    /// The conversation's account, if several accounts have a conversation of that id
    #[arg(long, value_name = "NAME", requires = "conversation")]
    account: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// The fewest characters that may stand for a whole id.
const BEGINNING_MIN: usize = 4;
/// The most surveys that are named if several ids have the same beginning.
const NAMED_MAX: u32 = 10;

impl One {
    pub async fn find(&self, store: &Store, context: &Context) -> anyhow::Result<ResultRow> {
        let id = match (&self.id, &self.conversation) {
            (Some(id), _) => by_id(store, id).await?,
            (None, Some(conversation)) => {
                context.require_account(store, self.account.as_deref()).await?;
                by_conversation(store, context, conversation, self.account.as_deref()).await?
            }
            (None, None) => bail!("name a survey: its id, or --conversation ID"),
        };
        let row = store.survey(&id).await?;
        row.ok_or_else(|| anyhow!("survey {id} has just been erased"))
    }
}

async fn by_id(store: &Store, id: &str) -> anyhow::Result<SurveyId> {
    // A terminal shows the beginning of an id followed by this sign.
    let beginning = id.trim_end_matches('…');
    let whole = SurveyId::new(beginning);
    if store.survey(&whole).await?.is_some() {
        return Ok(whole);
    }
    let found = match beginning.chars().count() >= BEGINNING_MIN {
        true => store.beginning_with(beginning, NAMED_MAX + 1).await?,
        false => Vec::new(),
    };
    match found.as_slice() {
        [survey] => Ok(survey.id.clone()),
        [] => Err(unknown(store, id).await?),
        several => {
            let named = several.iter().take(NAMED_MAX as usize).map(words);
            let more = (several.len() > NAMED_MAX as usize).then(|| "  and more".to_owned());
            let named: Vec<String> = named.chain(more).collect();
            bail!("several surveys begin with {beginning}; name one of them:\n{}", named.join("\n"))
        }
    }
}

fn words(survey: &Survey) -> String {
    let (id, account, state) = (&survey.id, &survey.account, survey.state.name());
    format!("  {id}  account {account}, conversation {}, {state}", survey.conversation_id)
}

/// Explains that no survey has this id. Most people who make this mistake give a conversation's id.
async fn unknown(store: &Store, id: &str) -> anyhow::Result<anyhow::Error> {
    let of_that_name =
        Listing { conversation_id: Some(id.to_owned()), limit: 1, ..Listing::default() };
    let is_conversation = !store.list(&of_that_name).await?.is_empty();
    let shown = printable(id);
    Ok(match is_conversation {
        true => anyhow!(
            "there is no survey {shown}, but a conversation of that id: give it as --conversation {shown}"
        ),
        false if id.chars().count() < BEGINNING_MIN => usage(
            "ID",
            &shown,
            format!(
                "there is no such survey; an id's beginning has at least {BEGINNING_MIN} characters"
            ),
        ),
        false => anyhow!(
            "there is no survey {shown}: `surveyd surveys list` shows those there are; \
             --conversation takes a conversation's id"
        ),
    })
}

/// The most surveys of one conversation that are read.
const OF_CONVERSATION_MAX: u32 = 1_000;

async fn by_conversation(
    store: &Store,
    context: &Context,
    conversation: &str,
    account: Option<&str>,
) -> anyhow::Result<SurveyId> {
    let listing = Listing {
        conversation_id: Some(conversation.to_owned()),
        account: account.map(str::to_owned),
        limit: OF_CONVERSATION_MAX,
        ..Listing::default()
    };
    let found = store.list(&listing).await?;
    let accounts: BTreeSet<&str> = found.iter().map(|survey| survey.account.as_str()).collect();
    let shown = printable(conversation);
    match found.first() {
        None => bail!(Unknown::of(conversation, account, store, context).await?.words()),
        Some(_) if accounts.len() > 1 => {
            let accounts: Vec<&str> = accounts.into_iter().collect();
            bail!(
                "several accounts have a conversation {shown}: {}; say which by --account NAME",
                accounts.join(", ")
            )
        }
        Some(newest) => Ok(newest.id.clone()),
    }
}
