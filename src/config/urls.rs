//! Reads the URLs of X's API, of the store, of the privacy page under a card, of surveyd's own
//! pages and of those who are told at once.

use std::net::IpAddr;

use reqwest::Url;

use super::given::{GivenValue, Wrong};
use crate::domain::alert::address;

/// X's own hosts. Each call brings its path.
const X_HOSTS: [&str; 2] = ["api.x.com", "api.twitter.com"];

/// Reads the base URL of X's API and strips the slash at its end.
///
/// Plain HTTP is allowed only for a stand-in on this machine. Elsewhere, it would expose keys and
/// people's answers to the network.
pub(super) fn base(given: &GivenValue) -> Result<String, Wrong> {
    let url = web(given)?;
    let wrong = |problem, remedy| Err(Wrong::new(problem, remedy));
    if !url.username().is_empty() || url.password().is_some() {
        let wrong = Wrong::new("holds a user or a password", "write it without them");
        return Err(wrong.hidden_if(true));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("holds a query or a fragment", "end it after the host or the path");
    }
    let host = url.host_str().unwrap_or_default();
    if X_HOSTS.contains(&host) && !url.path().trim_matches('/').is_empty() {
        let problem = "holds a path, and X's API begins at its host";
        return Err(Wrong::new(problem, format!("write https://{host}")));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return wrong(
            "is plain http beyond this machine",
            "write https://; plain http is taken on 127.0.0.0/8, ::1 and localhost only",
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Reads the URL of the page that the card links to. Keeps its exact spelling because X echoes it.
pub(super) fn privacy(given: &GivenValue) -> Result<String, Wrong> {
    web(given)?;
    given.text().map(str::to_owned)
}

/// Reads the address by which people open surveyd's pages and strips the slash at its end.
pub(super) fn public(given: &GivenValue) -> Result<String, Wrong> {
    let url = web(given)?;
    if !url.username().is_empty() || url.password().is_some() {
        let wrong = Wrong::new("holds a user or a password", "write it without them");
        return Err(wrong.hidden_if(true));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new("holds a query or a fragment", "end it after the host or the path"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Checks the address that an alert's messages are posted to. The words do not repeat it because it
/// may be a secret.
pub(super) fn receiver(text: &str, may_be_private: bool) -> Result<(), Wrong> {
    const PRIVATE: &str = "set allow_private = true if the receiver stands in your own network";
    let url = web(&GivenValue::Variable(text.to_owned()))?;
    if url.port() == Some(0) {
        return Err(Wrong::new("has the port 0, on which nobody answers", "write the real port"));
    }
    if url.domain().is_some_and(|name| !is_host_name(name)) {
        let problem = "names a host that no look-up can find";
        return Err(Wrong::new(problem, "write it as https://host/path"));
    }
    if may_be_private {
        return Ok(());
    }
    if url.scheme() == "http" {
        let problem = "is plain http: whoever is between can read along";
        return Err(Wrong::new(problem, format!("write https://, or {PRIVATE}")));
    }
    match address::refusal(url.host_str().unwrap_or_default()) {
        Some(why) => Err(Wrong::new(format!("may not be posted to: {why}"), PRIVATE)),
        None => Ok(()),
    }
}

/// Reads the database's URL. The store interprets the path.
pub(super) fn store(given: &GivenValue) -> Result<String, Wrong> {
    let text = given.text()?;
    let wrong = |problem: &str, remedy: &str| {
        Err(Wrong::new(problem, remedy).hidden_if(text.contains('@') || text.contains('?')))
    };
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(text.to_owned()),
        Some(("sqlite", _)) => {
            wrong("names no file", "write the file after the colon, as sqlite:surveyd.db")
        }
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            match Url::parse(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(error) => wrong(
                    &format!("cannot be read as a URL: {error}"),
                    "write it as postgres://user@host:5432/surveyd",
                ),
            }
        }
        _ => wrong(
            "is neither SQLite nor PostgreSQL",
            "write sqlite:surveyd.db or postgres://user@host:5432/surveyd",
        ),
    }
}

/// Returns the store's URL with everything removed that may be secret.
pub(super) fn redacted(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return "***".into() };
    if parsed.scheme() == "sqlite" {
        return url.to_owned();
    }
    if parsed.password().is_some() {
        // This fails only for a URL that cannot hold a password. This URL holds one.
        let _ = parsed.set_password(Some("***"));
    }
    // PostgreSQL also accepts a password as a parameter.
    parsed.set_query(None);
    parsed.into()
}

/// True if the URL's host is this machine.
pub(super) fn is_on_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

fn web(given: &GivenValue) -> Result<Url, Wrong> {
    let text = given.text()?;
    let wrong = |problem: String| {
        Wrong::new(problem, "write it as https://host/path").hidden_if(text.contains('@'))
    };
    if text.is_empty() {
        return Err(wrong("is empty".into()));
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(wrong("holds white space".into()));
    }
    let url = Url::parse(text).map_err(|error| wrong(format!("is not a URL: {error}")))?;
    // A URL of these two schemes does not parse without a host.
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(wrong("is not of the web".into())),
    }
}

/// True if a name may be one of the Domain Name System (RFC 1035, section 2.3). An underscore is
/// taken, because names in private networks have it.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
