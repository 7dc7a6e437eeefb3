//! Output that nobody takes: a reader that has gone, a disk that is full. No command panics.

use std::fs::File;
use std::io;
use std::process::Stdio;

use surveyd::sandbox::{Behaviour, Sandbox, SandboxConfig};

use crate::harness::program::{Program, configuration};
use crate::harness::receiver::AlertReceiver;

const PAYLOAD: &str = r#"{"type": "conversation.closed", "timestamp": "2026-11-01T08:00:00Z",
    "data": {"conversation_id": "c-1", "user_id": "7"}}"#;

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    FullDisk,
    ClosedPipe,
    Kept,
}

impl To {
    fn stdio(self) -> Stdio {
        match self {
            Self::FullDisk => File::options().write(true).open("/dev/full").unwrap().into(),
            Self::ClosedPipe => io::pipe().unwrap().1.into(),
            Self::Kept => Stdio::piped(),
        }
    }
}

/// Every command with output, and then those without; some act on a survey of their own.
fn commands(program: &Program) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let close = |conversation: &str| {
        let who = ["--conversation", conversation, "--user-id", "7"];
        let file = ["enqueue", "--json", "--account", "acme"];
        let close = program.run(&[&file[..], &who[..]].concat()).json();
        close["survey_id"].as_str().unwrap().to_owned()
    };
    let (shown, cancelled, retried) = (close("c-1"), close("c-2"), close("c-3"));
    assert_eq!(program.run(&["surveys", "cancel", &retried]).code, 0);
    std::fs::write(program.path("payload.json"), PAYLOAD).unwrap();
    std::fs::write(program.path("people.csv"), "user_id\n8\n").unwrap();
    std::fs::write(program.path("password.txt"), "correct horse battery\n").unwrap();
    let since = surveyd::clock::Clock::System.now().minus(std::time::Duration::from_secs(60));
    let mut loud: Vec<String> = [
        "--help",
        "--version",
        "check",
        "check --json",
        "status",
        "status --json",
        "surveys list",
        "surveys list --since 7d --reason throttled --json",
        "sources list",
        "sources list --json",
        "sources test desk payload.json",
        "sources test desk payload.json --json",
        "explain c-1",
        "explain c-1 --json",
        "simulate",
        "simulate --json",
        "optout list",
        "optout list --json",
        "alerts list",
        "alerts list --json",
        "alerts test leads",
        "alerts test leads --print",
        "alerts retry leads",
        "report",
        "report --from 2026-01-01 --to 2999-12-31 --by question --test",
        "report --from 2026-01-01 --to 2999-12-31 --format json",
        "export --format csv",
        "export --format csv --for-spreadsheets",
        "export --format jsonl",
        "export --format parquet",
        "export --format xlsx",
        "export --format jsonl --user-id 7",
        "forget --user-id 9 --yes",
        "forget --user-id 9 --yes --json",
        "enqueue --account acme --conversation c-4 --user-id 7",
        "init --dir made --sandbox http://127.0.0.1:9 --offline --yes",
        "enqueue --account acme --conversation c-5 --user-id 7 --json",
        "questions",
        "questions nps --json",
        "password",
        "token warehouse --role supervisor --expires 2999-12-31",
        "sources rejected",
        "sources rejected --json",
        "sandbox --listen 127.0.0.1:0",
        "demo --conversations 1",
        "backup copy.db",
        "backup copy.db --force --json",
        "restore copy.db --replace",
        "check-db",
        "check-db --json",
        "completions bash",
        "completions zsh",
        "man",
        "man surveys retry",
    ]
    .map(str::to_owned)
    .into();
    loud.push(format!("surveys show {shown}"));
    loud.push(format!("surveys show {shown} --json"));
    loud.push(format!("surveys cancel {cancelled}"));
    loud.push(format!("surveys retry {retried}"));
    loud.push(format!("rebuild --from {} --surveys never", since.rfc3339()));
    loud.push(format!("rebuild --from {} --surveys never --json", since.rfc3339()));
    let quiet = [
        "migrate",
        "man --dir man1",
        "optout add 7",
        "optout import people.csv",
        "optout remove 8",
        "export --format csv -o export.csv",
        "export --format parquet -o export.parquet",
        "export --format xlsx -o export.xlsx",
    ];
    let words = |command: &String| command.split(' ').map(str::to_owned).collect();
    (loud.iter().map(words).collect(), quiet.map(str::to_owned).iter().map(words).collect())
}

/// The commands that `--help` lists.
fn listed(program: &Program, of: &[&str]) -> Vec<String> {
    let help = program.run(&[of, &["--help"]].concat()).stdout;
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

fn every_command(stdout: To, stderr: To, code: i32) {
    let x = SandboxConfig { behaviour: Behaviour::silent(), ..SandboxConfig::demo(1) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start_on_loopback(x)).unwrap();
    let text = configuration(&sandbox.base_url()).replace("delay = \"0s\"", "delay = \"5m\"");
    let receiver = AlertReceiver::new();
    let alert = format!(
        "[[alerts]]\nname = \"leads\"\nurl = \"{}\"\non = \"detractor\"\nallow_private = true\n\
         secret = {{ file = \"desk-secret\" }}\n",
        receiver.url()
    );
    let program = Program::with_database(&(text + &alert));
    let (loud, quiet) = commands(&program);
    for name in listed(&program, &[]).iter().filter(|name| *name != "run") {
        let nested = listed(&program, &[name]);
        let has = |of: &[&str]| {
            loud.iter().chain(&quiet).any(|command| {
                command.starts_with(&of.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
            })
        };
        assert!(has(&[name]), "{name} is not tried");
        for part in &nested {
            assert!(has(&[name, part]), "{name} {part} is not tried");
        }
    }
    let commands = loud.iter().map(|words| (words, code));
    for (words, code) in commands.chain(quiet.iter().map(|words| (words, 0))) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = program.command(&words);
        if words == ["password"] {
            command.stdin(File::open(program.path("password.txt")).unwrap());
        }
        let ended = command.stdout(stdout.stdio()).stderr(stderr.stdio()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{words:?}, {stdout:?}, {stderr:?}: {said}");
        let line =
            "surveyd: standard output cannot be written: No space left on device (os error 28)";
        let is_told = said.lines().any(|said| said == line);
        assert_eq!(is_told, code == 1 && stderr == To::Kept, "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn every_command_fails_in_plain_words_where_the_disk_under_its_output_is_full() {
    every_command(To::FullDisk, To::Kept, 1);
}

#[test]
fn every_command_ends_in_silence_where_its_reader_has_gone() {
    every_command(To::ClosedPipe, To::Kept, 0);
}

#[test]
fn no_command_panics_where_nobody_takes_its_errors_either() {
    every_command(To::FullDisk, To::FullDisk, 1);
    every_command(To::ClosedPipe, To::ClosedPipe, 0);
}

#[test]
fn a_failure_is_told_by_the_exit_code_where_nobody_takes_its_words() {
    let program = Program::new("[[accounts]]");
    for to in [To::FullDisk, To::ClosedPipe] {
        for (command, code) in
            [(&["status"][..], 78), (&["check"], 78), (&["explain"], 2), (&["run"], 78)]
        {
            let mut command = program.command(command);
            // What `check` finds goes to standard output.
            let status = command.stdout(To::ClosedPipe.stdio()).stderr(to.stdio()).status();
            assert_eq!(status.unwrap().code(), Some(code), "{command:?}, {to:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_log_is_full_works_on() {
    let config = SandboxConfig { behaviour: Behaviour::silent(), ..SandboxConfig::demo(1) };
    let sandbox = Sandbox::start_on_loopback(config).await.unwrap();
    let program = Program::with_database(&configuration(&sandbox.base_url()));
    let close = ["--conversation", "c-1", "--user-id", "7"];
    assert_eq!(program.run(&[&["enqueue", "--account", "acme"], &close[..]].concat()).code, 0);
    let mut running = program.launch_with(To::FullDisk.stdio());
    while sandbox.world().lock().unwrap().prompts().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0));
}
