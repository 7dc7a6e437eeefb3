//! Shows when each schedule ran and runs next.

use crate::config::Config;
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

/// Returns the table of the schedules, with an empty line before it. It is empty if there are none.
pub fn listed(
    config: &Config,
    standings: &[ScheduleStanding],
    now: Millis,
    style: &OutputStyle,
) -> String {
    if config.schedules.is_empty() {
        return String::new();
    }
    let rows = config.schedules.iter().map(|schedule| {
        let standing = standings.iter().find(|standing| standing.name == schedule.name);
        let done_to = standing.and_then(|standing| standing.done_to);
        let try_at = standing.and_then(|standing| standing.try_at);
        let try_at = try_at.filter(|at| at.is_ahead(now, TRY_AGAIN_AFTER));
        let next = try_at.unwrap_or_else(|| {
            match next_run(schedule.every, done_to, &config.report.time_zone, now) {
                NextRun::Now(_) => now,
                NextRun::At(at) => at,
            }
        });
        let done_at = standing.and_then(|standing| standing.done_at);
        let why = standing.and_then(|standing| standing.last_error.clone());
        vec![
            schedule.name.clone(),
            schedule.every.as_str().to_owned(),
            done_at.map(Millis::rfc3339).unwrap_or_default(),
            next.rfc3339(),
            why.unwrap_or_default(),
        ]
    });
    format!("\n{}", table(style, &LISTED, &rows.collect::<Vec<_>>()))
}
