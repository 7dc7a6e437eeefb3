//! Counts of surveys that add up, and the group that they make.
//!
//! Counts are sums of whole surveys, so the counts of a year are those of its days together. All
//! that a group shows follows from its counts, however they were gathered.

use std::collections::BTreeMap;

use super::{Estimate, Group, Hidden, SurveyFacts, Terms, scores};
use crate::domain::{
    mood::Mood,
    survey::Reason,
    survey_type::SurveyType,
    time::{Millis, millis},
};

/// One more than the highest score of any type.
pub const SCORES: usize = 11;

/// The counts of some closes and some prompts, tests left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub closes: u64,
    /// The closes without a prompt, by the reason of a suppressed survey or else the state's name.
    pub unsent: BTreeMap<String, u64>,
    pub prompted: u64,
    pub commented: u64,
    /// How often each score was given, from 0 on.
    pub scores: [u64; SCORES],
    /// When the latest prompt without an answer was sent.
    pub last_unanswered_at: Option<Millis>,
    /// The milliseconds from each answered prompt to its score.
    pub waits_ms: Vec<u64>,
}

impl Counts {
    /// Counts one close.
    pub(super) fn of_close(facts: &SurveyFacts) -> Self {
        let unsent = facts.unsent.clone().map(|why| (why, 1));
        Self { closes: 1, unsent: unsent.into_iter().collect(), ..Self::default() }
    }

    /// Counts one prompt with its answer.
    pub(super) fn of_prompt(facts: &SurveyFacts, sent_at: Millis) -> Self {
        let answer = facts.score.filter(|score| facts.kind.scores().contains(score));
        let mut counts = Self {
            prompted: 1,
            commented: u64::from(facts.commented_at.is_some()),
            ..Self::default()
        };
        match answer {
            Some(score) => counts.scores[usize::from(score)] = 1,
            None => counts.last_unanswered_at = Some(sent_at),
        }
        if let (Some(_), Some(scored_at)) = (answer, facts.scored_at) {
            let wait_ms = millis(scored_at.since(sent_at));
            counts.waits_ms.push(u64::try_from(wait_ms).unwrap_or(0));
        }
        counts
    }

    /// Adds the counts of other surveys.
    pub fn add(&mut self, more: &Self) {
        self.closes += more.closes;
        for (why, count) in &more.unsent {
            match self.unsent.get_mut(why) {
                Some(sum) => *sum += count,
                None => drop(self.unsent.insert(why.clone(), *count)),
            }
        }
        self.prompted += more.prompted;
        self.commented += more.commented;
        for (sum, count) in self.scores.iter_mut().zip(more.scores) {
            *sum += count;
        }
        self.last_unanswered_at = self.last_unanswered_at.max(more.last_unanswered_at);
        self.waits_ms.extend_from_slice(&more.waits_ms);
    }

    /// The number of scores.
    pub fn answered(&self) -> u64 {
        self.scores.iter().sum()
    }

    pub(super) fn into_group(
        self,
        key: Option<String>,
        kind: SurveyType,
        hidden: Option<Hidden>,
        terms: &Terms<'_>,
    ) -> Group {
        let answered = self.answered();
        let is_shown = hidden.is_none();
        let (score, mean) = (self.score(kind), self.mean(kind));
        let scale = usize::from(*kind.scores().start())..=usize::from(*kind.scores().end());
        let is_fresh = |sent_at: Millis| terms.now.since(sent_at) < terms.fresh_for;
        let is_reason = |why: &String| Reason::parse(why).is_some();
        let (suppressed, unsent) = self.unsent.into_iter().partition(|(why, _)| is_reason(why));
        Group {
            key,
            kind,
            closes: self.closes,
            suppressed,
            unsent,
            prompted: self.prompted,
            answered,
            commented: self.commented,
            response_rate: (self.prompted > 0)
                .then(|| 100.0 * answered as f64 / self.prompted as f64),
            immature: self.last_unanswered_at.is_some_and(is_fresh),
            score: score.filter(|_| is_shown),
            mean: mean.filter(|_| is_shown),
            distribution: if is_shown { self.scores[scale].to_vec() } else { Vec::new() },
            median_response_seconds: median_seconds(self.waits_ms).filter(|_| is_shown),
            hidden,
        }
    }

    fn score(&self, kind: SurveyType) -> Option<Estimate> {
        let lowest = usize::from(*kind.scores().start());
        let given = |mood: Mood| mood.count(kind, &self.scores[lowest..]);
        match kind {
            SurveyType::Csat => {
                scores::csat(given(Mood::Happy), self.scores[lowest..=5].iter().sum())
            }
            SurveyType::Nps => {
                scores::nps(given(Mood::Happy), given(Mood::Middling), given(Mood::Unhappy))
            }
        }
    }

    fn mean(&self, kind: SurveyType) -> Option<f64> {
        let answered = self.answered();
        match kind {
            SurveyType::Csat if answered > 0 => {
                let points: u64 = (0..).zip(self.scores).map(|(score, count)| score * count).sum();
                Some(points as f64 / answered as f64)
            }
            SurveyType::Csat | SurveyType::Nps => None,
        }
    }
}

/// The median of lengths in milliseconds, given in seconds. If their number is even, it is half way
/// between the middle two.
fn median_seconds(mut lengths_ms: Vec<u64>) -> Option<f64> {
    let middle = lengths_ms.len() / 2;
    if lengths_ms.is_empty() {
        return None;
    }
    let is_even = lengths_ms.len().is_multiple_of(2);
    let (below, upper, _) = lengths_ms.select_nth_unstable(middle);
    let upper = *upper;
    let lower = below.iter().copied().max().filter(|_| is_even).unwrap_or(upper);
    Some((lower + upper) as f64 / 2.0 / 1000.0)
}
