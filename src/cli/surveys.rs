//! `surveyd surveys` shows and changes single surveys.

mod chosen;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use self::chosen::One;
use super::decisions::{self, Entry, entries};
use super::waiting::{self, Waits};
use super::{Context, TimeStyle, arguments, print_json, usage};
use crate::config::parse_duration;
use crate::daemon::wake_running;
use crate::domain::close::ClosedBy;
use crate::domain::days::Zone;
use crate::domain::feedback::{Feedback, Given};
use crate::domain::id::UserId;
use crate::domain::plain_text::printable;
use crate::domain::policy;
use crate::domain::survey::{CancelledBy, Reason, State, Survey};
use crate::domain::time::Millis;
use crate::output::{out, outln};
use crate::report::period::parse_from;
use crate::results::history::answers;
use crate::store::{HistoryStep, Listing, ResultRow};
use crate::terminal::table::{Column, table};

#[derive(Subcommand)]
pub enum Surveys {
    /// List surveys, the newest first
    List(SurveyListArgs),
    /// Show one survey with its whole history
    #[command(before_help = SHOW_EXAMPLES)]
    Show(SurveyShowArgs),
    /// Call off a survey that has not been sent
    #[command(before_help = CANCEL_EXAMPLES, after_help = CANCEL_NOTE)]
    Cancel(One),
    /// Send a prompt after all if a survey ended without one
    #[command(before_help = RETRY_EXAMPLES, after_help = RETRY_NOTE)]
    Retry(One),
}

const SHOW_EXAMPLES: &str = "\
  surveyd surveys show 01a2238a
  surveyd surveys show --conversation c-42
  surveyd surveys show 01a2238a --json | jq .history";

const CANCEL_EXAMPLES: &str = "\
  surveyd surveys list --state scheduled
  surveyd surveys cancel 01a2238a";

const CANCEL_NOTE: &str = "\
Only a survey that is `scheduled` can be called off. A request under way cannot be stopped (exit 1).
An `uncertain` survey ends as `failed` if its account is no longer configured, because nobody reads
the events of X that would show whether it was sent. It is never sent again.";

const RETRY_EXAMPLES: &str = "\
  surveyd surveys list --state suppressed
  surveyd surveys retry 01a2238a";

const RETRY_NOTE: &str = "\
Everything is decided again when it is sent: opt-outs, throttle and limits still hold, so it may
end `suppressed` again. A survey that X may already have sent is never sent again (exit 1).";

#[derive(Args)]
#[command(before_help = LIST_EXAMPLES)]
pub struct SurveyListArgs {
    /// Only those in this state: scheduled, sending, sent, uncertain, answered, suppressed,
    /// cancelled, expired or failed [default: all]
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only those of this conversation, by its id at the help desk [default: all]
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// Only those with this reason: throttled, cannot_dm, operator … [default: all]
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only those closed so long ago or less (7d, 12h), or since this date or instant [default:
    /// all]
    #[arg(long, value_name = "D")]
    since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = arguments::number(1..=u32::MAX))]
    limit: u32,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    times: TimeStyle,
}

const LIST_EXAMPLES: &str = "\
  surveyd surveys list
  surveyd surveys list --state suppressed --account acme --limit 10
  surveyd surveys list --conversation c-42 --json | jq '.[0].survey_id'";

#[derive(Args)]
pub struct SurveyShowArgs {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    times: TimeStyle,
}

#[derive(Serialize)]
struct SurveyRow<'a> {
    survey_id: &'a str,
    account: &'a str,
    source: &'a str,
    conversation_id: &'a str,
    external_id: &'a str,
    user_id: Option<&'a str>,
    state: &'a str,
    reason: Option<String>,
    closed_at: String,
    due_at: String,
    sent_at: Option<String>,
    feedback_id: Option<&'a str>,
    attempts: u32,
}

#[derive(Serialize)]
struct SurveyDetails<'a> {
    #[serde(flatten)]
    survey: SurveyRow<'a>,
    dm_id: Option<&'a str>,
    message: Option<String>,
    score: Option<i64>,
    scored_at: Option<String>,
    text: Option<&'a str>,
    commented_at: Option<String>,
    /// True if X's webhook has reported the answer and X's events have not confirmed it yet.
    unconfirmed: bool,
    /// Scores and comments that do not count. X contradicted them later, or only its webhook
    /// reported them.
    aside: Vec<Aside>,
    notice: &'a crate::domain::close::Notice,
    history: Vec<Entry>,
    /// The obstacles for a survey that waits.
    waits: Vec<Waits>,
}

#[derive(Serialize)]
struct Aside {
    given_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

fn line(survey: &Survey) -> SurveyRow<'_> {
    let delivery = survey.state.delivery();
    SurveyRow {
        survey_id: survey.id.as_str(),
        account: &survey.account,
        source: &survey.source,
        conversation_id: survey.conversation_id.as_str(),
        external_id: &survey.external_id,
        user_id: survey.user_id.as_ref().map(UserId::as_str),
        state: survey.state.name(),
        reason: survey.state.reason(),
        closed_at: survey.closed_at.rfc3339(),
        due_at: survey.due_at.rfc3339(),
        sent_at: delivery.map(|delivery| delivery.sent_at.rfc3339()),
        feedback_id: delivery.map(|delivery| delivery.feedback_id.as_str()),
        attempts: survey.attempts,
    }
}

pub async fn run(surveys: Surveys, context: &Context) -> anyhow::Result<()> {
    match surveys {
        Surveys::List(wanted) => list(wanted, context).await,
        Surveys::Show(one) => show(one, context).await,
        Surveys::Cancel(one) => cancel(one, context).await,
        Surveys::Retry(one) => retry(one, context).await,
    }
}

async fn list(list: SurveyListArgs, context: &Context) -> anyhow::Result<()> {
    if let Some(state) = list.state.as_deref().filter(|state| !State::NAMES.contains(state)) {
        let meant = match Reason::ALL.iter().any(|reason| reason.as_str() == state) {
            true => format!(". This is a reason: --reason {state}"),
            false => String::new(),
        };
        let problem = format!("must be one of {}{meant}", State::NAMES.join(", "));
        return Err(usage("--state", state, problem));
    }
    let reasons = Reason::ALL.map(Reason::as_str).into_iter();
    let mut reasons =
        reasons.chain([CancelledBy::Reopened, CancelledBy::Operator].map(CancelledBy::as_str));
    if let Some(reason) =
        list.reason.as_deref().filter(|reason| !reasons.clone().any(|it| it == *reason))
    {
        let problem = format!("must be one of {}", reasons.by_ref().collect::<Vec<_>>().join(", "));
        return Err(usage("--reason", reason, problem));
    }
    let now = context.clock.now();
    let zone = &context.config.report.time_zone;
    let since = list.since.as_deref().map(|since| since_when(since, zone, now)).transpose()?;
    let store = context.store().await?;
    context.require_account(&store, list.account.as_deref()).await?;
    let listing = Listing {
        state: list.state,
        account: list.account,
        conversation_id: list.conversation,
        reason: list.reason,
        user_id: None,
        since,
        limit: list.limit,
    };
    let surveys = store.list(&listing).await?;
    store.close().await;
    if list.json {
        return print_json(&surveys.iter().map(line).collect::<Vec<_>>());
    }
    let rows: Vec<Vec<String>> = surveys
        .iter()
        .map(|survey| {
            vec![
                survey.id.to_string(),
                survey.account.clone(),
                survey.conversation_id.to_string(),
                survey.person().to_owned(),
                survey.state.name().to_owned(),
                survey.state.reason().unwrap_or_default(),
                survey.closed_at.rfc3339(),
                survey.due_at.rfc3339(),
            ]
        })
        .collect();
    out!("{}", table(&context.style(&list.times), &LISTED, &rows))?;
    Ok(())
}

const LISTED: [Column; 8] = [
    Column::id("survey"),
    Column::text("account").cut_to(6).given_up(3),
    Column::text("conversation").cut_to(12),
    Column::text("person").given_up(1),
    Column::state("state"),
    Column::text("reason").cut_to(12),
    Column::instant("closed at").given_up(4),
    Column::instant("due at").given_up(2),
];

/// Parses a length back from now or an instant as `--from` does elsewhere.
fn since_when(since: &str, zone: &Zone, now: Millis) -> anyhow::Result<Millis> {
    if let Some(length) = parse_duration(since) {
        return Ok(now.minus(length));
    }
    let problem =
        "must be a length such as 7d or 12h, a date such as 2026-11-22, or an RFC 3339 instant";
    parse_from(since, zone).map_err(|_| usage("--since", since, problem))
}

async fn show(show: SurveyShowArgs, context: &Context) -> anyhow::Result<()> {
    let SurveyShowArgs { one, times } = show;
    let style = context.style(&times);
    let store = context.store().await?;
    let row = one.find(&store, context).await?;
    let id = row.survey.id.clone();
    let steps = store.history(&id).await?;
    let message = store.message(&id).await?;
    let feedback = match row.survey.state.delivery() {
        Some(delivery) => store.feedback(&row.survey.account, &delivery.feedback_id).await?,
        None => None,
    };
    let waiting = waiting::of_survey(&row, &store, context).await?;
    store.close().await;
    let waits = waiting.iter().map(Waits::from).collect();
    let shown = SurveyDetails { waits, ..shown(&row, message, steps, feedback.as_ref()) };
    if one.json {
        return print_json(&shown);
    }
    let delivery = row.survey.state.delivery();
    let facts = [
        ("survey", shown.survey.survey_id.to_owned()),
        ("account", shown.survey.account.to_owned()),
        ("source", shown.survey.source.to_owned()),
        ("conversation", shown.survey.conversation_id.to_owned()),
        ("external id", shown.survey.external_id.to_owned()),
        ("person", row.survey.person().to_owned()),
        ("state", shown.survey.state.to_owned()),
        ("reason", shown.survey.reason.clone().unwrap_or_default()),
        ("agent", shown.notice.agent.clone().unwrap_or_default()),
        ("team", shown.notice.team.clone().unwrap_or_default()),
        ("tags", shown.notice.tags.join("|")),
        ("language", shown.notice.language.clone().unwrap_or_default()),
        ("closed by", shown.notice.closed_by.map(ClosedBy::as_str).unwrap_or_default().to_owned()),
        (
            match row.survey.state {
                State::Suppressed(Reason::DryRun) => "would say",
                _ => "message",
            },
            shown.message.clone().unwrap_or_default(),
        ),
        ("feedback", delivery.map(|d| d.feedback_id.to_string()).unwrap_or_default()),
        ("score", shown.score.map(|score| score.to_string()).unwrap_or_default()),
        ("comment", shown.text.unwrap_or_default().to_owned()),
        ("told by", if shown.unconfirmed { "X's webhook alone, so far" } else { "" }.to_owned()),
        ("kept aside", shown.aside.iter().map(Aside::words).collect::<Vec<_>>().join("; ")),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let value = match *name {
            "state" => style.paint_state(value),
            _ => style.folded(&style.sentence(&printable(value)), FACT_AT),
        };
        outln!("{name:<width$}{value}", width = FACT_AT)?;
    }
    if row.survey.state == State::Suppressed(Reason::NoXId) {
        let source = printable(&row.survey.source);
        outln!(
            "\nThe help desk did not tell who this person is at X. Save one of its payloads and see \
             what is missing:\n  surveyd sources test {source} FILE"
        )?;
    }
    outln!()?;
    out!("{}", table(&style, &decisions::COLUMNS, &decisions::cells(shown.history)))?;
    for obstacle in &waiting {
        outln!("{}", waiting::told(&obstacle.line(), &style))?;
    }
    Ok(())
}

/// The column at which the values of a survey's facts begin.
const FACT_AT: usize = 14;

impl Aside {
    fn words(&self) -> String {
        let Self { given_at, score, text } = self;
        match (score, text) {
            (Some(score), _) => format!("score {score} of {given_at}"),
            (None, text) => {
                format!("comment {:?} of {given_at}", text.as_deref().unwrap_or_default())
            }
        }
    }
}

fn aside(feedback: &Feedback) -> Vec<Aside> {
    let (scores, texts) = feedback.aside();
    let scores = scores.into_iter().map(|Given { given_at, value, .. }| Aside {
        given_at: given_at.rfc3339(),
        score: Some(value),
        text: None,
    });
    let texts = texts.into_iter().map(|Given { given_at, value, .. }| Aside {
        given_at: given_at.rfc3339(),
        score: None,
        text: Some(value),
    });
    scores.chain(texts).collect()
}

fn shown<'a>(
    row: &'a ResultRow,
    message: Option<String>,
    steps: Vec<HistoryStep>,
    feedback: Option<&Feedback>,
) -> SurveyDetails<'a> {
    let survey = &row.survey;
    SurveyDetails {
        survey: line(survey),
        dm_id: survey.state.delivery().and_then(|delivery| delivery.dm_id.as_deref()),
        message,
        score: row.told.score,
        scored_at: row.told.scored_at.map(Millis::rfc3339),
        text: row.told.text.as_deref(),
        commented_at: row.told.commented_at.map(Millis::rfc3339),
        unconfirmed: feedback.is_some_and(|feedback| feedback.judged_by().is_some()),
        aside: feedback.map(aside).unwrap_or_default(),
        notice: &survey.notice,
        history: entries(row, steps, answers(row)),
        waits: Vec::new(),
    }
}

async fn cancel(one: One, context: &Context) -> anyhow::Result<()> {
    let store = context.store().await?;
    let row = one.find(&store, context).await?;
    let id = row.survey.id.clone();
    let (state, now) = (row.survey.state.name(), context.clock.now());
    let ended = match row.survey.state {
        State::Scheduled => Some(store.cancel(id.clone(), now).await?),
        State::Uncertain { .. } if context.config.account(&row.survey.account).is_none() => {
            store.give_up(id.clone(), now).await?
        }
        _ => None,
    };
    store.close().await;
    let Some(survey) = ended else {
        bail!("survey {id} is {state}: only a scheduled one can be called off");
    };
    if one.json {
        return print_json(&line(&survey));
    }
    let reason = survey.state.reason().filter(|_| state != State::Scheduled.name());
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    outln!("survey {} is {}{why}", survey.id, survey.state.name())?;
    Ok(())
}

async fn retry(one: One, context: &Context) -> anyhow::Result<()> {
    let location = context.location()?;
    let store = context.store().await?;
    let now = context.clock.now();
    let survey = one.find(&store, context).await?.survey;
    let id = survey.id.clone();
    let account = context.config.account(&survey.account);
    let account = account.ok_or_else(|| anyhow!("account {} is not configured", survey.account))?;
    let chosen = account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
    if policy::is_too_late(survey.closed_at, &chosen.rules(), now) {
        bail!(
            "survey {id} cannot be sent any more: its conversation closed at {}, longer ago than \
             expire_after",
            survey.closed_at.rfc3339()
        );
    }
    let retried = store.retry(id.clone(), now).await?;
    store.close().await;
    let survey = retried.map_err(|why| anyhow!("survey {id} cannot be sent again: {why}"))?;
    wake_running(&location);
    if one.json {
        return print_json(&line(&survey));
    }
    outln!("survey {} is scheduled", survey.id)?;
    if account.mode.is_dry() {
        outln!("account {}: dry run, nothing is sent; it is decided once more", account.name)?;
    }
    Ok(())
}
