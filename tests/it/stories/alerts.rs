//! What is told at once reaches its receiver, step by step, on a clock that is set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use surveyd::alerts::deliver::{AlertDelivery, AlertSender};
use surveyd::clock::Clock;
use surveyd::config::{self, Environment};
use surveyd::domain::alert::{Answer, Change, Fact};
use surveyd::domain::id::SurveyId;
use surveyd::domain::survey_type::SurveyType;
use surveyd::domain::time::Millis;
use surveyd::store::{AlertStanding, NextTry, Store};

use crate::harness::database::{Database, on_each_engine};
use crate::harness::program::configuration;
use crate::harness::receiver::{AlertReceiver, Request};
use crate::harness::{START, days, hours, minutes, seconds};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const DETRACTORS: &str = "on = [\"detractor\"]\n";

/// A daemon's work for one alert.
struct Office {
    store: Store,
    receiver: AlertReceiver,
    delivery: AlertDelivery,
    now: Arc<AtomicI64>,
    database: Database,
}

impl Office {
    async fn open(database: Database) -> Self {
        let store = database.open().await;
        let receiver = AlertReceiver::new();
        let now = Arc::new(AtomicI64::new(START.0));
        let delivery = delivery(&database, &store, (&receiver.url(), DETRACTORS), &now, "one");
        let mut office = Self { store, receiver, delivery, now, database };
        office.step().await;
        office
    }

    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::Relaxed))
    }

    fn wait(&self, length: std::time::Duration) {
        self.now.store(self.now().plus(length).0, Ordering::Relaxed);
    }

    async fn step(&mut self) -> Option<Millis> {
        self.delivery.step().await.unwrap()
    }

    /// A detractor of a survey of that name.
    async fn detractor(&self, survey: &str) {
        let kind = SurveyType::Csat;
        let answer = Answer { kind, score: 1, team: None, agent: None, question: Some(12) };
        let fact = Fact::answered(&SurveyId::new(survey), "acme", self.now(), answer);
        assert!(self.store.record_fact(fact).await.unwrap());
    }

    async fn standing(&self) -> AlertStanding {
        self.store.alert_standings(Clock::System.now()).await.unwrap().pop().unwrap()
    }
}

fn delivery(
    database: &Database,
    store: &Store,
    (url, more): (&str, &str),
    now: &Arc<AtomicI64>,
    holder: &str,
) -> AlertDelivery {
    let alerts = format!(
        "[[alerts]]\nname = \"leads\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nallow_private = true\n\
         {more}"
    );
    let text = configuration("https://api.x.com")
        .replace("{ file = \"consumer-secret\" }", "\"s\"")
        .replace("{ file = \"access-token-secret\" }", "\"s\"")
        .replace("{ file = \"desk-secret\" }", &format!("\"{SECRET}\""))
        .replace("[http]\n", "[http]\npublic_url = \"https://surveyd.example\"\n");
    let file = database.folder().join("surveyd.toml");
    let config = config::parse(&(text + &alerts), &file, &Environment::default()).unwrap();
    let alert = AlertSender::new(&config, &config.alerts[0]).unwrap();
    AlertDelivery::new(alert, store.clone(), Clock::Manual(now.clone()), holder.to_owned())
}

#[tokio::test]
async fn a_comment_that_an_alert_is_told_goes_on_record_first_and_one_that_was_erased_is_not_told()
{
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        let told = "insert into survey (id, account, source, conversation_id, ordinal, external_id, \
             user_id, kind, question_variant_id, test, state, closed_at, accepted_at, due_at, notice, \
             try_at, lease_token, attempts, feedback_id, sent_at, throttle_group) values ('s-1', \
             'acme', 'desk', 'c', 1, 'c', '7', 'csat', 0, 0, 'answered', 5, 6, 7, '{}', 7, 1, 1, \
             'f-1', 4, 'acme')";
        let comment = "insert into feedback (account, id, survey_id, updated_at, test, raw, score, \
             score_given_at, comment, comment_given_at, updates, folds) values ('acme', 'f-1', \
             's-1', 1, 0, '{}', 1, 1, 'Too slow', 1, '1', 1)";
        office.database.run_beside(&[told, comment]).await;
        let more = format!("{DETRACTORS}include = [\"comment\"]\n");
        let url = office.receiver.url();
        let (store, now) = (office.store.clone(), office.now.clone());
        office.delivery = delivery(&office.database, &store, (&url, &more), &now, "one");
        office.receiver.answer_next("500");
        office.detractor("s-1").await;
        office.step().await;
        office.receiver.answer_next("500");
        office.wait(seconds(6));
        office.step().await;
        let entries = office.store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap();
        assert_eq!(entries.len(), 2, "each try carried it: {entries:?}");
        for (_, entry) in entries {
            assert_eq!(
                (entry.way.as_str(), entry.name.as_str(), entry.detail.as_str()),
                ("alert", "leads", "s-1")
            );
            assert!(url.starts_with(&entry.address), "{}", entry.address);
        }
        let erase = "update feedback set comment = null, comment_given_at = null";
        office.database.run_beside(&[erase]).await;
        office.wait(minutes(6));
        office.step().await;
        let requests = office.receiver.requests();
        let comments = requests.iter().map(|request| request.json()["data"]["comment"].clone());
        let comment = serde_json::Value::from("Too slow");
        let told = [comment.clone(), comment, serde_json::Value::Null];
        assert_eq!(comments.collect::<Vec<_>>(), told);
        assert_eq!(office.store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap().len(), 2, "the last had none");
    })
    .await;
}

#[tokio::test]
async fn an_answer_whose_score_changed_before_it_was_told_is_told_as_it_is() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        let (url, store, now) = (office.receiver.url(), office.store.clone(), office.now.clone());
        let on = "on = [\"feedback.answered\"]\n";
        office.delivery = delivery(&office.database, &store, (&url, on), &now, "one");
        office.receiver.answer_next("500");
        office.detractor("s-1").await;
        office.step().await;
        let kind = SurveyType::Csat;
        let answer = Answer { kind, score: 4, team: None, agent: None, question: Some(12) };
        let change = Change { answer, score_before: 1 };
        let fact = Fact::changed(&SurveyId::new("s-1"), "acme", office.now(), change);
        assert!(office.store.record_fact(fact).await.unwrap());
        office.wait(seconds(2));
        office.step().await;
        let requests = office.receiver.requests();
        let scores = requests.iter().map(|request| request.json()["data"]["score"].clone());
        assert_eq!(scores.collect::<Vec<_>>(), [1, 4]);
        assert_eq!(requests[1].json()["data"]["score_before"], serde_json::Value::Null);
        office.wait(hours(1));
        assert_eq!(office.step().await, None, "the first is not sent any more");
    })
    .await;
}

fn ids(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.header("webhook-id")).collect()
}

#[tokio::test]
async fn a_message_is_an_event_that_its_receiver_can_verify() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        office.detractor("s-1").await;
        assert_eq!(office.step().await, Some(office.now().plus(seconds(1))));
        let requests = office.receiver.requests();
        let [request] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!(request.header("webhook-timestamp"), "1790000000");
        assert_eq!(request.header("content-type"), "application/json");
        let signature = request.header("webhook-signature");
        assert!(signature.starts_with("v1,") && signature.len() == 47, "{signature}");
        let event = serde_json::json!({
            "type": "detractor",
            "timestamp": "2026-09-21T14:13:20.000Z",
            "data": {
                "survey_id": "s-1", "account": "acme", "kind": "csat", "score": 1, "team": null,
                "agent": null, "url": "https://surveyd.example/surveys/s-1"
            }
        });
        assert_eq!(request.json(), event);
        office.wait(days(1));
        assert_eq!(office.step().await, None);
        assert_eq!(office.receiver.requests().len(), 1, "it is told once");
    })
    .await;
}

#[tokio::test]
async fn what_fails_is_tried_again_under_its_id_at_another_time() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        for answer in ["500", "302|location: http://127.0.0.1:1/", "cut", "404"] {
            office.receiver.answer_next(answer);
        }
        office.detractor("s-1").await;
        let mut errors = Vec::new();
        for wait in [seconds(6), minutes(6), minutes(34), minutes(133), hours(1)] {
            office.step().await;
            errors.push(office.standing().await.last_error.unwrap_or_default());
            office.wait(wait);
        }
        let cut = errors.remove(2);
        assert!(cut.starts_with("the connection to http://127.0.0.1:"), "{cut}");
        let expected = ["status 500", "status 302: redirects are not followed", "status 404", ""];
        assert_eq!(errors, expected);
        let requests = office.receiver.requests();
        let ids = ids(&requests);
        assert_eq!(ids, [ids[0]; 5]);
        let times: std::collections::BTreeSet<&str> =
            requests.iter().map(|request| request.header("webhook-timestamp")).collect();
        assert_eq!(times.len(), 5, "each try has its own time");
        assert_eq!(office.standing().await.failures, 4);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_wait_gets_it_for_all_its_messages() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        office.receiver.answer_next("429|retry-after: 600");
        office.detractor("s-1").await;
        office.step().await;
        office.detractor("s-2").await;
        office.wait(seconds(599));
        assert_eq!(office.step().await, Some(START.plus(seconds(600))));
        assert_eq!(office.receiver.requests().len(), 1);
        office.wait(seconds(1));
        office.step().await;
        office.wait(seconds(1));
        office.step().await;
        assert_eq!(office.receiver.requests().len(), 3);
        assert_eq!(office.standing().await.waiting, 0);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_asked_no_more_until_a_retry() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        office.receiver.answer_next("410");
        office.detractor("s-1").await;
        office.step().await;
        office.detractor("s-2").await;
        office.wait(hours(1));
        assert_eq!(office.step().await, None);
        let standing = office.standing().await;
        let why = standing.disabled.map(|disabled| disabled.why);
        assert_eq!(why.as_deref(), Some("status 410: the receiver is gone"));
        assert_eq!((standing.waiting, office.receiver.requests().len()), (2, 1));
        assert_eq!(office.store.retry_alert("leads", office.now()).await.unwrap(), 1);
        for _ in 0..2 {
            office.step().await;
            office.wait(seconds(1));
        }
        let requests = office.receiver.requests();
        let ids = ids(&requests);
        assert_eq!((ids.len(), office.standing().await.waiting), (3, 0));
        assert!(ids[1..].contains(&ids[0]));
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_was_off_for_longer_than_a_week_sends_nothing_that_is_older() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        office.receiver.answer_next("500");
        office.detractor("s-1").await;
        office.step().await;
        office.wait(days(8));
        office.detractor("s-2").await;
        office.step().await;
        office.step().await;
        let requests = office.receiver.requests();
        let surveys = requests.iter().map(|request| request.json()["data"]["survey_id"].clone());
        assert_eq!(surveys.collect::<Vec<_>>(), ["s-1", "s-2"]);
        assert_eq!(office.standing().await.waiting, 0);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_are_one_message_that_says_how_many() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        for n in 0..27 {
            office.detractor(&format!("s-{n}")).await;
            office.wait(seconds(1));
        }
        office.step().await;
        let data = serde_json::json!({
            "count": 27, "since": "2026-09-21T14:13:20.000Z",
            "url": "https://surveyd.example/comments"
        });
        let requests = office.receiver.requests();
        assert_eq!((requests.len(), &requests[0].json()["data"]), (1, &data));
        office.wait(hours(1));
        assert_eq!(office.step().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_dies_after_the_request_leaves_a_message_that_its_receiver_knows() {
    on_each_engine(async |database| {
        let mut office = Office::open(database).await;
        office.detractor("s-1").await;
        office.delivery.step().await.unwrap();
        // Its success was never recorded.
        let undone = "update alert_message set ended_at = null, outcome = null";
        office.database.run_beside(&[undone]).await;
        let other = office.database.open().await;
        let url = office.receiver.url();
        let mut second = delivery(&office.database, &other, (&url, DETRACTORS), &office.now, "two");
        office.wait(seconds(10));
        second.step().await.unwrap();
        assert_eq!(office.receiver.requests().len(), 1, "the first still has the turn");
        office.delivery.leave().await;
        second.step().await.unwrap();
        let requests = office.receiver.requests();
        let ids = ids(&requests);
        assert_eq!(ids, [ids[0]; 2]);
        let next = office.store.begin_try("leads", "one", office.now(), 0.5).await.unwrap();
        assert_eq!(next, NextTry::Elsewhere);
    })
    .await;
}
