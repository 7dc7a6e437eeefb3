//! Every public method of the store, by the same scenarios on both engines.

mod access;
mod agreement;
mod alerts;
mod alerts_life;
mod alerts_tries;
mod alerts_untold;
mod answers;
mod backups;
mod blocks;
mod blocks_life;
mod budgets;
mod closes;
mod completeness;
mod concurrency;
mod deciding;
mod deliveries;
mod dry;
mod ending;
mod figures;
mod hints;
mod person;
mod policy;
mod lists;
mod polling;
mod reading;
mod reads;
mod progress;
mod rebuild;
mod rebuilt;
mod recorded;
mod rejected;
mod reopenings;
mod results;
mod results_life;
mod retention;
mod retrying;
mod schedules;
mod sends;
mod set_back;
mod settling;
mod shown;
mod silence;
mod mark_comparison;
mod talks;
mod waiting;

use std::collections::BTreeSet;
use std::time::Duration;

use surveyd::domain::close::{Close, Notice, Reopening};
use surveyd::domain::feedback::{Given, Object, Update};
use surveyd::domain::id::{ConversationId, FeedbackId, SurveyId, UserId};
use surveyd::domain::policy::decision::Ground;
use surveyd::domain::policy::{AtClose, Mode, Pacing, Rules};
use surveyd::domain::survey::{Delivery, Failure, Reason, Survey};
use surveyd::domain::survey_type::{Card, SurveyType};
use surveyd::domain::time::{Millis, Period, Ready};
use surveyd::store::{
    BeginOutcome, HistoryStep, Leased, Making, Prompt, SendOutcome, SendTimes, Sending, Store,
    Taken,
};

use crate::harness::database::{self, Database};
use crate::harness::processor;

const START: Millis = Millis(1_790_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DELAY: Duration = Duration::from_secs(5 * 60);
/// How long leases and sends are held.
const LEASE: Duration = Duration::from_secs(90);
const ACCOUNT: &str = "acme";
const SENT_AS: &str = "1212121212121 at https://api.x.com";
const CARD: Card = Card { kind: SurveyType::Csat, question_variant_id: 12, test: false };

/// A store on a database of its own, in domain verbs.
struct Bench {
    store: Store,
    database: Database,
}

async fn on_each_engine(scenario: impl AsyncFn(Bench)) {
    database::on_each_engine(async |database| {
        let store = database.open().await;
        scenario(Bench { store, database }).await;
    })
    .await;
}

fn close(conversation: &str, person: &str, closed_at: Millis) -> Close {
    Close {
        account: ACCOUNT.into(),
        source: "desk".into(),
        conversation_id: ConversationId::parse(conversation).unwrap(),
        user_id: UserId::parse(person).ok(),
        closed_at,
        precision: Default::default(),
        notice: Notice::default(),
    }
}

fn reopening(conversation: &str, reopened_at: Millis) -> Reopening {
    Reopening {
        account: ACCOUNT.into(),
        source: "desk".into(),
        conversation_id: ConversationId::parse(conversation).unwrap(),
        user_id: None,
        reopened_at,
    }
}

fn rules() -> Rules {
    Rules {
        delay: DELAY,
        expire_after: 12 * HOUR,
        throttle: 7 * 24 * HOUR,
        throttle_group: ACCOUNT.into(),
        sample: 1.0,
        holdout: 0.0,
        daily_limit: 1000,
        daily_limit_per_user: 1,
        pacing: Pacing::Asap,
        mode: Mode::Live,
        quiet_hours: None,
        skip_closed_by: Vec::new(),
        min_agent_messages: 0,
        stale_after: None,
        rule: None,
        skip: false,
        variant: None,
    }
}

/// A decision at the close, about a survey of its own.
fn at_close(due_at: Millis, ground: Ground) -> AtClose {
    AtClose { due_at, decision: rules().decided(ground, START) }
}

fn scheduled(due_at: Millis) -> AtClose {
    at_close(due_at, Ground::Due { due_at, delay_ms: 300_000 })
}

fn expired(due_at: Millis) -> AtClose {
    at_close(due_at, Ground::Late { closed_at: START, expire_after_ms: 1 })
}

/// With what surveys are made of X's own record.
fn making() -> Making {
    Making { throttle_group: ACCOUNT.into(), fresh_for: 7 * 24 * HOUR, expire_after: 12 * HOUR }
}

/// X's clock and ours agree.
fn times(now: Millis) -> SendTimes {
    SendTimes {
        now,
        x_now: now,
        x_latest: now,
        is_clock_confirmed: false,
        is_clock_settled: true,
        lease: LEASE,
    }
}

fn prompt() -> Prompt {
    Prompt {
        kind: SurveyType::Nps,
        question_variant_id: 3,
        test: true,
        message: "How did we do?".into(),
        privacy_url: "https://acme.example/privacy".into(),
        display_name: Some("Acme".into()),
        sent_as: SENT_AS.into(),
    }
}

/// What X says of a feedback that nobody has answered.
fn told(feedback: &str, updated_at: Millis) -> Update {
    Update {
        id: FeedbackId::new(feedback),
        object: Object {
            updated_at,
            created_at: Some(START),
            kind: Some("nps".into()),
            question_variant_id: Some(3),
            dm_id: Some(format!("dm-{feedback}")),
            raw: format!("{{\"id\":\"{feedback}\"}}"),
            ..Object::default()
        },
        score: None,
        text: None,
    }
}

fn of_prompt(mut update: Update, person: &str, external_id: &str) -> Update {
    update.object.to_user_id = Some(person.into());
    update.object.external_id = Some(external_id.into());
    update
}

fn scored(mut update: Update, score: i64, given_at: Millis) -> Update {
    let told_at = update.object.updated_at;
    update.score = Some(Given { given_at, told_at, value: score });
    update
}

fn commented(mut update: Update, text: &str, given_at: Millis) -> Update {
    let told_at = update.object.updated_at;
    update.text = Some(Given { given_at, told_at, value: text.into() });
    update
}

fn accepted(feedback: &str, sent_at: Millis, show_at: Option<Millis>) -> SendOutcome {
    let update = told(feedback, sent_at);
    let delivery =
        Delivery { sent_at, feedback_id: update.id.clone(), dm_id: update.object.dm_id.clone() };
    SendOutcome::Accepted { delivery, update: Box::new(update), show_at }
}

/// X's refusal of a person, by its code.
fn refused(reason: Reason, code: i64) -> SendOutcome {
    SendOutcome::Suppressed(reason, Failure { code: Some(code), message: "no".into() })
}

impl Bench {
    /// Takes a close in at the moment of the close, due after the delay.
    async fn take(&self, close: Close) -> Taken {
        let at_close = scheduled(close.closed_at.plus(DELAY));
        let now = close.closed_at;
        self.store.take_close(close, (at_close, None), CARD, None, now).await.unwrap()
    }

    async fn take_many(&self, conversations: u32, closed_at: Millis) -> BTreeSet<SurveyId> {
        let closes = (0..conversations).map(|n| {
            let number = 1_000 + n;
            self.take(close(&format!("c-{number}"), &number.to_string(), closed_at))
        });
        let taken = futures_util::future::join_all(closes).await;
        taken.into_iter().map(|taken| taken.survey_id).collect()
    }

    async fn reopen(&self, conversation: &str, reopened_at: Millis) -> Option<SurveyId> {
        self.store
            .take_reopening(reopening(conversation, reopened_at), None, reopened_at)
            .await
            .unwrap()
            .0
    }

    async fn lease_due(&self, limit: usize, now: Millis) -> Vec<Leased> {
        self.store.lease_due(ACCOUNT, limit, now.plus(LEASE), now).await.unwrap()
    }

    async fn lease_one(&self, now: Millis) -> Leased {
        let mut leased = self.lease_due(1, now).await;
        leased.pop().expect("a survey is due")
    }

    async fn decide(&self, leased: Leased, rules: Rules, group: &str, now: Millis) -> BeginOutcome {
        let rules = Rules { throttle_group: group.to_owned(), ..rules };
        self.store.begin_send(leased, prompt(), rules, times(now)).await.unwrap()
    }

    async fn begin(&self, leased: Leased, now: Millis) -> Sending {
        match self.decide(leased, rules(), ACCOUNT, now).await {
            BeginOutcome::Sending(sending) => *sending,
            other => panic!("not sending: {other:?}"),
        }
    }

    /// A survey of a close of its own, under way at X.
    async fn sending(&self, conversation: &str, person: &str, closed_at: Millis) -> Sending {
        self.take(close(conversation, person, closed_at)).await;
        let now = closed_at.plus(DELAY);
        let leased = self.lease_one(now).await;
        assert_eq!(leased.survey.conversation_id.as_str(), conversation);
        self.begin(leased, now).await
    }

    /// A survey of a close of its own, accepted by X.
    async fn sent(&self, conversation: &str, person: &str, feedback: &str) -> Survey {
        let sending = self.sending(conversation, person, START).await;
        let now = START.plus(DELAY);
        self.store.finish(&sending, accepted(feedback, now, None), now).await.unwrap()
    }

    /// A survey of a close of its own, whose sending has no known outcome.
    async fn uncertain(&self, conversation: &str, person: &str) -> Survey {
        let sending = self.sending(conversation, person, START).await;
        let now = START.plus(DELAY);
        let outcome = SendOutcome::Unknown {
            given_up_at: now,
            why: String::new(),
            spent_at: now.plus(MINUTE),
        };
        self.store.finish(&sending, outcome, now).await.unwrap()
    }

    async fn survey(&self, id: &SurveyId) -> Survey {
        self.store.survey(id).await.unwrap().expect("it is on record").survey
    }

    /// How many surveys are in a state, by the figures of the whole.
    pub async fn counted(&self, state: &str) -> i64 {
        let status = self.store.status(START).await.unwrap();
        status.by_state.iter().find(|(known, _)| *known == state).expect("a state").1
    }

    async fn state(&self, id: &SurveyId) -> &'static str {
        self.survey(id).await.state.name()
    }

    async fn steps(&self, id: &SurveyId) -> Vec<(String, Option<String>)> {
        let steps = self.store.history(id).await.unwrap();
        steps.into_iter().map(|HistoryStep { state, detail, .. }| (state, detail)).collect()
    }
}

fn step(state: &str, detail: Option<&str>) -> (String, Option<String>) {
    (state.to_owned(), detail.map(str::to_owned))
}
