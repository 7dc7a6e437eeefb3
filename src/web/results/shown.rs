//! Reads what the pages show, and has them drawn.

use axum::http::StatusCode;
use axum::response::Response;

use super::asked::{Asked, score};
use super::page::{ErrorForm, PAGES, page, page_of_view};
use super::service::operations;
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::blocks::{Block, by_kind};
use crate::domain::mood::Mood;
use crate::domain::summary::Report;
use crate::domain::survey_type::SurveyType;
use crate::domain::view::View;
use crate::pages::comments::{Comment, CommentList, CommentsPage, MoodCounts};
use crate::pages::filters::Choices;
use crate::pages::links;
use crate::pages::mine;
use crate::pages::results::{ResultsPage, Week};
use crate::store::{CellDetail, List, Place, ResultRow};

/// The comments on the page of results, and on a page of comments.
const COMMENTS_FEW: u32 = 6;
const COMMENTS: u32 = 50;
/// The most answers of a view whose comments are counted by their scores. Of more it takes longer
/// than the rest of the page.
const COUNTED_MAX: u64 = 100_000;

/// What a handler comes to before it is put on record.
type Shown = Result<AuditedResponse, Response>;

fn answer(shown: Shown) -> AuditedResponse {
    shown.unwrap_or_else(AuditedResponse::from)
}

/// The page of results.
pub async fn results(visit: Visit) -> AuditedResponse {
    answer(results_of(&visit).await)
}

async fn results_of(visit: &Visit) -> Shown {
    let mut asked = Asked::of(visit, ErrorForm::of("/", &visit.headers), &[]).await?;
    if let Some(refusal) = asked.until_today() {
        return Err(refusal);
    }
    let compared = asked.compared(links::breakdown(&asked.view), CellDetail::Scores).await?;
    let kind = kind_of(&asked, &compared.report);
    let weeks = asked.reading.weeks(&asked.within).await;
    let (mondays, mut course) = weeks.map_err(|error| asked.failed(&error))?;
    let total = compared.total(kind).map(|row| &row.group);
    // A view that shows no score has no course of it either.
    if total.is_some_and(|total| total.score.is_none()) {
        course.withhold(kind);
    }
    let (zone, now) = (&asked.reading.zone, asked.reading.now);
    let weeks = Week::course(&mondays, &course, kind, zone.day_of(now));
    let comments = comments_of(&asked, kind, &compared.report, None, COMMENTS_FEW).await?;
    let choices = asked.choices();
    let operations = operations(visit, asked.left).await;
    let shown = ResultsPage {
        view: &asked.view,
        obeyed: &asked.within.filters,
        fresh_for: asked.reading.fresh_for,
        answers_today: asked.answers_today(kind).await?,
        zone,
        now,
        kind,
        choices: &choices,
        operations: &operations,
        compared: &compared,
        weeks: &weeks,
        comments: &comments,
    };
    let response = page_of_view(visit, &asked.view, "Results", PAGES.results(&shown));
    let answers = compared.total(kind).map_or(0, |row| row.group.answered);
    Ok(AuditedResponse::showing(response, asked.shown(Some(answers))))
}

/// The type that a page shows: the one asked for, else the first that has results.
fn kind_of(asked: &Asked, report: &Report) -> SurveyType {
    let first = report.totals.first().map(|total| total.kind);
    let known = asked.names.kinds.first().copied();
    asked.view.kind.or(first).or(known).unwrap_or(SurveyType::Csat)
}

/// Reads a page of comments. A view with too few answers shows none, and a comment appears without
/// the names that the view holds back.
async fn comments_of(
    asked: &Asked,
    kind: SurveyType,
    report: &Report,
    after: Option<&Place>,
    most: u32,
) -> Result<CommentList, Response> {
    let total = report.totals.iter().find(|total| total.kind == kind);
    let Some(shown) = total.filter(|total| total.score.is_some()) else {
        let is_held = total.is_some_and(|total| total.answered + total.commented > 0);
        return Ok(CommentList { is_held, ..CommentList::default() });
    };
    let view = View { kind: Some(kind), ..asked.within.clone() };
    let counts = match shown.answered <= COUNTED_MAX {
        true => mood_counts(asked, &view).await?,
        false => None,
    };
    let page = asked.reading.store.listed(&view, List::Comments, after, most).await;
    let mut page = page.map_err(|error| asked.failed(&error))?;
    asked.take_off_held_names(shown, &mut page.rows).await?;
    Ok(CommentList {
        comments: page.rows.into_iter().filter_map(comment).collect(),
        total: Some(shown.commented),
        counts,
        next: page.next.map(|place| place.text()),
        is_held: false,
    })
}

/// Counts the comments of one type by the mood of their scores.
async fn mood_counts(asked: &Asked, view: &View) -> Result<Option<MoodCounts>, Response> {
    let counts = asked.reading.store.comments_by_score(view).await;
    let (Some(counts), Some(kind)) = (counts.map_err(|error| asked.failed(&error))?, view.kind)
    else {
        return Ok(None);
    };
    let of = |mood: Mood| {
        let scores = mood.scores(kind);
        let is_of = |score: &Option<i64>| {
            score.and_then(|it| u8::try_from(it).ok()).is_some_and(|it| scores.contains(&it))
        };
        counts.iter().filter(|(score, _)| is_of(score)).map(|(_, count)| count).sum()
    };
    Ok(Some(MoodCounts {
        unhappy: of(Mood::Unhappy),
        middling: of(Mood::Middling),
        happy: of(Mood::Happy),
    }))
}

fn comment(row: ResultRow) -> Option<Comment> {
    Some(Comment {
        survey_id: row.survey.id.to_string(),
        kind: row.survey.kind,
        score: score(&row),
        text: row.told.text?,
        at: row.told.commented_at?,
        team: row.survey.notice.team,
        agent: row.survey.notice.agent,
        language: row.survey.notice.language,
        tags: row.survey.notice.tags,
    })
}

/// The page of comments.
pub async fn comments(visit: Visit) -> AuditedResponse {
    answer(comments_page(&visit).await)
}

async fn comments_page(visit: &Visit) -> Shown {
    let form = ErrorForm::of("/comments", &visit.headers);
    let mut asked = Asked::of(visit, form, &[]).await?;
    if let Some(refusal) = asked.until_today() {
        return Err(refusal);
    }
    let report = asked.scores().await?;
    let kind = kind_of(&asked, &report);
    let list = comments_of(&asked, kind, &report, asked.after.as_ref(), COMMENTS).await?;
    let choices = Choices { agents: asked.agents().await?, ..asked.choices() };
    let shown = CommentsPage {
        view: &asked.view,
        zone: &asked.reading.zone,
        now: asked.reading.now,
        kind: Some(kind),
        choices: &choices,
        list: &list,
        min_group: asked.reading.min_group,
    };
    let response = page_of_view(visit, &asked.view, "Comments", PAGES.comments(&shown));
    Ok(AuditedResponse::showing(response, asked.shown(None)))
}

/// The blocks of one type that an agent is shown. Their sum stands beside them.
const BLOCKS: usize = 12;

/// The page of an agent's own results: closed blocks, and nothing else.
pub async fn own(visit: Visit) -> AuditedResponse {
    let terms = &visit.live.results;
    let agent = visit.viewer().agent.clone().unwrap_or_default();
    let published = match visit.web.store.blocks(&agent, visit.web.clock.now()).await {
        Ok(published) => published,
        Err(error) => {
            log_failure(&visit.web.store, &error, "an agent's blocks cannot be read");
            let words = "Your results cannot be read now. Try again in a moment.";
            return ErrorForm::of("/mine", &visit.headers).unavailable(words).into();
        }
    };
    let kinds: Vec<mine::ScoredBlocks> = by_kind(&published, BLOCKS)
        .into_iter()
        .map(|of_kind| mine::ScoredBlocks {
            kind: of_kind.kind,
            blocks: of_kind.blocks.into_iter().take(BLOCKS).filter_map(block).collect(),
            sum: of_kind.sum.and_then(block),
        })
        .collect();
    let shown = mine::MinePage {
        agent: &agent,
        kinds: &kinds,
        block_min: terms.agent_min,
        delay_days: u32::try_from(terms.agent_delay.as_secs().div_ceil(86_400)).unwrap_or(u32::MAX),
    };
    page(&visit, StatusCode::OK, "Your results", PAGES.mine(&shown)).into()
}

fn block(block: Block) -> Option<mine::ScoredBlock> {
    let Block { days, sorts } = block;
    Some(mine::ScoredBlock { days, answers: sorts.answers(), score: sorts.score()? })
}
