//! What a seed lets happen in the days of a run.

use std::time::Duration;

use surveyd::domain::close::{Close, Notice, Reopening};
use surveyd::domain::id::{ConversationId, UserId};
use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, Person};

use super::dice::Dice;
use super::setting::{DAY, HOUR, MINUTE, SKIPPED, START, Setting, Weather, person};
use super::weather::{Kind, kinds};

/// How the sender of a close waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Waits,
    /// Goes away before the answer and says it again at once.
    HangsUp,
    /// Has no answer because surveyd ends, and says it again when it is back.
    SeesACrash,
}

#[derive(Clone, Debug)]
pub enum Deed {
    Close(Box<Close>, Sender),
    Reopen(Reopening),
    /// The next calls of a kind meet it, so many of them.
    Fault(ApiCall, Kind, u64),
    /// surveyd ends as soon as so many more transactions are committed.
    CrashAfterCommits(u32),
    /// surveyd ends between two passes.
    Crash,
    /// surveyd is stopped in order and started again.
    Restart,
    /// The machine sleeps: time goes on and nobody looks.
    Sleep(Duration),
    Is(u64, Person),
    /// Somebody wants no more prompts.
    OptsOut(u64),
    /// X allows so many calls in its quarter of an hour.
    Limit(ApiCall, u32),
    /// A day on which nothing happens begins.
    NothingToday,
    /// From now on nothing new happens and nothing fails.
    Quiet,
}

struct Planner<'a> {
    setting: &'a Setting,
    dice: Dice,
    policy: Dice,
    deeds: Vec<(Millis, Deed)>,
    conversations: Vec<Close>,
}

/// All deeds of a run, each with its time.
pub fn plan(setting: &Setting) -> Vec<(Millis, Deed)> {
    let dice = Dice::of(setting.seed, "deeds");
    let policy = Dice::of(setting.seed, "policy deeds");
    let mut planner =
        Planner { setting, dice, policy, deeds: Vec::new(), conversations: Vec::new() };
    for day in 0..setting.busy_days {
        planner.day(START.plus(DAY * day));
    }
    let end = setting.quiet_from();
    let mut deeds = planner.deeds;
    deeds.retain(|(at, _)| *at < end);
    deeds.push((end, Deed::Quiet));
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

impl Planner<'_> {
    fn day(&mut self, day: Millis) {
        if self.dice.happens(15) {
            self.deeds.push((day, Deed::NothingToday));
            return;
        }
        for _ in 0..self.setting.closes_a_day {
            let at = self.some_time_of(day);
            self.close(at);
        }
        if self.setting.weather == Weather::Calm {
            return;
        }
        if self.policy.happens(30) {
            let (id, _) = *self
                .policy
                .pick(&self.setting.people.iter().map(|(id, _)| (*id, ())).collect::<Vec<_>>());
            let at = day.plus(self.policy.between(Duration::ZERO, DAY - MINUTE));
            self.deeds.push((at, Deed::OptsOut(id)));
        }
        for _ in 0..self.dice.below(15) {
            let at = self.some_time_of(day);
            self.mishap(at);
        }
        if self.dice.happens(30) {
            let (id, _) = *self
                .dice
                .pick(&self.setting.people.iter().map(|(id, _)| (*id, ())).collect::<Vec<_>>());
            let at = self.some_time_of(day);
            let is = person(&mut self.dice);
            self.deeds.push((at, Deed::Is(id, is)));
        }
        if self.setting.weather == Weather::Stingy {
            let calls = [ApiCall::Show, ApiCall::Events, ApiCall::Friendship, ApiCall::Users];
            let call = *self.dice.pick(&calls);
            // A window of events may have a dozen pages, each of which is a call.
            let least = if call == ApiCall::Events { 25 } else { 2 };
            let limit = least + self.dice.below(10) as u32;
            let at = self.some_time_of(day);
            self.deeds.push((at, Deed::Limit(call, limit)));
        }
    }

    fn some_time_of(&mut self, day: Millis) -> Millis {
        day.plus(self.dice.between(Duration::ZERO, DAY - MINUTE))
    }

    /// A conversation closes, for the first time or again, and perhaps goes on after all.
    fn close(&mut self, at: Millis) {
        let is_again = !self.conversations.is_empty() && self.dice.happens(25);
        let mut close = if is_again {
            self.dice.pick(&self.conversations).clone()
        } else {
            let (person, _) = self.dice.pick(&self.setting.people);
            let account = self.dice.pick(&self.setting.accounts).screen_name.clone();
            Close {
                account,
                source: "desk".into(),
                conversation_id: ConversationId::parse(&format!("c-{}", self.conversations.len()))
                    .unwrap(),
                user_id: UserId::parse(&person.to_string()).ok(),
                closed_at: at,
                precision: Default::default(),
                notice: Notice::default(),
            }
        };
        close.notice.tags.clear();
        if self.setting.weather != Weather::Calm && self.policy.happens(10) {
            close.notice.tags.push(SKIPPED.to_owned());
        }
        close.closed_at = at.minus(self.dice.between(Duration::ZERO, MINUTE));
        let told_at = match self.dice.below(12) {
            0 => at.plus(self.dice.between(MINUTE, 2 * HOUR)),
            1 => at.plus(self.dice.between(2 * HOUR, 36 * HOUR)),
            _ => at,
        };
        if !is_again {
            self.conversations.push(close.clone());
        }
        let sender = match self.dice.below(20) {
            0 | 1 => Sender::HangsUp,
            2 if self.setting.weather != Weather::Calm => Sender::SeesACrash,
            _ => Sender::Waits,
        };
        self.deeds.push((told_at, Deed::Close(Box::new(close.clone()), sender)));
        if self.dice.happens(20) {
            let again_at = told_at.plus(self.dice.between(Duration::ZERO, 30 * HOUR));
            self.deeds.push((again_at, Deed::Close(Box::new(close.clone()), Sender::Waits)));
        }
        if self.dice.happens(15) {
            // Goes on and closes again while its survey may still wait.
            let soon = self.setting.delay + MINUTE;
            let mut next = close.clone();
            next.closed_at = close.closed_at.plus(self.dice.between(MINUTE / 6, soon));
            let told_at = told_at.max(next.closed_at);
            if self.dice.happens(30) {
                // An older one was held up on its way.
                let mut late = close.clone();
                late.closed_at = close.closed_at.minus(Duration::from_secs(1));
                let late_at = told_at.plus(Duration::from_secs(1));
                self.deeds.push((late_at, Deed::Close(Box::new(late), Sender::Waits)));
            }
            self.deeds.push((told_at, Deed::Close(Box::new(next), Sender::Waits)));
        }
        if self.dice.happens(20) {
            let soon = 2 * self.setting.delay + 10 * MINUTE;
            let reopening = Reopening {
                account: close.account,
                source: "desk".into(),
                conversation_id: close.conversation_id,
                user_id: None,
                reopened_at: close.closed_at.plus(self.dice.between(Duration::ZERO, soon)),
            };
            let told_at = reopening.reopened_at.max(at);
            self.deeds.push((told_at, Deed::Reopen(reopening)));
        }
    }

    fn mishap(&mut self, at: Millis) {
        let deed = match self.dice.below(20) {
            0 => Deed::Crash,
            1 => Deed::Restart,
            2 => Deed::Sleep(self.dice.between(MINUTE, 8 * HOUR)),
            3..=6 => Deed::CrashAfterCommits(1 + self.dice.below(10) as u32),
            7..=15 => Deed::Fault(ApiCall::Create, *self.dice.pick(kinds(ApiCall::Create)), 1),
            _ => {
                let look_up = match self.setting.can_dm {
                    "users_v2" => ApiCall::Users,
                    _ => ApiCall::Friendship,
                };
                let calls = [ApiCall::Events, ApiCall::Events, ApiCall::Show, look_up, look_up];
                let call = match self.dice.below(7) {
                    0 => ApiCall::VerifyCredentials,
                    1 => ApiCall::DirectMessages,
                    _ => *self.dice.pick(&calls),
                };
                let kind = *self.dice.pick(kinds(call));
                // Mostly once; now and then for hours.
                let is_outage = !kind.is_crash() && self.dice.happens(20);
                Deed::Fault(call, kind, if is_outage { 10 + self.dice.below(40) } else { 1 })
            }
        };
        self.deeds.push((at, deed));
    }
}
