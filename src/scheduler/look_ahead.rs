//! Decides ahead of the look-up, so that no call to X is spent on somebody who is not asked anyway.

use super::{log_end, send};
use crate::domain::policy::decision::Verdict;
use crate::domain::policy::{self, History};
use crate::store::{self, Leased, Looked, Result};
use crate::worker::AccountWorker;

/// Surveys drawn in one pass where prompts are spread evenly.
const DRAWN: usize = 200;

/// Those that go on; all others are ended or put off.
pub async fn look_ahead(worker: &AccountWorker, claimed: Vec<Leased>) -> Result<Vec<Leased>> {
    let mut going_on = Vec::with_capacity(claimed.len());
    for leased in claimed {
        if is_clear(worker, &leased) {
            going_on.push(leased);
        } else {
            going_on.extend(look(worker, leased).await?);
        }
    }
    Ok(going_on)
}

/// Draws what has become due and was not drawn yet, whether anything may be sent now or not.
pub async fn draw(worker: &AccountWorker) -> Result<()> {
    let now = worker.now();
    let lease_until = now.plus(super::lease(worker, DRAWN));
    for leased in worker.store.claim_undrawn(worker.name(), DRAWN, lease_until, now).await? {
        if let Some(leased) = look(worker, leased).await? {
            worker.store.release(leased, now).await?;
        }
    }
    Ok(())
}

/// Whether nothing stands against it by what the survey itself says; the rest is read when it is
/// begun.
fn is_clear(worker: &AccountWorker, leased: &Leased) -> bool {
    let survey = &leased.survey;
    let rules = worker.chosen(survey).rules();
    let x_now = worker.x_now_at_least();
    let ground = policy::at_sending(survey, &rules, &History::default(), x_now);
    let is_late = policy::is_too_late(survey.closed_at, &rules, x_now);
    ground.verdict() == Verdict::Send && !is_late
}

async fn look(worker: &AccountWorker, leased: Leased) -> Result<Option<Leased>> {
    let rules = worker.chosen(&leased.survey).rules();
    match worker.store.look(leased, rules, send::times(worker)).await {
        Ok(Looked::GoesOn(leased)) => Ok(Some(*leased)),
        Ok(Looked::Ended(survey)) => {
            log_end(&survey);
            Ok(None)
        }
        Ok(Looked::PutOff { until: _ }) => Ok(None),
        // Reopened or cancelled since it was claimed: whoever did it has said so.
        Err(store::Error::LeaseLost(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
