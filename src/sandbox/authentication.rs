//! Finds out who is calling.
//!
//! It checks the keys and then the clock, the signature and the nonce.

use std::collections::BTreeSet;

use super::call::HttpRequest;
use super::config::SandboxAccount;
use super::dates::seconds;
use super::form::Parameters;
use super::oauth::{Header, base_string, read_header, verifies};
use super::refusal::Refusal;
use crate::domain::time::Millis;

/// The most seconds that a client's clock may be ahead or behind.
const TOLERANCE_SECONDS: i64 = 5 * 60;

/// The nonces already used. Each is kept as long as its timestamp would still be accepted.
#[derive(Clone, Debug, Default)]
pub struct Nonces {
    seen: BTreeSet<(i64, String)>,
}

impl Nonces {
    /// Records a nonce. True if it was not used before. A nonce may be used again with another
    /// timestamp or another token.
    fn first_use(&mut self, header: &Header, now: Millis) -> bool {
        self.seen = self.seen.split_off(&(seconds(now) - TOLERANCE_SECONDS, String::new()));
        let nonce = format!("{}\n{}\n{}", header.consumer_key, header.token, header.nonce);
        self.seen.insert((header.timestamp, nonce))
    }
}

/// Returns the calling account's index and the request's parameters. The error is X's refusal.
pub fn authenticate(
    accounts: &[SandboxAccount],
    nonces: &mut Nonces,
    request: &HttpRequest,
    now: Millis,
) -> Result<(usize, Parameters), Refusal> {
    let header = request.authorization.as_deref().and_then(read_header).ok_or_else(|| {
        Refusal::bad_authentication_data().because("no complete OAuth 1.0a header")
    })?;
    if !accounts.iter().any(|account| account.consumer_key == header.consumer_key) {
        return Err(Refusal::bad_signature().because("no such consumer key"));
    }
    let index = accounts
        .iter()
        .position(|account| {
            account.access_token == header.token && account.consumer_key == header.consumer_key
        })
        .ok_or_else(|| Refusal::invalid_token().because("no such access token"))?;
    let off = header.timestamp.saturating_sub(seconds(now));
    if off.abs() > TOLERANCE_SECONDS {
        return Err(
            Refusal::timestamp_out_of_bounds().because(format!("the timestamp is {off} s off"))
        );
    }
    check_signature(&header, &accounts[index], request)?;
    // Record the nonce only now. A stranger without the keys must not be able to use up a client's
    // nonces.
    if !nonces.first_use(&header, now) {
        return Err(Refusal::bad_signature().because("this nonce was used before"));
    }
    Ok((index, Parameters::new(request.pairs())))
}

fn check_signature(
    header: &Header,
    account: &SandboxAccount,
    request: &HttpRequest,
) -> Result<(), Refusal> {
    let mut all = header.signed.clone();
    all.extend(request.pairs());
    let all = Parameters::new(all);
    if let Some(name) = all.repeated() {
        return Err(Refusal::bad_signature().because(format!("{name} stands there twice")));
    }
    let base =
        base_string(&request.method, &request.scheme, &request.host, &request.path, all.all());
    if verifies(&base, &account.consumer_secret, &account.access_token_secret, &header.signature) {
        Ok(())
    } else {
        Err(Refusal::bad_signature().because(format!("the signature should be that of {base}")))
    }
}
