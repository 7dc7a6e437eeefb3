//! Five hundred hostile texts go through every format and are read back.

use serde_json::Value;

use super::text::BREAK;
use super::*;
use crate::domain::alert::template::AlertTemplate;
use crate::domain::alert::{AlertType, Answer, Content, Fact};
use crate::domain::id::SurveyId;
use crate::domain::plain_text::printable;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

const AT: Millis = Millis(1_795_334_400_000);
const LINK: &str = "https://surveyd.example/surveys/s-1";

const HOSTILE: [&str; 50] = [
    "@channel",
    "@here come all",
    "@all",
    "@everyone",
    "mail@channel.example",
    "@@channel",
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<@U024BE7LH>",
    "<@W123|name>",
    "<!subteam^SAZ94GDB8>",
    "<#C123|general>",
    "<https://evil.example|Open in surveyd>",
    "<at>Everyone</at>",
    "<at id=\"0\">Mara</at>",
    "[Open in surveyd](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "[x]: https://evil.example",
    "https://evil.example/login",
    "HTTP://EVIL.EXAMPLE",
    "www.evil.example",
    "mailto:all@acme.example",
    "~town-square",
    "# heading",
    "- [ ] task",
    "| a | b |",
    "---",
    "```\nfence\n```",
    "`code`",
    "**bold** _it_ ~~gone~~",
    "> quoted",
    "    indented",
    "1. one",
    "\\",
    "\\\\@channel",
    "\\[x](y)",
    "&lt;!channel&gt;",
    "&amp;",
    "&#64;channel",
    "{{DATE(2026-11-22T08:00:00Z,SHORT)}}",
    "{{ 7 * 7 }}{% raw %}",
    "${x} @{triggerBody()}",
    "\", \"channel\": \"#general",
    "\"}]}",
    "'; drop table survey; --",
    "\u{202e}gro.live\u{202c}",
    "a\u{0}b\u{1b}[31m\u{7}",
    "\u{200b}@\u{200b}channel",
    "<script>alert(1)</script>",
];

/// Each of the texts in ten surroundings.
fn hostile_texts() -> Vec<String> {
    let around: [fn(&str) -> String; 10] = [
        |text| text.to_owned(),
        |text| format!("Hello {text}"),
        |text| format!("{text} bye"),
        |text| format!("one\n{text}\ntwo"),
        |text| format!("\r\n\t{text}"),
        |text| format!("*{text}*"),
        |text| format!("({text})"),
        |text| format!("{text}{text}"),
        |text| format!("😀{text}é"),
        |text| format!("{text}\\"),
    ];
    let all: Vec<_> = HOSTILE.iter().flat_map(|it| around.map(|around| around(it))).collect();
    assert_eq!(all.len(), 500);
    all
}

/// An answer in which others wrote whatever they could.
fn hostile(text: &str) -> Told {
    let name = Some(text.chars().take(100).collect());
    let answer = Answer {
        kind: SurveyType::Csat,
        score: 1,
        team: name.clone(),
        agent: name,
        question: None,
    };
    let fact = Fact::answered(&SurveyId::new("s-1"), "acme", AT, answer);
    let comment = Some(text.to_owned());
    Told::of_fact(AlertType::Detractor, fact, comment, Some("https://surveyd.example"))
}

fn written(format: &Format, told: &Told) -> Value {
    let bytes = write(format, told, &Zone::utc()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The lines of a text as it may be seen.
fn seen(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\r']).map(|line| printable(line.trim()));
    lines.filter(|line| !line.is_empty()).collect()
}

fn without_breaks(text: &str) -> String {
    text.replace(BREAK, "")
}

fn holds_ping(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '@' && letters.peek().is_some_and(|next| *next != BREAK) {
            return true;
        }
    }
    false
}

/// Every text in a value, with the keys that lead to it.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|one| texts(one, path, found)),
        Value::Object(members) => {
            members.iter().for_each(|(key, one)| texts(one, &format!("{path}/{key}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_standard_event_bears_every_text_unchanged() {
    for text in hostile_texts() {
        let event = written(&Format::Standard, &hostile(&text));
        assert_eq!(event["data"]["comment"], text.as_str());
        assert_eq!(event["data"]["url"], LINK);
    }
}

#[test]
fn a_template_bears_every_text_unchanged() {
    let source =
        r#"{"content": {{ data.comment|tojson }}, "to": "leads", "team": {{ data.team }}}"#;
    let format = Format::Template(AlertTemplate::compile(source).unwrap());
    for text in hostile_texts() {
        let message = written(&format, &hostile(&text));
        assert_eq!(message["content"], text.as_str());
        assert_eq!(
            (&message["to"], message.as_object().unwrap().len()),
            (&Value::from("leads"), 3)
        );
    }
}

#[test]
fn no_text_pings_or_links_in_slack() {
    let unescaped = |text: &str| {
        without_breaks(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    for text in hostile_texts() {
        let message = written(&Format::Slack, &hostile(&text));
        let blocks = message["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 3);
        let comment = blocks[1]["text"]["text"].as_str().unwrap();
        assert_eq!(unescaped(comment), without_breaks(&seen(&text).join("\n")), "{text:?}");
        for block in &blocks[..2] {
            assert_eq!(
                (&block["type"], &block["text"]["type"]),
                (&"section".into(), &"plain_text".into())
            );
        }
        let open = format!("<{LINK}|Open in surveyd>");
        assert_eq!(blocks[2]["elements"][0]["text"], open.as_str());
        let mut all = Vec::new();
        texts(&message, "", &mut all);
        for (path, found) in all {
            let is_own = found == open;
            assert!(is_own || !found.contains(['<', '>']), "{path}: {found:?} of {text:?}");
            assert!(!holds_ping(&found), "{path}: {found:?} of {text:?}");
        }
    }
}

#[test]
fn no_text_pings_or_links_in_teams() {
    for text in hostile_texts() {
        let message = written(&Format::Teams, &hostile(&text));
        let card = &message["attachments"][0]["content"];
        let mut keys: Vec<_> = card.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["$schema", "actions", "body", "type", "version"], "no entities");
        let body = card["body"].as_array().unwrap();
        let mut lines = Vec::new();
        for block in body {
            assert_eq!(block["type"], "RichTextBlock");
            let inlines = block["inlines"].as_array().unwrap();
            assert_eq!((inlines.len(), &inlines[0]["type"]), (1, &Value::from("TextRun")));
            lines.push(inlines[0]["text"].as_str().unwrap().to_owned());
        }
        let comment: Vec<_> = seen(&text).iter().map(|line| without_breaks(line)).collect();
        let read: Vec<_> = lines.iter().map(|line| without_breaks(line)).collect();
        assert!(read.ends_with(&comment), "{read:?} of {text:?}");
        for line in lines {
            assert!(!holds_ping(&line) && !line.contains("<at") && !line.contains("{{"), "{line}");
        }
        assert_eq!(card["actions"][0]["url"], LINK);
    }
}

/// Reads Markdown whose every escape is a backslash. The second list has what stands unescaped.
fn read_markdown(line: &str) -> (String, String) {
    let (mut text, mut bare) = (String::new(), String::new());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().expect("a backslash escapes something")),
            BREAK => bare.push(BREAK),
            letter => {
                text.push(letter);
                bare.push(letter);
            }
        }
    }
    (text, bare)
}

#[test]
fn no_text_pings_or_links_in_mattermost() {
    for text in hostile_texts() {
        let message = written(&Format::Mattermost, &hostile(&text));
        assert_eq!(message.as_object().unwrap().len(), 1);
        let message = message["text"].as_str().unwrap();
        let mut lines: Vec<&str> = message.split('\n').collect();
        assert_eq!(lines.pop(), Some(format!("[Open in surveyd]({LINK})").as_str()));
        assert_eq!(lines.pop(), Some(""));
        let sentence = lines.remove(0).strip_prefix("**").unwrap().strip_suffix("**").unwrap();
        let quoted: Vec<_> = lines.iter().map(|line| line.strip_prefix("> ").unwrap()).collect();
        let read: Vec<_> = quoted.iter().map(|line| read_markdown(line).0).collect();
        let expected: Vec<_> = seen(&text).iter().map(|line| without_breaks(line)).collect();
        assert_eq!(read, expected, "{text:?}");
        for line in quoted.iter().chain([&sentence]) {
            let (_, bare) = read_markdown(line);
            let marks = ['*', '_', '`', '~', '[', ']', '(', ')', '#', '|', '!', '>', '$'];
            assert!(!bare.contains(marks), "{line}");
            let lower = bare.to_lowercase();
            assert!(
                !holds_ping(&bare) && !lower.contains("www") && !lower.contains(":/"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_long_comment_is_cut_and_the_message_fits() {
    let template = AlertTemplate::compile("{\"text\": {{ data.comment }}}").unwrap();
    for letter in ["a", "é", "😀", "\"", "\u{1}", "&", "*", "@", "a\n"] {
        let told = hostile(&letter.repeat(60_000));
        let size = |format: &Format| write(format, &told, &Zone::utc()).unwrap().len();
        let standard = written(&Format::Standard, &told);
        assert!(standard["data"]["comment"].as_str().unwrap().ends_with('…'));
        assert!((19_900..=20_000).contains(&size(&Format::Standard)), "{letter:?}");
        let template = Format::Template(template.clone());
        assert!((19_900..=20_000).contains(&size(&template)), "{letter:?}");
        let slack = written(&Format::Slack, &told);
        let block = slack["blocks"][1]["text"]["text"].as_str().unwrap().encode_utf16().count();
        assert!((2_990..=3_000).contains(&block), "{letter:?}: {block}");
        assert!(size(&Format::Teams) <= 28_000, "{letter:?}");
        let mattermost = written(&Format::Mattermost, &told);
        let characters = mattermost["text"].as_str().unwrap().chars().count();
        assert!((16_370..=16_383).contains(&characters), "{letter:?}: {characters}");
    }
}

#[test]
fn every_sample_of_every_type_is_written_in_every_format() {
    let source = r#"{"t": {{ type }}, "at": {{ timestamp }}, "d": {{ data }}, "s": {{ text }}}"#;
    let template = Format::Template(AlertTemplate::compile(source).unwrap());
    let formats = [Format::Standard, Format::Slack, Format::Teams, Format::Mattermost, template];
    for format in &formats {
        for alert_type in AlertType::ALL {
            for told in Told::samples(alert_type, "leads", true) {
                let message = written(format, &told);
                let text = message.to_string();
                let has_comment = matches!(&told.content, Content::Fact { comment: Some(_), .. });
                assert_eq!(text.contains("where my order is"), has_comment, "{text}");
                let link = told.link.as_deref().unwrap_or("https://surveyd.example");
                assert_eq!(text.contains(link), told.link.is_some(), "{text}");
            }
        }
    }
}

#[test]
fn a_detractor_reads_like_this() {
    let told = &Told::samples(AlertType::Detractor, "leads", true)[0];
    let text = |format| String::from_utf8(write(&format, told, &Zone::utc()).unwrap()).unwrap();
    assert_eq!(
        text(Format::Slack),
        r#"{"blocks":[{"text":{"emoji":false,"text":"Detractor at acme: CSAT 1 of 5, billing, dana","type":"plain_text"},"type":"section"},{"text":{"emoji":false,"text":"Nobody could tell me where my order is.","type":"plain_text"},"type":"section"},{"elements":[{"text":"<https://surveyd.example/surveys/sample|Open in surveyd>","type":"mrkdwn","verbatim":true}],"type":"context"}],"mrkdwn":false,"text":"Detractor at acme: CSAT 1 of 5, billing, dana","unfurl_links":false,"unfurl_media":false}"#
    );
    assert_eq!(
        text(Format::Teams),
        r#"{"attachments":[{"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","actions":[{"title":"Open in surveyd","type":"Action.OpenUrl","url":"https://surveyd.example/surveys/sample"}],"body":[{"inlines":[{"text":"Detractor at acme: CSAT 1 of 5, billing, dana","type":"TextRun","weight":"bolder"}],"type":"RichTextBlock"},{"inlines":[{"text":"Nobody could tell me where my order is.","type":"TextRun","weight":"default"}],"type":"RichTextBlock"}],"type":"AdaptiveCard","version":"1.4"},"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null}],"type":"message"}"#
    );
    assert_eq!(
        text(Format::Mattermost).replace(BREAK, ""),
        r#"{"text":"**Detractor at acme: CSAT 1 of 5, billing, dana**\n> Nobody could tell me where my order is\\.\n\n[Open in surveyd](https://surveyd.example/surveys/sample)"}"#
    );
}
