//! What is decided on what the database holds: who has opted out, who was asked, how many there
//! are; and that every decision is kept with its numbers.

use proptest::prelude::*;
use surveyd::domain::policy::decision::{Decision, OptedOut, Verdict};
use surveyd::domain::policy::quiet_hours::{QuietHours, zone};
use surveyd::domain::survey::State;
use surveyd::store::{Looked, OptOut};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn out(person: &str, account: Option<&str>, why: Option<&str>) -> OptOut {
    OptOut {
        user_id: UserId::parse(person).unwrap(),
        account: account.map(str::to_owned),
        at: START,
        why: why.map(str::to_owned),
    }
}

fn state(begun: BeginOutcome) -> String {
    match begun {
        BeginOutcome::Ended(survey) => survey.state.reason().unwrap_or_default(),
        BeginOutcome::Sending(_) => "sending".to_owned(),
        BeginOutcome::Waits { .. } | BeginOutcome::PutOff { .. } => "waits".to_owned(),
    }
}

impl Bench {
    async fn decisions(&self, id: &SurveyId) -> Vec<Decision> {
        let row = self.store.survey(id).await.unwrap().unwrap();
        let steps = self.store.history(id).await.unwrap();
        row.at_close.into_iter().chain(steps.into_iter().filter_map(|step| step.decision)).collect()
    }

    async fn look(&self, leased: Leased, rules: Rules, now: Millis) -> Looked {
        self.store.look(leased, rules, times(now)).await.unwrap()
    }
}

#[tokio::test]
async fn whoever_opts_out_is_not_prompted_also_where_the_survey_is_claimed() {
    on_each_engine(async |bench| {
        for person in ["7", "8", "9"] {
            bench.take(close(person, person, START)).await;
        }
        let leases = bench.lease_due(3, DUE).await;
        let people = vec![
            out("7", None, Some("asked to")),
            out("8", Some(ACCOUNT), None),
            out("9", Some("other"), None),
        ];
        bench.store.opt_out(people.clone()).await.unwrap();
        let mut states = Vec::new();
        for leased in leases {
            states.push(state(bench.decide(leased, rules(), ACCOUNT, DUE).await));
        }
        assert_eq!(states, ["opted_out", "opted_out", "sending"]);
        let listed = bench.store.opted_out(None).await.unwrap();
        assert_eq!(listed, people);
        assert!(bench.store.opted_out(listed.last()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_opt_out_stays_since_it_was_first_said_and_ends_when_it_is_removed() {
    on_each_engine(async |bench| {
        let person = UserId::parse("7").unwrap();
        bench.store.opt_out(vec![out("7", None, Some("STOP"))]).await.unwrap();
        let later = OptOut { at: DUE, ..out("7", None, None) };
        bench.store.opt_out(vec![later, out("7", Some(ACCOUNT), None)]).await.unwrap();
        let listed = bench.store.opted_out(None).await.unwrap();
        assert_eq!(listed, [out("7", None, Some("STOP")), out("7", Some(ACCOUNT), None)]);
        let of_account = bench.store.opt_in(person.clone(), Some(ACCOUNT.into())).await.unwrap();
        assert_eq!(of_account, 1);
        assert_eq!(bench.store.opt_in(person.clone(), None).await.unwrap(), 1);
        assert_eq!(bench.store.opt_in(person, None).await.unwrap(), 0);
        bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        bench.begin(leased, DUE).await;
    })
    .await;
}

#[tokio::test]
async fn every_decision_is_kept_with_its_reason_and_its_numbers() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        let taken = bench.take(close("c-2", "7", START.plus(3 * DAY))).await;
        let now = DUE.plus(3 * DAY);
        let leased = bench.lease_one(now).await;
        let named = Rules { rule: Some("vip".into()), variant: Some("a".into()), ..rules() };
        assert_eq!(state(bench.decide(leased, named, ACCOUNT, now).await), "throttled");
        let decisions = bench.decisions(&taken.survey_id).await;
        let verdicts: Vec<Verdict> = decisions.iter().map(Decision::verdict).collect();
        let due_at = START.plus(3 * DAY).plus(DELAY);
        assert_eq!(verdicts, [Verdict::Schedule { due_at }, Verdict::Suppress(Reason::Throttled)]);
        let last = &decisions[1];
        assert_eq!((last.rule.as_deref(), last.variant.as_deref()), (Some("vip"), Some("a")));
        assert_eq!(
            surveyd::domain::policy::words(last),
            "throttled: prompted 3 days ago, throttle 7 d (group acme)"
        );
        let row = bench.store.survey(&taken.survey_id).await.unwrap().unwrap();
        assert_eq!(row.at_sending.as_ref(), Some(last));
        assert_eq!(row.variant(), Some("a"));
    })
    .await;
}

#[tokio::test]
async fn a_quiet_hour_is_waited_for_and_said_once() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        // START is 14:13:20 in UTC.
        let time = |hour| jiff_time(hour);
        let quiet_hours =
            Some(QuietHours { from: time(14), to: time(15), zone: zone("UTC").unwrap() });
        let quiet = Rules { quiet_hours, ..rules() };
        let until = Millis::from_rfc3339("2026-09-21T15:00:00Z").unwrap();
        for _ in 0..2 {
            let leased = bench.lease_one(until.minus(MINUTE)).await;
            let begun = bench.decide(leased, quiet.clone(), ACCOUNT, until.minus(MINUTE)).await;
            assert!(
                matches!(begun, BeginOutcome::PutOff { until: told } if told == until),
                "{begun:?}"
            );
            assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(until));
            bench.moved_to(&taken.survey_id, until.minus(MINUTE)).await;
        }
        assert_eq!(bench.steps(&taken.survey_id).await, [step("scheduled", Some("waits"))]);
        let leased = bench.lease_one(until).await;
        assert_eq!(leased.survey.attempts, 0, "waiting is no try");
        let begun = bench.decide(leased, quiet, ACCOUNT, until).await;
        assert_eq!(state(begun), "sending");
        assert_eq!(bench.decisions(&taken.survey_id).await.len(), 3);
    })
    .await;
}

fn jiff_time(hour: i8) -> jiff::civil::Time {
    jiff::civil::time(hour, 0, 0, 0)
}

impl Bench {
    /// Has a waiting survey looked at sooner: as after a clock that was set, or a look by hand.
    async fn moved_to(&self, id: &SurveyId, at: Millis) {
        let waiting = self.store.lease_due(ACCOUNT, 1, at, Millis(i64::MAX)).await.unwrap();
        for leased in waiting {
            assert_eq!(leased.survey.id, *id);
            self.store.release(leased, at).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_look_ahead_ends_what_cannot_be_sent_and_lets_the_rest_go_on() {
    on_each_engine(async |bench| {
        for conversation in ["c-1", "c-2"] {
            bench.take(close(conversation, "7", START)).await;
        }
        let mut leases = bench.lease_due(2, DUE).await;
        let skip = Rules { skip: true, ..rules() };
        let ended = bench.look(leases.remove(0), skip, DUE).await;
        let Looked::Ended(survey) = ended else { panic!("{ended:?}") };
        assert_eq!(survey.state, State::Suppressed(Reason::Rule));
        let goes_on = bench.look(leases.remove(0), rules(), DUE).await;
        let Looked::GoesOn(leased) = goes_on else { panic!("{goes_on:?}") };
        bench.begin(*leased, DUE).await;
    })
    .await;
}

#[tokio::test]
async fn an_even_pace_draws_each_survey_once_on_the_demand_of_a_day() {
    on_each_engine(async |bench| {
        let even = Rules { pacing: Pacing::Even, daily_limit: 2, ..rules() };
        bench.take_many(40, START).await;
        let drawn = bench.store.lease_undrawn(ACCOUNT, 100, DUE.plus(LEASE), DUE).await.unwrap();
        assert_eq!(drawn.len(), 40);
        let (mut going_on, mut left_out) = (Vec::new(), 0);
        for (before, leased) in drawn.into_iter().enumerate() {
            let id = leased.survey.id.clone();
            match bench.look(leased, even.clone(), DUE).await {
                Looked::GoesOn(leased) => going_on.push(*leased),
                Looked::Ended(survey) => {
                    assert_eq!(survey.state, State::Suppressed(Reason::Budget));
                    let Ground::Budget(pace) = bench.decisions(&id).await.pop().unwrap().ground
                    else {
                        panic!("no pace is kept")
                    };
                    assert_eq!(pace.demand as usize, before + 1);
                    assert!(pace.draw >= pace.p, "{pace:?}");
                    left_out += 1;
                }
                Looked::PutOff { .. } => panic!("nothing was sent yet"),
            }
        }
        assert!(going_on.len() >= 2 && left_out >= 20, "{left_out} of 40 are left out");
        for leased in going_on {
            bench.store.release(leased, DUE).await.unwrap();
        }
        let again = bench.store.lease_undrawn(ACCOUNT, 100, DUE.plus(LEASE), DUE).await.unwrap();
        assert!(again.is_empty(), "each is drawn once");
        let two = bench.lease_due(2, DUE).await;
        for leased in two {
            assert_eq!(state(bench.decide(leased, even.clone(), ACCOUNT, DUE).await), "sending");
        }
    })
    .await;
}

#[tokio::test]
async fn an_opt_out_is_told_with_since_when_and_why() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        bench.store.opt_out(vec![out("7", None, Some("asked to"))]).await.unwrap();
        let leased = bench.lease_one(DUE).await;
        bench.decide(leased, rules(), ACCOUNT, DUE).await;
        let ground = bench.decisions(&taken.survey_id).await.pop().unwrap().ground;
        let expected =
            OptedOut { opted_out_at: START, account: None, why: Some("asked to".into()) };
        assert_eq!(ground, Ground::OptedOut(expected));
    })
    .await;
}

/// Closes of a few people with two accounts, in hours from the start.
fn any_closes() -> impl Strategy<Value = Vec<(u8, bool, u32)>> {
    prop::collection::vec((0..3_u8, any::<bool>(), 0..60_u32), 1..25)
}

/// Whatever comes in whatever order, on a store: nobody is asked twice within the throttle.
#[test]
fn no_order_of_closes_and_accounts_breaks_a_throttle() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ProptestConfig::with_cases(12);
    config.failure_persistence = None;
    proptest!(config, |(closes in any_closes(), hours in 0..30_u32, is_grouped: bool)| {
        runtime.block_on(async {
            let database = Database::sqlite();
            let bench = Bench { store: database.open().await, database };
            let mut closes = closes.clone();
            closes.sort_by_key(|(_, _, hour)| *hour);
            let mut sent: Vec<(u8, bool, u32)> = Vec::new();
            for (n, (person, is_sister, hour)) in closes.into_iter().enumerate() {
                let closed_at = START.plus(hour * HOUR);
                let account = if is_sister { "sister" } else { ACCOUNT };
                let came = Close {
                    account: account.into(),
                    ..close(&format!("c-{n}"), &(70 + person).to_string(), closed_at)
                };
                bench.take(came).await;
                let now = closed_at.plus(DELAY);
                let leases = bench.store.lease_due(account, 1, now.plus(LEASE), now).await.unwrap();
                let leased = leases.into_iter().next().expect("it is due");
                let rules = Rules { throttle: hours * HOUR, ..rules() };
                let group = if is_grouped { "both" } else { account };
                let begun = bench.decide(leased, rules, group, now).await;
                let is_sent = matches!(begun, BeginOutcome::Sending(_));
                let blocked = sent.iter().any(|(to, from, at)| {
                    let own = *from == is_sister && hour < at + hours.max(24);
                    *to == person && (own || (is_grouped && hour < at + hours))
                });
                prop_assert_eq!(is_sent, !blocked, "close {} at hour {}", n, hour);
                if is_sent {
                    sent.push((person, is_sister, hour));
                }
            }
            bench.store.clone().close().await;
            Ok(())
        })?;
    });
}

#[tokio::test]
async fn a_new_database_has_no_ids_to_tell_of() {
    on_each_engine(async |bench| {
        assert_eq!(bench.store.respelt().await.unwrap(), (Vec::new(), 0));
        bench.store.forget_respelt().await.unwrap();
    })
    .await;
}
