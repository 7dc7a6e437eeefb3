//! The one table of the addresses of pages and API, with who may open each.
//!
//! Requests are led by this table alone. An address without a row does not exist.

use axum::body::Body;
use axum::http::Method;
use futures_util::future::BoxFuture;

use super::visit::{AuditedResponse, Visit};
use super::{api, audit, download, service, shown, sign_in, survey_pages, views};
use crate::domain::access::Role;
use crate::domain::access::Role::{Admin, Agent, Auditor, Supervisor};

/// What an address is for. That decides how people are known and how refusals read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// For people with a browser.
    Page,
    /// For programs, by token or session.
    Api,
    /// A file that pages load. It shows nothing of anybody.
    Asset,
}

/// Who may open an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Everybody,
    /// Whoever has one of these roles.
    Roles(&'static [Role]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Also HEAD.
    Get,
    Post,
}

/// Answers one request, which may have a body.
pub type Handler = fn(Visit, Body) -> BoxFuture<'static, AuditedResponse>;

/// One row of the table.
pub struct Route {
    pub verb: Verb,
    /// The path. `{id}` stands for one part of it that is not empty.
    pub path: &'static str,
    pub who: Who,
    pub kind: RouteKind,
    /// What the audit log says whenever this is shown. Absent if it shows nothing of anybody.
    pub deed: Option<&'static str>,
    /// The page's name in the header of all pages. Absent if it is not listed there.
    pub label: Option<&'static str>,
    pub handler: Handler,
}

const ANSWERS: Who = Who::Roles(&[Supervisor]);
const SURVEYS: Who = Who::Roles(&[Supervisor, Admin]);
const OPERATIONS: Who = Who::Roles(&[Admin, Supervisor]);

macro_rules! route {
    ($verb:ident $path:literal, $kind:ident, $who:expr, $deed:expr, $label:expr, $handler:expr) => {
        Route {
            verb: Verb::$verb,
            path: $path,
            who: $who,
            kind: RouteKind::$kind,
            deed: $deed,
            label: $label,
            handler: $handler,
        }
    };
}

#[rustfmt::skip]
pub static ROUTES: [Route; 17] = [
    route!(Get "/", Page, ANSWERS, Some("saw results"), Some("Results"), |visit, _| Box::pin(shown::results(visit))),
    route!(Get "/comments", Page, ANSWERS, Some("saw comments"), Some("Comments"), |visit, _| Box::pin(shown::comments(visit))),
    route!(Get "/surveys", Page, SURVEYS, Some("saw surveys"), Some("Surveys"), |visit, _| Box::pin(survey_pages::surveys(visit))),
    route!(Get "/surveys/{id}", Page, SURVEYS, Some("saw survey"), None, |visit, _| Box::pin(survey_pages::survey(visit))),
    route!(Get "/health", Page, OPERATIONS, None, Some("Health"), |visit, _| Box::pin(service::health(visit))),
    route!(Get "/mine", Page, Who::Roles(&[Agent]), Some("saw own results"), Some("Your results"), |visit, _| Box::pin(shown::own(visit))),
    route!(Get "/audit", Page, Who::Roles(&[Auditor]), Some("saw audit log"), Some("Audit"), |visit, _| Box::pin(audit::get(visit))),
    route!(Get "/login", Page, Who::Everybody, None, None, |visit, _| Box::pin(sign_in::get(visit))),
    route!(Post "/login", Page, Who::Everybody, None, None, |visit, body| Box::pin(sign_in::post(visit, body))),
    route!(Post "/logout", Page, Who::Everybody, None, None, |visit, _| Box::pin(sign_in::sign_out(visit))),
    route!(Get "/v1/report", Api, ANSWERS, Some("saw results"), None, |visit, _| Box::pin(api::report(visit))),
    route!(Get "/v1/export", Api, ANSWERS, Some("exported"), None, |visit, _| Box::pin(download::export(visit))),
    route!(Get "/v1/surveys", Api, SURVEYS, Some("saw surveys"), None, |visit, _| Box::pin(api::surveys(visit))),
    route!(Get "/v1/surveys/{id}", Api, SURVEYS, Some("saw survey"), None, |visit, _| Box::pin(api::survey(visit))),
    route!(Get "/v1/status", Api, OPERATIONS, None, None, |visit, _| Box::pin(api::status(visit))),
    route!(Get "/v1/openapi.json", Api, OPERATIONS, None, None, |visit, _| Box::pin(api::openapi(visit))),
    route!(Get "/assets/{id}", Asset, Who::Everybody, None, None, |visit, _| Box::pin(views::asset(visit))),
];

impl Route {
    /// True if the row answers that method.
    pub fn takes(&self, method: &Method) -> bool {
        match self.verb {
            Verb::Get => method == Method::GET || method == Method::HEAD,
            Verb::Post => method == Method::POST,
        }
    }
}

/// Returns the rows of a path.
pub fn at(path: &str) -> Vec<&'static Route> {
    ROUTES.iter().filter(|route| fits(route.path, path).is_some()).collect()
}

/// Returns the part of the path where the row has `{id}`.
pub fn id(route: &Route, path: &str) -> Option<String> {
    fits(route.path, path)?.map(str::to_owned)
}

/// Returns who may open the page that a path with a query leads to. Returns nothing for any other
/// address, such as another site's.
pub fn who_opens(address: &str) -> Option<&'static [Role]> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#';
    if address.len() > ADDRESS_BYTES_MAX || !address.bytes().all(is_plain) {
        return None;
    }
    let path = address.split('?').next().unwrap_or_default();
    let page =
        at(path).into_iter().find(|it| it.kind == RouteKind::Page && it.verb == Verb::Get)?;
    match page.who {
        Who::Roles(roles) => Some(roles),
        Who::Everybody => None,
    }
}

/// The longest address that a sign-in leads on to.
const ADDRESS_BYTES_MAX: usize = 2_000;

/// Nothing if the path does not fit the row's. The inner value is the part at `{id}`.
fn fits<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    let Some(before) = pattern.strip_suffix("{id}") else {
        return (pattern == path).then_some(None);
    };
    let id = path.strip_prefix(before)?;
    (!id.is_empty() && !id.contains('/')).then_some(Some(id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_stands_once_and_changes_nothing_by_get() {
        let rows: BTreeSet<(&str, bool)> =
            ROUTES.iter().map(|route| (route.path, route.verb == Verb::Get)).collect();
        assert_eq!(rows.len(), ROUTES.len());
        for route in &ROUTES {
            let is_api = route.path.starts_with("/v1/");
            assert_eq!(route.kind == RouteKind::Api, is_api, "{}", route.path);
            let of_anybody = route.who == Who::Everybody;
            assert!(!of_anybody || route.deed.is_none(), "{}: nobody would be named", route.path);
        }
    }

    /// What the contract says of each address, written down a second time.
    #[test]
    fn each_address_is_for_the_roles_of_the_contract() {
        let roles = |path: &str| match at(path)[0].who {
            Who::Everybody => "everybody".to_owned(),
            Who::Roles(roles) => {
                let mut names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
                names.sort_unstable();
                names.join(" ")
            }
        };
        for (path, expected) in [
            ("/", "supervisor"),
            ("/comments", "supervisor"),
            ("/surveys", "admin supervisor"),
            ("/surveys/s-1", "admin supervisor"),
            ("/health", "admin supervisor"),
            ("/mine", "agent"),
            ("/audit", "auditor"),
            ("/login", "everybody"),
            ("/logout", "everybody"),
            ("/v1/report", "supervisor"),
            ("/v1/export", "supervisor"),
            ("/v1/surveys", "admin supervisor"),
            ("/v1/surveys/s-1", "admin supervisor"),
            ("/v1/status", "admin supervisor"),
            ("/v1/openapi.json", "admin supervisor"),
            ("/assets/results.css", "everybody"),
        ] {
            assert_eq!(roles(path), expected, "{path}");
        }
    }

    #[test]
    fn whatever_shows_answers_is_in_the_audit_log() {
        let without: Vec<&str> =
            ROUTES.iter().filter(|route| route.deed.is_none()).map(|route| route.path).collect();
        let operations = [
            "/health",
            "/login",
            "/login",
            "/logout",
            "/v1/status",
            "/v1/openapi.json",
            "/assets/{id}",
        ];
        assert_eq!(without, operations);
    }

    #[test]
    fn a_path_fits_a_row_as_a_whole() {
        let path = |path: &str| at(path).first().map(|route| route.path);
        assert_eq!(path("/surveys/s-1"), Some("/surveys/{id}"));
        assert_eq!(id(at("/surveys/s-1")[0], "/surveys/s-1").as_deref(), Some("s-1"));
        for other in
            ["", "/surveys/", "/surveys/a/b", "/Surveys", "/audit/", "//audit", "/v1/reports"]
        {
            assert_eq!(path(other), None, "{other}");
        }
    }

    #[test]
    fn a_sign_in_leads_on_to_own_pages_alone() {
        for own in
            ["/", "/?team=billing", "/comments", "/surveys/s-1", "/audit?before=1-x", "/?next=//a"]
        {
            assert!(who_opens(own).is_some(), "{own}");
        }
        for other in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/evil",
            "?/",
            " /",
            "/ ",
            "/#/",
            "/\r\nSet-Cookie: a=b",
            "/comments/",
            "/%2Fevil.example",
            "/.//evil.example",
            "/v1/export",
            "/login",
            "/logout",
            "/healthz",
            "/assets/results.css",
            "/sürveys",
        ] {
            assert_eq!(who_opens(other), None, "{other}");
        }
        assert_eq!(who_opens(&format!("/?{}", "a".repeat(ADDRESS_BYTES_MAX))), None);
    }
}
