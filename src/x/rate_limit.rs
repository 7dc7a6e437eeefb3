//! Reads what X's headers say of a limit: `x-rate-limit-limit`, `-remaining` and `-reset` (X's page
//! "Rate limits"). [`crate::domain::budget`] counts by them.

use reqwest::header::HeaderMap;

use crate::domain::budget::RateHeaders;
use crate::domain::time::Millis;

/// The calls that are left and until when. `None` if X's answer says only a part of it or nothing.
pub fn rate_headers(headers: &HeaderMap) -> Option<RateHeaders> {
    let limit = number(headers, "x-rate-limit-limit").and_then(|limit| u32::try_from(limit).ok());
    let remaining = number(headers, "x-rate-limit-remaining")?.max(0);
    Some(RateHeaders {
        limit: limit.filter(|limit| *limit > 0),
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset_at: reset_at(headers)?,
    })
}

/// When the limit begins anew. X gives seconds.
pub fn reset_at(headers: &HeaderMap) -> Option<Millis> {
    Some(Millis(number(headers, "x-rate-limit-reset")?.saturating_mul(1_000)))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
