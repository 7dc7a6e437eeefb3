//! Makes every page in every state from made-up results.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use crate::domain::days::{Day, Days};
use crate::domain::summary::{Estimate, GroupBy};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Against, Filter, Order, View};
use crate::domain::waiting::{Cause, Obstacle};
use crate::pages::audit::{AuditLine, AuditPage};
use crate::pages::comments::{CommentList, CommentsPage};
use crate::pages::health::{
    AccountHealth, BudgetLeft, Doing, FailingAlert, FailingSchedule, HealthPage,
};
use crate::pages::mine::{MinePage, ScoredBlock, ScoredBlocks};
use crate::pages::samples::*;
use crate::pages::surveys::{
    LifeEvent, LifeStep, SurveyAnswer, SurveyLine, SurveyPage, SurveysPage,
};
use crate::pages::{NavLink, Pages, Reader};

pub fn pages() -> &'static Pages {
    static PAGES: LazyLock<Pages> = LazyLock::new(|| Pages::new(str::to_owned));
    &PAGES
}

fn ago(minutes: u64) -> Millis {
    now().minus(Duration::from_secs(60 * minutes))
}

pub fn rendered(sample: &Sample) -> String {
    pages().results(&sample.page()).unwrap()
}

pub fn survey_line(id: &str, state: &str, reason: Option<&str>, score: Option<u8>) -> SurveyLine {
    SurveyLine {
        id: id.to_owned(),
        closed_at: ago(61),
        conversation: format!("conversation {id}"),
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

pub fn survey_lines() -> Vec<SurveyLine> {
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

pub fn surveys(shows_answers: bool, lines: &[SurveyLine]) -> String {
    let (zone, choices) = (zone(), choices());
    let view = View::usual(&zone, now());
    let page = SurveysPage {
        view: &view,
        zone: &zone,
        now: now(),
        shows_answers,
        choices: &choices,
        surveys: lines,
        searched: None,
        next: (!lines.is_empty()).then_some("1764500000000,s-8"),
    };
    pages().surveys(&page).unwrap()
}

pub fn searched(id: &str, lines: &[SurveyLine]) -> String {
    let (zone, choices) = (zone(), choices());
    let view = View::usual(&zone, now());
    let page = SurveysPage {
        view: &view,
        zone: &zone,
        now: now(),
        shows_answers: true,
        choices: &choices,
        surveys: lines,
        searched: Some(id),
        next: None,
    };
    pages().surveys(&page).unwrap()
}

pub fn survey(shows_answers: bool) -> String {
    let state = |minutes, state: &str, detail: &str| LifeStep {
        at: ago(minutes),
        what: LifeEvent::State(state.to_owned()),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
    };
    let closed = "closed at 2026-11-30T12:03:00.000Z, from source zendesk, by agent";
    let history = [
        state(61, "accepted", closed),
        state(51, "sending", "may be asked: no prompt to the person on record, throttle 7 d"),
        state(51, "sent", ""),
        LifeStep { at: ago(40), what: LifeEvent::Scored(1), detail: None },
        LifeStep { at: ago(39), what: LifeEvent::Commented, detail: None },
        state(37, "answered", ""),
    ];
    let answer = SurveyAnswer {
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
        display_name: Some("Acme"),
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

pub fn health(is_bad: bool) -> String {
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
    let schedule = FailingSchedule {
        name: "monday".to_owned(),
        since: ago(7_200),
        why: "/srv/reports cannot be made: Permission denied".to_owned(),
        try_at: Some(now().plus(Duration::from_secs(1_800))),
    };
    let page = HealthPage {
        shows_all: true,
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
        schedules: if is_bad { std::slice::from_ref(&schedule) } else { &[] },
        version: "0.1.0 (2b075db)",
        up_since: Some(ago(9_000)),
    };
    pages().health(&page).unwrap()
}

pub fn audit_line(minutes: u64, what: &str, detail: &str) -> AuditLine {
    AuditLine {
        at: ago(minutes),
        who: "mara".to_owned(),
        roles: "supervisor, auditor".to_owned(),
        what: what.to_owned(),
        detail: detail.to_owned(),
        address: "192.0.2.7".to_owned(),
    }
}

pub fn audit_lines() -> Vec<AuditLine> {
    vec![
        audit_line(2, "saw survey", "01a2238a-77c4"),
        audit_line(3, "saw results", "team=Billing (212 answers)"),
        audit_line(5, "signed in", ""),
    ]
}

pub fn audit(entries: &[AuditLine]) -> String {
    let (zone, view) = (zone(), View::usual(&zone(), now()));
    let next = (!entries.is_empty()).then_some("1764500000000-0198c2a1b2c37d4e8f90a1b2c3d4e5f6");
    let page = AuditPage { view: &view, zone: &zone, now: now(), entries, next };
    pages().audit(&page).unwrap()
}

pub fn mine(kinds: &[ScoredBlocks]) -> String {
    let page = MinePage { agent: "Noor", kinds, block_min: 10, delay_days: 7 };
    pages().mine(&page).unwrap()
}

pub fn blocks() -> Vec<ScoredBlocks> {
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

pub fn comment_page(change: impl FnOnce(&mut View), list: &CommentList) -> String {
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
pub fn every_page() -> BTreeMap<&'static str, String> {
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
    let none = CommentList::default();
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
        ("comments-held", comment_page(|_| {}, &CommentList { is_held: true, ..none.clone() })),
        ("surveys", surveys(true, &survey_lines())),
        ("surveys-admin", surveys(false, &survey_lines())),
        ("surveys-none", surveys(true, &[])),
        ("surveys-found", searched("conversation s-1", &survey_lines()[..1])),
        ("surveys-not-found", searched("c-<404>", &[])),
        ("survey", survey(true)),
        ("survey-admin", survey(false)),
        ("health", health(false)),
        ("health-bad", health(true)),
        ("audit", audit(&audit_lines())),
        ("audit-none", audit(&[])),
        ("mine", mine(&blocks())),
        ("mine-none", mine(&[])),
    ])
}

pub fn framed(name: &str, content: String) -> String {
    let link = |path: &str, label, is_here| NavLink { href: path.to_owned(), label, is_here };
    let begins = |start: &str| name.starts_with(start);
    let nav = match begins("mine") {
        true => Vec::new(),
        false => vec![
            link("/", "Results", begins("results")),
            link("/comments", "Comments", begins("comments")),
            link("/surveys", "Surveys", begins("survey")),
            link("/health", "Health", begins("health")),
        ],
    };
    let reader = Reader {
        name: "Mara Lindqvist".into(),
        roles: vec!["supervisor"],
        limits: Vec::new(),
        signs_out: true,
        zone: zone().name().to_owned(),
    };
    pages().framed("Results", &nav, Some(&reader), content).unwrap()
}

#[test]
fn the_page_of_health_names_a_schedule_that_fails() {
    let page = health(true);
    let words = "<bdi>monday</bdi></dt><dd>Fails since ";
    assert!(page.contains("Schedules that fail") && page.contains(words), "{page}");
    assert!(page.contains(" cannot be made: Permission denied. Next try: "), "{page}");
    assert!(!health(false).contains("Schedules that fail"));
}
