//! The servers as child processes, started as a service manager would, and what the kernel tells
//! of them.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::notices::SECRET;

/// As cargo has built it for this run.
pub const SURVEYD: &str = env!("CARGO_BIN_EXE_surveyd");

/// In the state folder.
pub const DATABASE: &str = "surveyd.db";

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the daemon's log goes.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    Nowhere,
    File,
}

/// A running server; killed outright when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process to its word that it is ready.
    pub ready_after: Duration,
}

impl Server {
    /// `surveyd run`, with its defaults where the benchmark needs nothing else.
    pub fn surveyd(program: &Path, folder: &Path, log: Log) -> Self {
        let address = free_address();
        let file = folder.join("surveyd.toml");
        fs::write(&file, configuration(address)).expect("the folder can be written");
        // It holds secrets.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&file, private).expect("the file is ours");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).arg("run");
        command.stderr(match log {
            Log::Nowhere => Stdio::null(),
            Log::File => fs::File::create(folder.join("log")).expect("it can be made").into(),
        });
        Self::start(command, folder, address)
    }

    /// This program itself, serving as a side of its own.
    pub fn counterpart(folder: &Path, side: &str) -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("we are running"));
        command.args(["--serve", side, "--listen", &address.to_string()]);
        Self::start(command, folder, address)
    }

    fn start(mut command: Command, folder: &Path, address: SocketAddr) -> Self {
        // The path of a socket may have no more than 107 bytes, which a build folder may exceed.
        let short = tempfile::tempdir().expect("there is a folder for temporary files");
        let socket = short.path().join("notify");
        let notified = UnixDatagram::bind(&socket).expect("the socket can be bound");
        notified.set_read_timeout(Some(START_TIMEOUT)).expect("the time is not zero");
        command
            .env_clear()
            .env("NOTIFY_SOCKET", &socket)
            .env("STATE_DIRECTORY", folder)
            .current_dir(folder);
        let start = Instant::now();
        let child = command.spawn().expect("the program has been built");
        let mut word = [0_u8; 256];
        let read = notified.recv(&mut word).expect("the server becomes ready");
        let ready_after = start.elapsed();
        assert!(word[..read].starts_with(b"READY=1"), "the first word is that it is ready");
        Self { child, address, ready_after }
    }

    /// A count of `/proc/PID/status`; sizes are in KiB.
    pub fn status(&self, key: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        count(Path::new(&path), key).expect("the server runs")
    }

    /// How often its threads have gone to sleep, and so been woken, by thread.
    pub fn sleeps(&self) -> Vec<(PathBuf, u64)> {
        self.threads()
            .into_iter()
            .filter_map(|thread| {
                let sleeps = count(&thread.join("status"), "voluntary_ctxt_switches").ok()?;
                Some((thread, sleeps))
            })
            .collect()
    }

    /// The time that its threads have had on a processor.
    pub fn processor_time(&self) -> Duration {
        let nanoseconds = self.threads().into_iter().filter_map(|thread| {
            let text = fs::read_to_string(thread.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    pub fn threads(&self) -> Vec<PathBuf> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let tasks = tasks.expect("the server runs").filter_map(Result::ok);
        tasks.map(|task| task.path()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose that it has acknowledged.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count(status: &Path, key: &str) -> io::Result<u64> {
    let text = fs::read_to_string(status)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let count = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(count.expect("the kernel's name for it is known"))
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    listener.local_addr().expect("it is bound")
}

/// X is a closed port on the loopback, since nothing is due while we measure.
fn configuration(listen: SocketAddr) -> String {
    let mut text = format!("[http]\nlisten = \"{listen}\"\n");
    let _ = write!(text, "[x]\nbase_url = \"http://{}\"\n", free_address());
    text.push_str("[[accounts]]\nname = \"acme\"\nuser_id = \"1212121212121\"\n");
    for key in ["consumer_key", "consumer_secret", "access_token", "access_token_secret"] {
        let _ = writeln!(text, "{key} = \"benchmark\"");
    }
    text.push_str("privacy_url = \"https://acme.example/privacy\"\n");
    text.push_str("[accounts.survey]\nmessage = \"How did we do?\"\n");
    let _ = write!(
        text,
        "[[sources]]\nname = \"helpdesk\"\nkind = \"standard\"\naccount = \"acme\"\n\
         rate_limit = 1000000\nsecret = \"whsec_{}\"\n",
        STANDARD.encode(SECRET)
    );
    text
}
