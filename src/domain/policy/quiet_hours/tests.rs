use proptest::prelude::*;

use super::*;

fn hours(from: &str, to: &str, name: &str) -> QuietHours {
    QuietHours {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        zone: zone(name).unwrap_or_else(|| panic!("no zone {name}")),
    }
}

fn at(instant: &str) -> Millis {
    Millis::from_rfc3339(instant).unwrap()
}

fn until(hours: &QuietHours, now: &str) -> Option<String> {
    hours.until(None, at(now)).map(Millis::rfc3339)
}

fn is(instant: &str) -> Option<String> {
    Some(at(instant).rfc3339())
}

#[test]
fn a_window_over_midnight_lasts_until_the_morning() {
    let night = hours("21:00", "08:00", "America/New_York");
    assert_eq!(until(&night, "2026-11-23T01:59:59Z"), None, "20:59:59 in New York");
    assert_eq!(until(&night, "2026-11-23T02:00:00Z"), is("2026-11-23T13:00:00Z"));
    assert_eq!(until(&night, "2026-11-23T12:59:59.999Z"), is("2026-11-23T13:00:00Z"));
    assert_eq!(until(&night, "2026-11-23T13:00:00Z"), None);
}

#[test]
fn a_window_within_a_day_is_quiet_within_it() {
    let lunch = hours("12:00", "13:30", "Europe/Berlin");
    assert_eq!(until(&lunch, "2026-07-01T10:00:00Z"), is("2026-07-01T11:30:00Z"));
    assert_eq!(until(&lunch, "2026-01-01T10:00:00Z"), None, "11:00 in winter");
    assert_eq!(until(&hours("09:00", "09:00", "UTC"), "2026-07-01T09:00:00Z"), None);
}

#[test]
fn a_person_s_own_zone_is_kept_where_it_is_known() {
    let night = hours("21:00", "08:00", "America/New_York");
    let now = at("2026-11-22T22:00:00Z");
    assert_eq!(night.until(None, now), None, "17:00 in New York");
    assert_eq!(night.until(Some("Europe/Madrid"), now), Some(at("2026-11-23T07:00:00Z")));
    assert_eq!(night.until(Some("Europe/Nowhere"), now), None);
    assert_eq!(night.until(Some(""), now), None);
}

#[test]
fn the_night_in_which_the_clocks_change_is_shorter_or_longer() {
    let night = hours("21:00", "08:00", "Europe/Berlin");
    assert_eq!(until(&night, "2026-03-28T20:00:00Z"), is("2026-03-29T06:00:00Z"), "10 hours");
    assert_eq!(until(&night, "2026-10-24T19:00:00Z"), is("2026-10-25T07:00:00Z"), "12 hours");
}

#[test]
fn an_hour_that_does_not_come_ends_and_begins_the_quiet_at_the_change() {
    // 02:00 to 03:00 is left out on 2026-03-08 in New York, at 07:00Z.
    let to_gap = hours("22:00", "02:30", "America/New_York");
    assert_eq!(until(&to_gap, "2026-03-08T06:59:59Z"), is("2026-03-08T07:00:00Z"));
    assert_eq!(until(&to_gap, "2026-03-08T07:00:00Z"), None);
    let from_gap = hours("02:30", "06:00", "America/New_York");
    assert_eq!(until(&from_gap, "2026-03-08T06:59:59Z"), None);
    assert_eq!(until(&from_gap, "2026-03-08T07:00:00Z"), is("2026-03-08T10:00:00Z"));
    // Both within: no such time comes.
    let in_gap = hours("02:10", "02:50", "America/New_York");
    assert_eq!(until(&in_gap, "2026-03-08T07:00:00Z"), None);
    // All but what is left out: no pause between two nights.
    let all_but = hours("03:00", "02:00", "America/New_York");
    assert_eq!(until(&all_but, "2026-03-07T12:00:00Z"), is("2026-03-09T06:00:00Z"));
}

#[test]
fn an_hour_that_comes_twice_begins_the_quiet_first_and_ends_it_last() {
    // 01:00 to 02:00 comes twice on 2026-11-01 in New York: from 05:00Z and from 06:00Z.
    let to_fold = hours("22:00", "01:30", "America/New_York");
    assert_eq!(until(&to_fold, "2026-11-01T05:31:00Z"), is("2026-11-01T06:30:00Z"));
    let from_fold = hours("01:30", "04:00", "America/New_York");
    assert_eq!(until(&from_fold, "2026-11-01T05:29:59Z"), None);
    assert_eq!(until(&from_fold, "2026-11-01T05:30:00Z"), is("2026-11-01T09:00:00Z"));
    assert_eq!(until(&from_fold, "2026-11-01T06:10:00Z"), is("2026-11-01T09:00:00Z"));
}

#[test]
fn clocks_that_change_by_half_an_hour_or_a_whole_day_are_kept() {
    // Lord Howe Island: 02:00 becomes 02:30 on 2026-10-04, at 2026-10-03T15:30Z.
    let half = hours("22:00", "02:15", "Australia/Lord_Howe");
    assert_eq!(until(&half, "2026-10-03T15:29:00Z"), is("2026-10-03T15:30:00Z"));
    // Samoa left 2011-12-30 out, at 10:00Z.
    let night = hours("21:00", "08:00", "Pacific/Apia");
    assert_eq!(until(&night, "2011-12-30T09:59:00Z"), is("2011-12-30T18:00:00Z"));
}

const ZONES: [&str; 9] = [
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/Dublin",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Chatham",
];

/// The minutes before and after a change of the clocks, or any of a year.
fn moments() -> impl Strategy<Value = (usize, i64)> {
    let year = 1_767_225_600_000..1_798_761_600_000_i64;
    (0..ZONES.len(), year, prop::option::of(-180..180_i64)).prop_map(|(at, any, near)| {
        let zone = zone(ZONES[at]).unwrap();
        let after = Timestamp::from_millisecond(any).unwrap();
        let change = zone.following(after).next().map(|change| change.timestamp().as_millisecond());
        match (near, change) {
            (Some(minutes), Some(change)) => (at, change + minutes * 60_000),
            _ => (at, any / 60_000 * 60_000),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn whoever_is_prompted_has_no_quiet_hour_on_the_wall(
        (name, now) in moments(),
        from in 0..1440_i64,
        to in 0..1440_i64,
    ) {
        let time = |minute: i64| jiff::civil::time((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        let hours = QuietHours { from: time(from), to: time(to), zone: zone(ZONES[name]).unwrap() };
        let on_wall = |at: Millis| {
            hours.zone.to_datetime(Timestamp::from_millisecond(at.0).unwrap()).time()
        };
        let is_quiet_on_wall = |at: Millis| {
            let wall = on_wall(at);
            match from <= to {
                true => hours.from <= wall && wall < hours.to,
                false => hours.from <= wall || wall < hours.to,
            }
        };
        let now = Millis(now);
        match hours.until(None, now) {
            None => prop_assert!(!is_quiet_on_wall(now)),
            Some(until) => {
                prop_assert!(until > now);
                prop_assert!(!is_quiet_on_wall(until), "quiet at its own end");
                prop_assert_eq!(hours.until(None, until), None);
                let last = Millis(until.0 - 1);
                prop_assert_eq!(hours.until(None, last), Some(until), "one end for all of it");
                // At most an hour is quiet that the wall does not call so, where an hour comes
                // twice.
                let day = until.since(now).as_secs();
                prop_assert!(day <= 2 * 25 * 3600, "{day} seconds");
            }
        }
    }
}
