//! The oracle: what surveyd promises, written down apart from its code. It is told what goes in,
//! sees what X sees, and is shown every step that surveyd notes; and says so where they do not fit.
//!
//! Each survey is kept as little as that takes. Nothing here decides what surveyd does; it only
//! knows what it may do.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use surveyd::domain::id::SurveyId;
use surveyd::domain::time::Millis;
use surveyd::sandbox::record::DeliveredPrompt;
use surveyd::sandbox::{Person, TakesMessages, UserStanding};

use super::setting::{DAY, HOUR, Setting, Weather};
use super::watch::Noted;

/// A survey as the outside may know it.
pub struct Known {
    pub account: String,
    pub conversation: String,
    /// The name that X is told.
    pub external_id: String,
    pub person: u64,
    /// All closes that this is the survey of.
    pub(super) closes: BTreeSet<Millis>,
    /// The latest of them.
    pub closed_at: Millis,
    pub(super) due_at: Millis,
    pub(super) accepted_at: Millis,
    pub state: String,
    /// Since when it is in this state.
    pub(super) since: Millis,
    /// When a prompt may have been spent on it, as late as X may have counted it.
    pub(super) spent_at: Option<Millis>,
    pub(super) begun: u32,
    /// Whether a rule leaves it out.
    pub(super) is_skipped: bool,
    pub(super) prompted_at: Option<Millis>,
}

/// What the outside knows of a person: all that was ever true of them in this run.
#[derive(Default)]
struct Nature {
    was_closed: bool,
    was_suspended: bool,
    has_opted_out: bool,
}

pub struct Model {
    pub(super) setting: Setting,
    pub(super) surveys: Vec<Known>,
    pub(super) by_id: HashMap<SurveyId, usize>,
    pub(super) reopened: HashMap<(String, String), Millis>,
    people: HashMap<u64, Nature>,
    /// When something last stood in the way of sending or reading.
    hindered_at: Millis,
    crashes: Vec<Millis>,
    /// Refusals that end a survey, met and not yet laid at one's door.
    strange: u32,
    /// Requests without an answer, met and not yet laid at a survey's door.
    unknown: u32,
}

/// How far two instants may lie apart that would be the same but for the pass that noticed.
const SLACK: Duration = Duration::from_secs(1);

impl Model {
    pub fn of(setting: &Setting, now: Millis) -> Self {
        let mut model = Self {
            setting: setting.clone(),
            surveys: Vec::new(),
            by_id: HashMap::new(),
            reopened: HashMap::new(),
            people: HashMap::new(),
            hindered_at: now,
            crashes: Vec::new(),
            strange: 0,
            unknown: 0,
        };
        for (id, person) in &setting.people {
            model.is(*id, person);
        }
        model
    }

    /// A person is so from now on.
    pub fn is(&mut self, id: u64, person: &Person) {
        let nature = self.people.entry(id).or_default();
        nature.was_closed |=
            person.messages != TakesMessages::Open || person.standing == UserStanding::Unknown;
        nature.was_suspended |= person.standing == UserStanding::Suspended;
    }

    /// A person wants no more prompts from now on.
    pub fn opts_out(&mut self, id: u64) {
        self.people.entry(id).or_default().has_opted_out = true;
    }

    pub fn hindered(&mut self, now: Millis) {
        self.hindered_at = now;
    }

    /// surveyd has ended; whatever it was sending has no known outcome.
    pub fn crashed(&mut self, now: Millis) {
        self.hindered(now);
        self.crashes.push(now);
        let sending = self.surveys.iter().filter(|known| known.state == "sending").count();
        self.unknown += u32::try_from(sending).expect("few are sent at once");
    }

    pub fn met_unknown(&mut self) {
        self.unknown += 1;
    }

    pub fn met_strange(&mut self) {
        self.strange += 1;
    }

    pub fn surveys(&self) -> &[Known] {
        &self.surveys
    }

    /// surveyd has noted a step; `prompts` are all that X has carried out by now. The step in
    /// words, for the trace.
    pub fn step(&mut self, noted: &Noted, prompts: &[DeliveredPrompt]) -> String {
        let at =
            *self.by_id.get(&noted.survey_id).expect("a survey is acknowledged before it moves");
        let Noted { at: now, state: to, detail, .. } = noted;
        let (now, reason) = (*now, detail.as_deref().unwrap_or_default());
        let known = &self.surveys[at];
        let name = format!("{}/{}", known.account, known.external_id);
        let from = known.state.clone();
        let carried_out = prompts.iter().filter(|prompt| self.is_of(prompt, known)).count();
        let is_late = now > known.closed_at.plus(self.setting.expire_after);
        let key = (known.account.clone(), known.conversation.clone());
        let is_reopened = self.reopened.get(&key).is_some_and(|at| *at >= known.closed_at);
        assert!(now >= known.since, "{name} steps back in time");
        match (from.as_str(), to.as_str()) {
            ("scheduled", "scheduled") => {
                let may_wait = self.setting.weather != Weather::Calm;
                // X has met one of the faults that were ordered since.
                let is_untold = reason.starts_with("X did not tell whether the person can be")
                    && self.hindered_at >= now;
                let is_known = reason.starts_with("closed again")
                    || is_untold
                    || (reason == "waits" && may_wait);
                assert!(is_known, "{name} waits anew: {reason}");
            }
            ("scheduled", "sending") => {
                assert!(now >= known.due_at, "{name} is sent before its time");
                assert!(!is_late, "{name} is sent too late");
                assert!(!is_reopened, "{name} is sent though it goes on");
                assert!(!self.is_throttled(at, now), "{name} is sent to somebody just asked");
                let has_opted_out = self.people[&known.person].has_opted_out;
                assert!(!has_opted_out, "{name} is sent to somebody who wants none");
                assert!(!known.is_skipped, "{name} is sent against the rule");
                let quiet_until = self.setting.quiet_until(now);
                assert!(quiet_until.is_none(), "{name} is sent in the night");
            }
            ("sending", "scheduled") => {
                assert!(carried_out == 0, "{name} is to be sent again and is out");
            }
            ("sending", "uncertain") => {
                assert!(self.unknown > 0, "{name} is uncertain without a cause");
                self.unknown -= 1;
            }
            ("uncertain", "scheduled" | "expired") => {
                assert!(carried_out == 0, "{name} is settled as unsent and is out");
                assert!(to == "scheduled" || is_late, "{name} expires too soon");
                // Until now it had a share of the day's budget.
                self.hindered_at = now;
            }
            ("sending" | "uncertain", "sent") => {
                assert!(carried_out == 1, "{name} is sent and X knows nothing of it");
            }
            ("sent", "answered") => {}
            ("scheduled" | "sending", "suppressed") => {
                assert!(carried_out == 0, "{name} is suppressed and is out");
                let nature = &self.people[&known.person];
                // Where X said so, its words stand behind.
                let is_so = match reason.split(':').next().unwrap_or_default() {
                    "cannot_dm" => nature.was_closed,
                    "suspended" => nature.was_suspended,
                    "throttled" => self.is_throttled(at, now),
                    "opted_out" => nature.has_opted_out,
                    "rule" => known.is_skipped,
                    _ => false,
                };
                assert!(is_so, "{name} is suppressed without a cause: {reason}");
            }
            ("scheduled", "cancelled") => assert!(is_reopened, "{name} is called off"),
            ("scheduled", "expired") => {
                assert!(is_late, "{name} expires too soon");
                assert!(self.may_be_late(at, now), "{name} expires and nothing hindered it");
            }
            ("sending", "failed") => {
                assert!(carried_out == 0, "{name} has failed and is out");
                assert!(self.strange > 0, "{name} fails without a cause: {reason}");
                self.strange -= 1;
            }
            ("scheduled", "failed") => {
                let accepted_at = known.accepted_at;
                let crashes = self.crashes.iter().filter(|at| **at >= accepted_at).count();
                assert!(reason.contains("set aside") && crashes >= 3, "{name} fails: {reason}");
            }
            (from, to) => panic!("{name} goes from {from} to {to}: {reason}"),
        }
        let settle_after = self.setting.settle_after;
        let known = &mut self.surveys[at];
        known.begun += u32::from(to == "sending");
        known.spent_at = match to.as_str() {
            "sending" => Some(now),
            "uncertain" => Some(now.plus(settle_after)),
            "sent" if from == "sending" => Some(now),
            "sent" | "answered" => known.spent_at,
            _ => None,
        };
        if from != *to {
            known.since = now;
        }
        known.state.clone_from(to);
        match (from.as_str(), to.as_str()) {
            ("scheduled", "suppressed" | "cancelled") | ("sending", "suppressed") => {
                let reason = reason.split(':').next().unwrap_or_default();
                format!("{name}: {from} -> {to}, {reason}")
            }
            _ => format!("{name}: {from} -> {to}"),
        }
    }

    fn is_of(&self, prompt: &DeliveredPrompt, known: &Known) -> bool {
        prompt.field("external_id") == Some(known.external_id.as_str())
            && prompt.to_user_id == known.person
            && self.setting.account(prompt.from_user_id) == known.account
    }

    /// Whether another survey keeps this one's person from being asked at `now`.
    fn is_throttled(&self, at: usize, now: Millis) -> bool {
        let one = &self.surveys[at];
        let others = self.surveys.iter().enumerate().filter(|(other, _)| *other != at);
        others.filter(|(_, other)| other.person == one.person).any(|(_, other)| {
            let Some(spent_at) = other.spent_at else { return false };
            let is_grouped = self.setting.share_throttle(&one.account, &other.account);
            (is_grouped && now < spent_at.plus(self.setting.throttle))
                // X's own limit for one recipient.
                || (one.account == other.account && now < spent_at.plus(DAY))
        })
    }

    /// Whether there was a reason for not being in time.
    fn may_be_late(&self, at: usize, now: Millis) -> bool {
        let known = &self.surveys[at];
        let in_time = known.closed_at.plus(self.setting.expire_after);
        let spent = |other: &&Known| {
            other.account == known.account
                && other.spent_at.is_some_and(|spent_at| now.minus(HOUR) < spent_at.plus(DAY))
        };
        let day = self.surveys.iter().filter(spent).count();
        let is_night = |at: Millis| {
            self.setting.quiet_until(at).is_some_and(|until| until.plus(HOUR) >= in_time)
        };
        known.due_at > in_time
            || is_night(known.due_at)
            // A night that fell before the prompt's turn came.
            || self.setting.quiet_until(in_time).is_some()
            || known.accepted_at > in_time
            || self.hindered_at.plus(HOUR) >= known.due_at
            || day >= self.setting.daily_limit as usize
    }

    /// X has carried out a prompt: in words, and whether it was the last that its account may send
    /// that day.
    pub fn prompted(&mut self, prompt: &DeliveredPrompt) -> (String, bool) {
        let at = prompt.carried_out_at;
        let account = self.setting.account(prompt.from_user_id).to_owned();
        let external_id = prompt.field("external_id").expect("every prompt bears an external id");
        let name = format!("{account}/{external_id}");
        let index = self.surveys.iter().position(|known| self.is_of(prompt, known));
        let index = index.unwrap_or_else(|| panic!("{name} is no prompt for any close"));
        let group = |other: &&Known| {
            self.setting.share_throttle(&account, &other.account)
                && other.person == prompt.to_user_id
                && other.prompted_at.is_some_and(|before| at < before.plus(self.setting.throttle))
        };
        assert!(!self.surveys.iter().any(|other| group(&other)), "{name} asks somebody too soon");
        let today = |other: &&Known| {
            other.account == account
                && other.prompted_at.is_some_and(|before| at < before.plus(DAY))
        };
        let day = self.surveys.iter().filter(today).count();
        assert!(day < self.setting.daily_limit as usize, "{name} is beyond the day's limit");
        let latest = self.setting.expire_after + self.setting.settle_after + SLACK;
        let known = &mut self.surveys[index];
        assert!(known.prompted_at.is_none(), "{name} IS PROMPTED TWICE");
        assert!(known.begun > 0, "{name} is out and no note of it is on the disk");
        assert!(at >= known.due_at, "{name} is out before its time");
        assert!(at <= known.closed_at.plus(latest), "{name} is out too late");
        known.prompted_at = Some(at);
        let is_day_full = day + 1 == self.setting.daily_limit as usize;
        (format!("{name} reaches {}", prompt.to_user_id), is_day_full)
    }

    /// Every survey has come to an end, and every fault to its consequence.
    pub fn check_end(&self) {
        for known in &self.surveys {
            let is_open = ["scheduled", "sending", "uncertain"].contains(&known.state.as_str());
            assert!(!is_open, "{} is {} at the end", known.external_id, known.state);
            let is_out = ["sent", "answered"].contains(&known.state.as_str());
            let name = &known.external_id;
            assert!(is_out == known.prompted_at.is_some(), "{name} is {} at the end", known.state);
        }
        assert!(self.unknown == 0, "an unknown outcome was taken for a known one");
        assert!(self.strange == 0, "an unknown refusal ended no survey");
    }

    /// Nothing waits for longer than it may.
    pub fn check_patience(&self, now: Millis) {
        for known in &self.surveys {
            let name = &known.external_id;
            match known.state.as_str() {
                "uncertain" => {
                    let readable = known.since.plus(DAY).max(self.hindered_at);
                    // A refused account is asked about every hour at the least.
                    let patience = self.setting.interval + 2 * HOUR;
                    assert!(now <= readable.plus(patience), "{name} stays uncertain");
                }
                "sending" => panic!("{name} is sending and nobody sends it"),
                _ => {}
            }
        }
    }
}
