//! Computes the numbers of a report from surveys: NPS and CSAT with their intervals, rates and
//! medians.
//!
//! This module owns the formulas and decides what small groups may show. It reads nothing, rounds
//! nothing and writes nothing. The writers in `report` do that.

mod compared;
mod counts;
/// Whether a change between two periods is more than chance.
pub mod difference;
mod groups;
mod hiding;
mod scores;
mod losses;
/// A difference in words.
pub mod wording;

use std::{collections::BTreeMap, time::Duration};

use self::groups::ALL;
pub use self::{
    compared::{Compared, ComparedGroup, PeriodChange, Without, compare},
    counts::Counts,
    groups::{GroupBy, GroupKey},
    hiding::Hidden,
    losses::loss,
    scores::{CONFIDENCE, Estimate, csat, nps},
};
use super::{
    days::Zone,
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
    /// The rule that matched the close.
    pub rule: Option<String>,
    /// The variant that the person met in an experiment.
    pub variant: Option<String>,
    pub closed_at: Millis,
    /// Why there is no prompt: the reason of a suppressed survey, else the name of the state.
    /// `None` if the prompt was sent.
    pub unsent: Option<String>,
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
    /// All surveys of each type together. A survey with several tags counts once here.
    pub totals: Vec<Group>,
    /// Sorted by key with the group without a key last. Groups with one key are sorted by type.
    pub groups: Vec<Group>,
    /// What the report leaves out.
    pub left_out: LeftOut,
}

impl Report {
    /// Hides all scores of one type, because the report as a whole would give away too few answers.
    pub fn withhold(&mut self, kind: SurveyType) {
        let all = self.totals.iter_mut().chain(&mut self.groups);
        all.filter(|group| group.kind == kind).for_each(Group::withhold);
    }

    /// Hides the groups that would give away too few answers beside another report over a part of
    /// the same surveys, of which a reader sees the total. `part` has the same breakdown.
    ///
    /// A reader can subtract groups from that total. So a group stays only if it would be shown
    /// there, too, and if the part leaves nothing of it or at least the floor.
    pub fn withhold_beside(&mut self, part: &Report) {
        let floor = u64::from(self.min_group);
        for group in &mut self.groups {
            let is_same = |other: &&Group| other.key == group.key && other.kind == group.kind;
            let Some(of_part) = part.groups.iter().find(is_same) else { continue };
            let rest = group.answered.saturating_sub(of_part.answered);
            if of_part.hidden.is_some() || 0 < rest && rest < floor {
                group.withhold();
            }
        }
    }
}

/// What is in no number of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
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
    /// The other closes in the period without a prompt, by the name of their state.
    pub unsent: BTreeMap<String, u64>,
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

impl Group {
    /// Hides the score, if there is one.
    fn withhold(&mut self) {
        if self.answered > 0 {
            self.hidden = self.hidden.or(Some(Hidden::Differencing));
            (self.score, self.mean, self.median_response_seconds) = (None, None, None);
            self.distribution.clear();
        }
    }
}

/// What a report is asked to show, apart from which surveys.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub period: Period,
    pub by: GroupBy,
    /// The zone that weeks are taken in.
    pub zone: &'a Zone,
    pub now: Millis,
    /// How long a prompt without an answer may still get one.
    pub fresh_for: Duration,
    /// The fewest answers that show a score.
    pub min_group: u32,
}

/// Computes the report from single surveys. The order of `facts` does not matter.
///
/// A survey with several tags counts in the group of each.
pub fn summarize(facts: impl IntoIterator<Item = SurveyFacts>, terms: &Terms<'_>) -> Report {
    let period = terms.period;
    let mut summary = Summary::new(terms);
    let mut left_out = LeftOut::default();
    for facts in facts {
        let is_dry = facts.unsent.as_deref() == Some(Reason::DryRun.as_str());
        left_out.dry_runs += u64::from(is_dry && period.contains(facts.closed_at));
        if facts.test {
            let is_sent = facts.sent_at.is_some_and(|sent_at| period.contains(sent_at));
            left_out.tests += u64::from(is_sent);
            left_out.test_closes += u64::from(period.contains(facts.closed_at));
            continue;
        }
        if period.contains(facts.closed_at) {
            let keys = terms.by.keys(&facts, terms.zone, facts.closed_at);
            summary.add(facts.kind, &keys, Counts::of_close(&facts));
        }
        if let Some(sent_at) = facts.sent_at.filter(|sent_at| period.contains(*sent_at)) {
            let keys = terms.by.keys(&facts, terms.zone, sent_at);
            summary.add(facts.kind, &keys, Counts::of_prompt(&facts, sent_at));
        }
    }
    summary.report(left_out)
}

/// A report while its counts come in.
pub struct Summary<'a> {
    terms: &'a Terms<'a>,
    totals: BTreeMap<SurveyType, Counts>,
    groups: BTreeMap<(GroupKey, SurveyType), Counts>,
    /// The answers by the set of groups they count in.
    answers: BTreeMap<SurveyType, BTreeMap<Vec<GroupKey>, u64>>,
}

impl<'a> Summary<'a> {
    pub fn new(terms: &'a Terms<'a>) -> Self {
        let (totals, groups, answers) = Default::default();
        Self { terms, totals, groups, answers }
    }

    /// Adds the counts of surveys that are all in the same groups. They count once in the total.
    pub fn add(&mut self, kind: SurveyType, keys: &[GroupKey], counts: Counts) {
        let answered = counts.answered();
        if answered > 0 {
            *self.answers.entry(kind).or_default().entry(keys.to_vec()).or_default() += answered;
        }
        for key in keys {
            self.groups.entry((key.clone(), kind)).or_default().add(&counts);
        }
        self.totals.entry(kind).or_default().add(&counts);
    }

    /// The closes so far whose prompt a dry run did not send.
    pub fn dry_runs(&self) -> u64 {
        let dry = |counts: &Counts| counts.unsent.get(Reason::DryRun.as_str()).copied();
        self.totals.values().filter_map(dry).sum()
    }

    /// Computes the report of all counts that came in.
    pub fn report(self, left_out: LeftOut) -> Report {
        let Terms { period, by, min_group, .. } = *self.terms;
        let hidden: BTreeMap<_, _> = self
            .answers
            .iter()
            .map(|(kind, answers)| (*kind, hiding::hidden(answers, u64::from(min_group))))
            .collect();
        let groups = self.groups.into_iter().map(|((key, kind), counts)| {
            let hidden = hidden.get(&kind).and_then(|hidden| hidden.get(&key)).copied();
            counts.into_group(key.shown(), kind, hidden, self.terms)
        });
        let totals = self.totals.into_iter().map(|(kind, counts)| {
            let answered = counts.answered();
            let is_small = 0 < answered && answered < u64::from(min_group);
            let hidden = is_small.then_some(Hidden::SmallGroup);
            counts.into_group(Some(ALL.to_owned()), kind, hidden, self.terms)
        });
        let (totals, groups) = (totals.collect(), groups.collect());
        Report { period, by, min_group, totals, groups, left_out }
    }
}

#[cfg(test)]
mod tests;
