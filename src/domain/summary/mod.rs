//! Computes the numbers of a report from surveys: NPS and CSAT with their intervals, rates and
//! medians.
//!
//! This module owns the formulas and decides what small groups may show. It reads nothing, rounds
//! nothing and writes nothing. The writers in `report` do that.

mod groups;
mod hiding;
mod intervals;

use std::{collections::BTreeMap, time::Duration};

use self::groups::GroupKey;
pub use self::{
    groups::GroupBy,
    hiding::Hidden,
    intervals::{CONFIDENCE, Estimate},
};
use super::{
    survey::Reason,
    survey_type::SurveyType,
    time::{Millis, Period},
};

/// What a report needs to know of one survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyFacts {
    pub account: String,
    pub source: String,
    pub kind: SurveyType,
    pub question_variant_id: u32,
    /// A test is left out of every number.
    pub test: bool,
    pub agent: Option<String>,
    pub team: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    /// The variant that the person met in an experiment.
    pub variant: Option<String>,
    pub closed_at: Millis,
    /// The reason if the survey ended suppressed.
    pub suppressed: Option<String>,
    /// When X accepted the prompt. `None` if there was no prompt.
    pub sent_at: Option<Millis>,
    pub score: Option<u8>,
    pub scored_at: Option<Millis>,
    /// `Some` if there is a comment.
    pub commented_at: Option<Millis>,
}

/// The results of a period by group.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub period: Period,
    pub by: GroupBy,
    /// The fewest answers that show a score.
    pub min_group: u32,
    /// Sorted by key with the group without a key last. Groups with one key are sorted by type.
    pub groups: Vec<Group>,
    /// The prompts sent in the period as tests. They are in no group.
    pub tests: u64,
    /// The closes of the period that were to be prompted as tests. They are in no group either.
    pub test_closes: u64,
    /// The closes of the period whose prompt a dry run did not send. Tests count too.
    pub dry_runs: u64,
}

/// The results of one group. CSAT and NPS are never mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// `None` for the surveys that lack the agent, team, tag or language asked for.
    pub key: Option<String>,
    pub kind: SurveyType,
    /// The closes in the period.
    pub closes: u64,
    /// The closes in the period that ended suppressed, by reason.
    pub suppressed: BTreeMap<String, u64>,
    /// The prompts sent in the period. All fields below count these prompts, whenever the answer
    /// came.
    pub prompted: u64,
    /// The prompts that have a score. A score outside the type's scale is no answer.
    pub answered: u64,
    /// The prompts that have a comment.
    pub commented: u64,
    /// The answered share of the prompts, in per cent. `None` if nobody was prompted.
    pub response_rate: Option<f64>,
    /// True if answers may still come.
    pub immature: bool,
    /// The NPS or, for CSAT, the share of 4 and 5 in per cent. `None` if hidden or if nobody
    /// answered.
    pub score: Option<Estimate>,
    /// The mean of CSAT. NPS has none.
    pub mean: Option<f64>,
    /// How often each score of the scale was given, from the lowest on. Empty if hidden.
    pub distribution: Vec<u64>,
    /// The median time from the prompt to its score. `None` if hidden or if nobody answered.
    pub median_response_seconds: Option<f64>,
    /// Why there is no score although there are answers.
    pub hidden: Option<Hidden>,
}

/// Computes the report. The order of `facts` does not matter.
///
/// A prompt without an answer may still get one for `fresh_for`. `min_group` is the fewest answers
/// that show a score. A survey with several tags counts in the group of each.
pub fn summarize(
    facts: impl IntoIterator<Item = SurveyFacts>,
    period: Period,
    by: GroupBy,
    now: Millis,
    fresh_for: Duration,
    min_group: u32,
) -> Report {
    let mut tallies: BTreeMap<(GroupKey, SurveyType), GroupTally> = BTreeMap::new();
    let mut answers: BTreeMap<SurveyType, BTreeMap<Vec<GroupKey>, u64>> = BTreeMap::new();
    let (mut tests, mut test_closes, mut dry_runs) = (0, 0, 0);
    for facts in facts {
        let is_dry = facts.suppressed.as_deref() == Some(Reason::DryRun.as_str());
        dry_runs += u64::from(is_dry && period.contains(facts.closed_at));
        if facts.test {
            tests += u64::from(facts.sent_at.is_some_and(|sent_at| period.contains(sent_at)));
            test_closes += u64::from(period.contains(facts.closed_at));
            continue;
        }
        if period.contains(facts.closed_at) {
            for key in by.keys(&facts, facts.closed_at) {
                tallies.entry((key, facts.kind)).or_default().add_close(&facts);
            }
        }
        let Some(sent_at) = facts.sent_at.filter(|sent_at| period.contains(*sent_at)) else {
            continue;
        };
        let keys = by.keys(&facts, sent_at);
        let answer = facts.score.filter(|score| facts.kind.scores().contains(score));
        let is_fresh = now.since(sent_at) < fresh_for;
        for key in &keys {
            let tally = tallies.entry((key.clone(), facts.kind)).or_default();
            tally.add_prompt(&facts, sent_at, answer, is_fresh);
        }
        if answer.is_some() {
            *answers.entry(facts.kind).or_default().entry(keys).or_default() += 1;
        }
    }
    let hidden: BTreeMap<_, _> = answers
        .iter()
        .map(|(kind, answers)| (*kind, hiding::hidden(answers, u64::from(min_group))))
        .collect();
    let groups = tallies
        .into_iter()
        .map(|((key, kind), tally)| {
            let hidden = hidden.get(&kind).and_then(|hidden| hidden.get(&key)).copied();
            tally.into_group(&key, kind, hidden)
        })
        .collect();
    Report { period, by, min_group, groups, tests, test_closes, dry_runs }
}

/// The counts of one group while the surveys are read.
#[derive(Default)]
struct GroupTally {
    closes: u64,
    suppressed: BTreeMap<String, u64>,
    prompted: u64,
    commented: u64,
    is_immature: bool,
    scores: BTreeMap<u8, u64>,
    response_ms: Vec<u128>,
}

impl GroupTally {
    fn add_close(&mut self, facts: &SurveyFacts) {
        self.closes += 1;
        if let Some(reason) = &facts.suppressed {
            *self.suppressed.entry(reason.clone()).or_default() += 1;
        }
    }

    fn add_prompt(
        &mut self,
        facts: &SurveyFacts,
        sent_at: Millis,
        answer: Option<u8>,
        is_fresh: bool,
    ) {
        self.prompted += 1;
        self.commented += u64::from(facts.commented_at.is_some());
        match answer {
            Some(score) => *self.scores.entry(score).or_default() += 1,
            None => self.is_immature |= is_fresh,
        }
        if let (Some(_), Some(scored_at)) = (answer, facts.scored_at) {
            self.response_ms.push(scored_at.since(sent_at).as_millis());
        }
    }

    fn into_group(self, key: &GroupKey, kind: SurveyType, hidden: Option<Hidden>) -> Group {
        let answered = self.scores.values().sum();
        let is_shown = hidden.is_none();
        Group {
            key: key.shown(),
            kind,
            closes: self.closes,
            prompted: self.prompted,
            answered,
            commented: self.commented,
            response_rate: (self.prompted > 0)
                .then(|| 100.0 * answered as f64 / self.prompted as f64),
            immature: self.is_immature,
            score: self.score(kind).filter(|_| is_shown),
            mean: self.mean(kind).filter(|_| is_shown),
            distribution: if is_shown { self.distribution(kind) } else { Vec::new() },
            median_response_seconds: median_seconds(self.response_ms).filter(|_| is_shown),
            suppressed: self.suppressed,
            hidden,
        }
    }

    fn score(&self, kind: SurveyType) -> Option<Estimate> {
        let given = |scores: std::ops::RangeInclusive<u8>| -> u64 {
            self.scores.range(scores).map(|(_, count)| count).sum()
        };
        match kind {
            SurveyType::Csat => intervals::csat(given(4..=5), given(1..=5)),
            SurveyType::Nps => intervals::nps(given(9..=10), given(7..=8), given(0..=6)),
        }
    }

    fn mean(&self, kind: SurveyType) -> Option<f64> {
        let answered: u64 = self.scores.values().sum();
        match kind {
            SurveyType::Csat if answered > 0 => {
                let points: u64 =
                    self.scores.iter().map(|(score, count)| u64::from(*score) * count).sum();
                Some(points as f64 / answered as f64)
            }
            SurveyType::Csat | SurveyType::Nps => None,
        }
    }

    fn distribution(&self, kind: SurveyType) -> Vec<u64> {
        kind.scores().map(|score| self.scores.get(&score).copied().unwrap_or(0)).collect()
    }
}

/// The median of lengths in milliseconds, given in seconds. If their number is even, it is half way
/// between the middle two.
fn median_seconds(mut lengths_ms: Vec<u128>) -> Option<f64> {
    lengths_ms.sort_unstable();
    let upper = *lengths_ms.get(lengths_ms.len() / 2)?;
    let lower = lengths_ms[(lengths_ms.len() - 1) / 2];
    Some((lower + upper) as f64 / 2.0 / 1000.0)
}

#[cfg(test)]
mod tests;
