//! Renders pages and pages about errors, and sets the headers that keep both safe.
//!
//! Every text is escaped, since all templates are HTML files. A template that names what is not
//! there fails, so every template is rendered in a test.

use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior, context};
use tracing::error;

use super::assets;
use super::visit::{Visit, Visitor};
use crate::domain::access::Role;
use crate::domain::days::Zone;
use crate::domain::view::View;
use crate::pages::{NavLink, Pages, Reader, links};
use crate::web::problem;

/// The templates of pages that show nothing of the results. The names' ending makes their texts
/// escaped.
const TEMPLATES: [(&str, &str); 2] = [
    ("error.html", include_str!("templates/error.html")),
    ("login.html", include_str!("templates/login.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("a test compiles every template");
    }
    environment
});

/// The pages of the results, and the frame of all pages.
pub static PAGES: LazyLock<Pages> = LazyLock::new(|| Pages::new(assets::address));

/// No page may load anything from elsewhere or be shown within another site's page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const SAFE: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Sets the headers that every answer of pages and API has. `no-store` stays away from an answer
/// that says how long it may be kept.
pub fn secure(headers: &mut HeaderMap) {
    for (name, value) in SAFE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Puts content that was rendered already into the frame of all pages, with the visitor's links in
/// its header.
pub fn page(
    visit: &Visit,
    status: StatusCode,
    title: &str,
    content: Result<String, minijinja::Error>,
) -> Response {
    frame_of_page(visit).framed(status, title, content)
}

/// The same for a page that shows a view. The links in its header keep the period and the filters.
pub fn page_of_view(
    visit: &Visit,
    view: &View,
    title: &str,
    content: Result<String, minijinja::Error>,
) -> Response {
    let mut frame = frame_of_page(visit);
    let view = links::of_mood(view, None);
    for link in &mut frame.nav {
        if [links::RESULTS, links::COMMENTS, links::SURVEYS].contains(&link.href.as_str()) {
            link.href = links::page(&link.href, &view);
        }
    }
    frame.framed(StatusCode::OK, title, content)
}

/// What surrounds the content of a page.
#[derive(Clone, Default)]
pub struct PageFrame {
    pub nav: Vec<NavLink>,
    pub reader: Option<Reader>,
}

/// The frame that a visit sees.
pub fn frame_of(visit: &Visit) -> PageFrame {
    let reader = |visitor: &Visitor| reader(visitor, &visit.live.results.zone);
    PageFrame { nav: visit.nav.clone(), reader: visit.visitor.as_ref().map(reader) }
}

/// The frame of a page that is shown. Whoever may open no other page needs no link to this one. A
/// page about an error keeps it, since it leads back.
fn frame_of_page(visit: &Visit) -> PageFrame {
    let mut frame = frame_of(visit);
    if frame.nav.iter().all(|link| link.is_here) {
        frame.nav.clear();
    }
    frame
}

fn reader(visitor: &Visitor, zone: &Zone) -> Reader {
    let viewer = &visitor.viewer;
    let limits = viewer.teams.as_ref().or(viewer.accounts.as_ref());
    Reader {
        name: viewer.name.clone(),
        roles: viewer.roles.iter().map(|role: &Role| role.as_str()).collect(),
        limits: limits.into_iter().flatten().cloned().collect(),
        signs_out: visitor.session.is_some(),
        zone: zone.name().to_owned(),
    }
}

/// What a page about an error says. It travels with the answer, so that whoever knows the visitor
/// can put it into their frame.
#[derive(Clone)]
struct ErrorWords {
    title: &'static str,
    sentence: String,
}

impl PageFrame {
    /// Puts a page about an error into this frame. Any other answer stays as it is.
    pub fn around(&self, mut response: Response) -> Response {
        let Some(words) = response.extensions_mut().remove::<ErrorWords>() else {
            return response;
        };
        let framed = self.framed(response.status(), words.title, words.content());
        let (_, body) = framed.into_parts();
        *response.body_mut() = body;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
    }

    fn framed(
        &self,
        status: StatusCode,
        title: &str,
        content: Result<String, minijinja::Error>,
    ) -> Response {
        let reader = self.reader.as_ref();
        let framed = content.and_then(|content| PAGES.framed(title, &self.nav, reader, content));
        match framed {
            Ok(text) => html(status, text),
            Err(error) => {
                error!(event = "page.failed", title, "a page cannot be rendered: {error:#}");
                let text = "surveyd cannot show this page: its log says why\n";
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }
}

impl ErrorWords {
    fn of(status: StatusCode, sentence: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { title, sentence: sentence.to_owned() }
    }

    /// The page in the frame of nobody.
    fn response(&self, status: StatusCode) -> Response {
        PageFrame::default().framed(status, self.title, self.content())
    }

    fn content(&self) -> Result<String, minijinja::Error> {
        let Self { title, sentence } = self;
        content("error.html", context! { title => *title, sentence })
    }
}

/// Renders one of the templates here.
pub fn content(template: &str, content: impl Into<Value>) -> Result<String, minijinja::Error> {
    ENVIRONMENT.get_template(template)?.render(content.into())
}

fn html(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// What a browser is shown while nobody may sign in. It stands alone, since there are no assets.
const NOBODY: &str = include_str!("templates/nobody.html");

/// Says that nobody may sign in yet, if a browser asks for the first page or for the form. There is
/// no such address all the same.
pub fn nobody_may_sign_in(request: &Request) -> Option<Response> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let path = request.uri().path();
    let is_asked = is_read && ["/", "/login"].contains(&path);
    let form = ErrorForm::of(path, request.headers());
    (is_asked && form == ErrorForm::Page).then(|| html(StatusCode::NOT_FOUND, NOBODY.to_owned()))
}

/// The form in which an answer about an error is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorForm {
    /// A page for a browser.
    Page,
    /// A problem for a program (RFC 9457).
    Problem,
}

impl ErrorForm {
    /// A browser asks for HTML by name. Below `/v1` only programs ask.
    pub fn of(path: &str, headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let takes_html = accepts
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().contains("text/html"));
        if takes_html && !path.starts_with("/v1/") { Self::Page } else { Self::Problem }
    }

    /// Answers that something is wrong, in a sentence. A page about it can be put into the frame of
    /// whoever reads it.
    pub fn refuse(self, status: StatusCode, sentence: &str) -> Response {
        match self {
            Self::Problem => problem::refuse(status, sentence),
            Self::Page => {
                let words = ErrorWords::of(status, sentence);
                let mut response = words.response(status);
                response.extensions_mut().insert(words);
                response
            }
        }
    }

    /// Answers that something cannot be done now.
    pub fn unavailable(self, sentence: &str) -> Response {
        let mut response = self.refuse(StatusCode::SERVICE_UNAVAILABLE, sentence);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    /// Answers that there is nothing, or nothing for whoever asks. Both read alike.
    pub fn nothing_here(self) -> Response {
        match self {
            Self::Problem => problem::nothing_of_results(),
            // In nobody's frame, like an address that does not exist.
            Self::Page => {
                let status = StatusCode::NOT_FOUND;
                ErrorWords::of(status, "There is nothing at this address.").response(status)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }

    fn frame() -> PageFrame {
        let reader = Reader {
            name: "<mara>".into(),
            roles: vec!["supervisor", "auditor"],
            limits: Vec::new(),
            signs_out: true,
            zone: "Europe/Berlin".into(),
        };
        let nav = vec![NavLink { href: "/audit".into(), label: "Audit", is_here: true }];
        PageFrame { nav, reader: Some(reader) }
    }

    #[tokio::test]
    async fn a_page_about_an_error_keeps_the_links_of_whoever_reads_it() {
        let refused = ErrorForm::Page.refuse(StatusCode::BAD_REQUEST, "No <such> view.");
        let framed = frame().around(refused);
        assert_eq!(framed.status(), StatusCode::BAD_REQUEST);
        let words = text(framed).await;
        assert!(words.contains("href=\"/audit\"") && words.contains("No &lt;such&gt;"), "{words}");
        let problem = ErrorForm::Problem.refuse(StatusCode::BAD_REQUEST, "no such view");
        let kept = text(frame().around(problem)).await;
        assert!(kept.starts_with('{'), "a program has no links: {kept}");
    }

    fn rendered(template: &str, of: Value) -> Response {
        frame().framed(StatusCode::OK, "A <title>", content(template, of))
    }

    #[tokio::test]
    async fn every_template_renders_and_escapes_what_it_is_given() {
        let hostile = "<script>alert('\"')</script>";
        for (template, content) in [
            ("error.html", context! { title => hostile, sentence => hostile }),
            ("login.html", context! { said => hostile, name => hostile, next => hostile }),
            ("login.html", context! { said => (), name => "", next => () }),
        ] {
            let response = rendered(template, content);
            assert_eq!(response.status(), StatusCode::OK, "{template}");
            let text = text(response).await;
            assert!(text.starts_with("<!doctype html>"), "{text}");
            assert!(text.contains("A &lt;title&gt;") && text.contains("&lt;mara&gt;"), "{text}");
            assert!(!text.contains("<script>alert") && !text.contains("style="), "{text}");
        }
        let used = ["error.html", "login.html"];
        assert_eq!(TEMPLATES.len(), used.len(), "each is rendered here");
    }

    #[tokio::test]
    async fn a_template_that_names_what_is_not_there_fails() {
        let response = rendered("error.html", context! { title => "" });
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!text(response).await.contains("sentence"), "the log alone says what");
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_a_problem() {
        let form = |path: &str, accept: &str| {
            let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            ErrorForm::of(path, &headers)
        };
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        assert_eq!(form("/audit", browser), ErrorForm::Page);
        assert_eq!(form("/v1/report", browser), ErrorForm::Problem);
        assert_eq!(form("/audit", "*/*"), ErrorForm::Problem);
        assert_eq!(ErrorForm::of("/audit", &HeaderMap::new()), ErrorForm::Problem);
    }
}
