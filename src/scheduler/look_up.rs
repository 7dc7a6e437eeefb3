//! Looks up which of the leased people can be messaged. Ends or puts off the surveys of the
//! others.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::warn;

use super::log_end;
use crate::config::CanDmBy;
use crate::domain::budget::Call;
use crate::domain::policy;
use crate::domain::survey::{Event, Reason};
use crate::domain::time::{Millis, Ready};
use crate::store::{self, Leased, Result};
use crate::worker::{AccountWorker, CallAllowance};
use crate::x::{self, Error, Reachability, Remedy};

/// Returns the leases whose people can be messaged now. All others are ended or put off.
pub async fn look_up(worker: &AccountWorker, leases: Vec<Leased>) -> Result<Vec<Leased>> {
    let (leases, nobody): (Vec<_>, Vec<_>) =
        leases.into_iter().partition(|leased| leased.survey.user_id.is_some());
    for leased in nobody {
        // A survey without a person ends as it comes in. One can only wait if somebody edited the
        // database.
        judge(worker, leased, Ok(Err(Reason::NoXId))).await?;
    }
    if leases.is_empty() {
        return Ok(leases);
    }
    match worker.limits.can_dm {
        CanDmBy::FriendshipsShow => singly(worker, leases).await,
        CanDmBy::UsersV2 => together(worker, leases).await,
        CanDmBy::Auto => by_either(worker, leases).await,
    }
}

async fn singly(worker: &AccountWorker, leases: Vec<Leased>) -> Result<Vec<Leased>> {
    let wanted = u32::try_from(leases.len()).unwrap_or(u32::MAX);
    let taken_at = worker.x_now_at_least();
    let taken = worker.take_calls(Call::FriendshipsShow, wanted).await?;
    let allowed = match taken {
        Ready::Now(allowed) => allowed as usize,
        Ready::At(until) => return put_off(worker, leases, until).await,
    };
    let mut leases = leases;
    let beyond = leases.split_off(allowed.min(leases.len()));
    put_off(worker, beyond, worker.now()).await?;
    let calls = CallAllowance::as_budgeted();
    let answers = stream::iter(leases).map(|leased| async {
        let _slot = worker.slots.acquire().await;
        if worker.stop.is_stopping() || !calls.begin() {
            return (leased, None);
        }
        let Some(person) = &leased.survey.user_id else { return (leased, None) };
        let asked = worker.x.can_dm(&worker.keys, &worker.user_id, person, worker.now());
        let answer = worker.unless_stopping(asked).await;
        calls.end(answer.as_ref().and_then(|answer| answer.rate));
        if is_away(answer.as_ref().map(|answer| &answer.result)) {
            calls.halt();
        }
        (leased, answer)
    });
    let mut answers = answers.buffered(worker.limits.concurrency);
    let mut can_be_asked = Vec::new();
    let mut under_way = wanted.min(u32::try_from(allowed).unwrap_or(u32::MAX));
    while let Some((leased, answer)) = answers.next().await {
        under_way = under_way.saturating_sub(1);
        let Some(answer) = answer else {
            // X's headers said that no call is left, or surveyd is stopping.
            put_back(worker, leased, worker.now()).await?;
            continue;
        };
        worker.hear(Call::FriendshipsShow, answer.rate, under_way).await?;
        can_be_asked.extend(judge(worker, leased, answer.result).await?);
    }
    drop(answers);
    let taken = u32::try_from(allowed).unwrap_or(u32::MAX);
    worker.give_back_calls(Call::FriendshipsShow, taken, calls.begun(), taken_at).await?;
    Ok(can_be_asked)
}

async fn together(worker: &AccountWorker, leases: Vec<Leased>) -> Result<Vec<Leased>> {
    let now = worker.now();
    if let Ready::At(until) = worker.take_calls(Call::Users, 1).await? {
        return put_off(worker, leases, until).await;
    }
    let people: Vec<_> = leases.iter().filter_map(|leased| leased.survey.user_id.clone()).collect();
    let asked = worker.x.can_dm_many(&worker.keys, &people, now);
    let Some(answer) = worker.unless_stopping(asked).await else {
        return put_off(worker, leases, now).await;
    };
    worker.hear(Call::Users, answer.rate, 0).await?;
    let mut can_be_asked = Vec::new();
    let people: Result<BTreeMap<_, Reachability>, Error> = answer.result;
    for leased in leases {
        let person = match &people {
            Ok(people) => {
                let person = leased.survey.user_id.as_ref().and_then(|id| people.get(id));
                let Some(person) = person else {
                    not_known(worker, leased, "X's API v2 does not tell it of this person").await?;
                    continue;
                };
                Ok(*person)
            }
            Err(error) => Err(error.clone()),
        };
        can_be_asked.extend(judge(worker, leased, person).await?);
    }
    Ok(can_be_asked)
}

/// How long X's API v2 is left alone after it refused. X may never grant it to the account.
const NOT_GRANTED_FOR: Duration = Duration::from_secs(15 * 60);

/// Looks people up one by one if the calls suffice for all. Otherwise v2 is asked for up to 100
/// people at once. Those whom v2 does not clear are then looked up one by one. The answer of v2
/// alone ends no survey, because X may not grant v2 to the account.
async fn by_either(worker: &AccountWorker, leases: Vec<Leased>) -> Result<Vec<Leased>> {
    if leases.len() <= worker.calls_left(Call::FriendshipsShow).await? as usize {
        return singly(worker, leases).await;
    }
    let (mut cleared, others) = clear(worker, leases).await?;
    if !others.is_empty() {
        cleared.extend(singly(worker, others).await?);
    }
    Ok(cleared)
}

/// Separates the people whom v2 clears for a message from all others.
async fn clear(worker: &AccountWorker, leases: Vec<Leased>) -> Result<(Vec<Leased>, Vec<Leased>)> {
    let now = worker.now();
    if let Ready::At(_) = worker.take_calls(Call::Users, 1).await? {
        return Ok((Vec::new(), leases));
    }
    let people: Vec<_> = leases.iter().filter_map(|leased| leased.survey.user_id.clone()).collect();
    let asked = worker.x.can_dm_many(&worker.keys, &people, now);
    let Some(answer) = worker.unless_stopping(asked).await else {
        return Ok((Vec::new(), put_off(worker, leases, now).await?));
    };
    worker.hear(Call::Users, answer.rate, 0).await?;
    let people = match answer.result {
        Ok(people) => people,
        Err(error) => {
            if let Remedy::HoldCalls(reset_at) = Remedy::of(&error, false) {
                worker.hold(Call::Users, reset_at).await?;
            } else {
                do_without(worker, &error).await?;
            }
            return Ok((Vec::new(), leases));
        }
    };
    worker.sending_trouble.over();
    Ok(leases.into_iter().partition(|leased| {
        let person = leased.survey.user_id.as_ref().and_then(|id| people.get(id));
        matches!(person, Some(Ok(x::CanDm)))
    }))
}

/// Stops using v2 for a while. Its refusal has no other consequence.
async fn do_without(worker: &AccountWorker, why: &Error) -> Result<()> {
    let (now, name) = (worker.now(), worker.name());
    let x_now = worker.x_now_at_least();
    let until = Some(x_now.plus(NOT_GRANTED_FOR));
    let until = worker.store.hold_calls(name, Call::Users, until, x_now).await?;
    if worker.said.is_news_of_limit("users_v2", now, until, policy::DAY) {
        warn!(
            event = "look_ups.singly",
            account = name,
            "X does not look up people for account {name} by its API v2 ({why}): they are looked up \
             one by one, and v2 is tried again every quarter of an hour",
        );
    }
    Ok(())
}

/// True if the fault lies with X or the way to it rather than with one person.
fn is_away<T>(answer: Option<&Result<T, Error>>) -> bool {
    matches!(answer, Some(Err(error)) if Remedy::of(error, false) == Remedy::AskLater)
}

/// Applies the answer of one look-up to its survey. Returns the lease if the person can be
/// messaged. Otherwise it ends the survey or puts it off.
async fn judge(
    worker: &AccountWorker,
    leased: Leased,
    person: Result<Reachability, Error>,
) -> Result<Option<Leased>> {
    if !is_away(Some(&person)) {
        worker.sending_trouble.over();
    }
    let (event, why) = match person {
        Ok(Ok(x::CanDm)) => return Ok(Some(leased)),
        Ok(Err(reason)) => (Event::Suppressed(reason), Some(words(reason).to_owned())),
        Err(Error::Person { reason, words }) => {
            let why = format!("{}: X refuses to look the person up: {words}", reason.as_str());
            (Event::Suppressed(reason), Some(why))
        }
        Err(error) => match Remedy::of(&error, false) {
            Remedy::GiveUp(words) | Remedy::LeavePlace(words) => (Event::Refused(words), None),
            Remedy::PauseAccount(words) => {
                worker.pause(&words).await?;
                return put_off_one(worker, leased, worker.now()).await;
            }
            Remedy::HoldCalls(reset_at) => {
                let until = worker.hold(worker.limits.can_dm.call(), reset_at).await?;
                return put_off_one(worker, leased, until).await;
            }
            Remedy::SignAgain => return put_off_one(worker, leased, worker.now()).await,
            Remedy::AskLater => {
                worker.sending_trouble.met(worker.now());
                not_known(worker, leased, &error.to_string()).await?;
                return Ok(None);
            }
        },
    };
    match worker.store.end(leased, event, why, worker.now()).await {
        Ok(survey) => log_end(&survey),
        // The survey was reopened or cancelled after the lease. That step has been logged already.
        Err(store::Error::LeaseLost(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Puts the look-up off. The wait grows with each failure.
async fn not_known(worker: &AccountWorker, leased: Leased, why: &str) -> Result<()> {
    let survey = &leased.survey;
    let wait = policy::backoff(survey, survey.attempts + 1);
    warn!(
        event = "survey.retry",
        account = worker.name(),
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        "survey {}: whether the person can be messaged is not known ({why}); asked again in \
         {wait:.0?}",
        survey.id,
    );
    let again = worker.now().plus(wait).min(worker.too_late_at(survey));
    worker.store.put_off_failed(leased, again, why.to_owned(), worker.now()).await
}

/// The reason for not asking as it stands in the survey's history.
fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::CannotDm => "cannot_dm: X says that the account cannot message the person",
        Reason::Suspended => "suspended: X says that the person is suspended",
        other => other.as_str(),
    }
}

async fn put_off_one(
    worker: &AccountWorker,
    leased: Leased,
    until: Millis,
) -> Result<Option<Leased>> {
    put_back(worker, leased, until).await?;
    Ok(None)
}

/// Gives leases back. They are looked at again at `until`.
pub async fn put_off(
    worker: &AccountWorker,
    leases: Vec<Leased>,
    until: Millis,
) -> Result<Vec<Leased>> {
    for leased in leases {
        put_back(worker, leased, until).await?;
    }
    Ok(Vec::new())
}

async fn put_back(worker: &AccountWorker, leased: Leased, until: Millis) -> Result<()> {
    // The survey has to end once it is too late. So it is looked at again by then.
    let until = until.min(worker.too_late_at(&leased.survey));
    worker.store.release(leased, until).await
}
