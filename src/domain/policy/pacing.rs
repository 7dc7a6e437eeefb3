//! Spreads the day's prompts, for days on which more conversations close than may be asked about.
//! Every survey has an equal chance at every hour. Otherwise, the first of the morning would be
//! asked and nobody later in the day.
//!
//! The chance follows from the demand of the last 24 hours. A day holds every hour once. A peak in
//! the morning therefore lowers the chance of the evening as much as its own.

use super::decision::DayPace;

/// The share of the limit that is given out if the limit does not suffice. Chance gives out a
/// little more on one day and a little less on another. With nothing kept back, the surplus would
/// wait and pile up. It would then expire at the hours at which it waits.
const GIVEN_OUT: f64 = 0.95;

/// The chance of a survey that is one of `demand` in 24 hours. The draw decides by it.
pub fn pace(draw: f64, demand: u32, daily_limit: u32) -> DayPace {
    let p = if demand <= daily_limit {
        1.0
    } else {
        GIVEN_OUT * f64::from(daily_limit) / f64::from(demand)
    };
    DayPace { p, draw, demand, daily_limit }
}

impl DayPace {
    /// True if the survey is asked.
    pub fn is_asked(&self) -> bool {
        self.draw < self.p
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::draws::{Drawn, of_pacing};
    use super::*;
    use crate::domain::id::ConversationId;
    use crate::domain::time::Millis;

    const MINUTES_OF_DAY: usize = 24 * 60;
    const LIMIT: usize = 300;
    /// Three times the limit.
    const CLOSES: usize = 3 * LIMIT;
    const DAYS: usize = 16;
    /// The first days know no day before them.
    const WARM_UP: usize = 2;
    const EXPIRE_AFTER: usize = 12 * 60;

    /// How many close at each hour: half of the day's in three hours of the morning.
    fn closes_at(hour: usize) -> usize {
        match hour {
            8..=10 => CLOSES / 6,
            11..=20 => CLOSES / 20,
            _ => 0,
        }
    }

    /// What became of the surveys by the hour at which they were due: due, and asked.
    struct Hours {
        due: [usize; 24],
        asked: [usize; 24],
        asked_of_day: Vec<usize>,
    }

    /// Days at an account whose limit is a third of its closes. X counts its day back from now.
    fn days(is_even: bool) -> Hours {
        let mut hours = Hours { due: [0; 24], asked: [0; 24], asked_of_day: vec![0; DAYS] };
        let mut reached = VecDeque::new();
        let mut spent: VecDeque<usize> = VecDeque::new();
        let mut waiting: VecDeque<usize> = VecDeque::new();
        for minute in 0..DAYS * MINUTES_OF_DAY {
            let (day, hour) = (minute / MINUTES_OF_DAY, minute / 60 % 24);
            let is_within_a_day = |at: &usize| at + MINUTES_OF_DAY > minute;
            let count = |of_hour: usize, in_hour: usize| {
                closes_at(of_hour) * (in_hour + 1) / 60 - closes_at(of_hour) * in_hour / 60
            };
            for n in 0..count(hour, minute % 60) {
                reached.push_back(minute);
                while reached.front().is_some_and(|at| !is_within_a_day(at)) {
                    reached.pop_front();
                }
                let name = format!("{minute}-{n}");
                let draw = of_pacing(Drawn {
                    account: "acme",
                    conversation_id: &ConversationId::parse(&name).unwrap(),
                    first_closed_at: Millis(0),
                });
                let pace = pace(draw, reached.len() as u32, LIMIT as u32);
                if day >= WARM_UP {
                    hours.due[hour] += 1;
                }
                if !is_even || pace.is_asked() {
                    waiting.push_back(minute);
                }
            }
            while spent.front().is_some_and(|at| !is_within_a_day(at)) {
                spent.pop_front();
            }
            while let Some(due) = waiting.front().copied() {
                if due + EXPIRE_AFTER < minute {
                    waiting.pop_front();
                } else if spent.len() < LIMIT {
                    waiting.pop_front();
                    spent.push_back(minute);
                    if day >= WARM_UP {
                        hours.asked[due / 60 % 24] += 1;
                        hours.asked_of_day[day] += 1;
                    }
                } else {
                    break;
                }
            }
        }
        hours
    }

    /// The share asked of each hour, with the most that chance lets it stray (4.5 deviations).
    fn shares(hours: &Hours) -> Vec<(usize, f64, f64)> {
        let all = hours.asked.iter().sum::<usize>() as f64 / hours.due.iter().sum::<usize>() as f64;
        let with_closes = (0..24).filter(|hour| hours.due[*hour] > 0);
        let share = |hour: usize| {
            let due = hours.due[hour] as f64;
            let strays = 4.5 * (all * (1.0 - all) / due).sqrt();
            (hour, hours.asked[hour] as f64 / due - all, strays)
        };
        with_closes.map(share).collect()
    }

    #[test]
    fn every_hour_has_the_same_share_of_a_day_three_times_too_full() {
        let hours = days(true);
        for (hour, apart, strays) in shares(&hours) {
            assert!(
                apart.abs() <= strays,
                "hour {hour} is {apart:+.3} from the rest ({strays:.3})"
            );
        }
        for (day, asked) in hours.asked_of_day.iter().enumerate().skip(WARM_UP + 1) {
            assert!(*asked <= LIMIT * 11 / 10, "{asked} on day {day}");
        }
        let used = hours.asked.iter().sum::<usize>() as f64 / (LIMIT * (DAYS - WARM_UP)) as f64;
        assert!((0.9..=1.0).contains(&used), "{used:.3} of the limit is used");
    }

    #[test]
    fn without_pacing_the_morning_has_it_all() {
        let hours = days(false);
        let strayed = shares(&hours).into_iter().filter(|(_, apart, most)| apart.abs() > *most);
        assert!(strayed.count() > 8);
        assert_eq!(hours.asked[8], hours.due[8], "the first hour is asked whole");
        let midday = |of: [usize; 24]| (12..=17).map(|hour| of[hour]).sum::<usize>();
        let (asked, due) = (midday(hours.asked), midday(hours.due));
        assert!(asked * 20 < due, "of the afternoon {asked} of {due} are asked");
    }

    #[test]
    fn nobody_is_left_out_where_the_limit_suffices() {
        for demand in [0, 1, 999, 1_000] {
            assert!(pace(0.999_999, demand, 1_000).is_asked());
        }
        assert!(!pace(0.95, 1_001, 1_000).is_asked());
    }
}
