//! What people wrote, the newest first.

use serde::Serialize;

use super::filters::{Choices, FilterBar, Tab, bar};
use super::{PageForm, links, words};
use crate::domain::days::Zone;
use crate::domain::mood::Mood;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::View;

/// A comment and what it belongs to. Names that the view holds back are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub survey_id: String,
    pub kind: SurveyType,
    pub score: Option<u8>,
    pub text: String,
    pub at: Millis,
    pub team: Option<String>,
    pub agent: Option<String>,
    pub language: Option<String>,
    pub tags: Vec<String>,
}

/// How many comments came with a score of each mood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoodCounts {
    pub unhappy: u64,
    pub middling: u64,
    pub happy: u64,
}

impl MoodCounts {
    fn of(self, mood: Mood) -> u64 {
        match mood {
            Mood::Unhappy => self.unhappy,
            Mood::Middling => self.middling,
            Mood::Happy => self.happy,
        }
    }
}

/// A page of comments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommentList {
    pub comments: Vec<Comment>,
    /// How many comments there are, whatever came with them. `None` if that is not known.
    pub total: Option<u64>,
    /// `None` if that is not known.
    pub counts: Option<MoodCounts>,
    /// The value of `before` that leads to older ones.
    pub next: Option<String>,
    /// True if the view has too few answers to show any comment.
    pub is_held: bool,
}

/// The page of comments.
pub struct CommentsPage<'a> {
    pub view: &'a View,
    pub zone: &'a Zone,
    pub now: Millis,
    /// The type that is shown, if only one.
    pub kind: Option<SurveyType>,
    pub choices: &'a Choices,
    pub list: &'a CommentList,
    /// The fewest answers that show a comment.
    pub min_group: u32,
}

/// A comment as the template writes it down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    pub score: String,
    pub of: &'static str,
    pub class: &'static str,
    pub text: String,
    pub lang: Option<String>,
    /// Team, agent, language and tags, each isolated.
    pub about: Vec<String>,
    pub at: String,
    pub stamp: String,
    /// `None` in a file, which leads nowhere.
    pub history: Option<String>,
}

/// A list of comments as the template writes it down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SaidList {
    pub lead: String,
    /// The list of the surveys, where that is the way to single answers.
    pub surveys: Option<String>,
    pub tabs: Vec<Tab>,
    pub list: Vec<Said>,
    pub next: Option<String>,
}

#[derive(Serialize)]
pub(super) struct CommentsContent {
    title: String,
    bar: FilterBar,
    said: SaidList,
}

impl CommentsPage<'_> {
    pub(super) fn content(&self) -> CommentsContent {
        let said = said(
            self.list,
            SaidTerms {
                view: self.view,
                zone: self.zone,
                now: self.now,
                kind: self.kind,
                min_group: self.min_group,
                form: PageForm::Live,
            },
        );
        CommentsContent {
            title: format!("Comments, {}", words::days(self.view.days)),
            bar: bar(links::COMMENTS, self.view, (self.zone, self.now), self.kind, self.choices),
            said,
        }
    }
}

/// What a list of comments is read with.
#[derive(Clone, Copy)]
pub struct SaidTerms<'a> {
    pub view: &'a View,
    pub zone: &'a Zone,
    pub now: Millis,
    /// The type that is shown, if only one.
    pub kind: Option<SurveyType>,
    pub min_group: u32,
    pub form: PageForm,
}

/// Lays a list of comments out.
pub fn said(list: &CommentList, terms: SaidTerms<'_>) -> SaidList {
    let SaidTerms { view, zone, now, kind, min_group, form } = terms;
    let next = list.next.as_ref().map(|before| {
        let view = links::of_mood(view, view.mood).with(|view| view.before = Some(before.clone()));
        links::page(links::COMMENTS, &view)
    });
    SaidList {
        lead: lead(list, view, min_group, form),
        surveys: (list.is_held && form == PageForm::Live).then(|| links::surveys(view)),
        tabs: tabs(list, view, kind),
        list: list.comments.iter().map(|comment| one(comment, zone, now, form)).collect(),
        next,
    }
}

fn lead(list: &CommentList, view: &View, min_group: u32, form: PageForm) -> String {
    let which = match view.mood {
        None => "comments",
        Some(Mood::Unhappy) => "unhappy comments",
        Some(Mood::Middling) => "middling comments",
        Some(Mood::Happy) => "happy comments",
    };
    let total = match view.mood {
        None => list.total,
        Some(mood) => list.counts.map(|counts| counts.of(mood)),
    };
    match (list.is_held, list.comments.is_empty(), total) {
        (true, ..) => format!("Fewer than {min_group} answers: too few to judge by."),
        (_, true, _) if view.before.is_some() => format!("There are no older {which}."),
        (_, true, _) => format!("There are no {which} in this time."),
        (_, false, Some(1)) => "1 comment.".to_owned(),
        (_, false, Some(total)) if form == PageForm::File && total > list.comments.len() as u64 => {
            format!(
                "The {} newest of {} {which}.",
                words::count(list.comments.len() as u64),
                words::count(total)
            )
        }
        (_, false, Some(total)) => format!("{} {which}, newest first.", words::count(total)),
        (_, false, None) => "Newest first.".to_owned(),
    }
}

fn tabs(list: &CommentList, view: &View, kind: Option<SurveyType>) -> Vec<Tab> {
    let scores = |mood: Mood| match kind {
        None => String::new(),
        Some(kind) => {
            let scores = mood.scores(kind);
            match scores.start() == scores.end() {
                true => format!(" ({})", scores.start()),
                false => format!(" ({}–{})", scores.start(), scores.end()),
            }
        }
    };
    let tab = |mood: Option<Mood>| {
        let (name, count) = match mood {
            None => ("All".to_owned(), list.total),
            Some(mood) => {
                let name = match mood {
                    Mood::Unhappy => "Unhappy",
                    Mood::Middling => "Middling",
                    Mood::Happy => "Happy",
                };
                let count = list.counts.map(|counts| counts.of(mood));
                (format!("{name}{}", scores(mood)), count)
            }
        };
        let count = count.map(|count| format!("\u{a0}{}", words::count(count)));
        Tab {
            label: format!("{name}{}", count.unwrap_or_default()),
            href: links::page(links::COMMENTS, &links::of_mood(view, mood)),
            is_here: view.mood == mood,
        }
    };
    std::iter::once(None).chain(Mood::ALL.map(Some)).map(tab).collect()
}

fn one(comment: &Comment, zone: &Zone, now: Millis, form: PageForm) -> Said {
    let mood =
        |score: u8| Mood::ALL.into_iter().find(|mood| mood.scores(comment.kind).contains(&score));
    let tags = comment.tags.iter().map(|tag| words::name(tag));
    let about = comment
        .team
        .iter()
        .chain(&comment.agent)
        .map(|name| words::name(name))
        .chain(comment.language.iter().map(|tag| words::language(tag)))
        .chain(tags);
    Said {
        score: comment.score.map_or_else(|| "–".to_owned(), |score| score.to_string()),
        of: match (comment.score, comment.kind) {
            (None, _) => "without a score",
            (Some(_), SurveyType::Csat) => "of 5",
            (Some(_), SurveyType::Nps) => "of 10",
        },
        class: match comment.score.and_then(mood) {
            Some(Mood::Unhappy) => "lo",
            Some(Mood::Happy) => "hi",
            Some(Mood::Middling) | None => "me",
        },
        text: words::comment(&comment.text),
        lang: comment.language.as_deref().and_then(words::language_tag).map(str::to_owned),
        about: about.collect(),
        at: match form {
            PageForm::Live => words::instant(comment.at, zone, now),
            PageForm::File => words::dated(comment.at, zone, now),
        },
        stamp: comment.at.rfc3339(),
        history: (form == PageForm::Live).then(|| history(&comment.survey_id)),
    }
}

/// The address of a survey's history.
pub fn history(survey_id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(survey_id.as_bytes()).collect();
    format!("{}/{}", links::SURVEYS, id.replace('+', "%20"))
}
