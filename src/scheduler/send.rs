//! Sends prompts, several at once, each once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tracing::{info, warn};

use super::{log_end, log_uncertain};
use crate::domain::budget::{Call, HOLD_FIRST, RateHeaders};
use crate::domain::feedback::Update;
use crate::domain::policy;
use crate::domain::survey::{Delivery, Event, Failure, State, Survey};
use crate::domain::time::Millis;
use crate::store::{self, BeginOutcome, Leased, Prompt, Result, SendOutcome, SendTimes, Sending};
use crate::worker::{AccountWorker, CallAllowance, LEASE_MARGIN};
use crate::x::{self, Error};

/// When a send that another daemon's lock kept from beginning is tried again.
const BUSY_AGAIN: Duration = Duration::from_secs(2);

/// What the sends of one pass know of each other.
struct Round {
    /// Once X refuses the account, or its budget is spent, no further send is begun.
    halted: AtomicBool,
    calls: CallAllowance,
}

pub async fn send_all(worker: &AccountWorker, leased: Vec<Leased>) -> Result<()> {
    let round = Round { halted: AtomicBool::new(false), calls: CallAllowance::as_budgeted() };
    let fault = Mutex::new(None);
    stream::iter(leased)
        .for_each_concurrent(worker.limits.concurrency, |leased| async {
            if let Err(error) = send(worker, leased, &round).await {
                // The other requests are under way: they are finished, whatever befell this one.
                round.halt();
                fault.lock().expect("no holder of this lock can panic").get_or_insert(error);
            }
        })
        .await;
    fault.into_inner().expect("as above").map_or(Ok(()), Err)
}

async fn send(worker: &AccountWorker, leased: Leased, round: &Round) -> Result<()> {
    if round.is_halted() || worker.stop.is_stopping() {
        return worker.store.release(leased, worker.now()).await;
    }
    let rules = worker.chosen(&leased.survey).rules();
    let prompt = match prompt(worker, &leased.survey) {
        Ok(prompt) => prompt,
        Err(failure) => {
            let ended = worker.store.end(leased, Event::Refused(failure), None, worker.now()).await;
            return unless_lost(ended.map(|survey| log_end(&survey)));
        }
    };
    // Taken before the send is begun, so that nothing begun has to wait.
    let _slot = worker.slots.acquire().await;
    // One after the other: while one waits for a lock, the rest would only wait behind it.
    let turn = worker.begins.lock().await;
    if round.is_halted() || worker.stop.is_stopping() || !round.calls.begin() {
        drop(turn);
        return worker.store.release(leased, worker.now()).await;
    }
    let held = leased.clone();
    let begun = worker.store.begin_send(leased, prompt, rules, times(worker)).await;
    drop(turn);
    let begun = match begun {
        Ok(BeginOutcome::Sending(sending)) => return post(worker, *sending, round).await,
        Ok(BeginOutcome::Ended(survey)) => {
            match survey.state {
                State::Sent(_) | State::Answered(_) => {
                    log(&survey, "survey.resolved", "was sent before: X shows its prompt");
                }
                _ => log_end(&survey),
            }
            Ok(())
        }
        Ok(BeginOutcome::Waits { until: _ }) => {
            round.halt();
            // Where that is for X's limit, it is said.
            worker.calls_free_at(Call::Create).await.map(|_| ())
        }
        Ok(BeginOutcome::PutOff { until: _ }) => Ok(()),
        // What another daemon locks is not waited for: the other accounts come first.
        Err(store::Error::Busy(_)) => {
            round.halt();
            worker.store.release(held, worker.now().plus(BUSY_AGAIN)).await
        }
        Err(error) => unless_lost(Err(error)),
    };
    round.calls.end(None);
    begun
}

/// When a send is begun, and how long it may take.
pub fn times(worker: &AccountWorker) -> SendTimes {
    SendTimes {
        now: worker.now(),
        x_now: worker.x_now_at_least(),
        x_latest: worker.x_now_at_latest(),
        is_clock_confirmed: worker.x.clock().confirms(worker.now()),
        is_clock_settled: worker.x.clock().is_settled(worker.now()),
        lease: worker.lease(),
    }
}

impl Round {
    fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }
}

/// A claim that has passed to another is that one's to see to.
fn unless_lost(done: Result<()>) -> Result<()> {
    match done {
        Err(store::Error::LeaseLost(_)) => Ok(()),
        other => other,
    }
}

/// What the person is to see, by today's configuration and what the notice said at the close.
fn prompt(worker: &AccountWorker, survey: &Survey) -> Result<Prompt, Failure> {
    let settings = worker.chosen(survey);
    let notice = &survey.notice;
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let variables = BTreeMap::from([
        ("account", Value::from(survey.account.as_str())),
        ("source", Value::from(survey.source.as_str())),
        ("conversation_id", Value::from(survey.conversation_id.as_str())),
        ("user_id", Value::from(survey.person())),
        ("first_name", text(&notice.first_name)),
        ("language", text(&notice.language)),
        ("agent", text(&notice.agent)),
        ("team", text(&notice.team)),
        ("tags", Value::from(notice.tags.clone())),
        ("closed_by", notice.closed_by.map_or(Value::Null, |by| Value::from(by.as_str()))),
        ("attributes", serde_json::to_value(&notice.attributes).unwrap_or(Value::Null)),
    ]);
    let message = settings
        .templates()
        .render(notice.language.as_deref(), &variables)
        .map_err(|error| Failure { code: None, message: error.to_string() })?;
    Ok(Prompt {
        kind: settings.kind(),
        question_variant_id: settings.question_variant_id(),
        test: settings.test(),
        message,
        privacy_url: worker.account.privacy_url.clone(),
        display_name: worker.account.display_name.clone(),
        sent_as: worker.sent_as.clone(),
    })
}

async fn post(worker: &AccountWorker, sending: Sending, round: &Round) -> Result<()> {
    let survey = sending.survey().clone();
    if worker.stop.is_stopping() {
        // Begun while surveyd was told to stop, or to take another configuration: that one decides.
        let why = "surveyd was told to stop, or its configuration changed, before the request left";
        let outcome = SendOutcome::NotSent { why: why.into(), try_at: worker.now() };
        let finished = finish(worker, &sending, outcome).await?;
        log_outcome(&finished, why);
        return Ok(());
    }
    if let Err(fault) = worker.store.mark(&sending).await {
        let now = worker.now();
        let finished =
            finish(worker, &sending, SendOutcome::NotSent { why: fault.to_string(), try_at: now })
                .await?;
        log_outcome(&finished, &fault.to_string());
        return Err(fault);
    }
    log(&survey, "survey.sending", "is being sent");
    let asked_at = worker.x_now_at_latest();
    let answer = answer(worker, &sending).await;
    let now = worker.now();
    let mut why: Option<String> = None;
    let (mut pause, mut hold, mut refused) = (None, None, None);
    // A limit of one is a recipient's, not the account's.
    let mut told = answer.told.filter(|told| told.limit != Some(1));
    let outcome = match answer.result {
        Ok(update) => SendOutcome::Accepted {
            delivery: Delivery {
                sent_at: sent_at(update.object.created_at, worker.x_now_at_most(), now),
                feedback_id: update.id.clone(),
                dm_id: update.object.dm_id.clone(),
            },
            update: Box::new(update),
            show_at: worker.limits.freshness().first(now),
        },
        Err(Error::Person { reason, words }) => {
            refused = words.code.map(|code| (code, REFUSED_PERSONS));
            SendOutcome::Suppressed(reason, words)
        }
        Err(Error::Request(words)) => {
            refused = words.code.map(|code| (code, REFUSED_REQUESTS));
            SendOutcome::Refused(words)
        }
        Err(Error::NoAnswer(words)) => {
            why = Some(words.clone());
            unknown(worker, asked_at, words)
        }
        Err(Error::Account(words)) => {
            round.halt();
            why = Some(words.to_string());
            pause = Some(words);
            SendOutcome::NotSent { why: why.clone().unwrap_or_default(), try_at: now }
        }
        // The account has room by what X says: it may be the recipient's limit, which the account's
        // other prompts have nothing to do with.
        Err(Error::Limited { .. }) if let Some(limit) = answer.told.filter(has_room) => {
            told = None;
            why = Some("X refuses it for a limit, though the account has prompts left".into());
            SendOutcome::Limited { try_at: limited_until(worker, &survey, limit) }
        }
        Err(Error::Limited { reset_at }) => {
            round.halt();
            why = Some("X's limit is reached".into());
            hold = Some(reset_at);
            SendOutcome::NotSent { why: why.clone().unwrap_or_default(), try_at: now }
        }
        Err(Error::Clock(words)) => {
            why = Some(words.to_string());
            SendOutcome::NotSent { why: why.clone().unwrap_or_default(), try_at: now }
        }
        Err(Error::NotNow(words)) => {
            round.halt();
            worker.sending_trouble.met(now);
            why = Some(words);
            let again = now.plus(policy::backoff(&survey, survey.attempts));
            SendOutcome::NotSent {
                why: why.clone().unwrap_or_default(),
                try_at: again.min(worker.too_late_at(&survey)),
            }
        }
    };
    let show_at = match &outcome {
        SendOutcome::Accepted { show_at, .. } => *show_at,
        SendOutcome::NotSent { .. }
        | SendOutcome::Suppressed(..)
        | SendOutcome::Limited { .. }
        | SendOutcome::Refused(_)
        | SendOutcome::Unknown { .. } => None,
    };
    // The outcome first: what follows may fail without losing it.
    let mut finished = finish(worker, &sending, outcome).await;
    if let Err(error @ store::Error::Foreign(_)) = &finished {
        why = Some(error.to_string());
        finished = finish(worker, &sending, unknown(worker, asked_at, error.to_string())).await;
    }
    match finished {
        Ok(finished) => {
            if let Some(show_at) = show_at {
                worker.reading.due(show_at);
            }
            log_outcome(&finished, why.as_deref().unwrap_or_default());
        }
        // X's events have told of it before its answer came.
        Err(store::Error::LeaseLost(_)) => {}
        Err(error) => return Err(error),
    }
    if let Some((code, most)) = refused
        && worker.store.refused_people(worker.name(), code).await? >= most
    {
        round.halt();
        let message = format!("{most} people in a row were refused with it");
        pause = Some(Failure { code: Some(code), message });
    }
    if let Some(words) = pause {
        worker.pause(&words).await?;
    }
    if let Some(reset_at) = hold {
        worker.hold(Call::Create, reset_at).await?;
    }
    let under_way = round.calls.end(told);
    worker.hear(Call::Create, told, under_way).await
}

/// X's answer to the one request, or what stands for it.
async fn answer(worker: &AccountWorker, sending: &Sending) -> x::Answer<Update> {
    let nothing = |error| x::Answer { result: Err(error), told: None };
    if is_held_up(sending.begun_here(), worker.now()) {
        return nothing(Error::NotNow("it was held up before its request left".into()));
    }
    tokio::select! {
        answer = worker.x.send_prompt(&worker.keys, sending, worker.now()) => answer,
        () = worker.stop.out_of_time() => {
            nothing(Error::NoAnswer("surveyd was stopped before X answered".into()))
        }
    }
}

/// What a request came to that ends now without an answer that tells.
fn unknown(worker: &AccountWorker, asked_at: Millis, why: String) -> SendOutcome {
    let given_up_at = ended_at(asked_at, worker.x_now_at_latest(), worker.limits.send_timeout);
    SendOutcome::Unknown {
        why,
        given_up_at,
        spent_at: given_up_at.plus(worker.limits.settle_after),
    }
}

/// When a request ended. A clock that was set back meanwhile does not tell: then as late as it may.
fn ended_at(asked_at: Millis, now: Millis, send_timeout: Duration) -> Millis {
    if now < asked_at { asked_at.plus(send_timeout) } else { now }
}

/// Whether a request must not leave any more: a machine that was suspended since it was begun may
/// find that others have given it up, and even settled that it never left. A clock that was set
/// back since does not tell how long it has been.
fn is_held_up(begun_here: Millis, now: Millis) -> bool {
    now < begun_here || now > begun_here.plus(LEASE_MARGIN)
}

/// When X has sent a prompt, by X's clock: now, unless X's own record of it agrees with our clock
/// against the date of its answers.
fn sent_at(made_at: Option<Millis>, x_now: Millis, now: Millis) -> Millis {
    let agree = |one: Millis, other: Millis| one.since(other).max(other.since(one)) < TOGETHER;
    match made_at {
        Some(made_at) if agree(made_at, now) && !agree(made_at, x_now) => made_at,
        Some(_) | None => x_now,
    }
}

/// As long as a request may take, and then some.
const TOGETHER: Duration = Duration::from_secs(5 * 60);

/// The same unknown refusal of so many people in a row is none of theirs: the account is paused.
const REFUSED_REQUESTS: i64 = 3;
/// The same for refusals that name the person; X uses some of them for the account as well.
const REFUSED_PERSONS: i64 = 10;

/// Whether the account may send other prompts, by the headers of a refusal for a limit.
fn has_room(told: &RateHeaders) -> bool {
    told.limit == Some(1) || told.remaining > 0
}

/// When a prompt may be tried again that was refused for a limit while the account has room;
/// `None`: not in time. A limit of one is the recipient's, whose day is longer than anybody
/// remembers a talk.
fn limited_until(worker: &AccountWorker, survey: &Survey, told: RateHeaders) -> Option<Millis> {
    let reset_at = worker.by_our_clock(told.reset_at).max(worker.now().plus(HOLD_FIRST));
    let is_in_time = told.limit != Some(1) && reset_at < worker.too_late_at(survey);
    is_in_time.then_some(reset_at)
}

/// How long apart the outcome of a request is written again where the store refuses it.
const FINISH_AGAIN: Duration = Duration::from_millis(500);

/// Writes the outcome, as often as it takes: once forgotten, the survey would be uncertain, though
/// we know better. While it cannot be written no further send is begun, for that cannot be written
/// either.
async fn finish(worker: &AccountWorker, sending: &Sending, outcome: SendOutcome) -> Result<Survey> {
    let now = worker.now();
    loop {
        match worker.store.finish(sending, outcome.clone(), now).await {
            Err(fault @ (store::Error::Unavailable(_) | store::Error::Busy(_))) => tokio::select! {
                () = tokio::time::sleep(FINISH_AGAIN) => {}
                () = worker.stop.out_of_time() => return Err(fault),
            },
            done => return done,
        }
    }
}

fn log(survey: &Survey, event: &'static str, what: &str) {
    info!(
        event,
        account = survey.account,
        survey_id = survey.id.as_str(),
        conversation_id = survey.conversation_id.as_str(),
        feedback_id = survey.state.delivery().map(|delivery| delivery.feedback_id.as_str()),
        "survey {} {what}",
        survey.id,
    );
}

fn log_outcome(survey: &Survey, why: &str) {
    match &survey.state {
        State::Sent(_) => log(survey, "survey.sent", "is sent"),
        State::Answered(_) => {
            log(survey, "survey.sent", "is sent");
            log(survey, "feedback.answered", "is answered");
        }
        State::Scheduled => warn!(
            event = "survey.retry",
            account = survey.account,
            survey_id = survey.id.as_str(),
            conversation_id = survey.conversation_id.as_str(),
            reason = why,
            "survey {} was not sent ({why}); it is tried again",
            survey.id,
        ),
        State::Uncertain { .. } => log_uncertain(survey, why),
        State::Sending { .. }
        | State::Suppressed(_)
        | State::Cancelled(_)
        | State::Expired
        | State::Failed(_) => log_end(survey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_ends_before_it_began_has_taken_as_long_as_it_may() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        assert_eq!(ended_at(Millis(0), Millis(0).plus(second), minute), Millis(0).plus(second));
        assert_eq!(ended_at(Millis(0), Millis(-1), minute), Millis(0).plus(minute));
    }

    #[test]
    fn a_request_that_was_held_up_does_not_leave() {
        let begun = Millis(0);
        assert!(!is_held_up(begun, begun.plus(LEASE_MARGIN)));
        assert!(is_held_up(begun, Millis(1).plus(LEASE_MARGIN)));
        assert!(is_held_up(begun, Millis(-1)), "a clock that was set back does not tell");
    }

    #[test]
    fn a_prompt_is_dated_by_xs_clock_unless_its_own_record_and_ours_agree_against_that() {
        let hour = Duration::from_secs(60 * 60);
        let (now, second) = (Millis(0).plus(100 * hour), Duration::from_secs(1));
        for x_now in [now.minus(24 * hour), now.plus(hour), now.plus(365 * 24 * hour)] {
            assert_eq!(sent_at(Some(now.minus(second)), x_now, now), now.minus(second));
            assert_eq!(sent_at(Some(x_now.minus(second)), x_now, now), x_now, "ours is wrong");
            assert_eq!(sent_at(None, x_now, now), x_now);
        }
        assert_eq!(sent_at(Some(now.minus(second)), now, now), now);
    }
}
