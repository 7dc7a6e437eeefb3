use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_quarter_of_an_hour_holds_more_than_the_limit(
        steps in prop::collection::vec(0..90_000_i64, 1..400), limit in 1..20_u32,
    ) {
        let mut window = CallWindow::default();
        let mut now = Millis(1_000_000_000);
        let mut taken: Vec<i64> = Vec::new();
        for step in steps {
            now = Millis(now.0 + step);
            if window.take(limit, now).is_ok() {
                taken.push(now.0);
            }
            let inside = taken.iter().filter(|at| **at > now.0 - 900_000).count();
            prop_assert!(inside <= limit as usize);
        }
    }
}

/// X as its documents have it: a window begins with the first call that comes after the last one's
/// end.
#[derive(Default)]
struct WindowOfX {
    ends_at: i64,
    calls: u32,
}

impl WindowOfX {
    /// Counts a call that comes in then. What is left, and until when; less than nothing is a
    /// refusal.
    fn count(&mut self, at: i64, limit: u32) -> (i64, i64) {
        if at >= self.ends_at {
            (self.ends_at, self.calls) = (at / 1_000 * 1_000 + 900_000, 0);
        }
        self.calls += 1;
        (i64::from(limit) - i64::from(self.calls), self.ends_at)
    }
}

proptest! {
    #[test]
    fn x_refuses_no_call_however_late_it_comes_in_and_whether_its_answer_is_lost(
        calls in prop::collection::vec((0..60_000_i64, 0..55_000_i64, prop::bool::weighted(0.7)), 1..300),
        limit in 1..20_u32,
    ) {
        let (mut window, mut of_x) = (CallWindow::default(), WindowOfX::default());
        let mut now = Millis(1_000_000_000);
        for (step, late, is_answered) in calls {
            now = Millis(now.0 + step);
            if window.take(limit, now).is_err() {
                continue;
            }
            now = Millis(now.0 + late);
            let (left, ends_at) = of_x.count(now.0, limit);
            prop_assert!(left >= 0, "refused at {now:?}");
            let told = RateHeaders {
                limit: Some(limit),
                remaining: u32::try_from(left).unwrap(),
                reset_at: Millis(ends_at),
            };
            if is_answered && window.is_news(told, 0, limit, now) {
                window.hear(told, 0, now);
            }
        }
    }
}

#[test]
fn the_end_of_xs_window_is_the_end_of_its_calls() {
    let (mut window, mut of_x) = (CallWindow::default(), WindowOfX::default());
    let (begins, mut made) = (1_000_000_000, 0);
    for second in 0..45 * 60 {
        let now = Millis(begins + 1_000 * second);
        if window.take(180, now).is_ok() {
            made += 1;
            let (left, ends_at) = of_x.count(now.0, 180);
            let told = RateHeaders {
                limit: None,
                remaining: u32::try_from(left).unwrap(),
                reset_at: Millis(ends_at),
            };
            if window.is_news(told, 0, 180, now) {
                window.hear(told, 0, now);
            }
        }
    }
    assert_eq!(made, 3 * 180);
}

#[test]
fn daemons_that_spend_of_one_budget_share_one_pace() {
    let mut window = CallWindow::default();
    let mut taken = 0;
    for second in 0..1_800 {
        // The clock of the second is a little behind.
        for behind in [0, 700] {
            let now = Millis(1_000_000_000 + 1_000 * second - behind);
            let text = serde_json::to_string(&window).unwrap();
            window = serde_json::from_str(&text).unwrap();
            let Ready::Now(calls) = window.take_paced(180, (5, 10.0), now) else { panic!() };
            taken += calls;
        }
    }
    // A minute's calls at once, and 10 a minute for half an hour.
    assert!((308..=310).contains(&taken), "{taken}");
}

#[test]
fn calls_that_cannot_wait_are_taken_whatever_the_pace() {
    let mut window = CallWindow::default();
    let now = Millis(1_000_000_000);
    assert_eq!(window.take_paced(180, (50, 10.0), now), Ready::Now(10));
    assert_eq!(
        (window.paced(10.0, now), window.take_paced(180, (50, 10.0), now)),
        (0, Ready::Now(0))
    );
    assert_eq!(window.take(180, now), Ok(()));
    let later = now.plus(Duration::from_secs(30));
    assert_eq!(window.paced(10.0, later), 5);
    let until = window.hold(None, later);
    assert_eq!(window.take_paced(180, (50, 10.0), later), Ready::At(until));
}

#[test]
fn a_call_comes_free_when_the_window_says() {
    let mut window = CallWindow::default();
    let now = Millis(600_000_000);
    window.take(1, now).unwrap();
    let free_at = window.take(1, now).unwrap_err();
    assert!(window.take(1, Millis(free_at.0 - 1)).is_err());
    assert!(window.take(1, free_at).is_ok());
}

#[test]
fn headers_that_say_less_are_believed() {
    let mut window = CallWindow::default();
    let now = Millis(0);
    let reset_at = Millis(500_000);
    window.hear(RateHeaders { limit: None, remaining: 3, reset_at }, 1, now);
    assert_eq!(window.left(180, now), 2);
    window.hear(RateHeaders { limit: None, remaining: 90, reset_at }, 0, now);
    assert_eq!(window.left(180, now), 2);
    window.take(180, now).unwrap();
    window.take(180, now).unwrap();
    assert_eq!(window.take(180, now), Err(reset_at));
    assert!(window.take(180, reset_at).is_ok());
}

#[test]
fn what_can_wait_gets_half_of_the_limit_and_of_a_single_call_the_whole() {
    let mut window = CallWindow::default();
    let now = Millis(0);
    assert_eq!((window.spare(1_000, now), window.spare(1, now)), (500, 1));
    for _ in 0..3 {
        window.take(4, now).unwrap();
    }
    assert_eq!((window.left(4, now), window.spare(4, now)), (1, 0));
}

#[test]
fn calls_that_were_not_carried_out_come_back() {
    let mut window = CallWindow::default();
    let reset_at = Millis(86_400_000);
    window.hear(RateHeaders { limit: None, remaining: 2, reset_at }, 0, Millis(0));
    for _ in 0..10 {
        window.take(1_000, Millis(5)).unwrap();
        window.give_back(Millis(5));
    }
    assert_eq!(window.left(1_000, Millis(6)), 2);
    assert_eq!(window.left(1, Millis(6)), 1, "our own count knows nothing of them either");
}

#[test]
fn requests_that_are_refused_together_are_one_refusal() {
    let mut window = CallWindow::default();
    for _ in 0..8 {
        assert_eq!(window.hold(None, Millis(100)), Millis(5_100));
    }
    assert_eq!(window.hold(None, Millis(5_100)), Millis(15_100));
}

#[test]
fn a_refusal_long_after_the_last_starts_anew() {
    let mut window = CallWindow::default();
    let first = window.hold(None, Millis(0));
    let later = first.plus(HOLD_MOST);
    assert_eq!(window.hold(None, later), later.plus(HOLD_FIRST));
}

#[test]
fn a_smaller_limit_that_x_has_told_holds_in_later_windows() {
    let mut window = CallWindow::default();
    let now = Millis(0);
    let reset_at = Millis(500_000);
    let told = |limit| RateHeaders { limit: Some(limit), remaining: limit - 1, reset_at };
    window.take(180, now).unwrap();
    assert!(window.is_news(told(30), 0, 180, now));
    window.hear(told(30), 0, now);
    assert_eq!(window.left(180, now), 29);
    let later = Millis(10_000_000);
    assert_eq!(window.left(180, later), 30);
    assert!(!window.is_news(RateHeaders { limit: None, ..told(31) }, 0, 180, later));
    assert!(window.is_news(told(500), 0, 180, later));
    window.hear(told(500), 0, later);
    assert_eq!(window.left(180, later), 180);
}

#[test]
fn a_hold_without_a_time_doubles_until_an_answer_comes() {
    let mut window = CallWindow::default();
    assert_eq!(window.hold(None, Millis(0)), Millis(5_000));
    assert_eq!(window.hold(Some(Millis(3)), Millis(5_000)), Millis(15_000));
    assert_eq!(window.take(10, Millis(14_999)), Err(Millis(15_000)));
    let told = RateHeaders { limit: None, remaining: 5, reset_at: Millis(900_000) };
    window.hear(told, 0, Millis(15_000));
    assert_eq!(window.hold(None, Millis(20_000)), Millis(25_000));
    assert_eq!(window.hold(Some(Millis(700_000)), Millis(20_000)), Millis(700_000));
}

#[test]
fn a_reset_of_next_year_holds_no_call_for_longer_than_xs_window() {
    let now = Millis(1_000_000_000);
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for call in Call::ALL {
        let most = if call == Call::Create { RESET_MOST } else { WINDOW + CLOCKS_APART };
        assert_eq!(call.believable(now.plus(year), now), now.plus(most), "{call:?}");
        let soon = now.plus(Duration::from_secs(60));
        assert_eq!(call.believable(soon, now), soon, "{call:?}");
    }
}

#[test]
fn what_x_told_before_the_clock_was_set_back_a_year_holds_nothing() {
    let now = Millis(1_000_000_000);
    let ahead = now.plus(Duration::from_secs(365 * 24 * 60 * 60));
    let mut window = CallWindow::default();
    let reset_at = ahead.plus(WINDOW);
    window.hear(RateHeaders { limit: None, remaining: 0, reset_at }, 0, ahead);
    assert_eq!(window.take(180, ahead), Err(reset_at));
    assert_eq!(window.take(180, now), Ok(()));
}
