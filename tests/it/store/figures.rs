//! The figures that are watched.

use super::*;
use std::collections::BTreeMap;

use surveyd::domain::budget::Call;
use surveyd::domain::time::Ready;
use surveyd::store::{AccountFigures, Paused};

#[tokio::test]
async fn figures_tell_how_surveys_and_accounts_stand() {
    on_each_engine(async |bench| {
        let store = &bench.store;
        let take = |conversation, at: AtClose| {
            store.take_close(close(conversation, "1", START), (at, None), CARD, None, START)
        };
        for conversation in ["c-1", "c-2"] {
            take(conversation, scheduled(START.plus(DELAY))).await.unwrap();
        }
        take("c-3", scheduled(START.plus(HOUR))).await.unwrap();
        take("c-4", expired(START)).await.unwrap();
        let paused = Paused {
            account: "acme".into(),
            paused_at: START,
            why: "refused".into(),
            probe_at: START,
            probe_wait: MINUTE,
            resumed_at: None,
        };
        store.pause(paused).await.unwrap();

        let later = START.plus(2 * DELAY);
        let status = store.status(later).await.unwrap();
        let counted: Vec<_> = status.by_state.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [&("scheduled", 3), &("expired", 1)]);
        assert_eq!(status.by_state.len(), 9, "the others are told, too");
        assert_eq!(status.oldest_due, Some(START.plus(DELAY)));
        assert_eq!(status.next_due, Some(START.plus(HOUR)));
        assert!(status.database_bytes > 0);

        let taken = store.take_calls("acme", Call::Show, 7, later).await.unwrap();
        assert_eq!(taken, Ready::Now(7));
        let names = ["acme".to_owned(), "other".to_owned()];
        let figures = store.account_figures(&names, START, later).await.unwrap();
        let calls_left = BTreeMap::from([(Call::Show, 173)]);
        let paused = AccountFigures { is_paused: true, calls_left, ..AccountFigures::default() };
        assert_eq!(figures["acme"], paused);
        assert_eq!(figures["other"], AccountFigures::default());

        bench.store.hold_for_rebuild("other", START, later).await.unwrap();
        let figures = bench.store.account_figures(&names, START, later).await.unwrap();
        assert_eq!((figures["acme"].is_held, figures["other"].is_held), (false, true));
    })
    .await;
}
