//! What is known of surveys that are due and not sent.

use surveyd::domain::budget::Call;
use surveyd::domain::policy::quiet_hours::{QuietHours, zone};
use surveyd::domain::policy::{Pacing, Rules};
use surveyd::domain::waiting::{
    CallsLeft, Cause, Expiring, Facts, Presence, PutOff, PutOffReason, Served, obstacles,
};
use surveyd::store::{Looked, Paused};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);

fn served(account: &str) -> Served {
    let (daily_limit, look_ups) = (1_000, Call::FriendshipsShow);
    Served {
        account: account.into(),
        is_dry: false,
        daily_limit,
        pacing: Pacing::Asap,
        look_ups,
        is_auto: false,
        events_horizon: 24 * HOUR,
    }
}

#[tokio::test]
async fn facts_tell_what_is_due_what_is_left_and_what_was_put_off() {
    on_each_engine(async |bench| {
        for conversation in ["c-1", "c-2", "c-3"] {
            bench.take(close(conversation, "7", START)).await;
        }
        let store = &bench.store;
        let facts = async |now| store.waiting_of(&served(ACCOUNT), now).await.unwrap();
        assert_eq!(facts(DUE.minus(SECOND)).await.due, 0);
        let at_first = facts(DUE).await;
        assert_eq!((at_first.due, at_first.oldest_due), (3, Some(DUE)));
        let fresh = CallsLeft { left: 180, allowed: 180, free_at: None };
        assert_eq!((at_first.look_ups, &at_first.put_off[..], at_first.tried), (fresh, &[][..], 0));

        let taken = store.take_calls(ACCOUNT, Call::FriendshipsShow, 180, DUE).await.unwrap();
        assert_eq!(taken, Ready::Now(180));
        let spent = facts(DUE).await.look_ups;
        assert_eq!((spent.left, spent.allowed), (0, 180));
        assert_eq!(
            spent.free_at,
            store.calls_free_at(ACCOUNT, Call::FriendshipsShow, DUE).await.unwrap()
        );

        // One is put off after a try; one is leased, and waits only once that has lasted.
        let leased = bench.lease_one(DUE).await;
        let tried = leased.survey.id.clone();
        store
            .put_off_failed(leased, DUE.plus(MINUTE), "code 130: over capacity".into(), DUE)
            .await
            .unwrap();
        let claimed = bench.lease_one(DUE).await.survey.id;
        let soon = DUE.plus(SECOND);
        let next = async |id, now| store.next_look(id, now).await.unwrap().unwrap();
        let put_off =
            |why, until| PutOff { why, surveys: 1, since: Some(DUE), until, expiring: None };
        let waits = put_off(PutOffReason::Tried, DUE.plus(MINUTE));
        assert_eq!(next(&tried, soon).await.put_off, Some(waits));
        assert_eq!(
            next(&claimed, soon).await.put_off.map(|it| it.why),
            Some(PutOffReason::Claimed)
        );
        let now = facts(soon).await;
        assert_eq!((now.due, &now.put_off[..]), (2, &[waits][..]));
        let later = facts(DUE.plus(MINUTE)).await;
        assert_eq!((later.due, later.tried), (3, 1));
        let why: Vec<_> = later.put_off.iter().map(|it| (it.why, it.until)).collect();
        assert_eq!(why, [(PutOffReason::Claimed, DUE.plus(LEASE))]);
    })
    .await;
}

#[tokio::test]
async fn a_wait_that_outlasts_the_survey_is_told_with_its_own_end() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        let facts = async |now| store.waiting_of(&served(ACCOUNT), now).await.unwrap();
        let time = |hour| jiff::civil::time(hour, 0, 0, 0);
        let midnight = START.minus(Duration::from_millis(START.0.unsigned_abs() % 86_400_000));
        let quiet = |to| Rules {
            quiet_hours: Some(QuietHours {
                from: time(0),
                to: time(to),
                zone: zone("UTC").unwrap(),
            }),
            ..rules()
        };
        // Both close an hour after midnight and expire at one in the afternoon.
        let closed_at = midnight.plus(HOUR);
        let now = midnight.plus(2 * HOUR);
        bench.take(close("c-1", "7", closed_at)).await;
        let first = bench.lease_one(now).await;
        store.look(first, quiet(20), times(now)).await.unwrap();
        bench.take(close("c-2", "8", closed_at)).await;
        let second = bench.lease_one(now).await;
        store.look(second, quiet(12), times(now)).await.unwrap();
        let expires_at = closed_at.plus(12 * HOUR + Duration::from_millis(1));
        let one = PutOff {
            why: PutOffReason::QuietHours,
            surveys: 2,
            since: Some(now),
            until: midnight.plus(12 * HOUR),
            expiring: Some(Expiring { surveys: 1, first_at: expires_at }),
        };
        assert_eq!(facts(now).await.put_off, [one]);
    })
    .await;
}

#[tokio::test]
async fn facts_tell_of_clocks_that_are_wrong() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        let facts = async |now| store.waiting_of(&served(ACCOUNT), now).await.unwrap();
        let causes = |facts: &Facts| -> Vec<Cause> {
            obstacles(facts).into_iter().map(|found| found.cause).collect()
        };
        // A send was begun later than it is now, by what the clock shows.
        bench.sending("c-sent", "8", START).await;
        bench.take(close("c-1", "7", START.minus(HOUR))).await;
        let before = facts(DUE.minus(HOUR / 2)).await;
        assert_eq!((before.due, before.clock_before), (1, Some(DUE)));
        assert_eq!(causes(&before), [Cause::Clock]);
        assert_eq!(facts(DUE).await.clock_before, None);

        // It would be too late by our clock, and X's has not said whether that is right.
        let now = START.plus(13 * HOUR);
        let leased = bench.lease_one(now).await;
        let id = leased.survey.id.clone();
        let apart = SendTimes { is_clock_settled: false, ..times(now) };
        let looked = store.look(leased, rules(), apart).await.unwrap();
        assert!(matches!(looked, Looked::PutOff { .. }), "{looked:?}");
        let why = store.next_look(&id, now).await.unwrap().unwrap().put_off.unwrap().why;
        assert_eq!(why, PutOffReason::ClocksApart);
        assert_eq!(causes(&facts(now).await), [Cause::Clock]);
    })
    .await;
}

#[tokio::test]
async fn facts_tell_of_pauses_holds_and_accounts_that_are_gone() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        bench.take(close("c-1", "7", START)).await;
        let paused = Paused {
            account: "other".into(),
            paused_at: START,
            why: "refused".into(),
            probe_at: DUE,
            probe_wait: MINUTE,
            resumed_at: None,
        };
        store.pause(paused).await.unwrap();
        store.hold_for_rebuild("other", START, START).await.unwrap();
        let all = store.waiting(&[served("other")], DUE).await.unwrap();
        let [other, gone] = &all[..] else { panic!("{all:?}") };
        let pause = other.pause.as_ref().unwrap();
        assert_eq!((&pause.why[..], pause.since, pause.asked_again_at), ("refused", START, DUE));
        let holding = other.holding.as_ref().unwrap();
        assert_eq!((holding.since, holding.until), (START, DUE.plus(24 * HOUR)));
        assert!(holding.rebuild.as_ref().unwrap().starts_with("surveyd rebuild --account other"));
        let (due, oldest_due) = (1, Some(DUE));
        let bare = Facts { account: ACCOUNT.into(), now: DUE, due, oldest_due, ..Facts::default() };
        assert_eq!(gone, &bare, "it is not configured");
    })
    .await;
}

#[tokio::test]
async fn a_database_shows_whether_it_takes_writes_and_whether_a_daemon_trusts_it() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        store.take_a_write().await.unwrap();
        assert!(!store.outage().over("whoever works with it"), "it was never away");
        let is_shared = store.is_shared();
        let wanted = |shared| if is_shared { shared } else { Presence::Unknown };
        assert_eq!(store.presence().await.unwrap(), wanted(Presence::Nobody));
        store.compare(vec![ACCOUNT.into()], START).await.unwrap();
        let onlooker = Store::attach(&bench.database.location).await.unwrap();
        assert_eq!(onlooker.presence().await.unwrap(), wanted(Presence::Works { since: None }));
        onlooker.close().await;
    })
    .await;
}
