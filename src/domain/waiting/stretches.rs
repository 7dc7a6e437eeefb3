//! Decides when the log reports that an account's surveys wait and when it reports the end. There
//! is one line at the beginning of a stretch and one at its end. It does not matter how many
//! surveys, windows and tries lie in between.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Facts, Obstacle, TOLD_AFTER};
use crate::domain::time::Millis;

/// An obstacle that is away for a shorter time counts as still there. A backlog goes out in bursts
/// with one in each of X's windows.
const OVER_AFTER: Duration = Duration::from_secs(5 * 60);

/// The waiting of one account by its causes.
#[derive(Clone, Debug, Default)]
pub struct Stretches(BTreeMap<Cause, Stretch>);

#[derive(Clone, Copy, Debug)]
struct Stretch {
    began_at: Millis,
    /// When the obstacle was last seen.
    met_at: Millis,
    is_told: bool,
    surveys_most: u64,
}

impl Stretch {
    /// The end of the stretch if its beginning was logged.
    fn over(&self, cause: Cause, now: Millis) -> Option<Over> {
        let (lasted, surveys_most) = (now.since(self.began_at), self.surveys_most);
        self.is_told.then_some(Over { cause, lasted, surveys_most })
    }
}

/// A stretch that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub cause: Cause,
    pub lasted: Duration,
    /// The most surveys that waited at once.
    pub surveys_most: u64,
}

impl Stretches {
    /// What the log reports now: the obstacles that have just become worth a line, and the
    /// stretches that are over.
    pub fn look<'a>(
        &mut self,
        facts: &Facts,
        obstacles: &'a [Obstacle],
    ) -> (Vec<&'a Obstacle>, Vec<Over>) {
        let now = facts.now;
        let mut begun = Vec::new();
        for obstacle in obstacles.iter().filter(|obstacle| obstacle.surveys > 0) {
            let new = Stretch { began_at: now, met_at: now, is_told: false, surveys_most: 0 };
            let stretch = self.0.entry(obstacle.cause).or_insert(new);
            // The clock may have been set back.
            stretch.began_at = stretch.began_at.min(now);
            stretch.met_at = now;
            stretch.surveys_most = stretch.surveys_most.max(obstacle.surveys);
            // A lease may last for long and be given back in a moment.
            let until = obstacle.until.filter(|_| obstacle.cause != Cause::Claimed);
            let lasts = until.map_or(Duration::ZERO, |until| until.since(stretch.began_at));
            let has_lasted = now.since(stretch.began_at);
            let must_act = obstacle.must_act && obstacle.cause != Cause::Unknown;
            let is_news = must_act || lasts.max(has_lasted) >= TOLD_AFTER;
            if !stretch.is_told && is_news {
                stretch.is_told = true;
                begun.push(obstacle);
            }
        }
        let is_backlog =
            facts.oldest_due.is_some_and(|due| facts.due > 0 && now.since(due) >= TOLD_AFTER);
        let mut over = Vec::new();
        self.0.retain(|cause, stretch| {
            let away_for = now.since(stretch.met_at);
            let is_over = now < stretch.met_at
                || away_for >= OVER_AFTER
                || stretch.met_at != now && !is_backlog;
            if is_over {
                over.extend(stretch.over(*cause, now));
            }
            !is_over
        });
        (begun, over)
    }

    /// Ends all stretches because nobody looks any more.
    pub fn end(&mut self, now: Millis) -> Vec<Over> {
        let all = std::mem::take(&mut self.0).into_iter();
        all.filter_map(|(cause, stretch)| stretch.over(cause, now)).collect()
    }

    /// True if the log has reported that surveys wait for this cause.
    pub fn is_told(&self, cause: Cause) -> bool {
        self.0.get(&cause).is_some_and(|stretch| stretch.is_told)
    }

    /// The latest instant at which to look again for what is not logged yet.
    pub fn next_look(&self, now: Millis) -> Option<Millis> {
        let open = self.0.values().filter(|stretch| !stretch.is_told || stretch.met_at != now);
        let at = |stretch: &Stretch| match stretch.began_at.plus(TOLD_AFTER) {
            told_at if !stretch.is_told && told_at > now => told_at,
            _ => now.plus(TOLD_AFTER),
        };
        open.map(at).min()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
