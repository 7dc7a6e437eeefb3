//! `surveyd explain`: why a conversation was or was not surveyed.

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::decisions::{self, Entry, entries};
use super::{Context, Times, print_json};
use crate::config::Account;
use crate::domain::budget::Call;
use crate::domain::id::UserId;
use crate::domain::plain_text::printable;
use crate::domain::policy::DAY;
use crate::domain::survey::State;
use crate::domain::time::Millis;
use crate::output::{out, outln};
use crate::store::{Listing, ResultRow, Store};
use crate::terminal::table::{Column, table};
use crate::terminal::{Colour, View};

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
    times: Times,
}

const EXAMPLES: &str = "\
  surveyd explain c-42
  surveyd explain c-42 --account acme --json";

const NOTE: &str = "\
A conversation that closed several times has a survey for each close, the oldest first. Every
decision has its reason and its numbers.";

#[derive(Serialize)]
struct Explained {
    survey_id: String,
    account: String,
    source: String,
    user_id: Option<String>,
    state: String,
    reason: Option<String>,
    closed_at: String,
    due_at: String,
    decisions: Vec<Entry>,
    /// What keeps it, or all surveys of the account, from being sent; for one that waits.
    account_waits: Vec<String>,
}

/// Surveys of one conversation that are told of: the newest.
const SURVEYS_MAX: u32 = 1_000;

pub async fn run(explain: Explain, context: &Context) -> anyhow::Result<()> {
    let store = context.store().await?;
    context.require_account(&store, explain.account.as_deref()).await?;
    let listing = Listing {
        state: None,
        account: explain.account,
        conversation_id: Some(explain.conversation.clone()),
        limit: SURVEYS_MAX,
        ..Listing::default()
    };
    let mut explained = Vec::new();
    // The oldest first, as it happened.
    for survey in store.list(&listing).await?.into_iter().rev() {
        let Some(row) = store.survey(&survey.id).await? else { continue };
        let steps = store.history(&survey.id).await?;
        let mut account_waits = account_waits(&row, &store, context).await?;
        account_waits.extend(waits(&row, &store, context).await?);
        let decisions = entries(&row, steps, Vec::new());
        let survey = row.survey;
        explained.push(Explained {
            survey_id: survey.id.to_string(),
            account: survey.account,
            source: survey.source,
            user_id: survey.user_id.as_ref().map(UserId::to_string),
            state: survey.state.name().to_owned(),
            reason: survey.state.reason(),
            closed_at: survey.closed_at.rfc3339(),
            due_at: survey.due_at.rfc3339(),
            decisions,
            account_waits,
        });
    }
    store.close().await;
    if explained.is_empty() {
        let conversation = printable(&explain.conversation);
        bail!("no close of conversation {conversation} is on record");
    }
    if explain.json {
        return print_json(&explained);
    }
    let view = context.view(&explain.times);
    for (index, survey) in explained.into_iter().enumerate() {
        if index > 0 {
            outln!()?;
        }
        print(survey, &view)?;
    }
    Ok(())
}

const DECIDED: [Column; 3] =
    [Column::instant("at"), Column::state("state"), Column::sentence("decided")];

fn print(survey: Explained, view: &View) -> anyhow::Result<()> {
    let state = match &survey.reason {
        Some(reason) => format!("{}: {reason}", survey.state),
        None => survey.state.clone(),
    };
    let about = format!(
        "survey {} of account {}, person {}, is {state}",
        survey.survey_id,
        survey.account,
        survey.user_id.as_deref().unwrap_or("unknown")
    );
    outln!("{}", view.folded(&printable(&about), 2))?;
    out!("{}", table(view, &DECIDED, &decisions::cells(survey.decisions)))?;
    for waits in &survey.account_waits {
        let waits = view.folded(&view.sentence(&printable(waits)), 2);
        outln!("{}", view.paint(Colour::Yellow, &waits))?;
    }
    Ok(())
}

/// Until when this one waits, where it is due and was put off.
async fn waits(
    row: &ResultRow,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<String>> {
    let (survey, now) = (&row.survey, context.clock.now());
    let Some(waits) = store.waits(&survey.id).await? else { return Ok(None) };
    let until = waits.try_at.rfc3339();
    if waits.is_of_clock_ahead(now) {
        return Ok(Some(format!(
            "it waits until {until}, for this machine's clock ran ahead when it was put off: the \
             daemon makes it due within five minutes"
        )));
    }
    if waits.try_at <= now || waits.try_at <= survey.due_at {
        return Ok(None);
    }
    Ok(Some(match waits.is_claimed {
        true => "it is being worked on".to_owned(),
        false => format!("it was put off and is looked at again at {until}"),
    }))
}

/// What all of the account's surveys wait for, where this one waits.
async fn account_waits(
    row: &ResultRow,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Vec<String>> {
    let survey = &row.survey;
    let now = context.clock.now();
    let mut waits = Vec::new();
    if survey.state != State::Scheduled {
        return Ok(waits);
    }
    let name = &survey.account;
    let Some(account) = context.config.account(name) else {
        let words = format!("account {name} is not configured: nothing of it is sent");
        return Ok(if survey.due_at > now { waits } else { vec![words] });
    };
    if account.mode.is_dry() {
        waits.push(format!("account {name}: dry run, nothing is sent"));
    }
    if survey.due_at <= now {
        waits.extend(limits(account, store, now).await?);
    }
    let Some(hold) = store.hold(name).await? else { return Ok(waits) };
    let horizon = context.config.x.events_horizon;
    if let Some(restored_at) = store.progress(name).await?.restored_at {
        let (at, words) = (restored_at.rfc3339(), hold.words(horizon));
        waits.push(format!("account {name} is held since {at}: {words}"));
    }
    let chosen = account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
    let expires_at = survey.closed_at.plus(chosen.rules().expire_after);
    if expires_at < hold.end_at_least(horizon, now) {
        let at = expires_at.rfc3339();
        waits.push(format!("it expires at {at}, before that hold can end: it will not be asked"));
    }
    if let Some(unfinished) = store.unfinished_rebuild(name).await?.filter(|it| it.makes_surveys) {
        waits.push(format!("go on with the rebuild: {}", unfinished.command(name)));
    }
    Ok(waits)
}

/// What X allows no more of at this moment, or nothing of at all.
async fn limits(account: &Account, store: &Store, now: Millis) -> anyhow::Result<Vec<String>> {
    let (name, mut waits) = (&account.name, Vec::new());
    let mut status = store.account_status(name, now.minus(DAY)).await?;
    if account.mode.is_dry() {
        status = status.with_dry_run(store.dry_day(name, now.minus(DAY)).await?);
    }
    if let Some(paused) = status.paused {
        let since = paused.paused_at.rfc3339();
        waits.push(format!("account {name} is paused since {since}: {}", paused.why));
    }
    let limit = i64::from(account.daily_limit);
    if status.prompts_of_day >= limit {
        let from = status.oldest_of_day.map_or(now, |oldest| oldest.plus(DAY)).rfc3339();
        let sent = if account.mode.is_dry() { "would have sent" } else { "has sent" };
        waits.push(format!("account {name} {sent} its {limit} prompts of the day; next {from}"));
    }
    for call in [Call::Create, Call::FriendshipsShow, Call::Users] {
        if let Some(until) = store.calls_free_at(name, call, now).await? {
            let (endpoint, until) = (call.endpoint(), until.rfc3339());
            waits.push(format!(
                "X's limit of {endpoint} is reached: account {name} makes no such call until {until}"
            ));
        }
    }
    Ok(waits)
}
