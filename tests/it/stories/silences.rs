//! An account that falls silent is told of once, on a clock that is set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use surveyd::alerts::silences::Silences;
use surveyd::clock::Clock;
use surveyd::config::{self, Environment};
use surveyd::domain::alert::Detail;
use surveyd::domain::time::Millis;
use surveyd::store::{Paused, Store};

use crate::harness::database::{Database, on_each_engine};
use crate::harness::program::configuration;
use crate::harness::{START, days, hours, minutes};

/// A daemon's look at silences. Prompts go out every quarter of an hour around the clock, five
/// minutes after their closes. Each is answered after a minute.
struct Watcher {
    store: Store,
    database: Database,
    silences: Silences,
    now: Arc<AtomicI64>,
}

/// What becomes of a close.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    Unanswered,
    Expired,
}

impl Watcher {
    /// That many days of business are behind the watcher.
    async fn open(database: Database, past: u64) -> Self {
        let store = database.open().await;
        let now = Arc::new(AtomicI64::new(START.0));
        let silences = silences(&database, &store, &now);
        let watcher = Self { store, database, silences, now };
        watcher.business(START, START.plus(days(past)), Fate::Answered).await;
        watcher.now.store(START.plus(days(past)).0, Ordering::Relaxed);
        watcher
    }

    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::Relaxed))
    }

    /// Business until that instant. From 0 h to 6 h by the clock nobody is there.
    async fn business(&self, from: Millis, to: Millis, fate: Fate) {
        let mut rows = Vec::new();
        let mut closed_at = from;
        while closed_at < to {
            if closed_at.0.rem_euclid(86_400_000) >= 6 * 3_600_000 {
                let sent_at = closed_at.plus(minutes(5)).0;
                let (outcome, sent_at, wait) = match fate {
                    Fate::Answered => ("answered", sent_at.to_string(), "'00001aao'"),
                    Fate::Unanswered => ("sent", sent_at.to_string(), "null"),
                    Fate::Expired => ("expired", "null".to_owned(), "null"),
                };
                rows.push(format!(
                    "('{0}', 'acme', 'desk', 'csat', 12, 0, {0}, {sent_at}, '{outcome}', {wait})",
                    closed_at.0
                ));
            }
            closed_at = closed_at.plus(minutes(15));
        }
        for rows in rows.chunks(500) {
            let statement = format!(
                "insert into result (survey_id, account, source, kind, question, test, closed_at, \
                 sent_at, outcome, wait) values {}",
                rows.join(", ")
            );
            self.database.run_beside(&[&statement]).await;
        }
    }

    /// Business of that fate goes on for a while, with a look every half an hour. Returns what was
    /// told, each with the hours since it was last seen.
    async fn goes_on(&mut self, length: Duration, fate: Fate) -> Vec<String> {
        let end = self.now().plus(length);
        let mut told = Vec::new();
        while self.now() < end {
            let next = self.now().plus(minutes(30));
            self.business(self.now(), next, fate).await;
            self.now.store(next.0, Ordering::Relaxed);
            told.extend(self.look().await);
        }
        told
    }

    async fn look(&mut self) -> Vec<String> {
        let found = self.silences.look().await.unwrap();
        let said = found.into_iter().map(|fact| {
            let Detail::Silent(silence) = fact.detail else { panic!("{fact:?}") };
            let silent_for = fact.at.since(silence.since).as_secs() / 3_600;
            format!("{} of {silent_for} h, {} missed", silence.kind.as_str(), silence.expected)
        });
        said.collect()
    }
}

fn silences(database: &Database, store: &Store, now: &Arc<AtomicI64>) -> Silences {
    let alerts = "[[alerts]]\nname = \"leads\"\nurl = \"https://hooks.acme.example/s\"\n\
         secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\non = [\"silence\"]\n";
    let text = configuration("https://api.x.com")
        .replace("{ file = \"consumer-secret\" }", "\"s\"")
        .replace("{ file = \"access-token-secret\" }", "\"s\"")
        .replace("{ file = \"desk-secret\" }", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"");
    let file = database.folder().join("surveyd.toml");
    let config = config::parse(&(text + alerts), &file, &Environment::default()).unwrap();
    Silences::new(&config, store, &Clock::Manual(now.clone()))
}

#[tokio::test]
async fn prompts_that_nobody_answers_are_told_once_and_again_after_an_answer() {
    on_each_engine(async |database| {
        // START is 14:13, so the weeks end there.
        let mut watcher = Watcher::open(database, 28).await;
        assert!(watcher.silences.are_told());
        assert_eq!(watcher.goes_on(days(2), Fate::Answered).await, [""; 0], "nights expect none");
        let told = watcher.goes_on(hours(9), Fate::Unanswered).await;
        assert_eq!(told, ["answers of 6 h, 20 missed"]);
        let mut other = silences(&watcher.database, &watcher.store, &watcher.now);
        assert_eq!(other.look().await.unwrap(), [], "of two daemons one tells");
        assert_eq!(watcher.goes_on(hours(15), Fate::Answered).await, [""; 0]);
        let told = watcher.goes_on(hours(9), Fate::Unanswered).await;
        assert_eq!(told, ["answers of 6 h, 20 missed"]);
    })
    .await;
}

#[tokio::test]
async fn closes_without_a_prompt_are_told_and_their_missing_answers_are_not() {
    on_each_engine(async |database| {
        let mut watcher = Watcher::open(database, 28).await;
        let told = watcher.goes_on(hours(9), Fate::Expired).await;
        assert_eq!(told, ["closes of 6 h, 23 missed"]);
    })
    .await;
}

#[tokio::test]
async fn a_business_that_stands_still_is_not_silent() {
    on_each_engine(async |database| {
        let mut watcher = Watcher::open(database, 28).await;
        let end = watcher.now().plus(days(3));
        while watcher.now() < end {
            watcher.now.store(watcher.now().plus(hours(1)).0, Ordering::Relaxed);
            assert_eq!(watcher.look().await, [""; 0]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_account_is_not_silent_before_it_has_a_week() {
    on_each_engine(async |database| {
        let mut watcher = Watcher::open(database, 6).await;
        assert_eq!(watcher.goes_on(hours(9), Fate::Expired).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_pause_is_told_otherwise_and_what_is_missed_is_missed_from_its_end_on() {
    on_each_engine(async |database| {
        let mut watcher = Watcher::open(database, 28).await;
        let paused_at = watcher.now();
        let paused = Paused {
            account: "acme".into(),
            paused_at,
            why: "code 326".into(),
            probe_at: paused_at.plus(hours(1)),
            probe_wait: hours(1),
            resumed_at: None,
        };
        watcher.store.pause(paused).await.unwrap();
        assert_eq!(watcher.goes_on(hours(10), Fate::Expired).await, [""; 0]);
        watcher.store.resume("acme", watcher.now()).await.unwrap();
        // It is past midnight. The night expects nothing, and the morning little by 7 h.
        assert_eq!(watcher.goes_on(hours(7), Fate::Expired).await, [""; 0]);
        assert_eq!(watcher.goes_on(hours(6), Fate::Expired).await, ["closes of 8 h, 9 missed"]);
    })
    .await;
}
