use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use super::health::{AccountHealth, BudgetLeft, Doing, FailingAlert};
use super::mine::{ScoredBlock, ScoredBlocks};
use super::samples::*;
use super::surveys::{Answer, LifeStep, SurveyLine};
use super::*;
use crate::domain::days::{Day, Days};
use crate::domain::summary::{Estimate, GroupBy};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Against, Filter, Mood, Order, View};
use crate::domain::waiting::{Cause, Obstacle};

fn pages() -> &'static Pages {
    static PAGES: LazyLock<Pages> = LazyLock::new(|| Pages::new(str::to_owned));
    &PAGES
}

fn ago(minutes: u64) -> Millis {
    now().minus(Duration::from_secs(60 * minutes))
}

pub(super) fn rendered(sample: &Sample) -> String {
    pages().results(&sample.page()).unwrap()
}

fn survey_line(id: &str, state: &str, reason: Option<&str>, score: Option<u8>) -> SurveyLine {
    SurveyLine {
        id: id.to_owned(),
        closed_at: ago(61),
        account: "acme".to_owned(),
        team: Some("Billing".to_owned()),
        agent: Some("Noor".to_owned()),
        kind: SurveyType::Csat,
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        score,
        is_commented: score.is_some_and(|score| score < 3),
    }
}

fn survey_lines() -> Vec<SurveyLine> {
    vec![
        survey_line("s-1", "answered", None, Some(1)),
        survey_line("s-2", "sent", None, None),
        survey_line("s-3", "suppressed", Some("throttled"), None),
        SurveyLine { team: None, agent: None, ..survey_line("s-4", "uncertain", None, None) },
        survey_line("s-5", "failed", Some("code 226: this looks automated"), None),
        survey_line("s-6", "answered", None, Some(5)),
        survey_line("s-7", "cancelled", Some("reopened"), None),
        survey_line("s-8", "scheduled", None, None),
    ]
}

fn surveys(shows_answers: bool, lines: &[SurveyLine]) -> String {
    let (zone, choices) = (zone(), choices());
    let view = View::usual(&zone, now());
    let page = SurveysPage {
        view: &view,
        zone: &zone,
        now: now(),
        shows_answers,
        choices: &choices,
        surveys: lines,
        next: (!lines.is_empty()).then_some("1764500000000,s-8"),
    };
    pages().surveys(&page).unwrap()
}

fn survey(shows_answers: bool) -> String {
    let step = |minutes, state: &str, detail: &str, is_answer| LifeStep {
        at: ago(minutes),
        state: state.to_owned(),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        is_answer,
    };
    let history = [
        step(61, "scheduled", "closed at 13:03, from source zendesk, by agent", false),
        step(51, "sending", "may be asked: no prompt to the person on record, throttle 7 d", false),
        step(51, "sent", "", false),
        step(40, "told by X", "score 1", true),
        step(39, "told by X", "comment", true),
        step(39, "answered", "", false),
    ];
    let answer = Answer {
        score: Some(1),
        scored_at: Some(ago(40)),
        text: Some("Third time I explain the same double charge.".to_owned()),
        commented_at: Some(ago(39)),
    };
    let tags = ["refund".to_owned(), "double charge".to_owned()];
    let page = SurveyPage {
        zone: &zone(),
        now: now(),
        shows_answers,
        survey: &survey_line("01a2238a-77c4", "answered", None, Some(1)),
        source: "zendesk",
        conversation: "c-4211",
        question_variant_id: 13,
        due_at: ago(51),
        sent_at: Some(ago(51)),
        tags: &tags,
        language: Some("en"),
        rule: Some("refunds"),
        variant: None,
        is_test: false,
        answer: &answer,
        history: &history,
        waits: &[],
    };
    pages().survey(&page).unwrap()
}

fn health(is_bad: bool) -> String {
    let calls = |left, limit| {
        let of = |what: &str, left, limit| BudgetLeft { what: what.to_owned(), left, limit };
        vec![of("Prompts, 24 h", left, limit), of("Look-ups", 178, 180), of("Events", 11, 15)]
    };
    let obstacle = Obstacle {
        cause: Cause::Paused,
        surveys: 12,
        since: Some(ago(90)),
        until: None,
        words: "X refuses the account acme_es: code 326, the account is locked".to_owned(),
        remedy: Some("Sign in to X as acme_es and unlock it".to_owned()),
        must_act: true,
    };
    let quiet = Obstacle {
        cause: Cause::QuietHours,
        surveys: 7,
        until: Some(now().plus(Duration::from_secs(68_000))),
        words: "quiet hours from 21:00 to 08:00 in Europe/Berlin".to_owned(),
        remedy: None,
        must_act: false,
        ..obstacle.clone()
    };
    let account = |name: &str, doing, obstacles, left| AccountHealth {
        name: name.to_owned(),
        doing,
        obstacles,
        calls: calls(left, 1_000),
        read_to: Some(ago(2)),
        gaps: 0,
    };
    let mut accounts = vec![account("acme", Doing::Sends, vec![], 588)];
    accounts.push(match is_bad {
        true => account("acme_es", Doing::IsPaused, vec![obstacle, quiet], 1_000),
        false => account("acme_es", Doing::Sends, vec![quiet], 950),
    });
    let must_act =
        ["acme_es: X refuses the account: code 326, the account is locked. Sign in to X \
                     as acme_es and unlock it"
            .to_owned()];
    let alert = FailingAlert {
        name: "team-lead".to_owned(),
        waiting: 27,
        since: Some(ago(300)),
        why: "503 Service Unavailable".to_owned(),
        is_disabled: false,
    };
    let page = HealthPage {
        zone: &zone(),
        now: now(),
        must_act: if is_bad { &must_act } else { &[] },
        accounts: &accounts,
        surveys: &[("scheduled", 19), ("uncertain", 3), ("sent", 4_102), ("answered", 14_211)],
        oldest_due: is_bad.then(|| ago(90)),
        next_due: Some(now().plus(Duration::from_secs(400))),
        counting: 0,
        database_bytes: 812_400_000,
        alerts: if is_bad { std::slice::from_ref(&alert) } else { &[] },
        version: "0.1.0 (2b075db)",
        up_since: Some(ago(9_000)),
    };
    pages().health(&page).unwrap()
}

fn mine(kinds: &[ScoredBlocks]) -> String {
    let page = MinePage { agent: "Noor", kinds, block_min: 10, delay_days: 7 };
    pages().mine(&page).unwrap()
}

fn blocks() -> Vec<ScoredBlocks> {
    let block = |from: &str, weeks: i32, answers, value: f64| {
        let from = Day::parse(from).unwrap();
        let score = Estimate { value, low: value - 19.0, high: (value + 11.0).min(100.0) };
        ScoredBlock { days: Days { from, to: from.plus(7 * weeks - 1) }, answers, score }
    };
    let all = vec![
        block("2026-11-09", 2, 14, 71.4),
        block("2026-10-26", 2, 11, 81.8),
        block("2026-10-19", 1, 10, 80.0),
        block("2026-09-28", 3, 12, 83.3),
    ];
    let sum = block("2026-09-28", 8, 47, 78.7);
    vec![ScoredBlocks { kind: SurveyType::Csat, blocks: all, sum: Some(sum) }]
}

fn comment_page(change: impl FnOnce(&mut View), list: &comments::CommentList) -> String {
    let (zone, choices) = (zone(), choices());
    let view = View::usual(&zone, now()).with(change);
    let page = CommentsPage {
        view: &view,
        zone: &zone,
        now: now(),
        kind: Some(SurveyType::Csat),
        choices: &choices,
        list,
        min_group: 5,
    };
    pages().comments(&page).unwrap()
}

/// Every page in every state, by its name.
fn every_page() -> BTreeMap<&'static str, String> {
    let csat = |change: fn(&mut View)| rendered(&Sample::new(Story::CSAT, change));
    let so_far = Story { fresh_for: Duration::from_secs(3 * 86_400), ..Story::CSAT };
    let nothing = |counting: u64, tests: bool, change: fn(&mut View)| {
        let mut facts = if tests { facts(Story { volume: 3, ..Story::CSAT }, 4) } else { vec![] };
        facts.iter_mut().for_each(|fact| fact.test = true);
        let view = View::usual(&zone(), now()).with(change);
        let mut sample = Sample::of(&facts, view, Story::CSAT);
        sample.operations.counting = counting;
        rendered(&sample)
    };
    let unanswered = {
        let mut facts = facts(Story { volume: 20, ..Story::CSAT }, 13);
        facts.iter_mut().for_each(|fact| (fact.score, fact.scored_at) = (None, None));
        rendered(&Sample::of(&facts, View::usual(&zone(), now()), so_far))
    };
    let none = comments::CommentList::default();
    let all = comments(SurveyType::Csat);
    BTreeMap::from([
        ("results", rendered(&Sample::exact(|_| {}))),
        ("results-chance", csat(|_| {})),
        ("results-so-far", rendered(&Sample::new(so_far, |_| {}))),
        ("results-nps", rendered(&Sample::new(Story::NPS, |_| {}))),
        (
            "results-narrowed",
            csat(|view| {
                view.filters.set(Filter::Team, "Billing");
                view.filters.set(Filter::Language, "en");
                view.order = Order::Score;
            }),
        ),
        ("results-weeks", csat(|view| view.by = GroupBy::Week)),
        ("results-questions", csat(|view| view.by = GroupBy::Question)),
        ("results-alone", csat(|view| view.against = Against::Nothing)),
        (
            "results-small",
            rendered(&Sample::new(Story { min_group: 2_000, ..Story::CSAT }, |_| {})),
        ),
        ("results-unanswered", unanswered),
        ("results-nothing", nothing(0, false, |_| {})),
        ("results-first", nothing(1_204, false, |_| {})),
        ("results-tests", nothing(0, true, |_| {})),
        ("results-no-match", nothing(0, false, |view| view.filters.set(Filter::Team, "Nobody"))),
        ("comments", comment_page(|_| {}, &all)),
        ("comments-none", comment_page(|_| {}, &none)),
        (
            "comments-held",
            comment_page(|_| {}, &comments::CommentList { is_held: true, ..none.clone() }),
        ),
        ("surveys", surveys(true, &survey_lines())),
        ("surveys-admin", surveys(false, &survey_lines())),
        ("surveys-none", surveys(true, &[])),
        ("survey", survey(true)),
        ("survey-admin", survey(false)),
        ("health", health(false)),
        ("health-bad", health(true)),
        ("mine", mine(&blocks())),
        ("mine-none", mine(&[])),
    ])
}

fn framed(name: &str, content: String) -> String {
    let link = |path, label| NavLink { path, label, is_here: name.starts_with(&path[1..]) };
    let nav = match name.starts_with("mine") {
        true => vec![link("/mine", "My results")],
        false => vec![
            NavLink { path: "/", label: "Results", is_here: name.starts_with("results") },
            link("/comments", "Comments"),
            NavLink { path: "/surveys", label: "Surveys", is_here: name.starts_with("survey") },
            link("/health", "Health"),
        ],
    };
    let reader =
        Reader { name: "Mara Lindqvist".into(), roles: "supervisor".into(), signs_out: true };
    pages().framed("Results", &nav, Some(&reader), content).unwrap()
}

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

/// The text of some HTML as a browser shows it, with a space between elements.
pub(super) fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        let shown = part.split_once('>').map_or(part, |(_, shown)| shown);
        text.push(' ');
        text.push_str(shown);
    }
    for (escaped, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&nbsp;", " "),
        ("\u{a0}", " "),
        ("\u{202f}", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(escaped, letter);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of a page from one mark to the next.
pub(super) fn part<'h>(html: &'h str, from: &str, to: &str) -> &'h str {
    let (_, rest) = html.split_once(from).unwrap_or_else(|| panic!("no {from} in {html}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// Every tag of some HTML with the names of its attributes, without their values.
fn skeleton(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).map(|part| {
        let tag = part.split_once('>').map_or(part, |(tag, _)| tag);
        tag.split('"').step_by(2).collect::<Vec<_>>().concat()
    });
    tags.collect()
}

/// Every address that a page leads to.
fn addresses(html: &str) -> Vec<String> {
    let hrefs = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or(""));
    hrefs.map(|href| href.replace("&amp;", "&")).collect()
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
            let known = ["/", "/comments", "/surveys", "/v1/export", "/v1/report"];
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
        account: text.to_owned(),
        team: Some(text.to_owned()),
        agent: Some(text.to_owned()),
        ..survey_line("", "failed", Some(text), Some(1))
    };
    let answer =
        Answer { scored_at: Some(now()), text: Some(text.to_owned()), ..Answer::default() };
    let step =
        LifeStep { at: now(), state: text.into(), detail: Some(text.into()), is_answer: false };
    let page = SurveyPage {
        zone: &zone(),
        now: now(),
        shows_answers: true,
        survey: &line,
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
        pages().survey(&page).unwrap(),
        pages().mine(&own).unwrap(),
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
        for secret in ["Noor", "Third time", "Score", "1 of 5", "score 1", "comment", "v1"] {
            assert!(!words.contains(secret) && !page.contains("/v1/"), "{secret}: {words}");
        }
    }
    assert!(text(&survey(true)).contains("1 of 5 · today 13:24 Third time I explain"));
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
    let none = comments::CommentList::default();
    let held = comments::CommentList { is_held: true, ..none.clone() };
    for (page, sentence) in [
        (comment_page(|_| {}, &none), "There are no comments in this time."),
        (
            comment_page(|view| view.mood = Some(Mood::Happy), &none),
            "There are no happy comments in this time.",
        ),
        (
            comment_page(|_| {}, &held),
            "Fewer than 5 answers: no comment is shown, so that none can be told apart.",
        ),
        (surveys(true, &[]), "Nothing was closed in this time."),
    ] {
        assert!(text(&page).contains(sentence), "{}", text(&page));
        assert!(!page.contains("<table") && !page.contains("class=\"said\""), "{page}");
    }
}
