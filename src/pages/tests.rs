mod every_page;
mod html;

use std::fs;
use std::path::Path;

pub(super) use self::every_page::rendered;
use self::every_page::{
    audit, audit_line, blocks, comment_page, every_page, framed, health, mine, pages, searched,
    survey, survey_line, survey_lines, surveys,
};
use self::html::{addresses, skeleton};
pub(super) use self::html::{part, text};
use super::audit::AuditLine;
use super::comments::CommentList;
use super::samples::*;
use super::surveys::{LifeEvent, LifeStep, SurveyAnswer, SurveyLine};
use super::*;
use crate::domain::mood::Mood;
use crate::domain::summary::GroupBy;
use crate::domain::view::{Filter, View};

/// Writes every page to `target/pages`, to be looked at without a server.
#[test]
fn every_page_can_be_looked_at_without_a_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    fs::create_dir_all(&folder).unwrap();
    for Asset { name, content, .. } in &ASSETS {
        fs::write(folder.join(name), content).unwrap();
    }
    for (name, content) in every_page() {
        let page = framed(name, content);
        fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}

#[test]
fn no_page_holds_a_script_a_style_or_an_address_elsewhere() {
    for (name, content) in every_page() {
        let page = framed(name, content);
        let tags = skeleton(&page);
        let scripts: Vec<_> = tags.iter().filter(|tag| tag.starts_with("script")).collect();
        assert_eq!(scripts, ["script src= defer"], "{name}");
        for tag in &tags {
            let is_inline = tag.starts_with("style") || tag.contains(" style=");
            assert!(!is_inline && !tag.contains(" on"), "{name}: {tag}");
        }
        for address in addresses(&page) {
            let is_own = !address.contains(':') && !address.starts_with("//");
            assert!(is_own, "{name}: {address}");
        }
        for value in ["src=\"http", "href=\"http", "action=\"http", "src=\"//", "url("] {
            assert!(!page.contains(value), "{name}: {value}");
        }
    }
    for Asset { name, content, .. } in &ASSETS {
        let text = std::str::from_utf8(content).unwrap();
        let elsewhere = text.contains("url(") || text.contains("@import") || text.contains("fetch");
        assert!(!elsewhere, "{name}");
    }
}

#[test]
fn a_page_of_thirty_rows_is_short_and_so_are_its_files() {
    let mut facts = facts(Story::CSAT, 13);
    for (place, fact) in facts.iter_mut().enumerate() {
        fact.agent = Some(format!("Agent {}", place % 30));
    }
    let view = View::usual(&zone(), now()).with(|view| view.by = GroupBy::Agent);
    let page = rendered(&Sample::of(&facts, view, Story::CSAT));
    assert_eq!(page.matches("<tr").count(), 14 + 1 + 1 + 30, "weeks, head, all and thirty rows");
    assert!(page.len() <= 40 * 1_024, "{} bytes", page.len());
    let script = ASSETS.iter().find(|asset| asset.name == "results.js").unwrap();
    assert!(script.content.len() <= 2 * 1_024, "{} bytes", script.content.len());
}

#[test]
fn every_link_of_every_page_is_a_view() {
    for (name, content) in every_page() {
        for address in addresses(&content) {
            let (path, query) = address.split_once('?').unwrap_or((&address, ""));
            let known = ["/", "/audit", "/comments", "/surveys", "/v1/export", "/v1/report"];
            assert!(known.contains(&path) || path.starts_with("/surveys/"), "{name}: {address}");
            let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            let pairs = pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
            let view = pairs.filter(|(key, _)| *key != "format");
            let view = View::parse(view, &zone(), now());
            assert!(view.is_ok(), "{name}: {address}: {view:?}");
        }
    }
}

/// Results, comments, surveys and health in which every text from outside is `text`.
fn with_text(text: &str) -> String {
    let mut facts = facts(Story { volume: 4, ..Story::CSAT }, 8);
    for fact in &mut facts {
        let texts = [&mut fact.team, &mut fact.agent, &mut fact.language];
        texts.into_iter().for_each(|value| *value = Some(text.to_owned()));
        fact.tags = vec![text.to_owned()];
        fact.account = text.to_owned();
    }
    let mut view = View::usual(&zone(), now());
    view.filters.set(Filter::Agent, text);
    let mut sample = Sample::of(&facts, view, Story::CSAT);
    let all = vec![text.to_owned(), "b".to_owned()];
    sample.choices.teams = all.clone();
    (sample.choices.accounts, sample.choices.languages) = (all.clone(), all.clone());
    for comment in &mut sample.comments.comments {
        comment.text = text.to_owned();
        let texts = [&mut comment.team, &mut comment.agent, &mut comment.language];
        texts.into_iter().for_each(|value| *value = Some(text.to_owned()));
        (comment.tags, comment.survey_id) = (all.clone(), text.to_owned());
    }
    let line = SurveyLine {
        id: text.to_owned(),
        conversation: text.to_owned(),
        account: text.to_owned(),
        team: Some(text.to_owned()),
        agent: Some(text.to_owned()),
        ..survey_line("", "failed", Some(text), Some(1))
    };
    let answer = SurveyAnswer {
        scored_at: Some(now()),
        text: Some(text.to_owned()),
        ..SurveyAnswer::default()
    };
    let what = LifeEvent::State(text.into());
    let step = LifeStep { at: now(), what, detail: Some(text.into()) };
    let page = SurveyPage {
        zone: &zone(),
        now: now(),
        shows_answers: true,
        survey: &line,
        display_name: Some(text),
        source: text,
        conversation: text,
        question_variant_id: 0,
        due_at: now(),
        sent_at: None,
        tags: &all,
        language: Some(text),
        rule: Some(text),
        variant: Some(text),
        is_test: true,
        answer: &answer,
        history: &[step],
        waits: &all,
    };
    let own = MinePage { agent: text, kinds: &[], block_min: 10, delay_days: 7 };
    [
        rendered(&sample),
        surveys(true, std::slice::from_ref(&line)),
        searched(text, std::slice::from_ref(&line)),
        searched(text, &[]),
        pages().survey(&page).unwrap(),
        pages().mine(&own).unwrap(),
        audit(&[AuditLine {
            who: text.to_owned(),
            address: text.to_owned(),
            ..audit_line(1, text, text)
        }]),
    ]
    .concat()
}

#[test]
fn no_text_from_outside_becomes_anything_but_text() {
    let parts = [
        "<",
        ">",
        "\"",
        "'",
        "&",
        "/",
        "`",
        "=",
        "<script>",
        "</title>",
        "</svg>",
        "<!--",
        "-->",
        "{{",
        "}}",
        "{%",
        "%}",
        "javascript:",
        "onload=",
        "style=",
        "&lt;",
        "&#60;",
        "\u{0}",
        "\n",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "ü",
        "日",
        "👍🏽",
        " ",
        "a",
        "%3C",
        "+",
        ";",
        "]]>",
    ];
    let plain = skeleton(&with_text("a_"));
    let mut draws = Draws::new(7);
    for round in 0..500 {
        let count = 1 + draws.below(6);
        let text: String =
            (0..count).map(|_| parts[draws.below(parts.len() as u64) as usize]).collect();
        let text = format!("x{text}_");
        assert_eq!(skeleton(&with_text(&text)), plain, "round {round}: {text:?}");
    }
}

#[test]
fn an_admin_sees_neither_score_nor_text_nor_name() {
    for page in [surveys(false, &survey_lines()), survey(false)] {
        let words = text(&page);
        for secret in ["Noor", "Third time", "Score", "1 of 5", "score 1", "comment", "gave", "v1"]
        {
            assert!(!words.contains(secret) && !page.contains("/v1/"), "{secret}: {words}");
        }
    }
    assert!(text(&survey(true)).contains("1 of 5 · today 13:24 Third time I explain"));
}

#[test]
fn the_frame_says_who_reads_and_what_they_are_limited_to() {
    let said = |roles: &[&'static str], limits: &[&str]| {
        let reader = Reader {
            name: "mara".into(),
            roles: roles.to_vec(),
            limits: limits.iter().map(|name| (*name).to_owned()).collect(),
            signs_out: false,
            zone: "Europe/Berlin".into(),
        };
        let page = pages().framed("", &[], Some(&reader), String::new()).unwrap();
        assert!(text(&page).ends_with("Days and times are those of Europe/Berlin."), "{page}");
        text(part(&page, "<div class=\"reader\">", "</div>")).replace(" ,", ",")
    };
    assert_eq!(said(&["supervisor"], &[]), "mara, supervisor");
    assert_eq!(said(&["supervisor"], &["billing"]), "mara, supervisor of billing");
    assert_eq!(said(&["supervisor", "admin"], &[]), "mara (supervisor, admin )".replace(" )", ")"));
    assert_eq!(said(&["supervisor"], &["a", "b", "c", "d"]), "mara, supervisor of a and 3 more");
}

#[test]
fn a_history_says_who_did_what_and_all_instants_are_of_one_zone() {
    assert_eq!(
        text(part(&survey(true), "<ol class=\"history\">", "</ol>")),
        "today 13:03:00 The conversation was closed closed today 13:03:00, from source zendesk, by \
         agent today 13:13:00 The request left may be asked: no prompt to the person on record, \
         throttle 7 d today 13:13:00 X accepted the prompt today 13:24:00 The person gave 1 today \
         13:25:00 The person wrote a comment today 13:27:00 surveyd read it from X"
    );
}

#[test]
fn a_survey_says_what_its_account_is_called_to_people() {
    let facts = text(part(&survey(true), "<dl>", "</dl>"));
    assert!(facts.starts_with("Account Acme (acme) Team Billing "), "{facts}");
    assert!(facts.contains(" Question CSAT: ") && facts.contains(" Acme"), "{facts}");
    assert!(!facts.contains('…'), "the question names whom the person was asked about: {facts}");
}

#[test]
fn an_agent_reads_when_the_first_block_comes() {
    let page = mine(&[]);
    assert_eq!(
        text(part(&page, "<p class=\"sentence\">", "<p class=\"foot\">")),
        "There is nothing to show yet. Your answers are published in blocks of at least 10, each 7 \
         days after its last week."
    );
    let page = mine(&blocks());
    assert_eq!(
        text(part(&page, "<tbody>", "</tr>")),
        "9 to 22 November 2026 14 71.4 % 52.4 to 82.4 71.4 %, interval 52.4 to 82.4"
    );
    assert_eq!(addresses(&page), [""; 0], "there is nothing to choose");
}

#[test]
fn health_says_first_what_must_be_done() {
    let page = health(true);
    let words = text(&page);
    assert!(
        words.starts_with(
            "Health Somebody must act acme_es: X refuses the account: code 326, the account is \
             locked. Sign in to X as acme_es and unlock it acme sends"
        ),
        "{words}"
    );
    assert!(words.contains("12 surveys wait"), "{words}");
    assert!(
        words.contains(
            "Quiet hours from 21:00 to 08:00 in Europe/Berlin. 7 surveys wait, until 1 Dec 08:57"
        ),
        "{words}"
    );
    assert!(words.contains("Fails since today 09:04; 27 messages wait."), "{words}");
    assert!(text(&health(false)).starts_with("Health Nobody has to act."));
}

#[test]
fn a_list_without_rows_is_a_sentence() {
    let none = CommentList::default();
    let held = CommentList { is_held: true, ..none.clone() };
    for (page, sentence) in [
        (comment_page(|_| {}, &none), "There are no comments in this time."),
        (
            comment_page(|view| view.mood = Some(Mood::Happy), &none),
            "There are no happy comments in this time.",
        ),
        (
            comment_page(|_| {}, &held),
            "Fewer than 5 answers: too few to judge by. The single surveys are in the list .",
        ),
        (surveys(true, &[]), "Nothing was closed in this time."),
        (searched("c-404", &[]), "No conversation and no survey is called c-404."),
    ] {
        assert!(text(&page).contains(sentence), "{}", text(&page));
        assert!(!page.contains("<table") && !page.contains("class=\"said\""), "{page}");
    }
}
