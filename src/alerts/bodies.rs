//! Writes a message in the format that the receiver reads.
//!
//! Each format has its limits on size, and its ways in which a text could ping people, break the
//! message or look like a link. Help desks, X and people wrote those texts, so each format is
//! written in a way in which they are text and nothing else. A text that is too long is cut, and
//! ends with "…".

mod mattermost;
mod slack;
mod standard;
mod teams;
mod template;
mod text;

use crate::domain::alert::template::TemplateError;
use crate::domain::alert::{Format, Told};
use crate::domain::days::Zone;

/// What every format's body is.
pub const CONTENT_TYPE: &str = "application/json";

/// Writes the body of a message. It is JSON. Times in sentences are of `zone`. Only a template can
/// fail.
pub fn write(format: &Format, told: &Told, zone: &Zone) -> Result<Vec<u8>, TemplateError> {
    match format {
        Format::Standard => Ok(standard::write(told)),
        Format::Slack => Ok(slack::write(told, zone)),
        Format::Teams => Ok(teams::write(told, zone)),
        Format::Mattermost => Ok(mattermost::write(told, zone)),
        Format::Template(template) => template::write(template, told, zone),
    }
}

#[cfg(test)]
mod tests;
