//! Finds the obstacles that hold back due surveys for the commands that show them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::Context;
use crate::config;
use crate::daemon;
use crate::domain::plain_text::printable;
use crate::domain::survey::State;
use crate::domain::time::{Millis, Period};
use crate::domain::waiting::{
    Cause, Facts, Obstacle, OverduePrompts, Presence, PutOff, Served, TOLD_AFTER, obstacles,
};
use crate::store::{self, ResultRow, Store};
use crate::terminal::{Colour, OutputStyle};
use crate::worker;

/// An obstacle in the form for programs.
#[derive(Serialize)]
pub struct Waits {
    pub reason: &'static str,
    pub surveys: u64,
    pub since: Option<String>,
    pub until: Option<String>,
    pub message: String,
    pub remedy: Option<String>,
    pub must_act: bool,
}

impl From<&Obstacle> for Waits {
    fn from(obstacle: &Obstacle) -> Self {
        let Obstacle { cause, surveys, since, until, words, remedy, must_act } = obstacle;
        Self {
            reason: cause.as_str(),
            surveys: *surveys,
            since: since.map(Millis::rfc3339),
            until: until.map(Millis::rfc3339),
            message: words.clone(),
            remedy: remedy.clone(),
            must_act: *must_act,
        }
    }
}

/// Formats a line of an [`Obstacle`] in this style.
pub fn told(line: &str, style: &OutputStyle) -> String {
    style.paint(Colour::Yellow, &style.folded(&style.sentence(&printable(line)), 2))
}

/// The longest wait for a write that only tests whether the database takes one.
const WRITE_WITHIN: Duration = Duration::from_secs(2);

/// Returns the facts of all accounts. If `tries_a_write` is true, checks that the database takes a
/// write even if no survey waits.
pub async fn facts(
    store: &Store,
    context: &Context,
    tries_a_write: bool,
) -> anyhow::Result<Vec<Facts>> {
    let now = context.clock.now();
    let served: Vec<Served> =
        context.config.accounts.iter().map(|account| context.config.served(account)).collect();
    let mut all = store.waiting(&served, now).await?;
    let presence = presence(store, context, &all).await?;
    let has_waited = |facts: &Facts| {
        facts.due > 0 && facts.oldest_due.is_some_and(|due| now.since(due) >= TOLD_AFTER)
    };
    let database = match tries_a_write || all.iter().any(has_waited) {
        true => refusal(store, context).await,
        false => None,
    };
    for facts in &mut all {
        facts.presence = presence;
        facts.database = database.clone();
    }
    Ok(all)
}

async fn presence(store: &Store, context: &Context, all: &[Facts]) -> anyhow::Result<Presence> {
    let found = match store.is_shared() {
        true => store.presence().await?,
        false => daemon::presence(&context.location()?),
    };
    // A daemon that does not trust a shared database writes no sign of its presence there.
    let is_held = store.is_shared() && all.iter().any(|facts| facts.holding.is_some());
    Ok(if is_held && found == Presence::Nobody { Presence::Unknown } else { found })
}

/// Returns the reason if the database takes no write now. Who may only read the file learns nothing
/// of that by trying.
async fn refusal(store: &Store, context: &Context) -> Option<String> {
    let file = context.location().ok().and_then(|location| location.file().map(Path::to_owned));
    let may_write = |file: &PathBuf| rustix::fs::access(file, rustix::fs::Access::WRITE_OK);
    if file.is_some_and(|file| may_write(&file) == Err(rustix::io::Errno::ACCESS)) {
        return None;
    }
    let slow = format!("a write has not ended within {} s", WRITE_WITHIN.as_secs());
    match tokio::time::timeout(WRITE_WITHIN, store.take_a_write()).await {
        Ok(Ok(()) | Err(store::Error::Busy(_))) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) if store.is_shared() => Some(slow),
        Err(_) => Some(format!("{slow}; perhaps {}", store::HELD_BY_ANOTHER)),
    }
}

/// Returns the obstacles for one survey that waits or is uncertain.
pub async fn of_survey(
    row: &ResultRow,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Vec<Obstacle>> {
    let (survey, now) = (&row.survey, context.clock.now());
    if let State::Uncertain { begun_at, given_up_at } = survey.state {
        return of_uncertain(row, (begun_at, given_up_at), store, context).await;
    }
    let Some(next) = store.next_look(&survey.id, now).await? else { return Ok(Vec::new()) };
    let all = facts(store, context, false).await?;
    let of_account = all.into_iter().find(|facts| facts.account == survey.account);
    let mut facts = of_account.unwrap_or_else(|| Facts {
        account: survey.account.clone(),
        now,
        ..Facts::default()
    });
    facts.due = u64::from(next.due_at <= now);
    facts.oldest_due = Some(next.due_at);
    facts.due_at = Some(next.due_at).filter(|at| *at > now);
    // Whether this one survey expires before that is said once for all of its obstacles.
    let put_off = next.put_off.map(|put_off| PutOff { expiring: None, ..put_off });
    facts.put_off = put_off.into_iter().collect();
    let mut found = obstacles(&facts);
    found.extend(expires_at(row, context).and_then(|at| facts.expires_first(at, &found)));
    Ok(found)
}

async fn of_uncertain(
    row: &ResultRow,
    (begun_at, given_up_at): (Millis, Millis),
    store: &Store,
    context: &Context,
) -> anyhow::Result<Vec<Obstacle>> {
    let (survey, config) = (&row.survey, &context.config);
    let all = facts(store, context, false).await?;
    let of_account = all.into_iter().find(|facts| facts.account == survey.account);
    let mut facts = of_account.unwrap_or_default();
    facts.account.clone_from(&survey.account);
    // The facts now concern this survey alone, and it is not due.
    facts.due = 0;
    let Some(account) = config.account(&survey.account) else {
        return Ok(vec![facts.uncertain_of_nobody()]);
    };
    if let Some(sent_as) = store.sent_as(&survey.id).await?
        && sent_as != worker::sent_as(config, account)
    {
        let fails_at = survey.closed_at.plus(account.longest_expire_after());
        return Ok(vec![facts.uncertain_as_another(&sent_as, fails_at)]);
    }
    let known_after = config.x.events_horizon + config.x.settle_after;
    let mut found = vec![facts.uncertain(given_up_at.plus(known_after))];
    let stops_reading =
        |cause| matches!(cause, Cause::NobodyWorks | Cause::Database | Cause::Paused);
    found.extend(obstacles(&facts).into_iter().filter(|found| stops_reading(found.cause)));
    found.extend(overdue(&facts, (begun_at, given_up_at), 1, store, context).await?);
    Ok(found)
}

/// Returns the obstacle if an account's uncertain surveys have waited too long to be settled.
pub async fn of_unsettled(
    account: &config::Account,
    facts: &Facts,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<Obstacle>> {
    let sent_as = worker::sent_as(&context.config, account);
    let unsettled = store.unsettled(&account.name, &sent_as).await?;
    let Some(oldest) = unsettled.first() else { return Ok(None) };
    let request = (oldest.begun_at, oldest.given_up_at);
    overdue(facts, request, unsettled.len() as u64, store, context).await
}

async fn overdue(
    facts: &Facts,
    (begun_at, given_up_at): (Millis, Millis),
    surveys: u64,
    store: &Store,
    context: &Context,
) -> anyhow::Result<Option<Obstacle>> {
    // Without a daemon, everything waits for one.
    if facts.presence == Presence::Nobody {
        return Ok(None);
    }
    let x = &context.config.x;
    let needed = given_up_at.plus(x.settle_after);
    let read = store.poll_state(&facts.account).await?;
    let around = Period { from: begun_at.minus(store::CLOCKS_APART), to: needed };
    let prompts = OverduePrompts {
        surveys,
        since: given_up_at,
        needed,
        readable_at: needed.plus(x.events_horizon),
        read_to: read.done_to,
        read_at: read.done_at,
        unread: store.unread(&facts.account, around).await?.first().map(|gap| gap.range),
    };
    Ok(facts.overdue(&prompts))
}

/// Returns when a survey is too late. `None` if its account is not configured.
fn expires_at(row: &ResultRow, context: &Context) -> Option<Millis> {
    let survey = &row.survey;
    let account = context.config.account(&survey.account)?;
    let chosen = account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
    Some(survey.closed_at.plus(chosen.rules().expire_after))
}
