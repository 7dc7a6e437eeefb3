//! Faults on order: what the next calls of a kind meet instead of the truth.
//!
//! A fault strikes after the call was authenticated, so a wrongly signed call never uses one up. A
//! call that is not carried out costs the account nothing.

use std::time::Duration;

use serde::Deserialize;

use super::api_call::ApiCall;
use super::call::HttpReply;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InjectedFault {
    /// Nothing comes of it.
    NotCarriedOut { ending: Ending },
    /// It is carried out, and then something else than the true answer follows.
    CarriedOut { ending: Ending },
    /// Of a prompt only the Direct Message is sent: there is no card, no feedback and no event. Any
    /// other call is carried out. Then something else than the true answer follows.
    MessageOnly { ending: Ending },
    /// It ends at once as `ending` says, and is carried out after a while nevertheless.
    CarriedOutLater { after_ms: u64, ending: Ending },
    /// It is carried out at once, and the true answer is held back, in real time whatever the clock
    /// says.
    Slow { by_ms: u64 },
}

/// What the client sees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// The connection is closed without a byte of an answer.
    Cut,
    /// The connection stays open and no answer comes, until the client gives up.
    Silence,
    /// This, and nothing that X would add to it: no rate-limit headers.
    Answer(Scripted),
}

/// An answer word for word.
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
    /// X's usual error body.
    pub fn error(status: u16, code: u16, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        Self::json(status, &body)
    }

    /// A JSON body as it stands, well-formed or not.
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, content_type: json_type(), body: body.to_owned(), headers: Vec::new() }
    }

    /// A page from something in front of X.
    pub fn html(status: u16, body: &str) -> Self {
        let content_type = "text/html; charset=utf-8".to_owned();
        Self { status, content_type, body: body.to_owned(), headers: Vec::new() }
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }
}

impl InjectedFault {
    /// This answer instead of carrying the call out.
    pub fn instead(answer: Scripted) -> Self {
        Self::NotCarriedOut { ending: Ending::Answer(answer) }
    }

    /// The connection closes before anything is done.
    pub fn cut_before() -> Self {
        Self::NotCarriedOut { ending: Ending::Cut }
    }

    /// The connection closes after everything is done.
    pub fn cut_after() -> Self {
        Self::CarriedOut { ending: Ending::Cut }
    }

    /// Everything is done, and this answer says something else.
    pub fn done_but(answer: Scripted) -> Self {
        Self::CarriedOut { ending: Ending::Answer(answer) }
    }

    /// The connection closes at once, and the call is carried out after `length` nevertheless.
    pub fn done_later(length: Duration) -> Self {
        Self::CarriedOutLater { after_ms: whole_millis(length), ending: Ending::Cut }
    }

    /// The true answer, `length` later.
    pub fn slow(length: Duration) -> Self {
        Self::Slow { by_ms: whole_millis(length) }
    }
}

fn whole_millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// What a call comes to.
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

/// The faults still to come, in the order they were asked for.
#[derive(Clone, Debug, Default)]
pub struct FaultQueue {
    ordered: Vec<Order>,
}

/// One order: the next `times` calls of a kind, of one account or of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub call: ApiCall,
    /// The account's user id; any account where it is absent.
    pub user_id: Option<u64>,
    pub times: u32,
    pub fault: InjectedFault,
}

impl FaultQueue {
    pub fn add(&mut self, order: Order) {
        self.ordered.push(order);
    }

    pub fn clear(&mut self) {
        self.ordered.clear();
    }

    /// Uses up the oldest fault that is meant for this call.
    pub fn take(&mut self, call: ApiCall, user_id: u64) -> Option<InjectedFault> {
        self.ordered.retain(|order| order.times > 0);
        let order = self.ordered.iter_mut().find(|order| {
            order.call == call && order.user_id.is_none_or(|meant| meant == user_id)
        })?;
        order.times -= 1;
        Some(order.fault.clone())
    }

    /// How many are still to come.
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
        faults.add(Order {
            call: ApiCall::Create,
            user_id: Some(1),
            times: 2,
            fault: InjectedFault::cut_before(),
        });
        faults.add(Order {
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
