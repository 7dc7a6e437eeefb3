//! What a message says, before it is written in a receiver's format.
//!
//! Owns the event of Standard Webhooks and the sentences for people. Knows no format's escapes.

use serde_json::{Value, json};

use super::{AlertType, Answer, Detail, Digest, Fact, Silence, SilenceKind};
use crate::domain::days::Zone;
use crate::domain::id::SurveyId;
use crate::domain::plain_text::cut;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

/// The longest text of a pause or a digest, in characters.
const TEXT_CHARACTERS_MAX: usize = 1_500;
/// The longest name in a sentence, in characters.
const NAME_CHARACTERS_MAX: usize = 100;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub alert_type: AlertType,
    /// When it happened. For a summary, when the message is made.
    pub at: Millis,
    pub content: Content,
    /// The page of surveyd that shows it. `None` if surveyd does not know its own address.
    pub link: Option<String>,
    /// True if nothing happened. The message says so.
    is_made_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Fact {
        fact: Box<Fact>,
        /// The comment beside the answer, if there is one and the alert includes comments.
        comment: Option<String>,
    },
    /// Many messages of one type at once.
    Summary {
        count: u64,
        /// When the first of them happened.
        since: Millis,
    },
}

impl Told {
    /// What a message about one fact says. Only an answer has a comment. `public_url` is the
    /// configured address of surveyd's pages.
    pub fn of_fact(
        alert_type: AlertType,
        fact: Fact,
        comment: Option<String>,
        public_url: Option<&str>,
    ) -> Self {
        let path = match (&fact.detail, &fact.survey_id) {
            (Detail::Answered(_) | Detail::Changed(_), Some(id)) => {
                format!("/surveys/{}", id.as_str())
            }
            (Detail::Answered(_) | Detail::Changed(_), None) => "/surveys".into(),
            (Detail::Digest(digest), _) => format!("/?{}", digest.query),
            (Detail::Paused(_) | Detail::Resumed(_) | Detail::Silent(_) | Detail::Test(_), _) => {
                "/health".into()
            }
        };
        let link = public_url.map(|url| format!("{url}{path}"));
        let comment = comment.filter(|_| fact.detail.answer().is_some());
        let (at, fact) = (fact.at, Box::new(fact));
        let content = Content::Fact { fact, comment };
        Self { alert_type, at, content, link, is_made_up: false }
    }

    /// What a test of an alert says.
    pub fn trial(alert: &str, id: &str, now: Millis, public_url: Option<&str>) -> Self {
        Self::of_fact(AlertType::AlertTest, Fact::test(alert, id, now), None, public_url)
    }

    /// A message of that type about nothing that happened. It says that it is made up.
    pub fn made_up(
        alert_type: AlertType,
        alert: &str,
        has_comments: bool,
        now: Millis,
        public_url: Option<&str>,
    ) -> Self {
        let comment = has_comments.then(|| SAMPLE_COMMENT.to_owned());
        let fact = sample_facts(alert_type, alert, now).swap_remove(0);
        let told = Self::of_fact(alert_type, fact, comment, public_url);
        Self { is_made_up: true, ..told }
    }

    /// What one message for many says.
    pub fn of_many(
        alert_type: AlertType,
        count: u64,
        since: Millis,
        now: Millis,
        public_url: Option<&str>,
    ) -> Self {
        let path = match alert_type {
            AlertType::FeedbackAnswered | AlertType::Detractor => "/comments",
            AlertType::AccountPaused
            | AlertType::AccountResumed
            | AlertType::Silence
            | AlertType::AlertTest => "/health",
            AlertType::Digest => "/",
        };
        let link = public_url.map(|url| format!("{url}{path}"));
        let content = Content::Summary { count, since };
        Self { alert_type, at: now, content, link, is_made_up: false }
    }

    /// The event as Standard Webhooks has it: `{"type", "timestamp", "data"}`.
    pub fn event(&self) -> Value {
        let url = &self.link;
        let data = match &self.content {
            Content::Summary { count, since } => {
                json!({ "count": count, "since": since.rfc3339(), "url": url })
            }
            Content::Fact { fact, comment } => {
                let account = &fact.account;
                match &fact.detail {
                    Detail::Answered(answer) => self.of_answer(fact, answer, comment.as_deref()),
                    Detail::Changed(change) => {
                        let mut data = self.of_answer(fact, &change.answer, comment.as_deref());
                        data["score_before"] = json!(change.score_before);
                        data
                    }
                    Detail::Paused(pause) => {
                        let why = cut(&pause.why, TEXT_CHARACTERS_MAX);
                        json!({ "account": account, "why": why, "url": url })
                    }
                    Detail::Resumed(pause) => json!({
                        "account": account, "paused_at": pause.paused_at.rfc3339(), "url": url
                    }),
                    Detail::Silent(silence) => json!({
                        "account": account,
                        "kind": silence.kind,
                        "since": silence.since.rfc3339(),
                        "expected": silence.expected,
                        "url": url,
                    }),
                    Detail::Digest(digest) => json!({
                        "schedule": digest.schedule,
                        "from": digest.from,
                        "to": digest.to,
                        "text": cut(&digest.headline, TEXT_CHARACTERS_MAX),
                        "url": url,
                    }),
                    Detail::Test(trial) => json!({ "alert": trial.alert, "url": url }),
                }
            }
        };
        let mut data = data;
        if self.is_made_up {
            data["made_up"] = json!(true);
        }
        let (name, at) = (self.alert_type.as_str(), self.at.rfc3339());
        json!({ "type": name, "timestamp": at, "data": data })
    }

    fn of_answer(&self, fact: &Fact, answer: &Answer, comment: Option<&str>) -> Value {
        let mut data = json!({
            "survey_id": fact.survey_id.as_ref().map(SurveyId::as_str),
            "account": fact.account,
            "kind": answer.kind,
            "score": answer.score,
            "team": answer.team,
            "agent": answer.agent,
            "url": self.link,
        });
        if let Some(comment) = comment {
            data["comment"] = json!(comment);
        }
        data
    }

    /// One sentence for people, which may hold what help desks and X wrote. Times are of `zone`.
    pub fn sentence(&self, zone: &Zone) -> String {
        let sentence = self.sentence_of_content(zone);
        if self.is_made_up { format!("Made up, as a test: {sentence}") } else { sentence }
    }

    fn sentence_of_content(&self, zone: &Zone) -> String {
        let fact = match &self.content {
            Content::Summary { count, since } => return self.of_summary(*count, *since, zone),
            Content::Fact { fact, .. } => fact,
        };
        let account = fact.account.as_deref().unwrap_or("surveyd");
        match &fact.detail {
            Detail::Answered(answer) => match self.alert_type {
                AlertType::Detractor => format!("Detractor at {account}: {}", spoken(answer)),
                AlertType::FeedbackAnswered
                | AlertType::AccountPaused
                | AlertType::AccountResumed
                | AlertType::Silence
                | AlertType::Digest
                | AlertType::AlertTest => format!("Answer at {account}: {}", spoken(answer)),
            },
            Detail::Changed(change) => format!(
                "Detractor at {account}: {}; it was {} before",
                spoken(&change.answer),
                change.score_before
            ),
            Detail::Paused(_) => {
                format!("{account} is paused: X refuses it, and no prompt goes out")
            }
            Detail::Resumed(pause) => format!(
                "{account} sends prompts again. It was paused since {}",
                moment(pause.paused_at, zone)
            ),
            Detail::Silent(silence) => format!("{account}: {}", of_silence(silence, zone)),
            Detail::Digest(Digest { schedule, from, to, .. }) => {
                let days = if from == to { from.clone() } else { format!("{from} to {to}") };
                format!("{}, {days}", cut(schedule, NAME_CHARACTERS_MAX))
            }
            Detail::Test(trial) => {
                format!("A test of the alert {}. Nothing has happened", trial.alert)
            }
        }
    }

    fn of_summary(&self, count: u64, since: Millis, zone: &Zone) -> String {
        let (one, many) = match self.alert_type {
            AlertType::FeedbackAnswered => ("answer", "answers"),
            AlertType::Detractor => ("detractor", "detractors"),
            AlertType::AccountPaused => ("pause of an account", "pauses of accounts"),
            AlertType::AccountResumed => ("end of a pause", "ends of pauses"),
            AlertType::Silence => ("silence", "silences"),
            AlertType::Digest => ("digest", "digests"),
            AlertType::AlertTest => ("test", "tests"),
        };
        let noun = if count == 1 { one } else { many };
        format!("{count} {noun} since {}", moment(since, zone))
    }

    /// What others wrote beside the sentence: a comment, X's refusal or a report.
    pub fn text(&self) -> Option<&str> {
        let Content::Fact { fact, comment } = &self.content else { return None };
        match &fact.detail {
            Detail::Answered(_) | Detail::Changed(_) => comment.as_deref(),
            Detail::Paused(pause) => Some(cut(&pause.why, TEXT_CHARACTERS_MAX)),
            Detail::Digest(digest) => Some(cut(&digest.headline, TEXT_CHARACTERS_MAX)),
            Detail::Resumed(_) | Detail::Silent(_) | Detail::Test(_) => None,
        }
        .filter(|text| !text.trim().is_empty())
    }

    /// The same with another comment. A message without a comment stays as it is.
    pub fn with_comment(&self, text: &str) -> Self {
        let mut told = self.clone();
        if let Content::Fact { comment: Some(comment), .. } = &mut told.content {
            text.clone_into(comment);
        }
        told
    }

    /// Made-up messages to try an alert on: all that the type can say, then as little as it can.
    pub fn samples(alert_type: AlertType, alert: &str, has_comments: bool) -> Vec<Self> {
        let public_url = Some("https://surveyd.example");
        let facts = sample_facts(alert_type, alert, SAMPLE_AT);
        let comment = has_comments.then(|| SAMPLE_COMMENT.to_owned());
        let comments = [comment, None];
        let mut samples: Vec<Self> = facts
            .into_iter()
            .zip(comments.into_iter().cycle())
            .zip([public_url, None].into_iter().cycle())
            .map(|((fact, comment), url)| Self::of_fact(alert_type, fact, comment, url))
            .collect();
        samples.push(Self::of_many(alert_type, 27, SAMPLE_AT, SAMPLE_AT, public_url));
        samples
    }
}

/// 2026-11-22T08:00:00Z.
const SAMPLE_AT: Millis = Millis(1_795_334_400_000);
const SAMPLE_COMMENT: &str = "Nobody could tell me where my order is.";

/// Made-up facts of that type, never none. They happened at `at`.
fn sample_facts(alert_type: AlertType, alert: &str, at: Millis) -> Vec<Fact> {
    let hour = std::time::Duration::from_secs(60 * 60);
    let (id, earlier) = (SurveyId::new("sample"), at.minus(hour));
    let answer = |is_full: bool| Answer {
        kind: SurveyType::Csat,
        score: 1,
        team: is_full.then(|| "billing".to_owned()),
        agent: is_full.then(|| "dana".to_owned()),
        question: is_full.then_some(12),
    };
    let silence = |kind| Silence { kind, since: earlier, after: hour, expected: 9 };
    match alert_type {
        AlertType::FeedbackAnswered | AlertType::Detractor => vec![
            Fact::answered(&id, "acme", at, answer(true)),
            Fact::answered(&id, "acme", at, answer(false)),
        ],
        AlertType::AccountPaused => vec![Fact::paused("acme", at, "Could not authenticate you.")],
        AlertType::AccountResumed => vec![Fact::resumed("acme", earlier, at)],
        AlertType::Silence => SilenceKind::ALL
            .into_iter()
            .map(|kind| Fact::silent("acme", at, silence(kind)))
            .collect(),
        AlertType::Digest => vec![Fact::digest(
            at,
            Digest {
                schedule: "monday".into(),
                alert: alert.to_owned(),
                from: "2026-11-16".into(),
                to: "2026-11-22".into(),
                headline: "CSAT 78.3 % of 912 answers.".into(),
                query: "period=7d".into(),
            },
        )],
        AlertType::AlertTest => vec![Fact::test(alert, "sample", at)],
    }
}

/// A score with who handled the conversation: `CSAT 1 of 5, billing, dana`.
fn spoken(answer: &Answer) -> String {
    let name = match answer.kind {
        SurveyType::Csat => "CSAT",
        SurveyType::Nps => "NPS",
    };
    let mut text = format!("{name} {} of {}", answer.score, answer.kind.scores().end());
    for part in [&answer.team, &answer.agent].into_iter().flatten() {
        text += ", ";
        text += cut(part, NAME_CHARACTERS_MAX);
    }
    text
}

fn of_silence(silence: &Silence, zone: &Zone) -> String {
    let (since, expected) = (moment(silence.since, zone), silence.expected);
    match silence.kind {
        SilenceKind::Closes => format!(
            "conversations closed and no prompt went out since {since}. About {expected} were to be \
             expected"
        ),
        SilenceKind::Answers => format!(
            "prompts went out and nobody answered since {since}. About {expected} answers were to \
             be expected"
        ),
    }
}

/// A day and a time of the business: `2026-11-22 09:00`.
fn moment(at: Millis, zone: &Zone) -> String {
    let (day, time) = zone.wall_clock(at);
    format!("{day} {time}")
}

#[cfg(test)]
mod tests;
