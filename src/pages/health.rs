//! How the service works: what somebody must do, what waits and why, how far answers are read.
//!
//! It tells no answer and names nobody.

use serde::Serialize;

use super::words;
use super::words::capitalised;
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::domain::waiting::Obstacle;

/// What an account does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Sends,
    DryRun,
    IsHeld,
    IsPaused,
}

/// The calls that X still allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetLeft {
    /// What they are for: "prompts today".
    pub what: String,
    pub left: u64,
    pub limit: u64,
}

/// An account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountHealth {
    pub name: String,
    pub doing: Doing,
    pub obstacles: Vec<Obstacle>,
    pub calls: Vec<BudgetLeft>,
    /// How far X's events are read. `None` if none are yet.
    pub read_to: Option<Millis>,
    /// Events that could not be read, as periods in words.
    pub gaps: u64,
}

/// A receiver of alerts that fails.
#[derive(Clone, Debug, PartialEq)]
pub struct FailingAlert {
    pub name: String,
    pub waiting: u64,
    pub since: Option<Millis>,
    /// What the receiver last answered.
    pub why: String,
    pub is_disabled: bool,
}

/// A schedule that fails.
#[derive(Clone, Debug, PartialEq)]
pub struct FailingSchedule {
    pub name: String,
    pub since: Millis,
    pub why: String,
    /// When it is tried again.
    pub try_at: Option<Millis>,
}

/// The page of how the service works.
pub struct HealthPage<'a> {
    pub zone: &'a Zone,
    pub now: Millis,
    /// What does not end by itself, each a sentence.
    pub must_act: &'a [String],
    pub accounts: &'a [AccountHealth],
    /// False for a viewer with limits. What counts all surveys is left out then.
    pub shows_all: bool,
    /// The surveys by the name of their state, in the order of a survey's life.
    pub surveys: &'a [(&'a str, u64)],
    pub oldest_due: Option<Millis>,
    pub next_due: Option<Millis>,
    /// The results that are not counted yet.
    pub counting: u64,
    pub database_bytes: u64,
    pub alerts: &'a [FailingAlert],
    pub schedules: &'a [FailingSchedule],
    pub version: &'a str,
    pub up_since: Option<Millis>,
}

#[derive(Serialize)]
pub(super) struct HealthContent {
    must_act: Vec<String>,
    accounts: Vec<AccountSection>,
    surveys: Vec<StateCount>,
    queue: Vec<(&'static str, String)>,
    alerts: Vec<FailingLine>,
    schedules: Vec<FailingLine>,
}

#[derive(Serialize)]
struct AccountSection {
    name: String,
    class: &'static str,
    doing: &'static str,
    obstacles: Vec<Wait>,
    calls: Vec<Calls>,
    read: String,
    gaps: String,
}

#[derive(Serialize)]
struct Wait {
    words: String,
    remedy: String,
    surveys: String,
    until: String,
    class: &'static str,
}

#[derive(Serialize)]
struct Calls {
    what: String,
    left: String,
    limit: String,
    /// The share that is left, in per cent.
    share: f64,
}

#[derive(Serialize)]
struct StateCount {
    words: String,
    count: String,
}

/// An alert or a schedule that fails.
#[derive(Serialize)]
struct FailingLine {
    name: String,
    words: String,
}

impl HealthPage<'_> {
    pub(super) fn content(&self) -> HealthContent {
        let state = |(name, count): &(&str, u64)| StateCount {
            words: capitalised(&words::state(name, None)),
            count: words::count(*count),
        };
        let surveys = self.surveys.iter();
        HealthContent {
            must_act: self.must_act.iter().map(|line| words::name(line)).collect(),
            accounts: self.accounts.iter().map(|account| self.account(account)).collect(),
            surveys: surveys.filter(|(_, count)| self.shows_all && *count > 0).map(state).collect(),
            queue: self.queue(),
            alerts: self.alerts.iter().map(|alert| self.alert(alert)).collect(),
            schedules: self.schedules.iter().map(|schedule| self.schedule(schedule)).collect(),
        }
    }

    fn instant(&self, at: Millis) -> String {
        words::instant(at, self.zone, self.now)
    }

    fn queue(&self) -> Vec<(&'static str, String)> {
        let since = |at: Millis| {
            let ago = words::length(self.now.since(at).as_secs_f64());
            format!("{}, {ago} ago", self.instant(at))
        };
        let ahead = |at: Millis| match at > self.now {
            true => self.instant(at),
            false => "now".to_owned(),
        };
        let counting = match self.counting {
            0 => "All results are in the numbers".to_owned(),
            count => format!("{} still being counted", words::count(count)),
        };
        let nothing = || "none".to_owned();
        let due = [
            ("Due longest", self.oldest_due.map_or_else(nothing, since)),
            ("Due next", self.next_due.map_or_else(nothing, ahead)),
        ];
        let of_service = [
            ("Counting", counting),
            ("Database", words::bytes(self.database_bytes)),
            ("surveyd", words::name(self.version)),
            ("Running since", self.up_since.map_or_else(|| "not running".to_owned(), since)),
        ];
        due.into_iter().filter(|_| self.shows_all).chain(of_service).collect()
    }

    fn account(&self, account: &AccountHealth) -> AccountSection {
        let (class, doing) = match account.doing {
            Doing::Sends => ("good", "sends"),
            Doing::DryRun => ("", "dry run: decides and sends nothing"),
            Doing::IsHeld => ("warn", "on hold"),
            Doing::IsPaused => ("warn", "paused: X refuses the account"),
        };
        let wait = |obstacle: &Obstacle| Wait {
            words: capitalised(&words::name(&obstacle.words)),
            remedy: obstacle.remedy.as_deref().map(words::name).unwrap_or_default(),
            surveys: match obstacle.surveys {
                0 => String::new(),
                count => words::counted(count, "survey waits", "surveys wait"),
            },
            until: obstacle
                .until
                .map(|until| format!("until {}", self.instant(until)))
                .unwrap_or_default(),
            class: if obstacle.must_act { "warn" } else { "" },
        };
        let calls = |calls: &BudgetLeft| Calls {
            what: calls.what.clone(),
            left: words::count(calls.left),
            limit: words::count(calls.limit),
            share: (100.0 * calls.left as f64 / calls.limit.max(1) as f64).min(100.0).round(),
        };
        AccountSection {
            name: words::name(&account.name),
            class,
            doing,
            obstacles: account.obstacles.iter().map(wait).collect(),
            calls: account.calls.iter().map(calls).collect(),
            read: match account.read_to {
                Some(at) => {
                    let behind = words::length(self.now.since(at).as_secs_f64());
                    format!("{}, {behind} ago", self.instant(at))
                }
                None => "not yet".to_owned(),
            },
            gaps: match account.gaps {
                0 => String::new(),
                gaps => {
                    words::counted(gaps, "stretch could not be read", "stretches could not be read")
                }
            },
        }
    }

    fn schedule(&self, schedule: &FailingSchedule) -> FailingLine {
        let again = schedule.try_at.map(|at| format!(". Next try: {}", self.instant(at)));
        FailingLine {
            name: words::name(&schedule.name),
            words: format!(
                "Fails since {}: {}{}",
                self.instant(schedule.since),
                words::name(&schedule.why),
                again.unwrap_or_default()
            ),
        }
    }

    fn alert(&self, alert: &FailingAlert) -> FailingLine {
        let since = alert.since.map(|at| format!(" since {}", self.instant(at)));
        let is_disabled = if alert.is_disabled { "Switched off after failing" } else { "Fails" };
        let waiting = words::counted(alert.waiting, "message waits", "messages wait");
        FailingLine {
            name: words::name(&alert.name),
            words: format!(
                "{is_disabled}{}; {waiting}. The last try: {}",
                since.unwrap_or_default(),
                words::name(&alert.why)
            ),
        }
    }
}
