//! Says what X's answer to a prompt means for its survey and for the account's other work.
//!
//! This module is pure. The caller passes in all that is known besides the answer. Nothing is done
//! here.

use std::time::Duration;

use crate::domain::budget::{HOLD_FIRST, RateHeaders};
use crate::domain::feedback::Update;
use crate::domain::survey::{Delivery, Failure};
use crate::domain::time::Millis;
use crate::store::SendOutcome;
use crate::x::{CallResult, Error};

/// The facts at the time the answer came or the wait for it ended.
#[derive(Clone, Debug)]
pub struct Situation {
    pub now: Millis,
    /// The latest instant that it may be now by X's clock.
    pub x_now: Millis,
    /// The latest instant by X's clock at which the request ended.
    pub given_up_at: Millis,
    /// How long after `given_up_at` X may still carry the request out.
    pub settle_after: Duration,
    /// When feedback/show is first asked about a prompt that is sent now.
    pub show_at: Option<Millis>,
    /// When the limit in the answer's headers ends by our clock.
    pub limit_ends_at: Option<Millis>,
    /// When the prompt is retried after a fault at X.
    pub again_at: Millis,
    /// When a prompt for this close is too late.
    pub too_late_at: Millis,
}

/// The meaning of one answer.
#[derive(Debug)]
pub struct Judgement {
    pub outcome: SendOutcome,
    /// The reason to log for a survey whose state holds none.
    pub why: String,
    pub account: ForAccount,
}

/// The consequences for the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForAccount {
    /// True if this pass begins no more sends.
    pub halts: bool,
    /// True if X could not be reached or could not serve the request.
    pub is_x_away: bool,
    /// The reason to pause the account.
    pub pause: Option<Failure>,
    /// No more prompts until this instant. The inner `None` means a while because X named no time.
    pub hold: Option<Option<Millis>>,
    /// A code and a number of people. The account is paused once X has refused that many in a row
    /// with that code.
    pub pause_after: Option<(i64, i64)>,
    /// The account's limit as X's headers gave it.
    pub rate: Option<RateHeaders>,
}

/// The account is paused after the same unknown refusal for this many people in a row. By then the
/// people are not the cause.
const REFUSED_REQUESTS: i64 = 3;
/// The limit for refusals that name the person. X uses some of those codes for the account as well.
const REFUSED_PERSONS: i64 = 10;

/// Judges the answer to one prompt.
pub fn judge(answer: CallResult<Update>, at: &Situation) -> Judgement {
    // A limit of one is the recipient's and not the account's.
    let rate = answer.rate.filter(|rate| rate.limit != Some(1));
    let mut account = ForAccount { rate, ..ForAccount::default() };
    let mut why = String::new();
    let outcome = match answer.result {
        Ok(update) => accepted(update, at),
        Err(Error::Person { reason, words }) => {
            account.pause_after = words.code.map(|code| (code, REFUSED_PERSONS));
            SendOutcome::Suppressed(reason, words)
        }
        Err(Error::Request(words)) => {
            account.pause_after = words.code.map(|code| (code, REFUSED_REQUESTS));
            SendOutcome::Refused(words)
        }
        Err(Error::NoAnswer(words)) => {
            why.clone_from(&words);
            unknown(at.given_up_at, at.settle_after, words)
        }
        Err(Error::Account(words)) => {
            account.halts = true;
            why = words.to_string();
            account.pause = Some(words);
            not_sent(&why, at.now)
        }
        // X says that the account has room left. So this may be the recipient's limit, which does
        // not concern the account's other prompts.
        Err(Error::Limited { .. }) if let Some(limit) = answer.rate.filter(has_room) => {
            account.rate = None;
            why = "X refuses it for a limit, though the account has prompts left".into();
            SendOutcome::Limited { try_at: limited_until(limit, at) }
        }
        Err(Error::Limited { reset_at }) => {
            account.halts = true;
            account.hold = Some(reset_at);
            why = "X's limit is reached".into();
            not_sent(&why, at.now)
        }
        Err(Error::Clock(words)) => {
            why = words.to_string();
            not_sent(&why, at.now)
        }
        Err(Error::NotNow(words)) => {
            account.halts = true;
            account.is_x_away = true;
            why = words;
            not_sent(&why, at.again_at.min(at.too_late_at))
        }
    };
    Judgement { outcome, why, account }
}

fn accepted(update: Update, at: &Situation) -> SendOutcome {
    SendOutcome::Accepted {
        delivery: Delivery {
            sent_at: sent_at(update.object.created_at, at.x_now, at.now),
            feedback_id: update.id.clone(),
            dm_id: update.object.dm_id.clone(),
        },
        update: Box::new(update),
        show_at: at.show_at,
    }
}

fn not_sent(why: &str, try_at: Millis) -> SendOutcome {
    SendOutcome::NotSent { why: why.to_owned(), try_at }
}

/// Returns the outcome of a request that ended without word on whether X carried it out.
pub fn unknown(given_up_at: Millis, settle_after: Duration, why: String) -> SendOutcome {
    SendOutcome::Unknown { why, given_up_at, spent_at: given_up_at.plus(settle_after) }
}

/// Returns when X sent a prompt by X's clock. That is `x_now` in most cases. It is X's own record
/// of the prompt if that agrees with our clock and contradicts the dates of X's answers.
fn sent_at(made_at: Option<Millis>, x_now: Millis, now: Millis) -> Millis {
    let agree = |one: Millis, other: Millis| one.since(other).max(other.since(one)) < TOGETHER;
    match made_at {
        Some(made_at) if agree(made_at, now) && !agree(made_at, x_now) => made_at,
        Some(_) | None => x_now,
    }
}

/// Instants closer together than this are taken to agree. A request takes less time than this.
const TOGETHER: Duration = Duration::from_secs(5 * 60);

/// True if the account may send other prompts. The headers are those of a refusal for a limit.
fn has_room(rate: &RateHeaders) -> bool {
    rate.limit == Some(1) || rate.remaining > 0
}

/// Returns when a prompt may be retried that X refused although the account has room. `None` means
/// that a retry would come too late. A limit of one is the recipient's and lasts a day. By then
/// nobody remembers the conversation.
fn limited_until(limit: RateHeaders, at: &Situation) -> Option<Millis> {
    let ends_at = at.limit_ends_at.unwrap_or(at.now).max(at.now.plus(HOLD_FIRST));
    (limit.limit != Some(1) && ends_at < at.too_late_at).then_some(ends_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feedback::Object;
    use crate::domain::id::FeedbackId;
    use crate::domain::survey::Reason;

    const NOW: Millis = Millis(1_790_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn situation() -> Situation {
        Situation {
            now: NOW,
            x_now: NOW.plus(Duration::from_secs(2)),
            given_up_at: NOW.plus(Duration::from_secs(3)),
            settle_after: 15 * MINUTE,
            show_at: Some(NOW.plus(MINUTE)),
            limit_ends_at: Some(NOW.plus(10 * MINUTE)),
            again_at: NOW.plus(4 * MINUTE),
            too_late_at: NOW.plus(60 * MINUTE),
        }
    }

    fn rate(limit: u32, remaining: u32) -> RateHeaders {
        RateHeaders { limit: Some(limit), remaining, reset_at: NOW.plus(10 * MINUTE) }
    }

    fn words(code: i64) -> Failure {
        Failure { code: Some(code), message: "no".into() }
    }

    fn update(created_at: Option<Millis>) -> Update {
        Update {
            id: FeedbackId::new("900"),
            object: Object { created_at, dm_id: Some("77".into()), ..Object::default() },
            score: None,
            text: None,
        }
    }

    /// The outcome in a line, and what follows for the account.
    fn judged(result: Result<Update, Error>, rate: Option<RateHeaders>) -> (String, ForAccount) {
        let Judgement { outcome, why, account } = judge(CallResult { result, rate }, &situation());
        let since = |at: Millis| at.since(NOW).as_secs();
        let outcome = match outcome {
            SendOutcome::Accepted { delivery, show_at, .. } => {
                assert_eq!(
                    (delivery.feedback_id.as_str(), delivery.dm_id.as_deref()),
                    ("900", Some("77"))
                );
                format!(
                    "sent at +{}, shown at +{}",
                    since(delivery.sent_at),
                    since(show_at.unwrap())
                )
            }
            SendOutcome::NotSent { why, try_at } => {
                format!("not sent: {why}; again at +{}", since(try_at))
            }
            SendOutcome::Suppressed(reason, words) => {
                format!("suppressed: {}: {words}", reason.as_str())
            }
            SendOutcome::Limited { try_at } => format!("limited, again at {:?}", try_at.map(since)),
            SendOutcome::Refused(words) => format!("refused: {words}"),
            SendOutcome::Unknown { given_up_at, why, spent_at } => {
                format!(
                    "unknown: {why}; given up at +{}, spent at +{}",
                    since(given_up_at),
                    since(spent_at)
                )
            }
        };
        (format!("{outcome} | {why}"), account)
    }

    /// An answer with its headers, and what is to come of it.
    type Row = (Result<Update, Error>, Option<RateHeaders>, &'static str, ForAccount);

    #[test]
    fn every_answer_has_its_outcome_and_its_consequences() {
        let nothing = ForAccount::default;
        let account = |words: Failure| Error::Account(words);
        let limited = |reset_at| Error::Limited { reset_at };
        let person = Error::Person { reason: Reason::CannotDm, words: words(349) };
        let table: Vec<Row> = vec![
            (
                Ok(update(None)),
                Some(rate(1_000, 7)),
                "sent at +2, shown at +60 | ",
                ForAccount { rate: Some(rate(1_000, 7)), ..nothing() },
            ),
            // A limit of one is the recipient's: the account's is not known by it.
            (Ok(update(None)), Some(rate(1, 0)), "sent at +2, shown at +60 | ", nothing()),
            (
                Err(person),
                None,
                "suppressed: cannot_dm: code 349: no | ",
                ForAccount { pause_after: Some((349, 10)), ..nothing() },
            ),
            (
                Err(Error::Request(words(214))),
                None,
                "refused: code 214: no | ",
                ForAccount { pause_after: Some((214, 3)), ..nothing() },
            ),
            (
                Err(Error::NoAnswer("silence".into())),
                None,
                "unknown: silence; given up at +3, spent at +903 | silence",
                nothing(),
            ),
            (
                Err(account(words(326))),
                None,
                "not sent: code 326: no; again at +0 | code 326: no",
                ForAccount { halts: true, pause: Some(words(326)), ..nothing() },
            ),
            (
                Err(limited(Some(NOW))),
                Some(rate(1_000, 0)),
                "not sent: X's limit is reached; again at +0 | X's limit is reached",
                ForAccount {
                    halts: true,
                    hold: Some(Some(NOW)),
                    rate: Some(rate(1_000, 0)),
                    ..nothing()
                },
            ),
            (
                Err(limited(None)),
                None,
                "not sent: X's limit is reached; again at +0 | X's limit is reached",
                ForAccount { halts: true, hold: Some(None), ..nothing() },
            ),
            // The account has prompts left: one more try, after the limit's end.
            (
                Err(limited(None)),
                Some(rate(1_000, 5)),
                "limited, again at Some(600) | X refuses it for a limit, though the account has prompts left",
                nothing(),
            ),
            (
                Err(limited(None)),
                Some(rate(1, 0)),
                "limited, again at None | X refuses it for a limit, though the account has prompts left",
                nothing(),
            ),
            (
                Err(Error::Clock(words(135))),
                None,
                "not sent: code 135: no; again at +0 | code 135: no",
                nothing(),
            ),
            (
                Err(Error::NotNow("away".into())),
                None,
                "not sent: away; again at +240 | away",
                ForAccount { halts: true, is_x_away: true, ..nothing() },
            ),
        ];
        for (result, rate, outcome, account) in table {
            let answer = format!("{result:?}");
            assert_eq!(judged(result, rate), (outcome.to_owned(), account), "{answer}");
        }
    }

    #[test]
    fn nothing_is_tried_again_when_it_is_too_late() {
        let at = Situation { too_late_at: NOW.plus(2 * MINUTE), ..situation() };
        let away = CallResult { result: Err(Error::NotNow("away".into())), rate: None };
        let SendOutcome::NotSent { try_at, .. } = judge(away, &at).outcome else { panic!() };
        assert_eq!(try_at, at.too_late_at, "it ends then");
        let limited = Err(Error::Limited { reset_at: None });
        let limited = CallResult { result: limited, rate: Some(rate(1_000, 5)) };
        let SendOutcome::Limited { try_at } = judge(limited, &at).outcome else { panic!() };
        assert_eq!(try_at, None);
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
