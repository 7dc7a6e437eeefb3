//! The built program, in a folder of its own, with nothing of this process's environment.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use surveyd::sandbox::{SandboxAccount, SandboxConfig};
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the source's notices are signed with, and how the secret file writes it.
pub const KEY: &[u8] = b"surveyd-test-key-of-32-bytes-xxx";
const SECRET: &str = "whsec_c3VydmV5ZC10ZXN0LWtleS1vZi0zMi1ieXRlcy14eHg=";
/// No line of a log may hold it.
pub const MESSAGE: &str = "Was everything to your liking";

pub struct Program {
    folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The result of a command that went well, as JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {}", self.stdout))
    }
}

/// The account of the configuration, as the simulated X knows it.
pub fn account() -> SandboxAccount {
    SandboxConfig::demo(1).accounts.remove(0)
}

/// A sound configuration; its secrets lie in files beside it.
pub fn configuration(base_url: &str) -> String {
    format!(
        r#"
[http]
listen = "127.0.0.1:0"
[x]
base_url = "{base_url}"
events_horizon = "0s"
[poll]
interval = "1s"
[[accounts]]
name = "acme"
user_id = "{}"
consumer_key = "{}"
consumer_secret = {{ file = "consumer-secret" }}
access_token = "{}"
access_token_secret = {{ file = "access-token-secret" }}
privacy_url = "https://acme.example/privacy"
[accounts.survey]
message = "{MESSAGE}, {{{{ first_name | default('you') }}}}?"
delay = "0s"
[[sources]]
name = "desk"
kind = "standard"
account = "acme"
secret = {{ file = "desk-secret" }}
"#,
        account().user_id,
        account().consumer_key,
        account().access_token,
    )
}

/// All that must never be shown.
pub fn secrets() -> Vec<String> {
    let account = account();
    let key = SECRET.trim_start_matches("whsec_").to_owned();
    vec![account.consumer_secret, account.access_token_secret, account.access_token, key]
}

impl Program {
    pub fn new(configuration: &str) -> Self {
        let program = Self { folder: tempfile::tempdir().unwrap() };
        let account = account();
        for (name, secret) in [
            ("consumer-secret", account.consumer_secret.as_str()),
            ("access-token-secret", account.access_token_secret.as_str()),
            ("desk-secret", SECRET),
        ] {
            let path = program.path(name);
            fs::write(&path, secret).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        program.configure(configuration);
        program
    }

    /// The same, with an empty database made.
    pub fn with_database(configuration: &str) -> Self {
        let program = Self::new(configuration);
        assert_eq!(program.run(&["migrate"]).code, 0);
        program
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, configuration: &str) {
        let file = self.path("surveyd.toml");
        fs::write(&file, configuration).unwrap();
        // It may hold secrets.
        fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// The program with these arguments, alone in the world.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_surveyd"));
        command
            .args(arguments)
            .env_clear()
            .env("SURVEYD_CONFIG", self.path("surveyd.toml"))
            .env("STATE_DIRECTORY", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().expect("it ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// `surveyd run`, once it is ready.
    pub async fn start(&self) -> Running {
        let mut running = self.launch();
        running.until("daemon.ready", 1).await;
        running
    }

    /// `surveyd run`, from its first instruction on.
    pub fn launch(&self) -> Running {
        let log = File::create(self.path("log")).unwrap();
        self.launch_with(log.into())
    }

    /// `surveyd run`, with a listening socket as systemd passes it (sd_listen_fds(3)).
    pub fn launch_on(&self, socket: TcpListener) -> Running {
        let (log, out) = (self.path("log"), self.path("out"));
        let pass = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" run";
        let mut command = Command::new("sh");
        command.args(["-c", pass, env!("CARGO_BIN_EXE_surveyd")]);
        command.env_clear().current_dir(self.folder.path());
        command.env("SURVEYD_CONFIG", self.path("surveyd.toml"));
        command.env("STATE_DIRECTORY", self.folder.path());
        command.stdin(OwnedFd::from(socket)).stdout(File::create(&out).unwrap());
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        Running { child, log, out }
    }

    /// `surveyd run`, its log somewhere else.
    pub fn launch_with(&self, stderr: Stdio) -> Running {
        let (log, out) = (self.path("log"), self.path("out"));
        let mut command = self.command(&["run"]);
        command.stdout(File::create(&out).unwrap()).stderr(stderr);
        Running { child: command.spawn().unwrap(), log, out }
    }
}

/// A daemon at work; killed where a test ends without having stopped it.
pub struct Running {
    child: Child,
    log: PathBuf,
    out: PathBuf,
}

impl Running {
    /// Its log so far, line by line; a line that is still being written is left out.
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// The lines of an event.
    pub fn of(&self, event: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// Waits until an event has been logged so often. Its last line.
    pub async fn until(&mut self, event: &str, times: usize) -> Value {
        let started = Instant::now();
        loop {
            let lines = self.of(event);
            if lines.len() >= times {
                return lines[times - 1].clone();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status} before {event}:\n{}", self.log());
            }
            assert!(started.elapsed() < PATIENCE, "no {event} in:\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub fn address(&self) -> String {
        self.of("daemon.ready")[0]["listen"].as_str().unwrap().to_owned()
    }

    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
