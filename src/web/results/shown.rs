//! Reads what the pages show, and has them drawn.

use axum::http::StatusCode;
use axum::response::Response;

use super::asked::Asked;
use super::page::{ErrorForm, PAGES, page, page_of_view};
use super::views::found;
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::access::Role;
use crate::domain::blocks::{Block, by_kind};
use crate::domain::policy::DAY;
use crate::domain::summary::Report;
use crate::domain::survey::State;
use crate::domain::survey_type::SurveyType;
use crate::domain::view::View;
use crate::domain::waiting::{Obstacle, Presence, obstacles};
use crate::pages::comments::{Comment, CommentList, CommentsPage};
use crate::pages::filters::Choices;
use crate::pages::health::{AccountHealth, BudgetLeft, Doing, HealthPage};
use crate::pages::links;
use crate::pages::mine;
use crate::pages::operations::Operations;
use crate::pages::results::{ResultsPage, Week};
use crate::pages::surveys::{self, LifeEvent, LifeStep, SurveyLine, SurveyPage, SurveysPage};
use crate::results::history::{self, EntryKind};
use crate::store::{Detail, List, Place, ResultRow};
use crate::web::snapshot::Figures;

/// The comments on the page of results, and on a page of comments.
const COMMENTS_FEW: u32 = 6;
const COMMENTS: u32 = 50;
/// The surveys on a page of their list.
const SURVEYS: u32 = 50;

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
    asked.until_today()?;
    let compared = asked.compared(links::breakdown(&asked.view), Detail::Scores).await?;
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
    let choices = choices(&asked);
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

fn choices(asked: &Asked) -> Choices {
    let names = &asked.names;
    Choices {
        kinds: names.kinds.iter().copied().collect(),
        accounts: names.accounts.iter().cloned().collect(),
        teams: names.teams.iter().cloned().collect(),
        languages: names.languages.iter().cloned().collect(),
    }
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
    let page = asked.reading.store.listed(&view, List::Comments, after, most).await;
    let mut page = page.map_err(|error| asked.failed(&error))?;
    asked.take_off_held_names(shown, &mut page.rows).await?;
    Ok(CommentList {
        comments: page.rows.into_iter().filter_map(comment).collect(),
        total: Some(shown.commented),
        counts: None,
        next: page.next.map(|place| place.text()),
        is_held: false,
    })
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

fn score(row: &ResultRow) -> Option<u8> {
    let score = u8::try_from(row.told.score?).ok()?;
    row.survey.kind.scores().contains(&score).then_some(score)
}

/// The page of comments.
pub async fn comments(visit: Visit) -> AuditedResponse {
    answer(comments_page(&visit).await)
}

async fn comments_page(visit: &Visit) -> Shown {
    let form = ErrorForm::of("/comments", &visit.headers);
    let mut asked = Asked::of(visit, form, &[]).await?;
    asked.until_today()?;
    let report = asked.scores().await?;
    let kind = kind_of(&asked, &report);
    let list = comments_of(&asked, kind, &report, asked.after.as_ref(), COMMENTS).await?;
    let choices = choices(&asked);
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

/// The list of surveys.
pub async fn surveys(visit: Visit) -> AuditedResponse {
    answer(surveys_page(&visit).await)
}

async fn surveys_page(visit: &Visit) -> Shown {
    let form = ErrorForm::of("/surveys", &visit.headers);
    let mut asked = Asked::of(visit, form, &[]).await?;
    asked.until_today()?;
    asked.with_today();
    let store = &asked.reading.store;
    let list = store.listed(&asked.within, List::Newest, asked.after.as_ref(), SURVEYS).await;
    let list = list.map_err(|error| asked.failed(&error))?;
    let shows_answers = visit.viewer().has_role(Role::Supervisor);
    let lines: Vec<SurveyLine> = list.rows.iter().map(|row| line(row, shows_answers)).collect();
    let choices = choices(&asked);
    let next = list.next.map(|place| place.text());
    let shown = SurveysPage {
        view: &asked.view,
        zone: &asked.reading.zone,
        now: asked.reading.now,
        shows_answers,
        choices: &choices,
        surveys: &lines,
        next: next.as_deref(),
    };
    let response = page_of_view(visit, &asked.view, "Surveys", PAGES.surveys(&shown));
    Ok(AuditedResponse::showing(response, asked.shown(None)))
}

fn line(row: &ResultRow, shows_answers: bool) -> SurveyLine {
    let survey = &row.survey;
    SurveyLine {
        id: survey.id.to_string(),
        closed_at: survey.closed_at,
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
    let told = surveys::Answer {
        score: score(&row),
        scored_at: row.told.scored_at,
        text: row.told.text.clone(),
        commented_at: row.told.commented_at,
    };
    let told = if shows_answers { told } else { surveys::Answer::default() };
    let shown = SurveyPage {
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

/// What due surveys wait for, by account. Empty if the database does not answer.
async fn obstacles_of(visit: &Visit) -> Vec<(String, Vec<Obstacle>)> {
    let served = &visit.live.served;
    let Ok(facts) = visit.web.store.waiting(served, visit.web.clock.now()).await else {
        return Vec::new();
    };
    let viewer = visit.viewer();
    let facts = facts.into_iter().filter(|facts| viewer.may_see_account(&facts.account));
    let found = facts.map(|mut facts| {
        facts.presence = Presence::Works { since: None };
        (facts.account.clone(), obstacles(&facts))
    });
    found.collect()
}

/// What the service does now, at the accounts that the viewer may see.
async fn operations(visit: &Visit, left: u64) -> Operations {
    let mut operations = Operations { counting: left, ..Operations::default() };
    let Some(figures) = visit.web.snapshot.recent().await else { return operations };
    let viewer = visit.viewer();
    for served in &visit.live.served {
        if !viewer.may_see_account(&served.account) {
            continue;
        }
        match doing(&figures, &served.account, served.is_dry) {
            Doing::Sends => operations.sending += 1,
            Doing::DryRun => operations.dry += 1,
            Doing::IsHeld => operations.held += 1,
            Doing::IsPaused => operations.paused += 1,
        }
        let Some(account) = figures.accounts.get(&served.account) else { continue };
        if viewer.sees_all_teams() {
            operations.daily_limit += u64::from(served.daily_limit);
            operations.prompts_of_day += u64::try_from(account.prompts).unwrap_or(0);
        }
        if let Some(behind) = account.events_behind {
            // The lag is that of the instant at which the figures were read.
            let read_to = visit.web.clock.now().minus(figures.made_at.elapsed()).minus(behind);
            operations.read_to = Some(operations.read_to.map_or(read_to, |at| at.min(read_to)));
        }
    }
    let of_state = |state: &str| {
        let mut counts = figures.status.by_state.iter();
        let count = counts.find(|(name, _)| *name == state).map_or(0, |(_, count)| *count);
        u64::try_from(count).unwrap_or(0)
    };
    if viewer.sees_all() {
        operations.waiting = Some(of_state("scheduled"));
        operations.uncertain = of_state("uncertain");
    }
    operations
}

fn doing(figures: &Figures, account: &str, is_dry: bool) -> Doing {
    match figures.accounts.get(account) {
        Some(account) if account.is_paused => Doing::IsPaused,
        Some(account) if account.is_held => Doing::IsHeld,
        _ if is_dry => Doing::DryRun,
        _ => Doing::Sends,
    }
}

/// The page of how the service works.
pub async fn health(visit: Visit) -> AuditedResponse {
    let form = ErrorForm::of("/health", &visit.headers);
    let Some(figures) = visit.web.snapshot.recent().await else {
        let words = "The database has not answered yet. Try again in a moment.";
        return form.unavailable(words).into();
    };
    let (now, zone) = (visit.web.clock.now(), &visit.live.results.zone);
    let counting = visit.web.store.results_left(zone).await.unwrap_or(0);
    let mut found = obstacles_of(&visit).await;
    let must_act: Vec<String> = found
        .iter()
        .flat_map(|(_, obstacles)| obstacles)
        .filter(|obstacle| obstacle.must_act)
        .map(Obstacle::line)
        .collect();
    let mut accounts = Vec::new();
    let (sees_all, sees_all_teams) = (visit.viewer().sees_all(), visit.viewer().sees_all_teams());
    for served in &visit.live.served {
        if !visit.viewer().may_see_account(&served.account) {
            continue;
        }
        let of_account = found.iter_mut().find(|(account, _)| *account == served.account);
        let mut obstacles =
            of_account.map(|(_, obstacles)| std::mem::take(obstacles)).unwrap_or_default();
        if !sees_all_teams {
            obstacles.iter_mut().for_each(|obstacle| obstacle.surveys = 0);
        }
        let status = visit.web.store.account_status(&served.account, now.minus(DAY)).await.ok();
        let limit = u64::from(served.daily_limit);
        let sent = status.as_ref().map_or(0, |status| status.prompts_of_day);
        let prompts = BudgetLeft {
            what: "prompts in 24 hours".to_owned(),
            left: limit.saturating_sub(u64::try_from(sent).unwrap_or(0)),
            limit,
        };
        accounts.push(AccountHealth {
            name: served.account.clone(),
            doing: doing(&figures, &served.account, served.is_dry),
            obstacles,
            calls: if sees_all_teams { vec![prompts] } else { Vec::new() },
            read_to: status.as_ref().and_then(|status| status.events.done_to),
            gaps: status.map_or(0, |status| status.unread.len() as u64),
        });
    }
    let states = figures.status.by_state.iter();
    let states: Vec<(&str, u64)> =
        states.map(|(name, count)| (*name, u64::try_from(*count).unwrap_or(0))).collect();
    let shown = HealthPage {
        shows_all: sees_all,
        zone,
        now,
        must_act: &must_act,
        accounts: &accounts,
        surveys: &states,
        oldest_due: figures.status.oldest_due,
        next_due: figures.status.next_due,
        counting,
        database_bytes: u64::try_from(figures.status.database_bytes).unwrap_or(0),
        alerts: &[],
        version: env!("SURVEYD_VERSION"),
        up_since: Some(visit.web.up_since),
    };
    page(&visit, StatusCode::OK, "Health", PAGES.health(&shown)).into()
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
    page(&visit, StatusCode::OK, "My results", PAGES.mine(&shown)).into()
}

fn block(block: Block) -> Option<mine::ScoredBlock> {
    let Block { days, sorts } = block;
    Some(mine::ScoredBlock { days, answers: sorts.answers(), score: sorts.score()? })
}
