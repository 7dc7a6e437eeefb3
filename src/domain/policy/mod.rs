//! Decides who is asked and when. It makes every decision before a prompt and sets the waits
//! between tries.
//!
//! A survey is decided twice. [`at_close`] uses what is known when the close comes in.
//! [`at_sending`] uses everything and runs in the transaction that begins the send. Each decision
//! is a value ([`decision::Ground`]) that carries the numbers it rests on.
//!
//! Nothing here reads the clock or the database. The caller passes in what is known of both.

pub mod decision;
pub mod draws;
pub mod pacing;
pub mod quiet_hours;
mod backoff;
pub mod rule;
mod rules;
mod words;

use std::time::Duration;

pub use self::backoff::{PROBE_FIRST, PROBE_MOST, RETRY_FIRST, RETRY_MOST, backoff};
use self::decision::{Clear, Decision, Ground, OptedOut, Throttled, Verdict};
use self::draws::Drawn;
pub use self::rules::{Mode, Pacing, Rules};
pub use self::words::words;
use super::close::{Close, Notice};
use super::id::UserId;
use super::survey::Survey;
use super::time::{Millis, millis};

/// X counts its day of prompts back from now (X's page of feedback/create).
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The decision about a close at the moment it comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct AtClose {
    pub due_at: Millis,
    pub decision: Decision,
}

impl AtClose {
    pub fn verdict(&self) -> Verdict {
        self.decision.verdict()
    }

    /// The decision about a close of somebody who was erased.
    pub fn forgotten(self) -> Self {
        let decision = Decision { ground: Ground::Forgotten, ..self.decision };
        Self { decision, ..self }
    }
}

impl Rules {
    /// Makes a decision of a ground under these rules.
    pub fn decided(&self, ground: Ground, at: Millis) -> Decision {
        Decision { at, rule: self.rule.clone(), variant: self.variant.clone(), ground }
    }
}

/// Decides at the close what can be decided then. The rest is decided at the moment of sending.
/// Lateness waits for that moment too if `is_certain` is false, because `now` may be wrong.
pub fn at_close(close: &Close, rules: &Rules, now: Millis, is_certain: bool) -> AtClose {
    let due_at = close.closed_at.plus(rules.delay);
    let Close { account, conversation_id, user_id, closed_at, notice, .. } = close;
    let ground = match user_id {
        // This comes first. An operator who sets a help desk up must see what is missing, even with
        // a payload of last year.
        None => Ground::NoXId,
        Some(_) if is_certain && is_too_late(*closed_at, rules, now) => late(*closed_at, rules),
        Some(person) => {
            let drawn = Drawn { account, conversation_id, first_closed_at: *closed_at };
            against(drawn, person, *closed_at, notice, rules)
                .unwrap_or(Ground::Due { due_at, delay_ms: millis(rules.delay) })
        }
    };
    AtClose { due_at, decision: rules.decided(ground, now) }
}

/// The ground for a prompt that is too late. Its conversation closed at `closed_at`.
pub fn late(closed_at: Millis, rules: &Rules) -> Ground {
    Ground::Late { closed_at, expire_after_ms: millis(rules.expire_after) }
}

/// True if a prompt for a conversation closed at `closed_at` is too late by now.
pub fn is_too_late(closed_at: Millis, rules: &Rules, now: Millis) -> bool {
    now >= too_late_at(closed_at, rules)
}

/// The first instant at which a prompt for that close is too late.
pub fn too_late_at(closed_at: Millis, rules: &Rules) -> Millis {
    closed_at.plus(rules.expire_after).plus(Duration::from_millis(1))
}

/// The ground that stands against asking about a close for good. It holds whatever else happens.
fn against(
    drawn: Drawn,
    person: &UserId,
    closed_at: Millis,
    notice: &Notice,
    rules: &Rules,
) -> Option<Ground> {
    if rules.skip {
        return Some(Ground::Rule);
    }
    if let Some(by) = notice.closed_by.filter(|by| rules.skip_closed_by.contains(by)) {
        return Some(Ground::ClosedBy { closed_by: by.as_str().to_owned() });
    }
    // A value that the notice lacks is not held against anybody.
    if let Some(agent_messages) = notice.agent_messages.filter(|n| *n < rules.min_agent_messages) {
        let min_agent_messages = rules.min_agent_messages;
        return Some(Ground::NoSubstance { agent_messages, min_agent_messages });
    }
    if let (Some(stale_after), Some(last_message_at)) = (rules.stale_after, notice.last_message_at)
        && closed_at.since(last_message_at) > stale_after
    {
        let stale_after_ms = millis(stale_after);
        return Some(Ground::Stale { last_message_at, closed_at, stale_after_ms });
    }
    let draw = draws::of_holdout(&rules.throttle_group, person);
    if draw < rules.holdout {
        return Some(Ground::Holdout { share: rules.holdout, draw });
    }
    let draw = draws::of_sample(drawn);
    (draw >= rules.sample).then_some(Ground::SampledOut { share: rules.sample, draw })
}

/// What was sent before and said since, as far as it affects one more prompt. A prompt that may
/// have been sent counts as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When an account of the throttle group last prompted this person.
    pub last_to_person: Option<Millis>,
    /// True if it is not known yet whether that prompt went out.
    pub is_last_uncertain: bool,
    /// True if that prompt was not sent but a dry run counts it.
    pub is_last_dry: bool,
    /// The prompts from this account to this person in the last 24 hours.
    pub day_to_person: u32,
    /// The prompts from this account in the last 24 hours.
    pub day_of_account: u32,
    /// When the oldest of them was sent.
    pub oldest_of_day: Option<Millis>,
    pub opted_out: Option<OptedOut>,
    /// The close that made the survey if a later close has replaced it.
    pub first_closed_at: Option<Millis>,
    /// The account's surveys that reached their moment of sending in the last 24 hours. This survey
    /// is not counted.
    pub demand: u32,
    /// True if this survey reached that moment before and the pacing let it through.
    pub is_paced: bool,
}

/// What would have been sent before if the account had not been on a dry run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DryHistory {
    /// Each field has the meaning of its namesake in [`History`].
    pub last_to_person: Option<Millis>,
    pub day_to_person: u32,
    pub day_of_account: u32,
    pub oldest_of_day: Option<Millis>,
}

/// Decides once more about a survey that is not too late. It uses what is true now by X's clock.
///
/// The grounds that stand for good come first, and those that may pass come later. A survey is
/// drawn for even pacing only if none of them stands before. The demand then counts prompts that
/// would be sent.
pub fn at_sending(survey: &Survey, rules: &Rules, history: &History, now: Millis) -> Ground {
    if let Some(out) = &history.opted_out {
        return Ground::OptedOut(out.clone());
    }
    let Survey { account, conversation_id, user_id, closed_at, notice, .. } = survey;
    let first_closed_at = history.first_closed_at.unwrap_or(*closed_at);
    let drawn = Drawn { account, conversation_id, first_closed_at };
    let Some(person) = user_id else { return Ground::NoXId };
    if let Some(ground) = against(drawn, person, *closed_at, notice, rules) {
        return ground;
    }
    // A prompt of unknown outcome is dated by the last instant at which X may carry it out. It does
    // not block another prompt if there is no throttle.
    let throttled = !rules.throttle.is_zero()
        && history.last_to_person.is_some_and(|last| now < last.plus(rules.throttle));
    if throttled || history.day_to_person >= rules.daily_limit_per_user {
        return Ground::Throttled(Throttled {
            last_prompt_at: history.last_to_person,
            is_uncertain: history.is_last_uncertain,
            is_dry: history.is_last_dry,
            throttle_ms: millis(rules.throttle),
            throttle_group: rules.throttle_group.clone(),
            prompts_of_day: history.day_to_person,
            daily_limit_per_user: rules.daily_limit_per_user,
        });
    }
    if let Some(quiet) = quiet(survey, rules, now) {
        return quiet;
    }
    let pace = (rules.pacing == Pacing::Even && !history.is_paced).then(|| {
        pacing::pace(draws::of_pacing(drawn), history.demand.saturating_add(1), rules.daily_limit)
    });
    let pace = match pace {
        Some(pace) if !pace.is_asked() => return Ground::Budget(pace),
        pace => pace,
    };
    if history.day_of_account >= rules.daily_limit {
        return Ground::DayFull {
            prompts_of_day: history.day_of_account,
            daily_limit: rules.daily_limit,
            pace,
            until: history.oldest_of_day.unwrap_or(now).plus(DAY),
        };
    }
    Ground::Clear(Clear {
        throttle_ms: millis(rules.throttle),
        last_prompt_at: history.last_to_person,
        is_last_dry: history.is_last_dry,
        prompts_of_day: history.day_of_account,
        daily_limit: rules.daily_limit,
        sample: (rules.sample < 1.0).then(|| [rules.sample, draws::of_sample(drawn)]),
        pace,
    })
}

impl History {
    /// Counts what a dry run would have sent before as sent.
    pub fn with_dry_run(mut self, dry: &DryHistory) -> Self {
        self.day_of_account = self.day_of_account.saturating_add(dry.day_of_account);
        self.oldest_of_day = self.oldest_of_day.into_iter().chain(dry.oldest_of_day).min();
        self.day_to_person = self.day_to_person.saturating_add(dry.day_to_person);
        if dry.last_to_person > self.last_to_person {
            self.last_to_person = dry.last_to_person;
            self.is_last_dry = true;
            self.is_last_uncertain = false;
        }
        self
    }
}

/// The ground of quiet hours if it is now quiet for the survey's person.
pub fn quiet(survey: &Survey, rules: &Rules, now: Millis) -> Option<Ground> {
    let time_zone = survey.notice.time_zone.as_deref();
    let hours = rules.quiet_hours.as_ref()?;
    let until = hours.until(time_zone, now)?;
    Some(Ground::QuietHours {
        from: hours.from.strftime("%H:%M").to_string(),
        to: hours.to.strftime("%H:%M").to_string(),
        time_zone: hours.zone_for(time_zone).iana_name().unwrap_or("UTC").to_owned(),
        until,
    })
}

#[cfg(test)]
mod tests;
