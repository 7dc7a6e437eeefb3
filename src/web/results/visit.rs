//! One request for results, and the answer to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;

use super::caller::Caller;
use crate::domain::access::{Role, Viewer};
use crate::pages::NavLink;
use crate::store::{self, AuditEntry, Store};
use crate::web::{Live, Web};

/// How surveyd knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A password that was right a moment ago.
    Password,
    Session,
    Token,
    /// The header of a trusted proxy.
    Proxy,
    /// Nobody is known.
    Nobody,
}

impl Way {
    /// What the audit log calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Session => "session",
            Self::Token => "token",
            Self::Proxy => "proxy",
            Self::Nobody => "-",
        }
    }
}

/// Somebody whom surveyd knows.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub viewer: Viewer,
    pub way: Way,
    /// The hash of the session's cookie. Present for a session alone.
    pub session: Option<String>,
}

/// One request with all that its handler may need.
pub struct Visit {
    pub web: Arc<Web>,
    /// The configuration that the whole request is answered by.
    pub live: Arc<Live>,
    pub caller: Caller,
    /// Present wherever the route's row names roles.
    pub visitor: Option<Visitor>,
    pub nav: Vec<NavLink>,
    /// The part of the path where the row has `{id}`.
    pub id: Option<String>,
    /// The query as it came. Empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    /// The right to read the database. Whoever streams an answer keeps it to the end.
    pub reading: Option<Arc<OwnedSemaphorePermit>>,
    /// Returns who may open the page of surveyd's own that a path with a query leads to. Returns
    /// nothing for any other address.
    pub who_opens: fn(&str) -> Option<&'static [Role]>,
}

impl Visit {
    /// Returns who asks. Only a handler whose row names roles may call this.
    pub fn viewer(&self) -> &Viewer {
        let visitor = self.visitor.as_ref();
        &visitor.expect("the row of the route names roles, so somebody is known").viewer
    }

    /// Writes an entry of the audit log about whoever asks.
    pub fn entry(&self, what: &str, detail: String) -> AuditEntry {
        self.entry_of(self.visitor.as_ref(), what, detail)
    }

    /// Writes an entry of the audit log about somebody who asks from here.
    pub fn entry_of(&self, visitor: Option<&Visitor>, what: &str, detail: String) -> AuditEntry {
        let now = self.web.clock.now();
        let (way, name, roles) = match visitor {
            Some(Visitor { viewer, way, .. }) => (*way, viewer.name.clone(), words(&viewer.roles)),
            None => (Way::Nobody, "-".into(), String::new()),
        };
        AuditEntry {
            at: now,
            way: way.as_str().into(),
            name,
            roles,
            what: what.into(),
            detail,
            address: self.caller.address.to_string(),
        }
    }
}

/// Writes roles with a comma between them.
pub fn words(roles: &BTreeSet<Role>) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    names.join(",")
}

/// Logs that the database has failed a request, once a minute. Other tasks may have logged it.
pub fn log_failure(store: &Store, error: &store::Error, what: &str) {
    const WHO: &str = "pages";
    if store.outage().met(WHO, Instant::now()) {
        warn!(event = "store.unavailable", "{what}: {error}");
    }
    // A page that nobody asks for again must not hold up the end of the outage.
    store.outage().leave(WHO);
}

/// What a handler answers.
pub struct AuditedResponse {
    pub response: Response,
    /// What was shown, for the audit log: the canonical query or the id, and the count of the
    /// rows where it is known.
    pub shown: Option<String>,
}

impl AuditedResponse {
    /// An answer that shows something which the audit log names.
    pub fn showing(response: Response, shown: String) -> Self {
        Self { response, shown: Some(shown) }
    }
}

impl From<Response> for AuditedResponse {
    fn from(response: Response) -> Self {
        Self { response, shown: None }
    }
}

/// Leads a browser on to a page by GET.
pub fn redirect(to: &str) -> Response {
    // Whatever is no header value is no address of ours.
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/login"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
