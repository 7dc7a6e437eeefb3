use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::budget::CallPace;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const SENT: Millis = Millis(1_790_000_000_000);

fn bounds() -> Bounds {
    Bounds::of(5 * MINUTE, 7 * DAY)
}

/// A schedule for so many prompts a day, at so many calls a minute.
fn schedule(prompts_a_day: u32, calls_a_minute: f64) -> Schedule {
    let mut schedule = Schedule::new(bounds(), Habits::default());
    let mut crowd = PromptsByAge::default();
    for quarter in 0..7 * 96 {
        crowd.count(15 * MINUTE * quarter, prompts_a_day.div_ceil(96));
    }
    schedule.set_price(&crowd, calls_a_minute, 0);
    schedule
}

fn fresh(asked_after: Option<u64>, partly_after: Option<u64>) -> Fresh {
    let at = |minutes: u64| SENT.plus(Duration::from_secs(60 * minutes));
    Fresh { sent_at: SENT, asked_at: asked_after.map(at), partly_at: partly_after.map(at) }
}

/// All questions about a prompt that says nothing more, from the first.
fn questions(schedule: &Schedule, mut fresh: Fresh) -> Vec<Millis> {
    let mut asked = Vec::new();
    while let Some(at) = schedule.next(&fresh) {
        assert!(fresh.asked_at.is_none_or(|before| at > before));
        fresh.asked_at = Some(at);
        asked.push(at);
    }
    asked
}

/// The share of people who have answered by an age.
fn answered_by(curve: &Curve, age: Duration) -> f64 {
    let age = minutes(age);
    let stretches = 0..curve::STRETCHES;
    let sum: f64 = stretches
        .map(|stretch| {
            let watched = age.min(curve::end_of(stretch)) - curve::start_of(stretch);
            curve.hazard(stretch) * watched.max(0.0)
        })
        .sum();
    1.0 - (-sum).exp()
}

#[test]
fn the_default_is_what_is_said_of_it() {
    let Habits { answer, rest } = Habits::default();
    let share = |curve: &Curve, age| (100.0 * answered_by(curve, age)).round();
    assert_eq!(share(&answer, 15 * MINUTE), 17.0, "half of 35 %, to the coarseness of a stretch");
    assert_eq!(share(&answer, 133 * MINUTE), 31.0, "nine tenths of them");
    assert_eq!(share(&answer, 7 * DAY), 35.0);
    assert_eq!(share(&rest, 2 * MINUTE), 20.0);
    assert_eq!(share(&rest, DAY), 40.0);
}

#[test]
fn questions_come_ever_more_rarely_and_end_with_the_freshness() {
    let asked = questions(&schedule(10, 10.0), fresh(None, None));
    assert!((100..110).contains(&asked.len()), "{}: some hundred, as is said of it", asked.len());
    let early = asked.iter().filter(|at| at.since(SENT) <= 60 * MINUTE).count();
    assert!(early > asked.len() / 4, "{early} of {}", asked.len());
    assert!(asked.last().unwrap().since(SENT) <= 7 * DAY);
    let longest = asked.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
    assert_eq!(longest, 360 * MINUTE);
}

#[test]
fn a_score_without_a_comment_is_asked_about_a_little_longer() {
    let schedule = schedule(10, 10.0);
    let asked = questions(&schedule, fresh(Some(3), Some(2)));
    assert!((5..60).contains(&asked.len()), "{}", asked.len());
    assert!(asked.last().unwrap().since(SENT) <= DAY + 2 * MINUTE);
    // The last hour of the freshness is the last of this, too.
    let late = questions(&schedule, fresh(Some(7 * 1_440 - 60), Some(7 * 1_440 - 60)));
    assert!(late.last().unwrap().since(SENT) <= 7 * DAY);
}

#[test]
fn nobody_is_asked_about_who_is_not_fresh_for_long_enough() {
    assert_eq!(bounds().first(SENT), Some(SENT.plus(MINUTE)));
    assert_eq!(Bounds::of(5 * MINUTE, Duration::ZERO).first(SENT), None);
}

#[test]
fn what_others_did_soon_is_expected_soon() {
    let answered = |after: Duration| Observed {
        sent_at: SENT,
        score_at: Some(SENT.plus(after)),
        comment_at: None,
        known_to: SENT.plus(7 * DAY),
    };
    let silent = Observed { score_at: None, ..answered(MINUTE) };
    let habits = |after, silent_ones: usize| {
        let mut observed = vec![answered(after); 300];
        observed.resize(300 + silent_ones, silent);
        Habits::of(&observed, 7 * DAY).answer
    };
    let (fast, slow) = (habits(3 * MINUTE, 700), habits(240 * MINUTE, 700));
    let share = |curve: &Curve, age| (20.0 * answered_by(curve, age)).round() / 20.0;
    assert_eq!((share(&fast, 10 * MINUTE), share(&slow, 10 * MINUTE)), (0.3, 0.0));
    assert_eq!((share(&fast, 7 * DAY), share(&slow, 7 * DAY)), (0.3, 0.3));
    assert_eq!(share(&habits(3 * MINUTE, 2_700), 7 * DAY), 0.1);
}

#[test]
fn who_was_watched_for_an_hour_says_nothing_of_later() {
    let watched = |length| Observed {
        sent_at: SENT,
        score_at: None,
        comment_at: None,
        known_to: SENT.plus(length),
    };
    let habits = Habits::of(&[watched(60 * MINUTE); 1_000], 7 * DAY).answer;
    let default = Habits::default().answer;
    assert!(answered_by(&habits, 60 * MINUTE) < answered_by(&default, 60 * MINUTE) / 5.0);
    for stretch in 14..curve::STRETCHES {
        assert_eq!(habits.hazard(stretch), default.hazard(stretch));
    }
}

#[test]
fn calls_are_spread_evenly() {
    let mut pace = CallPace::default();
    let mut made = Vec::new();
    for second in (0..7_200_u64).step_by(20) {
        let now = SENT.plus(Duration::from_secs(second));
        let calls = pace.calls(10.0, now);
        pace.spend(calls);
        made.push(u64::from(calls));
    }
    assert!(made.iter().sum::<u64>() <= 10 * 120 + 10);
    assert!(made.iter().sum::<u64>() >= 10 * 119);
    assert!(made[1..].iter().all(|calls| (3..=4).contains(calls)), "{made:?}");
    assert_eq!(pace.calls(10.0, SENT), 0, "a clock that is set back gives nothing");
}

proptest! {
    #[test]
    fn nobody_is_asked_about_after_the_freshness(
        asked_after in prop::option::of(0..12_000_u64), partly_after in prop::option::of(0..12_000_u64),
        prompts_a_day in 1..3_000_u32, now_after in 0..20_000_u64,
    ) {
        let schedule = schedule(prompts_a_day, 10.0);
        let fresh = fresh(asked_after, partly_after);
        let until = match fresh.partly_at {
            Some(at) => SENT.plus(7 * DAY).min(at.plus(REST_FOR)),
            None => SENT.plus(7 * DAY),
        };
        prop_assert!(schedule.next(&fresh).is_none_or(|next| next <= until));
        let now = SENT.plus(Duration::from_secs(60 * now_after));
        let round = schedule.round(vec![fresh], 1, now, |fresh| *fresh);
        prop_assert_eq!(round.asked.is_empty(), now > until);
        prop_assert_eq!(round.over.is_empty(), now <= until);
    }

    #[test]
    fn more_calls_never_mean_a_later_question(
        asked_after in prop::option::of(0..10_000_u64), partly_after in prop::option::of(0..10_000_u64),
        prompts_a_day in 1..3_000_u32, calls in 0.1..20.0_f64, more in 0.0..20.0_f64,
    ) {
        let fresh = fresh(asked_after, partly_after);
        let next = |calls| schedule(prompts_a_day, calls).next(&fresh).unwrap_or(Millis(i64::MAX));
        prop_assert!(next(calls + more) <= next(calls));
    }

    #[test]
    fn no_gap_is_shorter_than_the_least(
        asked_after in 0..10_000_u64, prompts_a_day in 1..3_000_u32, interval in 1..3_600_u64,
    ) {
        let interval = Duration::from_secs(interval);
        let schedule = schedule(prompts_a_day, 10.0);
        let scaled = Schedule::new(Bounds::of(interval, 90 * DAY), Habits::default());
        let fresh = fresh(Some(asked_after), None);
        for (schedule, least) in [(schedule, MINUTE), (scaled, interval / 5)] {
            let gap = schedule.next(&fresh).map(|next| next.since(fresh.asked_at.unwrap()));
            prop_assert!(gap.is_none_or(|gap| gap + Duration::from_millis(1) >= least));
        }
    }

    #[test]
    fn a_question_gains_with_every_minute_and_is_asked_once_it_is_worth_its_price(
        asked_after in 0..9_000_u64, prompts_a_day in 1..3_000_u32, waits in 1..500_u64,
    ) {
        let schedule = schedule(prompts_a_day, 10.0);
        let fresh = fresh(Some(asked_after), None);
        let asked_at = fresh.asked_at.unwrap();
        let worth = |minutes| {
            schedule.worth(&fresh, asked_at.plus(Duration::from_secs(60 * minutes)))
        };
        prop_assert!(worth(waits) <= worth(waits + 1));
        if let Some(next) = schedule.next(&fresh) {
            let gap = next.since(asked_at);
            let is_bound = gap == MINUTE || minutes(gap) >= schedule.bounds().gap_most(schedule.price()) - 0.01;
            let worth = schedule.worth(&fresh, next) / schedule.price();
            prop_assert!(is_bound || (0.99..1.01).contains(&worth), "{worth}");
        }
    }

    #[test]
    fn the_calls_go_to_those_who_are_worth_the_most(
        asked_after in prop::collection::vec(0..5_000_u64, 1..40), calls in 0..40_u32,
    ) {
        let schedule = schedule(1_000, 10.0);
        let now = SENT.plus(5_000 * MINUTE);
        let due: Vec<Fresh> = asked_after.into_iter().map(|after| fresh(Some(after), None)).collect();
        let round = schedule.round(due.clone(), calls, now, |fresh| *fresh);
        prop_assert_eq!(round.asked.len() + round.left, due.len());
        prop_assert!(round.asked.len() <= calls as usize);
        let worth = |fresh: &Fresh| schedule.worth(fresh, now);
        let least = round.asked.iter().map(worth).fold(f64::INFINITY, f64::min);
        let better = due.iter().filter(|fresh| worth(fresh) > least).count();
        prop_assert!(better < round.asked.len().max(1) || round.asked.is_empty());
    }
}
