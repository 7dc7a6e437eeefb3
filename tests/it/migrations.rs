//! The schema: brought up to date once, refused where it is newer, never made by a mere look.

mod older;

use std::fs;

use sqlx::{AnyConnection, Connection as _, Executor as _};
use surveyd::store::{Error, PendingMigrations, Store, pending_migrations};

use crate::harness::database::{Database, on_each_empty_engine, on_each_engine};

/// The schemas of this program, from the files they are made of.
fn all() -> Vec<i64> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let versions = names.map(|name| name.to_str().unwrap()[..4].parse::<i64>().unwrap());
    let mut versions: Vec<i64> = versions.collect();
    versions.sort();
    // What each engine needs in its own words stands in files of its own.
    versions.dedup();
    versions
}

/// The newest of them.
fn known() -> i64 {
    *all().last().unwrap()
}

/// An address that sqlx itself reads, to look at a database from the side.
fn address(database: &Database) -> String {
    match database.location.file() {
        Some(file) => format!("sqlite:{}", file.display()),
        None => database.url.clone(),
    }
}

async fn run(database: &Database, statement: &'static str) {
    run_at(&address(database), statement).await;
}

async fn run_at(address: &str, statement: &'static str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(address).await.unwrap();
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
}

async fn versions(database: &Database) -> Vec<i64> {
    let mut connection = AnyConnection::connect(&address(database)).await.unwrap();
    let applied = "select version from _sqlx_migrations order by version";
    let versions = sqlx::query_scalar(applied).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    versions
}

const NEWER: &str = "insert into _sqlx_migrations \
     (version, description, success, checksum, execution_time) \
     select 9000, 'of a later program', success, checksum, 1 from _sqlx_migrations where version = 1";

const OLDER: &str = "delete from _sqlx_migrations where version > 1";

/// What SQLite leaves where the machine stops between its first write to a new database and the end
/// of its journal (sqlite.org/fileformat2.html, "The Rollback Journal"): pages of 4 KiB, sectors of
/// 512 bytes, no page saved, the database empty before.
fn hot_journal() -> Vec<u8> {
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    for field in [0_u32, 7, 0, 512, 4096] {
        journal.extend(field.to_be_bytes());
    }
    journal.resize(512, 0);
    journal
}

#[tokio::test]
async fn a_crash_while_the_database_is_made_is_undone() {
    let database = Database::sqlite();
    let file = database.location.file().unwrap();
    run_at(&format!("sqlite:{}?mode=rwc", file.display()), "pragma journal_mode = wal").await;
    assert!(fs::metadata(file).unwrap().len() > 0);
    fs::write(format!("{}-journal", file.display()), hot_journal()).unwrap();
    database.open().await.close().await;
    assert_eq!(versions(&database).await.last(), Some(&known()));
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_all_who_open_it() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        run(&database, NEWER).await;
        let refusals =
            [Store::open(&database.location).await, Store::attach(&database.location).await];
        for refused in refusals {
            let Err(Error::NewerSchema { found, known: newest }) = refused else {
                panic!("a newer schema is taken")
            };
            assert_eq!((found, newest), (9000, known()));
        }
        assert_eq!(versions(&database).await.last(), Some(&9000));
    })
    .await;
}

#[tokio::test]
async fn a_file_of_a_newer_schema_stays_as_it_is_to_the_byte() {
    let database = Database::sqlite();
    database.open().await.close().await;
    run(&database, NEWER).await;
    let file = database.location.file().unwrap();
    let before = fs::read(file).unwrap();
    assert!(Store::open(&database.location).await.is_err());
    assert!(Store::attach(&database.location).await.is_err());
    assert!(fs::read(file).unwrap() == before, "the file has changed");
    // Reading in WAL mode leaves an index behind; a log with anything in it would be a change.
    let log = fs::metadata(file.with_extension("db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
}

#[tokio::test]
async fn what_a_database_lacks_is_told_with_its_time_and_room_before_anything_is_changed() {
    on_each_empty_engine(async |database| {
        assert_eq!(pending_migrations(&database.location).await.unwrap(), None, "none to migrate");
        database.open().await.close().await;
        assert_eq!(pending_migrations(&database.location).await.unwrap(), None);
        run(&database, OLDER).await;
        let pending = pending_migrations(&database.location).await.unwrap().unwrap();
        assert_eq!((pending.from, pending.count), (1, all().len() - 1));
        let begun = format!("the database's schema 1 is brought up to {}", known());
        let large = PendingMigrations { bytes: Some(14_500_000_000), ..pending };
        let words = format!(
            "{begun}: with 14500 MB that takes up to 25 min and 5800 MB more on its disk. If it is \
             broken off, the next start goes on with it"
        );
        assert_eq!(large.words(), words);
        assert_eq!(PendingMigrations { bytes: None, ..pending }.words(), begun);
        assert_eq!(pending.bytes.is_some(), database.location.is_sqlite());
        assert_eq!(versions(&database).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        let first = versions(&database).await;
        assert_eq!(first, all());
        let (one, other) = (database.open().await, database.open().await);
        one.ping().await.unwrap();
        other.ping().await.unwrap();
        assert_eq!(versions(&database).await, first);
    })
    .await;
}

#[tokio::test]
async fn daemons_that_start_together_on_a_fresh_database_all_open_it() {
    on_each_empty_engine(async |database| {
        let opened = futures_util::future::join_all((0..4).map(|_| database.open())).await;
        for store in &opened {
            store.ping().await.unwrap();
        }
        assert_eq!(versions(&database).await, all());
    })
    .await;
}

#[tokio::test]
async fn a_mere_look_at_a_missing_database_says_what_to_do_and_makes_none() {
    on_each_empty_engine(async |database| {
        let Err(error) = Store::attach(&database.location).await else { panic!("there is none") };
        let words = error.to_string();
        assert!(words.contains("start `surveyd run`"), "{words}");
        if let Some(file) = database.location.file() {
            assert!(!file.exists());
        }
    })
    .await;
}

#[tokio::test]
async fn a_mere_look_at_an_older_schema_says_what_to_do_and_changes_nothing() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        run(&database, OLDER).await;
        let Err(error) = Store::attach(&database.location).await else { panic!("it is older") };
        let words = "the database's schema is older than this program: run `surveyd migrate`";
        assert_eq!(error.to_string(), words);
        assert_eq!(versions(&database).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_unavailable() {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let away = "postgres://nobody@127.0.0.1:1/none";
    let away = surveyd::store::Location::parse(away, folder.path()).unwrap();
    let Err(error) = Store::open(&away).await else { panic!("nobody listens there") };
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_database_that_lacks_a_part_of_it_is_not_worked_with() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        for (statement, lacks) in [
            ("drop table optout", "the table optout"),
            ("drop table call_budget", "the table call_budget, the table optout"),
            (
                "alter table survey drop column sent_as",
                "the table call_budget, the table optout, the column survey.sent_as",
            ),
            ("drop table _sqlx_migrations", "the table _sqlx_migrations"),
        ] {
            run(&database, statement).await;
            let Err(error) = Store::open(&database.location).await else { panic!("{statement}") };
            let told = format!("the database lacks {lacks}");
            assert!(error.to_string().contains(&told), "{statement}: {error}");
            let is_shared = !database.location.is_sqlite();
            assert_eq!(matches!(error, Error::Unavailable(_)), is_shared, "{error}");
        }
    })
    .await;
}
