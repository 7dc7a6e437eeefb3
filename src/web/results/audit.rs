//! The page of the audit log.

use axum::http::StatusCode;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::page::{ErrorForm, content, page};
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::store::{AuditEntry, AuditPlace};

/// The entries of one page.
const PAGE: usize = 100;

/// An entry as the page shows it.
#[derive(Serialize)]
struct AuditRow {
    at: String,
    who: String,
    roles: String,
    what: String,
    detail: String,
    address: String,
}

impl AuditRow {
    fn of(entry: AuditEntry, zone: &Zone) -> Self {
        let AuditEntry { at, way, name, roles, what, detail, address } = entry;
        let who = match way.as_str() {
            "token" | "proxy" | "alert" => format!("{name} ({way})"),
            _ => name,
        };
        // Milliseconds tell a reader nothing.
        let (day, time) = zone.wall_clock_to_second(at);
        let at = format!("{day} {time}");
        Self { at, who, roles: roles.replace(',', ", "), what, detail, address }
    }
}

/// Shows the newest entries, or those before a place.
pub async fn get(visit: Visit) -> AuditedResponse {
    let before = match before(&visit.query) {
        Ok(before) => before,
        Err(words) => return ErrorForm::Page.refuse(StatusCode::BAD_REQUEST, &words).into(),
    };
    let limit = u32::try_from(PAGE + 1).expect("a page is small");
    let mut entries = match visit.web.store.audited(before.as_ref(), limit).await {
        Ok(entries) => entries,
        Err(error) => {
            log_failure(&visit.web.store, &error, "the audit log cannot be read");
            let words = "The audit log cannot be read now. Try again in a moment.";
            return ErrorForm::Page.unavailable(words).into();
        }
    };
    let has_more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|(place, _)| format!("/audit?before={}-{}", place.at.0, place.id));
    let count = entries.len();
    let zone = &visit.live.results.zone;
    let rows = entries.into_iter().map(|(_, entry)| AuditRow::of(entry, zone));
    let rows: Vec<AuditRow> = rows.collect();
    let rows = content("audit.html", context! { entries => Serde(rows), next });
    let response = page(&visit, StatusCode::OK, "Audit", rows);
    let shown = match before {
        Some(place) => format!("before={}-{}, {count} entries", place.at.0, place.id),
        None => format!("{count} entries"),
    };
    AuditedResponse::showing(response, shown)
}

/// Reads the place that a query names. The error says what is wrong with the query.
fn before(query: &str) -> Result<Option<AuditPlace>, String> {
    let mut before = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != "before" {
            return Err(format!("There is no `{key}` here: leave it out, or write `before`."));
        }
        if before.is_some() {
            return Err("`before` is given twice: leave one out.".into());
        }
        before = Some(place(&value).ok_or_else(|| {
            format!("`before` is {value:?}, and no place in the log: follow the links of the page.")
        })?);
    }
    Ok(before)
}

fn place(text: &str) -> Option<AuditPlace> {
    let (at, id) = text.split_once('-')?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(AuditPlace { at: Millis(at.parse().ok()?), id: is_id.then(|| id.to_owned())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stands_at_the_time_of_the_business() {
        let at = Millis::from_rfc3339("2026-11-30T23:03:07.512Z").unwrap();
        let text = String::new;
        let entry = AuditEntry {
            at,
            way: "token".into(),
            name: "warehouse".into(),
            roles: "supervisor,admin".into(),
            what: text(),
            detail: text(),
            address: text(),
        };
        let row = AuditRow::of(entry, &Zone::parse("Europe/Berlin").unwrap());
        assert_eq!((&*row.at, &*row.who), ("2026-12-01 00:03:07", "warehouse (token)"));
    }

    #[test]
    fn a_query_names_a_place_or_is_refused_with_its_remedy() {
        assert_eq!(before(""), Ok(None));
        let id = "0198c2a1b2c37d4e8f90a1b2c3d4e5f6";
        let place = AuditPlace { at: Millis(1_790_000_000_000), id: id.into() };
        assert_eq!(before(&format!("before=1790000000000-{id}")), Ok(Some(place)));
        for (query, words) in [
            ("befor=1", "There is no `befor` here: leave it out, or write `before`."),
            (
                "before=yesterday",
                "`before` is \"yesterday\", and no place in the log: follow the links of the page.",
            ),
            (
                "before=1-x",
                "`before` is \"1-x\", and no place in the log: follow the links of the page.",
            ),
        ] {
            assert_eq!(before(query), Err(words.into()), "{query}");
        }
        let twice = format!("before=1-{id}&before=1-{id}");
        assert_eq!(before(&twice), Err("`before` is given twice: leave one out.".into()));
    }
}
