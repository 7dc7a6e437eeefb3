//! The list of surveys, and the history of one.
//!
//! An admin sees neither text nor score nor name. The pages leave them out whatever they are given.

use serde::Serialize;

use super::comments::history;
use super::filters::{Choices, FilterBar, bar};
use super::words::capitalised;
use super::{links, words};
use crate::domain::days::Zone;
use crate::domain::question;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::View;

/// A row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyLine {
    pub id: String,
    pub closed_at: Millis,
    pub conversation: String,
    pub account: String,
    pub team: Option<String>,
    pub agent: Option<String>,
    pub kind: SurveyType,
    /// The name of the state, and its reason.
    pub state: String,
    pub reason: Option<String>,
    pub score: Option<u8>,
    pub is_commented: bool,
}

/// The list of surveys.
pub struct SurveysPage<'a> {
    pub view: &'a View,
    pub zone: &'a Zone,
    pub now: Millis,
    /// False for an admin.
    pub shows_answers: bool,
    pub choices: &'a Choices,
    /// The newest first.
    pub surveys: &'a [SurveyLine],
    /// The id of a survey or of a conversation that was searched for.
    pub searched: Option<&'a str>,
    /// The value of `before` that leads to older ones.
    pub next: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ListContent {
    title: String,
    /// `None` in the answer to a search, which goes through all times and all filters.
    bar: Option<FilterBar>,
    searched: String,
    shows_answers: bool,
    lines: Vec<ListRow>,
    sentence: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct ListRow {
    href: String,
    closed: String,
    stamp: String,
    conversation: String,
    account: String,
    team: String,
    agent: String,
    state: String,
    score: String,
    is_commented: bool,
}

impl SurveysPage<'_> {
    pub(super) fn content(&self) -> ListContent {
        let mut bar = bar(links::SURVEYS, self.view, (self.zone, self.now), None, self.choices);
        if !self.shows_answers {
            bar.files.clear();
        }
        let next = self.next.map(|before| {
            let view = self.view.with(|view| view.before = Some(before.to_owned()));
            links::page(links::SURVEYS, &view)
        });
        let searched = self.searched.map(words::name);
        ListContent {
            title: match &searched {
                Some(id) => format!("Surveys of {id}"),
                None => format!("Surveys, {}", words::days(self.view.days)),
            },
            bar: searched.is_none().then_some(bar),
            sentence: self.sentence(),
            searched: searched.unwrap_or_default(),
            shows_answers: self.shows_answers,
            lines: self.surveys.iter().map(|survey| self.line(survey)).collect(),
            next,
        }
    }

    /// Says why the list is empty.
    fn sentence(&self) -> Option<String> {
        let why = match (self.searched, self.view.before.is_some(), self.view.state.is_some()) {
            _ if !self.surveys.is_empty() => return None,
            (Some(id), ..) => {
                format!("No conversation and no survey is called {}.", words::name(id))
            }
            (None, true, _) => "There are no older surveys in this time.".to_owned(),
            (None, false, true) => "No survey of this time ended so.".to_owned(),
            (None, false, false) => "Nothing was closed in this time.".to_owned(),
        };
        Some(why)
    }

    fn line(&self, survey: &SurveyLine) -> ListRow {
        let answer = |text: String| if self.shows_answers { text } else { String::new() };
        ListRow {
            href: history(&survey.id),
            closed: words::instant(survey.closed_at, self.zone, self.now),
            stamp: survey.closed_at.rfc3339(),
            conversation: words::name(&survey.conversation),
            account: words::name(&survey.account),
            team: survey.team.as_deref().map(words::name).unwrap_or_default(),
            agent: answer(survey.agent.as_deref().map(words::name).unwrap_or_default()),
            state: words::state(&survey.state, survey.reason.as_deref()),
            score: answer(survey.score.map(|score| of(survey.kind, score)).unwrap_or_default()),
            is_commented: survey.is_commented && self.shows_answers,
        }
    }
}

/// "4 of 5".
fn of(kind: SurveyType, score: u8) -> String {
    format!("{score}\u{a0}of\u{a0}{}", kind.scores().end())
}

/// What a step of a survey's life was.
#[derive(Clone, Debug, PartialEq)]
pub enum LifeEvent {
    /// The state that it led to, or what happened.
    State(String),
    /// The person gave that score.
    Scored(i64),
    Commented,
}

/// One step of a survey's life.
#[derive(Clone, Debug, PartialEq)]
pub struct LifeStep {
    pub at: Millis,
    pub what: LifeEvent,
    /// Whatever else is known of it, as a sentence without its full stop. Instants in it are as
    /// RFC 3339 writes them.
    pub detail: Option<String>,
}

/// A person's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SurveyAnswer {
    pub score: Option<u8>,
    pub scored_at: Option<Millis>,
    pub text: Option<String>,
    pub commented_at: Option<Millis>,
}

/// The page of one survey.
pub struct SurveyPage<'a> {
    pub zone: &'a Zone,
    pub now: Millis,
    /// False for an admin.
    pub shows_answers: bool,
    pub survey: &'a SurveyLine,
    /// What the account is called to people, if it has such a name.
    pub display_name: Option<&'a str>,
    pub source: &'a str,
    pub conversation: &'a str,
    pub question_variant_id: u32,
    pub due_at: Millis,
    pub sent_at: Option<Millis>,
    pub tags: &'a [String],
    pub language: Option<&'a str>,
    pub rule: Option<&'a str>,
    pub variant: Option<&'a str>,
    pub is_test: bool,
    pub answer: &'a SurveyAnswer,
    /// The oldest first.
    pub history: &'a [LifeStep],
    /// What holds it back now, each a sentence.
    pub waits: &'a [String],
}

#[derive(Serialize)]
pub(super) struct SurveyContent {
    state: String,
    is_test: bool,
    closed: String,
    answer: Option<ShownAnswer>,
    waits: Vec<String>,
    facts: Vec<(&'static str, String)>,
    steps: Vec<ShownStep>,
}

#[derive(Serialize)]
struct ShownAnswer {
    score: String,
    text: Option<String>,
    lang: Option<String>,
    at: String,
}

#[derive(Serialize)]
struct ShownStep {
    at: String,
    stamp: String,
    title: String,
    detail: String,
}

impl SurveyPage<'_> {
    pub(super) fn content(&self) -> SurveyContent {
        let survey = self.survey;
        let is_answer = |step: &LifeStep| !matches!(step.what, LifeEvent::State(_));
        let is_shown = |step: &&LifeStep| self.shows_answers || !is_answer(step);
        SurveyContent {
            state: capitalised(&words::state(&survey.state, survey.reason.as_deref())),
            is_test: self.is_test,
            closed: words::instant(survey.closed_at, self.zone, self.now),
            answer: self.answer().filter(|_| self.shows_answers),
            waits: self.waits.iter().map(|wait| words::name(wait)).collect(),
            facts: self.facts(),
            steps: self.history.iter().filter(is_shown).map(|step| self.step(step)).collect(),
        }
    }

    fn answer(&self) -> Option<ShownAnswer> {
        let SurveyAnswer { score, scored_at, text, commented_at } = self.answer;
        let at = scored_at.or(*commented_at)?;
        Some(ShownAnswer {
            score: score.map(|score| of(self.survey.kind, score)).unwrap_or_default(),
            text: text.as_deref().map(words::comment),
            lang: self.language.and_then(words::language_tag).map(str::to_owned),
            at: words::instant(at, self.zone, self.now),
        })
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let survey = self.survey;
        let instant = |at: Millis| words::instant_to_second(at, self.zone, self.now);
        let names = |text: Option<&str>| text.map(words::name).unwrap_or_default();
        let called = self.display_name.map(words::name);
        let asked =
            question::text(survey.kind, self.question_variant_id, called.as_deref().unwrap_or("…"));
        let configured = words::name(&survey.account);
        let account = match called {
            Some(called) if called != configured => format!("{called} ({configured})"),
            Some(_) | None => configured,
        };
        let tags: Vec<String> = self.tags.iter().map(|tag| words::name(tag)).collect();
        let agent = survey.agent.as_deref().filter(|_| self.shows_answers);
        let facts = [
            ("Account", account),
            ("Team", names(survey.team.as_deref())),
            ("Agent", names(agent)),
            ("Language", self.language.map(words::language).unwrap_or_default()),
            ("Tags", tags.join(", ")),
            ("Question", format!("{}: {}", words::kind(survey.kind), asked.unwrap_or_default())),
            ("Rule", names(self.rule)),
            ("Variant", names(self.variant)),
            ("Due", instant(self.due_at)),
            ("Sent", self.sent_at.map(instant).unwrap_or_default()),
            ("Source", words::name(self.source)),
            ("Conversation", words::name(self.conversation)),
            ("Survey", words::name(&survey.id)),
        ];
        facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn step(&self, step: &LifeStep) -> ShownStep {
        let title = match &step.what {
            LifeEvent::Scored(score) => format!("The person gave {score}"),
            LifeEvent::Commented => "The person wrote a comment".to_owned(),
            LifeEvent::State(state) if state == "answered" && self.shows_answers => {
                "surveyd read it from X".to_owned()
            }
            LifeEvent::State(state) => state_reached(state),
        };
        let detail = step.detail.as_deref().map(words::name).unwrap_or_default();
        ShownStep {
            at: words::instant_to_second(step.at, self.zone, self.now),
            stamp: step.at.rfc3339(),
            title,
            detail: words::with_instants(&detail, self.zone, self.now),
        }
    }
}

/// What it meant for a survey to come to that state.
fn state_reached(state: &str) -> String {
    let words = match state {
        "accepted" => "The conversation was closed",
        "scheduled" => "Scheduled",
        "sending" => "The request left",
        "uncertain" => "Uncertain: X has not said whether it went out",
        "sent" => "X accepted the prompt",
        "answered" => "The person answered",
        "suppressed" => "Not asked",
        "cancelled" => "Called off",
        "expired" => "Too late to ask",
        "failed" => "X refused the prompt",
        other => return capitalised(&words::name(other)),
    };
    words.to_owned()
}
