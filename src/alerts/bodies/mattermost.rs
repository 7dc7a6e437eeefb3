//! A message for Mattermost's incoming webhooks.
//!
//! Mattermost reads Markdown. All that others wrote is escaped, stands in a quotation, and has a
//! break wherever a mention, a channel or an address of the web would begin.

use serde_json::json;

use super::text::{BREAK, broken_after, fitting, lines, link};
use crate::domain::alert::Told;
use crate::domain::days::Zone;

/// The longest message, in characters (Mattermost's `POST_MESSAGE_MAX_RUNES_V2`).
const CHARACTERS_MAX: usize = 16_383;
/// What Mattermost's Markdown takes as text after a backslash.
const ESCAPABLE: &str = "\\`*{}[]()#+-.!_>~|$";

pub fn write(told: &Told, zone: &Zone) -> Vec<u8> {
    let written = told.text().unwrap_or_default();
    let fits = |text: &str| message(told, zone, text).chars().count() <= CHARACTERS_MAX;
    let text = fitting(written, fits);
    json!({ "text": message(told, zone, &text) }).to_string().into_bytes()
}

fn message(told: &Told, zone: &Zone, text: &str) -> String {
    let sentence = lines(&told.sentence(zone)).join(" ");
    let mut message = format!("**{}**", escaped(&sentence));
    for line in lines(text) {
        message += "\n> ";
        message += &escaped(&line);
    }
    if let Some(url) = &told.link {
        // A blank line ends the quotation.
        message += &format!("\n\n[Open in surveyd]({})", link(url));
    }
    message
}

fn escaped(line: &str) -> String {
    let broken = broken_after(line, &['@', '<', '&', ':']);
    let mut escaped = String::with_capacity(broken.len());
    for letter in broken.chars() {
        // `www` begins an address of the web, too.
        if matches!(letter, 'w' | 'W') && escaped.ends_with(['w', 'W']) {
            escaped.push(BREAK);
        }
        if ESCAPABLE.contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
