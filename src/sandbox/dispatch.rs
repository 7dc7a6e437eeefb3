//! Carries one request through the world.
//!
//! It finds the call and the account, then applies a fault or carries the call out.

use std::time::Duration;

use super::accepted::Accepted;
use super::api_call::ApiCall;
use super::authentication::authenticate;
use super::call::{HttpReply, HttpRequest};
use super::dates::http_date;
use super::faults::{CallOutcome, InjectedFault};
use super::limits::Allowance;
use super::record::RefusedCall;
use super::refusal::Refusal;
use super::world::{Due, World};
use crate::domain::time::Millis;

impl World {
    /// Takes one request and returns its outcome.
    pub fn take(&mut self, request: &HttpRequest, now: Millis) -> CallOutcome {
        let outcome = self.take_dated(request, now);
        self.misdate_one(request, outcome, now)
    }

    fn misdate_one(
        &mut self,
        request: &HttpRequest,
        outcome: CallOutcome,
        now: Millis,
    ) -> CallOutcome {
        let Some(misdated) = &mut self.misdated else { return outcome };
        let is_meant = misdated
            .call
            .is_none_or(|call| ApiCall::of(&request.method, &request.path) == Some(call));
        let CallOutcome::Answer { mut reply, held_back } = outcome else { return outcome };
        if is_meant && misdated.times > 0 {
            misdated.times -= 1;
            let date = http_date(Millis(now.0.saturating_add(misdated.ahead_ms)));
            reply.headers.retain(|(name, _)| name != "date");
            reply.headers.push(("date".to_owned(), date));
        }
        CallOutcome::Answer { reply, held_back }
    }

    fn take_dated(&mut self, request: &HttpRequest, now: Millis) -> CallOutcome {
        self.advance(now);
        let Some(call) = ApiCall::of(&request.method, &request.path) else {
            return self.refuse(request, None, Refusal::no_such_page(), now).into();
        };
        let (account, parameters) =
            match authenticate(&self.accounts, &mut self.nonces, request, now) {
                Ok(known) => known,
                Err(refusal) => return self.refuse(request, Some(call), refusal, now).into(),
            };
        let user_id = self.accounts[account].user_id;
        self.record.call(user_id, call);
        let (method, path) = (request.method.clone(), request.path.clone());
        let accepted = Accepted { call, account, method, path, parameters };
        match self.faults.take(call, user_id) {
            None => self.carry_out(&accepted, now).into(),
            Some(InjectedFault::Slow { by_ms }) => {
                let reply = self.carry_out(&accepted, now);
                CallOutcome::Answer { reply, held_back: Duration::from_millis(by_ms) }
            }
            Some(InjectedFault::NotCarriedOut { ending }) => dated(ending.into(), now),
            Some(InjectedFault::CarriedOut { ending }) => {
                self.carry_out(&accepted, now);
                dated(ending.into(), now)
            }
            Some(InjectedFault::MessageOnly { ending }) => {
                match call {
                    // A person who cannot be messaged gets no Direct Message here either.
                    ApiCall::Create => drop(self.message_only(account, &accepted.parameters, now)),
                    ApiCall::Show
                    | ApiCall::Events
                    | ApiCall::Friendship
                    | ApiCall::Users
                    | ApiCall::VerifyCredentials
                    | ApiCall::DirectMessages
                    | ApiCall::DmEvents => drop(self.carry_out(&accepted, now)),
                }
                dated(ending.into(), now)
            }
            Some(InjectedFault::CarriedOutLater { after_ms, ending }) => {
                self.plan(now.plus(Duration::from_millis(after_ms)), Due::Call(accepted));
                dated(ending.into(), now)
            }
        }
    }

    /// Carries out an accepted call. A refusal also goes into the record.
    pub(super) fn carry_out(&mut self, accepted: &Accepted, now: Millis) -> HttpReply {
        let Accepted { call, account, parameters, path, .. } = accepted;
        let (result, allowance) = match call {
            ApiCall::Create => self.create(*account, parameters, now),
            ApiCall::Show
            | ApiCall::Events
            | ApiCall::Friendship
            | ApiCall::Users
            | ApiCall::VerifyCredentials
            | ApiCall::DirectMessages
            | ApiCall::DmEvents => {
                match self.windows.charge(self.accounts[*account].user_id, *call, now) {
                    Ok(allowance) => (self.read(*call, *account, path, parameters, now), allowance),
                    Err(allowance) => (
                        Err(Refusal::rate_limited().because("the 15 minutes are spent")),
                        allowance,
                    ),
                }
            }
        };
        let mut reply = match result {
            Ok(body) => HttpReply::json(200, &body),
            Err(refusal) => {
                let reply = HttpReply::json(refusal.status, &refusal.body(Some(*call)));
                self.record.refuse(RefusedCall {
                    at: now,
                    method: accepted.method.clone(),
                    path: path.clone(),
                    user_id: Some(self.accounts[*account].user_id),
                    refusal,
                });
                reply
            }
        };
        reply.headers = Allowance::headers(&allowance);
        reply.headers.push(("date".to_owned(), http_date(now)));
        reply
    }

    /// Refuses a request before its account is known.
    fn refuse(
        &mut self,
        request: &HttpRequest,
        call: Option<ApiCall>,
        refusal: Refusal,
        now: Millis,
    ) -> HttpReply {
        let mut reply = HttpReply::json(refusal.status, &refusal.body(call));
        reply.headers.push(("date".to_owned(), http_date(now)));
        let (method, path) = (request.method.clone(), request.path.clone());
        self.record.refuse(RefusedCall { at: now, method, path, user_id: None, refusal });
        reply
    }
}

/// Adds the `date` header that every HTTP answer has to a scripted one.
fn dated(mut outcome: CallOutcome, now: Millis) -> CallOutcome {
    if let CallOutcome::Answer { reply, .. } = &mut outcome
        && reply.header("date").is_none()
    {
        reply.headers.push(("date".to_owned(), http_date(now)));
    }
    outcome
}
