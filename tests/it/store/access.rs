//! Who is signed in, and who saw what.

use surveyd::domain::session::Session;
use surveyd::store::{AuditEntry, AuditPlace};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn session(login: &str, made_at: Millis) -> Session {
    Session { login: login.into(), version: "v1".into(), made_at, seen_at: made_at }
}

fn entry(what: &str, at: Millis) -> AuditEntry {
    AuditEntry {
        at,
        way: "password".into(),
        name: "mara".into(),
        roles: "supervisor,auditor".into(),
        what: what.into(),
        detail: "period=28d".into(),
        address: "192.0.2.1".into(),
    }
}

/// Signs `login` in on a browser that had no cookie.
async fn begin(store: &Store, hash: &str, login: &str, at: Millis) {
    let entry = entry("signed in", at);
    store.begin_session(hash.into(), session(login, at), None, entry).await.unwrap();
}

async fn whats(store: &Store) -> Vec<String> {
    let entries = store.audited(crate::harness::ALL_TIME, None, 1_000).await.unwrap();
    entries.into_iter().map(|(_, entry)| entry.what).collect()
}

#[tokio::test]
async fn a_session_is_kept_until_somebody_ends_it() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        assert_eq!(store.session("h1").await.unwrap(), None);
        begin(store, "h1", "mara", START).await;
        assert_eq!(store.session("h1").await.unwrap(), Some(session("mara", START)));
        assert_eq!(store.session("h2").await.unwrap(), None);

        let later = START.plus(MINUTE);
        store.see_session("h1".into(), later).await.unwrap();
        let seen = Session { seen_at: later, ..session("mara", START) };
        assert_eq!(store.session("h1").await.unwrap(), Some(seen));

        store.end_session("h1".into(), Some(entry("signed out", later))).await.unwrap();
        assert_eq!(store.session("h1").await.unwrap(), None);
        store.end_session("h1".into(), None).await.unwrap();
        store.see_session("h1".into(), later).await.unwrap();
        assert_eq!(store.session("h1").await.unwrap(), None, "a late note brings none back");
        assert_eq!(whats(store).await, ["signed out", "signed in"]);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_ends_the_session_before_it_and_those_that_are_over() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        begin(store, "idle", "mara", START).await;
        begin(store, "old", "mara", START).await;
        let now = START.plus(31 * DAY);
        store.see_session("old".into(), now.minus(MINUTE)).await.unwrap();
        begin(store, "before", "mara", now.minus(HOUR)).await;
        begin(store, "elsewhere", "mara", now.minus(HOUR)).await;
        let entry = entry("signed in", now);
        let new = session("mara", now);
        store.begin_session("new".into(), new, Some("before".into()), entry).await.unwrap();
        for (hash, lives) in
            [("idle", false), ("old", false), ("before", false), ("elsewhere", true), ("new", true)]
        {
            assert_eq!(store.session(hash).await.unwrap().is_some(), lives, "{hash}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_has_a_hundred_sessions_and_the_oldest_end_first() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        begin(store, "other", "lee", START).await;
        for number in 0..102_u32 {
            let at = START.plus(SECOND * number);
            begin(store, &format!("h{number}"), "mara", at).await;
        }
        for (hash, lives) in [("h0", false), ("h1", false), ("h2", true), ("h101", true)] {
            assert_eq!(store.session(hash).await.unwrap().is_some(), lives, "{hash}");
        }
        assert!(store.session("other").await.unwrap().is_some(), "another's stays");
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_is_read_back_page_by_page_without_a_gap_or_a_repetition() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        assert_eq!(store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap(), []);
        // Three at each instant: a page may end between two of them.
        for number in 0..12_u32 {
            let at = START.plus(SECOND * (number / 3));
            store.audit(entry(&number.to_string(), at)).await.unwrap();
        }
        let (mut read, mut before) = (Vec::new(), None::<AuditPlace>);
        loop {
            let page = store.audited(crate::harness::ALL_TIME, before.as_ref(), 5).await.unwrap();
            let Some((place, _)) = page.last() else { break };
            before = Some(place.clone());
            read.extend(page.into_iter().map(|(_, entry)| entry));
        }
        let whats: Vec<&str> = read.iter().map(|entry| entry.what.as_str()).collect();
        let newest_first: Vec<String> =
            (0..12).rev().map(|number: u8| number.to_string()).collect();
        assert_eq!(whats, newest_first);
        assert_eq!(read[11], entry("0", START), "whole, as it was entered");
    })
    .await;
}
