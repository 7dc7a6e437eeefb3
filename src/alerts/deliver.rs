//! Delivers an alert's messages, one step at a time.
//!
//! Each try is on record before its request leaves, and its outcome after. If the process dies in
//! between, the message is tried again under the same id, and the receiver knows it by that. Must
//! not own a loop: the daemon does.

use std::time::{Duration, Instant};

use ring::rand::{SecureRandom as _, SystemRandom};
use tracing::{debug, error, info, warn};

use super::address_guard::{AlertReceiver, SendError};
use super::bodies;
use super::signature;
use crate::clock::Clock;
use crate::config::{AlertConfig, Config};
use crate::domain::alert::tries::{PACE, TryVerdict, judge};
use crate::domain::alert::{AlertType, Content, Detail, Fact, Told, Wanted, retry_after};
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::store::{
    self, AfterTry, AuditEntry, DueMessage, MessageContent, NextTry, Store, TryOutcome,
};

/// How soon it looks again if another daemon sends the alert's messages.
const LOOK_ELSEWHERE: Duration = Duration::from_secs(10);

/// The most turns of facts that one step takes.
const FACT_TURNS_MAX: usize = 5;

/// The least time between two log lines about an alert that fails.
const TOLD_EVERY: Duration = Duration::from_secs(5 * 60);

/// An alert with all that its messages need.
#[derive(Debug)]
pub struct AlertSender {
    pub wanted: Wanted,
    config: AlertConfig,
    receiver: AlertReceiver,
    zone: Zone,
    public_url: Option<String>,
}

impl AlertSender {
    pub fn new(config: &Config, alert: &AlertConfig) -> Result<Self, SendError> {
        Ok(Self {
            wanted: alert.wanted.clone(),
            config: alert.clone(),
            receiver: AlertReceiver::new(alert.url.expose(), alert.may_be_private)?,
            zone: config.report.time_zone.clone(),
            public_url: config.http.public_url.clone(),
        })
    }

    pub fn name(&self) -> &str {
        &self.wanted.name
    }

    /// Writes, signs and posts a message once. `id` is the message's own.
    pub async fn post(&self, id: &str, told: &Told, now: Millis) -> TryOutcome {
        self.ask(id, told, now).await.0
    }

    /// The same. Also returns the beginning of what the receiver said. It may repeat the message.
    pub async fn ask(&self, id: &str, told: &Told, now: Millis) -> (TryOutcome, String) {
        let failed = |why: String, wait| TryOutcome::Failed { why, wait };
        let body = match bodies::write(&self.config.format, told, &self.zone) {
            Ok(body) => body,
            Err(error) => {
                let why = format!("the message cannot be written: {error}");
                return (failed(why, None), String::new());
            }
        };
        let headers = signature::headers(&self.config.keys(), id, now, &body);
        match self.receiver.post(bodies::CONTENT_TYPE, headers, body).await {
            Err(error) => (failed(error.to_string(), None), String::new()),
            Ok(answer) => {
                let wait = answer.retry_after.as_deref();
                let wait = wait.and_then(|header| retry_after::wait(header, now));
                let outcome = match judge(&self.config.format, answer.status, &answer.body) {
                    TryVerdict::Sent => TryOutcome::Sent,
                    TryVerdict::Failed(why) => failed(why, wait),
                    TryVerdict::Gone(why) => TryOutcome::Gone(why),
                };
                (outcome, answer.body)
            }
        }
    }

    /// What a message says. The comment is read now, so one that was erased is not sent.
    async fn told(&self, store: &Store, message: &DueMessage) -> store::Result<Told> {
        let url = self.public_url.as_deref();
        Ok(match &message.content {
            MessageContent::Summary { count, since, made_at } => {
                Told::of_many(message.alert_type, *count, *since, *made_at, url)
            }
            MessageContent::Fact(fact) => {
                let mut comment = None;
                if let Some(id) = fact.survey_id.as_ref().filter(|_| self.wanted.has_comments) {
                    comment = store.survey(id).await?.and_then(|survey| survey.told.text);
                }
                Told::of_fact(message.alert_type, as_told(message.alert_type, fact), comment, url)
            }
        })
    }
}

/// Delivers the messages of one alert.
pub struct AlertDelivery {
    alert: AlertSender,
    store: Store,
    clock: Clock,
    /// The name under which this daemon has the alert's turn.
    holder: String,
    log: FailureLog,
}

impl AlertDelivery {
    /// `holder` is a name that no other daemon has, nor this one under another configuration.
    pub fn new(alert: AlertSender, store: Store, clock: Clock, holder: String) -> Self {
        Self { alert, store, clock, holder, log: FailureLog::default() }
    }

    pub fn alert(&self) -> &AlertSender {
        &self.alert
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes messages of new facts and tries at most one message. Returns when the next is due.
    pub async fn step(&mut self) -> store::Result<Option<Millis>> {
        let name = self.alert.name().to_owned();
        let mut glance = self.store.glance_at_alert(&name, self.clock.now()).await?;
        if glance.has_facts {
            self.fan_out().await?;
            glance = self.store.glance_at_alert(&name, self.clock.now()).await?;
        }
        let now = self.clock.now();
        match glance.due_at {
            Some(due_at) if due_at <= now => {}
            due_at => return Ok(due_at),
        }
        let next = self.store.begin_try(&name, &self.holder, now, random()).await?;
        match next {
            NextTry::Try(message) => self.deliver(&message).await.map(Some),
            NextTry::TooOld(messages) => {
                log_dropped(&name, messages);
                Ok(Some(now))
            }
            NextTry::At(at) => Ok(Some(at)),
            NextTry::Elsewhere => Ok(Some(now.plus(LOOK_ELSEWHERE))),
            NextTry::Nothing | NextTry::Disabled => Ok(None),
        }
    }

    async fn fan_out(&self) -> store::Result<()> {
        for _ in 0..FACT_TURNS_MAX {
            let done = self.store.fan_out(&self.alert.wanted, self.clock.now()).await?;
            for why in &done.unreadable {
                warn!(
                    event = "alert.unreadable",
                    alert = self.alert.name(),
                    "alert {} is not told of something: {why}",
                    self.alert.name()
                );
            }
            if !done.is_full() {
                break;
            }
        }
        Ok(())
    }

    async fn deliver(&mut self, message: &DueMessage) -> store::Result<Millis> {
        if message.summed > 0 {
            info!(
                event = "alert.summed",
                alert = message.alert,
                message_id = message.id,
                messages = message.summed,
                "alert {}: message {} stands for {} that waited",
                message.alert,
                message.id,
                message.summed
            );
        }
        let told = self.alert.told(&self.store, message).await?;
        if let Content::Fact { comment: Some(_), fact } = &told.content {
            self.record_export(fact).await?;
        }
        let outcome = self.alert.post(&message.id, &told, self.clock.now()).await;
        let now = self.clock.now();
        let after = self.store.finish_try(message, outcome.clone(), now).await?;
        match outcome {
            TryOutcome::Sent => {
                self.log = FailureLog::default();
                info!(
                    event = "alert.sent",
                    alert = message.alert,
                    message_id = message.id,
                    kind = message.alert_type.as_str(),
                    tries = message.tries,
                    "alert {} was told: {}",
                    message.alert,
                    message.alert_type.as_str()
                );
            }
            TryOutcome::Failed { why, .. } | TryOutcome::Gone(why) => {
                self.log.failed(message, &why, &after, Instant::now());
            }
        }
        Ok(now.plus(PACE))
    }

    /// Puts on record that a comment is taken along. What cannot be recorded is not sent.
    async fn record_export(&self, fact: &Fact) -> store::Result<()> {
        let survey = fact.survey_id.as_ref().map(ToString::to_string);
        let entry = AuditEntry {
            at: self.clock.now(),
            way: "alert".to_owned(),
            name: self.alert.name().to_owned(),
            roles: String::new(),
            what: "was told a comment".to_owned(),
            detail: survey.unwrap_or_default(),
            address: self.alert.receiver.origin(),
        };
        self.store.audit(entry).await
    }

    /// Lets another daemon send the alert's messages.
    pub async fn leave(&self) {
        // A turn that cannot be given up ends by itself.
        if let Err(error) = self.store.release_turn(self.alert.name(), &self.holder).await {
            debug!("the turn of alert {} is not given up: {error}", self.alert.name());
        }
    }
}

/// Logs that messages were too old to be sent.
pub fn log_dropped(alert: &str, messages: u64) {
    warn!(
        event = "alert.dropped",
        alert, messages, "alert {alert}: {messages} messages were not sent within seven days"
    );
}

/// A changed score is told as an answer where the message about the score before was never sent.
fn as_told(alert_type: AlertType, fact: &Fact) -> Fact {
    match (alert_type, &fact.detail) {
        (AlertType::FeedbackAnswered, Detail::Changed(change)) => {
            Fact { detail: Detail::Answered(change.answer.clone()), ..fact.clone() }
        }
        _ => fact.clone(),
    }
}

/// What the log has said of an alert that fails.
#[derive(Debug, Default)]
struct FailureLog {
    told_at: Option<Instant>,
    untold: u64,
}

impl FailureLog {
    fn failed(&mut self, message: &DueMessage, why: &str, after: &AfterTry, now: Instant) {
        let alert = message.alert.as_str();
        if let Some(why) = &after.disabled {
            error!(
                event = "alert.disabled",
                alert,
                reason = why.as_str(),
                "alert {alert} is disabled, and nothing more is sent to it: {why}. What waits is kept \
                 for seven days: `surveyd alerts retry {alert}` sends it"
            );
            return;
        }
        if self.told_at.is_some_and(|at| now.duration_since(at) < TOLD_EVERY) {
            self.untold += 1;
            return;
        }
        warn!(
            event = "alert.failed",
            alert,
            message_id = message.id,
            kind = message.alert_type.as_str(),
            tries = message.tries,
            reason = why,
            more = self.untold,
            "alert {alert} could not be told: {why}"
        );
        (self.told_at, self.untold) = (Some(now), 0);
    }
}

/// A number between 0 and 1, so that alerts that failed together part.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
