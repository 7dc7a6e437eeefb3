//! `surveyd explain` tells why a conversation was or was not surveyed.

mod unknown;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::decisions::{self, Entry, entries};
use super::waiting::{self, Waits};
use super::{Context, TimeStyle, print_json};
use crate::domain::id::UserId;
use crate::domain::plain_text::printable;
use crate::domain::survey::{State, Survey};
use crate::domain::waiting::Obstacle;
use crate::output::{out, outln};
use crate::store::Listing;
use crate::terminal::OutputStyle;
use crate::terminal::table::{Column, table};

pub use unknown::Unknown;

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Explain {
    /// The conversation's id at the help desk
    #[arg(value_name = "CONVERSATION")]
    conversation: String,
    /// Only the conversation with this account [default: with any]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    times: TimeStyle,
}

const EXAMPLES: &str = "\
  surveyd explain c-42
  surveyd explain c-42 --account acme --json";

const NOTE: &str = "\
A conversation that closed several times has a survey for each close, the oldest first. Every
decision has its reason and its numbers. If a conversation is not on record (exit 1), the possible
reasons are shown: another account, another spelling, requests that were refused.";

#[derive(Serialize)]
struct Explanation {
    survey_id: String,
    account: String,
    source: String,
    user_id: Option<String>,
    state: String,
    reason: Option<String>,
    score: Option<i64>,
    closed_at: String,
    due_at: String,
    decisions: Vec<Entry>,
    /// The obstacles for a survey that waits. They may concern this survey or its whole account.
    account_waits: Vec<String>,
    /// The obstacles in the form for programs.
    waits: Vec<Waits>,
}

/// The most surveys of one conversation that are explained. They are the newest ones.
const SURVEYS_MAX: u32 = 1_000;

pub async fn run(explain: Explain, context: &Context) -> anyhow::Result<()> {
    let store = context.store().await?;
    context.require_account(&store, explain.account.as_deref()).await?;
    let listing = Listing {
        state: None,
        account: explain.account.clone(),
        conversation_id: Some(explain.conversation.clone()),
        limit: SURVEYS_MAX,
        ..Listing::default()
    };
    let mut explained = Vec::new();
    // The oldest comes first because people read the history in the order of time.
    for survey in store.list(&listing).await?.into_iter().rev() {
        let Some(row) = store.survey(&survey.id).await? else { continue };
        let steps = store.history(&survey.id).await?;
        let waiting = waiting::of_survey(&row, &store, context).await?;
        let decisions = entries(&row, steps, Vec::new());
        let survey = row.survey;
        let dry = dry_run(&survey, context);
        explained.push(Explanation {
            survey_id: survey.id.to_string(),
            account: survey.account,
            source: survey.source,
            user_id: survey.user_id.as_ref().map(UserId::to_string),
            state: survey.state.name().to_owned(),
            reason: survey.state.reason(),
            score: row.told.score,
            closed_at: survey.closed_at.rfc3339(),
            due_at: survey.due_at.rfc3339(),
            decisions,
            account_waits: dry.into_iter().chain(waiting.iter().map(Obstacle::line)).collect(),
            waits: waiting.iter().map(Waits::from).collect(),
        });
    }
    if explained.is_empty() {
        let account = explain.account.as_deref();
        let unknown = Unknown::of(&explain.conversation, account, &store, context).await?;
        store.close().await;
        if explain.json {
            print_json(&unknown)?;
        }
        bail!(unknown.words());
    }
    store.close().await;
    if explain.json {
        return print_json(&explained);
    }
    let style = context.style(&explain.times);
    for (index, survey) in explained.into_iter().enumerate() {
        if index > 0 {
            outln!()?;
        }
        print(survey, &style)?;
    }
    Ok(())
}

const DECIDED: [Column; 3] =
    [Column::instant("at"), Column::state("state"), Column::sentence("decided")];

fn print(survey: Explanation, style: &OutputStyle) -> anyhow::Result<()> {
    let state = match (&survey.reason, survey.score) {
        (Some(reason), _) => format!("{}: {reason}", survey.state),
        (None, Some(score)) => format!("{} with score {score}", survey.state),
        (None, None) => survey.state.clone(),
    };
    let about = format!(
        "survey {} of account {}, person {}, is {state}",
        survey.survey_id,
        survey.account,
        survey.user_id.as_deref().unwrap_or("unknown")
    );
    outln!("{}", style.folded(&printable(&about), 2))?;
    out!("{}", table(style, &DECIDED, &decisions::cells(survey.decisions)))?;
    for waits in &survey.account_waits {
        outln!("{}", waiting::told(waits, style))?;
    }
    Ok(())
}

/// Returns a note if a survey waits and its account is in dry mode. Such an account sends nothing.
fn dry_run(survey: &Survey, context: &Context) -> Option<String> {
    let account = context.config.account(&survey.account)?;
    let is_dry = survey.state == State::Scheduled && account.mode.is_dry();
    is_dry.then(|| format!("account {}: dry run, nothing is sent", account.name))
}
