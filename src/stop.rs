//! Stops the daemon's work in order. Every worker asks a [`Stopper`] before it begins anything new.
//! The stop signal cuts a wait short. A request under way goes on until its time has run out.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a request under way may go on after the stop signal. A supervisor that asked for the
/// end expects it within 10 s.
pub const GRACE: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Running,
    Stopping { deadline: Instant },
}

/// Gives the stop signal.
#[derive(Debug)]
pub struct StopSender(watch::Sender<Phase>);

/// Receives the stop signal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Receiver<Phase>);

pub fn stopper() -> (StopSender, Stopper) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (StopSender(sender), Stopper(receiver))
}

impl StopSender {
    /// Gives the stop signal and lets requests under way go on for `grace`.
    pub fn stop_within(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.0.send_replace(Phase::Stopping { deadline });
    }
}

impl Stopper {
    pub fn is_stopping(&self) -> bool {
        // If the sender is gone, nothing more will be asked of us.
        self.0.has_changed().is_err() || *self.0.borrow() != Phase::Running
    }

    /// Waits for the stop signal.
    pub async fn stopping(&self) {
        let mut phase = self.0.clone();
        let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
    }

    /// Waits until the time for requests under way has run out after the stop signal. The signal
    /// may be given again with less time.
    pub async fn out_of_time(&self) {
        self.stopping().await;
        let mut phase = self.0.clone();
        loop {
            let Phase::Stopping { deadline } = *phase.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                changed = phase.changed() => if changed.is_err() {
                    return tokio::time::sleep_until(deadline).await;
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_word_given_again_shortens_the_time() {
        let (sender, stopper) = stopper();
        sender.stop_within(Duration::from_secs(3_600));
        let waiting = stopper.out_of_time();
        let other = async {
            tokio::task::yield_now().await;
            sender.stop_within(Duration::ZERO);
        };
        tokio::join!(waiting, other);
    }
}
