//! What the outcome of a request means for its survey.

use sqlx::{AnyConnection, Row};

use crate::domain::feedback::Update;
use crate::domain::id::SurveyId;
use crate::domain::policy::DAY;
use crate::domain::survey::{Delivery, Event, Failure, Reason, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

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
    /// Returns how many people X has refused with a code since it last took a prompt of the
    /// account.
    pub async fn refused_people(&self, account: &str, code: i64) -> Result<i64> {
        let count = sqlx::query_scalar(REFUSED).bind(account).bind(code);
        Ok(count.fetch_one(&self.readers).await?)
    }
}

/// Returns the instant at which the request of a survey began. The flag is true if its outcome is
/// still open.
pub fn open_request(survey: &Survey, outcome: &SendOutcome, now: Millis) -> Result<(Millis, bool)> {
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
pub struct WrittenOutcome {
    pub event: Event,
    /// A note for the survey's history, for what its state does not say.
    pub why: Option<String>,
    /// X's error code, for a refusal that concerns the person.
    pub code: Option<i64>,
    /// The instant from which the prompt counts as sent. Absent if it does not count.
    pub spent_at: Option<Millis>,
    pub try_at: Millis,
    pub show_at: Option<Millis>,
    pub update: Option<Box<Update>>,
}

impl WrittenOutcome {
    fn new(event: Event, why: Option<String>, try_at: Millis) -> Self {
        Self { event, why, code: None, spent_at: None, try_at, show_at: None, update: None }
    }
}

/// Returns the form in which the outcome of a request is written.
pub async fn written(
    connection: &mut AnyConnection,
    (id, begun_at, is_open): (&SurveyId, Millis, bool),
    outcome: SendOutcome,
    now: Millis,
) -> Result<WrittenOutcome> {
    Ok(match outcome {
        SendOutcome::Accepted { delivery, update, show_at } => {
            let spent_at = Some(delivery.sent_at);
            let event = if is_open { Event::Accepted(delivery) } else { Event::Found(delivery) };
            WrittenOutcome {
                spent_at,
                show_at,
                update: Some(update),
                ..WrittenOutcome::new(event, None, now)
            }
        }
        SendOutcome::NotSent { why, try_at } => {
            WrittenOutcome::new(Event::NotSent, Some(why), try_at)
        }
        SendOutcome::Suppressed(reason, words) => {
            let why = format!("{}: X refuses the person: {words}", reason.as_str());
            let written = WrittenOutcome::new(Event::Suppressed(reason), Some(why), now);
            WrittenOutcome { code: words.code, ..written }
        }
        SendOutcome::Limited { try_at } => {
            match whose_limit(connection, id, begun_at, try_at, now).await? {
                Whose::Unknown { try_at } => {
                    WrittenOutcome::new(Event::NotSent, Some(MAY_BE_OF_ACCOUNT.to_owned()), try_at)
                }
                Whose::OfPerson(words) => {
                    let reason = Reason::Throttled;
                    let why = format!("{}: {words}", reason.as_str());
                    WrittenOutcome::new(Event::Suppressed(reason), Some(why), now)
                }
            }
        }
        SendOutcome::Refused(failure) => WrittenOutcome::new(Event::Refused(failure), None, now),
        SendOutcome::Unknown { given_up_at: at, why, spent_at } => {
            let written = WrittenOutcome::new(Event::NoAnswer { at }, Some(why), now);
            WrittenOutcome { spent_at: Some(spent_at), ..written }
        }
    })
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
