//! The facts that a report counts of each survey.

use super::{ResultRow, ResultsQuery, each};
use crate::domain::summary::SurveyFacts;
use crate::domain::survey::State;
use crate::store::{Error, Result, Store};

/// Reads the facts of all surveys that `query` finds.
pub async fn facts(store: &Store, query: &ResultsQuery) -> Result<Vec<SurveyFacts>> {
    let mut facts = Vec::new();
    each::<Error>(store, query, |row| {
        facts.push(fact(row));
        Ok(())
    })
    .await?;
    Ok(facts)
}

fn fact(row: &ResultRow) -> SurveyFacts {
    let survey = &row.survey;
    let notice = survey.notice.clone().without_blank_names();
    SurveyFacts {
        account: survey.account.clone(),
        source: survey.source.clone(),
        kind: survey.kind,
        question_variant_id: survey.question_variant_id,
        test: survey.test,
        agent: notice.agent,
        team: notice.team,
        tags: notice.tags,
        language: notice.language,
        rule: row.rule().map(str::to_owned),
        variant: row.variant().map(str::to_owned),
        closed_at: survey.closed_at,
        unsent: match &survey.state {
            State::Sent(_) | State::Answered(_) => None,
            State::Suppressed(reason) => Some(reason.as_str().to_owned()),
            other => Some(other.name().to_owned()),
        },
        sent_at: survey.state.delivery().map(|delivery| delivery.sent_at),
        score: row.told.score.and_then(|score| u8::try_from(score).ok()),
        scored_at: row.told.scored_at,
        commented_at: row.told.text.as_ref().and(row.told.commented_at),
    }
}
