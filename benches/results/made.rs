//! A made-up business: surveys of one account with their answers, as a year leaves them.
//!
//! Every agent has a home team and helps out in others. Tags are drawn by Zipf, so that some sets
//! of them are frequent and most are rare. The same seed makes the same business.

use rusqlite::types::Value;
use surveyd::domain::close::{ClosedBy, Notice};
use surveyd::domain::time::Millis;

use crate::rows;
use crate::words::Dice;

pub const ACCOUNT: &str = "acme";

pub const DAY: i64 = 86_400_000;
const YEAR: i64 = 365 * DAY;
/// What closes later has nothing to show yet.
const LAST: i64 = 3_600_000;
pub const DELAY: i64 = 300_000;

const AGENTS: u64 = 97;
const TEAMS: [&str; 12] = [
    "accounts",
    "apps",
    "billing",
    "bookings",
    "claims",
    "delivery",
    "hardware",
    "network",
    "returns",
    "sales",
    "second-line",
    "warranty",
];
/// The share of an agent's conversations that belongs to the home team.
const AT_HOME: f64 = 0.9;
const LANGUAGES: [(&str, f64); 4] = [("en", 0.6), ("es", 0.2), ("de", 0.12), ("fr", 0.08)];
const TAGS: u64 = 40;

/// The name of one agent.
pub fn agent(number: u64) -> String {
    format!("agent-{number:02}")
}

/// How many surveys are made for so many answers: of 14, ten are answered, three are not and one
/// was never sent.
pub fn surveys(answers: u64) -> u64 {
    answers + answers * 3 / 10 + answers / 10
}

/// Draws one of some by their shares, which add up to one.
pub fn one_of<T: Copy>(all: &[(T, f64)], dice: &mut Dice) -> T {
    let mut drawn = dice.share();
    for (one, share) in all {
        drawn -= share;
        if drawn < 0.0 {
            return *one;
        }
    }
    all[0].0
}

/// A row of `survey`, and of `feedback` if the prompt was answered.
pub type Made = (Vec<Value>, Option<Vec<Value>>);

/// Makes the surveys in the order of their closes.
pub struct Business {
    dice: Dice,
    now: i64,
    surveys: u64,
    made: u64,
    /// Answered ones, unanswered ones and those never sent that are still to be made.
    left: [u64; 3],
}

impl Business {
    /// The year that ends with `now`.
    pub fn new(answers: u64, seed: u64, now: Millis) -> Self {
        let left = [answers, answers * 3 / 10, answers / 10];
        Self { dice: Dice(seed), now: now.0, surveys: surveys(answers), made: 0, left }
    }

    /// How many are still to be made.
    pub fn len(&self) -> usize {
        (self.surveys - self.made) as usize
    }

    fn fate(&mut self) -> Fate {
        let all: u64 = self.left.iter().sum();
        let mut drawn = self.dice.below(all);
        for (left, fate) in self.left.iter_mut().zip([Fate::Answered, Fate::Sent, Fate::Unsent]) {
            if drawn < *left {
                *left -= 1;
                return fate;
            }
            drawn -= *left;
        }
        unreachable!("what is drawn is below the sum")
    }

    fn notice(&mut self) -> Notice {
        let dice = &mut self.dice;
        let number = dice.below(AGENTS);
        let home = number % TEAMS.len() as u64;
        let is_at_home = dice.share() < AT_HOME;
        let team = if is_at_home { home } else { dice.below(TEAMS.len() as u64) };
        let tags = (0..dice.below(4)).map(|_| format!("topic-{:02}", dice.zipf(TAGS)));
        Notice {
            tags: tags.collect(),
            agent: Some(agent(number)),
            team: Some(TEAMS[team as usize].to_owned()),
            language: Some(one_of(&LANGUAGES, dice).to_owned()),
            first_name: Some("Ana".to_owned()),
            closed_by: Some(ClosedBy::Agent),
            agent_messages: Some(1 + dice.below(9) as u32),
            attributes: [
                ("channel".to_owned(), "direct message".to_owned()),
                ("order".to_owned(), format!("77-{:08}", dice.below(100_000_000))),
            ]
            .into(),
            ..Notice::default()
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Sent,
    Unsent,
}

/// What one close of the business is made of.
pub struct Close {
    pub id: String,
    pub conversation_id: String,
    pub user_id: String,
    pub feedback_id: String,
    pub dm_id: String,
    pub closed_at: i64,
    pub due_at: i64,
    pub sent_at: i64,
}

impl Iterator for Business {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        if self.made == self.surveys {
            return None;
        }
        let fate = self.fate();
        let step = (YEAR - LAST) as f64 / self.surveys as f64;
        let closed_at = self.now - YEAR + ((self.made as f64 + self.dice.share()) * step) as i64;
        let due_at = closed_at + DELAY;
        let (high, low) = (self.dice.bits(), self.dice.bits());
        let close = Close {
            // A UUID of version 7, as the daemon makes them.
            id: format!("{closed_at:012x}7{:03x}8{:015x}", high & 0xfff, low >> 4),
            conversation_id: format!("conversation-{:012}", self.made),
            user_id: (1_000_000_000_000_000_000 + self.dice.below(self.surveys) * 7_919)
                .to_string(),
            feedback_id: (1_800_000_000_000_000_000 + self.made * 7_919).to_string(),
            dm_id: (1_900_000_000_000_000_000 + self.made * 7_927).to_string(),
            closed_at,
            due_at,
            sent_at: due_at + 200 + self.dice.below(3_000) as i64,
        };
        self.made += 1;
        let notice = self.notice();
        let survey = rows::survey(&close, fate, &notice, &mut self.dice);
        let feedback =
            (fate == Fate::Answered).then(|| rows::feedback(&close, self.now, &mut self.dice));
        Some((survey, feedback))
    }
}
