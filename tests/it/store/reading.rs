//! Windows that had to be begun again, and second looks beside the first reading.

use std::time::Duration;

use surveyd::domain::event_windows::{ReadingPurpose, SecondLook};
use surveyd::store::{EventsPageRead, PollState, PollWindow};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: ReadingPurpose = ReadingPurpose::Second(SecondLook::Week);
const TO: Millis = Millis(START.0 + 24 * 60 * 60 * 1_000);

impl Bench {
    async fn reading(&self, reading: ReadingPurpose) -> PollState {
        self.store.reading(ACCOUNT, reading).await.unwrap()
    }

    async fn open(&self, reading: ReadingPurpose, range: Period, most: Option<Duration>) {
        let state = self.reading(reading).await;
        self.store.open_window(ACCOUNT, reading, &state, range, most).await.unwrap();
    }

    /// The window's one page, or the page at its cursor, with nothing on it.
    async fn turned(&self, reading: ReadingPurpose, next_cursor: Option<&str>) {
        let window = self.reading(reading).await.window.unwrap();
        let page = EventsPageRead {
            next_cursor: next_cursor.map(str::to_owned),
            ..EventsPageRead::default()
        };
        self.store.fold_page(ACCOUNT, reading, window, page, TO).await.unwrap();
    }
}

#[tokio::test]
async fn windows_that_were_shortened_grow_again_with_each_that_is_done() {
    on_each_engine(async |bench| {
        let range = Period { from: START, to: START.plus(10 * MINUTE) };
        bench.open(ReadingPurpose::First, range, Some(DAY * 4 / 5 - MINUTE * 4)).await;
        bench.turned(ReadingPurpose::First, None).await;
        let state = bench.reading(ReadingPurpose::First).await;
        assert_eq!((state.done_to, state.window_most), (Some(range.to), Some(DAY - MINUTE * 5)));
        bench
            .open(ReadingPurpose::First, Period { from: range.to, to: TO }, state.window_most)
            .await;
        bench.turned(ReadingPurpose::First, Some("a")).await;
        assert_eq!(bench.reading(ReadingPurpose::First).await.window_most, Some(DAY - MINUTE * 5));
        bench.turned(ReadingPurpose::First, None).await;
        assert_eq!(
            bench.reading(ReadingPurpose::First).await.window_most,
            None,
            "a day is no limit"
        );
    })
    .await;
}

#[tokio::test]
async fn a_window_chosen_before_another_daemon_went_on_is_not_opened() {
    on_each_engine(async |bench| {
        let stale = bench.reading(ReadingPurpose::First).await;
        bench.open(ReadingPurpose::First, Period { from: START, to: TO }, None).await;
        bench.turned(ReadingPurpose::First, None).await;
        let range = Period { from: START, to: START.plus(MINUTE) };
        bench.store.open_window(ACCOUNT, ReadingPurpose::First, &stale, range, None).await.unwrap();
        let state = bench.reading(ReadingPurpose::First).await;
        assert_eq!((state.done_to, state.window), (Some(TO), None));
    })
    .await;
}

#[tokio::test]
async fn a_look_goes_on_across_restarts_and_leaves_the_first_reading_where_it_is() {
    on_each_engine(async |bench| {
        bench.open(ReadingPurpose::First, Period { from: START, to: TO }, None).await;
        bench.turned(ReadingPurpose::First, None).await;
        let first = bench.reading(ReadingPurpose::First).await;
        assert_eq!(first.begun_from, Some(START));

        let range = Period { from: START, to: TO };
        bench.store.begin_look(ACCOUNT, SecondLook::Week, range).await.unwrap();
        assert_eq!(bench.reading(WEEK).await.under_way_to(), Some(TO));
        let half = Period { from: START, to: START.plus(DAY / 2) };
        bench.open(WEEK, half, None).await;
        bench.turned(WEEK, Some("a")).await;

        let again = bench.database.open().await;
        let state = again.reading(ACCOUNT, WEEK).await.unwrap();
        let window = PollWindow { period: half, cursor: Some("a".into()) };
        assert_eq!(state.window, Some(window));
        bench.turned(WEEK, None).await;
        let state = bench.reading(WEEK).await;
        assert_eq!((state.done_to, state.under_way_to()), (Some(half.to), Some(TO)));
        bench.open(WEEK, Period { from: half.to, to: TO }, None).await;
        bench.turned(WEEK, None).await;
        let state = bench.reading(WEEK).await;
        assert_eq!((state.goal, state.under_way_to()), (Some(TO), None), "when it was done stays");

        assert_eq!(bench.reading(ReadingPurpose::First).await, first);
        assert_eq!(
            bench.reading(ReadingPurpose::Second(SecondLook::Day)).await,
            PollState::default()
        );
        let status = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!((status.events.done_to, status.events.window), (Some(TO), None));
        assert_eq!(status.looks[1], (SecondLook::Week, state));
    })
    .await;
}

#[tokio::test]
async fn what_is_passed_over_stays_unread_until_all_of_it_has_been_read() {
    on_each_engine(async |bench| {
        let of = |from: u64, to: u64| Period {
            from: START.plus(SECOND * from as u32),
            to: START.plus(SECOND * to as u32),
        };
        let unread = async || -> Vec<Period> {
            let unread = bench.store.unread(ACCOUNT, of(0, 1_000)).await.unwrap();
            unread.iter().map(|unread| unread.range).collect()
        };
        let pass = async |range: Period, cursor: Option<&str>| {
            let window = PollWindow { period: range, cursor: cursor.map(str::to_owned) };
            bench
                .store
                .pass_over(ACCOUNT, ReadingPurpose::First, window, range, range.to)
                .await
                .unwrap()
        };
        bench.open(ReadingPurpose::First, of(0, 10), None).await;
        bench.turned(ReadingPurpose::First, Some("a")).await;
        assert_eq!(pass(of(0, 10), None).await.gaps, [], "another daemon has come further");
        assert_eq!(unread().await, []);
        assert_eq!(pass(of(0, 10), Some("a")).await.gaps.len(), 1, "it is told");
        let state = bench.reading(ReadingPurpose::First).await;
        assert_eq!((state.done_to, state.window), (Some(of(0, 10).to), None));

        // What follows on it is the same stretch, and no news.
        bench.open(ReadingPurpose::First, of(10, 20), None).await;
        assert_eq!(pass(of(10, 20), None).await.gaps, []);
        assert_eq!(unread().await, [of(0, 20)]);
        assert_eq!(bench.store.unread("other", of(0, 1_000)).await.unwrap(), []);
        assert_eq!(bench.store.unread(ACCOUNT, of(21, 30)).await.unwrap(), []);

        let instant = Duration::from_millis(1);
        for (read, left) in [
            (
                of(5, 8),
                vec![
                    Period { from: of(8, 8).to.plus(instant), to: of(20, 20).to },
                    Period { from: START, to: of(5, 5).from.minus(instant) },
                ],
            ),
            (of(8, 30), vec![Period { from: START, to: of(5, 5).from.minus(instant) }]),
            (of(0, 5), vec![]),
        ] {
            bench.store.begin_look(ACCOUNT, SecondLook::Week, read).await.unwrap();
            bench.open(WEEK, read, None).await;
            bench.turned(WEEK, None).await;
            assert_eq!(unread().await, left);
        }
    })
    .await;
}

#[tokio::test]
async fn no_reading_has_come_further_than_where_it_is_taken_back_to() {
    on_each_engine(async |bench| {
        bench.open(ReadingPurpose::First, Period { from: START, to: TO }, None).await;
        bench.turned(ReadingPurpose::First, None).await;
        bench
            .store
            .begin_look(ACCOUNT, SecondLook::Week, Period { from: START, to: TO })
            .await
            .unwrap();
        bench.open(WEEK, Period { from: START, to: START.plus(HOUR) }, None).await;
        bench.open(ReadingPurpose::First, Period { from: TO, to: TO.plus(HOUR) }, None).await;
        let pull = async |to| bench.store.pull_back_readings(ACCOUNT, to).await.unwrap();
        assert!(!pull(TO).await, "none has come further");
        assert!(bench.reading(ReadingPurpose::First).await.window.is_some());

        let half = START.plus(DAY / 2);
        assert!(pull(half).await);
        let (first, week) = (bench.reading(ReadingPurpose::First).await, bench.reading(WEEK).await);
        assert_eq!(
            (first.begun_from, first.done_to, first.window),
            (Some(START), Some(half), None)
        );
        assert_eq!(
            (week.done_to, week.under_way_to(), week.window),
            (Some(START), Some(half), None)
        );
        assert!(!pull(half).await);
    })
    .await;
}
