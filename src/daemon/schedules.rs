//! Makes reports and exports by the calendar.
//!
//! `domain::schedule` says what is due. Of several daemons, the one that has the turn does it. A
//! file is written before the period is noted as done, so a crash in between writes it again. A
//! digest is recorded in the transaction that notes the period, so it is told once.

mod again;
mod checks;
mod folder;
mod output;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{debug, error, info};

pub use self::again::make_again;
pub use self::checks::{check_folders, warnings_of_folders};
use self::output::{Output, RunFailure, ScheduleRun};
use super::alerts::{after_fault, log_end_of_outage};
use crate::clock::Clock;
use crate::config::{Config, ScheduleConfig, ScheduledOutput};
use crate::domain::days::{Days, Zone};
use crate::domain::schedule::{NextRun, TRY_AGAIN_AFTER, next_run};
use crate::domain::time::Millis;
use crate::results::Reading;
use crate::stop::Stopper;
use crate::store::{Result, ScheduleStanding, Store};

/// The longest wait between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The wait before the next look while something else must be done first.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often a turn is taken again while the work lasts.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// How long one look may count what is not counted yet.
const COUNT_FOR: Duration = Duration::from_secs(5);
/// How long a stop waits until the turns are given up.
const LEAVE: Duration = Duration::from_millis(300);

/// The name under which the log's account of an outage knows this work.
const WORK: &str = "making reports by the calendar";

/// The schedules of a configuration, and what their outputs are made with.
pub struct ScheduledWork {
    schedules: Vec<ScheduleConfig>,
    /// Each account with the name of its business in X's questions.
    accounts: Vec<(String, Option<String>)>,
    zone: Zone,
    fresh_for: Duration,
    min_group: u32,
    store: Store,
    clock: Clock,
    /// Relative folders lie in it.
    state_folder: PathBuf,
    /// Which daemon this is, for turns.
    holder: String,
}

impl ScheduledWork {
    pub fn new(config: &Config, store: &Store, clock: &Clock, state_folder: &Path) -> Self {
        let accounts = config.accounts.iter();
        let accounts =
            accounts.map(|account| (account.name.clone(), account.display_name.clone())).collect();
        Self {
            schedules: config.schedules.clone(),
            accounts,
            zone: config.report.time_zone.clone(),
            fresh_for: config.poll.fresh_for,
            min_group: config.report.min_group,
            store: store.clone(),
            clock: clock.clone(),
            state_folder: state_folder.to_owned(),
            holder: uuid::Uuid::now_v7().simple().to_string(),
        }
    }

    /// Makes all that is due. Returns when the next is.
    pub async fn look(&self, stop: &Stopper) -> Result<Option<Millis>> {
        let standings = self.store.schedule_standings().await?;
        let mut next: Option<Millis> = None;
        for schedule in &self.schedules {
            if stop.is_stopping() {
                break;
            }
            let standing = standings.iter().find(|standing| standing.name == schedule.name);
            let at = match self.next_run(schedule, standing) {
                NextRun::Now(_) => self.run(schedule, stop).await?,
                NextRun::At(at) => at,
            };
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        Ok(next)
    }

    /// Gives up its turns.
    pub async fn leave(&self) -> Result<()> {
        self.store.release_schedules(&self.holder).await
    }

    fn next_run(&self, schedule: &ScheduleConfig, standing: Option<&ScheduleStanding>) -> NextRun {
        let now = self.clock.now();
        let try_at = standing.and_then(|standing| standing.try_at);
        match try_at.filter(|at| at.is_ahead(now, TRY_AGAIN_AFTER)) {
            Some(at) => NextRun::At(at),
            None => {
                let done_to = standing.and_then(|standing| standing.done_to);
                next_run(schedule.every, done_to, &self.zone, now)
            }
        }
    }

    /// Runs a schedule that is due. Returns when to look at it again.
    async fn run(&self, schedule: &ScheduleConfig, stop: &Stopper) -> Result<Millis> {
        let now = self.clock.now();
        let again = now.plus(LOOK_AGAIN);
        let name = schedule.name.as_str();
        let Some(standing) = self.store.take_schedule(name, &self.holder, now).await? else {
            return Ok(again);
        };
        // Another daemon may have done it a moment ago.
        let days = match self.next_run(schedule, Some(&standing)) {
            NextRun::Now(days) => days,
            NextRun::At(at) => return Ok(at),
        };
        let left = self.store.catch_up_results(&self.zone, now, COUNT_FOR).await?;
        if left > 0 {
            debug!("schedule {name} waits: {left} surveys and days are not counted yet");
            return Ok(again);
        }
        if !self.is_heard(schedule).await? {
            return Ok(again);
        }
        let job = self.job(schedule, days);
        let made = tokio::select! {
            made = job.make(stop) => made,
            lost = self.keep_turn(name) => return lost.map(|()| again),
            () = stop.out_of_time() => return Ok(again),
        };
        match made {
            Ok(output) => self.note(schedule, days, output).await,
            Err(RunFailure::Away(fault)) => Err(fault),
            Err(RunFailure::Failed(why)) => self.note_failed(schedule, days, &why).await,
            Err(RunFailure::Stopped) => Ok(again),
        }
    }

    fn job<'w>(&'w self, schedule: &'w ScheduleConfig, days: Days) -> ScheduleRun<'w> {
        ScheduleRun {
            schedule,
            days,
            reading: Reading {
                store: self.store.clone(),
                zone: self.zone.clone(),
                now: self.clock.now(),
                fresh_for: self.fresh_for,
                min_group: self.min_group,
            },
            display_name: self.display_name(schedule),
            state_folder: &self.state_folder,
        }
    }

    /// False if the schedule is told to an alert that no daemon has looked at yet. A new alert is
    /// told nothing of before its first look.
    async fn is_heard(&self, schedule: &ScheduleConfig) -> Result<bool> {
        let ScheduledOutput::Digest { alert, .. } = &schedule.output else { return Ok(true) };
        let standings = self.store.alert_standings(self.clock.now()).await?;
        Ok(standings.iter().any(|standing| standing.alert == *alert))
    }

    /// Takes the turn again and again. Returns once another daemon has it.
    async fn keep_turn(&self, name: &str) -> Result<()> {
        loop {
            sleep(RENEW_EVERY).await;
            let taken = self.store.take_schedule(name, &self.holder, self.clock.now()).await?;
            if taken.is_none() {
                return Ok(());
            }
        }
    }

    async fn note(&self, schedule: &ScheduleConfig, days: Days, output: Output) -> Result<Millis> {
        let (name, now) = (schedule.name.as_str(), self.clock.now());
        let (from, to) = (days.from.to_string(), days.to.to_string());
        let (fact, place) = match output {
            Output::File(path) => (None, format!("is written to {}", path.display())),
            Output::Fact(fact) => (Some(*fact), "is told".to_owned()),
        };
        let noted = self.store.note_schedule_done(name, &self.holder, days.to, fact, now).await?;
        if noted {
            info!(
                event = "schedule.done",
                schedule = name,
                from,
                to,
                "schedule {name}: {days} {place}"
            );
        }
        Ok(now.plus(LOOK_AGAIN))
    }

    async fn note_failed(
        &self,
        schedule: &ScheduleConfig,
        days: Days,
        why: &str,
    ) -> Result<Millis> {
        let (name, now) = (schedule.name.as_str(), self.clock.now());
        let (from, to) = (days.from.to_string(), days.to.to_string());
        let try_at = now.plus(TRY_AGAIN_AFTER);
        let noted = self.store.note_schedule_failed(name, &self.holder, why, try_at, now).await?;
        if noted {
            error!(
                event = "schedule.failed",
                schedule = name,
                from,
                to,
                "schedule {name}: {days} could not be made: {why}. It is tried again in an hour"
            );
        }
        Ok(try_at)
    }

    /// Returns the name by which X's questions call the business if the output is of one account.
    fn display_name(&self, schedule: &ScheduleConfig) -> Option<String> {
        let is_in = |name: &String| schedule.accounts.as_ref().is_none_or(|all| all.contains(name));
        let mut accounts = self.accounts.iter().filter(|(name, _)| is_in(name));
        let (_, display_name) = accounts.next().filter(|_| accounts.next().is_none())?;
        display_name.clone()
    }
}

/// Makes reports and exports until the stop signal.
pub async fn run(work: ScheduledWork, stop: Stopper) {
    while !stop.is_stopping() {
        let rest = match work.look(&stop).await {
            Ok(next) => {
                log_end_of_outage(&work.store, WORK);
                let now = work.clock.now();
                next.map_or(LOOK_EVERY, |next| next.since(now)).clamp(LOOK_AGAIN, LOOK_EVERY)
            }
            Err(fault) => after_fault(&work.store, WORK, &fault),
        };
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => {}
        }
    }
    let _ = timeout(LEAVE, work.leave()).await;
    work.store.outage().leave(WORK);
}
