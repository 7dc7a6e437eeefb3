//! Why people of closed conversations were not prompted, in words.

use std::cmp::Reverse;

use super::Group;
use crate::domain::plain_text::printable;

impl Group {
    /// Every close of the period without a prompt, by what became of it, the most first. The words
    /// are those of [`Reason`](crate::domain::survey::Reason) and of the states without a prompt.
    pub fn losses(&self) -> Vec<(&str, u64)> {
        let all = self.suppressed.iter().chain(&self.unsent);
        let mut all: Vec<_> = all.map(|(word, count)| (word.as_str(), *count)).collect();
        all.retain(|(_, count)| *count > 0);
        all.sort_by_key(|(word, count)| (Reverse(*count), *word));
        all
    }
}

/// Says why people of closed conversations were not prompted, after a number: "92 prompted not
/// long ago". The words are those of [`crate::domain::survey::Reason`] and of the states without a
/// prompt.
pub fn loss(word: &str) -> String {
    let words = match word {
        "cannot_dm" => "cannot be messaged",
        "throttled" => "prompted not long ago",
        "opted_out" => "opted out",
        "sampled_out" => "not drawn for the sample",
        "holdout" => "held out, to compare with",
        "rule" => "left out by a rule",
        "closed_by" => "closed by a bot or by itself",
        "no_substance" => "without enough said",
        "stale" => "closed long after the last word",
        "budget" => "left out to spread the day’s prompts",
        "suspended" => "suspended by X",
        "no_x_id" => "not known by an id at X",
        "dry_run" => "not sent on a dry run",
        "forgotten" => "erased, and not asked again",
        "scheduled" => "waiting now",
        "sending" => "being sent now",
        "uncertain" => "uncertain: X has not said",
        "cancelled" => "called off",
        "expired" => "too late to ask",
        "failed" => "refused by X",
        other => return printable(other).replace('_', " "),
    };
    words.to_owned()
}
