use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap()
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

/// A silence of six hours with that many weeks before.
fn look(weeks: u32) -> Look {
    let to = at("2026-11-25T15:00:00Z");
    let since = to.minus(6 * HOUR);
    Look::new(since, to, since.minus(7 * weeks * DAY), &berlin()).unwrap()
}

fn counts(causes: u64, effects: u64) -> SilenceCounts {
    SilenceCounts { causes, effects }
}

fn part(silence: SilenceCounts, weeks: SilenceCounts) -> PartCounts {
    PartCounts { silence, weeks }
}

#[test]
fn the_first_closes_after_a_holiday_do_not_stand_for_it() {
    // From Monday evening, past a holiday, to Wednesday morning.
    let (since, to) = (at("2026-11-23T17:00:00Z"), at("2026-11-25T08:05:00Z"));
    let look = Look::new(since, to, Millis(0), &berlin()).unwrap();
    let of = |part: &SilencePart| part.silence.to.rfc3339();
    let ends: Vec<String> = look.parts.iter().map(of).collect();
    let expected =
        ["2026-11-23T22:59:59.999Z", "2026-11-24T22:59:59.999Z", "2026-11-25T08:05:00.000Z"];
    assert_eq!(ends, expected);
    let none = part(SilenceCounts::default(), SilenceCounts::default());
    let holiday = part(SilenceCounts::default(), counts(4_000, 4_000));
    let morning = |now| part(counts(now, 0), counts(40, 4));
    assert_eq!(look.judge(&[none, holiday, morning(10)]), None);
    let usual = part(counts(1_000, 0), counts(4_000, 4_000));
    assert_eq!(look.judge(&[none, usual, morning(10)]), Some(1_001));
}

#[test]
fn a_silence_is_compared_with_the_same_hours_by_the_clock_on_the_wall() {
    let look = Look::new(
        at("2026-11-04T08:00:00Z"),
        at("2026-11-04T14:00:00Z"),
        at("2026-01-01T00:00:00Z"),
        &berlin(),
    );
    let of = |period: Period| format!("{} {}", period.from.rfc3339(), period.to.rfc3339());
    let weeks: Vec<String> = look.unwrap().parts.remove(0).weeks.into_iter().map(of).collect();
    let expected = [
        "2026-10-28T08:00:00.001Z 2026-10-28T14:00:00.000Z",
        // Before 25 October the clocks of Berlin were an hour ahead.
        "2026-10-21T07:00:00.001Z 2026-10-21T13:00:00.000Z",
        "2026-10-14T07:00:00.001Z 2026-10-14T13:00:00.000Z",
        "2026-10-07T07:00:00.001Z 2026-10-07T13:00:00.000Z",
    ];
    assert_eq!(weeks, expected);
}

#[test]
fn a_new_account_is_compared_with_the_weeks_that_there_are() {
    let since = at("2026-11-25T09:00:00Z");
    let weeks = |age: Duration| {
        let look = Look::new(since, since.plus(HOUR), since.minus(age), &berlin());
        look.map_or(0, |look| look.parts[0].weeks.len())
    };
    let ages = [DAY, 7 * DAY - HOUR, 7 * DAY, 20 * DAY, 28 * DAY, 300 * DAY];
    assert_eq!(ages.map(weeks), [0, 0, 1, 2, 4, 4]);
}

#[test]
fn a_silence_of_more_than_a_week_is_not_looked_at() {
    let since = at("2026-11-18T09:00:00Z");
    let is_looked_at =
        |length: Duration| Look::new(since, since.plus(length), Millis(0), &berlin()).is_some();
    assert_eq!([Duration::ZERO, INSTANT, 7 * DAY].map(is_looked_at), [false, true, true]);
    assert!(!is_looked_at(7 * DAY + INSTANT));
}

#[test]
fn an_account_is_silent_where_chance_does_not_explain_it() {
    let judged = |weeks, now, before| look(weeks).judge(&[part(now, before)]);
    let four = |now, before| judged(4, now, before);
    assert_eq!(four(counts(40, 0), counts(160, 80)), Some(20));
    assert_eq!(four(counts(40, 1), counts(160, 80)), None, "one was seen");
    assert_eq!(four(counts(0, 0), counts(160, 80)), None, "nothing led there");
    assert_eq!(four(counts(40, 0), counts(160, 0)), None, "a night expects nothing");
    assert_eq!(four(counts(40, 0), counts(160, 30)), None);
    assert_eq!(four(counts(40, 0), counts(160, 31)), Some(8));
    assert_eq!(judged(1, counts(40, 0), counts(40, 9)), None, "one week alone says less");
    assert_eq!(judged(1, counts(40, 0), counts(40, 10)), Some(10));
}

#[test]
fn less_is_expected_where_less_led_there_and_never_more() {
    let look = look(4);
    let judged = |causes| look.judge(&[part(counts(causes, 0), counts(160, 80))]);
    let expected = [None, None, Some(8), Some(10), Some(20), Some(20)];
    assert_eq!([4, 14, 15, 20, 40, 400].map(judged), expected);
    assert_eq!(look.judge(&[part(counts(1, 0), counts(0, 80))]), Some(20), "they came from before");
}
