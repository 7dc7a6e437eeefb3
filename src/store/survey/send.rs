//! A prompt's way through the store: leased, begun, finished.
//!
//! [`Store::lease_due`] gives a [`Leased`]. [`Store::begin_send`] turns it into a [`Sending`] once
//! it is durable that a request is about to leave. Only a [`Sending`] can be sent and finished. So
//! no prompt leaves without a record on the disk. A worker that has lost its lease cannot begin a
//! send.

use sqlx::AnyConnection;

use super::lease::{Leased, retake};
use super::prompt::{Prompt, SendTimes};
use super::send_outcome::{SendOutcome, WrittenOutcome, open_request, written};
use super::step::{advance_state, step_locked, touch};
use super::{decide, dry_run};
use crate::domain::budget::Call;
use crate::domain::feedback::Trust;
use crate::domain::id::{SurveyId, external_id};
use crate::domain::policy::Rules;
use crate::domain::policy::decision::{Ground, Verdict};
use crate::domain::survey::{CancelledBy, Event, Reason, State, Survey};
use crate::domain::time::{Millis, look_again_at};
use crate::store::account::budgets;
use crate::store::database::mark_comparison::Standing;
use crate::store::database::progress;
use crate::store::feedback::matching::Before;
use crate::store::feedback::{fold, matching};
use crate::store::person::keys::Keys;
use crate::store::person::screen;
use crate::store::rebuild::surveys;
use crate::store::{Error, Result, Store};

/// The permission to send one prompt, once. The disk records that its request is under way.
#[derive(Debug)]
pub struct Sending {
    survey: Survey,
    prompt: Prompt,
    /// The daemon that sends, and the number of sends it has begun, this one included.
    daemon_id: String,
    sends: i64,
    /// The instant by our clock.
    begun_here: Millis,
}

impl Sending {
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Returns the instant at which the send began, by our clock.
    pub fn begun_here(&self) -> Millis {
        self.begun_here
    }
}

impl SendTimes {
    /// Returns the instant by our clock at which to look again at a survey that waits until `until`
    /// by `x_now`.
    pub(in crate::store) fn wait_until(self, until: Millis) -> Millis {
        look_again_at(until, self.now, self.x_now)
    }
}

/// The result of the last decision before a send.
#[derive(Debug)]
pub enum BeginOutcome {
    Sending(Box<Sending>),
    /// The survey is not sent. Its state says why.
    Ended(Box<Survey>),
    /// The account cannot send until then. The survey stays scheduled.
    Waits {
        until: Millis,
    },
    /// This survey alone is not sent until then. It stays scheduled.
    PutOff {
        until: Millis,
    },
}

const REOPENED: &str = "select reopened_at from reopening where account = $1 \
     and conversation_id = $2 and reopened_at >= $3";

const TAKEN_NAME: &str = "select id from survey where account = $1 and external_id = $2 \
     and user_id = $3 and begun_at is not null and id <> $4 limit 1";

const BEGIN: &str = "update survey set spent_at = $1, throttle_group = $2, \
     attempts = attempts + 1, crashes = 0, lease_until = $3, external_id = $4, kind = $5, \
     question_variant_id = $6, test = $7, message = $8, begun_here = $10, given_up_here = null, sent_as = $11 \
     where id = $9";

/// Changes no row if the feedback in X's answer belongs to another survey.
const FINISH: &str = "update survey set spent_at = $1, try_at = $2, show_at = $3, \
     failure_code = coalesce($4, failure_code), given_up_here = coalesce($6, given_up_here) \
     where id = $5 and not exists (select 1 from survey other where other.account = $7 \
     and other.feedback_id = $8 and other.id <> $5)";

impl Store {
    /// Decides for the last time. If the prompt is to be sent, records durably that its request is
    /// about to leave.
    pub async fn begin_send(
        &self,
        leased: Leased,
        prompt: Prompt,
        rules: Rules,
        times: SendTimes,
    ) -> Result<BeginOutcome> {
        let standing = self.standing.clone();
        self.writer
            .run(move |connection| {
                Box::pin(begin(connection, standing, leased, prompt, rules, times))
            })
            .await
    }

    /// Counts a send in the mark before its request leaves. A restored backup of the database does
    /// not know of this send. The mark does.
    pub async fn mark(&self, sending: &Sending) -> Result<()> {
        let (standing, location) = (self.standing.clone(), self.location.clone());
        let sends = sending.sends;
        let written =
            tokio::task::spawn_blocking(move || standing.write_mark(sends, &location)).await;
        let written = written.map_err(|error| Error::Unavailable(error.to_string()))?;
        if let Err(error @ Error::Io(_)) = &written {
            // The mark lies on the disk of the database.
            self.failure.send_replace(Some(error.clone()));
        }
        written
    }

    /// Writes the outcome of a request and returns the survey afterwards. If the store is
    /// unavailable then the caller may write the outcome again. A late answer settles a request
    /// that was taken for lost. An answer with the feedback of another prompt is refused because it
    /// proves nothing.
    pub async fn finish(
        &self,
        sending: &Sending,
        outcome: SendOutcome,
        now: Millis,
    ) -> Result<Survey> {
        let (id, attempt) = (sending.survey.id.clone(), sending.survey.attempts);
        let daemon_id = sending.daemon_id.clone();
        self.writer
            .run(move |connection| {
                Box::pin(finish(connection, (id, attempt), daemon_id, outcome, now))
            })
            .await
    }
}

async fn begin(
    connection: &mut AnyConnection,
    standing: Standing,
    leased: Leased,
    prompt: Prompt,
    rules: Rules,
    times: SendTimes,
) -> Result<BeginOutcome> {
    let SendTimes { now, x_now, .. } = times;
    let daemon_id = standing.counted_as()?;
    decide::guard(connection, &rules).await?;
    let (survey, token) = retake(connection, leased).await?;
    if let Some(ended) = end_before(connection, (&survey, token), now).await? {
        return Ok(BeginOutcome::Ended(Box::new(ended)));
    }
    let ground = match decide::decide(connection, &survey, &rules, times).await? {
        Ground::Clear(clear) => {
            dry_run::permit(connection, &survey.account, (&prompt, rules.mode), clear, times)
                .await?
        }
        other => other,
    };
    let is_of_account = ground.is_of_account();
    let decision = rules.decided(ground, now);
    let event = match decision.verdict() {
        Verdict::Send => Event::Begun { at: x_now },
        Verdict::Suppress(reason) => Event::Suppressed(reason),
        Verdict::Expire => Event::TooLate,
        Verdict::Wait { until } | Verdict::Schedule { due_at: until } => {
            let until =
                decide::wait(connection, (&survey, token), &rules, decision, until, times).await?;
            return Ok(match is_of_account {
                true => BeginOutcome::Waits { until },
                false => BeginOutcome::PutOff { until },
            });
        }
    };
    let mut survey = decide::step(connection, (survey, token), event, &decision).await?;
    if survey.state == State::Suppressed(Reason::DryRun) {
        dry_run::keep(connection, &survey, &prompt, &rules, x_now).await?;
    }
    if !matches!(survey.state, State::Sending { .. }) {
        return Ok(BeginOutcome::Ended(Box::new(survey)));
    }
    write_begun(connection, &mut survey, &prompt, rules.throttle_group, times).await?;
    let sends = standing.count(progress::record(connection, &daemon_id, 1, now).await?)?;
    let begun_here = now;
    Ok(BeginOutcome::Sending(Box::new(Sending { survey, prompt, daemon_id, sends, begun_here })))
}

/// Ends a survey that needs no decision. Either its conversation was reopened or X has shown a
/// prompt for its close. Returns the survey afterwards.
async fn end_before(
    connection: &mut AnyConnection,
    (survey, token): (&Survey, i64),
    now: Millis,
) -> Result<Option<Survey>> {
    let reopened: Option<i64> = sqlx::query_scalar(REOPENED)
        .bind(survey.account.as_str())
        .bind(survey.conversation_id.as_str())
        .bind(survey.closed_at.0)
        .fetch_optional(&mut *connection)
        .await?;
    let locked = || (survey.clone(), token);
    let keys = Keys::read(connection).await?;
    if screen::is_erased(connection, &keys, survey.person()).await? {
        let event = Event::Suppressed(Reason::Forgotten);
        return step_locked(connection, locked(), event, now, None).await.map(Some);
    }
    if reopened.is_some() {
        let event = Event::Cancelled(CancelledBy::Reopened);
        return step_locked(connection, locked(), event, now, None).await.map(Some);
    }
    let asked = match matching::find_before(connection, survey, now).await? {
        Before::Prompt(found) => return Ok(Some(*found)),
        Before::Namesake(id) => Some(format!(
            "X shows feedback {id} under the name of this prompt: the person is not asked again"
        )),
        Before::Nothing => {
            let before = surveys::prompted_before(connection, survey).await?;
            before.map(|before| format!("X has shown the prompt of this close: survey {before}"))
        }
    };
    let Some(why) = asked else { return Ok(None) };
    let event = Event::Suppressed(Reason::Throttled);
    step_locked(connection, locked(), event, now, Some(&why)).await.map(Some)
}

/// Writes what the request carries and the instant from which it counts as sent.
async fn write_begun(
    connection: &mut AnyConnection,
    survey: &mut Survey,
    prompt: &Prompt,
    throttle_group: String,
    SendTimes { now, x_latest, lease, .. }: SendTimes,
) -> Result<()> {
    survey.external_id = free_name(connection, survey).await?;
    survey.kind = prompt.kind;
    survey.question_variant_id = prompt.question_variant_id;
    survey.test = prompt.test;
    survey.attempts += 1;
    sqlx::query(BEGIN)
        .bind(x_latest.0)
        .bind(throttle_group)
        .bind(now.plus(lease).0)
        .bind(survey.external_id.as_str())
        .bind(prompt.kind.as_str())
        .bind(i64::from(prompt.question_variant_id))
        .bind(i64::from(prompt.test))
        // PostgreSQL's text cannot hold U+0000.
        .bind(prompt.message.replace('\0', ""))
        .bind(survey.id.as_str())
        .bind(now.0)
        .bind(prompt.sent_as.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns an external id that no prompt to the same person carries. This is the survey's own id if
/// it is free. Otherwise it is the next free one. Conversation `a#2` and the second survey of `a`
/// can clash in this way.
async fn free_name(connection: &mut AnyConnection, survey: &Survey) -> Result<String> {
    let mut name = survey.external_id.clone();
    let mut ordinal = 1;
    loop {
        let taken: Option<String> = sqlx::query_scalar(TAKEN_NAME)
            .bind(survey.account.as_str())
            .bind(name.as_str())
            .bind(survey.person())
            .bind(survey.id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        if taken.is_none() {
            return Ok(name);
        }
        ordinal += 1;
        name = external_id(&survey.conversation_id, ordinal);
    }
}

async fn finish(
    connection: &mut AnyConnection,
    (id, attempt): (SurveyId, u32),
    daemon_id: String,
    outcome: SendOutcome,
    now: Millis,
) -> Result<Survey> {
    // Before the survey's row, as whoever erases takes them.
    Keys::enter(connection).await?;
    // A request is named by its survey and its attempt instead of its lease. The worker with X's
    // answer knows more than another worker that has given the request up.
    let locked = touch(connection, &id).await?.filter(|(survey, _)| survey.attempts == attempt);
    let Some(locked) = locked else { return Err(Error::LeaseLost(id.to_string())) };
    let (begun_at, is_open) = open_request(&locked.0, &outcome, now)?;
    let account = locked.0.account.clone();
    let given_up_here = matches!(outcome, SendOutcome::Unknown { .. }).then_some(now.0);
    let request = (&id, begun_at, is_open);
    let WrittenOutcome { event, why, code, spent_at, try_at, show_at, update } =
        written(connection, request, outcome, now).await?;
    let survey = step_locked(connection, locked, event, now, why.as_deref()).await?;
    let finished = sqlx::query(FINISH)
        .bind(spent_at.map(|at| at.0))
        .bind(try_at.0)
        .bind(show_at.map(|at| at.0))
        .bind(code)
        .bind(id.as_str())
        .bind(given_up_here)
        .bind(account.as_str())
        .bind(update.as_ref().map(|update| update.id.as_str()))
        .execute(&mut *connection)
        .await?;
    if finished.rows_affected() == 0 {
        return Err(Error::Foreign(id.to_string()));
    }
    progress::record(connection, &daemon_id, 0, now).await?;
    if spent_at.is_none() {
        budgets::give_back(connection, &account, Call::Create, begun_at).await?;
    }
    // X's answer is the first update of the feedback. An event may have come before it.
    match update {
        Some(update) => {
            let folded = fold::fold(connection, &account, vec![*update], Trust::Word, now).await?;
            // The person's answer may have come first through X's webhook.
            let Some(_) = folded.answered.first() else { return Ok(survey) };
            let state = advance_state(survey.state, Event::Answered)?;
            Ok(Survey { state, ..survey })
        }
        None => {
            matching::match_waiting(connection, &survey, now).await?;
            Ok(survey)
        }
    }
}
