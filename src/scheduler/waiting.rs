//! Logs when due surveys of an account begin to wait and when they no longer wait.

use std::time::Duration;

use tracing::{info, warn};

use crate::domain::time::Millis;
use crate::domain::waiting::{Obstacle, Over, Presence, obstacles};
use crate::store::Result;
use crate::worker::{AccountWorker, Watches};

/// How often surveyd checks what due surveys wait for. It checks more often while some are known to
/// wait.
const LOOKED_EVERY: Duration = Duration::from_secs(30);
const LOOKED_EVERY_WHILE_WAITING: Duration = Duration::from_secs(10);

/// Checks what the account's due surveys wait for and logs what is new. Returns when the next pass
/// is wanted for this. `None` means that any next pass will do.
pub async fn log(worker: &AccountWorker) -> Result<Option<Millis>> {
    let now = worker.now();
    if worker.stop.is_stopping() {
        // After a reload nothing may wait any more. So nothing is logged while surveyd stops.
        return Ok(None);
    }
    {
        let mut watched = worker.watched.lock().expect("no holder of this lock can panic");
        let every = match watched.stretches.is_empty() {
            true => LOOKED_EVERY,
            false => LOOKED_EVERY_WHILE_WAITING,
        };
        if let Some(looked_at) = watched.looked_at.filter(|at| at.is_recent(now, every)) {
            return Ok((!watched.stretches.is_empty()).then(|| looked_at.plus(every)));
        }
        watched.looked_at = Some(now);
    }
    let mut facts = worker.store.waiting_of(&worker.served, now).await?;
    facts.presence = Presence::Works { since: None };
    let obstacles = obstacles(&facts);
    let mut watched = worker.watched.lock().expect("no holder of this lock can panic");
    let (begun, over) = watched.stretches.look(&facts, &obstacles);
    for obstacle in begun {
        log_begun(worker, obstacle);
    }
    for over in over {
        log_over(worker.name(), over);
    }
    Ok(watched.stretches.next_look(now))
}

/// Makes the check happen at once because something holds the account back. This has no effect
/// while surveys are already known to wait.
pub fn look_soon(worker: &AccountWorker) {
    let mut watched = worker.watched.lock().expect("no holder of this lock can panic");
    if watched.stretches.is_empty() {
        watched.looked_at = None;
    }
}

/// Logs the end of waits of accounts that a reload removed from the configuration.
pub fn end_of_others(watches: &Watches, is_served: impl Fn(&str) -> bool, now: Millis) {
    for (account, watched) in watches.take_others(is_served) {
        let mut watched = watched.lock().expect("no holder of this lock can panic");
        for over in watched.stretches.end(now) {
            log_over(&account, over);
        }
    }
}

fn log_begun(worker: &AccountWorker, obstacle: &Obstacle) {
    let (account, surveys) = (worker.name(), obstacle.surveys);
    let are = if surveys == 1 {
        "survey of it is due and waits"
    } else {
        "surveys of it are due and wait"
    };
    warn!(
        event = "sends.waiting",
        account,
        reason = obstacle.cause.as_str(),
        surveys,
        until = obstacle.until.map(Millis::rfc3339),
        "account {account}: {surveys} {are}: {}",
        obstacle.line(),
    );
}

fn log_over(account: &str, over: Over) {
    let Over { cause, lasted, surveys_most } = over;
    let seconds = lasted.as_secs();
    info!(
        event = "sends.resumed",
        account,
        reason = cause.as_str(),
        surveys = surveys_most,
        seconds,
        "account {account}: its surveys no longer wait ({}); they did for {}, up to {surveys_most} at once",
        cause.as_str(),
        words_of_length(seconds),
    );
}

fn words_of_length(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
