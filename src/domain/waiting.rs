//! Explains why due surveys are not sent. It takes what is known of an account and names every
//! obstacle at once. Each obstacle has its numbers and what an operator can do about it.
//!
//! `status`, `explain`, `surveys show`, the log and `/metrics` all use [`obstacles`], so they
//! cannot differ. [`Stretches`] decides when the log reports that a stretch has begun or ended.
//!
//! Deliberately absent: what keeps a survey from ever being sent. That is its state and its history
//! says why.

mod facts;
mod overdue;
mod put_off;
mod stretches;

use std::time::Duration;

use super::budget::Call;
use super::policy::Pacing;
use super::time::Millis;

use self::put_off::{WHAT_X_ANSWERED, expire_before, of_put_off};
pub use facts::{
    CallsLeft, DayOfPrompts, Expiring, Facts, Holding, Pause, Presence, PutOff, PutOffReason,
    Served,
};
pub use overdue::OverduePrompts;
pub use stretches::{Over, Stretches};

/// A shorter wait is not reported.
pub const TOLD_AFTER: Duration = Duration::from_secs(60);

/// How long surveys may be due with no known obstacle and no prompt meanwhile. After that, somebody
/// must look. It is longer than any of X's windows because a backlog begins to go out after one.
const UNEXPLAINED_AFTER: Duration = Duration::from_secs(20 * 60);

/// The kinds of obstacles that hold surveys back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    NotDue,
    NotConfigured,
    NobodyWorks,
    Database,
    Paused,
    Held,
    Clock,
    DayFull,
    PromptLimit,
    LookUpLimit,
    XAway,
    PersonLimit,
    QuietHours,
    /// A worker holds a lease on them. `claimed` is the operator's word for it.
    Claimed,
    PutOff,
    Uncertain,
    Unknown,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDue => "not_due",
            Self::NotConfigured => "not_configured",
            Self::NobodyWorks => "nobody_works",
            Self::Database => "database",
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Clock => "clock",
            Self::DayFull => "day_full",
            Self::PromptLimit => "prompt_limit",
            Self::LookUpLimit => "look_up_limit",
            Self::XAway => "x_away",
            Self::PersonLimit => "person_limit",
            Self::QuietHours => "quiet_hours",
            Self::Claimed => "claimed",
            Self::PutOff => "put_off",
            Self::Uncertain => "uncertain",
            Self::Unknown => "unknown",
        }
    }

    /// The end of such a wait in words, where its time is known.
    fn end(self) -> Option<&'static str> {
        match self {
            Self::Held => Some("that hold can end"),
            Self::DayFull => Some("the day has room for it"),
            Self::PromptLimit | Self::LookUpLimit | Self::PersonLimit => Some("that limit ends"),
            Self::QuietHours => Some("the end of quiet hours"),
            Self::PutOff | Self::XAway => Some("its next try"),
            Self::NotDue
            | Self::NotConfigured
            | Self::NobodyWorks
            | Self::Database
            | Self::Paused
            | Self::Clock
            | Self::Claimed
            | Self::Uncertain
            | Self::Unknown => None,
        }
    }

    /// The cause for the limit of such a call. `None` if the call holds no prompt back.
    pub fn of_limit(call: Call) -> Option<Self> {
        match call {
            Call::Create => Some(Self::PromptLimit),
            Call::FriendshipsShow | Call::Users => Some(Self::LookUpLimit),
            Call::Events
            | Call::Show
            | Call::VerifyCredentials
            | Call::DirectMessages
            | Call::DmEvents => None,
        }
    }
}

/// What holds an account's surveys back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    pub cause: Cause,
    /// The due surveys that wait for it. One survey may wait for several obstacles.
    pub surveys: u64,
    pub since: Option<Millis>,
    /// When the obstacle ends or can end at the earliest. `None` if that is not known.
    pub until: Option<Millis>,
    /// A sentence without its full stop.
    pub words: String,
    pub remedy: Option<String>,
    /// True if the obstacle does not end by itself.
    pub must_act: bool,
}

impl Obstacle {
    /// The whole obstacle in one line.
    pub fn line(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}. {remedy}", self.words),
            None => self.words.clone(),
        }
    }
}

/// Everything that holds the due surveys of an account back. What stops all of them comes first. A
/// pause, a hold and a wrong clock are reported even if nothing is due.
pub fn obstacles(facts: &Facts) -> Vec<Obstacle> {
    let mut found = of_service(facts);
    found.extend(of_account(facts));
    if facts.due > 0 {
        found.extend(of_limits(facts));
    }
    let is_held_back = found.iter().any(|obstacle| obstacle.surveys > 0);
    let is_day_full = found.iter().any(|obstacle| obstacle.cause == Cause::DayFull);
    let put_off = facts.put_off.iter();
    let told = put_off.filter(|it| !is_day_full || it.why != PutOffReason::DayFull);
    found.extend(told.map(|put_off| of_put_off(facts, put_off)));
    found.extend(facts.due_at.map(|due_at| {
        Obstacle {
            surveys: 0,
            ..obstacle(facts, Cause::NotDue, format!("it is not due before {}", due_at.rfc3339()))
                .until(due_at)
        }
    }));
    if !is_held_back {
        found.extend(of_the_rest(facts));
    }
    found
}

/// What holds all due surveys of the account back. It goes into the history of a survey that is too
/// late by then.
pub fn held_back_by(facts: &Facts) -> Option<String> {
    let of_all = Facts { due: facts.due.max(1), put_off: Vec::new(), tried: 0, ..facts.clone() };
    let found = obstacles(&of_all).into_iter().filter(|found| found.cause != Cause::Unknown);
    let words: Vec<String> = found.map(|found| found.words).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// An obstacle that all due surveys of the account wait for. It ends by itself.
fn obstacle(facts: &Facts, cause: Cause, words: String) -> Obstacle {
    let (surveys, since) = (facts.due, facts.oldest_due);
    Obstacle { cause, surveys, since, until: None, words, remedy: None, must_act: false }
}

impl Obstacle {
    fn until(self, until: Millis) -> Self {
        Self { until: Some(until), ..self }
    }

    fn since(self, since: Millis) -> Self {
        Self { since: Some(since), ..self }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Marks that somebody must act.
    fn act(self, remedy: impl Into<String>) -> Self {
        Self { must_act: true, ..self.remedy(remedy) }
    }
}

impl Facts {
    /// The obstacle if a single survey expires before one of those that were `found` can end.
    pub fn expires_first(&self, expires_at: Millis, found: &[Obstacle]) -> Option<Obstacle> {
        let outlasts = |obstacle: &&Obstacle| obstacle.until.is_some_and(|at| at > expires_at);
        let (cause, end) = found
            .iter()
            .filter(outlasts)
            .find_map(|obstacle| Some((obstacle.cause, obstacle.cause.end()?)))?;
        let at = expires_at.rfc3339();
        let words = format!("it expires at {at}, before {end}: it will not be asked");
        Some(Obstacle { surveys: 0, ..obstacle(self, cause, words).until(expires_at) })
    }

    /// It is not known whether the prompt of a single survey went out.
    pub fn uncertain(&self, settled_from: Millis) -> Obstacle {
        let from = settled_from.rfc3339();
        let words = format!(
            "whether its prompt went out is not known: X's events tell, from {from} on at the \
             earliest. Nothing is sent again before that"
        );
        Obstacle { surveys: 0, ..obstacle(self, Cause::Uncertain, words).until(settled_from) }
    }

    /// The outcome of a single survey is not known and nobody reads the events of its account.
    pub fn uncertain_of_nobody(&self) -> Obstacle {
        let words = format!(
            "whether its prompt went out is not known, and nobody asks X: account {} is not \
             configured. It is not sent again",
            self.account
        );
        let found = obstacle(self, Cause::Uncertain, words).act(
            "Configure the account again to have it settled, or end it as failed: `surveyd surveys \
             cancel ID`",
        );
        Obstacle { surveys: 0, ..found }
    }

    /// The outcome of a single survey is not known and the account is no longer the one that sent
    /// it.
    pub fn uncertain_as_another(&self, sent_as: &str, fails_at: Millis) -> Obstacle {
        let (name, at) = (&self.account, fails_at.rfc3339());
        let words = format!(
            "whether its prompt went out is not known: it left as {sent_as}, which account {name} \
             no longer is, and nothing that X shows of the account now tells it. It fails at {at}, \
             and is not sent again"
        );
        let remedy = format!("To have it settled, let the account be {sent_as} again");
        let found = obstacle(self, Cause::Uncertain, words).until(fails_at).remedy(remedy);
        Obstacle { surveys: 0, ..found }
    }
}

fn of_service(facts: &Facts) -> Vec<Obstacle> {
    let mut found = Vec::new();
    if facts.presence == Presence::Nobody {
        let words = "no daemon works on this database: nothing is sent and no answer is read";
        found.push(
            obstacle(facts, Cause::NobodyWorks, words.into())
                .act("Start it: `systemctl start surveyd`, or `surveyd run`"),
        );
    }
    if let Some(why) = &facts.database {
        let words = format!("the database takes no writes: {why}");
        found.push(
            obstacle(facts, Cause::Database, words)
                .act("Once that is mended, work goes on by itself"),
        );
    }
    found
}

fn of_account(facts: &Facts) -> Vec<Obstacle> {
    let (name, mut found) = (&facts.account, Vec::new());
    if facts.served.is_none() && (facts.due > 0 || facts.due_at.is_some()) {
        let words = format!("account {name} is not configured: nothing of it is sent");
        found.push(
            obstacle(facts, Cause::NotConfigured, words)
                .act("Configure it again, or call its surveys off: `surveyd surveys cancel ID`"),
        );
    }
    if let Some(pause @ Pause { since, why, .. }) = &facts.pause {
        let words =
            format!("account {name} is paused since {}: {}", since.rfc3339(), pause.words());
        found.push(obstacle(facts, Cause::Paused, words).since(*since).act(remedy_of_pause(why)));
    }
    if let Some(Holding { since, until, words, rebuild }) = &facts.holding {
        let words = format!("account {name} is held since {}: {words}", since.rfc3339());
        let held = obstacle(facts, Cause::Held, words).since(*since).until(*until);
        found.push(match rebuild {
            Some(command) => {
                held.act(format!("Unless its rebuild is at work, go on with it: `{command}`"))
            }
            None => held,
        });
    } else if let Some(last_at) = facts.clock_before {
        let words = format!(
            "this machine's clock stands before the last instant on record, {0}: unless X's clock \
             agrees with it, account {name} sends nothing until it has passed that",
            last_at.rfc3339()
        );
        let clock = obstacle(facts, Cause::Clock, words).until(last_at);
        let remedy = "Set the clock right: `timedatectl` shows it";
        // If nothing waits, the clock may have been wrong before and not now.
        let has_waited = facts.oldest_due.is_some_and(|due| facts.now.since(due) >= TOLD_AFTER);
        found.push(if has_waited { clock.act(remedy) } else { clock.remedy(remedy) });
    }
    found
}

/// What an operator can do about a pause with this reason. A command cannot see whether systemd has
/// copied the keys as the service started.
pub fn remedy_of_pause(why: &str) -> String {
    let reload = "then reload: `systemctl reload surveyd`, or `kill -HUP` its process";
    match why.split_once(':').map(|(code, _)| code) {
        // X knows no such page. It has not come to look at the keys.
        Some("code 34") => format!("Correct x.base_url, {reload}"),
        // The account is suspended or locked. Its keys are right.
        Some("code 64" | "code 326") => {
            format!("Log in to X as this account, where X says what ends that, {reload}")
        }
        Some(_) | None => format!(
            "Check its keys and its access to the feedback API, {reload}. Keys that systemd hands over \
             (`LoadCredential=`) are read anew by a restart only: `systemctl restart surveyd`"
        ),
    }
}

/// A number of prompts in words.
pub fn prompts(count: u32) -> String {
    format!("{count} prompt{}", if count == 1 { "" } else { "s" })
}

fn of_limits(facts: &Facts) -> Vec<Obstacle> {
    let (name, mut found) = (&facts.account, Vec::new());
    let Some(served) = &facts.served else { return found };
    if facts.day.prompts >= u64::from(served.daily_limit) {
        let until = facts.day.free_at.unwrap_or(facts.now);
        let sent = if served.is_dry { "would have sent" } else { "has sent" };
        let put_off = facts.put_off.iter().find(|it| it.why == PutOffReason::DayFull);
        let words = format!(
            "account {name} {sent} its {} of the day: the next can go out at {}{}",
            prompts(served.daily_limit),
            until.rfc3339(),
            put_off.map(expire_before).unwrap_or_default()
        );
        let remedy = match served.pacing {
            Pacing::Asap => {
                "`daily_limit` is X's own 1000 at most; `pacing = \"even\"` leaves out the surplus by \
                 chance, at every hour alike"
            }
            Pacing::Even => "`daily_limit` is X's own 1000 at most",
        };
        found.push(obstacle(facts, Cause::DayFull, words).until(until).remedy(remedy));
    }
    if let Some(until) = facts.prompts.free_at {
        let words = format!(
            "account {name} is at X's limit of prompts (feedback/create): {}",
            left(facts.prompts, until)
        );
        found.push(obstacle(facts, Cause::PromptLimit, words).until(until));
    }
    if let Some(until) = facts.look_ups.free_at {
        let words = format!(
            "account {name} is at X's limit of look-ups before a prompt ({}): {}",
            served.look_ups.endpoint(),
            left(facts.look_ups, until)
        );
        let limit = obstacle(facts, Cause::LookUpLimit, words).until(until);
        found.push(match served.look_ups {
            Call::FriendshipsShow if !served.is_auto => limit.remedy(MORE_AT_ONCE),
            _ => limit,
        });
    }
    found
}

/// What an operator can do about look-ups one by one.
const MORE_AT_ONCE: &str = "`x.can_dm = \"auto\"` looks up 100 people a call where X grants your app its API v2, and \
     `\"users_v2\"` always";

fn left(calls: CallsLeft, until: Millis) -> String {
    let CallsLeft { left, allowed, .. } = calls;
    format!("{left} of {allowed} are left, the next is free at {}", until.rfc3339())
}

/// The obstacle of surveys that were not put off and that nothing is known to hold back.
fn of_the_rest(facts: &Facts) -> Option<Obstacle> {
    let put_off: u64 = facts.put_off.iter().map(|put_off| put_off.surveys).sum();
    let rest = facts.due.saturating_sub(put_off);
    let waited = facts.oldest_due.map_or(Duration::ZERO, |due| facts.now.since(due));
    if rest == 0 {
        return None;
    }
    if facts.tried > 0 || facts.put_off.iter().any(|put_off| put_off.why == PutOffReason::Tried) {
        let words = format!(
            "account {} waits for X, which gave no answer to the last tries: one call at a time \
             asks whether it answers again",
            facts.account
        );
        let found = Obstacle { surveys: rest, ..obstacle(facts, Cause::XAway, words) };
        return Some(found.remedy(WHAT_X_ANSWERED));
    }
    let last_sent = facts.day.latest_at.map_or(Duration::MAX, |at| facts.now.since(at));
    if waited.min(last_sent) < UNEXPLAINED_AFTER || rest < facts.due {
        return None;
    }
    let words = format!("account {}: nothing is known that holds its surveys back", facts.account);
    Some(obstacle(facts, Cause::Unknown, words).act("The daemon's log says what it does"))
}

#[cfg(test)]
mod tests;
