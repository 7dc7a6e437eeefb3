//! Signs people in by name and password, and out.
//!
//! A refusal is the same in its words, its status and its time whether the name is known or not.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use minijinja::context;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{error, warn};

use super::cookie;
use super::page::{ErrorForm, content, page};
use super::reception::Reception;
use super::visit::{AuditedResponse, Visit, Visitor, Way, log_failure, redirect};
use crate::credentials::{PasswordHash, verify_password};
use crate::domain::access::Role;
use crate::domain::session::Session;
use crate::store;
use crate::web::responses::shortened;
use crate::web::seats::Peer;

/// The most bytes of a form. Name, password and address are shorter.
const FORM_BYTES_MAX: usize = 4 * 1_024;
/// The characters of a tried name that the audit log and the page keep.
const NAME_MAX: usize = 64;
/// How long an attempt waits for those before it.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// What the audit log calls a sign-in that failed.
const FAILED: &str = "sign-in failed";

const WRONG: &str = "The name or the password is wrong.";
const BUSY: &str = "Too many people sign in at this moment. Try again in a few seconds.";
const UNAVAILABLE: &str = "surveyd cannot write to its database now. Try again in a moment.";

/// The page that each role is led to. The first role of a person that is listed counts.
const HOMES: [(Role, &str); 4] = [
    (Role::Supervisor, "/"),
    (Role::Admin, "/health"),
    (Role::Auditor, "/audit"),
    (Role::Agent, "/mine"),
];

fn home(roles: &BTreeSet<Role>) -> &'static str {
    let home = HOMES.iter().find(|(role, _)| roles.contains(role));
    home.map_or("/login", |(_, path)| path)
}

/// Returns where a person goes on. That is the page that they asked for if they may open it.
fn onward<'n>(visit: &Visit, next: Option<&'n str>, roles: &BTreeSet<Role>) -> &'n str {
    let may_open = |next: &&str| {
        (visit.who_opens)(next).is_some_and(|who| who.iter().any(|role| roles.contains(role)))
    };
    next.filter(may_open).unwrap_or(home(roles))
}

/// Shows the form. Leads on whoever is signed in.
pub async fn get(visit: Visit) -> AuditedResponse {
    let next = parameter(visit.query.as_bytes(), "next");
    if let Some(visitor) = &visit.visitor {
        return redirect(onward(&visit, next.as_deref(), &visitor.viewer.roles)).into();
    }
    form(&visit, StatusCode::OK, None, "", next.as_deref()).into()
}

/// Signs in, and leads on to the page that was asked for or to the role's own.
pub async fn post(mut visit: Visit, body: Body) -> AuditedResponse {
    // Verifying a password takes long and reads nothing.
    visit.reading = None;
    let body = match read(&visit.headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into(),
    };
    let field = |name: &str| parameter(&body, name);
    let (name, password) = (field("name").unwrap_or_default(), field("password"));
    let next = field("next");
    let refuse = |status: StatusCode, words: &str| {
        form(&visit, status, Some(words), &shortened(&name, NAME_MAX), next.as_deref())
    };
    let attempt = Attempt {
        address: Peer::of(visit.caller.address),
        password: password.unwrap_or_default(),
        against: visit.live.access.password(&name),
        name: name.clone(),
    };
    match outcome(&visit, attempt).await {
        SignInOutcome::Right => sign_in(&visit, &name, next.as_deref()).await,
        SignInOutcome::Wrong => match enter_failure(&visit, &name).await {
            Ok(()) => {
                let mut response = refuse(StatusCode::UNAUTHORIZED, WRONG);
                let asks =
                    HeaderValue::from_static("Cookie realm=\"surveyd\", form-action=\"/login\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
                response
            }
            Err(error) => unavailable(&visit, &error),
        },
        SignInOutcome::Later(wait) => {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let words = format!("Too many sign-ins have failed. Try again in {seconds} {unit}.");
            let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, &words);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds as u64));
            response
        }
        SignInOutcome::Busy => {
            let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, BUSY);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
    .into()
}

/// Ends the session and takes the cookie back.
pub async fn sign_out(visit: Visit) -> AuditedResponse {
    if let Some(hash) = visit.visitor.as_ref().and_then(|visitor| visitor.session.clone()) {
        let entry = visit.entry("signed out", String::new());
        let store = &visit.web.store;
        if let Err(error) = store.end_session(hash.clone(), Some(entry)).await {
            // Whoever leaves must not stay signed in because that cannot be put on record.
            if store.end_session(hash, None).await.is_err() {
                return unavailable(&visit, &error).into();
            }
            log_failure(store, &error, "the audit log cannot be written");
        }
    }
    let mut response = redirect("/login");
    response.headers_mut().insert(cookie::SET, cookie::clear(visit.caller.is_tls));
    response.into()
}

struct Attempt {
    name: String,
    address: Peer,
    password: String,
    /// The hash to verify against, and whether it is the name's own.
    against: Option<(PasswordHash, bool)>,
}

enum SignInOutcome {
    Right,
    Wrong,
    Later(Duration),
    Busy,
}

/// Verifies a password. At most two are verified at once, whoever goes away meanwhile.
async fn outcome(visit: &Visit, attempt: Attempt) -> SignInOutcome {
    let wait = |reception: &Reception, attempt: &Attempt| {
        reception.failures.wait(&attempt.name, attempt.address, visit.web.clock.now())
    };
    let reception = visit.web.reception.clone();
    if let Some(wait) = wait(&reception, &attempt) {
        return SignInOutcome::Later(wait);
    }
    let turn = timeout(TURN_WITHIN, reception.checks.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return SignInOutcome::Busy };
    // Others may have failed by this name or from this address meanwhile.
    if let Some(wait) = wait(&reception, &attempt) {
        return SignInOutcome::Later(wait);
    }
    let clock = visit.web.clock.clone();
    let verified = spawn_blocking(move || {
        let Attempt { name, address, password, against } = attempt;
        let is_right =
            against.is_some_and(|(hash, is_own)| verify_password(&password, &hash) && is_own);
        if !is_right {
            reception.failures.note(&name, address, clock.now());
        }
        drop(turn);
        is_right
    });
    match verified.await {
        Ok(true) => SignInOutcome::Right,
        Ok(false) => SignInOutcome::Wrong,
        Err(_) => SignInOutcome::Busy,
    }
}

/// Begins a session under a new cookie, whatever cookie the browser had before.
async fn sign_in(visit: &Visit, name: &str, next: Option<&str>) -> Response {
    let login = visit.live.access.login(name).expect("its own password was right");
    let now = visit.web.clock.now();
    let Some(value) = cookie::make() else {
        error!(event = "login.failed", "the system gives no random bytes, so nobody can sign in");
        return ErrorForm::Page.unavailable("surveyd cannot sign anybody in now.");
    };
    let version = login.version.clone();
    let session = Session { login: name.to_owned(), version, made_at: now, seen_at: now };
    let visitor = Visitor { viewer: login.viewer.clone(), way: Way::Password, session: None };
    let entry = visit.entry_of(Some(&visitor), "signed in", String::new());
    let before = cookie::value(&visit.headers, visit.caller.is_tls).map(cookie::hash);
    let begun = visit.web.store.begin_session(cookie::hash(&value), session, before, entry).await;
    if let Err(error) = begun {
        return unavailable(visit, &error);
    }
    let mut response = redirect(onward(visit, next, &login.viewer.roles));
    response.headers_mut().insert(cookie::SET, cookie::set(&value, visit.caller.is_tls));
    response
}

/// Logs a failure and enters it in the audit log. A crowd of failures is thinned out, and the next
/// entry says how many are left out before it.
async fn enter_failure(visit: &Visit, name: &str) -> store::Result<()> {
    let Some(left_out) = visit.web.reception.failed.enters(visit.web.clock.now()) else {
        return Ok(());
    };
    let (name, more) = (shortened(name, NAME_MAX), before(left_out));
    let mut entry = visit.entry_of(None, FAILED, more.clone());
    let address = &entry.address;
    warn!(
        event = "login.refused",
        name,
        address,
        "a sign-in by the name {name:?} from {address} has failed{}",
        after_comma(&more),
    );
    entry.name = name;
    visit.web.store.audit(entry).await
}

/// Logs that a trusted proxy names nobody's login, and enters it in the audit log. The visitor is
/// answered like a stranger.
pub async fn note_unknown(visit: &Visit, name: &str) {
    let Some(left_out) = visit.web.reception.unknown.enters(visit.web.clock.now()) else { return };
    let (name, more) = (shortened(name, NAME_MAX), before(left_out));
    let detail = format!("the proxy names no login{}", after_comma(&more));
    let mut entry = visit.entry_of(None, FAILED, detail);
    let address = &entry.address;
    warn!(
        event = "login.unknown",
        name,
        address,
        "the proxy names {name:?} from {address}, who is no login{}: add [[logins]] with that name, \
         or have the proxy write another",
        after_comma(&more),
    );
    (entry.name, entry.way) = (name, Way::Proxy.as_str().into());
    if let Err(error) = visit.web.store.audit(entry).await {
        log_failure(&visit.web.store, &error, "the audit log cannot be written");
    }
}

/// Says how many failures are left out before one that is listed.
fn before(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        many => format!("{many} more before it are left out"),
    }
}

fn after_comma(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(", {text}") }
}

fn unavailable(visit: &Visit, error: &store::Error) -> Response {
    log_failure(&visit.web.store, error, "nobody can sign in or out");
    ErrorForm::Page.unavailable(UNAVAILABLE)
}

fn form(
    visit: &Visit,
    status: StatusCode,
    said: Option<&str>,
    name: &str,
    next: Option<&str>,
) -> Response {
    let next = next.filter(|next| (visit.who_opens)(next).is_some());
    page(visit, status, "Sign in", content("login.html", context! { said, name, next }))
}

/// Reads the body of a form.
async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Response> {
    let of = |name: header::HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
    let kind = of(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let words = "Send the form of the page: application/x-www-form-urlencoded.";
        return Err(ErrorForm::Page.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
    }
    let announced = of(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    let too_large = || {
        let words = "A name and a password are shorter than that.";
        ErrorForm::Page.refuse(StatusCode::PAYLOAD_TOO_LARGE, words)
    };
    if announced.is_some_and(|length| length > FORM_BYTES_MAX) {
        return Err(too_large());
    }
    to_bytes(body, FORM_BYTES_MAX).await.map(Into::into).map_err(|_| too_large())
}

/// Returns the first value of a name in a form or a query.
fn parameter(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(form);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_led_to_its_own_page_and_the_widest_role_counts() {
        let home = |roles: &[Role]| home(&roles.iter().copied().collect());
        assert_eq!(home(&[Role::Supervisor]), "/");
        assert_eq!(home(&[Role::Admin]), "/health");
        assert_eq!(home(&[Role::Auditor]), "/audit");
        assert_eq!(home(&[Role::Agent]), "/mine");
        assert_eq!(home(&[Role::Agent, Role::Auditor, Role::Admin]), "/health");
        assert_eq!(home(&Role::ALL), "/");
    }

    #[test]
    fn a_form_is_decoded_and_its_first_value_counts() {
        let form = b"name=Mara+L%C3%B6w&password=a%26b%3Dc&name=other&empty=";
        assert_eq!(parameter(form, "name").as_deref(), Some("Mara Löw"));
        assert_eq!(parameter(form, "password").as_deref(), Some("a&b=c"));
        assert_eq!(parameter(form, "empty").as_deref(), Some(""));
        assert_eq!(parameter(form, "next"), None);
    }
}
