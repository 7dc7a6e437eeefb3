//! Closes taken in: new, known, moving what waits, many at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use surveyd::domain::close::{ClosedBy, Notice};
use surveyd::domain::survey::{Reason, State, Survey};
use surveyd::domain::survey_type::SurveyType;
use surveyd::store::Taken;

use super::*;

#[tokio::test]
async fn a_new_close_is_kept_as_it_came_and_scheduled() {
    on_each_engine(async |bench| {
        let notice = Notice {
            agent: Some("dana".into()),
            team: Some("billing; drop table survey".into()),
            tags: vec!["vip".into(), "a|b".into()],
            language: Some("pt-BR".into()),
            first_name: Some("José 🙂".into()),
            closed_by: Some(ClosedBy::Bot),
            agent_messages: Some(4),
            last_message_at: Some(START.minus(SECOND)),
            time_zone: Some("America/Sao_Paulo".into()),
            attributes: BTreeMap::from([("order".into(), "7'7\"".into())]),
        };
        let strange = "c ☃ '\"%_\\ #2";
        let came = Close { notice: notice.clone(), ..close(strange, "9223372036854775807", START) };
        let due_at = START.plus(DELAY);
        let now = START.plus(SECOND);
        let at_close = scheduled(due_at);
        let taken = bench
            .store
            .take_close(
                came,
                (at_close, None),
                Card { kind: SurveyType::Nps, question_variant_id: 9, test: true },
                None,
                now,
            )
            .await
            .unwrap();
        let expected = Taken {
            survey_id: taken.survey_id.clone(),
            state: "scheduled",
            reason: None,
            due_at,
            is_new: true,
        };
        assert_eq!(taken, expected);
        let expected = Survey {
            id: taken.survey_id.clone(),
            account: ACCOUNT.into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(strange).unwrap(),
            external_id: strange.into(),
            user_id: UserId::parse("9223372036854775807").ok(),
            kind: SurveyType::Nps,
            question_variant_id: 9,
            test: true,
            closed_at: START,
            accepted_at: now,
            due_at,
            notice,
            attempts: 0,
            state: State::Scheduled,
        };
        assert_eq!(bench.survey(&taken.survey_id).await, expected);
    })
    .await;
}

/// Two desks may count their conversations alike, and write to people from one account.
#[tokio::test]
async fn a_close_of_another_person_by_another_source_is_another_s_conversation() {
    on_each_engine(async |bench| {
        let take = async |source: &str, person, at| {
            let close = Close { source: source.into(), ..close("77", person, at) };
            bench
                .store
                .take_close(close, (scheduled(at.plus(DELAY)), None), CARD, None, at)
                .await
                .unwrap()
        };
        let later = START.plus(SECOND);
        let ana = take("chat", "7", START).await;
        // At the very same time, too: by some desks it is told to the minute.
        for at in [START, later] {
            let ben = take("other chat", "8", at).await;
            assert!(ben.survey_id != ana.survey_id);
            let [first, second] = [&ana, &ben].map(|taken| bench.survey(&taken.survey_id));
            let (first, second) = (first.await, second.await);
            assert_eq!((first.person(), first.source.as_str()), ("7", "chat"));
            assert_eq!((second.person(), second.external_id.as_str()), ("8", "77#2"));
        }
        // Each goes on with its own: known, and moved.
        assert!(!take("chat", "7", START).await.is_new);
        assert_eq!(take("chat", "7", later).await.survey_id, ana.survey_id);
        assert_eq!(take("chat", "7", START).await.survey_id, ana.survey_id, "moved from there");
        // A desk that has mended whose it is.
        assert_eq!(take("chat", "9", later.plus(SECOND)).await.survey_id, ana.survey_id);
        assert_eq!(bench.survey(&ana.survey_id).await.person(), "9");
    })
    .await;
}

#[tokio::test]
async fn what_is_decided_at_the_close_is_kept_with_its_reason() {
    on_each_engine(async |bench| {
        let due_at = START.plus(DELAY);
        let take = async |conversation, at_close| {
            bench
                .store
                .take_close(close(conversation, "7", START), (at_close, None), CARD, None, START)
                .await
        };
        let out = at_close(due_at, Ground::SampledOut { share: 0.5, draw: 0.75 });
        let taken = take("sampled", out).await.unwrap();
        assert_eq!((taken.state, taken.reason.as_deref()), ("suppressed", Some("sampled_out")));
        let state = bench.survey(&taken.survey_id).await.state;
        assert_eq!(state, State::Suppressed(Reason::SampledOut));

        let taken = take("late", expired(due_at)).await.unwrap();
        assert_eq!((taken.state, taken.reason), ("expired", None));
        assert_eq!(bench.survey(&taken.survey_id).await.state, State::Expired);
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_close_that_is_known_changes_nothing() {
    on_each_engine(async |bench| {
        let first = bench.take(close("c-1", "7", START)).await;
        let before = bench.survey(&first.survey_id).await;
        let notice = Notice { agent: Some("another".into()), ..Notice::default() };
        let again = bench.take(Close { notice, ..close("c-1", "8", START) }).await;
        assert_eq!(again, Taken { is_new: false, ..first.clone() });
        assert_eq!(bench.survey(&first.survey_id).await, before);

        let elsewhere = Close { account: "other".into(), ..close("c-1", "7", START) };
        let elsewhere = bench.take(elsewhere).await;
        assert!(elsewhere.is_new, "another account's conversation is another conversation");
    })
    .await;
}

#[tokio::test]
async fn a_later_close_moves_the_survey_that_waits() {
    on_each_engine(async |bench| {
        let first = bench.take(close("c-1", "7", START)).await;
        let later = START.plus(MINUTE);
        let notice = Notice { agent: Some("li".into()), ..Notice::default() };
        let came =
            Close { notice: notice.clone(), source: "chat".into(), ..close("c-1", "7", later) };
        let moved = bench.take(came).await;
        let due_at = later.plus(DELAY);
        assert_eq!(moved, Taken { is_new: false, due_at, ..first.clone() });

        let survey = bench.survey(&first.survey_id).await;
        assert_eq!((survey.closed_at, survey.due_at), (later, due_at));
        assert_eq!((survey.source.as_str(), survey.person()), ("chat", "7"));
        assert_eq!(survey.notice, notice);
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(due_at));
        let (at, due) = (later.rfc3339(), due_at.rfc3339());
        let words =
            format!("closed again at {at}, due {due}, person 7, from source chat, agent li");
        let accepted = format!("closed at {}, from source desk", START.rfc3339());
        let steps = [step("accepted", Some(&accepted)), step("scheduled", Some(&words))];
        assert_eq!(bench.steps(&first.survey_id).await, steps);

        for redelivered in [START, later] {
            let taken = bench.take(close("c-1", "7", redelivered)).await;
            assert_eq!(taken, Taken { is_new: false, due_at, ..first.clone() });
        }
    })
    .await;
}

/// What the help desk told of a conversation.
fn filed(agent: &str, tags: &[&str]) -> Notice {
    Notice {
        agent: Some(agent.into()),
        team: Some("billing".into()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        first_name: Some("Ana".into()),
        ..Notice::default()
    }
}

#[tokio::test]
async fn closes_that_move_nothing_are_noted_twenty_times_at_most() {
    on_each_engine(async |bench| {
        let id = bench.take(close("c-1", "7", START)).await.survey_id;
        for minutes in 1..=25 {
            bench.take(close("c-1", "7", START.minus(MINUTE * minutes))).await;
        }
        let steps = bench.store.history(&id).await.unwrap();
        let said = steps.iter().filter_map(|step| step.detail.as_deref());
        assert_eq!(said.filter(|said| said.starts_with("an older close")).count(), 20);
    })
    .await;
}

#[tokio::test]
async fn what_each_close_said_stays_in_the_history() {
    on_each_engine(async |bench| {
        let first = Close { notice: filed("dana", &["vip", "late"]), ..close("c-1", "7", START) };
        let id = bench.take(first).await.survey_id;
        let decided = bench.store.survey(&id).await.unwrap().unwrap().at_close;
        let by_hand = |minutes: u32| Close {
            source: "enqueue".into(),
            ..close("c-1", "7", START.plus(MINUTE * minutes))
        };
        for later in [by_hand(1), by_hand(2)] {
            bench.take(later).await;
        }
        bench
            .take(Close { source: "enqueue".into(), ..close("c-1", "7", START.minus(HOUR)) })
            .await;
        bench
            .take(Close { source: "enqueue".into(), ..close("c-1", "7", START.minus(24 * HOUR)) })
            .await;

        let steps = bench.store.history(&id).await.unwrap();
        let said: Vec<_> = steps.iter().filter_map(|step| step.detail.as_deref()).collect();
        let older = |at: Millis| {
            let said = format!("closed at {}, from source enqueue", at.rfc3339());
            format!("an older close came in and changed nothing: {said}")
        };
        let again = |minutes: u32| {
            let at = START.plus(MINUTE * minutes);
            let due = at.plus(DELAY).rfc3339();
            let at = at.rfc3339();
            format!("closed again at {at}, due {due}, person 7, from source enqueue")
        };
        let start = START.rfc3339();
        let expected = [
            older(START.minus(24 * HOUR)),
            older(START.minus(HOUR)),
            format!("closed at {start}, from source desk, agent dana, team billing, tags vip|late"),
            again(1),
            again(2),
        ];
        assert_eq!(said, expected);
        assert_eq!(steps[2].decision, decided, "the first close's own decision");
        assert_eq!(steps.iter().map(|step| step.place).collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
        let notice = bench.survey(&id).await.notice;
        assert_eq!(notice, filed("dana", &["vip", "late"]), "enqueue did not say otherwise");
    })
    .await;
}

#[tokio::test]
async fn a_source_is_believed_in_what_it_leaves_out_of_its_own_later_notice() {
    on_each_engine(async |bench| {
        let first = Close { notice: filed("dana", &["vip"]), ..close("c-1", "7", START) };
        let id = bench.take(first).await.survey_id;
        let alone = Notice { agent: Some("li".into()), ..Notice::default() };
        let later = Close { notice: alone.clone(), ..close("c-1", "7", START.plus(MINUTE)) };
        bench.take(later).await;
        assert_eq!(bench.survey(&id).await.notice, alone);
        let elsewhere = Close { source: "chat".into(), ..close("c-1", "7", START.plus(HOUR)) };
        let notice = Notice { team: Some("chat".into()), ..Notice::default() };
        bench.take(Close { notice, ..elsewhere }).await;
        let both = Notice { team: Some("chat".into()), ..alone };
        assert_eq!(bench.survey(&id).await.notice, both);
    })
    .await;
}

#[tokio::test]
async fn an_older_close_that_is_delivered_late_moves_nothing() {
    on_each_engine(async |bench| {
        let first = bench.take(close("c-1", "7", START)).await;
        let before = bench.survey(&first.survey_id).await;
        let older = START.minus(HOUR);
        let taken = bench.take(close("c-1", "8", older)).await;
        assert_eq!(taken, Taken { is_new: false, ..first.clone() });
        assert_eq!(bench.survey(&first.survey_id).await, before);
        assert_eq!(bench.take(close("c-1", "8", older)).await, taken);
    })
    .await;
}

#[tokio::test]
async fn a_close_after_the_prompt_is_the_next_survey_of_its_conversation() {
    on_each_engine(async |bench| {
        let first = bench.sent("c-1", "7", "900").await;
        let next = bench.take(close("c-1", "7", START.plus(HOUR))).await;
        assert!(next.is_new);
        assert_ne!(next.survey_id, first.id);
        assert_eq!(bench.survey(&next.survey_id).await.external_id, "c-1#2");

        let known = bench.take(close("c-1", "7", START)).await;
        assert_eq!((known.survey_id, known.state, known.is_new), (first.id, "sent", false));
    })
    .await;
}

#[tokio::test]
async fn a_merged_close_is_still_known_after_the_prompt() {
    on_each_engine(async |bench| {
        let closes = [START, START.plus(SECOND), START.plus(MINUTE)];
        for closed_at in closes {
            bench.take(close("c-1", "7", closed_at)).await;
        }
        bench.take(close("c-1", "7", START.minus(MINUTE))).await;
        let now = START.plus(HOUR);
        let leased = bench.lease_one(now).await;
        let id = leased.survey.id.clone();
        let sending = bench.begin(leased, now).await;
        bench.store.finish(&sending, accepted("900", now, None), now).await.unwrap();
        for closed_at in closes.into_iter().chain([START.minus(MINUTE)]) {
            let taken = bench.take(close("c-1", "7", closed_at)).await;
            assert_eq!((&taken.survey_id, taken.is_new), (&id, false), "{closed_at:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_close_while_the_prompt_is_under_way_waits_for_its_own_turn() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let now = START.plus(HOUR);
        let next = bench.take(close("c-1", "7", now)).await;
        assert!(next.is_new);
        let sent = bench.store.finish(&sending, accepted("900", now, None), now).await.unwrap();
        assert_eq!(sent.state.name(), "sent");
        assert_eq!(bench.state(&next.survey_id).await, "scheduled");
    })
    .await;
}

#[tokio::test]
async fn closes_that_come_together_are_answered_each_with_its_own_survey() {
    on_each_engine(async |bench| {
        // Each conversation closes once, is delivered twice, and closes once more a minute later.
        let closes = (0..300).flat_map(|number| {
            let conversation = format!("c-{number}");
            [START, START, START.plus(MINUTE)].map(|at| close(&conversation, "7", at))
        });
        let taken = join_all(closes.map(|close| bench.take(close))).await;
        for (number, group) in taken.chunks(3).enumerate() {
            let first = &group[0];
            // Whichever of the three came first made the survey.
            assert_eq!(group.iter().filter(|taken| taken.is_new).count(), 1, "{group:?}");
            assert!(group.iter().all(|taken| taken.survey_id == first.survey_id), "{group:?}");
            let survey = bench.survey(&first.survey_id).await;
            assert_eq!(survey.conversation_id.as_str(), format!("c-{number}"));
            assert_eq!(survey.closed_at, START.plus(MINUTE));
        }
        let status = bench.store.status(START).await.unwrap();
        assert_eq!(status.by_state[0], ("scheduled", 300));
    })
    .await;
}

/// While a dump is restored under a daemon, the tables are there before their constraints.
#[tokio::test]
async fn where_a_database_lacks_a_constraint_no_close_is_taken() {
    let Some(database) = Database::postgres().await else { return };
    let store = database.open().await;
    let take = async |at: Millis| {
        store
            .take_close(close("c-1", "7", at), (scheduled(at.plus(DELAY)), None), CARD, None, at)
            .await
    };
    let constraint = "survey_account_conversation_id_ordinal_key";
    database.execute(&format!("alter table survey drop constraint {constraint}")).await;
    for _ in 0..2 {
        let refused = take(START).await.unwrap_err().to_string();
        assert!(
            refused.contains("the database is not whole: a dump is being restored"),
            "{refused}"
        );
        assert!(store.ping().await.is_err());
    }
    let columns = "account, conversation_id, ordinal";
    let add = format!("alter table survey add constraint {constraint} unique ({columns})");
    database.execute(&add).await;
    store.ping().await.unwrap();
    assert!(take(START).await.unwrap().is_new);
    assert!(!take(START).await.unwrap().is_new);
}
