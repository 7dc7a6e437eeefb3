//! The page of the audit log.

use axum::http::StatusCode;

use super::asked::{show_days, until_today, with_today};
use super::page::{ErrorForm, PAGES, page_of_view};
use super::visit::{AuditedResponse, Visit, log_failure};
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::domain::view::View;
use crate::pages::audit::{AuditLine, AuditPage};
use crate::store::{AuditEntry, AuditPlace};

/// The entries of one page.
const PAGE: usize = 100;

/// The keys of a view that the page obeys.
const KEYS: [&str; 4] = ["period", "from", "to", "before"];

/// Shows the newest entries of a period, or those before a place.
pub async fn get(visit: Visit) -> AuditedResponse {
    let (zone, now) = (&visit.live.results.zone, visit.web.clock.now());
    let (view, before) = match asked(&visit.query, zone, now) {
        Ok(asked) => asked,
        Err(words) => return ErrorForm::Page.refuse(StatusCode::BAD_REQUEST, &words).into(),
    };
    let limit = u32::try_from(PAGE + 1).expect("a page is small");
    let mut entries = match visit.web.store.audited(view.period, before.as_ref(), limit).await {
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
    let next = last.map(|(place, _)| format!("{}-{}", place.at.0, place.id));
    let lines: Vec<AuditLine> = entries.into_iter().map(|(_, entry)| line(entry)).collect();
    let shown = AuditPage { view: &view, zone, now, entries: &lines, next: next.as_deref() };
    let response = page_of_view(&visit, &view, "Audit", PAGES.audit(&shown));
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(view.pairs()).finish();
    let told = if query.is_empty() { query } else { query + ", " };
    AuditedResponse::showing(response, format!("{told}{} entries", lines.len()))
}

fn line(entry: AuditEntry) -> AuditLine {
    let AuditEntry { at, way, name, roles, what, detail, address } = entry;
    let who = match way.as_str() {
        "token" | "proxy" | "alert" => format!("{name} ({way})"),
        _ => name,
    };
    AuditLine { at, who, roles: roles.replace(',', ", "), what, detail, address }
}

/// Reads the period and the place that a query names. The error says what is wrong with the query.
fn asked(query: &str, zone: &Zone, now: Millis) -> Result<(View, Option<AuditPlace>), String> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !KEYS.contains(&key.as_ref())) {
        let [others @ .., last] = KEYS.map(|key| format!("`{key}`"));
        let keys = format!("{} or {last}", others.join(", "));
        return Err(format!("There is no `{key}` here: leave it out, or write {keys}."));
    }
    let pairs = pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
    let mut view = View::parse(pairs, zone, now).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        faults.join("; ")
    })?;
    let today = zone.day_of(now);
    let days = until_today(view.days, today)?;
    show_days(&mut view, days, zone);
    let days = with_today(&view, today);
    show_days(&mut view, days, zone);
    let before = match view.before.as_deref() {
        Some(text) => Some(place(text).ok_or_else(|| {
            format!("`before` is {text:?}, and no place in the log: follow the links of the page.")
        })?),
        None => None,
    };
    Ok((view, before))
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
    fn who_came_by_another_way_than_a_password_is_marked() {
        let text = String::new;
        let entry = AuditEntry {
            at: Millis(0),
            way: "token".into(),
            name: "warehouse".into(),
            roles: "supervisor,admin".into(),
            what: text(),
            detail: text(),
            address: text(),
        };
        let line = line(entry);
        assert_eq!((&*line.who, &*line.roles), ("warehouse (token)", "supervisor, admin"));
    }

    #[test]
    fn a_query_names_a_period_and_a_place_or_is_refused_with_its_remedy() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let now = Millis::from_rfc3339("2026-11-30T13:04:00Z").unwrap();
        let read = |query: &str| asked(query, &zone, now);
        let days = |query: &str| read(query).map(|(view, _)| view.days.to_string());
        assert_eq!(days(""), Ok("2026-11-02 to 2026-11-30".into()));
        assert_eq!(days("period=month"), Ok("2026-10-01 to 2026-10-31".into()));
        assert_eq!(days("from=2026-11-29&to=2026-12-31"), Ok("2026-11-29 to 2026-11-30".into()));
        let id = "0198c2a1b2c37d4e8f90a1b2c3d4e5f6";
        let place = AuditPlace { at: Millis(1_790_000_000_000), id: id.into() };
        let before = format!("before=1790000000000-{id}");
        assert_eq!(read(&before).map(|(_, before)| before), Ok(Some(place)));
        for (query, words) in [
            (
                "befor=1",
                "There is no `befor` here: leave it out, or write `period`, `from`, `to` or \
                 `before`.",
            ),
            (
                "before=yesterday",
                "`before` is \"yesterday\", and no place in the log: follow the links of the page.",
            ),
            (
                "before=1-x",
                "`before` is \"1-x\", and no place in the log: follow the links of the page.",
            ),
            ("before=1-x&before=2-x", "before is given 2 times; give it once"),
            (
                "period=week",
                "period=\"week\" cannot be read: period is 7d, 28d, 90d, month or year",
            ),
            ("from=2026-12-01", "2026-12-01 is after today, 2026-11-30: nothing has happened yet."),
        ] {
            assert_eq!(read(query).map(|_| ()), Err(words.into()), "{query}");
        }
    }
}
