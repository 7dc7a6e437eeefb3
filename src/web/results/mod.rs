//! Serves the results to the people and programs that may see them.
//!
//! Owns who asks, who may see what, and the record of what was seen. Every request takes the same
//! way: the row of the [`routes`], the host, the origin, who asks, the role, the handler, the audit
//! log. A refusal for lack of a role reads like an address that does not exist.
//!
//! Must not compute a number and must not take closes in.

mod access;
pub mod api;
mod asked;
mod assets;
mod audit;
mod caller;
mod cookie;
mod download;
mod guessing;
mod origin;
mod page;
mod reception;
pub mod routes;
mod service;
mod shown;
mod sign_in;
mod survey_pages;
mod views;
mod visit;
mod who;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use tokio::time::timeout;

use self::page::ErrorForm;
use self::routes::{Route, RouteKind, Verb, Who};
use self::visit::{AuditedResponse, Visit, Visitor, log_failure, redirect};
use self::who::Credentials;
use super::responses::shortened;
use super::{Live, Web, problem};
use crate::pages::NavLink;

pub use access::{Access, Login, Token, TrustedProxy};
pub use caller::PeerAddress;
pub use reception::Reception;

/// The time limit of a handler. It is shorter than the server's own, which knows no pages.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// The most characters of what was shown that an entry of the audit log keeps.
const DETAIL_MAX: usize = 1_000;

/// True if a path is one of the pages or of the API, and there is anybody who may sign in.
pub fn serves(live: &Live, path: &str) -> bool {
    !rows(live, path).is_empty()
}

/// Returns the rows of a path that exist under this configuration.
fn rows(live: &Live, path: &str) -> Vec<&'static Route> {
    let mut rows = routes::at(path);
    rows.retain(|route| match route.kind {
        RouteKind::Page | RouteKind::Asset => live.access.has_pages(),
        RouteKind::Api => live.access.has_api(),
    });
    rows
}

/// Answers all requests that are not for the intake or for monitoring.
pub async fn answer(State(web): State<Arc<Web>>, request: Request) -> Response {
    let live = web.live();
    let has_pages = live.access.has_pages();
    let nobody = if has_pages { None } else { page::nobody_may_sign_in(&request) };
    let mut response = match nobody {
        Some(page) => page,
        None if !live.access.has_api() => return problem::nothing_here(),
        None => {
            let form = match has_pages {
                true => ErrorForm::of(request.uri().path(), request.headers()),
                false => ErrorForm::Problem,
            };
            led(&web, &live, form, request).await
        }
    };
    page::secure(response.headers_mut());
    response
}

fn other_method(form: ErrorForm, allowed: &str) -> Response {
    let words = "This address takes another method.";
    let mut response = form.refuse(StatusCode::METHOD_NOT_ALLOWED, words);
    let allowed = HeaderValue::from_str(allowed).expect("methods are ASCII");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Leads a request to the handler of its row.
async fn led(web: &Arc<Web>, live: &Arc<Live>, form: ErrorForm, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Parts { method, uri, headers, extensions, .. } = parts;
    let rows = rows(live, uri.path());
    if rows.is_empty() {
        return form.nothing_here();
    }
    let Some(route) = rows.iter().find(|route| route.takes(&method)) else {
        let allowed = rows.iter().map(|route| match route.verb {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
        });
        return other_method(form, &allowed.collect::<Vec<_>>().join(", "));
    };
    let peer = extensions.get().map_or(Ipv4Addr::UNSPECIFIED.into(), |PeerAddress(peer)| *peer);
    let Some(caller) = caller::Caller::of(&headers, &uri, peer, &live.access) else {
        let words = "The request must name one host, in its header Host.";
        return form.refuse(StatusCode::BAD_REQUEST, words);
    };
    if route.verb == Verb::Post && !origin::is_own(&headers, &caller) {
        let words = "This must come from a page of surveyd's own. A proxy in front of surveyd must \
                     pass on the header Host.";
        return form.refuse(StatusCode::FORBIDDEN, words);
    }
    let visit = Visit {
        web: web.clone(),
        live: live.clone(),
        caller,
        visitor: None,
        nav: Vec::new(),
        id: routes::id(route, uri.path()),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        reading: None,
        who_opens: routes::who_opens,
    };
    match known(visit, route, form).await {
        Ok(visit) if may_open(route, visit.visitor.as_ref()) => {
            let frame = page::frame_of(&visit);
            if holds_nul(&uri) {
                let words = "The address holds the character U+0000 (%00). No name holds it.";
                return frame.around(form.refuse(StatusCode::BAD_REQUEST, words));
            }
            frame.around(shown(visit, body, route, form).await)
        }
        Ok(visit) if visit.visitor.is_some() => form.nothing_here(),
        Ok(visit) => unknown(&visit, route, uri.path()),
        Err(refusal) => refusal,
    }
}

/// True if an address names something with U+0000, which PostgreSQL's text cannot hold.
fn holds_nul(uri: &Uri) -> bool {
    [Some(uri.path()), uri.query()].into_iter().flatten().any(|part| part.contains("%00"))
}

/// Finds out who asks, and takes the right to read the database for them. A stranger without a
/// cookie takes no such right.
async fn known(mut visit: Visit, route: &Route, form: ErrorForm) -> Result<Visit, Response> {
    let (access, now) = (&visit.live.access, visit.web.clock.now());
    let takes_tokens = route.kind == RouteKind::Api;
    let shown = who::credentials(access, &visit.caller, &visit.headers, takes_tokens, now);
    if route.kind == RouteKind::Asset {
        return Ok(visit);
    }
    match &shown {
        Credentials::Nothing => return Ok(visit),
        Credentials::Unknown(name) => {
            sign_in::note_unknown(&visit, name).await;
            return Ok(visit);
        }
        Credentials::Known(_) | Credentials::Cookie(_) => {}
    }
    let Some(reading) = visit.web.reception.reading().await else {
        let words = "Too many pages are being read at this moment. Try again in a few seconds.";
        return Err(form.unavailable(words));
    };
    visit.reading = Some(reading);
    visit.visitor = match shown {
        Credentials::Known(visitor) => Some(visitor),
        Credentials::Nothing | Credentials::Unknown(_) => None,
        Credentials::Cookie(value) => {
            let found = who::of_session(&visit.web.store, access, &value, now).await;
            found.map_err(|error| {
                log_failure(&visit.web.store, &error, "nobody's session can be read");
                let words = "surveyd cannot read its database now. Try again in a moment.";
                form.unavailable(words)
            })?
        }
    };
    visit.nav = nav(&visit, route);
    Ok(visit)
}

fn may_open(route: &Route, visitor: Option<&Visitor>) -> bool {
    match (route.who, visitor) {
        (Who::Everybody, _) => true,
        (Who::Roles(_), None) => false,
        (Who::Roles(roles), Some(visitor)) => {
            roles.iter().any(|role| visitor.viewer.has_role(*role))
        }
    }
}

/// The pages that the visitor may open.
fn nav(visit: &Visit, here: &Route) -> Vec<NavLink> {
    let pages = routes::ROUTES.iter().filter_map(|route| {
        let label = route.label.filter(|_| may_open(route, visit.visitor.as_ref()))?;
        Some(NavLink { href: route.path.to_owned(), label, is_here: route.path == here.path })
    });
    pages.collect()
}

/// Asks a stranger to sign in. A page leads to the form, which leads back to the page.
fn unknown(visit: &Visit, route: &Route, path: &str) -> Response {
    if route.kind == RouteKind::Api {
        let words = "sign in, or send a good token: `Authorization: Bearer svd_…`";
        let mut response = problem::refuse(StatusCode::UNAUTHORIZED, words);
        let asks = HeaderValue::from_static("Bearer realm=\"surveyd\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
        return response;
    }
    let address = match visit.query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    // Everybody is led to their own first page anyway.
    if address == "/" || routes::who_opens(&address).is_none() {
        return redirect("/login");
    }
    let next: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
    redirect(&format!("/login?next={next}"))
}

/// Has the handler answer. What it shows is on record before anybody sees it.
async fn shown(visit: Visit, body: Body, route: &Route, form: ErrorForm) -> Response {
    let web = visit.web.clone();
    // Held until the entry is written, so that few entries wait for the database at once.
    let reading = visit.reading.clone().filter(|_| route.deed.is_some());
    let asked = match &visit.id {
        Some(id) => id.clone(),
        None => visit.query.clone(),
    };
    let entry = route.deed.map(|deed| visit.entry(deed, String::new()));
    let answer = timeout(ANSWER_WITHIN, (route.handler)(visit, body)).await;
    let Ok(AuditedResponse { response, shown }) = answer else {
        return form.unavailable("This took too long. Try again in a moment.");
    };
    let Some(mut entry) = entry.filter(|_| response.status().is_success()) else {
        return response;
    };
    entry.detail = shortened(&shown.unwrap_or(asked), DETAIL_MAX);
    let written = web.store.audit(entry).await;
    drop(reading);
    match written {
        Ok(()) => response,
        Err(error) => {
            log_failure(&web.store, &error, "the audit log cannot be written");
            let words = "What is seen goes on record, and the record cannot be written now. Try \
                         again in a moment.";
            form.unavailable(words)
        }
    }
}
