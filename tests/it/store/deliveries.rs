//! Events told again by their senders' own ids.

use super::*;

async fn deliver(bench: &Bench, close: Close, event: &str, now: Millis) -> Taken {
    let at_close = scheduled(close.closed_at.plus(DELAY));
    let event = Some(event.to_owned());
    let if_next = Some(scheduled(now.plus(DELAY)));
    bench.store.take_close(close, (at_close, if_next), CARD, event, now).await.unwrap()
}

#[tokio::test]
async fn an_event_told_again_changes_nothing_whatever_it_says_then() {
    on_each_engine(async |bench| {
        let first = deliver(&bench, close("c-1", "7", START), "e-1", START).await;
        let again =
            deliver(&bench, close("c-1", "7", START.plus(MINUTE)), "e-1", START.plus(MINUTE)).await;
        assert!(first.is_new && !again.is_new);
        assert_eq!(again, Taken { is_new: false, ..first.clone() });
        let moved =
            deliver(&bench, close("c-1", "7", START.plus(MINUTE)), "e-2", START.plus(MINUTE)).await;
        assert_eq!(
            (&moved.survey_id, moved.due_at),
            (&first.survey_id, START.plus(MINUTE).plus(DELAY))
        );
        // The event that moved a survey is told by that survey, not by the one it did not make.
        let again =
            deliver(&bench, close("c-1", "7", START.plus(HOUR)), "e-2", START.plus(HOUR)).await;
        assert_eq!(again, moved);
    })
    .await;
}

#[tokio::test]
async fn the_events_of_two_sources_are_two() {
    on_each_engine(async |bench| {
        let first = deliver(&bench, close("c-1", "7", START), "e-1", START).await;
        let other = Close { source: "chat".into(), ..close("c-2", "8", START) };
        let second = deliver(&bench, other, "e-1", START).await;
        assert!(second.is_new);
        assert_ne!(first.survey_id, second.survey_id);
    })
    .await;
}

#[tokio::test]
async fn an_event_told_twice_at_once_makes_one_survey() {
    on_each_engine(async |bench| {
        let conversations: Vec<_> = (0..40).map(|n| format!("c-{}", n % 20)).collect();
        let taken =
            futures_util::future::join_all(conversations.iter().enumerate().map(|(n, name)| {
                let close = close(name, "7", START.plus(SECOND * u32::try_from(n).unwrap()));
                deliver(&bench, close, name, START)
            }))
            .await;
        assert_eq!(taken.iter().filter(|taken| taken.is_new).count(), 20);
        for (one, other) in taken.iter().zip(&taken[20..]) {
            assert_eq!((&one.survey_id, one.due_at), (&other.survey_id, other.due_at));
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_is_remembered_for_a_week() {
    on_each_engine(async |bench| {
        let day = 24 * HOUR;
        let first = deliver(&bench, close("c-1", "7", START), "e-1", START).await;
        let within = START.plus(7 * day);
        let again = deliver(&bench, close("c-1", "7", START.plus(day)), "e-1", within).await;
        assert_eq!(again, Taken { is_new: false, ..first.clone() });
        // Any other event lets go of what is older.
        deliver(&bench, close("c-2", "8", within), "e-2", within.plus(SECOND)).await;
        let anew =
            deliver(&bench, close("c-1", "7", START.plus(day)), "e-1", within.plus(SECOND)).await;
        assert_eq!((&anew.survey_id, anew.due_at), (&first.survey_id, START.plus(day).plus(DELAY)));
    })
    .await;
}

#[tokio::test]
async fn a_reopening_told_again_answers_as_it_did() {
    on_each_engine(async |bench| {
        let taken = deliver(&bench, close("c-1", "7", START), "e-1", START).await;
        let tell = async |event: &str, at: Millis| {
            let event = Some(event.to_owned());
            bench.store.take_reopening(reopening("c-1", at), event, at).await.unwrap()
        };
        let at = START.plus(SECOND);
        assert_eq!(tell("e-2", at).await, (Some(taken.survey_id.clone()), true));
        let next =
            deliver(&bench, close("c-1", "7", START.plus(MINUTE)), "e-3", START.plus(MINUTE)).await;
        assert_eq!(tell("e-2", START.plus(HOUR)).await, (Some(taken.survey_id), false));
        assert_eq!(bench.state(&next.survey_id).await, "scheduled");
        assert_eq!(tell("e-4", START).await, (None, true));
        assert_eq!(tell("e-4", START.plus(HOUR)).await, (None, false));
        assert_eq!(bench.state(&next.survey_id).await, "scheduled");
    })
    .await;
}

/// Some desks tell a second closing by the instant of the first, or tell the minute alone.
#[tokio::test]
async fn a_close_told_by_the_instant_of_one_that_was_called_off_is_the_next_one() {
    on_each_engine(async |bench| {
        let first = deliver(&bench, close("c-1", "7", START), "e-1", START).await;
        let reopened_at = START.plus(MINUTE);
        assert_eq!(bench.reopen("c-1", reopened_at).await, Some(first.survey_id.clone()));
        let now = START.plus(HOUR);
        let again = deliver(&bench, close("c-1", "7", START), "e-1", now).await;
        assert_eq!((again.survey_id, again.state), (first.survey_id.clone(), "cancelled"));

        let next = deliver(&bench, close("c-1", "7", START), "e-2", now).await;
        assert_eq!((next.state, next.is_new), ("scheduled", true));
        assert_eq!(bench.survey(&next.survey_id).await.closed_at, now, "it closed when it came");
        assert_eq!(next.due_at, now.plus(DELAY));
        let again = deliver(&bench, close("c-1", "7", START), "e-2", now).await;
        assert_eq!(again, Taken { is_new: false, ..next.clone() });

        // What follows it is known: one close makes one survey.
        let leased = bench.lease_one(next.due_at).await;
        let sending = bench.begin(leased, next.due_at).await;
        let outcome = accepted("900", next.due_at, None);
        bench.store.finish(&sending, outcome, next.due_at).await.unwrap();
        let known = deliver(&bench, close("c-1", "7", START), "e-3", now).await;
        assert!(!known.is_new);
        // Nor does a late one that was called off as it came in make it anew.
        let late = deliver(&bench, close("c-1", "7", START.minus(MINUTE)), "e-4", now).await;
        assert_eq!((late.state, late.is_new), ("cancelled", true));
        let known = deliver(&bench, close("c-1", "7", START), "e-5", now).await;
        assert_eq!((known.survey_id, known.is_new), (first.survey_id.clone(), false));
        // Nor one that was asked about, whatever was called off since.
        let at = next.due_at.plus(HOUR);
        bench.take(close("c-3", "9", at)).await;
        let leased = bench.lease_one(at.plus(DELAY)).await;
        let sending = bench.begin(leased, at.plus(DELAY)).await;
        let outcome = accepted("901", at.plus(DELAY), None);
        bench.store.finish(&sending, outcome, at.plus(DELAY)).await.unwrap();
        bench.reopen("c-3", at.plus(HOUR)).await;
        bench.take(close("c-3", "9", at.plus(2 * HOUR))).await;
        bench.reopen("c-3", at.plus(3 * HOUR)).await.expect("the second waits");
        let known = deliver(&bench, close("c-3", "9", at), "e-6", at.plus(4 * HOUR)).await;
        assert!(!known.is_new);
        // By the close itself a sender can only repeat it.
        let other = bench.take(close("c-2", "8", START)).await;
        bench.reopen("c-2", reopened_at).await;
        let known = bench.take(close("c-2", "8", START)).await;
        assert_eq!((known.survey_id, known.state), (other.survey_id, "cancelled"));
    })
    .await;
}

#[tokio::test]
async fn a_close_told_to_the_minute_is_later_than_a_reopening_within_it() {
    on_each_engine(async |bench| {
        let minute = START;
        let told = |conversation: &str| Close {
            precision: surveyd::domain::close::Precision::Minute,
            ..close(conversation, "7", minute)
        };
        let now = minute.plus(MINUTE);
        bench.reopen("c-1", minute.plus(30 * SECOND)).await;
        let taken = deliver(&bench, told("c-1"), "e-1", now).await;
        assert_eq!((taken.state, taken.is_new), ("scheduled", true));
        // Told by another event, it is the same.
        assert_eq!(deliver(&bench, told("c-1"), "e-2", now).await.survey_id, taken.survey_id);
        let leased = bench.lease_one(minute.plus(DELAY)).await;
        let sending = bench.begin(leased, minute.plus(DELAY)).await;
        bench.store.finish(&sending, accepted("900", now, None), now).await.unwrap();
        let known = deliver(&bench, told("c-1"), "e-3", now).await;
        assert_eq!((known.survey_id, known.is_new), (taken.survey_id, false));

        for (conversation, reopened_at) in
            [("c-2", minute.plus(MINUTE)), ("c-3", minute.plus(HOUR))]
        {
            bench.reopen(conversation, reopened_at).await;
            let late = deliver(&bench, told(conversation), conversation, now).await;
            assert_eq!(late.state, "cancelled", "{conversation}");
        }
        let exact = close("c-4", "8", minute);
        bench.reopen("c-4", minute.plus(30 * SECOND)).await;
        assert_eq!(deliver(&bench, exact, "e-4", now).await.state, "cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_close_without_a_person_is_kept_and_its_next_one_asks_nobody_else() {
    on_each_engine(async |bench| {
        let nobody = Close { user_id: None, ..close("c-1", "", START) };
        let at_close = at_close(START.plus(DELAY), Ground::NoXId);
        let taken = bench
            .store
            .take_close(nobody.clone(), (at_close.clone(), None), CARD, None, START)
            .await
            .unwrap();
        assert_eq!((taken.state, taken.reason.as_deref()), ("suppressed", Some("no_x_id")));
        assert_eq!(bench.survey(&taken.survey_id).await.user_id, None);
        let known = deliver(&bench, close("c-1", "7", START.plus(MINUTE)), "e-1", START).await;
        assert_eq!((known.state, known.is_new), ("scheduled", true));
        let later = Close { closed_at: START.plus(2 * MINUTE), ..nobody };
        let moved =
            bench.store.take_close(later, (at_close, None), CARD, None, START).await.unwrap();
        assert_eq!(moved.survey_id, known.survey_id);
        assert_eq!(bench.survey(&known.survey_id).await.person(), "7");
    })
    .await;
}

/// The id of an event of which nothing says when it was.
fn timeless(of: &str, now: Millis) -> String {
    surveyd::domain::close::timeless_id(of, now)
}

#[tokio::test]
async fn of_two_that_say_the_same_and_no_time_the_later_within_a_minute_is_a_repetition() {
    on_each_engine(async |bench| {
        // Wherever the clock's own minutes begin.
        for (number, offset) in [0_u32, 1, 30, 55, 59].into_iter().enumerate() {
            let (conversation, first) = (format!("c-{number}"), START.plus(SECOND * offset));
            let told = async |now: Millis| {
                let id = timeless(&conversation, now);
                deliver(&bench, close(&conversation, "7", now), &id, now).await
            };
            let taken = told(first).await;
            assert!(taken.is_new, "{offset}");
            for later in [1, 7, 31, 59] {
                let again = told(first.plus(SECOND * later)).await;
                assert_eq!((again.is_new, &again.survey_id), (false, &taken.survey_id), "{offset}");
                assert_eq!(again.due_at, taken.due_at, "nothing is moved, {offset} {later}");
            }
            let moved = told(first.plus(SECOND * 61)).await;
            assert_eq!(moved.due_at, first.plus(SECOND * 61).plus(DELAY), "a further close");
        }
    })
    .await;
}

#[tokio::test]
async fn what_says_no_time_is_no_repetition_after_what_undid_it() {
    on_each_engine(async |bench| {
        let second = |count: u32| START.plus(SECOND * count);
        let closed = async |now: Millis| {
            deliver(&bench, close("c-1", "7", now), &timeless("closed", now), now).await
        };
        let reopened = async |now: Millis| {
            let reopening = Reopening {
                account: ACCOUNT.into(),
                source: "desk".into(),
                conversation_id: ConversationId::parse("c-1").unwrap(),
                user_id: None,
                reopened_at: now,
            };
            let event = Some(timeless("reopened", now));
            bench.store.take_reopening(reopening, event, now).await.unwrap().1
        };
        let first = closed(second(1)).await;
        assert!(reopened(second(2)).await);
        assert!(!reopened(second(3)).await, "nothing came in between");
        let next = closed(second(4)).await;
        assert!(next.is_new && next.survey_id != first.survey_id);
        assert!(!closed(second(5)).await.is_new, "of the second one");
        assert!(reopened(second(6)).await, "it closed since");
        assert!(!reopened(second(7)).await);
        let last = closed(second(8)).await;
        assert!(last.is_new && last.survey_id != next.survey_id);
        assert!(!closed(second(9)).await.is_new);
        let states = [first, next, last].map(|taken| taken.survey_id);
        assert_eq!(bench.state(&states[0]).await, "cancelled");
        assert_eq!(bench.state(&states[1]).await, "cancelled");
        assert_eq!(bench.state(&states[2]).await, "scheduled");
    })
    .await;
}

#[tokio::test]
async fn the_same_words_after_a_reopening_are_the_next_close_where_no_id_tells_them_apart() {
    on_each_engine(async |bench| {
        for (event, conversation) in
            [("sha256:5d41402abc4b2a76b9719d911017c592", "c-1"), ("e-1", "c-2")]
        {
            let second = |count: u32| START.plus(SECOND * count);
            // The desk tells the instant of the first closing each time.
            let closed = async |now: Millis| {
                deliver(&bench, close(conversation, "7", START), event, now).await
            };
            let first = closed(second(1)).await;
            assert!(first.is_new);
            assert!(!closed(second(2)).await.is_new, "a redelivery");
            let reopening = Reopening {
                account: ACCOUNT.into(),
                source: "desk".into(),
                conversation_id: ConversationId::parse(conversation).unwrap(),
                user_id: None,
                reopened_at: second(3),
            };
            bench.store.take_reopening(reopening, None, second(3)).await.unwrap();
            assert_eq!(bench.state(&first.survey_id).await, "cancelled");
            let next = closed(second(4)).await;
            let is_next = next.is_new && next.survey_id != first.survey_id;
            assert_eq!(is_next, event.starts_with("sha256:"), "the sender's own id tells: {event}");
            assert!(!closed(second(5)).await.is_new, "of the second one");
        }
    })
    .await;
}
