//! Names the calls of X's API that the sandbox knows.

use serde::{Deserialize, Serialize};

/// A call of X's API that the sandbox knows.
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

    /// Returns the call that a method and a path make. Returns nothing if the sandbox does not know
    /// it.
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

/// Returns the id in the path of `feedback/show`.
pub fn shown_id(path: &str) -> Option<u64> {
    path.strip_prefix(SHOW_PREFIX)?.strip_suffix(SHOW_SUFFIX)?.parse().ok()
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
}
