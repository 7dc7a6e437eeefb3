//! Builds the sandbox's refusals with X's texts and codes.
//!
//! X publishes no codes for some refusals of the feedback calls. Examples are a bad `type` or
//! variant, or a window too close to now. The sandbox answers those with status 400 and code 44, "…
//! parameter is invalid". A client must not depend on that.

use serde_json::{Value, json};

use super::api_call::ApiCall;

/// One refusal with a note for the reader of the sandbox's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: u16,
    pub message: String,
    /// The reason in more detail than X gives. It is never sent to the client.
    pub note: String,
}

impl Refusal {
    fn new(status: u16, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), note: String::new() }
    }

    /// Adds a note for the record.
    pub fn because(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub fn bad_signature() -> Self {
        Self::new(401, 32, "Could not authenticate you.")
    }

    pub fn no_such_page() -> Self {
        Self::new(404, 34, "Sorry, that page does not exist.")
    }

    pub fn missing(parameter: &str) -> Self {
        Self::new(403, 38, format!("{parameter} parameter is missing."))
    }

    pub fn invalid(parameter: &str, why: impl Into<String>) -> Self {
        Self::new(400, 44, format!("{parameter} parameter is invalid.")).because(why)
    }

    pub fn user_not_found() -> Self {
        Self::new(404, 50, "User not found.")
    }

    pub fn user_suspended() -> Self {
        Self::new(403, 63, "User has been suspended.")
    }

    pub fn rate_limited() -> Self {
        Self::new(429, 88, "Rate limit exceeded")
    }

    pub fn invalid_token() -> Self {
        Self::new(401, 89, "Invalid or expired token.")
    }

    pub fn timestamp_out_of_bounds() -> Self {
        Self::new(401, 135, "Timestamp out of bounds.")
    }

    pub fn not_following() -> Self {
        Self::new(403, 150, "You cannot send messages to users who are not following you.")
    }

    pub fn not_a_number(parameter: &str, value: &str) -> Self {
        Self::new(400, 214, format!("{parameter}: '{value}' is not a valid Long"))
    }

    pub fn bad_authentication_data() -> Self {
        Self::new(400, 215, "Bad Authentication data.")
    }

    pub fn cannot_message() -> Self {
        Self::new(403, 349, "You cannot send messages to this user.")
    }

    pub fn message_too_long() -> Self {
        Self::new(403, 354, "The text of your direct message is over the max character limit.")
    }

    pub fn invalid_url() -> Self {
        Self::new(400, 407, "The given URL is invalid.")
    }

    /// Returns the body as the called version of the API writes it.
    pub fn body(&self, call: Option<ApiCall>) -> Value {
        match call {
            Some(ApiCall::Users | ApiCall::DmEvents) => {
                let title = match self.status {
                    400 => "Invalid Request",
                    401 => "Unauthorized",
                    429 => "Too Many Requests",
                    _ => "Forbidden",
                };
                // Version 2 only says that the caller is not authenticated. It does not say what
                // was wrong.
                let detail = if self.status == 400 { self.message.as_str() } else { title };
                json!({"title": title, "detail": detail, "type": "about:blank", "status": self.status})
            }
            None
            | Some(
                ApiCall::Create
                | ApiCall::Show
                | ApiCall::Events
                | ApiCall::Friendship
                | ApiCall::VerifyCredentials
                | ApiCall::DirectMessages,
            ) => json!({"errors": [{"code": self.code, "message": self.message}]}),
        }
    }
}
