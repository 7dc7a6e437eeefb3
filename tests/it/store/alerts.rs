//! What is told at once: facts, messages, tries, and what is left of them after a week.

use std::collections::{BTreeMap, BTreeSet};

use surveyd::domain::alert::{AlertType, Detail, Fact, Wanted};
use surveyd::domain::days::Zone;
use surveyd::store::{
    AlertGlance, AlertStanding, Disabled, DueMessage, FannedOut, MessageContent, NextTry, Paused,
    Swept, TryOutcome,
};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every message: alert, type, fact, tries, outcome.
const MESSAGES: &str = "select alert || ' ' || type || ' ' || fact_key || ' ' || cast(tries as text) \
     || ' ' || coalesce(outcome, 'waits') from alert_message order by alert, since, type, fact_key";

/// Every fact: key, score, whether it was withdrawn.
const FACTS: &str = "select fact_key || ' ' || coalesce(cast(score as text), '-') || ' ' || \
     cast(withdrawn as text) from alert_fact order by seq";

pub fn wanted(name: &str, types: &[AlertType]) -> Wanted {
    Wanted {
        name: name.into(),
        types: types.iter().copied().collect(),
        accounts: None,
        teams: None,
        detractor: BTreeMap::from([(SurveyType::Csat, 2), (SurveyType::Nps, 6)]),
        silence_after: 6 * HOUR,
        wait_for_comment: Duration::ZERO,
        has_comments: false,
    }
}

pub fn answers() -> Wanted {
    wanted("leads", &[AlertType::FeedbackAnswered, AlertType::Detractor])
}

pub fn failed(why: &str) -> TryOutcome {
    TryOutcome::Failed { why: why.into(), wait: None }
}

pub fn pause(account: &str, paused_at: Millis) -> Paused {
    Paused {
        account: account.into(),
        paused_at,
        why: "code 32".into(),
        probe_at: paused_at.plus(MINUTE),
        probe_wait: MINUTE,
        resumed_at: None,
    }
}

impl Bench {
    /// A prompt for NPS that is out. Its feedback has the id 9000 and more.
    pub async fn prompted(&self, n: u32) -> SurveyId {
        self.take(close(&format!("c-{n}"), &format!("7{n}"), START)).await;
        let now = START.plus(DELAY);
        let leased = self.lease_one(now).await;
        let prompt = Prompt { test: false, ..prompt() };
        let begun = self.store.begin_send(leased, prompt, rules(), times(now)).await.unwrap();
        let BeginOutcome::Sending(sending) = begun else { panic!("{begun:?}") };
        let outcome = accepted(&format!("9{n:03}"), now, None);
        self.store.finish(&sending, outcome, now).await.unwrap().id
    }

    pub async fn score_of(&self, n: u32, score: i64, at: Millis) {
        let update = scored(told(&format!("9{n:03}"), at), score, at);
        self.store.fold(ACCOUNT, vec![update], at).await.unwrap();
    }

    pub async fn count_results(&self, now: Millis) {
        let left = self.store.catch_up_results(&Zone::utc(), now, MINUTE).await.unwrap();
        assert_eq!(left, 0);
    }

    pub async fn messages(&self) -> Vec<String> {
        self.database.texts(MESSAGES).await
    }

    pub async fn facts(&self) -> Vec<String> {
        self.database.texts(FACTS).await
    }

    pub async fn next(&self, alert: &str, now: Millis) -> NextTry {
        self.store.begin_try(alert, "one", now, 0.5).await.unwrap()
    }

    pub async fn try_one(&self, alert: &str, now: Millis) -> DueMessage {
        match self.next(alert, now).await {
            NextTry::Try(message) => *message,
            other => panic!("no try: {other:?}"),
        }
    }

    pub async fn standing(&self, alert: &str) -> AlertStanding {
        let standings = self.store.alert_standings(Millis(i64::MAX)).await.unwrap();
        standings.into_iter().find(|standing| standing.alert == alert).expect("it has a standing")
    }

    /// Answers to that many prompts, told to the alert.
    pub async fn answered_to(&self, wanted: &Wanted, count: u32, at: Millis) {
        self.store.fan_out(wanted, START).await.unwrap();
        for n in 0..count {
            self.prompted(n).await;
            self.score_of(n, 1, at).await;
        }
        self.count_results(at).await;
        self.store.fan_out(wanted, at).await.unwrap();
    }
}

fn made(facts: usize, messages: usize) -> FannedOut {
    FannedOut { facts, messages, unreadable: Vec::new() }
}

#[tokio::test]
async fn an_answer_is_told_once_however_often_its_result_is_made() {
    on_each_engine(async |bench| {
        let leads = answers();
        assert_eq!(bench.store.fan_out(&leads, START).await.unwrap(), made(0, 0));
        let survey = bench.prompted(1).await;
        let at = START.plus(HOUR);
        bench.count_results(at).await;
        assert_eq!(bench.facts().await, [""; 0], "a prompt is none");
        bench.score_of(1, 3, at).await;
        bench.count_results(at).await;
        assert_eq!(bench.facts().await, [format!("answer:{survey} 3 0")]);
        let glance = bench.store.glance_at_alert("leads", at).await.unwrap();
        assert_eq!(glance, AlertGlance { has_facts: true, due_at: None });
        assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(1, 2));
        assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(0, 0));
        let told = [
            format!("leads detractor answer:{survey} 0 waits"),
            format!("leads feedback.answered answer:{survey} 0 waits"),
        ];
        assert_eq!(bench.messages().await, told);
        let again =
            ["delete from result", "insert into result_due (survey_id) select id from survey"];
        bench.database.run_beside(&again).await;
        bench.count_results(at).await;
        assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(0, 0));
        assert_eq!(bench.messages().await, told);
    })
    .await;
}

#[tokio::test]
async fn an_old_answer_and_a_test_are_told_to_nobody() {
    on_each_engine(async |bench| {
        bench.prompted(1).await;
        bench.prompted(2).await;
        let now = START.plus(9 * DAY);
        bench.score_of(1, 3, now.minus(7 * DAY).minus(SECOND)).await;
        bench
            .database
            .run_beside(&["update survey set test = 1 where conversation_id = 'c-2'"])
            .await;
        bench.score_of(2, 3, now).await;
        bench.count_results(now).await;
        assert_eq!(bench.facts().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_happened_before_an_alert_began_is_not_told_to_it() {
    on_each_engine(async |bench| {
        let at = START.plus(HOUR);
        bench.answered_to(&answers(), 1, at).await;
        let others = Wanted { name: "others".into(), ..answers() };
        let glance = bench.store.glance_at_alert("others", at).await.unwrap();
        assert!(glance.has_facts, "it is new");
        assert_eq!(bench.store.fan_out(&others, at).await.unwrap(), made(0, 0));
        bench.prompted(7).await;
        bench.score_of(7, 5, at).await;
        bench.count_results(at).await;
        assert_eq!(bench.store.fan_out(&others, at).await.unwrap(), made(1, 2));
    })
    .await;
}

/// The fact of a changed score, as X's events correct what its webhook said.
pub async fn correct(bench: &Bench, score: &str, at: Millis) {
    let statement = format!("update feedback set score = {score}");
    bench.database.run_beside(&[&statement]).await;
    bench.count_results(at).await;
}

#[tokio::test]
async fn a_changed_score_is_told_where_it_enters_the_range_and_once() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.store.fan_out(&leads, at).await.unwrap();
        let survey = bench.prompted(1).await;
        bench.score_of(1, 9, at).await;
        bench.count_results(at).await;
        bench.store.fan_out(&leads, at).await.unwrap();
        let message = bench.try_one("leads", at).await;
        bench.store.finish_try(&message, TryOutcome::Sent, at).await.unwrap();
        for (score, made_of) in [("2", 1), ("8", 0), ("2", 1)] {
            correct(&bench, score, at).await;
            let told = bench.store.fan_out(&leads, at).await.unwrap();
            assert_eq!(told, made(1, made_of), "{score}");
        }
        assert_eq!(
            bench.messages().await,
            [
                // It waited when the score left the range.
                format!("leads detractor changed:{survey}:2:1 0 refuted"),
                format!("leads detractor changed:{survey}:2:3 0 waits"),
                format!("leads feedback.answered answer:{survey} 1 sent"),
            ]
        );
        let message = bench.try_one("leads", at.plus(MINUTE)).await;
        bench.store.finish_try(&message, TryOutcome::Sent, at).await.unwrap();
        for score in ["9", "1"] {
            correct(&bench, score, at).await;
            assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(1, 0), "told before");
        }
    })
    .await;
}

#[tokio::test]
async fn what_waits_about_a_score_that_changed_is_said_anew() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 1, at).await;
        let fact = bench.facts().await.pop().unwrap();
        let (survey, _) = fact.strip_prefix("answer:").unwrap().split_once(' ').unwrap();
        correct(&bench, "8", at).await;
        assert_eq!(bench.store.fan_out(&leads, at).await.unwrap(), made(1, 1));
        assert_eq!(
            bench.messages().await,
            [
                format!("leads detractor answer:{survey} 0 refuted"),
                format!("leads feedback.answered answer:{survey} 0 refuted"),
                format!("leads feedback.answered changed:{survey}:8:1 0 waits"),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_xs_events_do_not_know_is_told_no_more() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 1, at).await;
        let sent = bench.try_one("leads", at).await;
        bench.store.finish_try(&sent, TryOutcome::Sent, at).await.unwrap();
        let id = bench.facts().await.pop().unwrap();
        let survey = id.strip_prefix("answer:").unwrap().split_once(' ').unwrap().0.to_owned();
        correct(&bench, "null, score_given_at = null", at).await;
        assert_eq!(bench.facts().await, [format!("answer:{survey} 1 1")]);
        let outcomes: BTreeSet<String> = bench.messages().await.into_iter().collect();
        assert!(outcomes.iter().any(|line| line.ends_with("1 sent")), "{outcomes:?}");
        assert!(outcomes.iter().any(|line| line.ends_with("0 refuted")), "{outcomes:?}");
        assert_eq!(bench.next("leads", at.plus(MINUTE)).await, NextTry::Nothing);
        // Whoever has not yet passed the fact is not told of it either. X's own word is a fact.
        let given = format!("5, score_given_at = {}", at.0);
        correct(&bench, &given, at).await;
        assert_eq!(bench.facts().await.pop().unwrap(), format!("answer:{survey}:1 5 0"));
    })
    .await;
}

#[tokio::test]
async fn a_message_waits_for_the_comment_and_goes_once_it_is_there() {
    on_each_engine(async |bench| {
        let leads =
            Wanted { wait_for_comment: 2 * MINUTE, ..wanted("leads", &[AlertType::Detractor]) };
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 2, at).await;
        assert_eq!(bench.next("leads", at).await, NextTry::Nothing);
        let glance = bench.store.glance_at_alert("leads", at).await.unwrap();
        assert_eq!(glance.due_at, Some(at.plus(2 * MINUTE)));
        let standing = bench.store.alert_standings(at).await.unwrap().remove(0);
        let waits = (standing.for_comment, standing.comment_until);
        assert_eq!(waits, (2, Some(at.plus(2 * MINUTE))));
        let later = at.plus(MINUTE);
        let comment = commented(scored(told("9001", later), 1, at), "Too slow", later);
        bench.store.fold(ACCOUNT, vec![comment], later).await.unwrap();
        bench.count_results(later).await;
        let message = bench.try_one("leads", later).await;
        let MessageContent::Fact(fact) = &message.content else { panic!("{message:?}") };
        let Detail::Answered(answer) = &fact.detail else { panic!("{fact:?}") };
        assert_eq!((answer.score, message.tries, message.summed), (1, 1, 0));
        assert_eq!(bench.next("leads", later.plus(SECOND)).await, NextTry::Nothing, "the other");
        bench.try_one("leads", at.plus(2 * MINUTE)).await;
    })
    .await;
}

#[tokio::test]
async fn a_pause_and_its_end_are_one_fact_each() {
    on_each_engine(async |bench| {
        let first = pause(ACCOUNT, START);
        bench.store.pause(first.clone()).await.unwrap();
        let postponed = Paused { probe_at: START.plus(HOUR), ..first.clone() };
        bench.store.pause(postponed.clone()).await.unwrap();
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), Some(postponed));
        let later = START.plus(HOUR);
        assert!(bench.store.resume(ACCOUNT, later).await.unwrap());
        assert!(!bench.store.resume(ACCOUNT, later).await.unwrap());
        bench.store.pause(pause(ACCOUNT, later)).await.unwrap();
        let facts = [
            "paused:acme:1790000000000 - 0",
            "resumed:acme:1790003600000 - 0",
            "paused:acme:1790003600000 - 0",
        ];
        assert_eq!(bench.facts().await, facts);
        let fact = Fact::paused(ACCOUNT, later, "code 32");
        assert!(!bench.store.record_fact(fact).await.unwrap(), "it is on record");
        let fact = Fact::test("leads", "t-1", later);
        assert!(bench.store.record_fact(fact).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_fact_of_a_later_version_is_passed_by() {
    on_each_engine(async |bench| {
        let ops = wanted("ops", &[AlertType::AccountPaused]);
        bench.store.fan_out(&ops, START).await.unwrap();
        bench.store.pause(pause(ACCOUNT, START)).await.unwrap();
        bench.store.pause(pause("other", START)).await.unwrap();
        let later = "update alert_fact set type = 'merged' where account = 'acme'";
        bench.database.run_beside(&[later]).await;
        let done = bench.store.fan_out(&ops, START).await.unwrap();
        let why = "the detail of a fact of the type merged cannot be read: this version knows no \
                   such type";
        let expected = FannedOut { facts: 2, messages: 1, unreadable: vec![why.into()] };
        assert_eq!((done.is_full(), done), (false, expected));
    })
    .await;
}

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

#[tokio::test]
async fn after_a_week_messages_go_and_after_eight_days_their_facts() {
    on_each_engine(async |bench| {
        let leads = answers();
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 2, at).await;
        let sent = bench.try_one("leads", at).await;
        bench.store.finish_try(&sent, TryOutcome::Sent, at).await.unwrap();
        assert_eq!(bench.store.sweep_alerts(at.plus(7 * DAY)).await.unwrap(), Swept::default());
        let week = at.plus(7 * DAY).plus(SECOND);
        let swept = Swept { unsent: vec![("leads".into(), 3)], is_full: false };
        assert_eq!(bench.store.sweep_alerts(week).await.unwrap(), swept);
        assert_eq!((bench.messages().await.len(), bench.facts().await.len()), (0, 2));
        assert_eq!(bench.store.sweep_alerts(week.plus(DAY)).await.unwrap(), Swept::default());
        assert_eq!(bench.facts().await.len(), 0);
    })
    .await;
}
