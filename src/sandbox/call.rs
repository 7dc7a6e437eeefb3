//! One request and one reply, without a wire: what the world is asked, and what it says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form;

/// The calls of X's API that the sandbox knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiCall {
    /// `POST /1.1/feedback/create.json`
    Create,
    /// `GET /1.1/feedback/show/:id.json`
    Show,
    /// `GET /1.1/feedback/events.json`
    Events,
    /// `GET /1.1/friendships/show.json`
    Friendship,
    /// `GET /2/users`
    Users,
    /// `GET /1.1/account/verify_credentials.json`
    VerifyCredentials,
    /// `GET /1.1/direct_messages/events/list.json`
    DirectMessages,
    /// `GET /2/dm_events`
    DmEvents,
}

const SHOW_PREFIX: &str = "/1.1/feedback/show/";
const SHOW_SUFFIX: &str = ".json";

impl ApiCall {
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Show,
        Self::Events,
        Self::Friendship,
        Self::Users,
        Self::VerifyCredentials,
        Self::DirectMessages,
        Self::DmEvents,
    ];

    /// Which call a method and a path make, if any.
    pub fn of(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            ("POST", "/1.1/feedback/create.json") => Some(Self::Create),
            ("GET", "/1.1/feedback/events.json") => Some(Self::Events),
            ("GET", "/1.1/friendships/show.json") => Some(Self::Friendship),
            ("GET", "/2/users") => Some(Self::Users),
            ("GET", "/1.1/account/verify_credentials.json") => Some(Self::VerifyCredentials),
            ("GET", "/1.1/direct_messages/events/list.json") => Some(Self::DirectMessages),
            ("GET", "/2/dm_events") => Some(Self::DmEvents),
            ("GET", other) if other.starts_with(SHOW_PREFIX) && other.ends_with(SHOW_SUFFIX) => {
                Some(Self::Show)
            }
            _ => None,
        }
    }
}

/// The id in the path of `feedback/show`.
pub fn shown_id(path: &str) -> Option<u64> {
    path.strip_prefix(SHOW_PREFIX)?.strip_suffix(SHOW_SUFFIX)?.parse().ok()
}

/// One HTTP request, reduced to what X looks at.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    pub method: String,
    /// `http`, or `https` behind something that ends TLS and says so.
    pub scheme: String,
    /// The `Host` header, with the port where it has one: it is part of what is signed.
    pub host: String,
    pub path: String,
    pub query: String,
    pub content_type: Option<String>,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The query's and the form's parameters, decoded. A body of another type has none and is not signed either.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = form::pairs(&self.query);
        if self.is_form() {
            pairs.extend(form::pairs(&String::from_utf8_lossy(&self.body)));
        }
        pairs
    }

    fn is_form(&self) -> bool {
        // A charset or another parameter behind the type changes nothing.
        let essence = self.content_type.as_deref().and_then(|value| value.split(';').next());
        essence.is_some_and(|value| {
            value.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
    }
}

/// One HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpReply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json; charset=utf-8".to_owned(),
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// A header's value, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_method_make_a_call() {
        assert_eq!(ApiCall::of("POST", "/1.1/feedback/create.json"), Some(ApiCall::Create));
        assert_eq!(ApiCall::of("GET", "/1.1/feedback/create.json"), None);
        assert_eq!(ApiCall::of("GET", "/1.1/feedback/show/77.json"), Some(ApiCall::Show));
        assert_eq!(ApiCall::of("GET", "/1.1/feedback/show/77"), None);
        assert_eq!(shown_id("/1.1/feedback/show/77.json"), Some(77));
        assert_eq!(shown_id("/1.1/feedback/show/.json"), None);
    }

    #[test]
    fn a_form_is_a_form_with_and_without_a_charset() {
        let mut request = HttpRequest {
            query: "a=1".to_owned(),
            body: b"b=2".to_vec(),
            ..HttpRequest::default()
        };
        for (content_type, count) in [
            (Some("application/x-www-form-urlencoded"), 2),
            (Some("Application/X-WWW-Form-URLencoded ; charset=UTF-8"), 2),
            (Some("application/json"), 1),
            (None, 1),
        ] {
            request.content_type = content_type.map(str::to_owned);
            assert_eq!(request.pairs().len(), count, "{content_type:?}");
        }
    }
}
