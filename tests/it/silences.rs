//! How often a silence is told that is none, and how late one that is: simulated courses of
//! business, judged every five minutes as the daemon does.
//!
//! The long form is a year of 24 courses: `cargo test --release --test it silences -- --ignored
//! --nocapture`. It prints what docs/alerts.md states.

use std::time::Duration;

use surveyd::domain::alert::SilenceKind;
use surveyd::domain::days::{Day, Days, Zone};
use surveyd::domain::silence::{LONGEST, Look, PartCounts, SilenceCounts, SilencePart, known_late};
use surveyd::domain::time::{Millis, Period};

use crate::harness::{days, hours, minutes};
use crate::simulation::dice::Dice;

const SILENCE_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);
const WARM_UP_WEEKS: i32 = 4;

/// The last days of the year are slow, and these are free, by month and day.
const HOLIDAYS: [(i8, i8); 10] =
    [(1, 1), (1, 6), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 25), (12, 26)];

/// How a business goes.
#[derive(Clone, Copy)]
struct Course {
    kind: SilenceKind,
    /// Prompts on a usual working day. Of the kind `closes` so many conversations close.
    a_day: u32,
    has_office_hours: bool,
    /// How many of the causes have an effect.
    percent: u32,
}

/// What came, each in its order.
struct Events {
    causes: Vec<Millis>,
    effects: Vec<Millis>,
}

/// What was told of one course.
#[derive(Default)]
struct Told {
    /// Silences that are none.
    wrong: u32,
    /// From the beginning of an outage until it was told.
    late: Vec<Duration>,
    untold: u32,
}

fn chance(dice: &mut Dice) -> f64 {
    (dice.below(1 << 52) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// A Poisson count, by Knuth's way.
fn count(dice: &mut Dice, mean: f64) -> u32 {
    let (least, mut product, mut count) = ((-mean).exp(), chance(dice), 0);
    while product > least {
        product *= chance(dice);
        count += 1;
    }
    count
}

/// From a prompt to its answer: half within 15 minutes, log-normal, as docs/freshness.md says.
fn wait(dice: &mut Dice) -> Duration {
    let (one, other) = (chance(dice), chance(dice));
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
    minutes(15).mul_f64((1.7 * normal).exp().min(600.0))
}

impl Course {
    fn name(self) -> String {
        let hours = if self.has_office_hours { "office hours" } else { "around the clock" };
        format!("{} {}, {} a day, {} %", self.kind.as_str(), hours, self.a_day, self.percent)
    }

    /// The share of a day's causes that come in an hour of the day.
    fn weight(self, hour: u32) -> f64 {
        match (self.has_office_hours, hour) {
            (true, 9..18) => 1.0 / 9.0,
            (true, _) => 0.0,
            (false, 8..22) => 1.0 / 17.5,
            (false, _) => 0.35 / 17.5,
        }
    }

    /// How busy a day is beside a usual one.
    fn rhythm(self, day: Day) -> f64 {
        let weekday = day.since(day.monday());
        let (_, month, of_month) = day.parts();
        let is_holiday = HOLIDAYS.contains(&(month, of_month));
        let slow = if month == 12 && of_month >= 24 { 0.5 } else { 1.0 };
        slow * match (self.has_office_hours, weekday) {
            (true, 5 | 6) => 0.0,
            (true, _) if is_holiday => 0.0,
            (true, 0) => 1.3,
            (true, 4) => 0.8,
            (true, _) => 1.0,
            (false, 5 | 6) => 0.6,
            (false, _) if is_holiday => 0.5,
            (false, _) => 1.0,
        }
    }

    /// The events of some weeks. No two days are equally busy, and no two answer equally much.
    fn events(self, from: Day, weeks: i32, zone: &Zone, dice: &mut Dice) -> Events {
        let (mut causes, mut effects) = (Vec::new(), Vec::new());
        for day in (0..7 * weeks).map(|days| from.plus(days)) {
            let start = zone.period(Days { from: day, to: day }).from;
            let busy = self.rhythm(day) * (0.75 + 0.5 * chance(dice)) * f64::from(self.a_day);
            let share = f64::from(self.percent) / 100.0 * (0.85 + 0.3 * chance(dice));
            for hour in 0..24 {
                for _ in 0..count(dice, busy * self.weight(hour)) {
                    let cause = start
                        .plus(hours(hour.into()).saturating_add(hours(1).mul_f64(chance(dice))));
                    causes.push(cause);
                    if chance(dice) < share {
                        effects.push(cause.plus(match self.kind {
                            SilenceKind::Closes => minutes(5),
                            SilenceKind::Answers => wait(dice),
                        }));
                    }
                }
            }
        }
        causes.sort();
        effects.sort();
        Events { causes, effects }
    }

    /// Judges the weeks after the warm-up.
    fn judge(self, weeks: i32, seed: u64) -> Told {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let mut dice = Dice::of(seed, &self.name());
        let first = Day::parse("2026-01-05").unwrap();
        let begin = zone.period(Days { from: first, to: first }).from;
        let all = WARM_UP_WEEKS + weeks;
        let mut told = Told::default();
        // Without an outage, whatever is told is wrong.
        let events = self.events(first, all, &zone, &mut dice);
        let end = begin.plus(days(7 * u64::from(all.unsigned_abs())));
        let warm = begin.plus(days(7 * u64::from(WARM_UP_WEEKS.unsigned_abs())));
        let mut at = warm;
        while let Some((since, _)) = events.next_silence(self.kind, begin, at, end, &zone) {
            told.wrong += 1;
            let next = events.effects.partition_point(|effect| *effect <= since);
            let Some(next) = events.effects.get(next) else { break };
            at = *next;
        }
        // An outage every four weeks, until it is told. Nothing of it comes later.
        let mut events = self.events(first, all, &zone, &mut dice);
        for four_weeks in 0..u64::from(weeks.unsigned_abs()) / 4 {
            let from = warm.plus(days(28 * four_weeks) + dice.between(Duration::ZERO, days(14)));
            let to = from.plus(days(10));
            let is_lost = |at: &Millis| from <= *at && *at <= to;
            let before = events.effects.clone();
            events.effects.retain(|at| !is_lost(at));
            let last = events.effects.partition_point(|effect| *effect < from);
            let Some(since) = last.checked_sub(1).map(|last| events.effects[last]) else {
                continue;
            };
            match events.next_silence(self.kind, begin, since, to, &zone) {
                Some((_, at)) if at >= from => {
                    told.late.push(at.since(from));
                    events.effects =
                        before.into_iter().filter(|it| !(from <= *it && *it <= at)).collect();
                }
                _ => told.untold += 1,
            }
        }
        told
    }
}

impl Events {
    /// The first silence that is told from an instant on: its beginning, and when it is told.
    fn next_silence(
        &self,
        kind: SilenceKind,
        begin: Millis,
        from: Millis,
        end: Millis,
        zone: &Zone,
    ) -> Option<(Millis, Millis)> {
        let first = self.effects.partition_point(|effect| *effect < from);
        for (place, since) in self.effects.iter().enumerate().skip(first) {
            if *since > end {
                return None;
            }
            let next = self.effects.get(place + 1).copied().unwrap_or(end).min(end);
            let mut now = since.plus(SILENCE_AFTER);
            while now < next && now.since(*since) <= LONGEST {
                if self.is_silent(kind, begin, *since, now, zone) {
                    return Some((*since, now));
                }
                now = now.plus(LOOK_EVERY);
            }
        }
        None
    }

    fn is_silent(
        &self,
        kind: SilenceKind,
        begin: Millis,
        since: Millis,
        now: Millis,
        zone: &Zone,
    ) -> bool {
        let to = now.minus(known_late(kind, false));
        let Some(look) = Look::new(since, to, begin, zone) else { return false };
        let within = |events: &[Millis], period: Period| {
            let before = events.partition_point(|at| *at < period.from);
            events.partition_point(|at| *at <= period.to).saturating_sub(before) as u64
        };
        let counts = |period| SilenceCounts {
            causes: within(&self.causes, period),
            effects: within(&self.effects, period),
        };
        let counts_of = |part: &SilencePart| PartCounts {
            silence: counts(part.silence),
            weeks: part
                .weeks
                .iter()
                .map(|week| counts(*week))
                .fold(SilenceCounts::default(), SilenceCounts::plus),
        };
        let parts: Vec<PartCounts> = look.parts.iter().map(counts_of).collect();
        look.judge(&parts).is_some()
    }
}

/// Prints a line for each course. Returns what was told of all.
fn print(courses: &[Course], weeks: i32, accounts: u64) -> Vec<Told> {
    let years = accounts as f64 * f64::from(weeks) / 52.0;
    eprintln!("{:44} wrong a year  late: median   worst (hours)  never told", "");
    let told = courses.iter().map(|course| {
        let mut told = Told::default();
        for seed in 0..accounts {
            let one = course.judge(weeks, seed);
            told.wrong += one.wrong;
            told.late.extend(one.late);
            told.untold += one.untold;
        }
        told.late.sort();
        let hours = |length: Option<&Duration>| length.map_or(0.0, |it| it.as_secs_f64() / 3600.0);
        eprintln!(
            "{:44} {:12.2}  {:12.1} {:15.1}  {:4} of {}",
            course.name(),
            f64::from(told.wrong) / years,
            hours(told.late.get(told.late.len() / 2)),
            hours(told.late.last()),
            told.untold,
            told.late.len() + told.untold as usize
        );
        told
    });
    told.collect()
}

fn courses() -> Vec<Course> {
    let mut courses = Vec::new();
    for (kind, percents) in
        [(SilenceKind::Answers, [10, 30, 60].as_slice()), (SilenceKind::Closes, &[80])]
    {
        for has_office_hours in [true, false] {
            for a_day in [30, 200, 1_000] {
                for percent in percents {
                    courses.push(Course { kind, a_day, has_office_hours, percent: *percent });
                }
            }
        }
    }
    courses
}

#[test]
fn in_four_weeks_of_business_a_silence_is_told_when_there_is_one() {
    let course =
        |kind, has_office_hours, percent| Course { kind, a_day: 100, has_office_hours, percent };
    let courses = [
        course(SilenceKind::Answers, true, 50),
        course(SilenceKind::Answers, false, 30),
        course(SilenceKind::Closes, true, 80),
    ];
    for (course, told) in courses.into_iter().zip(print(&courses, 4, 2)) {
        assert_eq!((told.wrong, told.untold, told.late.len()), (0, 0, 2), "{}", course.name());
        assert!(told.late.iter().all(|late| *late < LONGEST), "{}", course.name());
    }
}

/// Minutes, even in a release build.
#[test]
#[ignore = "long"]
fn no_account_is_called_silent_wrongly_more_than_twice_a_year() {
    let accounts = 10;
    for (course, told) in courses().into_iter().zip(print(&courses(), 52, accounts)) {
        assert!(u64::from(told.wrong) <= 2 * accounts, "{}: {}", course.name(), told.wrong);
        assert!(told.late.iter().all(|late| *late < LONGEST), "{}", course.name());
    }
}
