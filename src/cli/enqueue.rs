//! `surveyd enqueue`: a close filed by hand or from cron.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::{Context, usage};
use crate::daemon::wake_running;
use crate::domain::close::{
    ATTRIBUTE_CHARACTERS_MAX, ATTRIBUTES_MAX, Close, ClosedBy, LABEL_CHARACTERS_MAX, Notice,
    Precision, TAGS_MAX,
};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::plain_text::cut;
use crate::domain::policy::quiet_hours;
use crate::domain::time::Millis;
use crate::wake::Wake;
use crate::watcher::{Intake, Receiver, notice};

/// What stands in the `source` column of a close from the command line.
pub const SOURCE: &str = "enqueue";

#[derive(Args)]
pub struct Enqueue {
    /// The account that the conversation was with
    #[arg(long)]
    account: String,
    /// The conversation's id at the help desk
    #[arg(long, value_name = "ID")]
    conversation: String,
    /// The person's numeric id at X
    #[arg(long, value_name = "U")]
    user_id: String,
    /// When the conversation closed, RFC 3339 [default: now]
    #[arg(long, value_name = "T")]
    closed_at: Option<String>,
    /// Who handled it
    #[arg(long, value_name = "X")]
    agent: Option<String>,
    /// The team that handled it
    #[arg(long, value_name = "X")]
    team: Option<String>,
    /// May be given several times
    #[arg(long = "tag", value_name = "X")]
    tags: Vec<String>,
    /// The language that the person writes, such as es or pt-BR
    #[arg(long, value_name = "L")]
    language: Option<String>,
    /// What the message may call the person
    #[arg(long, value_name = "X")]
    first_name: Option<String>,
    /// Who closed it: agent, customer, bot, auto or bulk
    #[arg(long, value_name = "BY")]
    closed_by: Option<String>,
    /// How many messages agents wrote in it
    #[arg(long, value_name = "N")]
    agent_messages: Option<u32>,
    /// When anybody last said something in it, RFC 3339
    #[arg(long, value_name = "T")]
    last_message_at: Option<String>,
    /// The person's time zone by its IANA name, such as Europe/Madrid
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A further attribute for rules to match on; may be given several times
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
}

impl Enqueue {
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
    let account = context.config.account(&enqueue.account).ok_or_else(|| {
        let problem = format!("there is no such account in {}", context.file.display());
        usage("--account", &enqueue.account, problem)
    })?;
    let closed_at = instant("--closed-at", enqueue.closed_at.as_deref())?.unwrap_or(now);
    if notice::is_ahead(closed_at, now) {
        let problem = "lies more than 5 minutes ahead of this machine's clock";
        return Err(usage("--closed-at", &closed_at.rfc3339(), problem));
    }
    let close = Close {
        account: account.name.clone(),
        source: SOURCE.into(),
        conversation_id: ConversationId::parse(&enqueue.conversation)
            .map_err(|why| usage("--conversation", &enqueue.conversation, why))?,
        user_id: Some(
            UserId::parse(&enqueue.user_id)
                .map_err(|why| usage("--user-id", &enqueue.user_id, why))?,
        ),
        closed_at,
        precision: Precision::Exact,
        notice: enqueue.notice()?,
    };
    let location = context.shown_location()?;
    let store = crate::store::Store::attach(&location).await?;
    let receiver = Receiver { account: Arc::new(account.clone()), wake: Arc::new(Wake::of(false)) };
    let intake = Intake {
        store: store.clone(),
        clock: context.clock.clone(),
        accounts: Arc::new(HashMap::from([(account.name.clone(), receiver)])),
        x_clock: None,
    };
    let taken = intake.close(close).await?.context("the account was looked up above")?;
    store.close().await;
    wake_running(&location);
    super::print_json(&serde_json::json!({
        "survey_id": taken.survey_id.as_str(),
        "state": taken.state,
        "reason": taken.reason,
        "due_at": taken.due_at.rfc3339(),
        "is_new": taken.is_new,
    }))
}
