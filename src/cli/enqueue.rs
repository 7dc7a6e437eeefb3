//! `surveyd enqueue`: a close filed by hand or from cron.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::{Context, usage};
use crate::daemon::wake_running;
use crate::domain::close::{Close, Notice};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Millis;
use crate::wake::Wake;
use crate::watcher::{Intake, Receiver, notice};

/// What stands in the `source` column of a close from the command line.
const SOURCE: &str = "enqueue";

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
    #[arg(long, value_name = "X")]
    team: Option<String>,
    /// May be given several times
    #[arg(long = "tag", value_name = "X")]
    tags: Vec<String>,
    /// The language that the person writes, such as es or pt-BR
    #[arg(long, value_name = "L")]
    language: Option<String>,
}

pub async fn run(enqueue: Enqueue, context: &Context) -> anyhow::Result<()> {
    let now = context.clock.now();
    let account = context.config.account(&enqueue.account).ok_or_else(|| {
        let problem = format!("there is no such account in {}", context.file.display());
        usage("--account", &enqueue.account, problem)
    })?;
    let closed_at = match &enqueue.closed_at {
        Some(text) => {
            Millis::from_rfc3339(text).map_err(|error| usage("--closed-at", text, error))?
        }
        None => now,
    };
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
        notice: Notice {
            agent: enqueue.agent,
            team: enqueue.team,
            tags: enqueue.tags,
            language: enqueue.language,
            ..Notice::default()
        },
    };
    let location = context.location()?;
    let store = crate::store::Store::open(&location).await?;
    let receiver = Receiver { account: Arc::new(account.clone()), wake: Arc::new(Wake::of(false)) };
    let intake = Intake {
        store: store.clone(),
        clock: context.clock.clone(),
        accounts: Arc::new(HashMap::from([(account.name.clone(), receiver)])),
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
