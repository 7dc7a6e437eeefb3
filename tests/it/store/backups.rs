//! Copies of a database at work, and what is put back from them. PostgreSQL has programs of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use surveyd::store::{
    BackupContents, Checked, Doubt, Error, Location, back_up, checked_copy, finish_restore,
    is_restore_unfinished, part_of,
};

use super::*;

impl Bench {
    fn sqlite() -> impl Future<Output = Self> {
        let database = Database::sqlite();
        async { Self { store: database.open().await, database } }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.database.folder().join(name)
    }

    async fn back_up(&self) -> (PathBuf, BackupContents) {
        let copy = self.file("copy.db");
        let contents = back_up(&self.database.location, &copy, true).await.unwrap();
        (copy, contents)
    }

    async fn closes(&self, from: usize, to: usize) {
        for number in from..to {
            let close = close(&format!("c-{number}"), &format!("{}", 100 + number), START);
            self.take(close).await;
        }
    }
}

fn location(file: &Path) -> Location {
    Location::parse(&format!("sqlite:{}", file.display()), Path::new("/")).unwrap()
}

async fn restored(location: &Location, copy: &Path, replaces: bool) -> Result<Checked, Error> {
    Checked::copy(location, copy, replaces, vec!["other".into()], START).await
}

async fn surveys(file: &Path) -> u64 {
    let store = Store::open(&location(file)).await.unwrap();
    let status = store.status(START).await.unwrap();
    let surveys: i64 = status.by_state.iter().map(|(_, count)| count).sum();
    store.close().await;
    surveys.unsigned_abs()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_of_a_database_at_work_holds_all_that_was_acknowledged() {
    let bench = Bench::sqlite().await;
    bench.closes(0, 3).await;
    let (copy, contents) = bench.back_up().await;
    assert_eq!((contents.surveys, contents.last_close_at), (3, Some(START)));
    assert_eq!(contents.bytes, fs::metadata(&copy).unwrap().len());
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!part_of(&copy).exists());
    bench.closes(3, 5).await;
    assert_eq!(surveys(&copy).await, 3);
    assert_eq!(bench.back_up().await.1.surveys, 5, "the daemon works on");
}

#[tokio::test]
async fn a_backup_replaces_nothing_unless_it_is_told_to() {
    let bench = Bench::sqlite().await;
    let copy = bench.file("copy.db");
    fs::write(&copy, "something of somebody's").unwrap();
    let refused = back_up(&bench.database.location, &copy, false).await.unwrap_err().to_string();
    assert!(refused.ends_with("is there already: name another file, or say --force to replace it"));
    assert_eq!(fs::read(&copy).unwrap(), b"something of somebody's");
    let folder = back_up(&bench.database.location, bench.database.folder(), true).await;
    assert!(folder.unwrap_err().to_string().ends_with("is a folder: name a file in it"));
    let nowhere = bench.file("nowhere/copy.db");
    let nowhere = back_up(&bench.database.location, &nowhere, false).await.unwrap_err();
    assert!(nowhere.to_string().ends_with("make its folder first"), "{nowhere}");
    back_up(&bench.database.location, &copy, true).await.unwrap();
    assert!(fs::read(&copy).unwrap().starts_with(b"SQLite format 3"));
}

#[tokio::test]
async fn a_backup_that_was_broken_off_is_made_again_and_two_at_once_are_not() {
    let bench = Bench::sqlite().await;
    let copy = bench.file("copy.db");
    fs::write(part_of(&copy), "the half of a copy").unwrap();
    {
        let held = fs::File::open(part_of(&copy)).unwrap();
        held.lock().unwrap();
        let refused = back_up(&bench.database.location, &copy, false).await.unwrap_err();
        assert!(refused.to_string().contains("is being made"), "{refused}");
    }
    back_up(&bench.database.location, &copy, false).await.unwrap();
    assert!(!part_of(&copy).exists());
}

#[tokio::test]
async fn where_there_is_no_database_no_backup_is_made() {
    let database = Database::sqlite();
    let copy = database.folder().join("copy.db");
    let missing = back_up(&database.location, &copy, false).await.unwrap_err();
    assert!(matches!(missing, Error::Missing(_)), "{missing}");
    assert!(names(database.folder()).is_empty());
}

#[tokio::test]
async fn of_postgresql_the_commands_are_told() {
    let Some(database) = Database::postgres().await else { return };
    database.open().await.close().await;
    let file = database.folder().join("copy");
    let refused = back_up(&database.location, &file, false).await.unwrap_err().to_string();
    assert!(refused.contains("pg_dump --format custom --file FILE DATABASE"), "{refused}");
    let refused = restored(&database.location, &file, false).await.unwrap_err().to_string();
    assert!(refused.contains("pg_restore --dbname DATABASE FILE"), "{refused}");
    assert!(!is_restore_unfinished(&database.location));
    assert!(names(database.folder()).iter().all(|name| name.ends_with(".sends")));
}

#[tokio::test]
async fn a_restored_database_holds_its_sends_whatever_the_mark_says() {
    let bench = Bench::sqlite().await;
    assert_eq!(bench.store.compare(vec![ACCOUNT.into()], START).await.unwrap().doubt, None);
    bench.closes(0, 2).await;
    let (copy, _) = bench.back_up().await;
    bench.store.clone().close().await;
    let location = bench.database.location.clone();
    let taken = restored(&location, &copy, false).await.unwrap_err().to_string();
    assert!(taken.contains("say --replace"), "{taken}");
    let old = restored(&location, &copy, true).await.unwrap().put_in_place().unwrap();
    assert_eq!(old, Some(bench.file("surveyd.db.old")));
    let store = bench.database.open().await;
    let compared = store.compare(vec![ACCOUNT.into()], START).await.unwrap();
    assert_eq!((compared.doubt, compared.lifted), (None, vec![]), "the mark agrees");
    for account in [ACCOUNT, "other"] {
        let hold = store.hold(account).await.unwrap().unwrap();
        assert_eq!((hold.doubt, hold.until_at), (Some(Doubt::Restored), None), "{account}");
    }
    store.close().await;
    let again = restored(&location, &copy, true).await.unwrap_err().to_string();
    assert!(again.contains("is there from an earlier restore"), "{again}");
}

#[tokio::test]
async fn on_another_machine_a_restored_database_is_held_too() {
    let bench = Bench::sqlite().await;
    bench.store.compare(vec![ACCOUNT.into()], START).await.unwrap();
    bench.closes(0, 2).await;
    let (copy, contents) = bench.back_up().await;
    let elsewhere = Database::sqlite();
    let checked = restored(&elsewhere.location, &copy, false).await.unwrap();
    assert_eq!(checked.contents, contents);
    assert_eq!(checked.put_in_place().unwrap(), None);
    assert_eq!(names(elsewhere.folder()), ["surveyd.db"]);
    let store = elsewhere.open().await;
    let compared = store.compare(vec![ACCOUNT.into()], START).await.unwrap();
    assert_eq!(compared.doubt, Some(Doubt::Unknown));
    assert_eq!(store.hold(ACCOUNT).await.unwrap().unwrap().doubt, Some(Doubt::Restored));
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_nothing_is_moved() {
    let bench = Bench::sqlite().await;
    bench.closes(0, 200).await;
    let (copy, _) = bench.back_up().await;
    bench.store.clone().close().await;
    let location = &bench.database.location;
    let (whole, before) = (fs::read(&copy).unwrap(), names(bench.database.folder()));
    let database = fs::read(location.file().unwrap()).unwrap();
    let middle = whole.len() / 2;
    let mut damaged = whole.clone();
    damaged[middle..middle + 4_096].fill(0x5A);
    for (bytes, why) in [
        (damaged, "copy.db is damaged"),
        (whole[..middle].to_vec(), "copy.db is damaged"),
        (
            b"[store]\nurl = \"sqlite:surveyd.db\"\n".repeat(200),
            "copy.db is damaged, or no backup of surveyd: ",
        ),
        (Vec::new(), "is no backup of surveyd: it holds none of its tables"),
    ] {
        fs::write(&copy, &bytes).unwrap();
        let error = restored(location, &copy, true).await.unwrap_err();
        assert!(matches!(error, Error::Backup(_)), "{error:?}");
        assert!(error.to_string().contains(why), "{why}: {error}");
        assert_eq!(names(bench.database.folder()), before);
        assert!(fs::read(location.file().unwrap()).unwrap() == database, "{why}");
    }
    fs::write(&copy, &whole).unwrap();
    fs::write(bench.file("copy.db-wal"), "a log").unwrap();
    let at_work = restored(location, &copy, true).await.unwrap_err().to_string();
    assert!(at_work.contains("so it is no backup but a database at work"), "{at_work}");
    fs::remove_file(bench.file("copy.db-wal")).unwrap();
    let missing = restored(location, &bench.file("none.db"), true).await.unwrap_err().to_string();
    assert!(missing.contains("none.db cannot be read: No such file"), "{missing}");
    assert_eq!(names(bench.database.folder()), before);
}

/// What a restore has done when it is broken off, after its copy was ready.
#[derive(Debug, Clone, Copy)]
enum BrokenOff {
    Ready,
    DatabaseMoved,
    LogMoved,
}

#[tokio::test]
async fn a_restore_that_was_broken_off_is_completed_from_wherever_it_came_to() {
    for at in [BrokenOff::Ready, BrokenOff::DatabaseMoved, BrokenOff::LogMoved] {
        let bench = Bench::sqlite().await;
        bench.closes(0, 2).await;
        let (copy, _) = bench.back_up().await;
        bench.closes(2, 5).await;
        let location = &bench.database.location;
        let file = location.file().unwrap().to_owned();
        // A crash leaves what was last acknowledged in the log.
        let log = fs::read(bench.file("surveyd.db-wal")).unwrap();
        let crashed = fs::read(&file).unwrap();
        bench.store.clone().close().await;
        fs::write(&file, &crashed).unwrap();
        fs::write(bench.file("surveyd.db-wal"), &log).unwrap();
        drop(restored(location, &copy, true).await.unwrap());
        fs::rename(checked_copy(&file), bench.file("surveyd.db.restored")).unwrap();
        if !matches!(at, BrokenOff::Ready) {
            fs::rename(&file, bench.file("surveyd.db.old")).unwrap();
            let refused = Store::open(location).await.err().map(|error| error.to_string());
            assert!(refused.is_some_and(|it| it.contains("was broken off")), "{at:?}");
            assert!(!file.exists());
        }
        if matches!(at, BrokenOff::LogMoved) {
            fs::rename(bench.file("surveyd.db-wal"), bench.file("surveyd.db.old-wal")).unwrap();
        }
        assert!(is_restore_unfinished(location));
        finish_restore(location).unwrap();
        assert!(!is_restore_unfinished(location));
        finish_restore(location).unwrap();
        assert_eq!(surveys(&file).await, 2, "{at:?}");
        assert_eq!(surveys(&bench.file("surveyd.db.old")).await, 5, "{at:?}");
    }
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_brought_up_to_date_and_one_of_a_newer_is_refused() {
    let bench = Bench::sqlite().await;
    bench.closes(0, 2).await;
    let (copy, _) = bench.back_up().await;
    let beside = location(&copy);
    let change = async |sql: &'static str| {
        use sqlx::{Connection as _, Executor as _};
        let address = format!("sqlite:{}", beside.file().unwrap().display());
        let mut connection = sqlx::AnyConnection::connect(&address).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    };
    let elsewhere = Database::sqlite();
    change(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
            select 9000, '', success, checksum, 1 from _sqlx_migrations where version = 1",
    )
    .await;
    let newer = restored(&elsewhere.location, &copy, false).await.unwrap_err();
    assert!(matches!(newer, Error::NewerSchema { found: 9000, .. }), "{newer}");
    assert!(names(elsewhere.folder()).is_empty());
    // What the last migration has made is taken back.
    change(
        "delete from _sqlx_migrations where version >= 32; \
         alter table alert_standing drop column failed_tries",
    )
    .await;
    let checked = restored(&elsewhere.location, &copy, false).await.unwrap();
    assert_eq!((checked.contents.schema, checked.contents.surveys), (31, 2));
    checked.put_in_place().unwrap();
    let store = Store::attach(&elsewhere.location).await.unwrap();
    assert!(store.hold(ACCOUNT).await.unwrap().is_some());
}
