//! What the service does now: the line on the page of results, and the page of its health.

use axum::http::StatusCode;

use super::page::{ErrorForm, PAGES, page};
use super::visit::{AuditedResponse, Visit};
use crate::domain::policy::DAY;
use crate::domain::waiting::{Obstacle, Presence, obstacles};
use crate::pages::health::{
    AccountHealth, BudgetLeft, Doing, FailingAlert, FailingSchedule, HealthPage,
};
use crate::pages::operations::Operations;
use crate::store::{AlertStanding, ScheduleStanding};
use crate::web::snapshot::Figures;

/// What due surveys wait for, by account. Empty if the database does not answer.
pub async fn obstacles_of(visit: &Visit) -> Vec<(String, Vec<Obstacle>)> {
    let served = &visit.live.served;
    let Ok(facts) = visit.web.store.waiting(served, visit.web.clock.now()).await else {
        return Vec::new();
    };
    let viewer = visit.viewer();
    let facts = facts.into_iter().filter(|facts| viewer.may_see_account(&facts.account));
    let found = facts.map(|mut facts| {
        facts.presence = Presence::Works { since: None };
        (facts.account.clone(), obstacles(&facts))
    });
    found.collect()
}

/// What the service does now, at the accounts that the viewer may see.
pub async fn operations(visit: &Visit, left: u64) -> Operations {
    let mut operations = Operations { counting: left, ..Operations::default() };
    let Some(figures) = visit.web.snapshot.recent().await else { return operations };
    let viewer = visit.viewer();
    for served in &visit.live.served {
        if !viewer.may_see_account(&served.account) {
            continue;
        }
        match doing(&figures, &served.account, served.is_dry) {
            Doing::Sends => operations.sending += 1,
            Doing::DryRun => operations.dry += 1,
            Doing::IsHeld => operations.held += 1,
            Doing::IsPaused => operations.paused += 1,
        }
        let Some(account) = figures.accounts.get(&served.account) else { continue };
        if viewer.sees_all_teams() {
            operations.daily_limit += u64::from(served.daily_limit);
            operations.prompts_of_day += u64::try_from(account.prompts).unwrap_or(0);
        }
        if let Some(behind) = account.events_behind {
            // The lag is that of the instant at which the figures were read.
            let read_to = visit.web.clock.now().minus(figures.made_at.elapsed()).minus(behind);
            operations.read_to = Some(operations.read_to.map_or(read_to, |at| at.min(read_to)));
        }
    }
    let of_state = |state: &str| {
        let mut counts = figures.status.by_state.iter();
        let count = counts.find(|(name, _)| *name == state).map_or(0, |(_, count)| *count);
        u64::try_from(count).unwrap_or(0)
    };
    if viewer.sees_all() {
        operations.waiting = Some(of_state("scheduled"));
        operations.uncertain = of_state("uncertain");
    }
    operations
}

fn doing(figures: &Figures, account: &str, is_dry: bool) -> Doing {
    match figures.accounts.get(account) {
        Some(account) if account.is_paused => Doing::IsPaused,
        Some(account) if account.is_held => Doing::IsHeld,
        _ if is_dry => Doing::DryRun,
        _ => Doing::Sends,
    }
}

/// The page of how the service works.
pub async fn health(visit: Visit) -> AuditedResponse {
    let form = ErrorForm::of("/health", &visit.headers);
    let Some(figures) = visit.web.snapshot.recent().await else {
        let words = "The database has not answered yet. Try again in a moment.";
        return form.unavailable(words).into();
    };
    let (now, zone) = (visit.web.clock.now(), &visit.live.results.zone);
    let counting = visit.web.store.results_left(zone).await.unwrap_or(0);
    let mut found = obstacles_of(&visit).await;
    let must_act: Vec<String> = found
        .iter()
        .flat_map(|(_, obstacles)| obstacles)
        .filter(|obstacle| obstacle.must_act)
        .map(Obstacle::line)
        .collect();
    let mut accounts = Vec::new();
    let (sees_all, sees_all_teams) = (visit.viewer().sees_all(), visit.viewer().sees_all_teams());
    for served in &visit.live.served {
        if !visit.viewer().may_see_account(&served.account) {
            continue;
        }
        let of_account = found.iter_mut().find(|(account, _)| *account == served.account);
        let mut obstacles =
            of_account.map(|(_, obstacles)| std::mem::take(obstacles)).unwrap_or_default();
        if !sees_all_teams {
            obstacles.iter_mut().for_each(|obstacle| obstacle.surveys = 0);
        }
        let status = visit.web.store.account_status(&served.account, now.minus(DAY)).await.ok();
        let limit = u64::from(served.daily_limit);
        let sent = status.as_ref().map_or(0, |status| status.prompts_of_day);
        let prompts = BudgetLeft {
            what: "prompts in 24 hours".to_owned(),
            left: limit.saturating_sub(u64::try_from(sent).unwrap_or(0)),
            limit,
        };
        accounts.push(AccountHealth {
            name: served.account.clone(),
            doing: doing(&figures, &served.account, served.is_dry),
            obstacles,
            calls: if sees_all_teams { vec![prompts] } else { Vec::new() },
            read_to: status.as_ref().and_then(|status| status.events.done_to),
            gaps: status.map_or(0, |status| status.unread.len() as u64),
        });
    }
    let states = figures.status.by_state.iter();
    let states: Vec<(&str, u64)> =
        states.map(|(name, count)| (*name, u64::try_from(*count).unwrap_or(0))).collect();
    // They tell of all accounts and teams at once.
    let alerts = figures.alerts.iter().filter(|_| sees_all);
    let alerts: Vec<FailingAlert> = alerts.filter_map(failing).collect();
    let schedules = figures.schedules.iter().filter(|_| sees_all);
    let schedules: Vec<FailingSchedule> = schedules.filter_map(failing_schedule).collect();
    let shown = HealthPage {
        shows_all: sees_all,
        zone,
        now,
        must_act: &must_act,
        accounts: &accounts,
        surveys: &states,
        oldest_due: figures.status.oldest_due,
        next_due: figures.status.next_due,
        counting,
        database_bytes: u64::try_from(figures.status.database_bytes).unwrap_or(0),
        alerts: &alerts,
        schedules: &schedules,
        version: env!("SURVEYD_VERSION"),
        up_since: Some(visit.web.up_since),
    };
    page(&visit, StatusCode::OK, "Health", PAGES.health(&shown)).into()
}

fn failing_schedule(standing: &ScheduleStanding) -> Option<FailingSchedule> {
    Some(FailingSchedule {
        name: standing.name.clone(),
        since: standing.failing_since?,
        why: standing.last_error.clone().unwrap_or_default(),
        try_at: standing.try_at,
    })
}

/// An alert that fails or is disabled.
fn failing(standing: &AlertStanding) -> Option<FailingAlert> {
    let disabled = standing.disabled.as_ref();
    if disabled.is_none() && standing.failing_since.is_none() {
        return None;
    }
    let why = standing.last_error.clone().or_else(|| disabled.map(|disabled| disabled.why.clone()));
    Some(FailingAlert {
        name: standing.alert.clone(),
        waiting: standing.waiting,
        since: standing.failing_since,
        why: why.unwrap_or_default(),
        is_disabled: disabled.is_some(),
    })
}
