//! Simulated days of one account: prompts go out, people answer, and X is asked about them by a
//! schedule and brings the events a day later. Time is simulated; the budget, the schedule, its
//! price and what it learns are the program's own.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use surveyd::domain::budget::{Call, CallPace, CallWindow};
use surveyd::domain::freshness::{
    self, Bounds, Fresh, Habits, Observed, PollRound, PromptsByAge, Schedule,
};
use surveyd::domain::time::Millis;

use super::people::{Dice, Life, Public};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const INTERVAL: Duration = Duration::from_secs(5 * 60);
const FRESH_FOR: Duration = Duration::from_secs(7 * 86_400);
/// X's events lag a day, and are read every five minutes.
const EVENTS_AFTER: i64 = DAY + 5 * MINUTE;

/// As the poller has it.
const PRICED_EVERY: i64 = 5 * MINUTE;
const LEARNED_EVERY: i64 = 6 * 60 * MINUTE;
const LEARNED_FROM: usize = 2_000;
const DUE_MOST: usize = 1_000;

/// How X is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Schedule,
    /// The schedule, with what it starts from instead of what it learns.
    Default,
    /// All that are fresh, at one interval: the shortest that the same budget allows, and no
    /// shorter than a minute.
    Interval,
    EventsOnly,
}

/// What came of it. Waits are in minutes, from the score to its row.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub waits: Vec<f64>,
    /// The same of comments.
    pub comment_waits: Vec<f64>,
    pub calls: u64,
    pub days: u32,
    pub most_in_a_quarter: usize,
}

impl Figures {
    /// The wait that this share of the answers did not exceed.
    pub fn wait(&self, share: f64) -> f64 {
        quantile(&self.waits, share)
    }

    pub fn comment_wait(&self, share: f64) -> f64 {
        quantile(&self.comment_waits, share)
    }

    /// The share of answers that waited no longer.
    pub fn within(&self, minutes: f64) -> f64 {
        let within = self.waits.iter().filter(|wait| **wait <= minutes).count();
        within as f64 / self.waits.len().max(1) as f64
    }
}

fn quantile(waits: &[f64], share: f64) -> f64 {
    let mut waits = waits.to_vec();
    waits.sort_by(f64::total_cmp);
    let place = (share * waits.len() as f64) as usize;
    waits.get(place.min(waits.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// A prompt that is out.
struct Out {
    life: Life,
    asked_at: Option<i64>,
    /// What its row says.
    score_seen: bool,
    comment_seen: bool,
    show_at: Option<i64>,
}

impl Out {
    fn fresh(&self) -> Fresh {
        Fresh {
            sent_at: Millis(self.life.sent_at),
            asked_at: self.asked_at.map(Millis),
            partly_at: self.life.score_at.filter(|_| self.score_seen).map(Millis),
        }
    }

    fn observed(&self, now: i64) -> Observed {
        let known_to = self.asked_at.unwrap_or(0).max(now - EVENTS_AFTER);
        Observed {
            sent_at: Millis(self.life.sent_at),
            score_at: self.life.score_at.filter(|_| self.score_seen).map(Millis),
            comment_at: self.life.comment_at.filter(|_| self.comment_seen).map(Millis),
            known_to: Millis(known_to),
        }
    }
}

struct Account {
    by: By,
    out: Vec<Out>,
    /// By when they are asked about, and their place in `out`.
    due: BTreeSet<(i64, usize)>,
    schedule: Schedule,
    pace: CallPace,
    /// How many due prompts the last pass had no call for.
    left: usize,
    budget: CallWindow,
    recent: VecDeque<i64>,
    /// What the events are still to bring: when, of whom.
    events: BTreeSet<(i64, usize)>,
    measured_from: i64,
    figures: Figures,
}

/// Simulates `warm_up` days and then `days` that are measured.
pub fn run(by: By, public: Public, warm_up: u32, days: u32, seed: u64) -> Figures {
    let mut lives = VecDeque::from(public.lives(warm_up + days, &mut Dice(seed)));
    let end = i64::from(warm_up + days) * DAY;
    let bounds = Bounds::of(INTERVAL, FRESH_FOR);
    let mut account = Account {
        by,
        out: Vec::new(),
        due: BTreeSet::new(),
        schedule: Schedule::new(bounds, Habits::default()),
        pace: CallPace::default(),
        left: 0,
        budget: CallWindow::default(),
        recent: VecDeque::new(),
        events: BTreeSet::new(),
        measured_from: i64::from(warm_up) * DAY,
        figures: Figures { days, ..Figures::default() },
    };
    let (mut priced_at, mut learned_at) = (i64::MIN / 2, i64::MIN / 2);
    let mut now = 0;
    while now < end {
        account.read_events(now);
        while let Some(life) = lives.pop_front_if(|life| life.sent_at <= now) {
            account.send(life);
        }
        if matches!(by, By::Schedule | By::Default) && account.is_due(now) {
            if now - learned_at >= LEARNED_EVERY {
                (learned_at, priced_at) = (now, i64::MIN / 2);
                account.learn(now);
            }
            if now - priced_at >= PRICED_EVERY {
                priced_at = now;
                account.price(now);
            }
        }
        let next = account.pass(now);
        let sent = lives.front().map_or(i64::MAX, |life| life.sent_at);
        now = next.unwrap_or(i64::MAX).min(sent).max(now + 1_000);
    }
    account.read_events(end);
    account.figures
}

impl Account {
    fn send(&mut self, life: Life) {
        let show_at = match self.by {
            By::EventsOnly => None,
            By::Schedule | By::Default | By::Interval => {
                self.schedule.bounds().first(Millis(life.sent_at))
            }
        };
        self.due.extend(show_at.map(|at| (at.0, self.out.len())));
        let show_at = show_at.map(|at| at.0);
        let given = [life.score_at, life.comment_at].into_iter().flatten();
        self.events.extend(given.map(|at| (at + EVENTS_AFTER, self.out.len())));
        let (score_seen, comment_seen) = (false, false);
        self.out.push(Out { life, asked_at: None, score_seen, comment_seen, show_at });
    }

    fn is_due(&self, now: i64) -> bool {
        self.due.first().is_some_and(|(at, _)| *at <= now)
    }

    fn learn(&mut self, now: i64) {
        if self.by == By::Default {
            return;
        }
        let last = self.out.iter().rev().take(LEARNED_FROM);
        let observed: Vec<Observed> = last.map(|prompt| prompt.observed(now)).collect();
        let habits = Habits::of(&observed, FRESH_FOR);
        self.schedule = Schedule::new(*self.schedule.bounds(), habits);
    }

    fn price(&mut self, now: i64) {
        let mut crowd = PromptsByAge::default();
        for (_, place) in &self.due {
            let prompt = &self.out[*place];
            if !prompt.score_seen {
                crowd.count(Millis(now).since(Millis(prompt.life.sent_at)), 1);
            }
        }
        let calls = freshness::calls_a_minute(Call::Show.limit());
        self.schedule.set_price(&crowd, calls, self.left);
    }

    /// One pass, as the poller makes it. When the next is wanted.
    fn pass(&mut self, now: i64) -> Option<i64> {
        if !self.is_due(now) {
            return self.due.first().map(|(at, _)| *at);
        }
        let together = self.schedule.bounds().together();
        let calls_a_minute = freshness::calls_a_minute(Call::Show.limit());
        let calls = self.pace.calls(calls_a_minute, Millis(now));
        let soon = Millis(now).plus(together).0;
        let due: Vec<usize> = self.due.range(..=(soon, usize::MAX)).map(|due| due.1).collect();
        let round = match self.by {
            By::Schedule | By::Default => self.by_worth(due, calls, now),
            By::Interval | By::EventsOnly => self.in_turn(due, calls),
        };
        self.left = round.left;
        for place in round.over {
            self.plan(place, self.out[place].show_at, None);
        }
        for place in round.asked {
            if self.budget.take(Call::Show.limit(), Millis(now)).is_err() {
                break;
            }
            self.pace.spend(1);
            self.count_call(now);
            self.ask(place, now);
        }
        if round.left > 0 {
            return Some(Millis(now).plus(CallPace::wait(calls_a_minute, together)).0);
        }
        self.due.first().map(|(at, _)| *at)
    }

    fn by_worth(&self, mut due: Vec<usize>, calls: u32, now: i64) -> PollRound<usize> {
        // The newest, as the store gives them.
        due.sort_by_key(|place| std::cmp::Reverse(*place));
        due.truncate(DUE_MOST);
        self.schedule.round(due, calls, Millis(now), |place| self.out[*place].fresh())
    }

    /// Whoever has waited longest.
    fn in_turn(&self, mut due: Vec<usize>, calls: u32) -> PollRound<usize> {
        let left = due.len().saturating_sub(calls as usize);
        due.truncate(calls as usize);
        PollRound { asked: due, over: Vec::new(), left }
    }

    fn ask(&mut self, place: usize, now: i64) {
        let before = self.out[place].show_at;
        self.out[place].asked_at = Some(now);
        self.see(place, now, now);
        let prompt = &self.out[place];
        let is_complete = prompt.score_seen && prompt.comment_seen;
        let next = match self.by {
            By::Schedule | By::Default => self.schedule.next(&prompt.fresh()),
            By::Interval | By::EventsOnly => Some(Millis(now + MINUTE))
                .filter(|at| at.since(Millis(prompt.life.sent_at)) <= FRESH_FOR),
        };
        let next = next.filter(|_| !is_complete).map(|at| at.0);
        self.plan(place, before, next);
    }

    fn plan(&mut self, place: usize, before: Option<i64>, next: Option<i64>) {
        if let Some(before) = before {
            self.due.remove(&(before, place));
        }
        self.due.extend(next.map(|at| (at, place)));
        self.out[place].show_at = next;
    }

    /// A row gets what was given by `to`; it is on the disk `now`.
    fn see(&mut self, place: usize, to: i64, now: i64) {
        let measured_from = self.measured_from;
        let prompt = &mut self.out[place];
        let wait = |at: i64| (now - at) as f64 / MINUTE as f64;
        if let Some(at) = prompt.life.score_at.filter(|at| *at <= to && !prompt.score_seen) {
            prompt.score_seen = true;
            if at >= measured_from {
                self.figures.waits.push(wait(at));
            }
        }
        if let Some(at) = prompt.life.comment_at.filter(|at| *at <= to && !prompt.comment_seen) {
            prompt.comment_seen = true;
            if at >= measured_from {
                self.figures.comment_waits.push(wait(at));
            }
        }
    }

    /// Whatever was given more than a day ago has come by the events, just as late.
    fn read_events(&mut self, now: i64) {
        while let Some((at, place)) = self.events.pop_first() {
            if at > now {
                self.events.insert((at, place));
                return;
            }
            self.see(place, at - EVENTS_AFTER, at);
            let prompt = &self.out[place];
            if prompt.score_seen && prompt.comment_seen {
                self.plan(place, prompt.show_at, None);
            }
        }
    }

    fn count_call(&mut self, now: i64) {
        if now >= self.measured_from {
            self.figures.calls += 1;
        }
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|at| *at <= now - 15 * MINUTE) {
            self.recent.pop_front();
        }
        let most = &mut self.figures.most_in_a_quarter;
        *most = (*most).max(self.recent.len());
    }
}
