//! Hands the configured logins, tokens and proxy to the HTTP server.

use crate::config::Config;
use crate::web::results::{Access, Login, Token, TrustedProxy};

/// Returns everybody who may see results under a configuration.
pub fn of(config: &Config) -> Access {
    let logins = config
        .logins
        .iter()
        .map(|login| Login::new(login.viewer.clone(), login.password_hash.clone()));
    let tokens = config.tokens.iter().map(|token| Token {
        viewer: token.viewer.clone(),
        hash: token.hash,
        ends_at: token.expiry.map(|expiry| expiry.at),
    });
    let proxy = config.http.proxy.clone().map(|proxy| TrustedProxy {
        header: proxy.header.parse().ok(),
        trusts: Box::new(move |address| proxy.trusts(address)),
    });
    Access::new(logins.collect(), tokens.collect(), proxy)
}
