//! The files that surveyd works with: whose they are, who may open them, and that there is one
//! database and one daemon on it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::NOWHERE;
use crate::harness::program::{Ended, Program, configuration};

/// Somebody without a name on this machine.
pub(super) const STRANGER: u32 = 54_321;

fn program() -> Program {
    Program::new(&configuration(NOWHERE))
}

fn close(account: &str) -> Vec<&str> {
    vec!["enqueue", "--account", account, "--conversation", "c-1", "--user-id", "7"]
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a command as another user, who may go through the folders above the program's.
pub(super) fn run_as(program: &Program, user: u32, arguments: &[&str]) -> Ended {
    use std::os::unix::process::CommandExt as _;
    // Where that user can reach it.
    let binary = program.path("surveyd");
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_surveyd"), &binary).unwrap();
    }
    let mut command = std::process::Command::new(binary);
    command.args(arguments).env_clear().env("SURVEYD_CONFIG", program.path("surveyd.toml"));
    command.env("STATE_DIRECTORY", program.folder()).current_dir(program.folder());
    let output = command.uid(user).gid(user).output().unwrap();
    Ended {
        code: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Only root can give files away. `tests/run` leaves tests named `…by_root…` out for others, and
/// counts them as not run.
pub(super) fn must_be_root() {
    assert_eq!(fs::metadata("/proc/self").unwrap().uid(), 0, "run this as root, or --skip by_root");
}

#[test]
fn no_command_but_run_and_migrate_makes_a_database() {
    let program = program();
    let before = names(program.folder());
    let database = program.path("surveyd.db").display().to_string();
    for arguments in [
        close("acme"),
        vec!["status"],
        vec!["status", "--json"],
        vec!["surveys", "list"],
        vec!["surveys", "cancel", "x"],
        vec!["explain", "c-1"],
        vec!["simulate", "--since", "1d"],
        vec!["optout", "add", "7"],
        vec!["optout", "list"],
        vec!["report", "--from", "2026-01-01", "--to", "2026-01-02"],
        vec!["export", "--format", "csv"],
        vec!["rebuild", "--from", "2026-01-01"],
    ] {
        let ended = program.run(&arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{arguments:?}: {}", ended.stderr);
        let missing =
            format!("there is no database yet: start `surveyd run`, which makes {database} ");
        assert!(ended.stderr.contains(&missing), "{arguments:?}: {}", ended.stderr);
        assert_eq!(names(program.folder()), before, "{arguments:?}");
    }
    assert_eq!(program.run(&["migrate"]).code, 0);
    let filed = program.run(&close("acme"));
    assert!(filed.stdout.starts_with("scheduled "), "{}", filed.stdout);
}

#[test]
fn a_database_beside_the_configuration_is_named_where_none_is_in_the_state_folder() {
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    let elsewhere = program.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for arguments in [close("acme"), vec!["status"], vec!["rebuild", "--from", "2026-01-01"]] {
        let mut command = program.command(&arguments);
        let ended = command.env("STATE_DIRECTORY", &elsewhere).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let words = format!(
            "surveyd: there is no database {}, but {} lies beside the configuration. To look at that \
             one: STATE_DIRECTORY={} before the command, or cd to that folder\n",
            elsewhere.join("surveyd.db").display(),
            program.path("surveyd.db").display(),
            program.folder().display()
        );
        assert_eq!((ended.status.code(), said), (Some(1), words), "{arguments:?}");
    }
}

#[test]
fn a_command_names_the_database_that_is_not_the_usual_one() {
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    let elsewhere = program.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let commands = [close("acme"), vec!["status"], vec!["surveys", "list"], vec!["optout", "list"]];
    // Without the state folder, as from cron: the working folder.
    let stray = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        let ended = command.env_remove("STATE_DIRECTORY").current_dir(&elsewhere).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let database = elsewhere.join("surveyd.db").display().to_string();
    for arguments in &commands {
        assert_eq!(program.run(arguments).stderr, "", "it was told which");
        let (code, said) = stray(arguments);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&database) && said.contains("STATE_DIRECTORY"), "{said}");
    }
    assert!(names(&elsewhere).is_empty());
    assert_eq!(stray(&["migrate"]).0, Some(0));
    for arguments in &commands {
        assert_eq!(stray(arguments), (Some(0), format!("surveyd: the database is {database}\n")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_is_its_owners_alone_and_what_was_open_is_closed() {
    let program = program();
    for name in ["surveyd.db.sends", "surveyd.db.lock"] {
        fs::write(program.path(name), "").unwrap();
        fs::set_permissions(program.path(name), Permissions::from_mode(0o666)).unwrap();
    }
    let mut running = program.start().await;
    for name in ["", "-wal", "-shm", ".sends", ".lock", ".wake"] {
        let path = program.path(&format!("surveyd.db{name}"));
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_by_root_in_the_services_folder_is_the_services() {
    must_be_root();
    let text =
        "[[sources]]\nname = \"files\"\nkind = \"spool\"\naccount = \"acme\"\nfolder = \"in\"\n";
    let program = Program::new(&format!("{}{text}", configuration(NOWHERE)));
    chown(program.folder(), Some(STRANGER), Some(STRANGER)).unwrap();
    assert_eq!(program.run(&["migrate"]).code, 0);
    assert_eq!(program.run(&close("acme")).code, 0);
    let mut running = program.start().await;
    for name in ["", "-wal", "-shm", ".sends", ".lock", ".wake"] {
        let path = program.path(&format!("surveyd.db{name}"));
        assert_eq!(fs::symlink_metadata(&path).unwrap().uid(), STRANGER, "{}", path.display());
    }
    for name in ["in", "in/done", "in/bad"] {
        assert_eq!(fs::metadata(program.path(name)).unwrap().uid(), STRANGER, "{name}");
    }
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}

#[test]
fn a_database_made_by_root_is_named_with_owner_user_and_remedy() {
    must_be_root();
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    // As a command of root's left it: the folder and the secrets are the service's, the database is
    // not.
    for name in names(program.folder()) {
        if !name.starts_with("surveyd.db") {
            chown(program.path(&name), Some(STRANGER), Some(STRANGER)).unwrap();
        }
    }
    chown(program.folder(), Some(STRANGER), Some(STRANGER)).unwrap();
    let database = program.path("surveyd.db").display().to_string();
    let wanted = format!(
        "{database} belongs to root (mode 0600), and this is user {STRANGER}: chown {STRANGER}: \
         {database}*"
    );
    for arguments in [&["run"][..], &["status"], &close("acme"), &["migrate"]] {
        let ended = run_as(&program, STRANGER, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(ended.stderr.contains(&wanted), "{arguments:?}: {}", ended.stderr);
    }
    chown(&database, Some(STRANGER), Some(STRANGER)).unwrap();
    let ended = run_as(&program, STRANGER, &["status"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_name_of_the_database_lets_a_second_daemon_in() {
    let program = program();
    let mut running = program.start().await;
    let other = program.path("other");
    fs::create_dir(&other).unwrap();
    symlink(program.path("surveyd.db"), other.join("surveyd.db")).unwrap();
    symlink(program.folder(), program.path("linked")).unwrap();
    let second = |folder: &Path| {
        let mut command = program.command(&["run"]);
        let output = command.env("STATE_DIRECTORY", folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    fs::remove_file(program.path("surveyd.db.lock")).unwrap();
    for folder in [program.folder(), &other, &program.path("linked")] {
        let (code, said) = second(folder);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("another surveyd works on"), "{said}");
    }
    fs::remove_file(other.join("surveyd.db")).unwrap();
    fs::hard_link(program.path("surveyd.db"), other.join("surveyd.db")).unwrap();
    let (code, said) = second(&other);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("has 2 names (hard links), and its write-ahead log belongs to one of them: ")
            && said.contains("-inum"),
        "{said}"
    );
    assert_eq!(names(&other), ["surveyd.db"]);
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
    assert_eq!(second(program.folder()).0, Some(1), "nor is it started while it has two names");
    fs::remove_file(other.join("surveyd.db")).unwrap();
    let mut running = program.start().await;
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
}

#[test]
fn a_link_to_a_database_that_is_not_there_makes_none() {
    let program = program();
    let away = program.path("not-mounted");
    symlink(&away, program.path("surveyd.db")).unwrap();
    for arguments in [&["run"][..], &["migrate"], &["status"]] {
        let ended = program.run(arguments);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(!away.exists(), "{arguments:?}");
    }
    let refused = program.run(&["migrate"]).stderr;
    assert!(refused.contains("is a symbolic link to nothing"), "{refused}");
}

#[test]
fn a_configuration_that_others_can_open_holds_no_secret() {
    let inline = configuration(NOWHERE).replace(
        "consumer_secret = { file = \"consumer-secret\" }",
        "consumer_secret = \"hunter2\"",
    );
    let program = Program::new(&inline);
    let file = program.path("surveyd.toml");
    let shown = file.display();
    for (mode, exposed) in [
        (0o644, "is open to every user of this machine"),
        (0o604, "is open to every user of this machine"),
        (0o660, "can be changed by its whole group"),
    ] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let checked = program.run(&["check"]);
        assert_eq!(checked.code, 78, "{mode:o}: {}", checked.stdout);
        let fault =
            format!("{shown}: accounts.acme.consumer_secret: stands in a file that {exposed}\n");
        assert!(checked.stdout.contains(&fault), "{}", checked.stdout);
        assert!(!checked.stdout.contains("hunter2"));
        assert_eq!(program.run(&["migrate"]).code, 78);
    }
    for mode in [0o600, 0o640] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(program.run(&["check"]).code, 0, "{mode:o}");
    }
    program.configure(&configuration(NOWHERE));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(program.run(&["check"]).code, 0, "without a secret everybody may read it");
    fs::set_permissions(&file, Permissions::from_mode(0o646)).unwrap();
    let checked = program.run(&["check"]);
    assert_eq!(checked.code, 78);
    assert!(checked.stdout.contains("can be changed by every user"), "{}", checked.stdout);
}

#[test]
fn a_pipe_or_a_folder_is_refused_as_a_configuration_and_as_a_secret() {
    let program = program();
    let pipe = program.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::set_permissions(&pipe, Permissions::from_mode(0o600)).unwrap();
    let pipe = pipe.display().to_string();
    for file in [pipe.as_str(), program.folder().to_str().unwrap(), "/dev/null"] {
        let refused = program.run(&["check", "--config", file]);
        assert_eq!(refused.code, 78, "{}", refused.stderr);
        assert!(
            refused.stdout.contains("it is a folder, a pipe or a device"),
            "{}",
            refused.stdout
        );
    }
    program.configure(&configuration(NOWHERE).replace("\"consumer-secret\"", "\"pipe\""));
    let refused = program.run(&["check"]);
    assert_eq!(refused.code, 78, "{}", refused.stderr);
    assert!(refused.stdout.contains("is not a file of at most"), "{}", refused.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_still_taken_is_waited_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = Program::new(&configuration(NOWHERE).replace("127.0.0.1:0", &address));
    let mut running = program.launch();
    let waiting = running.until("http.waiting", 1).await;
    assert_eq!(waiting["listen"], address.as_str());
    assert!(running.of("daemon.ready").is_empty());
    drop(taken);
    running.until("daemon.ready", 1).await;
    assert_eq!(running.of("http.waiting").len(), 1, "said once");
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_before_it_is_ready_ends_it_in_order_or_waits() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = Program::new(&configuration(NOWHERE).replace("127.0.0.1:0", &address));
    for signal in ["TERM", "INT"] {
        let mut running = program.launch();
        running.until("http.waiting", 1).await;
        running.signal("HUP");
        running.signal(signal);
        assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
        assert_eq!(running.of("daemon.stopped").len(), 1, "{}", running.log());
    }
    let mut running = program.launch();
    running.until("http.waiting", 1).await;
    running.signal("HUP");
    drop(taken);
    running.until("daemon.ready", 1).await;
    running.until("config.reloaded", 1).await;
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}

#[test]
fn commands_that_ask_nobody_need_no_secrets() {
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    for name in ["consumer-secret", "access-token-secret", "desk-secret"] {
        fs::remove_file(program.path(name)).unwrap();
    }
    let payload = r#"{"type": "conversation.closed", "timestamp": "2026-11-01T08:00:00Z",
        "data": {"conversation_id": "c-2", "user_id": "8"}}"#;
    fs::write(program.path("payload"), payload).unwrap();
    let filed = program.run(&[&close("acme")[..], &["--json"]].concat()).json();
    let id = filed["survey_id"].as_str().unwrap().to_owned();
    for arguments in [
        &["status"][..],
        &["surveys", "list"],
        &["surveys", "cancel", &id],
        &["explain", "c-1"],
        &["simulate"],
        &["optout", "list"],
        &["report", "--from", "2026-01-01", "--to", "2999-12-31"],
        &["export", "--format", "csv"],
        &["migrate"],
        &["sources", "list"],
        &["sources", "rejected"],
        &["sources", "test", "desk", "payload"],
    ] {
        let ended = program.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    }
    let signed = ["sources", "test", "desk", "payload", "--headers", "payload"];
    for arguments in [&["run"][..], &["check"], &signed] {
        let ended = program.run(arguments);
        assert_eq!(ended.code, 78, "{arguments:?}: {}", ended.stderr);
        let said = ended.stdout + &ended.stderr;
        let words = "desk-secret is neither in $CREDENTIALS_DIRECTORY (not set) nor in ";
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
