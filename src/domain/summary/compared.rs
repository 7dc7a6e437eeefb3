//! Lays two periods side by side and says what has changed by more than chance.
//!
//! A change needs a score in both periods. What one period hides has no change either, or the
//! change would give it away. Cohorts whose answers still come in are compared by what came in so
//! far, and say so. Their response rates are never compared.

use std::collections::HashMap;

use super::difference::{CsatCounts, Difference, NpsCounts, csat, holm, nps};
use super::wording::{NoScore, ScoreComparison};
use super::{Estimate, Group, GroupBy, Hidden, Report, scores};
use crate::domain::mood::Mood;
use crate::domain::survey_type::SurveyType;

/// A report beside that of the period it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The report's own totals, one for each type.
    pub totals: Vec<ComparedGroup>,
    /// The rows of the breakdown in the report's order.
    pub rows: Vec<ComparedGroup>,
    pub report: Report,
    pub before: Option<Report>,
}

/// A group in both periods.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedGroup {
    pub group: Group,
    /// The same group in the period before. `None` if it had no surveys then, or if there is no
    /// such period.
    pub before: Option<Group>,
    /// `None` if either period has no score to show.
    pub change: Option<PeriodChange>,
}

/// A change between two periods that a reader may see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeriodChange {
    pub difference: Difference,
    /// True if the change is more than chance. The rows of a table are judged together, so that
    /// looking at many of them does not make one. A row's interval may then leave out 0 although
    /// its change may be chance.
    pub more_than_chance: bool,
    /// True if answers to the later period may still come.
    pub so_far: bool,
}

/// What is left of a total without one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Without {
    /// The row of the group that was taken out.
    pub row: ComparedGroup,
    pub now: Estimate,
    pub before: Estimate,
    pub change: PeriodChange,
}

/// Compares a report with that of another period. Both have the same breakdown.
pub fn compare(report: Report, before: Option<Report>) -> Compared {
    let earlier = before.as_ref();
    let totals = pairs(&report.totals, earlier.map(|before| &*before.totals));
    let mut rows = pairs(&report.groups, earlier.map(|before| &*before.groups));
    for kind in SurveyType::ALL {
        judge_together(rows.iter_mut().filter(|row| row.group.kind == kind));
    }
    Compared { totals, rows, report, before }
}

/// Lays each group beside its like in the earlier period.
fn pairs(now: &[Group], earlier: Option<&[Group]>) -> Vec<ComparedGroup> {
    let earlier = earlier.unwrap_or_default().iter();
    let earlier: HashMap<_, _> =
        earlier.map(|group| ((group.key.as_deref(), group.kind), group)).collect();
    let row = |group: &Group| {
        let before = earlier.get(&(group.key.as_deref(), group.kind)).copied();
        let change = before.and_then(|before| change(before, group));
        ComparedGroup { group: group.clone(), before: before.cloned(), change }
    };
    now.iter().map(row).collect()
}

/// Judges the rows of one table by Holm's procedure.
fn judge_together<'r>(rows: impl Iterator<Item = &'r mut ComparedGroup>) {
    let mut changes: Vec<&mut PeriodChange> = rows.filter_map(|row| row.change.as_mut()).collect();
    let p: Vec<f64> = changes.iter().map(|change| change.difference.p).collect();
    for (change, is_called) in changes.iter_mut().zip(holm(&p)) {
        change.more_than_chance = is_called;
    }
}

fn change(before: &Group, now: &Group) -> Option<PeriodChange> {
    let difference = difference(now.kind, &before.distribution, &now.distribution)?;
    let more_than_chance = difference.leaves_out_zero();
    Some(PeriodChange { difference, more_than_chance, so_far: now.immature })
}

/// The difference of two distributions, each from the lowest score of the type on. An empty one is
/// hidden.
fn difference(kind: SurveyType, before: &[u64], now: &[u64]) -> Option<Difference> {
    match kind {
        SurveyType::Csat => csat(csat_counts(before), csat_counts(now)),
        SurveyType::Nps => nps(nps_counts(before), nps_counts(now)),
    }
}

fn csat_counts(distribution: &[u64]) -> CsatCounts {
    let content = Mood::Happy.count(SurveyType::Csat, distribution);
    CsatCounts { content, answers: distribution.iter().sum() }
}

fn nps_counts(distribution: &[u64]) -> NpsCounts {
    let given = |mood: Mood| mood.count(SurveyType::Nps, distribution);
    NpsCounts {
        promoters: given(Mood::Happy),
        passives: given(Mood::Middling),
        detractors: given(Mood::Unhappy),
    }
}

fn estimate(kind: SurveyType, distribution: &[u64]) -> Option<Estimate> {
    match kind {
        SurveyType::Csat => {
            let CsatCounts { content, answers } = csat_counts(distribution);
            scores::csat(content, answers)
        }
        SurveyType::Nps => {
            let NpsCounts { promoters, passives, detractors } = nps_counts(distribution);
            scores::nps(promoters, passives, detractors)
        }
    }
}

impl Compared {
    /// The total of one type.
    pub fn total(&self, kind: SurveyType) -> Option<&ComparedGroup> {
        self.totals.iter().find(|row| row.group.kind == kind)
    }

    /// What there is to say of the total of one type.
    pub fn comparison(&self, kind: SurveyType) -> ScoreComparison {
        let floor = self.report.min_group;
        let why = |group: Option<&Group>| match group.and_then(|group| group.hidden) {
            None => NoScore::NobodyAnswered,
            Some(Hidden::SmallGroup) => NoScore::TooFew { floor },
            Some(Hidden::Differencing) => NoScore::Withheld,
        };
        let total = self.total(kind);
        let before = total.and_then(|total| total.before.as_ref());
        let change = total.and_then(|total| total.change);
        match (total.and_then(|total| total.group.score), before, change) {
            (None, _, _) => ScoreComparison::NothingNow(why(total.map(|total| &total.group))),
            (Some(_), Some(group), Some(change)) => match group.score {
                Some(score) => ScoreComparison::Scores {
                    before: score,
                    answers_before: group.answered,
                    difference: change.difference,
                },
                None => ScoreComparison::NothingBefore(why(before)),
            },
            (Some(_), _, _) => ScoreComparison::NothingBefore(why(before)),
        }
    }

    /// The rows of one type.
    pub fn rows_of(&self, kind: SurveyType) -> impl Iterator<Item = &ComparedGroup> {
        self.rows.iter().filter(move |row| row.group.kind == kind)
    }

    /// The group that moved the total most among those that changed by more than chance, and what
    /// is left without it. `None` if no group did, if groups overlap, or if too few answers are
    /// left.
    pub fn without_the_mover(&self, kind: SurveyType) -> Option<Without> {
        if self.report.by == GroupBy::Tag {
            return None;
        }
        let total = self.total(kind)?;
        let weight = |row: &ComparedGroup| {
            let points = row.change.map_or(0.0, |change| change.difference.points);
            points.abs() * row.group.answered as f64
        };
        let moved = self.rows_of(kind).filter(|row| row.change.is_some_and(|c| c.more_than_chance));
        let row = moved.max_by(|one, other| weight(one).total_cmp(&weight(other)))?;
        let rest = |all: &Group, part: &Group| -> Option<Vec<u64>> {
            let pairs = all.distribution.iter().zip(&part.distribution);
            let rest: Vec<u64> = pairs.map(|(all, part)| all.saturating_sub(*part)).collect();
            let is_enough = rest.iter().sum::<u64>() >= u64::from(self.report.min_group.max(1));
            is_enough.then_some(rest)
        };
        let now = rest(&total.group, &row.group)?;
        let before = rest(total.before.as_ref()?, row.before.as_ref()?)?;
        let difference = difference(kind, &before, &now)?;
        let more_than_chance = difference.leaves_out_zero();
        Some(Without {
            row: row.clone(),
            now: estimate(kind, &now)?,
            before: estimate(kind, &before)?,
            change: PeriodChange { difference, more_than_chance, so_far: total.group.immature },
        })
    }
}

#[cfg(test)]
mod tests;
