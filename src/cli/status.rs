//! `surveyd status` shows the state of everything at a glance.

mod text;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::alerts::schedules::{self, ScheduleJson};
use super::alerts::{self, AlertJson};
use super::waiting::{self, Waits};
use super::{Context, TimeStyle, Usage, print_json};
use crate::config::{self, Config, X_SIGNATURE};
use crate::domain::budget::Call;
use crate::domain::policy::DAY;
use crate::domain::time::{Millis, Period};
use crate::domain::waiting::{Cause, Facts, Obstacle, Presence, obstacles};
use crate::output::{Results, out};
use crate::store::{self, PollState, Rejected, Store};
use crate::watcher::signature::Unsigned;

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct StatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// End with 1 if somebody must act, and print a line for each reason: for cron or a monitor
    #[arg(long)]
    check: bool,
    /// Redraw it every two seconds, until Ctrl-C
    #[arg(long, conflicts_with_all = ["json", "check"])]
    watch: bool,
    #[command(flatten)]
    times: TimeStyle,
}

const EXAMPLES: &str = "\
  surveyd status
  surveyd status --watch
  surveyd status --check
  surveyd status --json | jq .surveys";

const NOTE: &str = "\
What due surveys wait for comes first, with what you can do about it. Somebody must act if it does
not end by itself: X refuses an account, no daemon is running, the database takes no writes.";

const DRAWN_EVERY: Duration = Duration::from_secs(2);
/// Clears the screen and moves to its top left.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[derive(Serialize)]
struct StatusJson {
    at: String,
    version: &'static str,
    /// The location of the database without its password.
    database: String,
    daemon: DaemonStatus,
    /// The conditions that do not end by themselves. If there are any, `--check` exits with 1.
    must_act: Vec<String>,
    surveys: BTreeMap<&'static str, i64>,
    oldest_due: Option<String>,
    next_due: Option<String>,
    database_bytes: i64,
    accounts: Vec<AccountJson>,
    /// The obstacles of due surveys that concern no single account. Examples are a missing daemon
    /// or an unavailable database.
    waits: Vec<Waits>,
    /// The alerts of the configuration, and others for which messages wait.
    alerts: Vec<AlertJson>,
    /// When each schedule of the configuration was done, and why it fails.
    schedules: Vec<ScheduleJson>,
    /// The number of surveys that wait for accounts missing from the configuration.
    waiting_without_account: BTreeMap<String, i64>,
}

#[derive(Serialize)]
struct DaemonStatus {
    /// `works`, `nobody` or `unknown`.
    state: &'static str,
    since: Option<String>,
    up_seconds: Option<u64>,
}

#[derive(Serialize)]
struct AccountJson {
    account: String,
    /// `live` or `dry`. An account in dry mode sends nothing.
    mode: &'static str,
    /// The obstacles for its due surveys. Includes those that would hold back due surveys if there
    /// were any.
    waits: Vec<Waits>,
    /// The prompts left today and the calls left in the current 15 minutes.
    left: BTreeMap<&'static str, i64>,
    events_read_to: Option<String>,
    events_behind_seconds: Option<u64>,
    /// The part of `events_behind_seconds` that surveyd may already read. The rest is X's horizon.
    events_left_seconds: Option<u64>,
    /// The window of events that is being read.
    events_window: Option<CallsStatus>,
    /// The gaps in the events. The newest comes first.
    events_unread: Vec<UnreadStatus>,
    /// The second looks by how far back they read.
    looks: BTreeMap<&'static str, LookStatus>,
    paused: Option<PauseStatus>,
    /// The instant to which the events must be read before a hold ends. Set only during a hold
    /// after a restored backup or for a rebuild.
    held_since_restore_at: Option<String>,
    /// The hold's reason and end.
    held: Option<HoldStatus>,
    unfinished_rebuild: Option<UnfinishedRebuild>,
}

#[derive(Serialize)]
struct HoldStatus {
    /// `older`, `other`, `promoted`, `unknown`, `restored` (the database is not trusted) or
    /// `rebuild`.
    reason: &'static str,
    /// The instant by X's clock past which X's events must be read. `None` while X's time is
    /// unknown.
    events_past: Option<String>,
    message: String,
}

/// A rebuild that is running or was interrupted.
#[derive(Serialize)]
struct UnfinishedRebuild {
    from: String,
    makes_surveys: bool,
    /// The command that resumes the rebuild.
    command: String,
}

#[derive(Serialize)]
struct CallsStatus {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct UnreadStatus {
    from: String,
    to: String,
    /// `form` for events in an unreadable form or `end` for pages without an end.
    why: &'static str,
    met_at: String,
}

#[derive(Serialize)]
struct LookStatus {
    /// The end of the latest look or of the one that is running.
    to: Option<String>,
    /// The instant that the running look has reached.
    under_way_at: Option<String>,
    done_at: Option<String>,
}

#[derive(Serialize)]
struct PauseStatus {
    since: String,
    reason: String,
    asked_again_at: String,
}

pub async fn run(show: StatusArgs, context: &Context) -> anyhow::Result<ExitCode> {
    if show.watch {
        return watch(&show.times, context).await;
    }
    let status = read(context).await?;
    let style = context.style(&show.times);
    match (show.json, show.check) {
        (true, _) => print_json(&status)?,
        (false, true) => text::print_must_act(&status.must_act, &style)?,
        (false, false) => text::print(&status, &style)?,
    }
    let is_bad = show.check && !status.must_act.is_empty();
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn watch(times: &TimeStyle, context: &Context) -> anyhow::Result<ExitCode> {
    if !context.style(times).is_terminal {
        let problem = "--watch draws on a terminal, and standard output is none: leave --watch out";
        return Err(Usage(problem.to_owned()).into());
    }
    loop {
        let status = read(context).await?;
        out!("{CLEAR}")?;
        text::print(&status, &context.style(times))?;
        Results.flush()?;
        tokio::time::sleep(DRAWN_EVERY).await;
    }
}

/// Reads the status. A full disk shows only by a write, so it makes one even if no survey waits.
async fn read(context: &Context) -> anyhow::Result<StatusJson> {
    let store = context.store().await?;
    let facts = waiting::facts(&store, context, true).await?;
    let status = status_of(&store, context, &facts).await;
    store.close().await;
    status
}

async fn status_of(
    store: &Store,
    context: &Context,
    facts: &[Facts],
) -> anyhow::Result<StatusJson> {
    let now = context.clock.now();
    let status = store.status(now).await?;
    let mut found: Vec<(&str, Vec<Obstacle>)> = Vec::new();
    for facts in facts {
        let mut obstacles = obstacles(facts);
        if let Some(account) = context.config.account(&facts.account) {
            obstacles.extend(waiting::of_unsettled(account, facts, store, context).await?);
        }
        found.push((&facts.account, obstacles));
    }
    let mut accounts = Vec::new();
    for account in &context.config.accounts {
        let of_account = found.iter().find(|(name, _)| *name == account.name);
        let obstacles = of_account.map_or(&[][..], |(_, obstacles)| obstacles);
        accounts.push(account_of(store, context, account, obstacles).await?);
    }
    let mut waiting_without_account = store.open_surveys().await?;
    waiting_without_account
        .retain(|name, _| context.config.accounts.iter().all(|account| account.name != *name));
    let of_all = of_all(&found);
    let mut must_act: Vec<String> = of_all.iter().map(Obstacle::line).collect();
    let of_accounts = found.iter().flat_map(|(_, obstacles)| obstacles);
    must_act.extend(
        of_accounts
            .filter(|obstacle| obstacle.must_act && !is_of_all(obstacle))
            .filter(|obstacle| obstacle.cause != Cause::NotConfigured)
            .map(Obstacle::line),
    );
    must_act.extend(waiting_without_account.iter().map(words_of_unserved));
    must_act.extend(rejected(store, context, now).await?);
    let alerts = alerts::all(&context.config.alerts, &store.alert_standings(now).await?);
    must_act.extend(alerts.iter().filter_map(AlertJson::must_act));
    let schedules = schedules::all(&context.config, &store.schedule_standings().await?, now);
    must_act.extend(schedules.iter().filter_map(ScheduleJson::must_act));
    let presence = facts.first().map_or(Presence::Unknown, |facts| facts.presence);
    Ok(StatusJson {
        at: now.rfc3339(),
        version: env!("SURVEYD_VERSION"),
        database: context.database()?,
        daemon: daemon_of(presence, now),
        must_act,
        surveys: status.by_state.into_iter().collect(),
        oldest_due: status.oldest_due.map(Millis::rfc3339),
        next_due: status.next_due.map(Millis::rfc3339),
        database_bytes: status.database_bytes,
        accounts,
        waits: of_all.iter().map(Waits::from).collect(),
        alerts,
        schedules,
        waiting_without_account,
    })
}

fn daemon_of(presence: Presence, now: Millis) -> DaemonStatus {
    let (state, since) = match presence {
        Presence::Works { since } => ("works", since),
        Presence::Nobody => ("nobody", None),
        Presence::Unknown => ("unknown", None),
    };
    let up_seconds = since.map(|since| now.since(since).as_secs());
    DaemonStatus { state, since: since.map(Millis::rfc3339), up_seconds }
}

/// True if an obstacle concerns all accounts alike.
fn is_of_all(obstacle: &Obstacle) -> bool {
    matches!(obstacle.cause, Cause::NobodyWorks | Cause::Database)
}

/// Returns each obstacle that concerns all accounts once with the sum of its surveys.
fn of_all(found: &[(&str, Vec<Obstacle>)]) -> Vec<Obstacle> {
    let mut of_all: Vec<Obstacle> = Vec::new();
    for obstacle in found.iter().flat_map(|(_, all)| all).filter(|one| is_of_all(one)) {
        match of_all.iter_mut().find(|known| known.cause == obstacle.cause) {
            Some(known) => known.surveys += obstacle.surveys,
            None => of_all.push(obstacle.clone()),
        }
    }
    of_all
}

fn words_of_unserved((account, count): (&String, &i64)) -> String {
    let waits = if *count == 1 { "survey waits" } else { "surveys wait" };
    format!(
        "{account}: {count} {waits}, and no such account is configured. Configure it again, or \
         call them off, also those whose prompts may have gone out: `surveyd surveys list --account \
         {account}`, `surveyd surveys cancel ID`"
    )
}

/// The time for which a refused close is a reason to act.
const REJECTED_LATELY: Duration = Duration::from_secs(60 * 60);

/// Returns the sources with recently refused closes that only a person can correct.
async fn rejected(store: &Store, context: &Context, now: Millis) -> anyhow::Result<Vec<String>> {
    let mut by_source: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (at, rejected) in store.rejected(None).await? {
        let is_late = now.since(at) > REJECTED_LATELY;
        let mends_itself = matches!(rejected.answer, 408 | 429 | 503);
        let is_ours = context.config.source_names().any(|name| name == rejected.source);
        if is_late || mends_itself || !is_ours || is_of_strangers(&rejected, &context.config) {
            continue;
        }
        let newest = by_source.entry(rejected.source).or_insert((0, rejected.reason));
        newest.0 += rejected.count;
    }
    let told = by_source.into_iter().map(|(source, (count, reason))| {
        let (closes, them) = match count {
            1 => ("1 close was".to_owned(), "it"),
            _ => (format!("{count} closes were"), "them"),
        };
        format!(
            "source {source}: {closes} refused in the last hour, the newest for: {reason}. \
             `surveyd sources rejected {source}` shows {them}"
        )
    });
    Ok(told.collect())
}

/// True if a request was refused that no help desk sends. It has another method or lacks the
/// signature that the source needs. Anybody can send such a request.
fn is_of_strangers(rejected: &Rejected, config: &Config) -> bool {
    let header = match (config.source(&rejected.source), config.watched(&rejected.source)) {
        (Some(source), _) => source.scheme.header.as_str(),
        (None, Some(_)) => X_SIGNATURE,
        (None, None) => return false,
    };
    match rejected.answer {
        401 => rejected.reason == Unsigned::Missing(header.to_owned()).to_string(),
        answer => answer == 405,
    }
}

async fn account_of(
    store: &Store,
    context: &Context,
    account: &config::Account,
    obstacles: &[Obstacle],
) -> anyhow::Result<AccountJson> {
    let now = context.clock.now();
    let mut state = store.account_status(&account.name, now.minus(DAY)).await?;
    if account.mode.is_dry() {
        state = state.with_dry_run(store.dry_day(&account.name, now.minus(DAY)).await?);
    }
    let lag = state.events.lag(now, context.config.x.events_horizon);
    let mut left = BTreeMap::new();
    for call in Call::ALL {
        let calls = i64::from(store.calls_left(&account.name, call, now).await?);
        let limit = i64::from(account.daily_limit) - state.prompts_of_day;
        let calls = if call == Call::Create { calls.min(limit).max(0) } else { calls };
        left.insert(call.as_str(), calls);
    }
    let unfinished = store.unfinished_rebuild(&account.name).await?;
    Ok(AccountJson {
        account: account.name.clone(),
        mode: account.mode.as_str(),
        waits: obstacles.iter().filter(|one| !is_of_all(one)).map(Waits::from).collect(),
        left,
        events_read_to: state.events.done_to.map(Millis::rfc3339),
        events_behind_seconds: lag.map(|lag| lag.whole.as_secs()),
        events_left_seconds: lag.map(|lag| lag.beyond_horizon.as_secs()),
        events_window: state
            .events
            .window
            .map(|window| window.period)
            .map(|Period { from, to }| CallsStatus { from: from.rfc3339(), to: to.rfc3339() }),
        events_unread: state.unread.iter().map(unread_of).collect(),
        looks: state.looks.iter().map(|(look, state)| (look.as_str(), look_of(state))).collect(),
        paused: state.paused.map(|paused| PauseStatus {
            since: paused.paused_at.rfc3339(),
            reason: paused.why,
            asked_again_at: paused.probe_at.rfc3339(),
        }),
        held_since_restore_at: store
            .progress(&account.name)
            .await?
            .restored_at
            .map(Millis::rfc3339),
        held: store.hold(&account.name).await?.map(|hold| HoldStatus {
            reason: hold.doubt.map_or("rebuild", store::Doubt::as_str),
            events_past: hold.until_at.map(Millis::rfc3339),
            message: hold.words(context.config.x.events_horizon),
        }),
        unfinished_rebuild: unfinished.map(|unfinished| UnfinishedRebuild {
            from: unfinished.from.rfc3339(),
            makes_surveys: unfinished.makes_surveys,
            command: unfinished.command(&account.name),
        }),
    })
}

fn unread_of(gap: &store::Unread) -> UnreadStatus {
    UnreadStatus {
        from: gap.range.from.rfc3339(),
        to: gap.range.to.rfc3339(),
        why: gap.why.as_str(),
        met_at: gap.met_at.rfc3339(),
    }
}

fn look_of(state: &PollState) -> LookStatus {
    let under_way = state.under_way_to();
    LookStatus {
        to: state.goal.map(Millis::rfc3339),
        under_way_at: under_way.and(state.done_to).map(Millis::rfc3339),
        done_at: state.done_at.filter(|_| under_way.is_none()).map(Millis::rfc3339),
    }
}
