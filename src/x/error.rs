//! Says what a refusal or a silence of X means for the caller. The codes are those of X's page
//! "Response codes" and those that public clients have met.

use std::error::Error as _;

use reqwest::header::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::rate_limit;
use super::wire::number;

use crate::domain::survey::{Failure, Reason};
use crate::domain::time::Millis;
use crate::domain::x_json;

/// What the caller must do about a failure. It does not say what broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Give up on this person for this close.
    #[error("X refuses this person: {words}")]
    Person { reason: Reason, words: Failure },
    /// Stop the whole account until X has been asked about it, and tell the operator.
    #[error("X refuses the account: {0}")]
    Account(Failure),
    /// surveyd's clock was wrong and X's is now known. Sign again.
    #[error("X refuses our clock: {0}")]
    Clock(Failure),
    /// Never send this again unchanged. Keep X's words for the operator.
    #[error("X refuses the request: {0}")]
    Request(Failure),
    /// Make no such call before `reset_at`. `None` if X named no time.
    #[error("X's limit is reached")]
    Limited { reset_at: Option<Millis> },
    /// X carried out nothing. Try again after a while.
    #[error("{0}")]
    NotNow(String),
    /// X may have carried it out. Do not repeat it.
    #[error("{0}")]
    NoAnswer(String),
}

/// The kind of request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The POST that prompts.
    Create,
    /// A call that changes nothing and can always be repeated.
    Read,
    /// The question about one feedback object, which may be gone.
    Show,
}

/// The meaning of a failure without an answer for the POST that prompts. It is certain that X
/// carried out nothing only if no byte of the request can have left.
pub fn of_sending(error: &reqwest::Error) -> Error {
    if error.is_connect() || error.is_builder() {
        Error::NotNow(words(error))
    } else {
        Error::NoAnswer(words(error))
    }
}

/// Describes a failure with its innermost cause, which says what happened. Only the origin of the
/// address is named, never its path or its query.
pub fn words(error: &reqwest::Error) -> String {
    let address = error.url().map(|url| format!(" at {}", url.origin().ascii_serialization()));
    let address = address.unwrap_or_default();
    let what = if error.is_connect() {
        format!("X cannot be reached{address}")
    } else if error.is_timeout() {
        format!("X{address} did not answer in time")
    } else {
        format!("the connection to X{address} broke")
    };
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(|cause| cause.source()) {
        cause = Some(inner);
    }
    match cause {
        Some(cause) => format!("{what}: {cause}"),
        None => what,
    }
}

/// The meaning of an answer that is no success.
pub fn of_refusal(status: u16, headers: &HeaderMap, body: &[u8], kind: RequestKind) -> Error {
    let said = said(body);
    let code = said.as_ref().and_then(|failure| failure.code);
    // 420 is an old form of 429. tweepy treats them alike.
    if matches!(status, 420 | 429) || (code == Some(88) && (400..500).contains(&status)) {
        return Error::Limited { reset_at: rate_limit::reset_at(headers) };
    }
    match said {
        Some(failure) if (400..500).contains(&status) => of_code(status, failure, kind),
        said => {
            let words = said.map_or_else(
                || format!("X answered {status}"),
                |failure| format!("X answered {status}, {failure}"),
            );
            // A 4xx without X's own words may come from any machine on the way.
            match kind {
                RequestKind::Create => Error::NoAnswer(words),
                RequestKind::Read | RequestKind::Show => Error::NotNow(words),
            }
        }
    }
}

fn of_code(status: u16, failure: Failure, kind: RequestKind) -> Error {
    let message = failure.message.to_lowercase();
    let person = |reason| Error::Person { reason, words: failure.clone() };
    match failure.code {
        Some(63) => person(Reason::Suspended),
        Some(17 | 50 | 108 | 136 | 150 | 349 | 476) => person(Reason::CannotDm),
        // X uses 326 for a locked account. With other words, it means a person X will not message.
        Some(326) if message.contains("do not follow you") => person(Reason::CannotDm),
        Some(135) => Error::Clock(failure),
        // "Page does not exist" is about the object in a show. Elsewhere it is about the path.
        Some(34) if kind == RequestKind::Show => Error::Request(failure),
        Some(
            32 | 34 | 64 | 68 | 87 | 89 | 93 | 99 | 185 | 200 | 215 | 220 | 226 | 251 | 261 | 326
            | 416 | 453,
        ) => Error::Account(failure),
        // "You already said that" means that X delivered it. A duplicate status may mean that.
        Some(187) if kind == RequestKind::Create => Error::NoAnswer(failure.to_string()),
        Some(151) if kind == RequestKind::Create && message.contains("already said that") => {
            Error::NoAnswer(failure.to_string())
        }
        Some(130 | 131) => match kind {
            RequestKind::Create => Error::NoAnswer(failure.to_string()),
            RequestKind::Read | RequestKind::Show => Error::NotNow(failure.to_string()),
        },
        Some(_) => Error::Request(failure),
        None if message.contains("permission to dm") => person(Reason::CannotDm),
        None if matches!(status, 401 | 402) || message.contains("operation is not permitted") => {
            Error::Account(failure)
        }
        None => Error::Request(failure),
    }
}

/// Reads X's words in every form that X has been seen to use. `None` if the body is not X's.
fn said(body: &[u8]) -> Option<Failure> {
    let body = x_json::text(body);
    let names = ["errors", "error", "detail", "title"];
    let [errors, error, detail, title] = x_json::members(x_json::whole(&body)?, names)?;
    let plain = |message: String| Failure { code: None, message };
    if let Some(errors) = errors {
        let first = match errors.get().starts_with('[') {
            true => x_json::first(errors)?,
            false => errors,
        };
        if let Some(message) = words_of(first) {
            return Some(plain(message));
        }
        let members = x_json::members(first, ["code", "message", "detail"]);
        let [code, message, detail] = members.unwrap_or_default();
        let message = message.or(detail).and_then(words_of);
        let code = code.and_then(number);
        if code.is_some() || message.is_some() {
            return Some(Failure { code, message: message.unwrap_or_default() });
        }
    }
    error.and_then(words_of).or_else(|| detail.or(title).and_then(words_of)).map(plain)
}

/// How many characters of X's words are kept.
const WORDS_MOST: usize = 500;

/// The part of X's words that is kept. PostgreSQL's text cannot hold U+0000.
fn words_of(raw: &RawValue) -> Option<String> {
    if !raw.get().starts_with('"') {
        return None;
    }
    let Ok(Value::String(words)) = x_json::read(raw.get().as_bytes()) else { return None };
    let mut kept: String = words.chars().filter(|c| *c != '\0').take(WORDS_MOST + 1).collect();
    if let Some((last, _)) = kept.char_indices().nth(WORDS_MOST) {
        kept.truncate(last);
        kept.pop();
        kept.push('…');
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str, kind: RequestKind) -> Error {
        of_refusal(status, &HeaderMap::new(), body.as_bytes(), kind)
    }

    fn coded(status: u16, code: i64, message: &str, kind: RequestKind) -> Error {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        refusal(status, &body.to_string(), kind)
    }

    #[test]
    fn a_person_who_cannot_be_messaged_is_given_up() {
        for code in [150, 349, 108, 50] {
            let error = coded(403, code, "no", RequestKind::Create);
            assert!(matches!(error, Error::Person { reason: Reason::CannotDm, .. }), "{code}");
        }
        let suspended = coded(403, 63, "User has been suspended.", RequestKind::Create);
        assert!(matches!(suspended, Error::Person { reason: Reason::Suspended, .. }));
    }

    #[test]
    fn code_326_is_read_by_its_words() {
        let locked =
            coded(403, 326, "To protect our users, this account is locked.", RequestKind::Create);
        assert!(matches!(locked, Error::Account(_)));
        let words = "You are sending a Direct Message to users that do not follow you.";
        assert!(matches!(coded(403, 326, words, RequestKind::Create), Error::Person { .. }));
    }

    #[test]
    fn a_prompt_without_a_clear_refusal_may_have_gone_out() {
        for (status, body) in [
            (500, r#"{"errors":[{"code":131,"message":"Internal error"}]}"#),
            (503, "<html>over capacity</html>"),
            (307, ""),
            (403, "<html>a proxy</html>"),
            (403, r#"{"errors":[{"code":187,"message":"Status is a duplicate."}]}"#),
            (403, r#"{"errors":[{"code":151,"message":"Whoops! You already said that."}]}"#),
        ] {
            assert!(
                matches!(refusal(status, body, RequestKind::Create), Error::NoAnswer(_)),
                "{status} {body}"
            );
        }
        assert!(matches!(refusal(503, "", RequestKind::Read), Error::NotNow(_)));
    }

    #[test]
    fn a_limit_names_its_end_where_x_does() {
        let mut headers = HeaderMap::new();
        headers.insert("x-rate-limit-reset", "1700000000".parse().unwrap());
        let body = br#"{"errors":[{"code":88,"message":"Rate limit exceeded"}]}"#;
        assert_eq!(
            of_refusal(429, &headers, body, RequestKind::Create),
            Error::Limited { reset_at: Some(Millis(1_700_000_000_000)) }
        );
        assert_eq!(refusal(420, "", RequestKind::Read), Error::Limited { reset_at: None });
    }

    #[test]
    fn errors_are_read_in_all_their_forms() {
        let message = |body: &str| said(body.as_bytes()).map(|failure| failure.message);
        assert_eq!(message(r#"{"error":"text"}"#).unwrap(), "text");
        assert_eq!(message(r#"{"errors":"text"}"#).unwrap(), "text");
        assert_eq!(message(r#"{"errors":["bare"]}"#).unwrap(), "bare");
        assert_eq!(message(r#"{"title":"T","detail":"D","status":403}"#).unwrap(), "D");
        assert_eq!(message("<html>"), None);
        assert_eq!(message("{}"), None);
    }

    #[test]
    fn of_xs_words_five_hundred_characters_are_kept() {
        let long = "ä".repeat(7 * 1024);
        for body in [
            serde_json::json!({"errors": [{"code": 9_999, "message": long}]}),
            serde_json::json!({"errors": long}),
            serde_json::json!({"error": long}),
            serde_json::json!({"title": "T", "detail": long}),
        ] {
            let message = said(body.to_string().as_bytes()).unwrap().message;
            assert_eq!(message, format!("{}…", "ä".repeat(499)));
        }
        let just = "ä".repeat(500);
        let body = serde_json::json!({"error": just}).to_string();
        assert_eq!(said(body.as_bytes()).unwrap().message, just);
    }

    #[test]
    fn an_unknown_refusal_is_kept_with_its_words() {
        let error = coded(403, 9_999, "Something new", RequestKind::Create);
        let Error::Request(failure) = error else { panic!("{error:?}") };
        assert_eq!(failure.to_string(), "code 9999: Something new");
    }
}
