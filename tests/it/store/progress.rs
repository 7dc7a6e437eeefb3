//! What must never run backwards: the clock and the number of sends; and what ends the process.

use std::fs;

use futures_util::FutureExt as _;
use surveyd::domain::survey::State;
use surveyd::store::{Doubt, Error, Hold, Progress};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);

impl Bench {
    async fn progress(&self) -> Progress {
        self.store.progress(ACCOUNT).await.unwrap()
    }

    async fn noticed(&self, now: Millis) -> bool {
        self.store.compare(vec![ACCOUNT.into()], now).await.unwrap().doubt.is_some()
    }
}

#[tokio::test]
async fn every_send_that_is_begun_counts_and_instants_only_grow() {
    on_each_engine(async |bench| {
        assert_eq!(bench.progress().await, Progress::default());
        let sending = bench.sending("c-1", "7", START).await;
        let expected = Progress { sends: 1, last_at: Some(DUE), restored_at: None };
        assert_eq!(bench.progress().await, expected);
        let later = DUE.plus(MINUTE);
        bench
            .store
            .finish(&sending, SendOutcome::NotSent { why: String::new(), try_at: DUE }, later)
            .await
            .unwrap();
        assert_eq!(bench.progress().await, Progress { last_at: Some(later), ..expected });
        let leased = bench.lease_one(later).await;
        let sending = bench.begin(leased, later).await;
        bench.store.finish(&sending, accepted("900", DUE, None), DUE).await.unwrap();
        assert_eq!(bench.progress().await, Progress { sends: 2, last_at: Some(later), ..expected });
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_behind_a_clock_that_was_set_back() {
    on_each_engine(async |bench| {
        bench.sending("c-1", "7", START.plus(HOUR)).await;
        bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(DUE).await;
        let begun = bench.decide(leased, rules(), ACCOUNT, DUE).await;
        let BeginOutcome::Waits { until } = begun else { panic!("{begun:?}") };
        // Not in an hour: the clock may be right, and the record of the other wrong.
        assert_eq!(until, DUE.plus(30 * SECOND));
    })
    .await;
}

#[tokio::test]
async fn a_hold_has_no_end_until_x_has_told_the_time_and_keeps_the_end_it_is_given() {
    on_each_engine(async |bench| {
        let hold = async || bench.store.hold(ACCOUNT).await.unwrap();
        bench.store.date_hold(ACCOUNT, DUE).await.unwrap();
        assert_eq!(hold().await, None);
        bench.sending("c-1", "7", START).await;
        assert!(bench.noticed(DUE).await, "it has sent, and this daemon has no mark of it");
        let doubt = Some(Doubt::Unknown);
        assert_eq!(hold().await, Some(Hold { until_at: None, doubt }));
        bench.store.date_hold(ACCOUNT, DUE.plus(HOUR)).await.unwrap();
        bench.store.date_hold(ACCOUNT, DUE).await.unwrap();
        let ends = Hold { until_at: Some(DUE.plus(HOUR)), doubt };
        assert_eq!(hold().await, Some(ends));
        bench.store.hold_for_rebuild(ACCOUNT, START, DUE.plus(24 * HOUR)).await.unwrap();
        assert_eq!(hold().await, Some(ends), "a hold that there is goes on");
    })
    .await;
}

#[tokio::test]
async fn the_count_beside_the_database_is_that_of_the_last_send_whatever_the_order() {
    let bench = Bench::on_file().await;
    let first = bench.sending("c-1", "7", START).await;
    let second = bench.sending("c-2", "8", START).await;
    // Requests that run side by side are marked in any order.
    bench.store.mark(&second).await.unwrap();
    bench.store.mark(&first).await.unwrap();
    let file = bench.database.folder().join("surveyd.db.sends");
    assert_eq!(fs::read_to_string(file).unwrap().trim().parse::<i64>().unwrap(), 2);
}

#[tokio::test]
async fn a_survey_on_which_the_process_keeps_ending_is_set_aside() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let healthy = bench.take(close("c-2", "8", START.plus(SECOND))).await;
        let now = DUE.plus(MINUTE);
        let later = now.plus(MINUTE);
        let recover = async || bench.store.recover(true, MINUTE, now).await.unwrap();
        let alone = async |now| {
            let alone = bench.lease_due(10, now).await;
            assert_eq!(alone.len(), 1, "none is blamed for another");
            alone.into_iter().next().unwrap()
        };
        assert_eq!(bench.lease_due(10, now).await.len(), 2);
        recover().await;
        assert_eq!(alone(now).await.survey.id, taken.survey_id);
        recover().await;
        let other = alone(now).await;
        assert_eq!(other.survey.id, healthy.survey_id, "the suspect waits a little");
        bench.store.release(other, later).await.unwrap();
        assert!(bench.lease_due(10, now).await.is_empty());
        assert_eq!(alone(now.plus(15 * SECOND)).await.survey.id, taken.survey_id);
        recover().await;
        let State::Failed(failure) = bench.survey(&taken.survey_id).await.state else {
            panic!("{}", bench.state(&taken.survey_id).await)
        };
        assert!(failure.message.starts_with("set aside"), "{failure}");
        let leased = bench.lease_one(later).await;
        assert_eq!(leased.survey.id, healthy.survey_id);
        bench.begin(leased, later).await;
    })
    .await;
}

#[tokio::test]
async fn a_store_whose_disk_works_has_not_failed() {
    on_each_engine(async |bench| {
        bench.store.ping().await.unwrap();
        assert!(!bench.store.is_gone());
        assert!(bench.store.failed().now_or_never().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_gives_back_something_else_ends_the_process() {
    let bench = Bench::on_file().await;
    let file = bench.database.location.file().unwrap();
    let attached = Store::attach(&bench.database.location).await.unwrap();
    bench.store.clone().close().await;
    let length = fs::metadata(file).unwrap().len();
    fs::write(file, vec![0xA5; usize::try_from(length).unwrap()]).unwrap();
    let refused = attached.ping().await;
    assert!(matches!(refused, Err(Error::Io(_))), "{refused:?}");
    assert!(matches!(attached.failed().await, Error::Io(_)));
}

impl Bench {
    /// On SQLite alone: what lies beside its file.
    async fn on_file() -> Self {
        let database = Database::sqlite();
        Self { store: database.open().await, database }
    }
}
