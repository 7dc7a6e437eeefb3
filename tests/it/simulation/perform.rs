//! Does the deeds of a run, one at a time.

use std::time::Duration;

use futures_util::FutureExt;
use surveyd::domain::close::{Close, Reopening};
use surveyd::domain::id::UserId;
use surveyd::sandbox::ApiCall;
use surveyd::store::OptOut;

use super::deeds::{Deed, Sender};
use super::forecast::Said;
use super::run::Run;

impl Run {
    pub async fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Close(close, sender) => self.close(*close, sender).await,
            Deed::Reopen(reopening) => self.reopen(reopening).await,
            Deed::Fault(call, kind, times) => {
                let now = self.now();
                let world = self.sandbox.world();
                let mut world = world.lock().unwrap();
                for _ in 0..times {
                    self.orders.add(call, kind, &mut world, now, &mut self.dice);
                }
                self.tell(&format!("{call:?} is to meet {kind:?}, {times} times"));
            }
            Deed::CrashAfterCommits(count) => self.commits_left = Some(count),
            Deed::Crash => self.crash("between passes").await,
            Deed::Restart => {
                self.trace.cover("a restart");
                self.reopen_office(Duration::from_secs(1)).await;
            }
            Deed::Sleep(length) => {
                self.trace.cover("a sleep");
                self.tell(&format!("nobody looks for {length:?}"));
                self.set(self.now().plus(length));
                self.model.hindered(self.now());
            }
            Deed::Is(id, person) => {
                self.trace.cover("a person who changes");
                self.tell(&format!("{id} is {:?} {:?}", person.standing, person.messages));
                self.model.is(id, &person);
                self.sandbox.world().lock().unwrap().tell(id, person);
            }
            Deed::OptsOut(id) => {
                self.trace.cover("a person who opts out");
                self.tell(&format!("{id} wants no more prompts"));
                let user_id = UserId::parse(&id.to_string()).unwrap();
                let out = OptOut { user_id, account: None, at: self.now(), why: None };
                self.office.store.opt_out(vec![out]).await.unwrap();
                self.model.opts_out(id);
            }
            Deed::Limit(call, limit) => {
                self.trace.cover(format!("{call:?} limited by headers"));
                self.tell(&format!("X allows {limit} {call:?}"));
                self.model.hindered(self.now());
                self.sandbox.world().lock().unwrap().set_limit(call, limit);
            }
            Deed::NothingToday => self.trace.cover("a day without anything"),
            Deed::Quiet => {
                self.tell("from now on all is quiet");
                self.commits_left = None;
                self.model.hindered(self.now());
                let world = self.sandbox.world();
                let mut world = world.lock().unwrap();
                self.orders.clear(&mut world);
                for call in [ApiCall::Show, ApiCall::Events, ApiCall::Friendship, ApiCall::Users] {
                    world.set_limit(call, 180);
                }
            }
        }
    }

    async fn close(&mut self, close: Close, sender: Sender) {
        let again = sender != Sender::Waits;
        if again {
            // The first step hands the close over; the answer is not waited for.
            assert!(self.office.intake.close(close.clone()).now_or_never().is_none());
            // Until it is written, whoever looks would see it or not.
            self.office.store.ping().await.unwrap();
            self.trace.cover("a sender that hangs up");
        }
        if sender == Sender::SeesACrash {
            self.crash("before a sender has its answer").await;
        }
        let now = self.now();
        let taken = self.office.intake.close(close.clone()).await.unwrap();
        let taken = taken.expect("the account is configured");
        let what = self.model.acknowledged(&close, &taken, again, now);
        self.trace.cover(format!("close {what}"));
        if taken.state == "scheduled" {
            self.office.finds(&close.account, taken.due_at);
        }
        let (account, conversation) = (close.account, close.conversation_id.to_string());
        self.tell(&format!("{account}/{conversation} closes, {what}: {}", taken.state));
        let person = close.user_id.expect("people here have one").as_str().parse().unwrap();
        let said = Said::Closed { conversation, person, closed_at: close.closed_at };
        self.said.push((now, account, said));
    }

    async fn reopen(&mut self, reopening: Reopening) {
        let now = self.now();
        self.model.reopens(&reopening);
        let cancelled = self.office.intake.reopening(reopening.clone()).await.unwrap();
        self.observe();
        self.model.reopened(&reopening);
        let (account, conversation) = (reopening.account, reopening.conversation_id.to_string());
        let what = if cancelled.is_some() { "calls a survey off" } else { "calls nothing off" };
        self.trace.cover(format!("reopening {what}"));
        self.tell(&format!("{account}/{conversation} goes on, {what}"));
        let said = Said::Reopened { conversation, reopened_at: reopening.reopened_at };
        self.said.push((now, account, said));
    }
}
