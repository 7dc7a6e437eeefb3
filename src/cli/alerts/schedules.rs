//! Shows when each schedule ran and runs next.

use serde::Serialize;

use crate::config::{Config, ScheduleConfig};
use crate::domain::schedule::{NextRun, TRY_AGAIN_AFTER, next_run};
use crate::domain::time::Millis;
use crate::store::ScheduleStanding;
use crate::terminal::OutputStyle;
use crate::terminal::table::{Column, table};

const LISTED: [Column; 5] = [
    Column::text("schedule").cut_to(8),
    Column::text("every"),
    Column::instant("last done"),
    Column::instant("next"),
    Column::sentence("why it fails"),
];

/// How a schedule does.
#[derive(Serialize)]
pub struct ScheduleJson {
    pub schedule: String,
    every: &'static str,
    last_done_at: Option<String>,
    pub next_at: String,
    pub failing_since: Option<String>,
    pub last_error: Option<String>,
}

impl ScheduleJson {
    /// What somebody must do about it, if anything.
    pub fn must_act(&self) -> Option<String> {
        let (since, why) = (self.failing_since.as_ref()?, self.last_error.as_ref()?);
        let Self { schedule, next_at, .. } = self;
        Some(format!(
            "schedule {schedule} fails since {since}: {why}. It is tried again at {next_at}"
        ))
    }
}

/// Returns how the schedules of the configuration do.
pub fn all(config: &Config, standings: &[ScheduleStanding], now: Millis) -> Vec<ScheduleJson> {
    let of_name = |name: &str| standings.iter().find(|standing| standing.name == name);
    let schedules = config.schedules.iter();
    schedules.map(|it| of_schedule(it, of_name(&it.name), config, now)).collect()
}

fn of_schedule(
    schedule: &ScheduleConfig,
    standing: Option<&ScheduleStanding>,
    config: &Config,
    now: Millis,
) -> ScheduleJson {
    let done_to = standing.and_then(|standing| standing.done_to);
    let try_at = standing.and_then(|standing| standing.try_at);
    let try_at = try_at.filter(|at| at.is_ahead(now, TRY_AGAIN_AFTER));
    let next = try_at.unwrap_or_else(|| {
        match next_run(schedule.every, done_to, &config.report.time_zone, now) {
            NextRun::Now(_) => now,
            NextRun::At(at) => at,
        }
    });
    ScheduleJson {
        schedule: schedule.name.clone(),
        every: schedule.every.as_str(),
        last_done_at: standing.and_then(|standing| standing.done_at).map(Millis::rfc3339),
        next_at: next.rfc3339(),
        failing_since: standing.and_then(|standing| standing.failing_since).map(Millis::rfc3339),
        last_error: standing.and_then(|standing| standing.last_error.clone()),
    }
}

/// Returns the table of the schedules, with an empty line before it. It is empty if there are none.
pub fn listed(schedules: Vec<ScheduleJson>, style: &OutputStyle) -> String {
    if schedules.is_empty() {
        return String::new();
    }
    let rows = schedules.into_iter().map(|it| {
        vec![
            it.schedule,
            it.every.to_owned(),
            it.last_done_at.unwrap_or_default(),
            it.next_at,
            it.last_error.unwrap_or_default(),
        ]
    });
    format!("\n{}", table(style, &LISTED, &rows.collect::<Vec<_>>()))
}
