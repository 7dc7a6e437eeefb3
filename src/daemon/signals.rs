//! Signals: SIGTERM and SIGINT stop, SIGHUP reads the configuration again.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Stop,
    Reload,
}

/// Signals as they come, each kept until it is asked for. The thread that waits for them sleeps
/// until there is one, and ends with the process.
///
/// To be called before anything else: until then a signal ends the process where it stands.
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

/// The signals that have come and those that come.
#[derive(Debug)]
pub struct Incoming {
    receiver: mpsc::UnboundedReceiver<Signal>,
    /// One came when there was nothing to reload yet.
    reload_is_due: bool,
}

impl Incoming {
    /// The next one.
    pub async fn next(&mut self) -> Signal {
        if std::mem::take(&mut self.reload_is_due) {
            return Signal::Reload;
        }
        // Without the thread nothing more would come: better to end in order.
        self.receiver.recv().await.unwrap_or(Signal::Stop)
    }

    /// Waits for the signal to stop. One to reload that comes meanwhile is kept for [`Self::next`].
    pub async fn stop(&mut self) {
        while let Some(Signal::Reload) = self.receiver.recv().await {
            self.reload_is_due = true;
        }
    }
}
