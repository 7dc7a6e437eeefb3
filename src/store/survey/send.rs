//! A prompt's way through the store: claimed, begun, finished.
//!
//! [`Store::claim`] gives a [`Leased`]. [`Store::begin_send`] turns it into a [`Sending`] once it
//! is durable that a request is about to leave. Only a [`Sending`] can be sent and finished. So no
//! prompt leaves without a record on the disk. A worker that has lost its claim cannot begin a
//! send.

use sqlx::{AnyConnection, Row};

use super::claim::{Leased, retake};
use super::prompt::{Prompt, SendTimes};
use super::step::{advance_state, step_locked, touch};
use super::{decide, dry_run};
use crate::domain::budget::Call;
use crate::domain::feedback::{Trust, Update};
use crate::domain::id::{SurveyId, external_id};
use crate::domain::policy::decision::{Ground, Verdict};
use crate::domain::policy::{DAY, Rules};
use crate::domain::survey::{CancelledBy, Delivery, Event, Failure, Reason, State, Survey};
use crate::domain::time::{Millis, look_again_at};
use crate::store::account::budgets;
use crate::store::database::progress;
use crate::store::database::standing::Standing;
use crate::store::feedback::matching::Before;
use crate::store::feedback::{fold, matching};
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

/// The result of a request.
#[derive(Clone, Debug)]
pub enum SendOutcome {
    /// X's answer, and the instant of the first feedback/show call.
    Accepted {
        delivery: Delivery,
        update: Box<Update>,
        show_at: Option<Millis>,
    },
    /// X is known not to have carried out the request. It may be tried again at that time.
    NotSent {
        why: String,
        try_at: Millis,
    },
    Suppressed(Reason, Failure),
    /// X refused the prompt for a limit, although it takes other prompts of the account. The prompt
    /// may be tried once more at that time. The time is absent if X said that the limit is the
    /// recipient's. It is also absent if the prompt would be too late by then.
    Limited {
        try_at: Option<Millis>,
    },
    Refused(Failure),
    /// The outcome is not known. The request ended at `given_up_at` or before, by X's clock. It
    /// counts as sent until `spent_at`, the last instant at which X may carry it out.
    Unknown {
        given_up_at: Millis,
        why: String,
        spent_at: Millis,
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

/// Reads the facts about a refusal for a limit. The first is whether this prompt has met a limit
/// before. The second is how many other prompts of the account the person had in 24 hours.
const LIMITED: &str = "select s.limited_at, (select count(*) from survey o \
     where o.user_id = s.user_id and o.account = s.account and o.spent_at > $2 and o.id <> s.id) \
     as prompts from survey s where s.id = $1";

const LIMITED_AT: &str = "update survey set limited_at = $1 where id = $2";

/// Counts the people whom X refused with a code since it last took a prompt.
const REFUSED: &str = "select count(distinct user_id) from survey where account = $1 \
     and failure_code = $2 and begun_at > coalesce((select begun_at from survey \
     where account = $1 and spent_at is not null and state in ('sent', 'answered') \
     order by spent_at desc limit 1), 0)";

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

    /// Returns how many people X has refused with a code since it last took a prompt of the
    /// account.
    pub async fn refused_people(&self, account: &str, code: i64) -> Result<i64> {
        let count = sqlx::query_scalar(REFUSED).bind(account).bind(code);
        Ok(count.fetch_one(&self.readers).await?)
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

/// Returns the instant at which the request of a survey began. The flag is true if its outcome is
/// still open.
fn open_request(survey: &Survey, outcome: &SendOutcome, now: Millis) -> Result<(Millis, bool)> {
    match (&survey.state, outcome) {
        (State::Sending { begun_at } | State::Uncertain { begun_at, .. }, _) => {
            Ok((*begun_at, true))
        }
        // The request was settled as not sent although X has taken it.
        (
            State::Scheduled
            | State::Suppressed(_)
            | State::Cancelled(_)
            | State::Expired
            | State::Failed(_),
            SendOutcome::Accepted { .. },
        ) => Ok((now, false)),
        (
            State::Scheduled
            | State::Sent(_)
            | State::Answered(_)
            | State::Suppressed(_)
            | State::Cancelled(_)
            | State::Expired
            | State::Failed(_),
            _,
        ) => Err(Error::LeaseLost(survey.id.to_string())),
    }
}

/// The form in which an outcome is written.
struct Written {
    event: Event,
    /// A note for the survey's history, for what its state does not say.
    why: Option<String>,
    /// X's error code, for a refusal that concerns the person.
    code: Option<i64>,
    /// The instant from which the prompt counts as sent. Absent if it does not count.
    spent_at: Option<Millis>,
    try_at: Millis,
    show_at: Option<Millis>,
    update: Option<Box<Update>>,
}

impl Written {
    fn new(event: Event, why: Option<String>, try_at: Millis) -> Self {
        Self { event, why, code: None, spent_at: None, try_at, show_at: None, update: None }
    }
}

async fn written(
    connection: &mut AnyConnection,
    (id, begun_at, is_open): (&SurveyId, Millis, bool),
    outcome: SendOutcome,
    now: Millis,
) -> Result<Written> {
    Ok(match outcome {
        SendOutcome::Accepted { delivery, update, show_at } => {
            let spent_at = Some(delivery.sent_at);
            let event = if is_open { Event::Accepted(delivery) } else { Event::Found(delivery) };
            Written { spent_at, show_at, update: Some(update), ..Written::new(event, None, now) }
        }
        SendOutcome::NotSent { why, try_at } => Written::new(Event::NotSent, Some(why), try_at),
        SendOutcome::Suppressed(reason, words) => {
            let why = format!("{}: X refuses the person: {words}", reason.as_str());
            let written = Written::new(Event::Suppressed(reason), Some(why), now);
            Written { code: words.code, ..written }
        }
        SendOutcome::Limited { try_at } => {
            match whose_limit(connection, id, begun_at, try_at, now).await? {
                Whose::Unknown { try_at } => {
                    Written::new(Event::NotSent, Some(MAY_BE_OF_ACCOUNT.to_owned()), try_at)
                }
                Whose::OfPerson(words) => {
                    let reason = Reason::Throttled;
                    let why = format!("{}: {words}", reason.as_str());
                    Written::new(Event::Suppressed(reason), Some(why), now)
                }
            }
        }
        SendOutcome::Refused(failure) => Written::new(Event::Refused(failure), None, now),
        SendOutcome::Unknown { given_up_at: at, why, spent_at } => {
            let written = Written::new(Event::NoAnswer { at }, Some(why), now);
            Written { spent_at: Some(spent_at), ..written }
        }
    })
}

async fn finish(
    connection: &mut AnyConnection,
    (id, attempt): (SurveyId, u32),
    daemon_id: String,
    outcome: SendOutcome,
    now: Millis,
) -> Result<Survey> {
    // A request is named by its survey and its attempt instead of its claim. The worker with X's
    // answer knows more than another worker that has given the request up.
    let locked = touch(connection, &id).await?.filter(|(survey, _)| survey.attempts == attempt);
    let Some(locked) = locked else { return Err(Error::LeaseLost(id.to_string())) };
    let (begun_at, is_open) = open_request(&locked.0, &outcome, now)?;
    let account = locked.0.account.clone();
    let given_up_here = matches!(outcome, SendOutcome::Unknown { .. }).then_some(now.0);
    let request = (&id, begun_at, is_open);
    let Written { event, why, code, spent_at, try_at, show_at, update } =
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

/// Whose limit X has refused a prompt for, by our own record.
enum Whose {
    /// Perhaps the account's limit. The prompt is tried again then.
    Unknown { try_at: Millis },
    /// The recipient's limit, and how surveyd knows.
    OfPerson(String),
}

/// Why a prompt that X refused for a limit is tried again.
const MAY_BE_OF_ACCOUNT: &str = "X refuses it for a limit (429), though it lets the account send more and \
     the person has had no prompt from here in 24 h: it is tried once more";

/// Decides whose limit a refusal names. X allows one prompt to each recipient in 24 hours. It has
/// no error code for that limit and limits the account in the same words. A passing limit of the
/// account must not cost a person without a recent prompt their survey. For such a person the limit
/// is the recipient's only if X refuses twice.
async fn whose_limit(
    connection: &mut AnyConnection,
    id: &SurveyId,
    begun_at: Millis,
    try_at: Option<Millis>,
    now: Millis,
) -> Result<Whose> {
    let row = sqlx::query(LIMITED)
        .bind(id.as_str())
        .bind(begun_at.minus(DAY).0)
        .fetch_one(&mut *connection)
        .await?;
    let limited_at: Option<Millis> = row.try_get("limited_at")?;
    let words = match (limited_at, row.try_get::<i64, _>("prompts")?, try_at) {
        (None, 0, Some(try_at)) => {
            sqlx::query(LIMITED_AT).bind(now.0).bind(id.as_str()).execute(connection).await?;
            return Ok(Whose::Unknown { try_at });
        }
        (_, prompts @ 1.., _) => format!("with {prompts} from here in 24 h"),
        (Some(_), _, _) => "for the second time, with none from here in 24 h".to_owned(),
        (None, _, _) => "with none from here in 24 h: another program may have asked".to_owned(),
    };
    Ok(Whose::OfPerson(format!("X refuses it for the recipient's limit of prompts (429), {words}")))
}
