mod stretches;

use super::*;
use crate::domain::time::Period;

const MINUTE: Duration = Duration::from_secs(60);
const NOW: Millis = Millis(1_795_334_400_000);

fn served(look_ups: Call) -> Served {
    let events_horizon = Duration::from_secs(86_400);
    Served {
        account: "acme".into(),
        is_dry: false,
        daily_limit: 1_000,
        pacing: Pacing::Asap,
        look_ups,
        is_auto: false,
        events_horizon,
    }
}

/// 216 surveys have been due for five minutes, and nothing is known that holds them back.
fn facts() -> Facts {
    Facts {
        account: "acme".into(),
        now: NOW,
        due: 216,
        oldest_due: Some(NOW.minus(5 * MINUTE)),
        served: Some(served(Call::FriendshipsShow)),
        presence: Presence::Works { since: None },
        ..Facts::default()
    }
}

fn later(minutes: u32) -> Millis {
    NOW.plus(minutes * MINUTE)
}

fn put_off(why: PutOffReason, surveys: u64) -> PutOff {
    PutOff { why, surveys, since: Some(NOW.minus(2 * MINUTE)), until: later(10), expiring: None }
}

fn expiring(why: PutOffReason, surveys: u64, expire: u64) -> PutOff {
    let expiring = Some(Expiring { surveys: expire, first_at: later(5) });
    PutOff { expiring, ..put_off(why, surveys) }
}

fn spent(allowed: u32) -> CallsLeft {
    CallsLeft { left: 0, allowed, free_at: Some(later(15)) }
}

/// Each cause, the facts that it follows from, and the whole line.
fn table() -> Vec<(Cause, bool, Facts, &'static str)> {
    use Cause::*;
    let pause = Pause { since: NOW, why: "code 32: no".into(), asked_again_at: later(1) };
    let locked = Pause { why: "code 326: locked".into(), ..pause.clone() };
    let elsewhere = Pause { why: "code 34: no page".into(), ..pause.clone() };
    let holding = Holding {
        since: NOW,
        until: later(60),
        words: "nothing is sent, for a reason".into(),
        rebuild: None,
    };
    let command = Some("surveyd rebuild --account acme".to_owned());
    let day = DayOfPrompts { prompts: 1_000, latest_at: None, free_at: Some(later(30)) };
    let of = |why, surveys| Facts { put_off: vec![put_off(why, surveys)], ..facts() };
    vec![
        (
            NotConfigured,
            true,
            Facts { served: None, ..facts() },
            "account acme is not configured: nothing of it is sent. Configure it again, or call its \
             surveys off: `surveyd surveys cancel ID`",
        ),
        (
            NobodyWorks,
            true,
            Facts { presence: Presence::Nobody, ..facts() },
            "no daemon works on this database: nothing is sent and no answer is read. Start it: \
             `systemctl start surveyd`, or `surveyd run`",
        ),
        (
            Database,
            true,
            Facts { database: Some("disk full".into()), ..facts() },
            "the database takes no writes: disk full. Once that is mended, work goes on by itself",
        ),
        (
            Paused,
            true,
            Facts { pause: Some(pause), ..facts() },
            "account acme is paused since 2026-11-22T08:00:00.000Z: X refuses it (code 32: no); X is \
             asked again at 2026-11-22T08:01:00.000Z. Check its keys and its access to the feedback API, \
             then reload: `systemctl reload surveyd`, or `kill -HUP` its process. Keys that systemd hands \
             over (`LoadCredential=`) are read anew by a restart only: `systemctl restart surveyd`",
        ),
        (
            Paused,
            true,
            Facts { pause: Some(elsewhere), ..facts() },
            "account acme is paused since 2026-11-22T08:00:00.000Z: X refuses it (code 34: no page); X is \
             asked again at 2026-11-22T08:01:00.000Z. Correct x.base_url, then reload: `systemctl reload \
             surveyd`, or `kill -HUP` its process",
        ),
        (
            Paused,
            true,
            Facts { pause: Some(locked), ..facts() },
            "account acme is paused since 2026-11-22T08:00:00.000Z: X refuses it (code 326: locked); X is \
             asked again at 2026-11-22T08:01:00.000Z. Log in to X as this account, where X says what ends \
             that, then reload: `systemctl reload surveyd`, or `kill -HUP` its process",
        ),
        (
            Held,
            false,
            Facts { holding: Some(holding.clone()), ..facts() },
            "account acme is held since 2026-11-22T08:00:00.000Z: nothing is sent, for a reason",
        ),
        (
            Held,
            true,
            Facts { holding: Some(Holding { rebuild: command, ..holding }), ..facts() },
            "account acme is held since 2026-11-22T08:00:00.000Z: nothing is sent, for a reason. Unless \
             its rebuild is at work, go on with it: `surveyd rebuild --account acme`",
        ),
        (
            Clock,
            true,
            Facts { clock_before: Some(later(45)), ..facts() },
            "this machine's clock stands before the last instant on record, 2026-11-22T08:45:00.000Z: \
             unless X's clock agrees with it, account acme sends nothing until it has passed that. \
             Set the clock right: `timedatectl` shows it",
        ),
        (
            DayFull,
            false,
            Facts { day, ..facts() },
            "account acme has sent its 1000 prompts of the day: the next can go out at \
             2026-11-22T08:30:00.000Z. `daily_limit` is X's own 1000 at most; `pacing = \"even\"` leaves \
             out the surplus by chance, at every hour alike",
        ),
        (
            PromptLimit,
            false,
            Facts { prompts: spent(1_000), ..facts() },
            "account acme is at X's limit of prompts (feedback/create): 0 of 1000 are left, the next \
             is free at 2026-11-22T08:15:00.000Z",
        ),
        (
            LookUpLimit,
            false,
            Facts { look_ups: spent(180), ..facts() },
            "account acme is at X's limit of look-ups before a prompt (friendships/show): 0 of 180 \
             are left, the next is free at 2026-11-22T08:15:00.000Z. `x.can_dm = \"auto\"` looks up 100 \
             people a call where X grants your app its API v2, and `\"users_v2\"` always",
        ),
        (
            LookUpLimit,
            false,
            Facts { look_ups: spent(900), served: Some(served(Call::Users)), ..facts() },
            "account acme is at X's limit of look-ups before a prompt (users): 0 of 900 are left, the \
             next is free at 2026-11-22T08:15:00.000Z",
        ),
        (
            XAway,
            false,
            Facts { tried: 1, ..facts() },
            "account acme waits for X, which gave no answer to the last tries: one call at a time asks \
             whether it answers again. What X answered stands in their histories (`surveyd explain`) \
             and in the log (`survey.retry`)",
        ),
        (
            XAway,
            false,
            of(PutOffReason::Tried, 216),
            "216 surveys of account acme wait for X, which gave no answer to the last try; the next is \
             at 2026-11-22T08:10:00.000Z. What X answered stands in their histories (`surveyd \
             explain`) and in the log (`survey.retry`)",
        ),
        (
            PersonLimit,
            false,
            of(PutOffReason::PersonLimit, 1),
            "one survey of account acme waits for X's limit of prompts to one person; the next try is \
             at 2026-11-22T08:10:00.000Z",
        ),
        (
            QuietHours,
            false,
            of(PutOffReason::QuietHours, 216),
            "216 surveys of account acme wait for the end of quiet hours, at 2026-11-22T08:10:00.000Z",
        ),
        (
            QuietHours,
            false,
            Facts { put_off: vec![expiring(PutOffReason::QuietHours, 216, 2)], ..facts() },
            "216 surveys of account acme wait for the end of quiet hours, at 2026-11-22T08:10:00.000Z; \
             2 of them expire before that, the first at 2026-11-22T08:05:00.000Z: they will not be \
             asked",
        ),
        (
            DayFull,
            false,
            of(PutOffReason::DayFull, 216),
            "216 surveys of account acme wait for room in the day's prompts, from \
             2026-11-22T08:10:00.000Z",
        ),
        (
            PutOff,
            false,
            Facts { put_off: vec![expiring(PutOffReason::Other, 1, 1)], ..facts() },
            "one survey of account acme is put off; the next look is at 2026-11-22T08:10:00.000Z; it \
             expires before that, at 2026-11-22T08:05:00.000Z: it will not be asked",
        ),
        (
            Claimed,
            false,
            of(PutOffReason::Claimed, 3),
            "3 surveys of account acme are being worked on; where the daemon that took them has died, \
             others take them over from 2026-11-22T08:10:00.000Z",
        ),
        (
            Clock,
            false,
            of(PutOffReason::ClockAhead, 3),
            "3 surveys of account acme wait until 2026-11-22T08:10:00.000Z, for this machine's clock ran \
             ahead when it put them off: the daemon makes them due within five minutes",
        ),
        (
            Clock,
            true,
            of(PutOffReason::ClocksApart, 3),
            "3 surveys of account acme wait while the clocks of this machine and of X contradict each \
             other; the next look is at 2026-11-22T08:10:00.000Z. Set the clock right: `timedatectl` shows \
             it",
        ),
        (
            PutOff,
            false,
            of(PutOffReason::Other, 3),
            "3 surveys of account acme are put off; the next look is at 2026-11-22T08:10:00.000Z",
        ),
        (
            Unknown,
            true,
            Facts { oldest_due: Some(NOW.minus(21 * MINUTE)), ..facts() },
            "account acme: nothing is known that holds its surveys back. The daemon's log says what it \
             does",
        ),
    ]
}

#[test]
fn every_cause_says_what_holds_back_until_when_and_what_one_can_do() {
    for (cause, must_act, facts, line) in table() {
        let found = obstacles(&facts);
        let [found] = &found[..] else { panic!("{cause:?}: {found:?}") };
        assert_eq!((found.cause, found.must_act), (cause, must_act));
        assert_eq!(found.line(), line);
        let single = facts.put_off.first().map_or(216, |put_off| put_off.surveys);
        assert_eq!(found.surveys, single, "{cause:?}");
    }
}

#[test]
fn a_full_day_is_told_once_with_those_that_expire_before_it_has_room() {
    let day = DayOfPrompts { prompts: 1_000, latest_at: None, free_at: Some(later(10)) };
    let put_off = vec![expiring(PutOffReason::DayFull, 216, 1)];
    let found = obstacles(&Facts { day, put_off, ..facts() });
    let [full] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        full.words,
        "account acme has sent its 1000 prompts of the day: the next can go out at \
         2026-11-22T08:10:00.000Z; one of them expires before that, at 2026-11-22T08:05:00.000Z: it \
         will not be asked"
    );
}

#[test]
fn a_single_prompt_of_the_day_is_one_prompt() {
    let day = DayOfPrompts { prompts: 1, latest_at: None, free_at: Some(later(10)) };
    let one = Served { daily_limit: 1, ..served(Call::FriendshipsShow) };
    let found = obstacles(&Facts { day, served: Some(one), ..facts() });
    assert!(found[0].words.starts_with("account acme has sent its 1 prompt of the day: "));
}

#[test]
fn an_even_pace_is_not_recommended_to_an_account_that_has_it() {
    let day = DayOfPrompts { prompts: 1_000, latest_at: None, free_at: Some(later(10)) };
    let even = Served { pacing: Pacing::Even, ..served(Call::FriendshipsShow) };
    let found = obstacles(&Facts { day, served: Some(even), ..facts() });
    assert_eq!(found[0].remedy.as_deref(), Some("`daily_limit` is X's own 1000 at most"));
}

#[test]
fn a_single_survey_that_expires_before_its_wait_ends_says_so_for_each_known_end() {
    let day = DayOfPrompts { prompts: 1_000, latest_at: None, free_at: Some(later(30)) };
    let of = |why| Facts { put_off: vec![put_off(why, 1)], ..facts() };
    let told = |facts: Facts, at| {
        let first = facts.expires_first(later(at), &obstacles(&facts));
        first.map(|first| first.words.strip_prefix("it expires at ").unwrap().to_owned())
    };
    let at_five =
        |end| Some(format!("2026-11-22T08:05:00.000Z, before {end}: it will not be asked"));
    assert_eq!(told(of(PutOffReason::QuietHours), 5), at_five("the end of quiet hours"));
    assert_eq!(told(of(PutOffReason::QuietHours), 10), None);
    assert_eq!(told(Facts { day, ..facts() }, 5), at_five("the day has room for it"));
    assert_eq!(told(Facts { look_ups: spent(180), ..facts() }, 5), at_five("that limit ends"));
    assert_eq!(told(of(PutOffReason::Tried), 5), at_five("its next try"));
    assert_eq!(told(of(PutOffReason::Claimed), 5), None, "others may take it over before");
}

#[test]
fn a_survey_that_is_due_since_a_moment_ago_waits_for_nothing() {
    let just = Facts { oldest_due: Some(NOW.minus(MINUTE / 2)), ..facts() };
    assert_eq!(obstacles(&just), []);
    assert_eq!(obstacles(&facts()), [], "and one of five minutes ago for nothing that is known");
}

#[test]
fn limits_are_told_where_something_is_due_and_pauses_always() {
    let idle = Facts { due: 0, oldest_due: None, ..facts() };
    let pause = Pause { since: NOW, why: "no".into(), asked_again_at: NOW };
    let spent_idle = Facts { look_ups: spent(180), pause: Some(pause), ..idle };
    let found = obstacles(&spent_idle);
    assert_eq!((found.len(), found[0].cause, found[0].surveys), (1, Cause::Paused, 0));
}

#[test]
fn a_single_survey_that_is_not_due_says_when_it_is() {
    let one = Facts { due: 0, oldest_due: None, due_at: Some(later(5)), ..facts() };
    let found = obstacles(&one);
    assert_eq!(found[0].line(), "it is not due before 2026-11-22T08:05:00.000Z");
    assert_eq!((found.len(), found[0].cause, found[0].surveys), (1, Cause::NotDue, 0));
    let of_nobody = obstacles(&Facts { served: None, ..one });
    let causes: Vec<Cause> = of_nobody.iter().map(|obstacle| obstacle.cause).collect();
    assert_eq!(causes, [Cause::NotConfigured, Cause::NotDue]);
}

#[test]
fn a_clock_before_the_record_needs_somebody_once_something_has_waited_for_it() {
    let told = |oldest_due: Option<Millis>| {
        let clock_before = Some(later(45));
        let facts = Facts { clock_before, due: 0, oldest_due, ..facts() };
        obstacles(&facts).into_iter().find(|found| found.cause == Cause::Clock).unwrap().must_act
    };
    assert!(!told(None), "X's clock may bear it out");
    assert!(!told(Some(facts().now)));
    assert!(told(Some(facts().now.minus(TOLD_AFTER))));
}

#[test]
fn what_an_overdue_settling_waits_for_is_told() {
    let unsettled = OverduePrompts {
        surveys: 2,
        since: NOW.minus(1_600 * MINUTE),
        needed: NOW.minus(1_599 * MINUTE),
        readable_at: NOW.minus(60 * MINUTE),
        read_to: Some(NOW.minus(1_700 * MINUTE)),
        read_at: Some(NOW.minus(60 * MINUTE)),
        unread: None,
    };
    let told = |facts: &Facts, unsettled: &OverduePrompts| {
        let found = facts.overdue(unsettled).expect("it is overdue");
        assert_eq!((found.cause, found.surveys), (Cause::Uncertain, 0));
        (found.line(), found.must_act)
    };
    let words = |why: &str, remedy: &str| {
        format!(
            "whether 2 prompts of account acme went out is not known since \
             2026-11-21T05:20:00.000Z: {why}. Nothing is sent again before that. {remedy}"
        )
    };
    let log = "The log says why (`poll.failed`), and `surveyd status` how far events are read";
    let behind = "X's events have been read to 2026-11-21T03:40:00.000Z, and must be past \
                  2026-11-21T05:21:00.000Z";
    assert_eq!(told(&facts(), &unsettled), (words(behind, log), true));
    let reading = OverduePrompts { read_at: Some(NOW.minus(59 * MINUTE)), ..unsettled.clone() };
    assert_eq!(told(&facts(), &reading), (words(behind, "They are being read"), false));
    let never = OverduePrompts { read_to: None, ..unsettled.clone() };
    assert_eq!(told(&facts(), &never), (words("no events of X have been read yet", log), true));
    let read = OverduePrompts { read_to: Some(NOW), ..unsettled.clone() };
    let not_ended = "the reading that tells it has not come to its end";
    assert_eq!(told(&facts(), &read), (words(not_ended, log), false));
    let unread = Some(Period { from: unsettled.since, to: unsettled.needed });
    let gap = OverduePrompts { unread, ..read };
    let why = "X's events from 2026-11-21T05:20:00.000Z to 2026-11-21T05:21:00.000Z could not be \
               read in full";
    let looks = "Second looks ask for those of the last week again";
    assert_eq!(told(&facts(), &gap), (words(why, looks), false));
    let pause = Some(Pause { since: NOW, why: "code 32: no".into(), asked_again_at: later(1) });
    let refused = "X refuses the account, and shows no events of it";
    let again = "They are read once X takes the account again";
    let paused = Facts { pause, ..facts() };
    assert_eq!(told(&paused, &unsettled), (words(refused, again), true));

    let soon = OverduePrompts { readable_at: NOW.minus(59 * MINUTE), ..unsettled };
    assert_eq!(facts().overdue(&soon), None, "it may be under way");
}
