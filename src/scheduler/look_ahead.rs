//! Decides before the look-up whether a person is asked. This saves the call to X for everybody who
//! is not.

use super::{log_end, send};
use crate::domain::policy::decision::Verdict;
use crate::domain::policy::{self, History, Pacing};
use crate::store::{self, Leased, Looked, Result};
use crate::worker::AccountWorker;

/// The most surveys drawn in one pass of an account with even pacing.
const DRAWN: usize = 200;

/// Returns the surveys that go on to the look-up. All others are ended or put off.
pub async fn look_ahead(worker: &AccountWorker, leases: Vec<Leased>) -> Result<Vec<Leased>> {
    let mut going_on = Vec::with_capacity(leases.len());
    for leased in leases {
        // The even pace draws before X is asked, whatever X then says of the person.
        if worker.account.pacing == Pacing::Asap && is_clear(worker, &leased) {
            going_on.push(leased);
        } else {
            going_on.extend(look(worker, leased).await?);
        }
    }
    Ok(going_on)
}

/// Draws the due surveys that have not been drawn yet. It does so whether or not the account may
/// send now.
pub async fn draw(worker: &AccountWorker) -> Result<()> {
    let now = worker.now();
    let lease_until = now.plus(super::lease(worker, DRAWN));
    for leased in worker.store.lease_undrawn(worker.name(), DRAWN, lease_until, now).await? {
        if let Some(leased) = look(worker, leased).await? {
            // It keeps its turn. Whoever is not drawn yet would go before it.
            let due_at = leased.survey.due_at;
            worker.store.release(leased, due_at).await?;
        }
    }
    Ok(())
}

/// True if nothing in the survey itself stands against the prompt. The person's and the account's
/// history is read only when the send is begun.
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
        // The survey was reopened or cancelled after the lease. That step has been logged already.
        Err(store::Error::LeaseLost(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
