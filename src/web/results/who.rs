//! Finds out who asks: by a token, by a trusted proxy or by the cookie of a session.

use axum::http::HeaderMap;

use super::access::Access;
use super::caller::Caller;
use super::cookie;
use super::visit::{Visitor, Way};
use crate::domain::time::Millis;
use crate::store::{Result, Store};
use crate::web::parts::texts;

/// The longest token that is worth a look.
const TOKEN_BYTES_MAX: usize = 200;

/// What a request shows of who asks.
pub enum Credentials {
    Known(Visitor),
    /// The value of a cookie. The database knows whose it is.
    Cookie(String),
    /// A name from a trusted proxy that is no login's. Never empty.
    Unknown(String),
    Nothing,
}

/// Reads what a request shows. A token counts only where `takes_tokens`. A request with a token
/// shows nothing else, even if the token is wrong.
pub fn credentials(
    access: &Access,
    caller: &Caller,
    headers: &HeaderMap,
    takes_tokens: bool,
    now: Millis,
) -> Credentials {
    if takes_tokens && let Some(token) = bearer(headers) {
        let found = token.and_then(|token| access.token(token, now));
        return found.map_or(Credentials::Nothing, |token| {
            let viewer = token.viewer.clone();
            Credentials::Known(Visitor { viewer, way: Way::Token, session: None })
        });
    }
    if let Some(named) = named_by_proxy(access, caller, headers) {
        return match named.map(|name| (name, access.login(name))) {
            None | Some(("", _)) => Credentials::Nothing,
            Some((name, None)) => Credentials::Unknown(name.to_owned()),
            Some((_, Some(login))) => {
                let viewer = login.viewer.clone();
                Credentials::Known(Visitor { viewer, way: Way::Proxy, session: None })
            }
        };
    }
    let value = cookie::value(headers, caller.is_tls);
    value.map_or(Credentials::Nothing, |value| Credentials::Cookie(value.to_owned()))
}

/// Returns the token of a request. The inner nothing is a header that no token can be read from.
fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let values = texts(headers, "authorization");
    let is_bearer = |value: &&&str| {
        let scheme = value.split(' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer")
    };
    values.iter().find(is_bearer)?;
    let [value] = values.as_slice() else { return Some(None) };
    let token = value.split_once(' ').map(|(_, token)| token.trim());
    Some(token.filter(|token| token.len() <= TOKEN_BYTES_MAX))
}

/// Returns the name that a trusted proxy gives. The inner nothing is a name that cannot be read,
/// or more than one.
fn named_by_proxy<'h>(
    access: &Access,
    caller: &Caller,
    headers: &'h HeaderMap,
) -> Option<Option<&'h str>> {
    let header = access.header().filter(|_| caller.is_from_proxy)?;
    let mut values = headers.get_all(header).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some(None);
    }
    // Bytes beyond ASCII are UTF-8, as the configuration is.
    Some(std::str::from_utf8(first.as_bytes()).ok())
}

/// Returns whose session a cookie is. Notes its use once a minute. A session that is over or whose
/// login has changed is ended.
pub async fn of_session(
    store: &Store,
    access: &Access,
    value: &str,
    now: Millis,
) -> Result<Option<Visitor>> {
    let hash = cookie::hash(value);
    let Some(session) = store.session(&hash).await? else { return Ok(None) };
    let login = access.login(&session.login);
    let Some(login) = login.filter(|login| session.lives(&login.version, now)) else {
        // A change that is taken back must not bring the session back. A failure matters little,
        // since the session stays without use.
        let _ = store.end_session(hash, None).await;
        return Ok(None);
    };
    if session.is_news(now) {
        // A page may be read while the database takes no write.
        let _ = store.see_session(hash.clone(), now).await;
    }
    let viewer = login.viewer.clone();
    Ok(Some(Visitor { viewer, way: Way::Session, session: Some(hash) }))
}
