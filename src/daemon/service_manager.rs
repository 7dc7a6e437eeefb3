//! Tells the service manager (systemd) how the daemon does, and feeds its watchdog.

use std::os::fd::AsFd;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use crate::store::Store;

/// Tells the service manager what the start waits for.
pub fn log_status(words: &str) {
    notify(&[NotifyState::Status(words)]);
}

/// Notifies the service manager if there is one.
pub fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("the service manager cannot be told: {error}");
    }
}

/// The name by which the service manager keeps the listening socket.
const SOCKET: &str = "http";

/// Has the service manager keep the listening socket, and pass it to the next daemon.
pub fn keep_socket(socket: &impl AsFd) {
    let state = [NotifyState::FdStore, NotifyState::FdName(SOCKET)];
    if let Err(error) = sd_notify::notify_with_fds(&state, &[socket.as_fd()]) {
        warn!("the service manager cannot be given the listening socket: {error}");
    }
}

/// Has the service manager close the listening socket that it keeps, if there is one.
pub fn release_socket() {
    notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(SOCKET)]);
}

/// Tells the service manager that the daemon lives. On SQLite it does so only after the store has
/// answered.
pub struct Watchdog {
    every: Option<Duration>,
    next: tokio::time::Instant,
}

impl Watchdog {
    pub fn new() -> Self {
        // Feed the watchdog twice in the time that the service manager allows.
        let every = sd_notify::watchdog_enabled().map(|patience| patience / 2);
        Self { every, next: tokio::time::Instant::now() }
    }

    pub async fn due(&self) {
        match self.every {
            Some(_) => tokio::time::sleep_until(self.next).await,
            None => std::future::pending().await,
        }
    }

    pub async fn feed(&mut self, store: &Store) {
        // A full disk is no reason to be killed, because the writer has answered. Nor is a server
        // that does not answer. There only the loop itself shows that the daemon lives.
        if !store.is_shared() {
            let _ = store.ping().await;
        }
        notify(&[NotifyState::Watchdog]);
        self.next = tokio::time::Instant::now() + self.every.unwrap_or_default();
    }
}
