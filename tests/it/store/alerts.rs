//! What is told at once: facts, their messages, and what is left of both after a week.

use std::collections::{BTreeMap, BTreeSet};

use surveyd::domain::alert::{AlertType, Detail, Fact, Wanted};
use surveyd::domain::days::Zone;
use surveyd::store::{
    AlertGlance, AlertStanding, DueMessage, FannedOut, MessageContent, NextTry, Paused, Swept,
    TryOutcome,
};

use super::*;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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

pub fn made(facts: usize, messages: usize) -> FannedOut {
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
        assert!(bench.store.begin_pause(first.clone()).await.unwrap());
        // Refused at the same moment: it changes nothing.
        let second = pause(ACCOUNT, START.plus(MINUTE));
        assert!(!bench.store.begin_pause(second).await.unwrap());
        let pauses = bench.store.pauses().await.unwrap();
        let told = pauses.iter().map(|(account, pause)| (account.as_str(), pause.since));
        assert_eq!(told.collect::<Vec<_>>(), [(ACCOUNT, START)]);
        assert_eq!(pauses[0].1.asked_again_at, first.probe_at);
        let postponed = Paused { probe_at: START.plus(HOUR), ..first.clone() };
        bench.store.pause(postponed.clone()).await.unwrap();
        assert_eq!(bench.store.paused(ACCOUNT).await.unwrap(), Some(postponed));
        let later = START.plus(HOUR);
        assert!(bench.store.resume(ACCOUNT, later).await.unwrap());
        assert!(!bench.store.resume(ACCOUNT, later).await.unwrap());
        assert_eq!(bench.store.pauses().await.unwrap(), []);
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
