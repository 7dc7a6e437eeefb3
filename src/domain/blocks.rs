//! Decides when an agent's answers become a block, and sums the blocks that the agent sees.
//!
//! An agent must not find out who gave which score. So the agent sees sums of whole blocks and
//! nothing else. Each block has at least `report.agent_min` answers, no two blocks share one, and a
//! block never changes. So whatever is added to or taken from what the agent has seen, no smaller
//! group of answers is left over.
//!
//! Owns the rule of the blocks, their weeks and their sums. Must not know how answers are kept. The
//! rule holds together only with what the store does: an answer counts once, from the moment at
//! which surveyd had it on record. Counted by any other date, a late answer would change a block.

use std::time::Duration;

use super::days::{Day, Days, Zone};
use super::summary::{Estimate, csat, nps};
use super::survey_type::SurveyType;
use super::time::{INSTANT, Millis};

/// The configuration of blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockRule {
    /// The zone of the weeks.
    pub zone: Zone,
    /// The fewest answers of a block.
    pub agent_min: u32,
    /// From the end of a block's last week until the agent sees the block.
    pub agent_delay: Duration,
}

impl BlockRule {
    /// The last millisecond of a week, named by its Sunday.
    pub fn week_ends_at(&self, sunday: Day) -> Millis {
        self.zone.period(Days { from: sunday, to: sunday }).to
    }

    /// When the agent sees a block whose last week has that Sunday.
    pub fn published_at(&self, sunday: Day) -> Millis {
        self.week_ends_at(sunday).plus(INSTANT).plus(self.agent_delay)
    }

    /// The week at whose end the piles are looked at next, by its Sunday. `None` if it is not over.
    ///
    /// Each week is looked at once, so a clock that was set back repeats none. `last` is the last
    /// week that was. Before the first of all, the week of the first answer is.
    pub fn next_week(
        &self,
        last: Option<Day>,
        first_answer: Option<Millis>,
        now: Millis,
    ) -> Option<Day> {
        let over = self.zone.day_of(now).monday().plus(-1);
        let next = match last {
            Some(sunday) => sunday.plus(7),
            None => sunday_of(self.zone.day_of(first_answer?)),
        };
        let next = next.max(over.plus(-7 * WEEKS_MAX));
        (next <= over).then_some(next)
    }

    /// The days of a block that closes at the end of a week. They begin where the block before it
    /// has ended, so no gap tells in which weeks nobody answered.
    pub fn days(&self, block_before: Option<Day>, first_answer: Millis, sunday: Day) -> Days {
        let from = match block_before {
            Some(last_day) => last_day.plus(1),
            None => self.zone.day_of(first_answer).monday(),
        };
        Days { from: from.min(sunday.monday()), to: sunday }
    }
}

/// The most weeks that are looked at one by one after a long stop.
const WEEKS_MAX: i32 = 53;

fn sunday_of(day: Day) -> Day {
    day.monday().plus(6)
}

/// How many answers of each sort there are. Blocks tell no more than these apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sorts {
    /// `content` gave 4 or 5.
    Csat { content: u64, others: u64 },
    /// `promoters` gave 9 or 10, `passives` 7 or 8, `detractors` 0 to 6.
    Nps { promoters: u64, passives: u64, detractors: u64 },
}

impl Sorts {
    /// Counts scores that are given by how often each occurs, from 0 on.
    pub fn of(kind: SurveyType, scores: &[u64; 11]) -> Self {
        let given = |from: usize, to: usize| scores[from..=to].iter().sum();
        match kind {
            SurveyType::Csat => Self::Csat { content: given(4, 5), others: given(1, 3) },
            SurveyType::Nps => Self::Nps {
                promoters: given(9, 10),
                passives: given(7, 8),
                detractors: given(0, 6),
            },
        }
    }

    pub fn kind(self) -> SurveyType {
        match self {
            Self::Csat { .. } => SurveyType::Csat,
            Self::Nps { .. } => SurveyType::Nps,
        }
    }

    pub fn answers(self) -> u64 {
        match self {
            Self::Csat { content, others } => content + others,
            Self::Nps { promoters, passives, detractors } => promoters + passives + detractors,
        }
    }

    /// The share of the content in per cent, or the NPS, with its interval. `None` if nobody
    /// answered.
    pub fn score(self) -> Option<Estimate> {
        match self {
            Self::Csat { content, .. } => csat(content, self.answers()),
            Self::Nps { promoters, passives, detractors } => nps(promoters, passives, detractors),
        }
    }

    /// The number of answers outside the largest sort.
    fn outside_the_largest(self) -> u64 {
        let largest = match self {
            Self::Csat { content, others } => content.max(others),
            Self::Nps { promoters, passives, detractors } => {
                promoters.max(passives).max(detractors)
            }
        };
        self.answers() - largest
    }

    /// Both together. `None` if they are of different types, which are never mixed.
    fn plus(self, more: Self) -> Option<Self> {
        match (self, more) {
            (Self::Csat { content, others }, Self::Csat { content: c, others: o }) => {
                Some(Self::Csat { content: content + c, others: others + o })
            }
            (
                Self::Nps { promoters, passives, detractors },
                Self::Nps { promoters: p, passives: n, detractors: d },
            ) => Some(Self::Nps {
                promoters: promoters + p,
                passives: passives + n,
                detractors: detractors + d,
            }),
            (Self::Csat { .. }, Self::Nps { .. }) | (Self::Nps { .. }, Self::Csat { .. }) => None,
        }
    }
}

/// The answers of one agent and one type that are in no block yet, at the end of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pile {
    /// The days of the block that it may become.
    pub days: Days,
    pub sorts: Sorts,
}

/// Answers that are shown together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whole weeks, from a Monday to a Sunday.
    pub days: Days,
    pub sorts: Sorts,
}

/// The fewest answers outside the largest sort. If all but one agree, somebody who knows of that
/// one knows all the others.
const APART_MIN: u64 = 2;

/// So many times the fewest answers close a block, too, even if all agree. Otherwise an agent whom
/// everybody likes would never see a block.
const ANYWAY: u64 = 4;

/// Closes the pile of a week's end as a block, if it may be shown. Otherwise it waits for the next
/// week's end.
pub fn close(pile: &Pile, agent_min: u32) -> Option<Block> {
    let (answers, least) = (pile.sorts.answers(), u64::from(agent_min));
    let is_mixed = pile.sorts.outside_the_largest() >= APART_MIN;
    let is_closed = answers >= least && is_mixed || answers >= ANYWAY * least;
    is_closed.then_some(Block { days: pile.days, sorts: pile.sorts })
}

/// A block that the agent sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedBlock {
    /// From 1, for each agent and type.
    pub no: u64,
    pub block: Block,
}

/// All that an agent sees of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub kind: SurveyType,
    /// The newest first. Never empty.
    pub blocks: Vec<Block>,
    /// The newest `summed` together. `None` if there is only one.
    pub sum: Option<Block>,
    pub summed: usize,
}

/// Parts published blocks by type and sums the last few of each. The blocks of a type are given
/// newest first.
pub fn by_kind(published: &[PublishedBlock], last: usize) -> Vec<Blocks> {
    let of_kind = |kind: SurveyType| {
        let blocks = published.iter().map(|published| published.block);
        let blocks: Vec<Block> = blocks.filter(|block| block.sorts.kind() == kind).collect();
        let summed = blocks.len().min(last);
        let sum = (summed > 1).then(|| sum(&blocks[..summed])).flatten();
        (!blocks.is_empty()).then_some(Blocks { kind, blocks, sum, summed })
    };
    SurveyType::ALL.into_iter().filter_map(of_kind).collect()
}

fn sum(blocks: &[Block]) -> Option<Block> {
    let (newest, older) = blocks.split_first()?;
    older.iter().try_fold(*newest, |sum, block| {
        let from = sum.days.from.min(block.days.from);
        let days = Days { from, to: sum.days.to.max(block.days.to) };
        Some(Block { days, sorts: sum.sorts.plus(block.sorts)? })
    })
}

#[cfg(test)]
mod tests;
