//! A daemon and a database that may not be the one it knows: restored, replaced, or never seen.

use surveyd::store::{Doubt, Error, Hold, Location, MarkComparison};

use super::rebuild::READ;
use super::*;

const DUE: Millis = Millis(START.0 + 300_000);

impl Bench {
    async fn compared(&self, now: Millis) -> MarkComparison {
        compared(&self.store, now).await
    }

    async fn doubt(&self, now: Millis) -> Option<Doubt> {
        self.compared(now).await.doubt
    }

    /// The hold, when it began, and from when on it makes surveys of X's events.
    async fn holding(&self) -> (Option<Hold>, Option<Millis>, Option<Millis>) {
        let began = self.store.progress(ACCOUNT).await.unwrap().restored_at;
        let rebuild_from = self.store.held_for_rebuild(ACCOUNT).await.unwrap();
        (self.store.hold(ACCOUNT).await.unwrap(), began, rebuild_from)
    }

    /// The daemon starts again on a database that was worked on, without its mark.
    async fn doubted(self, now: Millis) -> Self {
        let bench = self.restarted_after(async |_| {}).await;
        bench.forget_the_mark().await;
        assert_eq!(bench.doubt(now).await, Some(Doubt::Unknown));
        bench
    }

    async fn is_held(&self) -> bool {
        self.store.progress(ACCOUNT).await.unwrap().restored_at.is_some()
    }

    /// The daemon ends, something happens to its database, and it starts again.
    async fn restarted_after(self, happens: impl AsyncFnOnce(&Database)) -> Self {
        let Self { store, database } = self;
        store.close().await;
        happens(&database).await;
        Self { store: database.open().await, database }
    }

    /// One prompt goes out.
    async fn prompt(&self, conversation: &str, person: &str) {
        let sending = self.sending(conversation, person, START).await;
        self.store.mark(&sending).await.unwrap();
        let outcome = accepted(&format!("9{person}"), DUE, None);
        self.store.finish(&sending, outcome, DUE).await.unwrap();
    }

    async fn forget_the_mark(&self) {
        for entry in std::fs::read_dir(self.database.folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sends") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

async fn compared(store: &Store, now: Millis) -> MarkComparison {
    store.compare(vec![ACCOUNT.into()], now).await.unwrap()
}

async fn second(location: &Location) -> Store {
    Store::open(location).await.unwrap()
}

#[tokio::test]
async fn a_database_brought_back_from_a_backup_holds_all_sends_until_x_has_been_read() {
    on_each_engine(async |bench| {
        assert_eq!(bench.doubt(START).await, None, "nobody has worked on it");
        let bench = bench.restarted_after(async |database| database.copy().await).await;
        assert_eq!(bench.doubt(START).await, None);
        bench.prompt("c-1", "7").await;
        let bench = bench.restarted_after(async |_| {}).await;
        assert_eq!(bench.doubt(DUE).await, None, "the same database as before");

        let bench = bench.restarted_after(async |database| database.put_back().await).await;
        assert_eq!(bench.doubt(DUE).await, Some(Doubt::Older));
        assert_eq!(bench.store.progress(ACCOUNT).await.unwrap().restored_at, Some(DUE));
        let hold = Hold { until_at: None, doubt: Some(Doubt::Older) };
        assert_eq!(bench.store.holds().await.unwrap(), [(ACCOUNT.into(), hold)]);
        bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(DUE).await;
        let begun = bench.decide(leased, rules(), ACCOUNT, DUE).await;
        assert!(matches!(begun, BeginOutcome::Waits { .. }), "{begun:?}");
        let bench = bench.restarted_after(async |_| {}).await;
        assert_eq!(bench.doubt(DUE).await, None, "noticed once");
        assert!(bench.is_held().await, "a restart ends no hold");

        let ended = bench.store.end_restore(ACCOUNT, &making(), DUE).await.unwrap();
        assert_eq!((ended.is_over, ended.of_rebuild), (true, false));
        assert!(!bench.is_held().await);
        bench.take(close("c-3", "9", START)).await;
        let later = DUE.plus(24 * HOUR);
        bench.lease_due(10, later).await;
        assert_eq!(bench.doubt(later).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_copy_from_before_the_first_prompt_is_held_too() {
    on_each_engine(async |bench| {
        assert_eq!(bench.doubt(START).await, None);
        bench.take(close("c-1", "7", START)).await;
        let bench = bench.restarted_after(async |database| database.copy().await).await;
        assert_eq!(bench.doubt(START).await, None);
        let leased = bench.lease_one(DUE).await;
        let sending = bench.begin(leased, DUE).await;
        bench.store.mark(&sending).await.unwrap();
        let bench = bench.restarted_after(async |database| database.put_back().await).await;
        bench.forget_the_mark().await;
        assert_eq!(bench.doubt(DUE).await, Some(Doubt::Unknown), "no mark, and it was worked on");
        assert!(bench.is_held().await);
    })
    .await;
}

#[tokio::test]
async fn another_database_beside_a_mark_is_held() {
    on_each_engine(async |bench| {
        assert_eq!(bench.doubt(START).await, None);
        let bench = bench
            .restarted_after(async |database| match database.location.file() {
                Some(file) => std::fs::remove_file(file).unwrap(),
                None => {
                    // Restored from a dump: the same rows, other objects.
                    database.copy().await;
                    database.put_back().await;
                }
            })
            .await;
        assert_eq!(bench.doubt(DUE).await, Some(Doubt::Other), "though nothing was ever sent");
    })
    .await;
}

#[tokio::test]
async fn a_new_database_in_the_place_of_one_that_was_sent_by_is_held() {
    let database = Database::sqlite();
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    bench.prompt("c-1", "7").await;
    let folder = bench.database.folder();
    let mut others = vec![Location::parse("sqlite:other.db", folder).unwrap()];
    let server = Database::postgres().await;
    others.extend(server.as_ref().map(|server| server.seen_from(folder)));
    for location in others {
        let store = Store::open(&location).await.unwrap();
        let held = compared(&store, DUE).await;
        assert_eq!(held.doubt, Some(Doubt::Other), "{location:?}");
        assert!(held.beside.unwrap().ends_with("surveyd.db.sends"));
        assert!(store.progress(ACCOUNT).await.unwrap().restored_at.is_some());
        store.close().await;
        let store = Store::open(&location).await.unwrap();
        assert_eq!(
            compared(&store, DUE).await,
            MarkComparison::default(),
            "it has a mark of its own now"
        );
        store.close().await;
    }
}

#[tokio::test]
async fn a_mark_of_a_count_alone_is_taken_over() {
    let database = Database::sqlite();
    let bench = Bench { store: database.open().await, database };
    bench.prompt("c-1", "7").await;
    let mark = bench.database.folder().join("surveyd.db.sends");
    std::fs::write(&mark, "0000000000000000001\n").unwrap();
    let bench = bench.restarted_after(async |_| {}).await;
    assert_eq!(bench.doubt(DUE).await, None);
    assert!(std::fs::read_to_string(&mark).unwrap().contains("\ndatabase "), "it names it now");
    let bench = bench.restarted_after(async |_| {}).await;
    assert_eq!(bench.doubt(DUE).await, None);
}

#[tokio::test]
async fn a_mark_without_its_row_is_what_a_crash_leaves_before_the_first_send() {
    on_each_engine(async |bench| {
        bench.doubt(START).await;
        let copied = bench.database.folder().join("kept");
        let mark = std::fs::read_dir(bench.database.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "sends"))
            .unwrap();
        std::fs::copy(&mark, &copied).unwrap();
        let text = std::fs::read_to_string(&copied).unwrap();
        let id = text.lines().nth(1).unwrap().trim_start_matches("daemon ").trim().to_owned();
        let bench = bench.restarted_after(async |_| {}).await;
        std::fs::write(&mark, text.replace(&id, &"f".repeat(32))).unwrap();
        assert_eq!(bench.doubt(START).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_daemon_without_a_mark_trusts_what_another_at_work_trusts() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    bench.prompt("c-1", "7").await;
    let folder = tempfile::tempdir().unwrap();
    let location = bench.database.seen_from(folder.path());
    let other = second(&location).await;
    assert_eq!(compared(&other, DUE).await, MarkComparison::default(), "the first one is at work");
    other.close().await;

    let Bench { store, database } = bench;
    store.close().await;
    std::fs::remove_file(folder.path().join("postgres.sends")).unwrap();
    let other = second(&location).await;
    assert_eq!(compared(&other, DUE).await.doubt, Some(Doubt::Unknown), "nobody is at work");
    other.close().await;
    // It has a mark now, which proves nothing.
    let other = second(&location).await;
    assert_eq!(compared(&other, DUE).await, MarkComparison::default());
    assert!(
        other.progress(ACCOUNT).await.unwrap().restored_at.is_some(),
        "it lifts no hold of its own"
    );

    let bench = Bench { store: database.open().await, database };
    let lifted = bench.compared(DUE).await;
    assert_eq!(
        lifted,
        MarkComparison { lifted: vec![ACCOUNT.into()], ..MarkComparison::default() }
    );
    assert!(!bench.is_held().await, "the mark of the first one knows the database");
    other.close().await;
}

#[tokio::test]
async fn a_stranger_is_held_beside_one_that_is_held_itself() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    let bench = bench.restarted_after(async |database| database.copy().await).await;
    assert_eq!(bench.doubt(START).await, None);
    bench.prompt("c-1", "7").await;
    let bench = bench.restarted_after(async |database| database.put_back().await).await;
    assert_eq!(bench.doubt(DUE).await, Some(Doubt::Older));
    let folder = tempfile::tempdir().unwrap();
    let other = second(&bench.database.seen_from(folder.path())).await;
    let compared = other.compare(vec!["beta".into()], DUE).await.unwrap();
    assert_eq!(compared.doubt, Some(Doubt::Unknown));
    assert!(other.progress("beta").await.unwrap().restored_at.is_some());
    other.close().await;
}

#[tokio::test]
async fn a_database_replaced_under_a_daemon_takes_no_send_before_it_is_compared() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    bench.take(close("c-1", "7", START)).await;
    bench.take(close("c-2", "8", START)).await;
    let bench = bench.restarted_after(async |database| database.copy().await).await;
    assert_eq!(bench.doubt(START).await, None);
    let mut leases = bench.lease_due(2, DUE).await.into_iter();
    let sending = bench.begin(leases.next().unwrap(), DUE).await;
    bench.store.mark(&sending).await.unwrap();
    bench.database.put_back().await;

    let begin = async || {
        let times = SendTimes {
            now: DUE,
            x_now: DUE,
            x_latest: DUE,
            is_clock_confirmed: false,
            is_clock_settled: true,
            lease: LEASE,
        };
        let leased = leases.as_slice()[0].clone();
        bench.store.begin_send(leased, prompt(), rules(), times).await
    };
    let refused = begin().await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    bench.store.in_doubt().await;
    assert_eq!(bench.doubt(DUE).await, Some(Doubt::Older));
    assert!(bench.is_held().await);
}

/// Puts all rows of the daemons there anew, as a dump does that is restored into the same database.
async fn load_anew(database: &Database) {
    for statement in [
        "create table kept as select * from daemon",
        "delete from daemon",
        "insert into daemon select * from kept",
        "drop table kept",
    ] {
        database.execute(statement).await;
    }
}

#[tokio::test]
async fn a_dump_restored_under_a_daemon_that_has_not_sent_holds_it() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    let folder = tempfile::tempdir().unwrap();
    let other = second(&bench.database.seen_from(folder.path())).await;
    assert_eq!(compared(&other, START).await, MarkComparison::default());
    // The one that sends is gone when its sends are lost; this one has none to miss.
    bench.take(close("c-1", "7", START)).await;
    load_anew(&bench.database).await;
    let leased = other.lease_due(ACCOUNT, 1, DUE.plus(LEASE), DUE).await.unwrap().pop().unwrap();
    let refused = other.begin_send(leased, prompt(), rules(), times(DUE)).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    other.in_doubt().await;
    assert_eq!(compared(&other, DUE).await.doubt, Some(Doubt::Other));
    assert_eq!(compared(&other, DUE).await.doubt, None, "noticed once");
    assert!(bench.is_held().await);
    other.close().await;
}

#[tokio::test]
async fn a_dump_restored_under_a_daemon_is_noticed_without_a_send() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    load_anew(&bench.database).await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = second(&bench.database.seen_from(folder.path())).await;
    assert_eq!(compared(&stranger, DUE).await.doubt, Some(Doubt::Other), "vouched for or not");
    stranger.close().await;
    load_anew(&bench.database).await;
    assert_eq!(bench.doubt(DUE).await, Some(Doubt::Other));
}

#[tokio::test]
async fn a_daemon_whose_row_has_gone_sends_nothing() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    assert_eq!(bench.doubt(START).await, None);
    bench.take(close("c-1", "7", START)).await;
    bench.database.execute("delete from daemon").await;
    let leased = bench.lease_one(DUE).await;
    let refused = bench.store.begin_send(leased, prompt(), rules(), times(DUE)).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
}

#[tokio::test]
async fn an_account_configured_while_the_database_is_held_is_held_too() {
    on_each_engine(async |bench| {
        assert_eq!(bench.doubt(START).await, None);
        let bench = bench.restarted_after(async |database| database.copy().await).await;
        assert_eq!(bench.doubt(START).await, None);
        bench.prompt("c-1", "7").await;
        let bench = bench.restarted_after(async |database| database.put_back().await).await;
        assert_eq!(bench.doubt(DUE).await, Some(Doubt::Older));
        let names = vec![ACCOUNT.into(), "beta".into()];
        assert_eq!(bench.store.compare(names.clone(), DUE).await.unwrap().doubt, None);
        assert!(bench.store.progress("beta").await.unwrap().restored_at.is_some());
        for name in [ACCOUNT, "beta"] {
            bench.store.end_restore(name, &making(), DUE).await.unwrap();
        }
        bench.store.compare([names, vec!["gamma".into()]].concat(), DUE).await.unwrap();
        assert_eq!(bench.store.progress("gamma").await.unwrap().restored_at, None);
    })
    .await;
}

#[tokio::test]
async fn a_doubt_and_a_rebuild_share_one_hold_whichever_came_first() {
    on_each_engine(async |bench| {
        assert_eq!(bench.doubt(START).await, None);
        let bench = bench.doubted(START).await;
        bench.store.date_hold(ACCOUNT, DUE).await.unwrap();
        bench.store.hold_for_rebuild(ACCOUNT, READ.from, DUE).await.unwrap();
        let hold = Hold { until_at: Some(DUE), doubt: Some(Doubt::Unknown) };
        assert_eq!(
            bench.holding().await,
            (Some(hold), Some(START), Some(READ.from)),
            "the doubt's hold goes on, and waits for the rebuild too"
        );
        let end = async |bench: &Bench| {
            let ended = bench.store.end_restore(ACCOUNT, &making(), DUE).await.unwrap();
            (ended.is_over, ended.of_rebuild)
        };
        assert_eq!(end(&bench).await, (false, false));
        let rebuild = bench.store.begin_rebuild(ACCOUNT, READ, true).await.unwrap();
        bench.store.end_rebuild(&rebuild).await.unwrap();
        assert_eq!(end(&bench).await, (true, true));

        bench.store.hold_for_rebuild(ACCOUNT, READ.from, START).await.unwrap();
        bench.store.date_hold(ACCOUNT, START).await.unwrap();
        let bench = bench.doubted(DUE).await;
        let hold = Hold { until_at: None, doubt: Some(Doubt::Unknown) };
        assert_eq!(
            bench.holding().await,
            (Some(hold), Some(DUE), Some(READ.from)),
            "the hold begins again, and still waits for the rebuild"
        );
        assert_eq!(end(&bench).await, (false, false));
    })
    .await;
}
