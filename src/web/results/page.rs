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
use super::visit::{Visit, words};
use crate::pages::{NavLink, Pages, Reader};
use crate::web::problem;

/// The templates of pages that show nothing of the results. The names' ending makes their texts
/// escaped.
const TEMPLATES: [(&str, &str); 3] = [
    ("audit.html", include_str!("templates/audit.html")),
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
    let reader = visit.visitor.as_ref().map(|visitor| Reader {
        name: visitor.viewer.name.clone(),
        roles: words(&visitor.viewer.roles).replace(',', ", "),
        signs_out: visitor.session.is_some(),
    });
    framed(status, title, &visit.nav, reader.as_ref(), content)
}

/// Renders one of the templates here.
pub fn content(template: &str, content: impl Into<Value>) -> Result<String, minijinja::Error> {
    ENVIRONMENT.get_template(template)?.render(content.into())
}

fn framed(
    status: StatusCode,
    title: &str,
    nav: &[NavLink],
    reader: Option<&Reader>,
    content: Result<String, minijinja::Error>,
) -> Response {
    match content.and_then(|content| PAGES.framed(title, nav, reader, content)) {
        Ok(text) => html(status, text),
        Err(error) => {
            error!(event = "page.failed", title, "a page cannot be rendered: {error:#}");
            let text = "surveyd cannot show this page: its log says why\n";
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
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

    /// Answers that something is wrong, in a sentence.
    pub fn refuse(self, status: StatusCode, sentence: &str) -> Response {
        match self {
            Self::Problem => problem::refuse(status, sentence),
            Self::Page => {
                let title = status.canonical_reason().unwrap_or("Error");
                let words = content("error.html", context! { title, sentence });
                framed(status, title, &[], None, words)
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
            Self::Page => self.refuse(StatusCode::NOT_FOUND, "There is nothing at this address."),
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

    fn rendered(template: &str, of: Value) -> Response {
        let nav = [NavLink { path: "/audit", label: "Audit", is_here: true }];
        let reader =
            Reader { name: "<mara>".into(), roles: "supervisor, auditor".into(), signs_out: true };
        framed(StatusCode::OK, "A <title>", &nav, Some(&reader), content(template, of))
    }

    #[tokio::test]
    async fn every_template_renders_and_escapes_what_it_is_given() {
        let hostile = "<script>alert('\"')</script>";
        let entry = context! { at => "", who => hostile, roles => "", what => "", detail => "", address => "" };
        for (template, content) in [
            ("audit.html", context! { entries => [entry], next => hostile }),
            ("audit.html", context! { entries => Vec::<Value>::new(), next => () }),
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
        let used = ["audit.html", "error.html", "login.html"];
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
