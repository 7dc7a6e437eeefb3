//! Any life of facts, messages and tries, with crashes between any two steps and with two daemons:
//! nothing is lost, and nothing is told under two ids.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use surveyd::domain::alert::{AlertType, Wanted};
use surveyd::store::{DueMessage, NextTry, TryOutcome};

use super::alerts::{pause, wanted};
use super::*;

/// The prompts that are answered, over and over.
const PROMPTS: u32 = 4;

#[derive(Clone, Debug)]
enum Deed {
    /// Somebody answers, or X's events correct the score. `None`: they take it back.
    Score {
        which: u32,
        score: Option<i64>,
    },
    Pause {
        is_other: bool,
    },
    Resume {
        is_other: bool,
    },
    Refresh {
        is_second: bool,
    },
    /// All results are made again from scratch.
    Rebuild,
    FanOut {
        alert: usize,
        is_second: bool,
    },
    /// `None`: the daemon dies between the try and its outcome.
    Try {
        alert: usize,
        is_second: bool,
        outcome: Option<u8>,
    },
    Release {
        alert: usize,
        is_second: bool,
    },
    Retry {
        alert: usize,
    },
    Wait {
        minutes: u32,
    },
    /// A daemon dies and starts again.
    Restart {
        is_second: bool,
    },
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let second = any::<bool>;
    let alert = 0..3_usize;
    prop_oneof![
        8 => (0..PROMPTS, prop::option::weighted(0.8, 0..11_i64))
            .prop_map(|(which, score)| Deed::Score { which, score }),
        2 => second().prop_map(|is_other| Deed::Pause { is_other }),
        2 => second().prop_map(|is_other| Deed::Resume { is_other }),
        6 => second().prop_map(|is_second| Deed::Refresh { is_second }),
        1 => Just(Deed::Rebuild),
        8 => (alert.clone(), second())
            .prop_map(|(alert, is_second)| Deed::FanOut { alert, is_second }),
        16 => (alert.clone(), second(), prop::option::weighted(0.8, 0..8_u8))
            .prop_map(|(alert, is_second, outcome)| Deed::Try { alert, is_second, outcome }),
        3 => (alert.clone(), second())
            .prop_map(|(alert, is_second)| Deed::Release { alert, is_second }),
        1 => alert.prop_map(|alert| Deed::Retry { alert }),
        4 => (1..60_u32).prop_map(|minutes| Deed::Wait { minutes }),
        1 => second().prop_map(|is_second| Deed::Restart { is_second }),
    ]
}

fn all_wanted() -> [Wanted; 3] {
    let answers = [AlertType::FeedbackAnswered, AlertType::Detractor];
    let pauses = [AlertType::AccountPaused, AlertType::AccountResumed];
    [
        wanted("answers", &answers),
        Wanted { wait_for_comment: 30 * MINUTE, ..wanted("detractors", &[AlertType::Detractor]) },
        wanted("pauses", &pauses),
    ]
}

/// What a message is known by: alert, type and fact.
type MessageKey = (String, String, String);

struct Life {
    bench: Bench,
    second: Store,
    /// Looks at the messages.
    beside: sqlx::AnyConnection,
    now: Millis,
    wanted: [Wanted; 3],
    /// The ids of all messages that there ever were.
    ids: BTreeMap<MessageKey, String>,
    /// The messages whose success is on record.
    sent: BTreeSet<String>,
    paused: BTreeSet<String>,
    pauses: usize,
    ends: usize,
}

impl Life {
    async fn begin(database: Database) -> Self {
        let bench = Bench { store: database.open().await, database };
        for n in 0..PROMPTS {
            bench.prompted(n).await;
        }
        let wanted = all_wanted();
        for wanted in &wanted {
            bench.store.fan_out(wanted, START).await.unwrap();
        }
        let second = bench.database.open().await;
        let beside = bench.database.beside().await;
        Self {
            beside,
            bench,
            second,
            now: START.plus(HOUR),
            wanted,
            ids: BTreeMap::new(),
            sent: BTreeSet::new(),
            paused: BTreeSet::new(),
            pauses: 0,
            ends: 0,
        }
    }

    fn store(&self, is_second: bool) -> (&Store, &'static str) {
        if is_second { (&self.second, "two") } else { (&self.bench.store, "one") }
    }

    async fn act(&mut self, deed: Deed) {
        self.now = self.now.plus(2 * SECOND);
        let now = self.now;
        match deed {
            Deed::Score { which, score } => {
                let (score, at) = match score {
                    Some(score) => (score.to_string(), now.0.to_string()),
                    None => ("null".into(), "null".into()),
                };
                self.bench.score_of(which, 5, now).await;
                let statement = format!(
                    "update feedback set score = {score}, score_given_at = {at} where id = '9{which:03}'"
                );
                self.bench.database.run_beside(&[&statement]).await;
            }
            Deed::Pause { is_other } => {
                let account = if is_other { "other" } else { ACCOUNT };
                self.pauses += usize::from(self.paused.insert(account.into()));
                self.bench.store.pause(pause(account, now)).await.unwrap();
            }
            Deed::Resume { is_other } => {
                let account = if is_other { "other" } else { ACCOUNT };
                let is_over = self.paused.remove(account);
                self.ends += usize::from(is_over);
                assert_eq!(self.bench.store.resume(account, now).await.unwrap(), is_over);
            }
            Deed::Refresh { is_second } => {
                let zone = surveyd::domain::days::Zone::utc();
                self.store(is_second).0.refresh_results(&zone, now).await.unwrap();
            }
            Deed::Rebuild => {
                let all = [
                    "delete from result",
                    "insert into result_due (survey_id) select id from survey",
                ];
                self.bench.database.run_beside(&all).await;
            }
            Deed::FanOut { alert, is_second } => {
                let wanted = self.wanted[alert].clone();
                self.store(is_second).0.fan_out(&wanted, now).await.unwrap();
            }
            Deed::Try { alert, is_second, outcome } => {
                self.send(alert, is_second, outcome).await;
            }
            Deed::Release { alert, is_second } => {
                let (store, holder) = self.store(is_second);
                store.release_turn(&self.wanted[alert].name, holder).await.unwrap();
            }
            Deed::Retry { alert } => {
                self.bench.store.retry_alert(&self.wanted[alert].name, now).await.unwrap();
            }
            Deed::Wait { minutes } => self.now = now.plus(minutes * MINUTE),
            Deed::Restart { is_second } => {
                let fresh = self.bench.database.open().await;
                match is_second {
                    true => self.second = fresh,
                    false => self.bench.store = fresh,
                }
            }
        }
        self.look().await;
    }

    /// Returns false if there was nothing to try.
    async fn send(&mut self, alert: usize, is_second: bool, outcome: Option<u8>) -> bool {
        let (store, holder) = self.store(is_second);
        let name = self.wanted[alert].name.as_str();
        let next = store.begin_try(name, holder, self.now, 0.5).await.unwrap();
        let NextTry::Try(message) = next else { return false };
        let message: DueMessage = *message;
        assert!(!self.sent.contains(&message.id), "{} is tried after its success", message.id);
        let outcome = match outcome {
            None => return true,
            Some(0) => TryOutcome::Gone("status 410".into()),
            Some(1) => TryOutcome::Failed { why: "status 429".into(), wait: Some(MINUTE) },
            Some(2..=4) => TryOutcome::Failed { why: "status 500".into(), wait: None },
            Some(_) => TryOutcome::Sent,
        };
        let is_sent = outcome == TryOutcome::Sent;
        store.finish_try(&message, outcome, self.now).await.unwrap();
        if is_sent {
            self.sent.insert(message.id);
        }
        true
    }

    /// No message is ever gone, has another id or has another beside it.
    async fn look(&mut self) {
        let rows = sqlx::query_scalar(
            "select alert || '|' || type || '|' || fact_key || '|' || id from alert_message",
        );
        let rows: Vec<String> = rows.fetch_all(&mut self.beside).await.unwrap();
        let mut found = BTreeMap::new();
        for row in &rows {
            let parts: Vec<&str> = row.split('|').collect();
            let [alert, alert_type, key, id] = parts[..] else { panic!("{row}") };
            let key = (alert.to_owned(), alert_type.to_owned(), key.to_owned());
            assert_eq!(found.insert(key, id.to_owned()), None, "{row}");
        }
        for (key, id) in &self.ids {
            assert_eq!(found.get(key), Some(id), "{key:?}");
        }
        self.ids = found;
    }

    /// All that was interrupted is done: everything is told, and no message is left.
    async fn end(mut self) {
        for minutes in [0, 60] {
            self.now = self.now.plus(minutes * MINUTE);
            self.bench.count_results(self.now).await;
            for alert in 0..self.wanted.len() {
                let wanted = self.wanted[alert].clone();
                self.second.fan_out(&wanted, self.now).await.unwrap();
                self.second.retry_alert(&wanted.name, self.now).await.unwrap();
                // A turn of the other daemon has ended by then.
                self.now = self.now.plus(2 * MINUTE);
                while self.send(alert, true, Some(7)).await {
                    self.now = self.now.plus(SECOND);
                }
                self.look().await;
            }
        }
        let left = "select id from alert_message where ended_at is null";
        assert_eq!(self.bench.database.texts(left).await, [""; 0], "something still waits");
        for (fact, count) in [("paused", self.pauses), ("resumed", self.ends)] {
            let facts = format!("select fact_key from alert_fact where type = '{fact}'");
            assert_eq!(self.bench.database.texts(&facts).await.len(), count, "{fact}");
            let kept = format!(
                "select id from alert_message where alert = 'pauses' and type = 'account.{fact}' \
                 and fact_seq is not null and (outcome = 'sent' or into_message in \
                 (select id from alert_message where outcome in ('sent', 'summed')))"
            );
            assert_eq!(self.bench.database.texts(&kept).await.len(), count, "{fact}");
        }
        // The last word on each survey is on record, and it was told.
        let untold = "select s.id from survey s join feedback f on f.account = s.account \
             and f.id = s.feedback_id where f.score is not null and (select cast(sum(1) as bigint) \
             from alert_fact a where a.survey_id = s.id and a.score = f.score and a.withdrawn = 0 \
             and a.seq = (select max(seq) from alert_fact b where b.survey_id = s.id)) is null";
        assert_eq!(self.bench.database.texts(untold).await, [""; 0]);
        let silent = "select s.id from survey s join feedback f on f.account = s.account \
             and f.id = s.feedback_id where f.score is not null and not exists (select 1 from \
             alert_message m where m.survey_id = s.id and m.alert = 'answers' \
             and m.type = 'feedback.answered' and m.outcome in ('sent', 'summed'))";
        assert_eq!(self.bench.database.texts(silent).await, [""; 0]);
        self.second.close().await;
        self.bench.store.clone().close().await;
    }
}

fn lives(cases: u32, database: impl AsyncFn() -> Option<Database>) {
    processor::keep_to_one();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    proptest!(config, |(deeds in prop::collection::vec(any_deed(), 1..60))| {
        runtime.block_on(async {
            let Some(database) = database().await else { return };
            let mut life = Life::begin(database).await;
            for deed in deeds {
                life.act(deed).await;
            }
            life.end().await;
        });
    });
}

#[test]
fn no_life_loses_a_message_or_tells_it_under_two_ids_on_sqlite() {
    lives(32, async || Some(Database::sqlite()));
}

#[test]
fn no_life_loses_a_message_or_tells_it_under_two_ids_on_postgresql() {
    lives(6, Database::postgres);
}
