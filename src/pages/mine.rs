//! What an agent sees: the closed blocks of their own answers and nothing else.
//!
//! A block is published once and never changes, and blocks do not overlap. So whatever is worked
//! out from the page holds a whole block of answers at least. There is no distribution, comment,
//! filter, choice of days, comparison or live number here, since each would tell single answers.

use serde::Serialize;

use super::charts::{Strip, strip_scale};
use super::words;
use crate::domain::days::Days;
use crate::domain::summary::Estimate;
use crate::domain::survey_type::SurveyType;

/// The answers of some weeks, published together.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredBlock {
    pub days: Days,
    pub answers: u64,
    pub score: Estimate,
}

/// The blocks of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredBlocks {
    pub kind: SurveyType,
    /// The newest first. Never empty.
    pub blocks: Vec<ScoredBlock>,
    /// All of `blocks` together. `None` if there is only one.
    pub sum: Option<ScoredBlock>,
}

/// The page of an agent's own results.
pub struct MinePage<'a> {
    /// Who they are in notices.
    pub agent: &'a str,
    pub kinds: &'a [ScoredBlocks],
    /// The fewest answers of a block.
    pub block_min: u32,
    /// How many days after its last week a block is published.
    pub delay_days: u32,
}

#[derive(Serialize)]
pub(super) struct MineContent {
    agent: String,
    kinds: Vec<BlockTable>,
    block_min: u32,
    delay: String,
}

#[derive(Serialize)]
struct BlockTable {
    name: &'static str,
    meaning: &'static str,
    sum: Option<BlockRow>,
    sum_count: usize,
    lines: Vec<BlockRow>,
    low: String,
    high: String,
}

#[derive(Serialize)]
struct BlockRow {
    days: String,
    answers: String,
    score: String,
    interval: String,
    strip: Strip,
}

/// The width of a block's line, in pixels.
const STRIP_WIDTH: u32 = 168;

impl MinePage<'_> {
    pub(super) fn content(&self) -> MineContent {
        let delay = match self.delay_days {
            0 => "on the day after its last week".to_owned(),
            1 => "a day after its last week".to_owned(),
            days => format!("{days} days after its last week"),
        };
        MineContent {
            agent: words::name(self.agent),
            kinds: self.kinds.iter().map(kind).collect(),
            block_min: self.block_min,
            delay,
        }
    }
}

fn kind(blocks: &ScoredBlocks) -> BlockTable {
    let ends = match blocks.kind {
        SurveyType::Csat => (0.0, 100.0),
        SurveyType::Nps => (-100.0, 100.0),
    };
    let line = |block: &ScoredBlock| line(blocks.kind, block, ends);
    BlockTable {
        name: words::kind(blocks.kind),
        meaning: words::meaning(blocks.kind),
        sum: blocks.sum.as_ref().map(line),
        sum_count: blocks.blocks.len(),
        lines: blocks.blocks.iter().map(line).collect(),
        low: words::on_scale(blocks.kind, ends.0),
        high: words::on_scale(blocks.kind, ends.1),
    }
}

fn line(kind: SurveyType, block: &ScoredBlock, ends: (f64, f64)) -> BlockRow {
    let scale = strip_scale(STRIP_WIDTH, ends);
    let Estimate { value, low, high } = block.score;
    let score = words::score(kind, value);
    let interval = words::interval(low, high);
    BlockRow {
        days: words::days(block.days),
        answers: words::count(block.answers),
        strip: Strip {
            width: STRIP_WIDTH,
            label: format!("{score}, interval {interval}"),
            low: scale.at(low),
            high: scale.at(high),
            mid: scale.at(value),
            before: None,
            guide: None,
            has_track: true,
        },
        score,
        interval,
    }
}
