//! Receives signals. SIGTERM and SIGINT stop the daemon. SIGHUP reloads the configuration.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Stop,
    Reload,
}

/// Starts listening and keeps each signal until it is asked for. The thread that waits for signals
/// sleeps until one comes, and ends with the process.
///
/// Call this before anything else. Until then a signal ends the process at once.
pub fn listen() -> std::io::Result<Incoming> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let signal = if signal == SIGHUP { Signal::Reload } else { Signal::Stop };
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(Incoming { receiver, reload_is_due: false })
}

/// The signals that have come and those to come.
#[derive(Debug)]
pub struct Incoming {
    receiver: mpsc::UnboundedReceiver<Signal>,
    /// True if a reload was asked for before there was anything to reload.
    reload_is_due: bool,
}

impl Incoming {
    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        if std::mem::take(&mut self.reload_is_due) {
            return Signal::Reload;
        }
        // Without the thread no signal would come any more. An orderly end is better.
        self.receiver.recv().await.unwrap_or(Signal::Stop)
    }

    /// Waits for the signal to stop. A reload that comes meanwhile is kept for [`Self::next`].
    pub async fn stop(&mut self) {
        while let Some(Signal::Reload) = self.receiver.recv().await {
            self.reload_is_due = true;
        }
    }
}
