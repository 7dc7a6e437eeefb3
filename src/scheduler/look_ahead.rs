//! Decides ahead of the look-up, so that no call to X is spent on somebody who is not asked anyway.

use super::{send, tell_end};
use crate::desk::AccountWorker;
use crate::domain::policy::decision::Verdict;
use crate::domain::policy::{self, History};
use crate::store::{self, Leased, Looked, Result};

/// Surveys drawn in one pass where prompts are spread evenly.
const DRAWN: usize = 200;

/// Those that go on; all others are ended or put off.
pub async fn look_ahead(desk: &AccountWorker, claimed: Vec<Leased>) -> Result<Vec<Leased>> {
    let mut going_on = Vec::with_capacity(claimed.len());
    for leased in claimed {
        if is_clear(desk, &leased) {
            going_on.push(leased);
        } else {
            going_on.extend(look(desk, leased).await?);
        }
    }
    Ok(going_on)
}

/// Draws what has become due and was not drawn yet, whether anything may be sent now or not.
pub async fn draw(desk: &AccountWorker) -> Result<()> {
    let now = desk.now();
    let lease_until = now.plus(super::lease(desk, DRAWN));
    for leased in desk.store.claim_undrawn(desk.name(), DRAWN, lease_until, now).await? {
        if let Some(leased) = look(desk, leased).await? {
            desk.store.release(leased, now).await?;
        }
    }
    Ok(())
}

/// Whether nothing stands against it by what the survey itself says; the rest is read when it is
/// begun.
fn is_clear(desk: &AccountWorker, leased: &Leased) -> bool {
    let survey = &leased.survey;
    let rules = desk.chosen(survey).rules();
    let x_now = desk.x_now_at_least();
    let ground = policy::at_sending(survey, &rules, &History::default(), x_now);
    let is_late = policy::is_too_late(survey.closed_at, &rules, x_now);
    ground.verdict() == Verdict::Send && !is_late
}

async fn look(desk: &AccountWorker, leased: Leased) -> Result<Option<Leased>> {
    let rules = desk.chosen(&leased.survey).rules();
    match desk.store.look(leased, rules, send::times(desk)).await {
        Ok(Looked::GoesOn(leased)) => Ok(Some(*leased)),
        Ok(Looked::Ended(survey)) => {
            tell_end(&survey);
            Ok(None)
        }
        Ok(Looked::PutOff { until: _ }) => Ok(None),
        // Reopened or cancelled since it was claimed: whoever did it has said so.
        Err(store::Error::LeaseLost(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
