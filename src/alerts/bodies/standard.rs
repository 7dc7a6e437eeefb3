//! The event of Standard Webhooks.

use super::text::fitting;
use crate::domain::alert::{Content, Told};

/// The longest body, in bytes (Standard Webhooks: under 20 KB).
pub const BYTES_MAX: usize = 20_000;

pub fn write(told: &Told) -> Vec<u8> {
    let body = |told: &Told| told.event().to_string().into_bytes();
    match &told.content {
        Content::Fact { comment: Some(comment), .. } => {
            let fits = |text: &str| body(&told.with_comment(text)).len() <= BYTES_MAX;
            body(&told.with_comment(&fitting(comment, fits)))
        }
        Content::Fact { comment: None, .. } | Content::Summary { .. } => body(told),
    }
}
