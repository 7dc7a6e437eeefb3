//! Tells alerts what happened, each in a loop of its own. Looks for silences, and deletes what is
//! too old to be told.
//!
//! A receiver that hangs keeps no other alert waiting, and nothing else either.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::alerts::deliver::{AlertDelivery, AlertSender, log_dropped};
use crate::alerts::silences::Silences;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{Error, Store};

/// How often it looks for facts if no message is due sooner.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The shortest wait between two steps.
const BREATH: Duration = Duration::from_millis(20);
/// How long a stop waits until the alert's turn is given up.
const LEAVE: Duration = Duration::from_millis(300);
/// The wait between two looks for silences. The first look comes later: after a start, what came in
/// meanwhile is still being read.
const SILENCES_EVERY: Duration = Duration::from_secs(5 * 60);
const SILENCES_FIRST: Duration = Duration::from_secs(15 * 60);
/// The wait between two looks for what is too old.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// The wait between two turns if there is more to delete.
const SWEEP_REST: Duration = Duration::from_secs(1);

/// The names under which the log's account of an outage knows this work.
const TELLING: &str = "telling alerts";
const LOOKING: &str = "looking for silences";
const SWEEPING: &str = "deleting old alerts";

/// Makes what delivers the alerts of a configuration.
pub fn deliveries(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Vec<AlertDelivery>> {
    let deliveries = config.alerts.iter().map(|alert| {
        let alert = AlertSender::new(config, alert)
            .with_context(|| format!("alert {} cannot be told", alert.wanted.name))?;
        let holder = uuid::Uuid::now_v7().simple().to_string();
        Ok(AlertDelivery::new(alert, store.clone(), clock.clone(), holder))
    });
    deliveries.collect()
}

/// Tells one alert until the stop signal. A request under way may take the time that is left then.
pub async fn tell(mut delivery: AlertDelivery, clock: Clock, stop: Stopper) {
    let work = format!("{TELLING}: {}", delivery.alert().name());
    while !stop.is_stopping() {
        let rest = tokio::select! {
            done = delivery.step() => match done {
                Ok(next) => {
                    log_end_of_outage(delivery.store(), &work);
                    rest(next, clock.now())
                }
                Err(fault) => after_fault(delivery.store(), &work, &fault),
            },
            // The message is tried again under its id.
            () = stop.out_of_time() => break,
        };
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => {}
        }
    }
    let _ = timeout(LEAVE, delivery.leave()).await;
    delivery.store().outage().leave(&work);
}

fn rest(next: Option<Millis>, now: Millis) -> Duration {
    next.map_or(LOOK_EVERY, |next| next.since(now)).clamp(BREATH, LOOK_EVERY)
}

/// Logs that the database answers again, if this work was the last to wait for it.
pub fn log_end_of_outage(store: &Store, work: &str) {
    if store.outage().over(work) {
        info!(event = "store.recovered", "the database answers again: all work goes on");
    }
}

/// Logs a fault and returns how long to wait after it.
pub fn after_fault(store: &Store, work: &str, fault: &Error) -> Duration {
    match fault {
        Error::Busy(why) => debug!("{work} waits: {why}"),
        // The process ends for this fault and logs it once.
        Error::Io(_) | Error::Gone(_) => {}
        Error::Unavailable(_) | Error::Refused(_) => {
            if store.outage().met(work, Instant::now()) {
                warn!(event = "store.unavailable", "{work} waits for the database: {fault}");
            }
        }
        _ => {
            if store.outage().met(work, Instant::now()) {
                error!(event = "store.unavailable", "{work} waits: {fault}");
            }
        }
    }
    LOOK_EVERY
}

/// Looks for silences until the stop signal.
pub async fn look_for_silences(mut silences: Silences, stop: Stopper) {
    let mut rest = SILENCES_FIRST;
    while !stop.is_stopping() {
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => break,
        }
        match silences.look().await {
            Ok(found) => {
                log_end_of_outage(silences.store(), LOOKING);
                for fact in found {
                    debug!("a silence is on record: {}", fact.key);
                }
            }
            Err(fault) => {
                after_fault(silences.store(), LOOKING, &fault);
            }
        }
        rest = SILENCES_EVERY;
    }
    silences.store().outage().leave(LOOKING);
}

/// Deletes what is too old until the stop signal.
pub async fn sweep(store: Store, clock: Clock, stop: Stopper) {
    // The earlier of two looks counts. A clock that is ahead for a moment thus deletes nothing.
    let mut before = clock.now();
    let mut rest = SWEEP_EVERY;
    while !stop.is_stopping() {
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => break,
        }
        let now = clock.now();
        rest = match store.sweep_alerts(before.min(now)).await {
            Ok(swept) => {
                log_end_of_outage(&store, SWEEPING);
                for (alert, messages) in &swept.unsent {
                    log_dropped(alert, *messages);
                }
                if swept.is_full { SWEEP_REST } else { SWEEP_EVERY }
            }
            Err(fault) => after_fault(&store, SWEEPING, &fault),
        };
        if rest == SWEEP_EVERY {
            before = now;
        }
    }
    store.outage().leave(SWEEPING);
}
