//! Reads `[[sources]]`: where closes come from, how they are signed and how to read their payloads.
//!
//! The kind of a help desk is only a preset of keys for a `mapped` source. The file can override
//! each of these keys.

mod account;
mod field;
mod mapping;
mod preset;
pub(super) mod scheme;
mod spool;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;

use self::account::Meant;
use super::defaults::{self, SIGNING_KEY_BYTES_MIN};
use super::fault_collector::ConfigTable;
use super::given::{GivenValue, Wrong, quoted};
use super::names::nearest;
use super::rsa::{BASE64, rsa_key};
use super::{Secret, secret, values};
use crate::domain::mapping::Mapping;
use crate::domain::stop_words::StopWords;
pub(super) use account::several;
pub use scheme::{
    Algorithm, Encoding, IN_QUERY, Scheme, SignedPart, Timestamp, TimestampForm, X_SIGNATURE,
};

/// A source that posts closes over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// The account for a notice that names none.
    pub account: Option<String>,
    /// The accounts that a notice may name. Empty allows every account.
    pub accounts: Vec<String>,
    /// A signature may match any of these. Empty if the source signs nothing.
    pub secrets: Vec<Secret>,
    /// The most notices a minute.
    pub rate_limit: u32,
    pub scheme: Scheme,
    /// How to read the source's payloads. `None` if they are notices of kind `standard`.
    pub mapping: Option<Mapping>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Signed by the Standard Webhooks scheme.
    Standard,
    Chatwoot,
    Zendesk,
    Intercom,
    Freshchat,
    Freshdesk,
    Helpscout,
    Front,
    Zammad,
    /// Any help desk that the configuration describes by a mapping of its own.
    Mapped,
    /// A folder of files. It becomes a [`SpoolConfig`] and never a [`Source`].
    Spool,
    /// An account's Direct Messages. It becomes a [`WatchedMessages`] and never a [`Source`].
    DmInactivity,
}

/// A source that is a folder of files with notices of kind `standard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    pub name: String,
    /// The account for a notice that names none.
    pub account: Option<String>,
    /// The accounts that a notice may name. Empty allows every account.
    pub accounts: Vec<String>,
    /// The path as the file gives it. A relative path starts at the state folder.
    pub folder: PathBuf,
    /// The interval at which the daemon scans the folder.
    pub every: Duration,
}

/// A source that watches an account's Direct Messages and closes conversations that are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedMessages {
    pub name: String,
    pub account: String,
    /// The silence after the account's last word that ends a conversation.
    pub after: Duration,
    pub stream: MessageStream,
    /// The interval at which surveyd asks X for messages.
    pub every: Duration,
    /// The messages by which a person opts out of prompts.
    pub stop_words: StopWords,
}

/// The way in which surveyd gets messages from X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStream {
    /// `direct_messages/events/list` (API v1.1).
    V1,
    /// `GET /2/dm_events`.
    V2,
    /// X delivers messages to the webhook. surveyd lists messages by v1.1 to find those not
    /// delivered.
    Webhook,
}

const KINDS: [(&str, SourceKind); 12] = [
    ("standard", SourceKind::Standard),
    ("chatwoot", SourceKind::Chatwoot),
    ("zendesk", SourceKind::Zendesk),
    ("intercom", SourceKind::Intercom),
    ("freshchat", SourceKind::Freshchat),
    ("freshdesk", SourceKind::Freshdesk),
    ("helpscout", SourceKind::Helpscout),
    ("front", SourceKind::Front),
    ("zammad", SourceKind::Zammad),
    ("mapped", SourceKind::Mapped),
    ("spool", SourceKind::Spool),
    ("dm_inactivity", SourceKind::DmInactivity),
];

/// The secret with which Zendesk signs its test deliveries. Zendesk's documentation prints it for
/// everybody to see.
const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// Decodes the base64 key of a Standard Webhooks secret. The prefix `whsec_` may be left out.
pub fn standard_key(secret: &str) -> Option<Vec<u8>> {
    BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()
}

impl SourceKind {
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl Source {
    /// Returns the secrets as the bytes that the scheme uses.
    pub fn secret_bytes(&self) -> Vec<Vec<u8>> {
        let bytes = |secret: &str| match self.kind {
            SourceKind::Standard => standard_key(secret).unwrap_or_default(),
            _ => secret.as_bytes().to_vec(),
        };
        self.secrets.iter().map(|secret| bytes(secret.expose())).collect()
    }
}

/// The facts from elsewhere in the file that the sources refer to.
pub(super) struct Around<'a> {
    /// The names of all accounts. `None` if they are unknown.
    pub accounts: Option<&'a BTreeSet<String>>,
    /// True if `x.base_url` is a stand-in for X on this machine.
    pub is_stand_in: bool,
}

/// The values that no two sources may share.
#[derive(Default)]
struct SeenSources {
    names: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
    /// Accounts whose messages are watched.
    watched: BTreeSet<String>,
}

enum Sound {
    Source(Box<Source>),
    Spool(SpoolConfig),
    Watched(WatchedMessages),
}

/// Returns the sound sources: those that post over HTTP, the folders and those that watch messages.
pub(super) fn read(
    root: &mut ConfigTable,
    around: &Around,
) -> (Vec<Source>, Vec<SpoolConfig>, Vec<WatchedMessages>) {
    let mut seen = SeenSources::default();
    let (mut sources, mut spools, mut watched) = (Vec::new(), Vec::new(), Vec::new());
    for (place, entry) in root.entries("sources").unwrap_or_default() {
        match source(root.collector.table(place, entry), &mut seen, around) {
            Some(Sound::Source(source)) => sources.push(*source),
            Some(Sound::Spool(spool)) => spools.push(spool),
            Some(Sound::Watched(source)) => watched.push(source),
            None => {}
        }
    }
    (sources, spools, watched)
}

fn source(mut table: ConfigTable, seen: &mut SeenSources, around: &Around) -> Option<Sound> {
    let name = table.required("name", "\"helpdesk\"", values::name);
    if let Some(name) = &name
        && !seen.names.insert(name.clone())
    {
        let remedy = "give each source a name of its own";
        table.fault("name", Some(quoted(name)), "is another source's name, too", remedy);
    }
    let kind = table.required("kind", "\"standard\"", kind);
    let account = account::named(&mut table, around);
    if kind == Some(SourceKind::Spool) {
        let several = account::several(&mut table, around);
        let meant = account::or_only(account, several.as_deref()).zip(several);
        let meant = meant.map(|(account, several)| Meant::of(account, several, []));
        return spool::read(table, name, meant, &mut seen.folders).map(Sound::Spool);
    }
    if kind == Some(SourceKind::DmInactivity) {
        let watched = watched::read(table, name, account, around, &mut seen.watched);
        return watched.map(Sound::Watched);
    }
    let rate_limit = values::integer(defaults::RATE_LIMIT_BOUNDS);
    let rate_limit = table.or("rate_limit", defaults::RATE_LIMIT, rate_limit);
    let several = match kind {
        Some(SourceKind::Standard) => account::several(&mut table, around),
        Some(_) if table.is_list("accounts") => account::several(&mut table, around),
        Some(_) | None => Some(Vec::new()),
    };
    let account = account::or_only(account, several.as_deref());
    let (secrets, scheme, mapping) = match kind {
        Some(SourceKind::Standard) => {
            let secrets = secret::read_list(&mut table, "secret", |secret| {
                not_for_tests(secret, around).and_then(|()| standard_secret(secret))
            });
            (secrets, Some(Scheme::standard()), Some(None))
        }
        Some(kind) => {
            table.under(preset::of(kind));
            let scheme = scheme::read(&mut table);
            let secrets = secrets(&mut table, scheme.as_ref(), around);
            let mapping = mapping::read(&mut table);
            let accounts = match several.as_ref().is_some_and(Vec::is_empty) {
                true => account::by_id(&mut table, around),
                false => Some(BTreeMap::new()),
            };
            let mapping = mapping.zip(accounts).map(|(mapping, accounts)| {
                let is_own = kind == SourceKind::Mapped;
                account::placed(Mapping { is_own, ..mapping }, accounts, is_own)
            });
            (secrets, scheme, mapping.map(Some))
        }
        None => {
            // Without the kind, it is unknown which other keys exist and what they must be.
            table.abandon();
            return None;
        }
    };
    let mapping = mapping?;
    let account = match &mapping {
        Some(mapping) => account::meant(&mut table, account, mapping, around),
        None => account,
    };
    table.close(&[]);
    let by_id = mapping.iter().flat_map(|mapping| mapping.accounts.values().cloned());
    let meant = match (account, several) {
        (Some(account), Some(several)) => Meant::of(account, several, by_id),
        _ => return None,
    };
    Some(Sound::Source(Box::new(Source {
        name: name?,
        kind: kind?,
        account: meant.account,
        accounts: meant.accounts,
        secrets: secrets?,
        rate_limit: rate_limit?,
        scheme: scheme?,
        mapping,
    })))
}

/// The help desks that docs/sources/others.md has a block for.
const DESCRIBED: [&str; 6] = ["gorgias", "kustomer", "hubspot", "plain", "salesforce", "crisp"];

/// The remedy where one of them is taken for a kind.
pub const OF_DESCRIBED: &str =
    "it has no kind of its own: docs/sources/others.md has its block, of kind \"mapped\"";

/// True if docs/sources/others.md has a block for the help desk of that name.
pub fn is_described(desk: &str) -> bool {
    DESCRIBED.contains(&desk.to_lowercase().as_str())
}

fn kind(given: &GivenValue) -> Result<SourceKind, Wrong> {
    let known: Vec<_> = KINDS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let text = given.text().map_err(|wrong| {
        Wrong::new(wrong.problem, format!("the kinds it knows: {}", known.join(", ")))
    })?;
    KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or_else(|| {
        let remedy = match nearest(text, KINDS.iter().map(|(name, _)| *name)) {
            _ if is_described(text) => OF_DESCRIBED.to_owned(),
            Some(kind) => format!("did you mean \"{kind}\"? It knows {}", known.join(", ")),
            None => format!("the kinds it knows: {}", known.join(", ")),
        };
        Wrong::new("is no kind that this version of surveyd knows", remedy)
    })
}

/// Reads the secrets of a mapped source. The list is empty if the source signs nothing.
fn secrets(
    table: &mut ConfigTable,
    scheme: Option<&Scheme>,
    around: &Around,
) -> Option<Vec<super::Secret>> {
    let algorithm = scheme.map(|scheme| scheme.algorithm);
    let in_query = scheme.is_some_and(|scheme| scheme.header.starts_with(IN_QUERY));
    if algorithm == Some(Algorithm::Nothing) {
        if !matches!(table.take("secret"), Ok(None)) {
            let remedy = "remove it, or name another signature: it would be checked nowhere";
            table.fault("secret", None, "is given, and signature is \"none\"", remedy);
        }
        return Some(Vec::new());
    }
    secret::read_list(table, "secret", |secret| {
        not_for_tests(secret, around)?;
        if algorithm == Some(Algorithm::RsaSha256) {
            return is_public_key(secret);
        }
        if in_query && !secret.bytes().all(scheme::stands_in_addresses) {
            let remedy = "make one of letters and digits, as `openssl rand -hex 24` does";
            return Err(Wrong::new("holds what an address does not bear as it is", remedy));
        }
        match secret.trim() == secret {
            true => Ok(()),
            false => Err(Wrong::new("begins or ends with white space", "remove the white space")),
        }
    })
}

/// Checks the public key that a desk signs by.
pub(super) fn is_public_key(text: &str) -> Result<(), Wrong> {
    let remedy = "paste the public key that the desk shows, from -----BEGIN to the end";
    let wrong = || Wrong::new("is no RSA public key", remedy);
    rsa_key(text).map(drop).ok_or_else(wrong)
}

fn not_for_tests(secret: &str, around: &Around) -> Result<(), Wrong> {
    match secret == ZENDESK_TEST_SECRET && !around.is_stand_in {
        true => Err(Wrong::new(
            "is the secret that Zendesk tests with, which everybody knows",
            "write the webhook's own: Reveal secret on its page, or \
             GET /api/v2/webhooks/ID/signing_secret",
        )),
        false => Ok(()),
    }
}

/// Checks the secret of a sender or a receiver of Standard Webhooks.
pub(super) fn standard_secret(secret: &str) -> Result<(), Wrong> {
    let remedy = format!(
        "write whsec_ and the base64 of {SIGNING_KEY_BYTES_MIN} random bytes or more, as `openssl rand \
         -base64 32` makes them"
    );
    match standard_key(secret).map(|key| key.len()) {
        None => Err(Wrong::new("is not base64", remedy)),
        Some(length) if length < SIGNING_KEY_BYTES_MIN => {
            let problem =
                format!("is {length} bytes long, and {SIGNING_KEY_BYTES_MIN} are the least");
            Err(Wrong::new(problem, remedy))
        }
        Some(_) => Ok(()),
    }
}
