//! A server as a child process, started as a service manager would, and what the kernel tells of
//! it.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// As cargo has built it for this run.
pub const SURVEYD: &str = env!("CARGO_BIN_EXE_surveyd");

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server; killed outright when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process to its word that it is ready.
    pub ready_after: Duration,
}

impl Server {
    /// Starts it in a folder, which is its state folder, too, and waits until it is ready.
    pub fn start(mut command: Command, folder: &Path, address: SocketAddr) -> Self {
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
        // What it gives its manager to keep comes before.
        while !word.starts_with(b"READY=1") {
            let _read = notified.recv(&mut word).expect("the server becomes ready");
        }
        let ready_after = start.elapsed();
        Self { child, address, ready_after }
    }

    /// A count of `/proc/PID/status`; sizes are in KiB.
    pub fn status(&self, key: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        count(Path::new(&path), key).expect("the server runs")
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

/// A count of a `status` file of the kernel.
pub fn count(status: &Path, key: &str) -> io::Result<u64> {
    let text = fs::read_to_string(status)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let count = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(count.expect("the kernel's name for it is known"))
}

/// An address on the loopback that nothing listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    listener.local_addr().expect("it is bound")
}
