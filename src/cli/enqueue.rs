//! `surveyd enqueue` files a close by hand or from cron.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::decisions::said;
use super::{Context, arguments, usage};
use crate::config::ENQUEUED;
use crate::daemon::wake_running;
use crate::domain::close::{
    ATTRIBUTE_CHARACTERS_MAX, ATTRIBUTES_MAX, Close, ClosedBy, LABEL_CHARACTERS_MAX, Notice,
    Precision, TAGS_MAX,
};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::plain_text::{cut, printable};
use crate::domain::policy::quiet_hours;
use crate::domain::time::Millis;
use crate::domain::unfilled::why_nothing;
use crate::output::outln;
use crate::store::{Store, Taken};
use crate::wake::Wake;
use crate::watcher::{AccountIntake, Intake, notice};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Enqueue {
    /// The account that the conversation was with
    #[arg(long, value_name = "NAME", help_heading = "Needed")]
    account: String,
    /// The conversation's id at the help desk
    #[arg(long, value_name = "ID", help_heading = "Needed")]
    conversation: String,
    /// The person's numeric id at X (not the @handle)
    #[arg(long, value_name = "N", help_heading = "Needed")]
    user_id: String,
    #[command(flatten)]
    told: CloseArgs,
}

/// What may be told of a close beside.
#[derive(Args)]
#[command(next_help_heading = "Else")]
struct CloseArgs {
    /// When the conversation closed, as 2026-11-22T07:59:58Z [default: now]
    #[arg(long, value_name = "T")]
    closed_at: Option<String>,
    /// Who handled it
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The team that handled it
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// A tag of the conversation; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The language that the person writes, such as es or pt-BR
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// What the message may call the person
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Who closed it: agent, customer, bot, auto or bulk [default: not known]
    #[arg(long, value_name = "WHO")]
    closed_by: Option<String>,
    /// How many messages agents wrote in it
    #[arg(long, value_name = "N", value_parser = arguments::number(0..=u32::MAX))]
    agent_messages: Option<u32>,
    /// When anybody last said something in it, as 2026-11-22T07:41:00Z
    #[arg(long, value_name = "T")]
    last_message_at: Option<String>,
    /// The person's time zone by its IANA name, such as Europe/Madrid
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A further attribute for rules to match on; may be given several times
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd enqueue --account acme --conversation c-42 --user-id 343434343434
  surveyd enqueue --account acme --conversation c-42 --user-id 343434343434 \\
        --closed-at 2026-11-22T07:59:58Z --agent dana --tag vip --tag billing";

const NOTE: &str = "\
It writes to the database of the running service (/var/lib/surveyd/surveyd.db, or as store.url
says) and fails with exit 1 if there is none. It prints one line, such as
`scheduled 019…, due 2026-11-22T08:04:58Z`, or JSON with --json.";

impl CloseArgs {
    fn notice(&self) -> anyhow::Result<Notice> {
        let closed_by = self.closed_by.as_deref().map(|name| {
            let by = ClosedBy::parse(name);
            by.ok_or_else(|| {
                usage("--closed-by", name, "must be agent, customer, bot, auto or bulk")
            })
        });
        let time_zone = self.time_zone.as_deref().map(|name| {
            quiet_hours::zone(name).map(|_| name.to_owned()).ok_or_else(|| {
                usage("--time-zone", name, "is no time zone; write one such as Europe/Madrid")
            })
        });
        let attributes = self.attributes.iter().map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                within("--attribute", name, LABEL_CHARACTERS_MAX)?;
                within("--attribute", value, ATTRIBUTE_CHARACTERS_MAX)?;
                Ok((name.to_owned(), value.to_owned()))
            }
            _ => Err(usage("--attribute", text, "must be written NAME=VALUE")),
        });
        let labels = [
            ("--agent", self.agent.iter().collect::<Vec<_>>()),
            ("--team", self.team.iter().collect()),
            ("--language", self.language.iter().collect()),
            ("--tag", self.tags.iter().collect()),
        ];
        for (name, text) in
            labels.iter().flat_map(|(name, texts)| texts.iter().map(move |it| (*name, it)))
        {
            within(name, text, LABEL_CHARACTERS_MAX)?;
        }
        for (name, count, most) in [
            ("--tag", self.tags.len(), TAGS_MAX),
            ("--attribute", self.attributes.len(), ATTRIBUTES_MAX),
        ] {
            if count > most {
                return Err(usage(name, &format!("{count} times"), format!("{most} are the most")));
            }
        }
        Ok(Notice {
            agent: self.agent.clone(),
            team: self.team.clone(),
            tags: self.tags.clone(),
            language: self.language.clone(),
            first_name: self.first_name.clone(),
            closed_by: closed_by.transpose()?,
            agent_messages: self.agent_messages,
            last_message_at: instant("--last-message-at", self.last_message_at.as_deref())?,
            time_zone: time_zone.transpose()?,
            attributes: attributes.collect::<anyhow::Result<_>>()?,
        })
    }
}

fn within(name: &str, text: &str, characters_max: usize) -> anyhow::Result<()> {
    if text.contains('\0') {
        return Err(usage(name, text, "must not hold the character U+0000"));
    }
    match notice::too_long(text, characters_max) {
        Some(why) => Err(usage(name, cut(text, 80), why)),
        None => Ok(()),
    }
}

fn instant(name: &str, text: Option<&str>) -> anyhow::Result<Option<Millis>> {
    let instant =
        text.map(|text| Millis::from_rfc3339(text).map_err(|error| usage(name, text, error)));
    instant.transpose()
}

pub async fn run(enqueue: Enqueue, context: &Context) -> anyhow::Result<()> {
    let now = context.clock.now();
    let account = context
        .config
        .account(&enqueue.account)
        .ok_or_else(|| context.unknown_account(&enqueue.account))?;
    let closed_at = instant("--closed-at", enqueue.told.closed_at.as_deref())?.unwrap_or(now);
    if notice::is_ahead(closed_at, now) {
        let problem = format!(
            "lies more than 5 minutes ahead of this machine's clock, which shows {}: correct one of them",
            now.rfc3339()
        );
        return Err(usage("--closed-at", &closed_at.rfc3339(), problem));
    }
    if let Some(why) = why_nothing(&enqueue.conversation) {
        return Err(usage("--conversation", &enqueue.conversation, why));
    }
    let close = Close {
        account: account.name.clone(),
        source: ENQUEUED.into(),
        conversation_id: ConversationId::parse(&enqueue.conversation)
            .map_err(|why| usage("--conversation", &enqueue.conversation, why))?,
        user_id: Some(
            UserId::parse(&enqueue.user_id)
                .map_err(|why| usage("--user-id", &enqueue.user_id, why))?,
        ),
        closed_at,
        precision: Precision::Exact,
        notice: enqueue.told.notice()?,
    };
    let location = context.shown_location()?;
    let store = context.attach(&location).await?;
    let receiver =
        AccountIntake { account: Arc::new(account.clone()), wake: Arc::new(Wake::of(false)) };
    let intake = Intake {
        store: store.clone(),
        clock: context.clock.clone(),
        accounts: Arc::new(HashMap::from([(account.name.clone(), receiver)])),
        x_clock: None,
    };
    let taken = intake.close(close).await?.context("the account was looked up above")?;
    let why = why(&store, &taken).await?;
    store.close().await;
    wake_running(&location);
    if !enqueue.told.json {
        outln!("{}", printable(&line(&taken, why.as_deref())))?;
        return Ok(());
    }
    super::print_json(&serde_json::json!({
        "survey_id": taken.survey_id.as_str(),
        "state": taken.state,
        "reason": taken.reason,
        "due_at": taken.due_at.rfc3339(),
        "is_new": taken.is_new,
    }))
}

/// Returns the reason if it is already known that the person will not be asked.
async fn why(store: &Store, taken: &Taken) -> anyhow::Result<Option<String>> {
    if !["expired", "suppressed", "cancelled", "failed"].contains(&taken.state) {
        return Ok(None);
    }
    let steps = store.history(&taken.survey_id).await?;
    let Some(row) = store.survey(&taken.survey_id).await? else { return Ok(None) };
    let decided = match steps.last() {
        Some(step) => step.decision.as_ref().map(said).or(step.detail.clone()),
        None => row.at_close.as_ref().map(said),
    };
    let state = format!("{}: ", taken.state);
    Ok(decided
        .map(|words| words.strip_prefix(&state).unwrap_or(&words).to_owned())
        .or(taken.reason.clone()))
}

/// Describes the outcome of the close for people.
fn line(taken: &Taken, why: Option<&str>) -> String {
    let id = &taken.survey_id;
    let mut line = match (taken.state, why) {
        ("scheduled", _) => format!("scheduled {id}, due {}", taken.due_at.rfc3339()),
        (state, Some(why)) => format!("{state} {id}: {why}"),
        (state, None) => format!("{state} {id}"),
    };
    if !taken.is_new {
        line += " (this conversation's survey is on record already)";
    }
    line
}
