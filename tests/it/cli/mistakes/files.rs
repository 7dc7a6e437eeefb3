//! Files, folders, ports and servers that are not as they should be, and what surveyd says of them.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};

use surveyd::sandbox::{Sandbox, SandboxConfig};

use super::{said, sound};
use crate::cli::files::{must_be_root, run_as};
use crate::harness::program::{Program, configuration};

/// Somebody without a name on this machine.
const STRANGER: u32 = 54_321;

fn set_mode(program: &Program, name: &str, mode: u32) {
    fs::set_permissions(program.path(name), Permissions::from_mode(mode)).unwrap();
}

/// What a command says and how it ends.
fn told(program: &Program, command: &str) -> (i32, String) {
    let ended = program.run(&command.split(' ').collect::<Vec<_>>());
    (ended.code, said(program, &ended))
}

#[test]
fn a_configuration_that_is_not_there_or_no_file_is_told() {
    let program = Program::new(&sound());
    let elsewhere = "\n  name another file by --config or SURVEYD_CONFIG\n";
    let missing = "DIR/none.toml: cannot be read: No such file or directory (os error 2)";
    let none = program.path("none.toml").display().to_string();
    let made =
        "\n  name another file by --config or SURVEYD_CONFIG, or make one by `surveyd init`\n";
    let expected = (78, format!("{missing}{made}"));
    assert_eq!(told(&program, &format!("status --config {none}")), expected);
    let folder = "DIR: cannot be read: it is a folder, a pipe or a device, and no file";
    let expected = (78, format!("{folder}{elsewhere}"));
    let given = format!("-c {} check", program.folder().display());
    assert_eq!(told(&program, &given), expected);
}

#[test]
fn a_folder_where_a_file_belongs_is_told_by_whoever_needs_the_file() {
    let program = Program::new(&sound());
    fs::create_dir(program.path("surveyd.db")).unwrap();
    for command in ["run", "status"] {
        let (code, said) = told(&program, command);
        let words = "DIR/surveyd.db is a folder: name a file in it in store.url";
        assert!(code == 78 && said.contains(words), "{command}: {code} {said}");
    }
}

#[test]
fn init_without_a_sandbox_says_how_to_start_one_and_leaves_nothing_behind() {
    let program = Program::new(&sound());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = told(&program, &format!("init --dir made --sandbox http://{free} --yes"));
    let words = format!("surveyd: no sandbox answers at http://{free} ");
    assert!(code == 1 && said.starts_with(&words) && said.contains("`surveyd sandbox`"), "{said}");
    assert!(!program.path("made").exists());
}

#[test]
fn secrets_that_others_can_read_are_refused_with_the_command_that_closes_them() {
    let program = Program::new(&sound());
    set_mode(&program, "consumer-secret", 0o644);
    let expected = "\
DIR/surveyd.toml: accounts.acme.consumer_secret: DIR/consumer-secret is open to every user of this machine
  chmod o-rwx DIR/consumer-secret
";
    assert_eq!(told(&program, "check"), (78, expected.to_owned()));
    set_mode(&program, "consumer-secret", 0o600);
    program.configure(&sound().replace("{ file = \"consumer-secret\" }", "\"its-secret\""));
    assert_eq!(told(&program, "check").0, 0);
    set_mode(&program, "surveyd.toml", 0o644);
    let expected = "\
DIR/surveyd.toml: accounts.acme.consumer_secret: stands in a file that is open to every user of this machine
  write { file = \"…\" }, or chmod o-rwx DIR/surveyd.toml and let surveyd's group read it
";
    assert_eq!(told(&program, "check"), (78, expected.to_owned()));
    program.configure(&sound());
    set_mode(&program, "surveyd.toml", 0o666);
    let expected = "\
DIR/surveyd.toml: can be changed by every user of this machine
  chmod o-w DIR/surveyd.toml
";
    assert_eq!(told(&program, "status"), (78, expected.to_owned()));
}

#[test]
fn what_is_closed_by_root_to_a_user_is_told_with_the_way_in() {
    must_be_root();
    let program = Program::with_database(&sound());
    let ended = run_as(&program, STRANGER, &["check"]);
    let expected = "\
DIR/surveyd.toml: cannot be read: Permission denied (os error 13)
  run this as root, or let surveyd's group read it by `chgrp surveyd DIR/surveyd.toml` and `chmod 640 DIR/surveyd.toml`
";
    fs::set_permissions(program.folder(), Permissions::from_mode(0o755)).unwrap();
    let open = run_as(&program, STRANGER, &["check"]);
    assert_eq!((open.code, said(&program, &open).as_str()), (78, expected));
    assert_eq!(ended.code, 78);
    // The state folder is another user's: the database in it is there, and may not be looked at.
    let state = program.path("state");
    fs::create_dir(&state).unwrap();
    chown(&state, Some(STRANGER + 1), Some(STRANGER + 1)).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
    program.configure(&format!("{}\n[store]\nurl = \"sqlite:state/surveyd.db\"\n", sound()));
    assert_eq!(program.run(&["migrate"]).code, 0);
    set_mode(&program, "surveyd.toml", 0o644);
    let ended = run_as(&program, STRANGER, &["status"]);
    let expected = format!(
        "surveyd: the database cannot be reached or written now: DIR/state belongs to user {0} (mode \
         0700), and this is user {STRANGER}: run it as that user (sudo -u '#{0}' surveyd …)\n",
        STRANGER + 1
    );
    assert_eq!((ended.code, said(&program, &ended)), (1, expected));
}

#[test]
fn a_state_folder_closed_by_root_is_told_with_owner_user_and_remedy() {
    must_be_root();
    let text = format!("{}\n[store]\nurl = \"sqlite:state/surveyd.db\"\n", sound());
    let program = Program::new(&text);
    fs::create_dir(program.path("state")).unwrap();
    for name in ["surveyd.toml", "consumer-secret", "access-token-secret", "desk-secret"] {
        chown(program.path(name), Some(STRANGER), Some(STRANGER)).unwrap();
    }
    fs::set_permissions(program.folder(), Permissions::from_mode(0o755)).unwrap();
    set_mode(&program, "state", 0o755);
    let words = format!(
        "the database cannot be reached or written now: DIR/state belongs to root (mode 0755), and \
         this is user {STRANGER}: as root, chown {STRANGER}: DIR/state; or name a folder of user \
         {STRANGER}'s by STATE_DIRECTORY or store.url"
    );
    let ended = run_as(&program, STRANGER, &["migrate"]);
    assert_eq!((ended.code, said(&program, &ended)), (1, format!("surveyd: {words}\n")));
    // The daemon says it in the form of its log.
    let ended = run_as(&program, STRANGER, &["run"]);
    assert_eq!(ended.code, 1);
    let last = said(&program, &ended);
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "daemon.failed");
    assert_eq!(last["level"], "ERROR");
    assert_eq!(last["message"], format!("surveyd ends: {words}"));
}

#[test]
fn a_database_that_is_none_is_told() {
    let program = Program::new(&sound());
    let expected = "\
surveyd: there is no database yet: start `surveyd run`, which makes DIR/surveyd.db (so does `surveyd migrate`; \
a service starts by `systemctl start surveyd`). If there is one elsewhere, correct store.url or set STATE_DIRECTORY \
to its folder (a relative store.url starts there, else at /var/lib/surveyd for a configuration in /etc/surveyd, else at the working folder)\n";
    assert_eq!(told(&program, "status"), (1, expected.to_owned()));
    fs::create_dir(program.path("surveyd.db")).unwrap();
    let expected = "surveyd: DIR/surveyd.db is a folder: name a file in it in store.url\n";
    assert_eq!(told(&program, "status"), (78, expected.to_owned()));
    fs::remove_dir(program.path("surveyd.db")).unwrap();
    fs::write(program.path("surveyd.db"), "no database, but some text".repeat(200)).unwrap();
    let expected = "\
surveyd: the disk under the database fails: DIR/surveyd.db: error returned from database: (code: 26) file is \
not a database. Put a backup in its place, or name another file in store.url\n";
    assert_eq!(told(&program, "status"), (74, expected.to_owned()));
    program
        .configure(&sound().replace("[http]", "[store]\nurl = \"sqlite:/nowhere/x.db\"\n[http]"));
    let expected = "\
surveyd: the database cannot be reached or written now: /nowhere/x.db cannot be made: its folder /nowhere is \
not there: make it, or mount it\n";
    assert_eq!(told(&program, "migrate"), (1, expected.to_owned()));
}

#[test]
fn a_database_of_a_newer_surveyd_is_told() {
    let program = Program::with_database(&sound());
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    let newer = "insert into _sqlx_migrations \
         select 9000, 'later', installed_on, success, checksum, 1 from _sqlx_migrations limit 1";
    database.execute(newer, []).unwrap();
    let known: i64 = database
        .query_row("select max(version) from _sqlx_migrations where version < 9000", [], |row| {
            row.get(0)
        })
        .unwrap();
    database.close().unwrap();
    let expected = format!(
        "surveyd: the database has schema 9000, this program knows up to {known}: start a newer \
         surveyd; nothing was changed\n"
    );
    assert_eq!(told(&program, "status"), (78, expected));
}

#[test]
fn a_server_that_is_away_is_told_by_its_address_and_without_its_password() {
    let store = "[store]\nurl = \"postgres://surveyd:hunter2@127.0.0.1:1/surveyd\"\n[http]";
    let program = Program::new(&sound().replace("[http]", store));
    let expected = "\
surveyd: the database cannot be reached or written now: PostgreSQL at 127.0.0.1:1: error communicating with \
database: Connection refused (os error 111) (is it running there, and is store.url right?)\n";
    assert_eq!(told(&program, "status"), (1, expected.to_owned()));
}

#[test]
fn a_port_that_another_program_has_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = Program::new(&sound());
    let expected = format!(
        "surveyd: --listen 127.0.0.1:{port} cannot be bound: another program listens there: see which \
         by `ss -ltnp 'sport = :{port}'` and stop it, or name another address\n"
    );
    let sandbox = format!("sandbox --listen 127.0.0.1:{port}");
    assert_eq!(told(&program, &sandbox), (1, expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_waits_for_its_port_says_who_may_have_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = Program::new(&sound().replace("127.0.0.1:0", &format!("127.0.0.1:{port}")));
    let mut running = program.launch();
    let waits = running.until("http.waiting", 1).await;
    let expected = format!(
        "http.listen 127.0.0.1:{port} cannot be bound yet: another program listens there: see which by \
         `ss -ltnp 'sport = :{port}'` and stop it, or set another http.listen. surveyd is not ready until \
         it can"
    );
    assert_eq!(
        (waits["level"].as_str(), waits["message"].as_str()),
        (Some("WARN"), Some(&*expected))
    );
    drop(listener);
    running.until("daemon.ready", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_x_refuses_is_told_with_the_keys_to_look_at() {
    let sandbox = Sandbox::start_on_loopback(SandboxConfig::demo(1)).await.unwrap();
    let address = sandbox.base_url();
    let program = Program::new(&configuration(&address));
    fs::write(program.path("access-token-secret"), "another-secret").unwrap();
    let told = |program: &Program| {
        let ended = program.run(&["check", "--online"]);
        (ended.code, said(program, &ended))
    };
    let expected = "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
accounts.acme: X refuses the account: code 32: Could not authenticate you.
  copy all four anew from X's developer portal (Keys and tokens): consumer_key and consumer_secret are the \
app's, access_token and access_token_secret those of the handle of accounts.acme
";
    assert_eq!(told(&program), (1, expected.to_owned()));
    sandbox.stop().await;
    let expected = format!(
        "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
accounts.acme: X cannot be reached at {address}: Connection refused (os error 111)
  is x.base_url right, and does a firewall or a proxy let this machine through? Where X itself is away, \
run this again later
"
    );
    assert_eq!(told(&program), (1, expected));
}

#[test]
fn a_close_that_is_filed_by_hand_is_answered_in_one_line() {
    let program = Program::with_database(&sound().replace("delay = \"0s\"", "delay = \"5m\""));
    let closed_at = surveyd::clock::Clock::System.now();
    let at = closed_at.rfc3339();
    let close = |conversation: &str, at: &str, more: &[&str]| {
        let close =
            ["enqueue", "--account", "acme", "--conversation", conversation, "--user-id", "7"];
        let ended = program.run(&[&close[..], &["--closed-at", at], more].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        ended.stdout
    };
    let id = |line: &str| line.split([' ', ',', ':']).nth(1).unwrap().to_owned();
    let line = close("c-1", &at, &[]);
    let due = closed_at.plus(std::time::Duration::from_secs(300)).rfc3339();
    assert_eq!(line, format!("scheduled {}, due {due}\n", id(&line)));
    let again = line.replace('\n', " (this conversation's survey is on record already)\n");
    assert_eq!(close("c-1", &at, &[]), again);
    let long_ago = closed_at.minus(std::time::Duration::from_secs(3 * 86_400)).rfc3339();
    let line = close("c-2", &long_ago, &[]);
    let words = "closed 3 days ago, expire_after 12 h";
    assert_eq!(line, format!("expired {}: {words}\n", id(&line)));
    let line = close("c-3", &at, &["--closed-by", "bot"]);
    let words = "closed_by: closed by bot, which skip_closed_by names";
    assert_eq!(line, format!("suppressed {}: {words}\n", id(&line)));
    let told = close("c-4", &at, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["state"], "scheduled");
    assert_eq!(told["due_at"], due);
}
