//! Keeps the faults that the next calls of a kind will meet.
//!
//! A fault strikes only an authenticated call, so a wrongly signed call never uses one up. A call
//! that is not carried out does not count towards the account's limits.

use std::time::Duration;

use serde::Deserialize;

use super::api_call::ApiCall;
use super::call::HttpReply;

/// A fault that a call meets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InjectedFault {
    /// The call is not carried out.
    NotCarriedOut { ending: Ending },
    /// The call is carried out, but the client does not see the true answer.
    CarriedOut { ending: Ending },
    /// Only the Direct Message of a prompt is sent, without card, feedback or event. Any other call
    /// is carried out. In both cases the client does not see the true answer.
    MessageOnly { ending: Ending },
    /// The call ends at once as `ending` says but is carried out later.
    CarriedOutLater { after_ms: u64, ending: Ending },
    /// The call is carried out at once and the true answer is held back. The delay is in real time,
    /// whatever clock the sandbox has.
    Slow { by_ms: u64 },
}

/// The client's view of a failed call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// The connection closes without a byte of an answer.
    Cut,
    /// The connection stays open without an answer until the client gives up.
    Silence,
    /// This answer with a `date` header but without X's rate-limit headers.
    Answer(Scripted),
}

/// An answer given word for word.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Scripted {
    pub status: u16,
    #[serde(default = "json_type")]
    pub content_type: String,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

fn json_type() -> String {
    "application/json; charset=utf-8".to_owned()
}

impl Scripted {
    /// An answer with X's usual error body.
    pub fn error(status: u16, code: u16, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        Self::json(status, &body)
    }

    /// An answer with a body of type JSON, which need not be well-formed.
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, content_type: json_type(), body: body.to_owned(), headers: Vec::new() }
    }

    /// An HTML page such as a proxy in front of X sends.
    pub fn html(status: u16, body: &str) -> Self {
        let content_type = "text/html; charset=utf-8".to_owned();
        Self { status, content_type, body: body.to_owned(), headers: Vec::new() }
    }

    /// Adds one header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }
}

impl InjectedFault {
    /// Answers this instead of carrying the call out.
    pub fn instead(answer: Scripted) -> Self {
        Self::NotCarriedOut { ending: Ending::Answer(answer) }
    }

    /// Closes the connection and does not carry the call out.
    pub fn cut_before() -> Self {
        Self::NotCarriedOut { ending: Ending::Cut }
    }

    /// Carries the call out and then closes the connection.
    pub fn cut_after() -> Self {
        Self::CarriedOut { ending: Ending::Cut }
    }

    /// Carries the call out but gives this answer.
    pub fn done_but(answer: Scripted) -> Self {
        Self::CarriedOut { ending: Ending::Answer(answer) }
    }

    /// Closes the connection at once and carries the call out after `length`.
    pub fn done_later(length: Duration) -> Self {
        Self::CarriedOutLater { after_ms: whole_millis(length), ending: Ending::Cut }
    }

    /// Gives the true answer `length` later.
    pub fn slow(length: Duration) -> Self {
        Self::Slow { by_ms: whole_millis(length) }
    }
}

fn whole_millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// The outcome of a call for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Answer { reply: HttpReply, held_back: Duration },
    Cut,
    Silence,
}

impl From<HttpReply> for CallOutcome {
    fn from(reply: HttpReply) -> Self {
        Self::Answer { reply, held_back: Duration::ZERO }
    }
}

impl From<Ending> for CallOutcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Cut => Self::Cut,
            Ending::Silence => Self::Silence,
            Ending::Answer(Scripted { status, content_type, body, headers }) => {
                Self::from(HttpReply { status, content_type, headers, body })
            }
        }
    }
}

/// The faults yet to come in the order in which they were ordered.
#[derive(Clone, Debug, Default)]
pub struct FaultQueue {
    ordered: Vec<FaultOrder>,
}

/// A fault for the next `times` calls of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOrder {
    pub call: ApiCall,
    /// The account's user id. Absent if the order is for any account.
    pub user_id: Option<u64>,
    pub times: u32,
    pub fault: InjectedFault,
}

impl FaultQueue {
    pub fn add(&mut self, order: FaultOrder) {
        self.ordered.push(order);
    }

    pub fn clear(&mut self) {
        self.ordered.clear();
    }

    /// Uses up the oldest fault ordered for this call and returns it.
    pub fn take(&mut self, call: ApiCall, user_id: u64) -> Option<InjectedFault> {
        self.ordered.retain(|order| order.times > 0);
        let order = self.ordered.iter_mut().find(|order| {
            order.call == call && order.user_id.is_none_or(|meant| meant == user_id)
        })?;
        order.times -= 1;
        Some(order.fault.clone())
    }

    /// Returns the number of faults yet to come.
    pub fn left(&self) -> u64 {
        self.ordered.iter().map(|order| u64::from(order.times)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_in_order_for_their_call_and_account_and_as_often_as_asked() {
        let mut faults = FaultQueue::default();
        faults.add(FaultOrder {
            call: ApiCall::Create,
            user_id: Some(1),
            times: 2,
            fault: InjectedFault::cut_before(),
        });
        faults.add(FaultOrder {
            call: ApiCall::Create,
            user_id: None,
            times: 1,
            fault: InjectedFault::cut_after(),
        });
        assert_eq!(faults.left(), 3);
        assert_eq!(faults.take(ApiCall::Show, 1), None);
        assert_eq!(faults.take(ApiCall::Create, 1), Some(InjectedFault::cut_before()));
        assert_eq!(faults.take(ApiCall::Create, 2), Some(InjectedFault::cut_after()));
        assert_eq!(faults.take(ApiCall::Create, 2), None);
        assert_eq!(faults.take(ApiCall::Create, 1), Some(InjectedFault::cut_before()));
        assert_eq!((faults.take(ApiCall::Create, 1), faults.left()), (None, 0));
    }
}
