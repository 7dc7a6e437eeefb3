//! Lives the past of the made-up business through the store, as a daemon would have lived it.
//!
//! Owns the order of things and their instants. The configuration decides who is asked, by the same
//! rules as ever. Nothing is asked of X, not even of a simulated one: what X would have answered is
//! made up here.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use indicatif::ProgressBar;

use super::business::{Business, ClosingConversation, DAYS, Hindrance};
use crate::config::{Account, Config};
use crate::domain::blocks::BlockRule;
use crate::domain::close::{Close, Precision};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::event_windows::ReadingPurpose;
use crate::domain::feedback::{Given, Object, Update};
use crate::domain::id::{ConversationId, FeedbackId, SurveyId, UserId};
use crate::domain::policy::at_close;
use crate::domain::prompt_text;
use crate::domain::survey::{Delivery, Event, Reason, Survey};
use crate::domain::survey_type::Card;
use crate::domain::time::{Millis, Period};
use crate::store::{
    BeginOutcome, EventsPageRead, Leased, Location, OptOut, PollState, PollWindow, Prompt,
    SendOutcome, SendTimes, Sending, Store,
};
use crate::worker::sent_as;

/// How long a prompt is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(400);
/// The least time between two sends.
const APART: Duration = Duration::from_millis(700);
/// How long after an answer the poller reads it.
const READ_AFTER: Duration = Duration::from_secs(2 * 60);
/// How late a notice comes in that is too late. Longer than any survey waits.
const LATE_BY: Duration = Duration::from_secs(13 * 60 * 60);
const LEASE: Duration = Duration::from_secs(90);
/// More than a day's closes.
const CLAIM_MOST: usize = 1_000;
/// The longest that results may take to be counted.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);

/// X's ids of feedback. A simulated X counts from elsewhere.
const FIRST_FEEDBACK: u64 = 1_700_000_000_000_000_000;

/// Fills an empty database with the business's past, up to the day before today. Moves the bar on
/// by one a day.
pub async fn live(
    business: &mut Business,
    config: &Config,
    folder: &Path,
    now: Millis,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    // Its file is thrown away with the folder.
    let location = Location::parse(&config.store.url, folder)?.thrown_away();
    let store = Store::open(&location).await?;
    let account = config.accounts.first().context("the demonstration has an account")?;
    let zone = &config.report.time_zone;
    let today = zone.day_of(now);
    let (first, end) = (start(zone, today.plus(-DAYS)), start(zone, today));
    store.compare(vec![account.name.clone()], first).await?;
    let mut past = Past {
        store: &store,
        config,
        account,
        business,
        answers: BTreeMap::new(),
        prompts: 0,
        last: None,
        now: first,
    };
    past.opt_out(first).await?;
    for day in (0..DAYS).map(|day| today.plus(day - DAYS)) {
        past.day(day, start(zone, day), start(zone, day.plus(1)), today.since(day)).await?;
        bar.inc(1);
    }
    if let Some(sending) = past.last.take() {
        store.mark(&sending).await?;
    }
    read_to(&store, &account.name, Period { from: first, to: end }).await?;
    store.catch_up_results(zone, now, COUNTED_WITHIN).await?;
    store.close().await;
    Ok(())
}

fn start(zone: &Zone, day: Day) -> Millis {
    zone.period(Days { from: day, to: day }).from
}

/// Notes that X's events were read, so that the poller does not begin with the first close.
async fn read_to(store: &Store, account: &str, period: Period) -> anyhow::Result<()> {
    let (first, state) = (ReadingPurpose::First, PollState::default());
    store.open_window(account, first, &state, period, None).await?;
    let window = PollWindow { period, cursor: None };
    store.fold_page(account, first, window, EventsPageRead::default(), period.to).await?;
    Ok(())
}

/// The past so far.
struct Past<'a> {
    store: &'a Store,
    config: &'a Config,
    account: &'a Account,
    business: &'a mut Business,
    /// The answers to come, by their instants and the numbers of their prompts.
    answers: BTreeMap<(Millis, u64), Update>,
    prompts: u64,
    last: Option<Sending>,
    /// The instant of the last send. None is earlier than those before it.
    now: Millis,
}

impl Past<'_> {
    async fn opt_out(&self, at: Millis) -> anyhow::Result<()> {
        let people = Business::opted_out().map(|person| {
            let why = Some("answered STOP".to_owned());
            Ok(OptOut { user_id: person_id(person)?, account: None, at, why })
        });
        let people = people.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(self.store.opt_out(people).await?)
    }

    /// Lives one day, which is `ago` days before today.
    async fn day(&mut self, day: Day, from: Millis, to: Millis, ago: i32) -> anyhow::Result<()> {
        let weekday = usize::try_from(day.since(day.monday()))?;
        let conversations = self.business.day(weekday);
        let closes = conversations.iter().map(|conversation| self.close(conversation, from));
        let taken = try_join_all(closes).await?;
        let mut of: HashMap<SurveyId, ClosingConversation> =
            taken.into_iter().zip(conversations).collect();
        // Each survey keeps the instant of its own send.
        let last = Millis(to.0 - 1);
        let account = &self.account.name;
        let due = self.store.lease_due(account, CLAIM_MOST, last.plus(LEASE), last).await?;
        for leased in due {
            let of = of.remove(&leased.survey.id).context("each survey has its conversation")?;
            let at = leased.survey.due_at.plus(APART).max(self.now.plus(APART));
            match of.hindrance {
                Hindrance::CannotDm => {
                    let event = Event::Suppressed(Reason::CannotDm);
                    self.store.end(leased, event, None, at).await?;
                }
                Hindrance::Nothing | Hindrance::Late => self.send(leased, &of, at, ago).await?,
            }
            self.now = at;
        }
        let later = self.answers.split_off(&(to, 0));
        for ((at, _), update) in std::mem::replace(&mut self.answers, later) {
            self.store.fold(account, vec![update], at.plus(READ_AFTER).min(last)).await?;
        }
        self.close_blocks(to).await
    }

    /// Counts what has changed, and closes agents' blocks if a week is over.
    async fn close_blocks(&self, now: Millis) -> anyhow::Result<()> {
        let report = &self.config.report;
        let rule = BlockRule {
            zone: report.time_zone.clone(),
            agent_min: report.agent_min,
            agent_delay: report.agent_delay,
        };
        // An answer counts in the week in which its result is made.
        let counted_at = Millis(now.0 - 1);
        while self.store.refresh_results(&rule.zone, counted_at).await?.left > 0 {}
        while !self.store.close_blocks(&rule, now).await?.is_done {}
        Ok(())
    }

    /// Takes a close in, and returns the survey that it makes.
    async fn close(&self, of: &ClosingConversation, from: Millis) -> anyhow::Result<SurveyId> {
        let closed_at = from.plus(of.at);
        let close = Close {
            account: self.account.name.clone(),
            source: of.source.to_owned(),
            conversation_id: ConversationId::parse(&of.id).map_err(anyhow::Error::msg)?,
            user_id: Some(person_id(of.person)?),
            closed_at,
            precision: Precision::Exact,
            notice: of.notice.clone(),
        };
        let now = match of.hindrance {
            Hindrance::Late => closed_at.plus(LATE_BY),
            Hindrance::Nothing | Hindrance::CannotDm => closed_at.plus(APART),
        };
        let chosen = self.account.chosen(of.source, close.user_id.as_ref(), &close.notice);
        let at_close = at_close(&close, &chosen.rules(), now, true);
        let card = Card {
            kind: chosen.kind(),
            question_variant_id: chosen.question_variant_id(),
            test: chosen.test(),
        };
        Ok(self.store.take_close(close, (at_close, None), card, None, now).await?.survey_id)
    }

    /// Sends a prompt if the policy lets it, and puts by what the person answers.
    async fn send(
        &mut self,
        leased: Leased,
        of: &ClosingConversation,
        at: Millis,
        ago: i32,
    ) -> anyhow::Result<()> {
        let chosen =
            self.account.chosen(of.source, leased.survey.user_id.as_ref(), &leased.survey.notice);
        let prompt = self.prompt(&leased.survey)?;
        let times = SendTimes {
            now: at,
            x_now: at,
            x_latest: at,
            is_clock_confirmed: true,
            is_clock_settled: true,
            lease: LEASE,
        };
        let sending = match self.store.begin_send(leased, prompt, chosen.rules(), times).await? {
            BeginOutcome::Sending(sending) => *sending,
            BeginOutcome::Ended(_) => return Ok(()),
            BeginOutcome::Waits { .. } | BeginOutcome::PutOff { .. } => {
                bail!("nothing holds back a prompt of the past")
            }
        };
        self.prompts += 1;
        let sent_at = at.plus(ON_ITS_WAY);
        let update = self.made(sending.survey(), sent_at);
        let delivery = Delivery {
            sent_at,
            feedback_id: update.id.clone(),
            dm_id: update.object.dm_id.clone(),
        };
        let answer = self.answer(of, sending.survey(), &update, ago);
        // X is not asked about these prompts any more.
        let outcome = SendOutcome::Accepted { delivery, update: Box::new(update), show_at: None };
        self.store.finish(&sending, outcome, sent_at).await?;
        if let Some((answered_at, update)) = answer {
            self.answers.insert((answered_at, self.prompts), update);
        }
        self.last = Some(sending);
        Ok(())
    }

    fn prompt(&self, survey: &Survey) -> anyhow::Result<Prompt> {
        let chosen = self.account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
        let ids =
            [&survey.account, &survey.source, survey.conversation_id.as_str(), survey.person()];
        let variables = prompt_text::variables(ids, &survey.notice);
        let language = survey.notice.language.as_deref();
        Ok(Prompt {
            kind: chosen.kind(),
            question_variant_id: chosen.question_variant_id(),
            test: chosen.test(),
            message: chosen.templates().render(language, &variables)?,
            privacy_url: self.account.privacy_url.clone(),
            display_name: self.account.display_name.clone(),
            sent_as: sent_as(self.config, self.account),
        })
    }

    /// What X says of a prompt that it has just delivered.
    fn made(&self, survey: &Survey, at: Millis) -> Update {
        let id = FIRST_FEEDBACK + self.prompts;
        Update {
            id: FeedbackId::new(id.to_string()),
            object: Object {
                updated_at: at,
                created_at: Some(at),
                to_user_id: Some(survey.person().to_owned()),
                external_id: Some(survey.external_id.clone()),
                kind: Some(survey.kind.as_str().to_owned()),
                question_variant_id: Some(i64::from(survey.question_variant_id)),
                dm_id: Some((id + FIRST_FEEDBACK / 17).to_string()),
                raw: format!("{{\"id\":\"{id}\"}}"),
                ..Object::default()
            },
            score: None,
            text: None,
        }
    }

    /// What the person answers to a prompt, and when it is known whole.
    fn answer(
        &mut self,
        of: &ClosingConversation,
        survey: &Survey,
        made: &Update,
        ago: i32,
    ) -> Option<(Millis, Update)> {
        let reply = self.business.reply(of, survey.kind, ago)?;
        let scored_at = made.object.updated_at.plus(reply.after);
        let at = reply.comment.map_or(scored_at, |(after, _)| scored_at.plus(after));
        let text = reply.comment.map(|(_, text)| Given {
            given_at: at,
            told_at: at,
            value: text.to_owned(),
        });
        let score = Given { given_at: scored_at, told_at: at, value: i64::from(reply.score) };
        let object = Object { updated_at: at, ..made.object.clone() };
        Some((at, Update { id: made.id.clone(), object, score: Some(score), text }))
    }
}

fn person_id(person: u64) -> anyhow::Result<UserId> {
    UserId::parse(&person.to_string()).map_err(anyhow::Error::msg)
}
