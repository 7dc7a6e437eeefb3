//! `[[sources]]`: where closes come from, and the secret that each of them signs with.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::defaults::{self, SIGNING_KEY_BYTES_MIN};
use super::given::{Given, Wrong, quoted};
use super::walk::{Table, nearest};
use super::{Source, SourceKind, secret, values};

const KINDS: [(&str, SourceKind); 1] = [("standard", SourceKind::Standard)];

/// Senders differ in whether they pad, and the bytes are the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key in a Standard Webhooks secret: `whsec_`, which may be left out, and base64.
pub fn standard_key(secret: &str) -> Option<Vec<u8>> {
    BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()
}

/// The sound sources; `accounts` are the names that they may refer to, where those are known.
pub(super) fn read(root: &mut Table, accounts: Option<&BTreeSet<String>>) -> Vec<Source> {
    let mut names = BTreeSet::new();
    let entries = root.entries("sources").unwrap_or_default().into_iter();
    entries
        .filter_map(|(place, entry)| source(root.walk.table(place, entry), &mut names, accounts))
        .collect()
}

fn source(
    mut table: Table,
    names: &mut BTreeSet<String>,
    accounts: Option<&BTreeSet<String>>,
) -> Option<Source> {
    let name = table.required("name", "\"helpdesk\"", values::name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each source a name of its own";
        table.fault("name", Some(quoted(name)), "is another source's name, too", remedy);
    }
    let kind = table.required("kind", "\"standard\"", kind);
    let account = table.optional("account", |given| {
        let account = values::name(given)?;
        match accounts {
            Some(accounts) if !accounts.contains(&account) => Err(no_account(&account, accounts)),
            _ => Ok(account),
        }
    });
    let secret = secret::read(&mut table, "secret", standard_secret);
    let rate_limit = table.optional("rate_limit", values::integer(defaults::RATE_LIMIT_BOUNDS));
    table.close(&["after"]);
    Some(Source {
        name: name?,
        kind: kind?,
        account: account?,
        secret: secret?,
        rate_limit: rate_limit?,
    })
}

fn kind(given: &Given) -> Result<SourceKind, Wrong> {
    let text = given.text()?;
    KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let remedy = format!("the kinds it knows: {}", known.join(", "));
        Wrong::new("is no kind that this version of surveyd knows", remedy)
    })
}

fn no_account(name: &str, accounts: &BTreeSet<String>) -> Wrong {
    let remedy = match nearest(name, accounts.iter().map(String::as_str)) {
        Some(account) => format!("did you mean \"{account}\"?"),
        None => "write the name of one of the [[accounts]], or leave it out".into(),
    };
    Wrong::new("is no account's name", remedy)
}

fn standard_secret(secret: &str) -> Result<(), Wrong> {
    let remedy = "write whsec_ and the base64 of 24 to 64 random bytes, \
                  as `openssl rand -base64 32` makes them";
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
