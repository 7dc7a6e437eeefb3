//! The list of surveys, and the page of one.

use axum::http::StatusCode;
use axum::response::Response;

use super::asked::{Asked, score};
use super::page::{ErrorForm, PAGES, page, page_of_view};
use super::service::obstacles_of;
use super::views::{found, is_shown_to};
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::access::Role;
use crate::domain::id::SurveyId;
use crate::domain::survey::State;
use crate::pages::surveys::{self, LifeEvent, LifeStep, SurveyLine, SurveyPage, SurveysPage};
use crate::results::history::{self, EntryKind};
use crate::store::{List, ResultRow};

/// The surveys on a page of their list.
const SURVEYS: u32 = 50;
/// The key of the search, and the longest id that is worth one.
const FIND: &str = "find";
const FIND_BYTES_MAX: usize = 512;

/// The list of surveys.
pub async fn surveys(visit: Visit) -> AuditedResponse {
    let shown = match searched(&visit) {
        Some(id) => search_page(&visit, &id).await,
        None => surveys_page(&visit).await,
    };
    shown.unwrap_or_else(AuditedResponse::from)
}

async fn asked(visit: &Visit) -> Result<Asked, Response> {
    let form = ErrorForm::of("/surveys", &visit.headers);
    let mut asked = Asked::of(visit, form, &[FIND]).await?;
    if let Some(refusal) = asked.until_today() {
        return Err(refusal);
    }
    asked.with_today();
    Ok(asked)
}

async fn surveys_page(visit: &Visit) -> Result<AuditedResponse, Response> {
    let asked = asked(visit).await?;
    let store = &asked.reading.store;
    let list = store.listed(&asked.within, List::Newest, asked.after.as_ref(), SURVEYS).await;
    let list = list.map_err(|error| asked.failed(&error))?;
    let next = list.next.map(|place| place.text());
    let response = rows_page(visit, &asked, &list.rows, None, next.as_deref());
    Ok(AuditedResponse::showing(response, asked.shown(None)))
}

/// The id that the list is searched for. Nothing if it is not searched.
fn searched(visit: &Visit) -> Option<String> {
    let mut pairs = form_urlencoded::parse(visit.query.as_bytes());
    let (_, id) = pairs.find(|(key, _)| key == FIND)?;
    let id = id.trim();
    (!id.is_empty() && id.len() <= FIND_BYTES_MAX).then(|| id.to_owned())
}

/// The surveys of one conversation, or the survey of one id, whenever it closed. What the viewer
/// may not see is not found.
async fn search_page(visit: &Visit, id: &str) -> Result<AuditedResponse, Response> {
    let asked = asked(visit).await?;
    let store = &asked.reading.store;
    let accounts = asked.names.accounts.iter().cloned();
    let of_conversation = store.of_conversation(accounts, id, SURVEYS).await;
    let mut rows = of_conversation.map_err(|error| asked.failed(&error))?;
    let of_id = store.survey(&SurveyId::new(id)).await.map_err(|error| asked.failed(&error))?;
    rows.extend(of_id);
    rows.retain(|row| is_shown_to(visit.viewer(), row));
    let response = rows_page(visit, &asked, &rows, Some(id), None);
    Ok(AuditedResponse::showing(response, format!("{FIND}={id}")))
}

fn rows_page(
    visit: &Visit,
    asked: &Asked,
    rows: &[ResultRow],
    searched: Option<&str>,
    next: Option<&str>,
) -> Response {
    let shows_answers = visit.viewer().has_role(Role::Supervisor);
    let lines: Vec<SurveyLine> = rows.iter().map(|row| line(row, shows_answers)).collect();
    let shown = SurveysPage {
        view: &asked.view,
        zone: &asked.reading.zone,
        now: asked.reading.now,
        shows_answers,
        choices: &asked.choices(),
        surveys: &lines,
        searched,
        next,
    };
    page_of_view(visit, &asked.view, "Surveys", PAGES.surveys(&shown))
}

fn line(row: &ResultRow, shows_answers: bool) -> SurveyLine {
    let survey = &row.survey;
    SurveyLine {
        id: survey.id.to_string(),
        closed_at: survey.closed_at,
        conversation: survey.conversation_id.as_str().to_owned(),
        account: survey.account.clone(),
        team: survey.notice.team.clone(),
        agent: survey.notice.agent.clone().filter(|_| shows_answers),
        kind: survey.kind,
        state: survey.state.name().to_owned(),
        reason: survey.state.reason(),
        score: score(row).filter(|_| shows_answers),
        is_commented: shows_answers && row.told.text.is_some(),
    }
}

/// The page of one survey.
pub async fn survey(visit: Visit) -> AuditedResponse {
    let form = ErrorForm::of("/surveys", &visit.headers);
    let row = match found(&visit, form).await {
        Ok(row) => row,
        Err(answer) => return answer,
    };
    let shows_answers = visit.viewer().has_role(Role::Supervisor);
    let entries = match visit.web.store.history(&row.survey.id).await {
        Ok(steps) => history::entries(&row, steps, history::answers(&row)),
        Err(error) => {
            log_failure(&visit.web.store, &error, "a survey's history cannot be read");
            let words = "The survey cannot be read now. Try again in a moment.";
            return form.unavailable(words).into();
        }
    };
    let entries = if shows_answers { entries } else { history::without_names(entries) };
    let steps: Vec<LifeStep> = entries
        .into_iter()
        .map(|entry| LifeStep {
            at: entry.at,
            what: match entry.kind {
                EntryKind::Close | EntryKind::Step => LifeEvent::State(entry.state),
                EntryKind::Score(score) => LifeEvent::Scored(score),
                EntryKind::Comment => LifeEvent::Commented,
            },
            detail: entry.detail.filter(|_| !entry.kind.is_answer()),
        })
        .collect();
    let survey = &row.survey;
    let told = surveys::SurveyAnswer {
        score: score(&row),
        scored_at: row.told.scored_at,
        text: row.told.text.clone(),
        commented_at: row.told.commented_at,
    };
    let told = if shows_answers { told } else { surveys::SurveyAnswer::default() };
    let account = visit.live.intake.accounts.get(&survey.account);
    let shown = SurveyPage {
        display_name: account.and_then(|it| it.account.display_name.as_deref()),
        zone: &visit.live.results.zone,
        now: visit.web.clock.now(),
        shows_answers,
        survey: &line(&row, shows_answers),
        source: &survey.source,
        conversation: survey.conversation_id.as_str(),
        question_variant_id: survey.question_variant_id,
        due_at: survey.due_at,
        sent_at: survey.state.delivery().map(|delivery| delivery.sent_at),
        tags: &survey.notice.tags,
        language: survey.notice.language.as_deref(),
        rule: row.rule(),
        variant: row.variant(),
        is_test: survey.test,
        answer: &told,
        history: &steps,
        waits: &waits(&visit, &row).await,
    };
    let response = page(&visit, StatusCode::OK, "Survey", PAGES.survey(&shown));
    AuditedResponse::showing(response, survey.id.to_string())
}

/// What holds back a survey that is due: what its account waits for.
async fn waits(visit: &Visit, row: &ResultRow) -> Vec<String> {
    let is_due = row.survey.due_at <= visit.web.clock.now();
    if row.survey.state != State::Scheduled || !is_due {
        return Vec::new();
    }
    let found = obstacles_of(visit).await.into_iter();
    let of_account = found.filter(|(account, _)| *account == row.survey.account);
    of_account.flat_map(|(_, obstacles)| obstacles).map(|obstacle| obstacle.line()).collect()
}
