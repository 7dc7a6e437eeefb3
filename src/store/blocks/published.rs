//! Reads the blocks that an agent sees. Nothing else of an agent's answers may be read.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::domain::blocks::{Block, PublishedBlock, Sorts};
use crate::domain::days::{Day, Days};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

/// The most blocks that are shown: two years of them, if one of each type closes each week.
const SHOWN_MAX: i64 = 208;

const PUBLISHED: &str = "select kind, no, from_day, to_day, n, content, promoters, detractors \
     from agent_block where agent = $1 and published_at <= $2 \
     order by to_day desc, kind, no desc limit $3";

impl Store {
    /// Returns the blocks that an agent sees, at most 208, the newest first. The agent is the name
    /// in the notices, whatever the account.
    pub async fn blocks(&self, agent: &str, now: Millis) -> Result<Vec<PublishedBlock>> {
        let rows = sqlx::query(PUBLISHED)
            .bind(agent)
            .bind(now.0)
            .bind(SHOWN_MAX)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(published).collect()
    }
}

fn published(row: &AnyRow) -> Result<PublishedBlock> {
    let count = |column: &str| -> Result<u64> {
        let count: Option<i64> = row.try_get(column)?;
        let count = count.and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| Error::Broken(format!("a block without its {column}")))
    };
    let day = |column: &str| -> Result<Day> {
        Ok(Day(i32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(i32::MAX)))
    };
    let kind: String = row.try_get("kind")?;
    let kind = SurveyType::parse(&kind)
        .ok_or_else(|| Error::Broken(format!("a block of the type {kind}")))?;
    let answers = count("n")?;
    let sorts = match kind {
        SurveyType::Csat => {
            let content = count("content")?;
            Sorts::Csat { content, others: answers.saturating_sub(content) }
        }
        SurveyType::Nps => {
            let (promoters, detractors) = (count("promoters")?, count("detractors")?);
            let passives = answers.saturating_sub(promoters + detractors);
            Sorts::Nps { promoters, passives, detractors }
        }
    };
    let days = Days { from: day("from_day")?, to: day("to_day")? };
    Ok(PublishedBlock { no: count("no")?, block: Block { days, sorts } })
}
