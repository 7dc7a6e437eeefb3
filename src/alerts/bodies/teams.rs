//! A message for Microsoft Teams, as an Adaptive Card. Its workflows take nothing else.
//!
//! What others wrote stands in text runs, which know no Markdown. A mention needs an entity of its
//! own in the card, and there is none. `<` and `{` are followed by a break all the same, so that
//! neither `<at>` nor `{{DATE(…)}}` remains.

use serde_json::{Value, json};

use super::text::{broken_after, fitting, lines, link};
use crate::domain::alert::Told;
use crate::domain::days::Zone;

/// The longest body, in bytes. Teams' limit is about 28 KB.
const BYTES_MAX: usize = 28_000;
/// The most lines of a text that stand apart. The rest stands in the last one.
const LINES_MAX: usize = 40;

pub fn write(told: &Told, zone: &Zone) -> Vec<u8> {
    let written = told.text().unwrap_or_default();
    let text = fitting(written, |text| card(told, zone, text).len() <= BYTES_MAX);
    card(told, zone, &text)
}

fn card(told: &Told, zone: &Zone, text: &str) -> Vec<u8> {
    let mut body: Vec<Value> = Vec::new();
    for line in lines(&told.sentence(zone)) {
        body.push(block(&line, "bolder"));
    }
    let mut rest = lines(text);
    if rest.len() > LINES_MAX {
        let last = rest.split_off(LINES_MAX - 1).join(" ");
        rest.push(last);
    }
    body.extend(rest.iter().map(|line| block(line, "default")));
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    });
    if let Some(url) = &told.link {
        let action =
            json!({ "type": "Action.OpenUrl", "title": "Open in surveyd", "url": link(url) });
        content["actions"] = json!([action]);
    }
    let message = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": content,
        }],
    });
    message.to_string().into_bytes()
}

fn block(line: &str, weight: &str) -> Value {
    let text = broken_after(line, &['@', '<', '{']);
    json!({
        "type": "RichTextBlock",
        "inlines": [{ "type": "TextRun", "text": text, "weight": weight }],
    })
}
