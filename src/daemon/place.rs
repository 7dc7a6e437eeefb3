//! The daemon's place on this machine: its state folder, the lock that keeps a second daemon off
//! the same SQLite file, and the socket by which other commands say that there is new work.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::net::UnixDatagram;
use tracing::warn;

use crate::config::{Config, Environment};
use crate::store::Location;

/// Where relative paths of the store start: the service manager's state folder, else the working
/// folder.
pub fn state_folder(environment: &Environment) -> anyhow::Result<PathBuf> {
    match environment.get("STATE_DIRECTORY").and_then(|all| all.split(':').next()) {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => std::env::current_dir().context("there is no working folder"),
    }
}

/// Held as long as the daemon lives.
pub struct Place {
    pub folder: PathBuf,
    _lock: Option<File>,
    wakeup: Option<(Arc<UnixDatagram>, PathBuf)>,
}

impl Place {
    pub fn take(config: &Config, environment: &Environment) -> anyhow::Result<Self> {
        let folder = state_folder(environment)?;
        let location = Location::parse(&config.store.url, &folder)?;
        // Many daemons may share one PostgreSQL.
        let Some(file) = location.file() else {
            return Ok(Self { folder, _lock: None, wakeup: None });
        };
        let lock_path = beside(file, "lock");
        let lock = File::create(&lock_path)
            .with_context(|| format!("{} cannot be made", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another surveyd works on {}: stop it first, or set another store.url",
                file.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).context(format!("{} cannot be locked", lock_path.display()));
            }
        }
        Ok(Self { folder, _lock: Some(lock), wakeup: bind(&beside(file, "wake")) })
    }

    pub fn wakeups(&self) -> Wakeups {
        Wakeups(self.wakeup.as_ref().map(|(socket, _)| socket.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.wakeup {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Without it, closes filed from the command line are found a few minutes late.
fn bind(path: &Path) -> Option<(Arc<UnixDatagram>, PathBuf)> {
    // The lock is ours: a socket that stands here was left by a crash.
    let _ = std::fs::remove_file(path);
    match UnixDatagram::bind(path) {
        Ok(socket) => Some((Arc::new(socket), path.to_owned())),
        Err(error) => {
            warn!("{} cannot be bound ({error})", path.display());
            None
        }
    }
}

/// Words from other commands that there is new work.
pub struct Wakeups(Option<Arc<UnixDatagram>>);

impl Wakeups {
    pub async fn recv(&mut self) {
        let Some(socket) = &self.0 else { return std::future::pending().await };
        let mut nothing = [0_u8; 8];
        if socket.recv(&mut nothing).await.is_err() {
            // A socket that fails once would fail for ever.
            self.0 = None;
        }
    }
}

/// Tells a daemon on the same SQLite file, where one runs, that there is new work.
pub fn wake_running(location: &Location) {
    let Some(file) = location.file() else { return };
    if let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() {
        // Nobody there: the close is found when a daemon starts.
        let _ = socket.send_to(b"1", beside(file, "wake"));
    }
}
