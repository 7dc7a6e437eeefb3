//! X's limits on calls, and accounts that are paused: kept across restarts.

use surveyd::domain::budget::{Call, RateHeaders, WINDOW};
use surveyd::store::Paused;

use super::*;

const NOW: Millis = START;

impl Bench {
    async fn left(&self, call: Call, now: Millis) -> u32 {
        self.store.calls_left(ACCOUNT, call, now).await.unwrap()
    }

    async fn take_calls(&self, call: Call, wanted: u32, now: Millis) -> Ready<u32> {
        self.store.take_calls(ACCOUNT, call, wanted, now).await.unwrap()
    }
}

#[tokio::test]
async fn calls_are_taken_up_to_the_limit_and_come_free_again() {
    on_each_engine(async |bench| {
        assert_eq!(bench.left(Call::Show, NOW).await, 180);
        let spare = bench.store.calls_spare(ACCOUNT, Call::Show, NOW).await.unwrap();
        assert_eq!(spare, 90, "what can wait leaves half");
        assert_eq!(bench.take_calls(Call::Show, 100, NOW).await, Ready::Now(100));
        assert_eq!(bench.take_calls(Call::Show, 100, NOW).await, Ready::Now(80));
        let Ready::At(free_at) = bench.take_calls(Call::Show, 1, NOW).await else { panic!() };
        assert!(free_at >= NOW.plus(WINDOW), "{free_at:?}");
        assert_eq!(
            bench.store.calls_free_at(ACCOUNT, Call::Show, NOW).await.unwrap(),
            Some(free_at)
        );
        assert_eq!(bench.left(Call::Show, NOW).await, 0);
        assert_eq!(bench.left(Call::Events, NOW).await, 1_000, "each call has its own");
        let other = bench.store.calls_left("other", Call::Show, NOW).await.unwrap();
        assert_eq!(other, 180, "each account has its own");

        let again = bench.database.open().await;
        assert_eq!(again.calls_left(ACCOUNT, Call::Show, NOW).await.unwrap(), 0);
        assert_eq!(again.calls_free_at(ACCOUNT, Call::Show, free_at).await.unwrap(), None);
        assert_eq!(again.take_calls(ACCOUNT, Call::Show, 5, free_at).await.unwrap(), Ready::Now(5));
    })
    .await;
}

#[tokio::test]
async fn calls_that_are_spread_evenly_are_counted_over_all_daemons() {
    on_each_engine(async |bench| {
        let take = async |store: &Store, wanted, now| {
            store.take_paced_calls(ACCOUNT, Call::Show, (wanted, 10.0), now).await.unwrap()
        };
        let other = bench.database.open().await;
        assert_eq!(other.calls_paced(ACCOUNT, Call::Show, 10.0, NOW).await.unwrap(), 10);
        assert_eq!(take(&bench.store, 7, NOW).await, Ready::Now(7));
        assert_eq!(bench.store.calls_paced(ACCOUNT, Call::Show, 10.0, NOW).await.unwrap(), 3);
        assert_eq!(take(&other, 7, NOW).await, Ready::Now(3));
        assert_eq!(take(&other, 7, NOW).await, Ready::Now(0));
        assert_eq!(take(&bench.store, 7, NOW.plus(30 * SECOND)).await, Ready::Now(5));
        assert_eq!(bench.left(Call::Show, NOW.plus(30 * SECOND)).await, 165);
        assert_eq!(bench.take_calls(Call::Show, 20, NOW).await, Ready::Now(20), "what cannot wait");
    })
    .await;
}

#[tokio::test]
async fn headers_that_say_less_are_believed_and_others_not() {
    on_each_engine(async |bench| {
        let reset_at = NOW.plus(10 * MINUTE);
        let hear = async |remaining, under_way| {
            let told = RateHeaders { limit: None, remaining, reset_at };
            bench.store.hear_limit(ACCOUNT, Call::Show, told, under_way, NOW).await.unwrap();
        };
        hear(1_000, 0).await;
        assert_eq!(bench.left(Call::Show, NOW).await, 180);
        assert_eq!(bench.store.calls_allowed(ACCOUNT, Call::Show).await.unwrap(), 180);
        hear(5, 2).await;
        assert_eq!(bench.left(Call::Show, NOW).await, 3);
        hear(100, 0).await;
        assert_eq!(bench.take_calls(Call::Show, 10, NOW).await, Ready::Now(3));
        assert_eq!(bench.take_calls(Call::Show, 1, NOW).await, Ready::At(reset_at));
        assert_eq!(bench.take_calls(Call::Show, 1, reset_at).await, Ready::Now(1));
    })
    .await;
}

#[tokio::test]
async fn calls_are_held_until_xs_reset_or_for_a_time_that_doubles() {
    on_each_engine(async |bench| {
        let hold = async |reset_at, now| {
            bench.store.hold_calls(ACCOUNT, Call::Events, reset_at, now).await.unwrap()
        };
        let first = NOW.plus(5 * SECOND);
        let reset_at = NOW.plus(14 * MINUTE);
        assert_eq!(hold(None, NOW).await, first);
        assert_eq!(hold(None, NOW).await, first, "requests refused together are one refusal");
        let second = first.plus(10 * SECOND);
        assert_eq!(hold(None, first).await, second);
        let third = second.plus(20 * SECOND);
        assert_eq!(hold(Some(NOW), second).await, third, "a reset that is past");
        assert_eq!(hold(Some(reset_at), NOW).await, reset_at);
        assert_eq!(bench.left(Call::Events, NOW.plus(MINUTE)).await, 0);
        let before = reset_at.minus(SECOND);
        assert_eq!(bench.take_calls(Call::Events, 1, before).await, Ready::At(reset_at));
        assert_eq!(bench.take_calls(Call::Events, 1, reset_at).await, Ready::Now(1));
        let year = reset_at.plus(24 * 365 * HOUR);
        let until = hold(Some(year), reset_at).await;
        assert!(until <= reset_at.plus(20 * MINUTE), "X has no longer window for it: {until:?}");
    })
    .await;
}

#[tokio::test]
async fn a_pause_lasts_until_it_is_ended_and_is_remembered() {
    on_each_engine(async |bench| {
        let pause = Paused {
            account: ACCOUNT.into(),
            paused_at: NOW,
            why: "code 32: Could not authenticate you.".into(),
            probe_at: NOW.plus(MINUTE),
            probe_wait: MINUTE,
            resumed_at: None,
        };
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), None);
        bench.store.pause(pause.clone()).await.unwrap();
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), Some(pause.clone()));
        let put_off =
            Paused { probe_at: NOW.plus(3 * MINUTE), probe_wait: 2 * MINUTE, ..pause.clone() };
        bench.store.pause(put_off.clone()).await.unwrap();
        let again = bench.database.open().await;
        assert_eq!(again.paused(ACCOUNT).await.unwrap(), Some(put_off.clone()));
        let status = again.account_status(ACCOUNT, NOW).await.unwrap();
        assert_eq!(status.paused, Some(put_off.clone()));
        assert_eq!(again.paused("other").await.unwrap(), None);

        let resumed_at = NOW.plus(HOUR);
        assert!(bench.store.resume(ACCOUNT, resumed_at).await.unwrap());
        let later = resumed_at.plus(HOUR);
        assert!(!bench.store.resume(ACCOUNT, later).await.unwrap(), "there was none any more");
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), None);
        let over = Paused { resumed_at: Some(resumed_at), ..put_off };
        assert_eq!(bench.store.last_pause(ACCOUNT).await.unwrap(), Some(over));

        let next = Paused { paused_at: later, why: "code 89".into(), ..pause };
        bench.store.pause(next.clone()).await.unwrap();
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), Some(next));
    })
    .await;
}

#[tokio::test]
async fn calls_that_were_not_made_are_given_back() {
    on_each_engine(async |bench| {
        assert_eq!(bench.take_calls(Call::Show, 100, NOW).await, Ready::Now(100));
        bench.store.give_back_calls(ACCOUNT, Call::Show, 60, NOW).await.unwrap();
        assert_eq!(bench.left(Call::Show, NOW).await, 140);
        // What X has told counts every one that was taken as under way.
        let told = RateHeaders { limit: None, remaining: 50, reset_at: NOW.plus(WINDOW) };
        assert_eq!(bench.take_calls(Call::Show, 30, NOW).await, Ready::Now(30));
        bench.store.hear_limit(ACCOUNT, Call::Show, told, 20, NOW).await.unwrap();
        assert_eq!(bench.left(Call::Show, NOW).await, 30);
        bench.store.give_back_calls(ACCOUNT, Call::Show, 20, NOW).await.unwrap();
        assert_eq!(bench.left(Call::Show, NOW).await, 50);
        // Of a limit that is spent nothing is given back.
        let told = RateHeaders { remaining: 5, ..told };
        bench.store.hear_limit(ACCOUNT, Call::Show, told, 20, NOW).await.unwrap();
        bench.store.give_back_calls(ACCOUNT, Call::Show, 20, NOW).await.unwrap();
        assert_eq!(bench.left(Call::Show, NOW).await, 0);
    })
    .await;
}
