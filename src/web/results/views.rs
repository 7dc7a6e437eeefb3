//! The pages of the results and the API. They show who may see them and little else yet.

use axum::http::StatusCode;
use minijinja::context;

use super::assets;
use super::page::{ErrorForm, page};
use super::visit::{Answer, Visit, log_failure};
use crate::domain::id::SurveyId;
use crate::store::ResultRow;

/// The longest id of a survey that is worth a look.
const ID_BYTES_MAX: usize = 64;

/// A page with nothing but its title.
pub async fn plain(visit: Visit, title: &'static str) -> Answer {
    page(&visit, StatusCode::OK, ("plain.html", title), context! { title }).into()
}

/// A file that pages load.
pub async fn asset(visit: Visit) -> Answer {
    let found = visit.id.as_deref().and_then(assets::at);
    found.unwrap_or_else(|| ErrorForm::of("/assets/", &visit.headers).nothing_here()).into()
}

/// The page of one survey.
pub async fn survey(visit: Visit) -> Answer {
    match found(&visit, ErrorForm::of("/surveys", &visit.headers)).await {
        Ok(row) => {
            let survey = &row.survey;
            let content = context! {
                id => survey.id.as_str(),
                account => survey.account.as_str(),
                state => survey.state.name(),
                closed_at => survey.closed_at.rfc3339(),
            };
            let response = page(&visit, StatusCode::OK, ("survey.html", "Survey"), content);
            Answer::showing(response, survey.id.to_string())
        }
        Err(answer) => answer,
    }
}

/// Returns the survey that the path names, if whoever asks may see it. A survey of another account
/// or team is answered like one that does not exist.
pub async fn found(visit: &Visit, form: ErrorForm) -> Result<ResultRow, Answer> {
    let id = visit.id.as_deref().filter(|id| id.len() <= ID_BYTES_MAX);
    let Some(id) = id else { return Err(form.nothing_here().into()) };
    let row = visit.web.store.survey(&SurveyId::new(id)).await.map_err(|error| {
        log_failure(&visit.web.store, &error, "a survey cannot be read");
        Answer::from(form.unavailable("The survey cannot be read now. Try again in a moment."))
    })?;
    let viewer = visit.viewer();
    let is_shown = |row: &ResultRow| {
        viewer.may_see_account(&row.survey.account)
            && viewer.may_see_team(row.survey.notice.team.as_deref())
    };
    row.filter(is_shown).ok_or_else(|| form.nothing_here().into())
}
