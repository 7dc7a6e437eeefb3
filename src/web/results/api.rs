//! Answers the API: the report, lists of surveys, one survey, the status.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::page::ErrorForm;
use super::views::found;
use super::visit::{AuditedResponse, Visit};
use crate::domain::access::Role;
use crate::domain::time::Millis;
use crate::report::json::ReportJson;
use crate::results::history::{self, Entry};
use crate::results::{COLUMNS, ColumnValue, ResultRow};
use crate::store::{AlertStanding, CellDetail, List};
use crate::web::parts;

fn alert_json(standing: &AlertStanding) -> Value {
    let disabled = standing.disabled.as_ref();
    json!({
        "alert": standing.alert,
        "waiting": standing.waiting,
        "failing_since": standing.failing_since.map(Millis::rfc3339),
        "failures": standing.failures,
        "last_error": standing.last_error,
        "disabled_at": disabled.map(|disabled| disabled.at.rfc3339()),
    })
}

/// The document that describes the API. It is kept by hand and held to the routes by a test.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The surveys on a page of a list.
const LIST: u32 = 100;

/// The columns that tell an answer or name a person. An admin sees none of them.
pub const OF_ANSWERS: [&str; 8] =
    ["user_id", "score", "scored_at", "text", "commented_at", "updated_at", "updates", "agent"];

/// The report.
pub async fn report(visit: Visit) -> AuditedResponse {
    let answered = async {
        let asked = Asked::of(&visit, ErrorForm::Problem, &[]).await?;
        let compared = asked.compared(asked.view.by, CellDetail::Whole).await?;
        let answers = compared.totals.iter().map(|row| row.group.answered).sum();
        let body = parts::json(StatusCode::OK, &ReportJson::of(&compared).without(asked.left));
        Ok(AuditedResponse::showing(body, asked.shown(Some(answers))))
    };
    answered.await.unwrap_or_else(|refusal: Response| refusal.into())
}

/// A page of the list of surveys.
#[derive(Serialize)]
struct SurveysJson {
    surveys: Vec<Value>,
    /// The value of `before` that leads to the next page.
    next: Option<String>,
}

/// The surveys whose conversation closed in the period, the newest first.
pub async fn surveys(visit: Visit) -> AuditedResponse {
    let answered = async {
        let asked = Asked::of(&visit, ErrorForm::Problem, &[]).await?;
        let store = &asked.reading.store;
        let page = store.listed(&asked.within, List::Newest, asked.after.as_ref(), LIST).await;
        let page = page.map_err(|error| asked.failed(&error))?;
        let shows_answers = visit.viewer().has_role(Role::Supervisor);
        let body = SurveysJson {
            surveys: page.rows.iter().map(|row| row_json(row, shows_answers)).collect(),
            next: page.next.map(|place| place.text()),
        };
        Ok(AuditedResponse::showing(parts::json(StatusCode::OK, &body), asked.shown(None)))
    };
    answered.await.unwrap_or_else(|refusal: Response| refusal.into())
}

/// A survey with the names of the export.
fn row_json(row: &ResultRow, shows_answers: bool) -> Value {
    let columns =
        COLUMNS.iter().filter(|column| shows_answers || !OF_ANSWERS.contains(&column.name));
    let fields = columns.map(|column| {
        let value = match (column.read)(row) {
            None => Value::Null,
            Some(ColumnValue::Text(text)) => text.into(),
            Some(ColumnValue::Number(number)) => number.into(),
            Some(ColumnValue::Time(at)) => at.rfc3339().into(),
            Some(ColumnValue::Flag(is)) => is.into(),
            Some(ColumnValue::List(texts)) => texts.into(),
        };
        (column.name.to_owned(), value)
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// One survey with its history.
pub async fn survey(visit: Visit) -> AuditedResponse {
    let row = match found(&visit, ErrorForm::Problem).await {
        Ok(row) => row,
        Err(answer) => return answer,
    };
    let shows_answers = visit.viewer().has_role(Role::Supervisor);
    let steps = match visit.web.store.history(&row.survey.id).await {
        Ok(steps) => steps,
        Err(_) => {
            let words = "The survey cannot be read now. Try again in a moment.";
            return ErrorForm::Problem.unavailable(words).into();
        }
    };
    let entries: Vec<Entry> = history::entries(&row, steps, history::answers(&row));
    let entries = if shows_answers { entries } else { history::without_names(entries) };
    let mut body = row_json(&row, shows_answers);
    body["history"] = serde_json::to_value(&entries).expect("an entry is plain data");
    AuditedResponse::showing(parts::json(StatusCode::OK, &body), row.survey.id.to_string())
}

/// The figures of the service.
pub async fn status(visit: Visit) -> AuditedResponse {
    let Some(figures) = visit.web.snapshot.get().await else {
        let words = "The database has not answered yet. Try again in a moment.";
        return ErrorForm::Problem.unavailable(words).into();
    };
    let viewer = visit.viewer();
    let accounts = figures.accounts.iter().filter(|(name, _)| viewer.may_see_account(name));
    let accounts = accounts.map(|(name, account)| {
        let waits = figures.waiting.iter();
        let waits = waits.filter(|((of, _), _)| of == name && viewer.sees_all_teams());
        let waits: Map<String, Value> = waits
            .map(|((_, cause), surveys)| (cause.as_str().to_owned(), (*surveys).into()))
            .collect();
        json!({
            "account": name,
            "prompts_of_day": viewer.sees_all_teams().then_some(account.prompts),
            "events_behind_seconds": account.events_behind.map(|behind| behind.as_secs()),
            "is_paused": account.is_paused,
            "is_held": account.is_held,
            "waits": waits,
        })
    });
    let alerts = figures.alerts.iter().map(alert_json).collect::<Vec<_>>();
    let status = &figures.status;
    let surveys = status.by_state.iter().copied().collect::<BTreeMap<_, _>>();
    let all = viewer.sees_all();
    let body = json!({
        "at": visit.web.clock.now().rfc3339(),
        "version": env!("SURVEYD_VERSION"),
        "takes_writes": visit.web.snapshot.takes_writes(),
        "surveys": all.then_some(surveys),
        "oldest_due": status.oldest_due.filter(|_| all).map(Millis::rfc3339),
        "next_due": status.next_due.filter(|_| all).map(Millis::rfc3339),
        "database_bytes": status.database_bytes,
        "accounts": accounts.collect::<Vec<_>>(),
        "alerts": all.then_some(alerts),
    });
    parts::json(StatusCode::OK, &body).into()
}

/// The document that describes the API.
pub async fn openapi(_: Visit) -> AuditedResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::view::{Filter, View};
    use crate::web::results::routes::{ROUTES, RouteKind};

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn the_document_names_the_addresses_of_the_routes() {
        let of_routes: BTreeSet<&str> = ROUTES
            .iter()
            .filter(|route| route.kind == RouteKind::Api)
            .map(|route| route.path)
            .collect();
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), of_routes);
    }

    #[test]
    fn the_document_names_the_keys_of_a_view() {
        let document = document();
        let named = document["components"]["parameters"].as_object().unwrap();
        let named: BTreeSet<&str> = named.keys().map(String::as_str).collect();
        assert_eq!(
            named,
            View::KEYS.iter().copied().chain(Filter::ALL.map(Filter::as_str)).collect()
        );
    }

    #[test]
    fn the_document_names_the_columns_of_a_survey() {
        let document = document();
        for schema in ["Survey", "SurveyDetail"] {
            let named =
                document["components"]["schemas"][schema]["properties"].as_object().unwrap();
            let mut named: BTreeSet<&str> = named.keys().map(String::as_str).collect();
            named.remove("history");
            assert_eq!(named, COLUMNS.iter().map(|column| column.name).collect(), "{schema}");
        }
    }
}
