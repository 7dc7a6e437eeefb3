//! Sends several prompts in parallel and each of them once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::{info, warn};

use super::outcome::{self, ForAccount, Judgement, Situation};
use super::{log_end, log_uncertain};
use crate::domain::budget::{Call, RateHeaders};
use crate::domain::feedback::Update;
use crate::domain::policy;
use crate::domain::prompt_text;
use crate::domain::survey::{Event, Failure, State, Survey};
use crate::domain::time::Millis;
use crate::meters::PromptOutcome;
use crate::store::{self, BeginOutcome, Leased, Prompt, Result, SendOutcome, SendTimes, Sending};
use crate::worker::{AccountWorker, CallAllowance, LEASE_MARGIN};
use crate::x::{self, Error};

/// How long a send waits that another daemon's lock kept from beginning.
const BUSY_AGAIN: Duration = Duration::from_secs(2);

/// The state that the sends of one pass share.
struct Round {
    /// True once X has refused the account or its budget is spent. No further send is begun then.
    halted: AtomicBool,
    calls: CallAllowance,
}

pub async fn send_all(worker: &AccountWorker, leased: Vec<Leased>) -> Result<()> {
    let round = Round { halted: AtomicBool::new(false), calls: CallAllowance::as_budgeted() };
    let fault = Mutex::new(None);
    stream::iter(leased)
        .for_each_concurrent(worker.limits.concurrency, |leased| async {
            if let Err(error) = send(worker, leased, &round).await {
                // The other requests are under way. They are finished in spite of this fault.
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
    // The slot is taken before the send is begun, so that a begun send never waits for one.
    let _slot = worker.slots.acquire().await;
    // Sends are begun one at a time. If one waits for a lock, the others would only queue behind
    // it.
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
            // This logs X's limit if that is what the account waits for.
            worker.calls_free_at(Call::Create).await.map(|_| ())
        }
        Ok(BeginOutcome::PutOff { until: _ }) => Ok(()),
        // Do not wait for another daemon's lock. That would hold up the other accounts.
        Err(store::Error::Busy(_)) => {
            round.halt();
            worker.store.release(held, worker.now().plus(BUSY_AGAIN)).await
        }
        Err(error) => unless_lost(Err(error)),
    };
    round.calls.end(None);
    begun
}

/// Returns the present by each clock and the lease of a send begun now.
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

/// Ignores a lost lease. The worker that holds the lease now takes care of the survey.
fn unless_lost(done: Result<()>) -> Result<()> {
    match done {
        Err(store::Error::LeaseLost(_)) => Ok(()),
        other => other,
    }
}

/// Renders the prompt for a survey. It uses today's configuration and the notice of the close.
fn prompt(worker: &AccountWorker, survey: &Survey) -> Result<Prompt, Failure> {
    let settings = worker.chosen(survey);
    let notice = &survey.notice;
    let ids = [&survey.account, &survey.source, survey.conversation_id.as_str(), survey.person()];
    let variables = prompt_text::variables(ids, notice);
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
        // The send was begun while surveyd was stopping or reloading. The next configuration
        // decides.
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
    let situation = situation(worker, &survey, asked_at, answer.rate);
    let Judgement { outcome, mut why, account } = outcome::judge(answer, &situation);
    if account.halts {
        round.halt();
    }
    if account.is_x_away {
        worker.sending_trouble.met(situation.now);
    }
    let show_at = match &outcome {
        SendOutcome::Accepted { show_at, .. } => *show_at,
        SendOutcome::NotSent { .. }
        | SendOutcome::Suppressed(..)
        | SendOutcome::Limited { .. }
        | SendOutcome::Refused(_)
        | SendOutcome::Unknown { .. } => None,
    };
    // Write the outcome first. A later step may fail and must not lose it.
    let mut finished = finish(worker, &sending, outcome).await;
    if let Err(error @ store::Error::Foreign(_)) = &finished {
        why = error.to_string();
        let given_up_at = given_up_at(worker, asked_at);
        let unknown = outcome::unknown(given_up_at, worker.limits.settle_after, why.clone());
        finished = finish(worker, &sending, unknown).await;
    }
    match finished {
        Ok(finished) => {
            if let Some(show_at) = show_at {
                worker.reading.due(show_at);
            }
            count(worker, &finished);
            log_outcome(&finished, &why);
        }
        // X's events settled the survey before X's answer came.
        Err(store::Error::LeaseLost(_)) => {}
        Err(error) => return Err(error),
    }
    follow(worker, account, round).await
}

/// Gathers what is known besides X's answer.
fn situation(
    worker: &AccountWorker,
    survey: &Survey,
    asked_at: Millis,
    rate: Option<RateHeaders>,
) -> Situation {
    let now = worker.now();
    Situation {
        now,
        x_now: worker.x_now_at_most(),
        given_up_at: given_up_at(worker, asked_at),
        settle_after: worker.limits.settle_after,
        show_at: worker.limits.freshness().first(now),
        limit_ends_at: rate.map(|rate| worker.by_our_clock(rate.reset_at)),
        again_at: now.plus(policy::backoff(survey, survey.attempts)),
        too_late_at: worker.too_late_at(survey),
    }
}

/// Returns the latest instant by X's clock at which the request made at `asked_at` ended.
fn given_up_at(worker: &AccountWorker, asked_at: Millis) -> Millis {
    ended_at(asked_at, worker.x_now_at_latest(), worker.limits.send_timeout)
}

/// Carries out what an answer means for the account.
async fn follow(worker: &AccountWorker, account: ForAccount, round: &Round) -> Result<()> {
    let mut pause = account.pause;
    if let Some((code, most)) = account.pause_after
        && worker.store.refused_people(worker.name(), code).await? >= most
    {
        round.halt();
        let message = format!("{most} people in a row were refused with it");
        pause = Some(Failure { code: Some(code), message });
    }
    if let Some(words) = pause {
        worker.pause(&words).await?;
    }
    if let Some(reset_at) = account.hold {
        worker.hold(Call::Create, reset_at).await?;
    }
    let under_way = round.calls.end(account.rate);
    worker.hear(Call::Create, account.rate, under_way).await
}

/// Sends the one request and returns X's answer. Returns an error in its place if the request was
/// held up or surveyd ran out of time.
async fn answer(worker: &AccountWorker, sending: &Sending) -> x::CallResult<Update> {
    let nothing = |error| x::CallResult { result: Err(error), rate: None };
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

/// Returns when a request ended. If the clock was set back meanwhile, the longest possible time is
/// assumed.
fn ended_at(asked_at: Millis, now: Millis, send_timeout: Duration) -> Millis {
    if now < asked_at { asked_at.plus(send_timeout) } else { now }
}

/// True if a request must no longer leave because it was held up since it was begun. The machine
/// may have been suspended. Another worker may then have given the request up and even settled that
/// it never left. A clock that was set back cannot tell how long it has been.
fn is_held_up(begun_here: Millis, now: Millis) -> bool {
    now < begun_here || now > begun_here.plus(LEASE_MARGIN)
}

/// The wait between two attempts to write an outcome that the store refused.
const FINISH_AGAIN: Duration = Duration::from_millis(500);

/// Writes the outcome and retries until the store takes it. Without its outcome the survey would
/// become uncertain although surveyd knows better. No further send begins meanwhile, because the
/// store cannot write that either.
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

fn count(worker: &AccountWorker, survey: &Survey) {
    let outcome = match &survey.state {
        State::Sent(_) | State::Answered(_) => {
            let took = worker.now().since(survey.closed_at);
            worker.meters.close_to_prompt(worker.name(), took);
            PromptOutcome::Sent
        }
        State::Scheduled | State::Sending { .. } => PromptOutcome::Retried,
        State::Uncertain { .. } => PromptOutcome::Uncertain,
        State::Suppressed(_) => PromptOutcome::Suppressed,
        State::Failed(_) | State::Cancelled(_) | State::Expired => PromptOutcome::Failed,
    };
    worker.meters.prompt(worker.name(), outcome);
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
}
