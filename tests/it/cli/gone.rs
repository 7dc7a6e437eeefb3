//! The database taken away under a daemon at work.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use surveyd::domain::id::UserId;
use surveyd::domain::time::Millis;
use surveyd::store::{Location, OptOut, Store};

use super::NOWHERE;
use crate::harness::help_desk;
use crate::harness::people::ANA;
use crate::harness::program::{KEY, Program, Running, configuration};

fn program() -> Program {
    Program::new(&configuration(NOWHERE))
}

/// What befalls the database's file while a daemon works on it; the folder and a copy of it from
/// before.
type Deed = fn(&Program, &Path);

const DEEDS: [(&str, Deed); 11] = [
    ("deleted", |program, _| fs::remove_file(program.path("surveyd.db")).unwrap()),
    ("moved away", |program, _| {
        fs::rename(program.path("surveyd.db"), program.path("away")).unwrap();
    }),
    ("replaced by another file", |program, copy| {
        fs::copy(copy, program.path("new")).unwrap();
        fs::rename(program.path("new"), program.path("surveyd.db")).unwrap();
    }),
    ("written over in place", |program, copy| {
        fs::copy(copy, program.path("surveyd.db")).unwrap();
    }),
    ("cut to nothing", |program, _| {
        let file = fs::OpenOptions::new().write(true).open(program.path("surveyd.db")).unwrap();
        file.set_len(0).unwrap();
    }),
    ("without its log", |program, _| fs::remove_file(program.path("surveyd.db-wal")).unwrap()),
    ("without its index", |program, _| fs::remove_file(program.path("surveyd.db-shm")).unwrap()),
    ("without its log and its index", |program, _| {
        fs::remove_file(program.path("surveyd.db-wal")).unwrap();
        fs::remove_file(program.path("surveyd.db-shm")).unwrap();
    }),
    ("its log cut", |program, _| {
        let file = fs::OpenOptions::new().write(true).open(program.path("surveyd.db-wal")).unwrap();
        file.set_len(0).unwrap();
    }),
    ("its log written over", |program, _| {
        let bytes = fs::metadata(program.path("surveyd.db-wal")).unwrap().len();
        fs::write(program.path("surveyd.db-wal"), vec![0; bytes as usize]).unwrap();
    }),
    ("made a link", |program, copy| {
        fs::rename(program.path("surveyd.db"), program.path("away")).unwrap();
        symlink(copy, program.path("surveyd.db")).unwrap();
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_taken_away_ends_the_daemon_with_74_and_nothing_more_is_acknowledged() {
    for (what, deed) in DEEDS {
        for idle in [true, false] {
            let program = program();
            let mut running = program.start().await;
            let copy = program.path("copy");
            fs::copy(program.path("surveyd.db"), &copy).unwrap();
            for number in 0..2 {
                assert_eq!(post(&running, number).await, Some(202), "{what}");
            }
            deed(&program, &copy);
            if !idle {
                for number in 2..5 {
                    let answer = post(&running, number).await;
                    assert!(matches!(answer, None | Some(503)), "{what}: {answer:?}");
                }
            }
            let ended = running.ended().await;
            assert_eq!(ended.code(), Some(74), "{what}: {}", running.log());
            // A send under way may have met the loss first, and said that it waits.
            let said = running.of("store.unavailable");
            let said = said.iter().filter_map(|line| line["message"].as_str());
            let ends: Vec<&str> = said.filter(|said| said.contains("surveyd ends: ")).collect();
            assert_eq!(ends.len(), 1, "{what}: {}", running.log());
            assert!(ends[0].contains("the database has gone: "), "{what}: {ends:?}");
        }
    }
}

async fn post(running: &Running, number: u64) -> Option<u16> {
    let data =
        serde_json::json!({"conversation_id": format!("c-{number}"), "user_id": ANA + number});
    let request = help_desk::request(&running.address(), KEY, "conversation.closed", data);
    request.send().await.ok().map(|response| response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_name_is_still_written_to_the_database() {
    for (lost, is_read) in [
        (&["surveyd.db-wal"][..], false),
        (&["surveyd.db-wal"], true),
        (&["surveyd.db-wal", "surveyd.db-shm"], false),
        (&["surveyd.db-wal", "surveyd.db-shm"], true),
    ] {
        let program = program();
        let mut running = program.start().await;
        for number in 0..20 {
            assert_eq!(post(&running, number).await, Some(202));
        }
        for name in lost {
            fs::remove_file(program.path(name)).unwrap();
        }
        // Whoever looks into the database makes an empty log, and may be the last to close it.
        let reader = is_read.then(|| {
            let reader = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
            let _ = reader.query_row("select count(*) from sqlite_schema", [], |_| Ok(()));
            reader
        });
        assert_eq!(running.ended().await.code(), Some(74), "{}", running.log());
        drop(reader);
        let listed = program.run(&["surveys", "list", "--json"]).json();
        assert_eq!(
            listed.as_array().unwrap().len(),
            20,
            "what was acknowledged is there: {lost:?}, {is_read}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_another_database_is_not_read_as_this_ones() {
    // Another file in its place: the old log is put aside.
    let program = program();
    let mut running = program.start().await;
    let copy = program.path("copy");
    fs::copy(program.path("surveyd.db"), &copy).unwrap();
    assert_eq!(post(&running, 1).await, Some(202));
    fs::copy(&copy, program.path("new")).unwrap();
    fs::rename(program.path("new"), program.path("surveyd.db")).unwrap();
    assert_eq!(running.ended().await.code(), Some(74));
    let mut running = program.start().await;
    assert!(program.path("surveyd.db-wal.replaced").exists());
    let listed = program.run(&["surveys", "list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 0, "it is the copy");

    // Written over in place: an operator must say which of the two is meant.
    assert_eq!(post(&running, 2).await, Some(202));
    fs::copy(&copy, program.path("surveyd.db")).unwrap();
    assert_eq!(running.ended().await.code(), Some(74));
    for arguments in [&["run"][..], &["status"]] {
        let refused = program.run(arguments);
        assert_eq!(refused.code, 74, "{}", refused.stderr);
        assert!(refused.stderr.contains("To go on with what was written there: rm "));
    }
    fs::remove_file(program.path("surveyd.db-wal")).unwrap();
    fs::remove_file(program.path("surveyd.db-shm")).unwrap();
    let mut running = program.start().await;
    assert!(!program.path("surveyd.db.replaced").exists());
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_reader_that_is_opened_on_another_file_takes_no_log_for_that_ones() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::parse("sqlite:surveyd.db", folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = Store::open(&location).await.unwrap();
    fs::write(path("new"), fs::read(path("surveyd.db")).unwrap()).unwrap();
    let at = Millis(1_790_000_000_000);
    let user_id = UserId::parse("7").unwrap();
    let ana = OptOut { user_id, account: None, at, why: None };
    store.opt_out(vec![ana]).await.unwrap();
    let log = fs::read(path("surveyd.db-wal")).unwrap();
    assert!(log.len() > 4096, "what was written is in the log alone");
    let new = fs::read(path("new")).unwrap();
    fs::rename(path("new"), path("surveyd.db")).unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(1), store.status(at)).await;
    store.close().await;
    assert_eq!(fs::read(path("surveyd.db")).unwrap(), new, "nothing is written to the other file");
    assert_eq!(fs::read(path("surveyd.db-wal")).unwrap(), log, "and the log is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_sets_no_log_of_a_database_that_was_taken_away_aside_in_silence() {
    let program = program();
    let (file, away, log) =
        (program.path("surveyd.db"), program.path("away"), program.path("surveyd.db-wal"));
    let shown = file.display();
    let mut running = program.start().await;
    for number in 0..2 {
        assert_eq!(post(&running, number).await, Some(202));
    }
    fs::rename(&file, &away).unwrap();
    assert_eq!(running.ended().await.code(), Some(74));
    let bytes = fs::read(&log).unwrap();
    let refused = program.run(&["migrate"]);
    let looked = program.run(&["status"]);
    assert_eq!((refused.code, &refused.stderr), (1, &looked.stderr), "as every command says it");
    assert!(refused.stderr.contains("If you moved it, move it back"), "{}", refused.stderr);
    assert!(!file.exists() && fs::read(&log).unwrap() == bytes, "it has changed nothing");
    fs::rename(&away, &file).unwrap();
    let migrated = program.run(&["migrate"]);
    assert_eq!((migrated.code, migrated.stderr.lines().count()), (0, 1), "{}", migrated.stderr);
    assert_eq!(program.run(&["surveys", "list", "--json"]).json().as_array().unwrap().len(), 2);

    // Another file in its place: whoever comes first sets the log aside, and says so.
    let words = format!(
        "the database was moved, deleted or replaced while surveyd worked on it, and another file is \
         the database now. The newest closes of the old one are in its write-ahead log, \
         {shown}-wal.replaced. To undo: stop surveyd, mv OLD {shown}, mv {shown}-wal.replaced \
         {shown}-wal, and start it\n"
    );
    for arguments in [&["migrate"][..], &["status"], &["backup", "copy"]] {
        let mut running = program.start().await;
        fs::copy(&file, program.path("new")).unwrap();
        assert_eq!(post(&running, 10).await.map(|code| code / 100), Some(2));
        fs::rename(program.path("new"), &file).unwrap();
        assert_eq!(running.ended().await.code(), Some(74));
        let told = program.run(arguments);
        assert_eq!(told.code, 0, "{arguments:?}: {}", told.stderr);
        assert!(told.stderr.starts_with(&words), "{arguments:?}: {}", told.stderr);
        assert!(!program.run(arguments).stderr.contains(&words), "it is said once");
        fs::remove_file(program.path("surveyd.db-wal.replaced")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_of_its_own_and_of_others_are_not_taken_for_a_replacement() {
    let program = program();
    let mut running = program.start().await;
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    for number in 0..24 {
        assert_eq!(post(&running, number).await, Some(202), "{}", running.log());
        if number % 3 == 0 {
            let mode = ["passive", "full", "restart", "truncate"][(number / 3 % 4) as usize];
            let checkpoint = format!("pragma wal_checkpoint({mode})");
            database.query_row(&checkpoint, [], |_| Ok(())).unwrap();
        }
        if number % 10 == 0 {
            let enqueued = program.run(&[
                "enqueue",
                "--account",
                "acme",
                "--conversation",
                &format!("e-{number}"),
                "--user-id",
                "7",
            ]);
            assert_eq!(enqueued.code, 0, "{}", enqueued.stderr);
        }
    }
    let set = Permissions::from_mode(0o600);
    fs::set_permissions(program.path("surveyd.db"), set).unwrap();
    assert_eq!(post(&running, 100).await, Some(202), "a change of rights changes no content");
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_moved_is_moved_back_without_a_loss_as_its_lines_say() {
    let program = program();
    let (file, away) = (program.path("surveyd.db"), program.path("away"));
    let mut running = program.start().await;
    for number in 0..2 {
        assert_eq!(post(&running, number).await, Some(202));
    }
    fs::rename(&file, &away).unwrap();
    assert_eq!(running.ended().await.code(), Some(74));
    let line = &running.of("store.unavailable")[0];
    let end = "Stop surveyd before its database is moved, restored or deleted. If you moved it, move it \
               back before surveyd is started again: nothing is lost then";
    let said = line["message"].as_str().unwrap();
    assert!(said.contains(end), "{said}");

    // Started all the same, with a new database.
    let mut running = program.start().await;
    let shown = file.display();
    let line = &running.of("store.replaced")[0];
    assert_eq!(
        line["message"],
        format!(
            "the database was moved, deleted or replaced while surveyd worked on it, and a new, empty \
             database is begun. The newest closes of the old one are in its write-ahead log, \
             {shown}-wal.replaced. To undo: stop surveyd, mv OLD {shown}, mv {shown}-wal.replaced \
             {shown}-wal, and start it"
        )
    );
    assert_eq!(program.run(&["surveys", "list", "--json"]).json().as_array().unwrap().len(), 0);
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
    fs::rename(&away, &file).unwrap();
    fs::rename(program.path("surveyd.db-wal.replaced"), program.path("surveyd.db-wal")).unwrap();
    let mut running = program.start().await;
    assert_eq!(program.run(&["surveys", "list", "--json"]).json().as_array().unwrap().len(), 2);

    // And moved back before the next start, though somebody has looked meanwhile.
    assert_eq!(post(&running, 2).await, Some(202));
    fs::rename(&file, &away).unwrap();
    assert_eq!(running.ended().await.code(), Some(74));
    for arguments in [&["status"][..], &["surveys", "list"], &["backup", "copy"]] {
        let refused = program.run(arguments);
        let end = "was deleted or moved away while surveyd worked on it. If you moved it, move it \
                   back before surveyd is started again: nothing is lost then. Else put a backup in \
                   its place: `surveyd restore FILE`, or start surveyd, which begins a new one\n";
        assert_eq!((refused.code, refused.stderr), (1, format!("surveyd: {shown} {end}")));
    }
    fs::rename(&away, &file).unwrap();
    let mut running = program.start().await;
    assert_eq!(program.run(&["surveys", "list", "--json"]).json().as_array().unwrap().len(), 3);
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}
