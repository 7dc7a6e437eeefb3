//! Who may see what over HTTP: a server without accounts, on a clock that is set by hand, met by
//! browsers and programs.

mod audit;
mod limits;
mod program;
mod proxy;
mod roles;
mod sessions;
mod sign_in;
mod slow_down;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use surveyd::clock::Clock;
use surveyd::credentials::{PasswordHash, hash_password, hash_token};
use surveyd::domain::access::{Role, Viewer};
use surveyd::domain::close::{Close, Notice};
use surveyd::domain::days::Zone;
use surveyd::domain::id::{ConversationId, UserId};
use surveyd::domain::policy::decision::Ground;
use surveyd::domain::policy::{AtClose, Mode, Pacing, Rules};
use surveyd::domain::survey_type::{Card, SurveyType};
use surveyd::domain::time::Millis;
use surveyd::stop::{StopSender, stopper};
use surveyd::store::{AuditEntry, Store};
use surveyd::watcher::Intake;
use surveyd::watcher::spool::LineCounts;
use surveyd::web::results::{Access, Login, Token, TrustedProxy};
use surveyd::web::{Live, ResultsTerms, Web};

use crate::harness::START;
use crate::harness::database::Database;
use crate::harness::help_desk;
use crate::harness::log::Log;

const PASSWORD: &str = "correct horse battery";
/// Hashed once, since that takes long by design.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| hash_password(PASSWORD).unwrap());
/// Where tests connect from unless they say otherwise.
const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];
/// What a browser says that it takes.
const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn viewer(name: &str, roles: &[Role]) -> Viewer {
    Viewer {
        name: name.into(),
        roles: roles.iter().copied().collect(),
        accounts: None,
        teams: None,
        agent: roles.contains(&Role::Agent).then(|| "dana".into()),
    }
}

fn login(viewer: Viewer) -> Login {
    Login::new(viewer, Some(HASH.clone()))
}

fn names(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// One login for each role, named like it, all with the same password.
fn logins() -> Vec<Login> {
    Role::ALL.iter().map(|role| login(viewer(role.as_str(), &[*role]))).collect()
}

fn token(text: &str, roles: &[Role], ends_at: Option<Millis>) -> Token {
    Token { viewer: viewer("warehouse", roles), hash: hash_token(text), ends_at }
}

/// A server for results on a database of its own.
struct House {
    database: Database,
    store: Store,
    web: Arc<Web>,
    address: SocketAddr,
    now: Arc<AtomicI64>,
    /// Its end stops the server.
    _stop: StopSender,
}

impl House {
    /// A house with one login for each role.
    async fn open() -> Self {
        Self::with(Access::new(logins(), Vec::new(), None)).await
    }

    async fn with(access: Access) -> Self {
        let database = Database::sqlite();
        let store = database.open().await;
        let now = Arc::new(AtomicI64::new(START.0));
        let clock = Clock::Manual(now.clone());
        let web = Web::new(live(&store, &clock, access), store.clone(), clock);
        let listener = surveyd::web::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopper) = stopper();
        tokio::spawn(surveyd::web::serve(listener, web.clone(), stopper));
        Self { database, store, web, address, now, _stop: stop }
    }

    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    fn wait(&self, length: Duration) {
        self.now.store(self.now().plus(length).0, Ordering::SeqCst);
    }

    /// Puts another configuration in force, as a reload does.
    fn reload(&self, access: Access) {
        let clock = Clock::Manual(self.now.clone());
        self.web.replace(live(&self.store, &clock, access));
    }

    fn browser(&self) -> Browser {
        self.browser_at(HERE)
    }

    /// A browser on another machine, as far as the server can see.
    fn browser_at(&self, from: [u8; 4]) -> Browser {
        // Installs the crypto that any client needs.
        drop(help_desk::client());
        let client = Client::builder().redirect(Policy::none()).local_address(IpAddr::from(from));
        Browser { client: client.build().unwrap(), address: self.address, cookie: None }
    }

    /// A browser in which that login is signed in.
    async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let response = browser.sign_in(name, PASSWORD).await;
        assert_eq!(response.status(), 303, "{name}");
        browser
    }

    /// What the audit log says, the oldest first.
    async fn audited(&self) -> Vec<AuditEntry> {
        let entries = self.store.audited(crate::harness::ALL_TIME, None, 1_000).await.unwrap();
        entries.into_iter().rev().map(|(_, entry)| entry).collect()
    }

    /// Takes a close of an account and a team. Returns the id of its survey.
    async fn survey(&self, account: &str, team: Option<&str>) -> String {
        let conversation = format!("{account}-{}", team.unwrap_or_default());
        let close = Close {
            account: account.into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(&conversation).unwrap(),
            user_id: UserId::parse("77").ok(),
            closed_at: START,
            precision: Default::default(),
            notice: Notice { team: team.map(Into::into), ..Notice::default() },
        };
        let card = Card { kind: SurveyType::Csat, question_variant_id: 12, test: false };
        let taken = self.store.take_close(close, (due(), None), card, None, START).await.unwrap();
        taken.survey_id.to_string()
    }
}

fn due() -> AtClose {
    let rules = Rules {
        delay: Duration::ZERO,
        expire_after: Duration::from_secs(43_200),
        throttle: Duration::ZERO,
        throttle_group: "acme".into(),
        sample: 1.0,
        holdout: 0.0,
        daily_limit: 1000,
        daily_limit_per_user: 1,
        pacing: Pacing::Asap,
        mode: Mode::Live,
        quiet_hours: None,
        skip_closed_by: Vec::new(),
        min_agent_messages: 0,
        stale_after: None,
        rule: None,
        skip: false,
        variant: None,
    };
    let ground = Ground::Due { due_at: START, delay_ms: 0 };
    AtClose { due_at: START, decision: rules.decided(ground, START) }
}

fn live(store: &Store, clock: &Clock, access: Access) -> Live {
    let (store, clock) = (store.clone(), clock.clone());
    Live {
        intake: Intake { store, clock, accounts: Arc::default(), x_clock: None },
        sources: HashMap::new(),
        message_hooks: HashMap::new(),
        feedback_hook: None,
        lines: LineCounts::default(),
        meters: Default::default(),
        max_body: 1 << 18,
        events_horizon: Duration::ZERO,
        served: Vec::new(),
        connections_per_peer: 0,
        alerts: Vec::new(),
        schedules: Vec::new(),
        access,
        results: ResultsTerms {
            zone: Zone::utc(),
            fresh_for: Duration::ZERO,
            min_group: 5,
            agent_min: 10,
            agent_delay: Duration::ZERO,
        },
    }
}

/// A browser that keeps its cookie and follows nothing by itself.
struct Browser {
    client: Client,
    address: SocketAddr,
    /// As the header `Cookie` has it.
    cookie: Option<String>,
}

impl Browser {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        let request = request.header("accept", HTML);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Sends a form of surveyd's own page. Not sent yet.
    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.form(path, fields).header("origin", self.origin()).send().await.unwrap()
    }

    /// Signs in, and keeps the cookie that comes back.
    async fn sign_in(&mut self, name: &str, password: &str) -> Response {
        let response = self.post("/login", &[("name", name), ("password", password)]).await;
        if let Some(cookie) = cookie(&response) {
            self.cookie = Some(cookie);
        }
        response
    }
}

/// The cookie that an answer sets, without its attributes.
fn cookie(response: &Response) -> Option<String> {
    let set = response.headers().get("set-cookie")?.to_str().unwrap();
    Some(set.split(';').next().unwrap().to_owned())
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    value.unwrap_or_default()
}

/// The status and where the answer leads.
fn led(response: &Response) -> (u16, String) {
    (response.status().as_u16(), header(response, "location"))
}

/// All of an answer that a client can see, but for the time and the length.
async fn seen(response: Response) -> (u16, Vec<(String, String)>, String) {
    let status = response.status().as_u16();
    let mut headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| name != "date" && name != "content-length")
        .collect();
    headers.sort();
    (status, headers, response.text().await.unwrap())
}
