//! Made-up results of a business with two accounts and eight teams, for the tests of the pages.

mod exact;

use std::time::Duration;

use self::exact::exact_facts;
pub use self::exact::of_teams;
use super::comments::{Comment, CommentList, MoodCounts};
use super::filters::Choices;
use super::operations::Operations;
use super::results::{ResultsPage, Week};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::summary::{Compared, GroupBy, Report, SurveyFacts, Terms, compare, summarize};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Filters, View};
use crate::pages::links;

/// Numbers that look like chance and are the same in every run.
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A team with its agents, its closes in a week, and how many of a hundred answers are content.
struct Team {
    name: Option<&'static str>,
    agents: &'static [&'static str],
    a_week: u64,
    content: u64,
}

const fn team(
    name: Option<&'static str>,
    agents: &'static [&'static str],
    a_week: u64,
    content: u64,
) -> Team {
    Team { name, agents, a_week, content }
}

const TEAMS: [Team; 9] = [
    team(Some("Deliveries"), &["Tomás", "Wren", "Ikram"], 104, 83),
    team(Some("Billing"), &["Noor", "Iris", "Per"], 82, 82),
    team(Some("Accounts"), &["Jonas", "Mei"], 68, 83),
    team(Some("Returns"), &["Ada", "Olu"], 51, 80),
    team(Some("Technical"), &["Sam", "Yui"], 38, 82),
    team(Some("Partners"), &["Lena"], 10, 80),
    team(Some("Press"), &["Kim"], 1, 80),
    team(Some("Legal"), &["Ruth"], 1, 80),
    team(None, &["Bo"], 3, 80),
];

const LANGUAGES: [&str; 4] = ["en", "es", "de", "pt-BR"];
const TAGS: [&str; 5] = ["refund", "parcel", "login", "double charge", "label"];

pub fn zone() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

/// A Monday afternoon, so that the last 28 days are four whole weeks.
pub fn now() -> Millis {
    Millis::from_rfc3339("2026-11-30T13:04:00Z").unwrap()
}

pub fn today() -> Day {
    zone().day_of(now())
}

/// What is told apart in the samples.
#[derive(Clone, Copy)]
pub struct Story {
    pub kind: SurveyType,
    /// How long a prompt may still be answered.
    pub fresh_for: Duration,
    /// The smallest group that shows a score.
    pub min_group: u32,
    /// The share of the closes that there are, in per cent.
    pub volume: u64,
}

impl Story {
    pub const CSAT: Self =
        Self { kind: SurveyType::Csat, fresh_for: Duration::ZERO, min_group: 5, volume: 100 };

    pub const NPS: Self = Self { kind: SurveyType::Nps, ..Self::CSAT };
}

/// Every survey of `weeks` weeks before today. In the last four of them, Billing falls.
pub fn facts(story: Story, weeks: i32) -> Vec<SurveyFacts> {
    let mut draws = Draws::new(17);
    let mut facts = Vec::new();
    for day in 0..7 * weeks {
        let is_late = day >= 7 * (weeks - 4);
        let midnight = zone().period(Days { from: today().plus(day - 7 * weeks), to: today() });
        for team in &TEAMS {
            let a_day = (team.a_week * story.volume * 10 / 700 + draws.below(10)) / 10;
            for _ in 0..a_day {
                let at = Millis(midnight.from.0 + 28_800_000 + draws.below(36_000_000) as i64);
                facts.push(fact(story, team, at, is_late, &mut draws));
            }
        }
    }
    facts
}

fn fact(story: Story, team: &Team, at: Millis, is_late: bool, draws: &mut Draws) -> SurveyFacts {
    let is_billing = team.name == Some("Billing");
    let content = if is_billing && is_late { 64 } else { team.content };
    let lost = draws.below(100);
    let unsent = match lost {
        0..=5 => Some("throttled"),
        6..=9 => Some("cannot_dm"),
        10..=11 => Some("closed_by"),
        12..=13 => Some("holdout"),
        14 => Some("opted_out"),
        15 => Some("stale"),
        16 if draws.below(4) == 0 => Some("uncertain"),
        _ => None,
    };
    let sent_at = unsent.is_none().then(|| at.plus(Duration::from_secs(120)));
    let answers = sent_at.is_some() && draws.below(100) < 78;
    let score = answers.then(|| score(story.kind, draws.below(100) < content, draws));
    let waited = Duration::from_secs(60 + draws.below(600));
    SurveyFacts {
        account: if draws.below(5) == 0 { "acme_es" } else { "acme" }.to_owned(),
        source: "zendesk".to_owned(),
        kind: story.kind,
        question_variant_id: draws.below(3) as u32,
        test: false,
        agent: Some(team.agents[draws.below(team.agents.len() as u64) as usize].to_owned()),
        team: team.name.map(str::to_owned),
        tags: vec![TAGS[draws.below(5) as usize].to_owned()],
        language: Some(LANGUAGES[draws.below(9).min(3) as usize].to_owned()),
        rule: None,
        variant: None,
        closed_at: at,
        unsent: unsent.map(str::to_owned),
        sent_at,
        score,
        scored_at: sent_at.filter(|_| answers).map(|sent_at| sent_at.plus(waited)),
        commented_at: sent_at.filter(|_| answers && draws.below(100) < 41),
    }
}

fn score(kind: SurveyType, is_content: bool, draws: &mut Draws) -> u8 {
    match (kind, is_content, draws.below(10)) {
        (SurveyType::Csat, true, 0..=2) => 4,
        (SurveyType::Csat, true, _) => 5,
        (SurveyType::Csat, false, 0..=3) => 3,
        (SurveyType::Csat, false, 4..=5) => 2,
        (SurveyType::Csat, false, _) => 1,
        (SurveyType::Nps, true, 0..=2) => 8,
        (SurveyType::Nps, true, 3..=4) => 7,
        (SurveyType::Nps, true, 5..=7) => 9,
        (SurveyType::Nps, true, _) => 10,
        (SurveyType::Nps, false, draw) => (draw % 7) as u8,
    }
}

fn report(facts: &[SurveyFacts], view: &View, by: GroupBy, story: Story) -> Report {
    let (zone, now) = (&zone(), now());
    let Story { fresh_for, min_group, .. } = story;
    let terms = Terms { period: view.period, by, zone, now, fresh_for, min_group };
    summarize(facts.iter().filter(|fact| view.filters.matches(fact)).cloned(), &terms)
}

pub fn compared(facts: &[SurveyFacts], view: &View, story: Story) -> Compared {
    let by = links::breakdown(view);
    let before = view.compared_with(&zone()).map(|view| report(facts, &view, by, story));
    compare(report(facts, view, by, story), before)
}

pub fn weeks(facts: &[SurveyFacts], view: &View, story: Story) -> Vec<Week> {
    let last = view.days.to.monday();
    let mondays: Vec<Day> = (0..13).map(|place| last.plus(7 * (place - 12))).collect();
    let days = Days { from: mondays[0], to: view.days.to };
    let report = report(facts, &view.over(days, &zone()), GroupBy::Week, story);
    let mut weeks = Week::course(&mondays, &report, story.kind, today());
    // The samples are read on a Monday, when answers of Sunday may still come.
    weeks.iter_mut().last().unwrap().is_open = true;
    weeks
}

pub fn choices() -> Choices {
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Choices {
        kinds: SurveyType::ALL.into(),
        accounts: all(&["acme", "acme_es"]),
        teams: TEAMS.iter().filter_map(|team| team.name).map(str::to_owned).collect(),
        agents: Vec::new(),
        languages: all(&LANGUAGES),
    }
}

pub fn operations() -> Operations {
    Operations {
        sending: 2,
        waiting: Some(8),
        prompts_of_day: 412,
        daily_limit: 1_000,
        read_to: Some(now().minus(Duration::from_secs(120))),
        ..Operations::default()
    }
}

pub fn comments(kind: SurveyType) -> CommentList {
    let said =
        |score: u8, text: &str, [team, agent, language, tags]: [&str; 4], minutes: u64| Comment {
            survey_id: format!("01a2238a-{minutes:04}"),
            kind,
            score: Some(if kind == SurveyType::Nps { score * 2 } else { score }),
            text: text.to_owned(),
            at: now().minus(Duration::from_secs(60 * minutes)),
            team: Some(team.to_owned()),
            agent: Some(agent.to_owned()),
            language: Some(language.to_owned()),
            tags: tags.split_terminator(',').map(str::to_owned).collect(),
        };
    let comments = vec![
        said(
            1,
            "Third time I explain the same double charge. Every answer starts from zero and nobody \
             reads what I wrote before.",
            ["Billing", "Noor", "en", "refund,double charge"],
            13,
        ),
        said(
            5,
            "Rapidísimo y muy amable, gracias. El paquete llegó esa misma tarde.",
            ["Deliveries", "Tomás", "es", "parcel"],
            20,
        ),
        said(
            2,
            "You say five working days, the bank says it was never sent.\nWho do I believe?",
            ["Billing", "Iris", "en", "refund"],
            52,
        ),
        said(
            4,
            "Gut gelöst, hat aber zwei Anläufe gebraucht.",
            ["Accounts", "Jonas", "de", "login"],
            66,
        ),
        said(
            3,
            "Fine in the end. I would have liked to know at once that I need the order number.",
            ["Returns", "Ada", "en", "label"],
            1_500,
        ),
        said(
            5,
            "شكرا جزيلا، تم حل المشكلة بسرعة 👍🏽",
            ["Deliveries", "Ikram", "ar", "parcel"],
            3_100,
        ),
        said(
            5,
            "Ada is a gem. <b>Keep her.</b> =HYPERLINK(\"http://x\")",
            ["Returns", "Ada", "en", ""],
            4_200,
        ),
    ];
    CommentList {
        comments,
        total: Some(1_371),
        counts: Some(MoodCounts { unhappy: 258, middling: 147, happy: 966 }),
        next: Some("1764500000000,01a2238a".to_owned()),
        is_held: false,
    }
}

/// All that a page of results is made of.
pub struct Sample {
    pub view: View,
    pub obeyed: Filters,
    pub fresh_for: Duration,
    pub answers_today: u64,
    pub zone: Zone,
    pub kind: SurveyType,
    pub choices: Choices,
    pub operations: Operations,
    pub compared: Compared,
    pub weeks: Vec<Week>,
    pub comments: CommentList,
}

impl Sample {
    pub fn new(story: Story, change: impl FnOnce(&mut View)) -> Self {
        let view = View::usual(&zone(), now()).with(change);
        let facts = facts(story, 13);
        Self::of(&facts, view, story)
    }

    pub fn of(facts: &[SurveyFacts], view: View, story: Story) -> Self {
        Self {
            compared: compared(facts, &view, story),
            weeks: weeks(facts, &view, story),
            zone: zone(),
            kind: story.kind,
            choices: choices(),
            operations: operations(),
            comments: comments(story.kind),
            obeyed: view.filters.clone(),
            fresh_for: story.fresh_for,
            answers_today: 0,
            view,
        }
    }

    /// Results with the numbers that one can check by hand: those of [`exact`].
    pub fn exact(change: impl FnOnce(&mut View)) -> Self {
        let view = View::usual(&zone(), now()).with(change);
        let compared = compared(&exact_facts(&view), &view, Story::CSAT);
        Self { compared, ..Self::of(&facts(Story::CSAT, 13), view, Story::CSAT) }
    }

    pub fn page(&self) -> ResultsPage<'_> {
        ResultsPage {
            view: &self.view,
            obeyed: &self.obeyed,
            fresh_for: self.fresh_for,
            answers_today: self.answers_today,
            zone: &self.zone,
            now: now(),
            kind: self.kind,
            choices: &self.choices,
            operations: &self.operations,
            compared: &self.compared,
            weeks: &self.weeks,
            comments: &self.comments,
        }
    }
}
