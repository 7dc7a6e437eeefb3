//! The pages of the results and the API. They show who may see them and little else yet.

use super::assets;
use super::page::ErrorForm;
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::access::Viewer;
use crate::domain::id::SurveyId;
use crate::store::ResultRow;

/// The longest id of a survey that is worth a look.
const ID_BYTES_MAX: usize = 64;

/// A file that pages load.
pub async fn asset(visit: Visit) -> AuditedResponse {
    let found = visit.id.as_deref().and_then(assets::at);
    found.unwrap_or_else(|| ErrorForm::of("/assets/", &visit.headers).nothing_here()).into()
}

/// Returns the survey that the path names, if whoever asks may see it. A survey of another account
/// or team is answered like one that does not exist.
pub async fn found(visit: &Visit, form: ErrorForm) -> Result<ResultRow, AuditedResponse> {
    let id = visit.id.as_deref().filter(|id| id.len() <= ID_BYTES_MAX);
    let Some(id) = id else { return Err(form.nothing_here().into()) };
    let row = visit.web.store.survey(&SurveyId::new(id)).await.map_err(|error| {
        log_failure(&visit.web.store, &error, "a survey cannot be read");
        AuditedResponse::from(
            form.unavailable("The survey cannot be read now. Try again in a moment."),
        )
    })?;
    row.filter(|row| is_shown_to(visit.viewer(), row)).ok_or_else(|| form.nothing_here().into())
}

/// True if the viewer may see the survey.
pub fn is_shown_to(viewer: &Viewer, row: &ResultRow) -> bool {
    viewer.may_see_account(&row.survey.account)
        && viewer.may_see_team(row.survey.notice.team.as_deref())
}
