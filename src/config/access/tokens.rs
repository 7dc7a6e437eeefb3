//! Reads `[[tokens]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApiToken, TokenExpiry, name, viewer};
use crate::config::fault_collector::ConfigTable;
use crate::config::given::{GivenValue, Wrong, quoted};
use crate::config::sources::Around;
use crate::credentials::{TOKEN_HASH_BYTES, TOKEN_PREFIX, parse_token_hash};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::time::INSTANT;

/// The values that no two tokens may share.
#[derive(Default)]
struct SeenTokens {
    names: BTreeSet<String>,
    /// The hashes with the path of the token that has each.
    hashes: BTreeMap<[u8; TOKEN_HASH_BYTES], String>,
}

/// Reads the API tokens. Their last days are days of `zone`.
pub fn read(root: &mut ConfigTable, around: &Around, zone: &Zone) -> Vec<ApiToken> {
    let mut seen = SeenTokens::default();
    let entries = root.entries("tokens").unwrap_or_default().into_iter();
    let tokens = entries.filter_map(|(place, entry)| {
        token(root.collector.table(place, entry), &mut seen, around, zone)
    });
    tokens.collect()
}

fn token(
    mut table: ConfigTable,
    seen: &mut SeenTokens,
    around: &Around,
    zone: &Zone,
) -> Option<ApiToken> {
    let name = table.required("name", "\"warehouse\"", name);
    if let Some(name) = &name
        && !seen.names.insert(name.clone())
    {
        let remedy = "give each token a name of its own";
        table.fault("name", Some(quoted(name)), "is another token's name, too", remedy);
    }
    let viewer = viewer(&mut table, name, around);
    let given = table.required("hash", "\"sha256:…\"", hash);
    if let Some(hash) = given
        && let Some(other) = seen.hashes.insert(hash, table.place.path.clone())
    {
        let problem = format!("is the hash of {other}, too");
        table.fault("hash", None, problem, "make each token anew with `surveyd token`");
    }
    let expiry = table.optional("expires", |given| expiry(given, zone));
    table.close(&[]);
    Some(ApiToken { viewer: viewer?, hash: given?, expiry: expiry? })
}

/// Reads the hash of a token. It is no secret: nobody can guess 32 random bytes from their hash. A
/// wrong one is not shown all the same because it may be the token itself.
fn hash(given: &GivenValue) -> Result<[u8; TOKEN_HASH_BYTES], Wrong> {
    let text = given.text().map_err(|wrong| wrong.hidden_if(true))?;
    parse_token_hash(text).ok_or_else(|| {
        let wrong = match text.starts_with(TOKEN_PREFIX) {
            true => Wrong::new(
                "is the token itself and not its hash",
                "make another with `surveyd token`, which prints the hash as well",
            ),
            false => Wrong::new(
                "is not sha256: and 64 digits of 0-9 and a-f",
                "write the hash as `surveyd token` prints it",
            ),
        };
        wrong.hidden_if(true)
    })
}

fn expiry(given: &GivenValue, zone: &Zone) -> Result<TokenExpiry, Wrong> {
    let wrong = || Wrong::new("is not a date", "write it as 2027-06-30, or leave it out");
    let day = Day::parse(given.text()?).ok_or_else(wrong)?;
    let at = zone.period(Days { from: day, to: day }).to.plus(INSTANT);
    Ok(TokenExpiry { day, at })
}
