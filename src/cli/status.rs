//! `surveyd status`: the state of the whole at a glance.

use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use super::{Context, Times, Usage, print_json};
use crate::domain::budget::Call;
use crate::domain::policy::{DAY, Mode};
use crate::domain::time::Millis;
use crate::output::{Results, out, outln};
use crate::store::{self, PollState};
use crate::terminal::table::{Column, table};
use crate::terminal::{Colour, View};

#[derive(Args)]
#[command(before_help = "  surveyd status\n  surveyd status --json | jq .surveys")]
pub struct Show {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Draw it anew every two seconds, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    times: Times,
}

const DRAWN_EVERY: Duration = Duration::from_secs(2);
/// Empties the screen and goes to its beginning.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[derive(Serialize)]
struct Status {
    at: String,
    surveys: BTreeMap<&'static str, i64>,
    oldest_due: Option<String>,
    next_due: Option<String>,
    database_bytes: i64,
    accounts: Vec<Account>,
    /// Surveys that wait for accounts which the configuration does not have.
    waiting_without_account: BTreeMap<String, i64>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    /// `live`; or `dry`: nothing is sent.
    mode: &'static str,
    /// Prompts left of the day, calls left of the quarter of an hour.
    left: BTreeMap<&'static str, i64>,
    events_read_to: Option<String>,
    events_behind_seconds: Option<u64>,
    /// Of that, what X lets be read: the rest is the horizon.
    events_left_seconds: Option<u64>,
    /// The window of events that is being read.
    events_window: Option<Window>,
    /// Stretches of events that could not be read in full, the newest first.
    events_unread: Vec<Unread>,
    /// The second looks at what has been read, by how far they go back.
    looks: BTreeMap<&'static str, Look>,
    paused: Option<Paused>,
    /// Set while sends are held after a restored backup or for a rebuild, until the events are read
    /// to then.
    held_since_restore_at: Option<String>,
    /// Why and until when.
    held: Option<Held>,
    unfinished_rebuild: Option<UnfinishedRebuild>,
}

#[derive(Serialize)]
struct Held {
    /// `older`, `other`, `promoted`, `unknown` (the database is not trusted) or `rebuild`.
    reason: &'static str,
    /// X's events must be read past this, by X's clock; absent while X has not told the time.
    events_past: Option<String>,
    message: String,
}

/// One that is under way, or was broken off.
#[derive(Serialize)]
struct UnfinishedRebuild {
    from: String,
    makes_surveys: bool,
    /// What goes on with it.
    command: String,
}

#[derive(Serialize)]
struct Window {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Unread {
    from: String,
    to: String,
    /// `form`: events in a form that cannot be read; `end`: pages without an end.
    why: &'static str,
    met_at: String,
}

#[derive(Serialize)]
struct Look {
    /// Up to where the last one went, or the one under way goes.
    to: Option<String>,
    /// How far the one under way has come.
    under_way_at: Option<String>,
    done_at: Option<String>,
}

#[derive(Serialize)]
struct Paused {
    since: String,
    reason: String,
    asked_again_at: String,
}

pub async fn run(show: Show, context: &Context) -> anyhow::Result<()> {
    if !show.watch {
        let status = read(context).await?;
        let view = context.view(&show.times);
        return if show.json { print_json(&status) } else { print(&status, &view) };
    }
    if !context.view(&show.times).is_terminal {
        let problem = "--watch draws on a terminal, and standard output is none: leave --watch out";
        return Err(Usage(problem.to_owned()).into());
    }
    loop {
        let status = read(context).await?;
        out!("{CLEAR}")?;
        print(&status, &context.view(&show.times))?;
        Results.flush()?;
        tokio::time::sleep(DRAWN_EVERY).await;
    }
}

async fn read(context: &Context) -> anyhow::Result<Status> {
    let store = context.store().await?;
    let now = context.clock.now();
    let status = store.status(now).await?;
    let mut accounts = Vec::new();
    for account in &context.config.accounts {
        let mut state = store.account_status(&account.name, now.minus(DAY)).await?;
        if account.mode.is_dry() {
            state = state.with_dry_run(store.dry_day(&account.name, now.minus(DAY)).await?);
        }
        let lag = state.events.lag(now, context.config.x.events_horizon);
        let mut left = BTreeMap::new();
        for call in Call::ALL {
            let calls = i64::from(store.calls_left(&account.name, call, now).await?);
            let limit = i64::from(account.daily_limit) - state.prompts_of_day;
            left.insert(
                call.as_str(),
                match call {
                    Call::Create => calls.min(limit).max(0),
                    _ => calls,
                },
            );
        }
        accounts.push(Account {
            account: account.name.clone(),
            mode: account.mode.as_str(),
            left,
            events_read_to: state.events.done_to.map(Millis::rfc3339),
            events_behind_seconds: lag.map(|lag| lag.whole.as_secs()),
            events_left_seconds: lag.map(|lag| lag.beyond_horizon.as_secs()),
            events_window: state
                .events
                .window
                .map(|window| Window { from: window.from.rfc3339(), to: window.to.rfc3339() }),
            events_unread: state.unread.iter().map(unread_of).collect(),
            looks: state
                .looks
                .iter()
                .map(|(look, state)| (look.as_str(), look_of(state)))
                .collect(),
            paused: state.paused.map(|paused| Paused {
                since: paused.paused_at.rfc3339(),
                reason: paused.why,
                asked_again_at: paused.probe_at.rfc3339(),
            }),
            held_since_restore_at: store
                .progress(&account.name)
                .await?
                .restored_at
                .map(Millis::rfc3339),
            held: store.hold(&account.name).await?.map(|hold| Held {
                reason: hold.doubt.map_or("rebuild", store::Doubt::as_str),
                events_past: hold.until_at.map(Millis::rfc3339),
                message: hold.words(context.config.x.events_horizon),
            }),
            unfinished_rebuild: store.unfinished_rebuild(&account.name).await?.map(|unfinished| {
                UnfinishedRebuild {
                    from: unfinished.from.rfc3339(),
                    makes_surveys: unfinished.makes_surveys,
                    command: unfinished.command(&account.name),
                }
            }),
        });
    }
    let mut waiting_without_account = store.open_surveys().await?;
    waiting_without_account
        .retain(|name, _| context.config.accounts.iter().all(|account| account.name != *name));
    store.close().await;
    Ok(Status {
        at: now.rfc3339(),
        surveys: status.by_state.into_iter().collect(),
        oldest_due: status.oldest_due.map(Millis::rfc3339),
        next_due: status.next_due.map(Millis::rfc3339),
        database_bytes: status.database_bytes,
        accounts,
        waiting_without_account,
    })
}

fn unread_of(gap: &store::Unread) -> Unread {
    Unread {
        from: gap.range.from.rfc3339(),
        to: gap.range.to.rfc3339(),
        why: gap.why.as_str(),
        met_at: gap.met_at.rfc3339(),
    }
}

fn look_of(state: &PollState) -> Look {
    let under_way = state.under_way_to();
    Look {
        to: state.goal.map(Millis::rfc3339),
        under_way_at: under_way.and(state.done_to).map(Millis::rfc3339),
        done_at: state.done_at.filter(|_| under_way.is_none()).map(Millis::rfc3339),
    }
}

fn print(status: &Status, view: &View) -> anyhow::Result<()> {
    let told = |words: &str| view.folded(&view.sentence(words), 2);
    let or_none = |at: &Option<String>| view.instant(at.as_deref().unwrap_or("none"));
    let surveys: Vec<String> = crate::domain::survey::State::NAMES
        .iter()
        .filter_map(|name| status.surveys.get(name).map(|count| format!("{name} {count}")))
        .collect();
    outln!("surveys     {}", view.folded(&surveys.join(", "), 12))?;
    outln!("oldest due  {}", or_none(&status.oldest_due))?;
    outln!("next due    {}", or_none(&status.next_due))?;
    outln!("database    {} KiB\n", status.database_bytes / 1024)?;
    let mut columns = vec![Column::text("account").cut_to(8)];
    columns.extend(Call::ALL.map(|call| match call {
        Call::Create => Column::text(call.as_str()),
        _ => Column::text(call.as_str()).given_up(1),
    }));
    columns.extend([Column::instant("events read to").given_up(2), Column::sentence("paused")]);
    let rows: Vec<Vec<String>> = status
        .accounts
        .iter()
        .map(|account| {
            let mut row = vec![account.account.clone()];
            row.extend(Call::ALL.map(|call| account.left[call.as_str()].to_string()));
            row.push(account.events_read_to.clone().unwrap_or_else(|| "not yet".into()));
            row.push(account.paused.as_ref().map_or_else(
                || "no".into(),
                |paused| format!("since {}: {}", paused.since, paused.reason),
            ));
            row
        })
        .collect();
    outln!("left of the day (create) and of 15 minutes (all others):")?;
    out!("{}", table(view, &columns, &rows))?;
    outln!()?;
    for account in status.accounts.iter().filter(|account| account.mode == Mode::Dry.as_str()) {
        outln!("account {}: dry run, nothing is sent", account.account)?;
    }
    for account in &status.accounts {
        outln!("{}", told(&words_of_reading(account)))?;
        if let Some(words) = words_of_unread(account) {
            outln!("{}", told(&words))?;
        }
    }
    for account in &status.accounts {
        if let (Some(since), Some(held)) = (&account.held_since_restore_at, &account.held) {
            let held = format!("{}: held since {since}: {}", account.account, held.message);
            outln!("\n{}", view.paint(Colour::Yellow, &told(&held)))?;
        }
        if let Some(UnfinishedRebuild { from, makes_surveys, command }) =
            &account.unfinished_rebuild
        {
            let held = if *makes_surveys { ", and nothing is sent before" } else { "" };
            outln!(
                "\n{}: the rebuild from {from} is not finished{held}. Unless it is at work, go on \
                 with it: {command}",
                account.account
            )?;
        }
    }
    for (account, count) in &status.waiting_without_account {
        outln!(
            "\n{account}: {count} surveys wait, and no such account is configured. Configure it \
             again, or call them off: surveyd surveys cancel ID",
        )?;
    }
    Ok(())
}

/// How the reading of an account's events stands, in a line.
fn words_of_reading(account: &Account) -> String {
    let name = &account.account;
    let Some(read_to) = &account.events_read_to else {
        return format!("{name}: no events have been read yet");
    };
    let left = match account.events_left_seconds {
        Some(left) if left >= 60 => format!(", {} behind X's horizon", words_of_length(left)),
        Some(_) | None => String::new(),
    };
    let window = match &account.events_window {
        Some(window) => format!(", {} to {} is being read", window.from, window.to),
        None => String::new(),
    };
    let looks: Vec<String> = account
        .looks
        .iter()
        .map(|(look, state)| match (&state.under_way_at, &state.done_at) {
            (Some(at), _) => format!("{look} at {at}"),
            (None, Some(done_at)) => format!("{look} done at {done_at}"),
            (None, None) => format!("{look} not yet"),
        })
        .collect();
    format!("{name}: events read to {read_to}{left}{window}; second looks: {}", looks.join(", "))
}

/// What of an account's events could not be read, in a line.
fn words_of_unread(account: &Account) -> Option<String> {
    let newest = account.events_unread.first()?;
    let others = match account.events_unread.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} others before"),
    };
    let why = match newest.why {
        "form" => "some have a form that surveyd cannot read",
        _ => "X's pages of them have no end",
    };
    Some(format!(
        "{}: events from {} to {} could not be read in full ({why}){others}; second looks ask for those \
         of the last week again",
        account.account, newest.from, newest.to
    ))
}

fn words_of_length(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
