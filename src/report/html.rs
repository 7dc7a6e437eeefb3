//! Writes a report as one file for the browser: the page of results with both types of survey, one
//! below the other.

use super::error::ReportError;
use crate::domain::summary::Compared;
use crate::domain::survey_type::SurveyType;
use crate::domain::view::View;
use crate::pages::Pages;
use crate::pages::comments::{Comment, CommentList};
use crate::pages::filters::Choices;
use crate::pages::operations::Operations;
use crate::pages::results::{ResultsPage, Week};
use crate::results::{KnownNames, List, Reading, ResultRow};

/// The comments of one type in a file.
const COMMENTS: u32 = 50;

/// Makes the file. It reads the weeks and the comments itself.
pub async fn render(
    reading: &Reading,
    view: &View,
    compared: &Compared,
) -> Result<String, ReportError> {
    let (mondays, course) = reading.weeks(view).await?;
    let today = reading.zone.day_of(reading.now);
    let kinds: Vec<SurveyType> = compared.totals.iter().map(|row| row.group.kind).collect();
    let kinds = if kinds.is_empty() { vec![SurveyType::Csat] } else { kinds };
    let mut read = Vec::new();
    for kind in kinds {
        let of_kind = View { kind: Some(kind), ..view.clone() };
        let comments = reading.store.listed(&of_kind, List::Comments, None, COMMENTS).await?;
        let list = CommentList {
            comments: comments.rows.into_iter().filter_map(comment).collect(),
            ..CommentList::default()
        };
        read.push((kind, of_kind, Week::course(&mondays, &course, kind, today), list));
    }
    let names = KnownNames::within(reading.store.names().await?, None, None);
    let accounts = names.accounts.into_iter().collect();
    let (choices, operations) = (Choices { accounts, ..Choices::default() }, Operations::default());
    let pages: Vec<ResultsPage<'_>> = read
        .iter()
        .map(|(kind, view, weeks, comments)| ResultsPage {
            view,
            obeyed: &view.filters,
            fresh_for: reading.fresh_for,
            answers_today: 0,
            zone: &reading.zone,
            now: reading.now,
            kind: *kind,
            choices: &choices,
            operations: &operations,
            compared,
            weeks,
            comments,
        })
        .collect();
    let pages = Pages::new(|_| String::new()).results_file(view.days, &pages);
    pages.map_err(|error| ReportError::Written(error.to_string()))
}

fn comment(row: ResultRow) -> Option<Comment> {
    let kind = row.survey.kind;
    Some(Comment {
        survey_id: row.survey.id.to_string(),
        kind,
        score: row.told.score.and_then(|score| u8::try_from(score).ok()),
        text: row.told.text?,
        at: row.told.commented_at?,
        team: row.survey.notice.team,
        agent: row.survey.notice.agent,
        language: row.survey.notice.language,
        tags: row.survey.notice.tags,
    })
}
