//! How messages are tried: again and again, at their pace, many as one, by one daemon at a time.

use surveyd::domain::alert::AlertType;
use surveyd::store::{
    AlertGlance, AlertStanding, Disabled, DueMessage, MessageContent, NextTry, TryOutcome,
};

use super::alerts::{DAY, answers, failed, made, wanted};
use super::*;

#[tokio::test]
async fn a_failed_message_is_tried_again_with_its_id_until_it_is_taken() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let mut now = START.plus(HOUR);
        bench.answered_to(&leads, 1, now).await;
        let first = bench.try_one("leads", now).await;
        let mut waits = Vec::new();
        for n in 1..12 {
            bench.store.finish_try(&first, failed("status 500"), now).await.unwrap();
            let due_at = bench.standing("leads").await.due_at.unwrap();
            assert_eq!(bench.next("leads", due_at.minus(SECOND)).await, NextTry::Nothing);
            waits.push(due_at.since(now).as_secs());
            now = due_at;
            let again = bench.try_one("leads", now).await;
            assert_eq!(again, DueMessage { tries: n + 1, ..first.clone() });
        }
        let ten_hours = [36_000; 6];
        assert_eq!(waits, [[5, 300, 1_800, 7_200, 18_000].as_slice(), &ten_hours].concat());
        bench.store.finish_try(&first, failed("status 502"), now).await.unwrap();
        let standing = bench.standing("leads").await;
        let expected = AlertStanding {
            alert: "leads".into(),
            waiting: 1,
            for_comment: 0,
            comment_until: None,
            waiting_since: Some(START.plus(HOUR)),
            due_at: Some(now.plus(10 * HOUR)),
            last_sent_at: None,
            failing_since: Some(START.plus(HOUR)),
            failures: 12,
            last_error: Some("status 502".into()),
            wait_until: None,
            disabled: None,
        };
        assert_eq!(standing, expected);
        assert_eq!(bench.next("leads", now.plus(HOUR)).await, NextTry::Nothing);
        assert_eq!(bench.store.retry_alert("leads", now).await.unwrap(), 1);
        let again = bench.try_one("leads", now.plus(SECOND)).await;
        assert_eq!((again.id.as_str(), again.tries), (first.id.as_str(), 1));
        let after = bench.store.finish_try(&again, TryOutcome::Sent, now).await.unwrap();
        assert_eq!((after.failing_since, after.disabled), (None, None));
        let expected = AlertStanding {
            waiting: 0,
            waiting_since: None,
            due_at: None,
            last_sent_at: Some(now),
            failing_since: None,
            last_error: None,
            ..expected
        };
        assert_eq!(bench.standing("leads").await, expected);
    })
    .await;
}

#[tokio::test]
async fn requests_keep_their_pace_and_the_wait_that_the_receiver_asks_for() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 2, at).await;
        let first = bench.try_one("leads", at).await;
        assert_eq!(bench.next("leads", at).await, NextTry::At(at.plus(SECOND)));
        let refused = TryOutcome::Failed { why: "status 429".into(), wait: Some(HOUR) };
        bench.store.finish_try(&first, refused, at).await.unwrap();
        assert_eq!(bench.next("leads", at.plus(MINUTE)).await, NextTry::At(at.plus(HOUR)));
        assert_eq!(bench.standing("leads").await.wait_until, Some(at.plus(HOUR)));
        let glance = bench.store.glance_at_alert("leads", at).await.unwrap();
        assert_eq!(glance.due_at, Some(at.plus(HOUR)));
        let next = bench.try_one("leads", at.plus(HOUR)).await;
        bench.store.finish_try(&next, TryOutcome::Sent, at.plus(HOUR)).await.unwrap();
        // A clock that ran ahead must not stop an alert for good.
        let ahead = format!("update alert_standing set wait_until = {}", at.plus(90 * DAY).0);
        bench.database.run_beside(&[&ahead]).await;
        bench.try_one("leads", at.plus(HOUR + SECOND)).await;
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_or_fails_for_five_days_is_left_alone_until_a_retry() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 1, at).await;
        let message = bench.try_one("leads", at).await;
        let gone = TryOutcome::Gone("status 410: the receiver is gone".into());
        let after = bench.store.finish_try(&message, gone.clone(), at).await.unwrap();
        assert_eq!(after.disabled.as_deref(), Some("status 410: the receiver is gone"));
        let after = bench.store.finish_try(&message, gone, at).await.unwrap();
        assert_eq!(after.disabled, None, "said once");
        let disabled = Disabled { at, why: "status 410: the receiver is gone".into() };
        assert_eq!(bench.standing("leads").await.disabled, Some(disabled));
        assert_eq!(bench.next("leads", at.plus(HOUR)).await, NextTry::Disabled);
        assert_eq!(bench.store.glance_at_alert("leads", at).await.unwrap(), AlertGlance::default());
        // What happens meanwhile is kept.
        bench.prompted(7).await;
        bench.score_of(7, 1, at).await;
        bench.count_results(at).await;
        assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(1, 1));
        let later = at.plus(HOUR);
        assert_eq!(bench.store.retry_alert("leads", later).await.unwrap(), 1);
        assert_eq!(bench.standing("leads").await.disabled, None);
        let message = bench.try_one("leads", later).await;
        // A daemon that was off for days has tried too little to know.
        let end = later.plus(5 * DAY);
        for (n, at) in [later, end, end, end, end, end, end].into_iter().enumerate() {
            let after = bench.store.finish_try(&message, failed("status 500"), at).await.unwrap();
            assert_eq!((after.failing_since, after.disabled), (Some(later), None), "{n}");
        }
        let after = bench.store.finish_try(&message, failed("status 503"), end).await.unwrap();
        let why = "nothing but failures for 120 h, the last: status 503";
        assert_eq!(after.disabled.as_deref(), Some(why));
        bench.store.retry_alert("leads", end).await.unwrap();
        for at in [end, end.plus(5 * DAY)] {
            let after = bench.store.finish_try(&message, failed("status 500"), at).await.unwrap();
            assert_eq!(after.disabled, None, "it begins to count anew");
        }
    })
    .await;
}

#[tokio::test]
async fn above_ten_of_a_type_there_is_one_message_for_all() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 10, at).await;
        let single = bench.try_one("leads", at).await;
        assert_eq!((single.summed, single.alert_type), (0, AlertType::FeedbackAnswered));
        bench.store.finish_try(&single, failed("status 500"), at).await.unwrap();
        let later = at.plus(HOUR);
        bench.prompted(11).await;
        bench.score_of(11, 1, later).await;
        bench.count_results(later).await;
        bench.store.fan_out(&leads, later).await.unwrap();
        let summary = bench.try_one("leads", later).await;
        let content = MessageContent::Summary { count: 11, since: at, made_at: later };
        assert_eq!((&summary.content, summary.summed), (&content, 11));
        bench.store.finish_try(&summary, failed("status 500"), later).await.unwrap();
        let messages = bench.messages().await;
        let summed = messages.iter().filter(|line| line.ends_with("summed")).count();
        assert_eq!(summed, 11, "each type for itself: {messages:?}");
        // A summary that waits counts as one, and is part of the next.
        let mut other = bench.try_one("leads", later.plus(SECOND)).await;
        assert_ne!(other.alert_type, summary.alert_type);
        assert_eq!(other.summed, 11);
        bench.store.finish_try(&other, TryOutcome::Sent, later).await.unwrap();
        for n in 20..30 {
            bench.prompted(n).await;
            bench.score_of(n, 5, later).await;
        }
        bench.count_results(later).await;
        bench.store.fan_out(&leads, later).await.unwrap();
        other = bench.try_one("leads", later.plus(2 * SECOND)).await;
        let made_at = later.plus(2 * SECOND);
        let content = MessageContent::Summary { count: 21, since: at, made_at };
        if other.alert_type != summary.alert_type {
            bench.store.finish_try(&other, TryOutcome::Sent, later).await.unwrap();
            other = bench.try_one("leads", later.plus(3 * SECOND)).await;
        }
        let MessageContent::Summary { count, since, .. } = other.content else {
            panic!("{other:?}")
        };
        let MessageContent::Summary { count: all, since: first, .. } = content else { panic!() };
        assert_eq!((count, since, other.summed), (all, first, 11));
    })
    .await;
}

#[tokio::test]
async fn one_daemon_at_a_time_sends_an_alerts_messages() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 1, at).await;
        let other = bench.database.open().await;
        let begin = async |store: &Store, who: &str, now| {
            store.begin_try("leads", who, now, 0.5).await.unwrap()
        };
        assert!(matches!(begin(&bench.store, "one", at).await, NextTry::Try(_)));
        let later = at.plus(SECOND);
        assert_eq!(begin(&other, "two", later).await, NextTry::Elsewhere);
        bench.store.release_turn("leads", "two").await.unwrap();
        assert_eq!(begin(&other, "two", later).await, NextTry::Elsewhere, "it was not its own");
        bench.store.release_turn("leads", "one").await.unwrap();
        assert!(matches!(begin(&other, "two", later).await, NextTry::Try(_)));
        bench.store.end_turns().await.unwrap();
        let soon = later.plus(SECOND);
        assert_ne!(begin(&bench.store, "one", soon).await, NextTry::Elsewhere);
        bench.store.end_turns().await.unwrap();
        assert_ne!(begin(&other, "two", soon).await, NextTry::Elsewhere);
        // A daemon that hangs loses its turn, and one whose clock ran ahead does, too.
        let end = later.plus(MINUTE);
        assert!(matches!(begin(&bench.store, "one", end).await, NextTry::Try(_)));
        assert_eq!(begin(&bench.store, "one", at.minus(DAY)).await, NextTry::Nothing);
        assert_eq!(begin(&other, "three", at.minus(9 * DAY)).await, NextTry::Nothing);
    })
    .await;
}
