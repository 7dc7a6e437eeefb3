//! How far schedules have got, and which daemon is at work on them.

use surveyd::domain::alert::{Digest, Fact};
use surveyd::domain::days::Day;
use surveyd::store::ScheduleStanding;

use super::*;

const FACTS: &str = "select fact_key from alert_fact order by seq";

fn untouched(name: &str) -> ScheduleStanding {
    ScheduleStanding {
        name: name.into(),
        done_to: None,
        done_at: None,
        failing_since: None,
        last_error: None,
        try_at: None,
    }
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn digest(to: &str) -> Fact {
    let digest = Digest {
        schedule: "monday".into(),
        alert: "leads".into(),
        from: "2026-11-16".into(),
        to: to.into(),
        headline: "CSAT 78.3 %.".into(),
        query: "by=team".into(),
    };
    Fact::digest(START, digest)
}

#[tokio::test]
async fn a_period_is_noted_with_what_is_told_of_it() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        assert_eq!(store.take_schedule("monday", "one", START).await.unwrap().unwrap(), {
            untouched("monday")
        });
        let (sunday, fact) = (day("2026-11-22"), digest("2026-11-22"));
        let noted = store.note_schedule_done("monday", "one", sunday, Some(fact), START).await;
        assert!(noted.unwrap());
        let done =
            ScheduleStanding { done_to: Some(sunday), done_at: Some(START), ..untouched("monday") };
        assert_eq!(store.schedule_standings().await.unwrap(), [done]);
        assert_eq!(bench.database.texts(FACTS).await, ["digest:monday:2026-11-22"]);
    })
    .await;
}

#[tokio::test]
async fn one_daemon_at_a_time_works_on_a_schedule() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        store.take_schedule("monday", "one", START).await.unwrap().unwrap();
        let later = START.plus(2 * MINUTE);
        assert_eq!(store.take_schedule("monday", "two", later).await.unwrap(), None);
        assert!(store.take_schedule("daily", "two", later).await.unwrap().is_some());
        // The first goes on with it.
        assert!(store.take_schedule("monday", "one", later).await.unwrap().is_some());
        let expired = later.plus(3 * MINUTE);
        let before = expired.minus(SECOND);
        assert_eq!(store.take_schedule("monday", "two", before).await.unwrap(), None);
        assert!(store.take_schedule("monday", "two", expired).await.unwrap().is_some());
        let (sunday, fact) = (day("2026-11-22"), digest("2026-11-22"));
        let noted = store.note_schedule_done("monday", "one", sunday, Some(fact), expired).await;
        assert!(!noted.unwrap(), "the turn has passed on");
        let try_at = expired.plus(HOUR);
        let noted = store.note_schedule_failed("monday", "one", "disk full", try_at, expired).await;
        assert!(!noted.unwrap(), "the turn has passed on");
        let standings = store.schedule_standings().await.unwrap();
        assert_eq!(standings, [untouched("daily"), untouched("monday")]);
        assert!(bench.database.texts(FACTS).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_turn_is_given_up_or_was_taken_by_a_clock_that_ran_ahead() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        store.take_schedule("monday", "one", START).await.unwrap().unwrap();
        store.release_schedules("two").await.unwrap();
        assert_eq!(store.take_schedule("monday", "two", START).await.unwrap(), None);
        store.release_schedules("one").await.unwrap();
        assert!(
            store.take_schedule("monday", "two", START.plus(DELAY * 100)).await.unwrap().is_some()
        );
        assert!(store.take_schedule("monday", "one", START).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_failure_stands_until_the_next_success() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        store.take_schedule("monday", "one", START).await.unwrap().unwrap();
        for (why, at) in [("no such folder", START), ("disk full", START.plus(HOUR))] {
            let noted = store.note_schedule_failed("monday", "one", why, at.plus(HOUR), at).await;
            assert!(noted.unwrap());
        }
        let failing = ScheduleStanding {
            failing_since: Some(START),
            last_error: Some("disk full".into()),
            try_at: Some(START.plus(2 * HOUR)),
            ..untouched("monday")
        };
        assert_eq!(store.schedule_standings().await.unwrap(), [failing]);
        let sunday = day("2026-11-22");
        assert!(store.note_schedule_done("monday", "one", sunday, None, START).await.unwrap());
        let done =
            ScheduleStanding { done_to: Some(sunday), done_at: Some(START), ..untouched("monday") };
        assert_eq!(store.schedule_standings().await.unwrap(), [done]);
    })
    .await;
}
