//! A message for Slack's incoming webhooks.
//!
//! What others wrote stands in text objects of the type `plain_text`, which know neither mentions
//! nor links nor bold letters. `&`, `<` and `>` are escaped in every text, as Slack's page
//! "Formatting text for app surfaces" asks: a mention or a link begins with `<`.

use serde_json::{Value, json};

use super::text::{broken_after, fitting, lines, link};
use crate::domain::alert::Told;
use crate::domain::days::Zone;

/// The longest text of a block, in characters (Slack's page on the section block). UTF-16 units are
/// counted, which are never fewer.
const BLOCK_MAX: usize = 3_000;

pub fn write(told: &Told, zone: &Zone) -> Vec<u8> {
    let sentence = block_text(&told.sentence(zone));
    let mut blocks = vec![section(&sentence)];
    if let Some(text) = told.text() {
        blocks.push(section(&block_text(text)));
    }
    if let Some(url) = &told.link {
        let text = format!("<{}|Open in surveyd>", escaped(&link(url)));
        blocks.push(json!({
            "type": "context",
            "elements": [{ "type": "mrkdwn", "text": text, "verbatim": true }],
        }));
    }
    // Without `text`, notifications read "no preview available".
    let message = json!({
        "text": sentence,
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    });
    message.to_string().into_bytes()
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

/// A text that fits a block, escaped.
fn block_text(text: &str) -> String {
    let text = lines(text).join("\n");
    let written = |text: &str| escaped(&broken_after(text, &['@']));
    written(&fitting(&text, |text| written(text).encode_utf16().count() <= BLOCK_MAX))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
