//! Asks X about single fresh prompts when [`crate::domain::freshness`] says that it is worth a
//! call.
//!
//! The database holds when each prompt is asked about next. The state kept here can be computed
//! from it again.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tracing::{info, warn};

use crate::domain::budget::Call;
use crate::domain::budget::CallPace;
use crate::domain::feedback::Update;
use crate::domain::freshness::{self, Fresh, Habits, Schedule};
use crate::domain::time::{Millis, Ready};
use crate::store::{Result, ShowOutcome, ToShow};
use crate::worker::{AccountWorker, CallAllowance};
use crate::x::{Error, Remedy};

/// The most prompts that one pass chooses from. More are due only after an outage. These are the
/// newest.
const DUE_MAX: u32 = 1_000;
/// The most prompts asked about out of turn in one pass.
const OUT_OF_TURN_MAX: u32 = 60;

/// How often the price is computed again. The crowd of prompts changes by the hour.
const PRICED_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often the account's own answers are counted again. The next two are the number of prompts
/// counted and their greatest age.
const LEARNED_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
const LEARNED_FROM: u32 = 2_000;
const LEARNED_SINCE: Duration = Duration::from_secs(28 * 24 * 60 * 60);
/// How often surveyd looks for questions that a clock running ahead has put off. A clock that is
/// set back makes it look at once.
const PULLED_BACK_EVERY: Duration = Duration::from_secs(5 * 60);

/// How long a prompt waits after X gave no answer about it.
const AFTER_FAULT: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Default)]
pub struct Shows {
    schedule: Option<Scheduled>,
    pulled_back_at: Option<Millis>,
    /// The number of due prompts that found no call in the last pass.
    left: usize,
}

#[derive(Debug)]
struct Scheduled {
    schedule: Schedule,
    learned_at: Millis,
    priced_at: Millis,
}

/// Asks about the prompts that are due. Returns when the next one is due.
pub async fn shows(worker: &AccountWorker, shows: &mut Shows) -> Result<Option<Millis>> {
    let now = worker.now();
    if !shows.pulled_back_at.is_some_and(|at| at.is_recent(now, PULLED_BACK_EVERY)) {
        pull_back(worker, now).await?;
        shows.pulled_back_at = Some(now);
    }
    let next = worker.store.next_show(worker.name()).await?;
    if next.is_none_or(|next| next > now) || worker.stop.is_stopping() {
        return Ok(next);
    }
    if let Some(until) = worker.reading_trouble.until(now).filter(|until| *until > now) {
        return Ok(Some(until));
    }
    let together = worker.limits.freshness().together();
    let allowed = worker.store.calls_allowed(worker.name(), Call::Show).await?;
    let calls_a_minute = freshness::calls_a_minute(allowed);
    let schedule = schedule(worker, shows.schedule.take(), calls_a_minute, shows.left).await?;
    let schedule = &shows.schedule.insert(schedule).schedule;
    let due = worker.store.to_show(worker.name(), DUE_MAX, now.plus(together)).await?;
    let (pointed_at, due) = due.into_iter().partition(ToShow::is_out_of_turn);
    let of = |due: Vec<ToShow>, calls| {
        schedule.round(due, calls, now, |due| by_our_clock(worker, due.fresh))
    };
    let first = of(pointed_at, OUT_OF_TURN_MAX);
    let round = of(due, worker.calls_paced(Call::Show, calls_a_minute).await?);
    shows.left = round.left;
    let over = first.over.iter().chain(&round.over).map(|prompt| told(prompt, None, None));
    worker.store.show_again(over.collect()).await?;
    let asked = match take(worker, first.asked, round.asked, calls_a_minute).await? {
        Ready::Now(asked) => asked,
        Ready::At(until) => return Ok(Some(until)),
    };
    if let Some(until) = ask(worker, schedule, asked).await? {
        return Ok(Some(until));
    }
    let wait = CallPace::wait(calls_a_minute, together);
    let next = worker.store.next_show(worker.name()).await?;
    Ok(next.map(|next| if round.left > 0 { next.max(now.plus(wait)) } else { next }))
}

/// Brings forward the questions that a clock running ahead has planned. Otherwise they would wait
/// until the clock had come there again.
async fn pull_back(worker: &AccountWorker, now: Millis) -> Result<()> {
    let bounds = worker.limits.freshness();
    let first = bounds.first(now).map_or(now, |at| at.max(now.plus(AFTER_FAULT)));
    let latest = now.plus(bounds.fresh_for);
    let pulled = worker.store.pull_back_shows(worker.name(), now, (first, latest)).await?;
    if pulled > 0 {
        info!(
            event = "poll.pulled_back",
            account = worker.name(),
            prompts = pulled,
            "this machine's clock ran ahead and was put right: {pulled} prompts of account {} that \
             were to be asked about later are asked about now",
            worker.name(),
        );
    }
    Ok(())
}

/// Returns the schedule and updates it if it is time.
async fn schedule(
    worker: &AccountWorker,
    scheduled: Option<Scheduled>,
    calls_a_minute: f64,
    left: usize,
) -> Result<Scheduled> {
    let now = worker.now();
    let bounds = worker.limits.freshness();
    let mut scheduled = match scheduled {
        Some(scheduled) if scheduled.learned_at.is_recent(now, LEARNED_EVERY) => scheduled,
        Some(_) | None => {
            let read_to = worker.store.poll_state(worker.name()).await?.done_to;
            let since = now.minus(LEARNED_SINCE);
            let observed =
                worker.store.observed(worker.name(), since, read_to, LEARNED_FROM).await?;
            let habits = Habits::of(&observed, bounds.fresh_for);
            let schedule = Schedule::new(bounds, habits);
            Scheduled { schedule, learned_at: now, priced_at: Millis(i64::MIN) }
        }
    };
    if !scheduled.priced_at.is_recent(now, PRICED_EVERY) {
        let crowd = worker.store.crowd(worker.name(), now).await?;
        scheduled.schedule.set_price(&crowd, calls_a_minute, left);
        scheduled.priced_at = now;
    }
    Ok(scheduled)
}

/// Takes the calls for prompts from the budget. Prompts out of turn go first. Returns the prompts
/// that calls were found for. [`Ready::At`] is when a call is free.
async fn take(
    worker: &AccountWorker,
    mut first: Vec<ToShow>,
    mut in_turn: Vec<ToShow>,
    calls_a_minute: f64,
) -> Result<Ready<Vec<ToShow>>> {
    let count = |asked: &[ToShow]| u32::try_from(asked.len()).unwrap_or(u32::MAX);
    if !first.is_empty() {
        match worker.take_calls(Call::Show, count(&first)).await? {
            Ready::Now(taken) => first.truncate(taken as usize),
            Ready::At(until) => return Ok(Ready::At(until)),
        }
    }
    if !in_turn.is_empty() {
        match worker.take_paced_calls(Call::Show, (count(&in_turn), calls_a_minute)).await? {
            // This is fewer if another daemon has taken calls since.
            Ready::Now(taken) => in_turn.truncate(taken as usize),
            Ready::At(until) if first.is_empty() => return Ok(Ready::At(until)),
            Ready::At(_) => in_turn.clear(),
        }
    }
    first.append(&mut in_turn);
    Ok(Ready::Now(first))
}

/// Asks about prompts that calls have been taken for. Returns the instant before which X must not
/// be asked again, if there is one.
async fn ask(
    worker: &AccountWorker,
    schedule: &Schedule,
    asked: Vec<ToShow>,
) -> Result<Option<Millis>> {
    if asked.is_empty() {
        return Ok(None);
    }
    let allowed = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    let taken_at = worker.x_now_at_least();
    let calls = CallAllowance::as_budgeted();
    let answers = stream::iter(asked).map(|prompt| async {
        if worker.stop.is_stopping() || !calls.begin() {
            return None;
        }
        let asked = worker.x.show(&worker.keys, &prompt.feedback_id, worker.now());
        let answer = worker.unless_stopping(asked).await;
        calls.end(answer.as_ref().and_then(|answer| answer.rate));
        Some((prompt, answer?))
    });
    let mut answers = answers.buffer_unordered(worker.limits.concurrency);
    let (mut updates, mut done) = (Vec::new(), Vec::new());
    let mut under_way = allowed;
    let mut not_before = None;
    while let Some(asked) = answers.next().await {
        under_way = under_way.saturating_sub(1);
        // X must not be asked any more, or surveyd is stopping. The prompt stays due.
        let Some((prompt, answer)) = asked else { continue };
        worker.hear(Call::Show, answer.rate, under_way).await?;
        let now = worker.now();
        match answer.result {
            Ok(update) => {
                worker.reading_trouble.over();
                let partly_at = partly_at(&update).or(prompt.fresh.partly_at);
                let fresh = Fresh { asked_at: Some(now), partly_at, ..prompt.fresh };
                let fresh = by_our_clock(worker, fresh);
                done.push(told(&prompt, Some(now), schedule.next(&fresh)));
                updates.push(update);
            }
            Err(error) => match Remedy::of(&error, false) {
                Remedy::HoldCalls(reset_at) => {
                    calls.halt();
                    not_before = Some(worker.hold(Call::Show, reset_at).await?);
                }
                Remedy::PauseAccount(words) => {
                    calls.halt();
                    worker.pause(&words).await?;
                }
                // X does not know the prompt or never answers for it. The events may still show
                // its answer.
                Remedy::GiveUp(_) | Remedy::LeavePlace(_) => done.push(told(&prompt, None, None)),
                Remedy::SignAgain | Remedy::AskLater => {
                    // A fault at X rather than with this prompt would meet the others as well.
                    calls.halt();
                    not_before = not_before.max(Some(worker.reading_trouble.met(now)));
                    // Not at once. If the fault is with this prompt, the others must have their
                    // turn.
                    done.push(told(&prompt, None, Some(now.plus(AFTER_FAULT))));
                    log_failed(worker, &prompt, &error);
                }
            },
        }
    }
    drop(answers);
    worker.give_back_calls(Call::Show, allowed, calls.begun(), taken_at).await?;
    // Write this before the fold. The fold ends the questions about complete answers.
    worker.store.show_again(done).await?;
    worker.log(&worker.store.fold(worker.name(), updates, worker.now()).await?);
    Ok(not_before)
}

/// Converts X's dates to our clock, by which the questions are planned.
fn by_our_clock(worker: &AccountWorker, fresh: Fresh) -> Fresh {
    Fresh {
        sent_at: worker.by_our_clock(fresh.sent_at),
        asked_at: fresh.asked_at,
        partly_at: fresh.partly_at.map(|at| worker.by_our_clock(at)),
    }
}

/// Returns when the first part of an answer was given.
fn partly_at(update: &Update) -> Option<Millis> {
    let score_at = update.score.as_ref().map(|score| score.given_at);
    let text_at = update.text.as_ref().map(|text| text.given_at);
    score_at.into_iter().chain(text_at).min()
}

fn told(prompt: &ToShow, asked_at: Option<Millis>, again: Option<Millis>) -> ShowOutcome {
    ShowOutcome { survey_id: prompt.survey_id.clone(), was: prompt.show_at, asked_at, again }
}

fn log_failed(worker: &AccountWorker, prompt: &ToShow, error: &Error) {
    warn!(
        event = "poll.failed",
        account = worker.name(),
        survey_id = prompt.survey_id.as_str(),
        feedback_id = prompt.feedback_id.as_str(),
        "feedback {} cannot be asked about ({error})",
        prompt.feedback_id,
    );
}
