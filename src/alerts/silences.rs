//! Looks for accounts that are silent, and records each silence once.
//!
//! [`crate::domain::silence`] decides what a silence is. This counts what it needs, and only where
//! nothing has been seen for as long as an alert waits. Accounts that are paused or held are left
//! out: alerts, the page and `surveyd status` tell of those otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::alert::{AlertType, Fact, Silence, SilenceKind};
use crate::domain::days::Zone;
use crate::domain::silence::{LONGEST, Look, PartCounts, SilenceCounts, WEEKS, known_late};
use crate::domain::time::{Millis, Period};
use crate::store::{Result, Store};

/// How long an account has to begin again after a hold.
const HOLD_OVER: Duration = Duration::from_secs(15 * 60);

/// The silences of all accounts that an alert is told of.
pub struct Silences {
    store: Store,
    clock: Clock,
    zone: Zone,
    by_events_alone: bool,
    /// How long the alerts wait, by account. No set is empty.
    watched: BTreeMap<String, BTreeSet<Duration>>,
    /// When an account was last seen held.
    held_at: BTreeMap<String, Millis>,
    /// The beginning of the last silence on record, so that it is not written at every look.
    recorded: BTreeMap<(String, SilenceKind, Duration), Millis>,
}

impl Silences {
    pub fn new(config: &Config, store: &Store, clock: &Clock) -> Self {
        let mut watched = BTreeMap::new();
        for account in &config.accounts {
            let alerts = config.alerts.iter().map(|alert| &alert.wanted);
            let told = alerts.filter(|wanted| {
                wanted.types.contains(&AlertType::Silence)
                    && wanted.includes_account(Some(&account.name))
            });
            let lengths: BTreeSet<Duration> = told.map(|wanted| wanted.silence_after).collect();
            if !lengths.is_empty() {
                watched.insert(account.name.clone(), lengths);
            }
        }
        Self {
            store: store.clone(),
            clock: clock.clone(),
            zone: config.report.time_zone.clone(),
            by_events_alone: config.poll.fresh_for.is_zero() && config.x.webhook.is_none(),
            watched,
            held_at: BTreeMap::new(),
            recorded: BTreeMap::new(),
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// True if any alert is told of silences.
    pub fn are_told(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Looks at all accounts once. Returns the silences that were not on record.
    pub async fn look(&mut self) -> Result<Vec<Fact>> {
        let now = self.clock.now();
        let mut found = Vec::new();
        for (account, lengths) in self.watched.clone() {
            let pause = self.store.last_pause(&account).await?;
            if self.store.hold(&account).await?.is_some() {
                self.held_at.insert(account, now);
                continue;
            }
            let was_held = self.held_at.get(&account);
            let begins = was_held.is_some_and(|at| at.is_recent(now, HOLD_OVER));
            let is_paused = pause.as_ref().is_some_and(|pause| pause.resumed_at.is_none());
            if begins || is_paused {
                continue;
            }
            let resumed_at = pause.and_then(|pause| pause.resumed_at);
            for kind in SilenceKind::ALL {
                found.extend(self.look_at(&account, kind, &lengths, resumed_at, now).await?);
            }
        }
        Ok(found)
    }

    async fn look_at(
        &mut self,
        account: &str,
        kind: SilenceKind,
        lengths: &BTreeSet<Duration>,
        resumed_at: Option<Millis>,
        now: Millis,
    ) -> Result<Vec<Fact>> {
        let Some(shortest) = lengths.first() else { return Ok(Vec::new()) };
        if self.last_seen(account, kind, now.minus(*shortest), now).await?.is_some() {
            return Ok(Vec::new());
        }
        let seen = self.last_seen(account, kind, now.minus(LONGEST), now).await?;
        // A pause expects nothing, so what is missed is missed from its end on.
        let Some(since) = seen.max(resumed_at.filter(|at| *at <= now)) else {
            return Ok(Vec::new());
        };
        let Some(expected) = self.missed(account, kind, since, now).await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for after in lengths.iter().filter(|after| now.since(since) >= **after) {
            let place = (account.to_owned(), kind, *after);
            if self.recorded.get(&place) == Some(&since) {
                continue;
            }
            let fact = Fact::silent(account, now, Silence { kind, since, after: *after, expected });
            if self.store.record_fact(fact.clone()).await? {
                found.push(fact);
            }
            self.recorded.insert(place, since);
        }
        Ok(found)
    }

    async fn last_seen(
        &self,
        account: &str,
        kind: SilenceKind,
        from: Millis,
        to: Millis,
    ) -> Result<Option<Millis>> {
        let period = Period { from, to };
        match kind {
            SilenceKind::Closes => self.store.last_prompt_of(account, period).await,
            SilenceKind::Answers => {
                Ok(self.store.answers_of(account, period).await?.into_iter().max())
            }
        }
    }

    /// Returns how many are missed since something was last seen.
    async fn missed(
        &self,
        account: &str,
        kind: SilenceKind,
        since: Millis,
        now: Millis,
    ) -> Result<Option<u64>> {
        let to = now.minus(known_late(kind, self.by_events_alone));
        // A week more than is compared, as the silence itself may be a week long.
        let history = Period { from: now.minus((WEEKS + 2) * LONGEST), to: now };
        let Some(first_at) = self.store.first_close_of(account, history).await? else {
            return Ok(None);
        };
        let Some(look) = Look::new(since, to, first_at, &self.zone) else { return Ok(None) };
        let mut answers = Vec::new();
        let oldest = look.parts.first().and_then(|part| part.weeks.last());
        if let (SilenceKind::Answers, Some(oldest)) = (kind, oldest) {
            let period = Period { from: oldest.from, to };
            answers = self.store.answers_of(account, period).await?;
        }
        let mut parts = Vec::new();
        for part in &look.parts {
            let silence = self.counts(account, kind, part.silence, &answers).await?;
            let mut weeks = SilenceCounts::default();
            for week in &part.weeks {
                weeks = weeks.plus(self.counts(account, kind, *week, &answers).await?);
            }
            parts.push(PartCounts { silence, weeks });
        }
        Ok(look.judge(&parts))
    }

    async fn counts(
        &self,
        account: &str,
        kind: SilenceKind,
        period: Period,
        answers: &[Millis],
    ) -> Result<SilenceCounts> {
        let prompts = self.store.prompts_of(account, period).await?;
        Ok(match kind {
            SilenceKind::Closes => {
                let causes = self.store.closes_to_prompt(account, period).await?;
                SilenceCounts { causes, effects: prompts }
            }
            SilenceKind::Answers => {
                let effects = answers.iter().filter(|at| period.contains(**at)).count() as u64;
                SilenceCounts { causes: prompts, effects }
            }
        })
    }
}
