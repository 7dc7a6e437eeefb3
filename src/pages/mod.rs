//! Makes the HTML of the pages that supervisors, admins and agents read, from plain data.
//!
//! Owns how pages look and what they say: words, charts, links and the style sheet. Every text from
//! outside is escaped, since all templates are HTML files. It is also isolated, so that it turns no
//! direction of writing. Pages load nothing from elsewhere and have no inline script or style.
//!
//! Must not read a store, compute a number or decide who may see what.

/// Who signed in, saw and exported what.
pub mod audit;
/// Where the marks of charts stand.
pub mod charts;
/// What people wrote.
pub mod comments;
mod file;
/// The choices at the head of a page.
pub mod filters;
/// How the service works.
pub mod health;
/// The addresses of views.
pub mod links;
/// An agent's own results.
pub mod mine;
/// What the service does now.
pub mod operations;
/// The page of results.
pub mod results;
/// What a view is narrowed down to.
mod scope;
/// Surveys one by one.
pub mod surveys;
mod words;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};
use serde::Serialize;

use self::audit::AuditPage;
use self::comments::CommentsPage;
use self::health::HealthPage;
use self::mine::MinePage;
use self::results::ResultsPage;
use self::surveys::{SurveyPage, SurveysPage};

/// The templates by their names. The names' ending makes their texts escaped.
const TEMPLATES: [(&str, &str); 17] = [
    ("audit.html", include_str!("templates/audit.html")),
    ("bar.html", include_str!("templates/bar.html")),
    ("base.html", include_str!("templates/base.html")),
    ("comments.html", include_str!("templates/comments.html")),
    ("facts.html", include_str!("templates/facts.html")),
    ("file.html", include_str!("templates/file.html")),
    ("filters.html", include_str!("templates/filters.html")),
    ("health.html", include_str!("templates/health.html")),
    ("mine.html", include_str!("templates/mine.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("results.html", include_str!("templates/results.html")),
    ("said.html", include_str!("templates/said.html")),
    ("strip.html", include_str!("templates/strip.html")),
    ("survey.html", include_str!("templates/survey.html")),
    ("surveys.html", include_str!("templates/surveys.html")),
    ("title.html", include_str!("templates/title.html")),
    ("trend.html", include_str!("templates/trend.html")),
];

/// Where a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageForm {
    /// From the daemon, now.
    Live,
    /// In a file, at any time later.
    File,
}

/// A file that pages load.
pub struct Asset {
    pub name: &'static str,
    /// The value of `Content-Type`.
    pub kind: &'static str,
    pub content: &'static [u8],
}

/// All files that pages load.
pub static ASSETS: [Asset; 3] = [
    Asset {
        name: "results.css",
        kind: "text/css; charset=utf-8",
        content: include_bytes!("templates/results.css"),
    },
    Asset {
        name: "results.js",
        kind: "text/javascript; charset=utf-8",
        content: include_bytes!("templates/results.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        content: include_bytes!("templates/icon.svg"),
    },
];

/// A link in the header of all pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NavLink {
    pub href: String,
    pub label: &'static str,
    pub is_here: bool,
}

/// Who reads a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub name: String,
    /// Never empty.
    pub roles: Vec<&'static str>,
    /// The teams, or else the accounts, that they see. Empty if they see all.
    pub limits: Vec<String>,
    /// A proxy signs people in and out by itself.
    pub signs_out: bool,
    /// The zone of all days and times.
    pub zone: String,
}

/// Who reads a page, as the frame writes it: "mara, supervisor of billing", "demo (supervisor,
/// admin)".
#[derive(Serialize)]
struct ReaderLine<'a> {
    name: String,
    roles: String,
    limits: String,
    end: &'static str,
    signs_out: bool,
    zone: &'a str,
}

/// The most limits of a reader that are named one by one.
const LIMITS_MAX: usize = 3;

impl Reader {
    fn line(&self) -> ReaderLine<'_> {
        let of = if self.limits.is_empty() { "" } else { " of " };
        let roles = self.roles.join(", ");
        let (roles, end) = match self.roles.len() {
            1 => (format!(", {roles}{of}"), ""),
            _ => (format!(" ({roles}{of}"), ")"),
        };
        let names: Vec<String> = self.limits.iter().map(|name| words::name(name)).collect();
        let limits = match names.len() > LIMITS_MAX {
            true => format!("{} and {} more", names[0], names.len() - 1),
            false => words::listed(&names),
        };
        let name = words::name(&self.name);
        ReaderLine { name, roles, limits, end, signs_out: self.signs_out, zone: &self.zone }
    }
}

/// The frame of all pages.
#[derive(Serialize)]
struct Frame<'a> {
    title: &'a str,
    nav: &'a [NavLink],
    reader: Option<ReaderLine<'a>>,
    content: Value,
}

/// Renders pages. Made once.
pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// `asset` gives the address of a file of [`ASSETS`].
    pub fn new(asset: fn(&str) -> String) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_function("asset", move |name: &str| asset(name));
        environment.add_filter("drawn", drawn);
        environment.add_filter("link", link);
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).expect("a test compiles every template");
        }
        Self { environment }
    }

    /// Renders the content of the page of results, without the frame.
    pub fn results(&self, page: &ResultsPage<'_>) -> Result<String, Error> {
        self.render("results.html", page.content(PageForm::Live))
    }

    /// Renders the content of the page of comments.
    pub fn comments(&self, page: &CommentsPage<'_>) -> Result<String, Error> {
        self.render("comments.html", page.content())
    }

    /// Renders the content of the list of surveys.
    pub fn surveys(&self, page: &SurveysPage<'_>) -> Result<String, Error> {
        self.render("surveys.html", page.content())
    }

    /// Renders the content of the page of one survey.
    pub fn survey(&self, page: &SurveyPage<'_>) -> Result<String, Error> {
        self.render("survey.html", page.content())
    }

    /// Renders the content of the page of how the service works.
    pub fn health(&self, page: &HealthPage<'_>) -> Result<String, Error> {
        self.render("health.html", page.content())
    }

    /// Renders the content of the page of the audit log.
    pub fn audit(&self, page: &AuditPage<'_>) -> Result<String, Error> {
        self.render("audit.html", page.content())
    }

    /// Renders the content of the page of an agent's own results.
    pub fn mine(&self, page: &MinePage<'_>) -> Result<String, Error> {
        self.render("mine.html", page.content())
    }

    /// Puts content that is HTML already into the frame of all pages.
    pub fn framed(
        &self,
        title: &str,
        nav: &[NavLink],
        reader: Option<&Reader>,
        content: String,
    ) -> Result<String, Error> {
        let content = Value::from_safe_string(content);
        let reader = reader.map(Reader::line);
        self.render("base.html", Frame { title, nav, reader, content })
    }

    fn render(&self, template: &str, content: impl Serialize) -> Result<String, Error> {
        self.environment.get_template(template)?.render(Serde(content))
    }
}

/// Draws a value by a template of its own: `{{ row.strip|drawn("strip.html") }}`.
fn drawn(state: &State<'_, '_>, value: Value, template: &str) -> Result<Value, Error> {
    let drawn = state.env().get_template(template)?.render(value)?;
    Ok(Value::from_safe_string(drawn))
}

/// Writes an address down. Addresses hold no character that must be escaped but `&`, since whatever
/// comes from outside stands percent-encoded in them. Slashes stay, for short pages.
fn link(address: &str) -> Result<Value, Error> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"'`".contains(&byte);
    match address.bytes().all(is_plain) {
        true => Ok(Value::from_safe_string(address.replace('&', "&amp;"))),
        false => Err(Error::new(ErrorKind::InvalidOperation, "an address holds a sign of HTML")),
    }
}
