//! Writes numbers, days and the program's own words as people read them on a page.
//!
//! Owns how a page writes things. Must not know what a page shows.

mod languages;

pub use self::languages::{language, language_tag};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::plain_text::printable;
pub use crate::domain::summary::loss;
use crate::domain::summary::{GroupBy, wording};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

/// A space at which no line breaks.
const NO_BREAK: char = '\u{a0}';
/// The narrow space between thousands. No line breaks there.
const THIN: char = '\u{202f}';

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Writes a number with its thousands apart: "1 418".
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// Writes a number with what it counts: "1 answer", "912 answers".
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{}{NO_BREAK}{}", count(number), if number == 1 { one } else { many })
}

/// Writes per cent with one decimal: "78.3 %".
pub fn per_cent(value: f64) -> String {
    format!("{}{NO_BREAK}%", wording::points(value))
}

/// Writes a score of that type: "78.3 %" or "−12.0".
pub fn score(kind: SurveyType, value: f64) -> String {
    match kind {
        SurveyType::Csat => per_cent(value),
        SurveyType::Nps => wording::points(value),
    }
}

/// Writes a whole number of a scale: "80 %" or "−50".
pub fn on_scale(kind: SurveyType, value: f64) -> String {
    let number = format!("{value:.0}").replace('-', "−");
    match kind {
        SurveyType::Csat => format!("{number}{NO_BREAK}%"),
        SurveyType::Nps => number,
    }
}

/// Writes names as a list: "Billing, Press and Returns".
pub fn listed(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        names => names.concat(),
    }
}

/// Keeps what belongs together on one line: per cent signs stay with their numbers.
pub fn held_together(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// Writes an interval. A dash between numbers that may be negative would not be read as one.
pub fn interval(low: f64, high: f64) -> String {
    format!("{} to {}", wording::points(low), wording::points(high))
}

/// "29 Nov".
pub fn day(day: Day) -> String {
    let (_, month, of_month) = day.parts();
    format!("{of_month}{NO_BREAK}{}", &month_name(month)[..3])
}

/// "29 Nov 2026".
pub fn day_of_year(of: Day) -> String {
    format!("{}{NO_BREAK}{}", day(of), of.parts().0)
}

/// "6 December".
pub fn day_in_words(day: Day) -> String {
    let (_, month, of_month) = day.parts();
    format!("{of_month}{NO_BREAK}{}", month_name(month))
}

/// "2 to 29 November 2026". What both ends share is written once.
pub fn days(days: Days) -> String {
    let long = |day: Day| {
        let (year, month, of_month) = day.parts();
        (of_month.to_string(), month_name(month), year.to_string())
    };
    let ((day, month, year), (last, last_month, last_year)) = (long(days.from), long(days.to));
    let end = format!("{last}{NO_BREAK}{last_month} {last_year}");
    match (days.from == days.to, year == last_year, month == last_month) {
        (true, ..) => end,
        (_, true, true) => format!("{day} to {end}"),
        (_, true, false) => format!("{day}{NO_BREAK}{month} to {end}"),
        (_, false, _) => format!("{day}{NO_BREAK}{month} {year} to {end}"),
    }
}

/// "23 Nov to 29 Nov", without the year.
pub fn short_days(days: Days) -> String {
    match days.from == days.to {
        true => day(days.to),
        false => format!("{} to {}", day(days.from), day(days.to)),
    }
}

fn month_name(month: i8) -> &'static str {
    let place = usize::try_from(month).unwrap_or(1).clamp(1, 12) - 1;
    MONTHS[place]
}

/// A sentence begins with a capital.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Writes an instant as somebody in the zone says it: "today 13:51", "29 Nov 13:51".
pub fn instant(at: Millis, zone: &Zone, now: Millis) -> String {
    on_its_day(zone.wall_clock(at), zone, now)
}

/// The same to the second: "today 13:51:07". Steps that follow one another are told apart by it.
pub fn instant_to_second(at: Millis, zone: &Zone, now: Millis) -> String {
    on_its_day(zone.wall_clock_to_second(at), zone, now)
}

fn on_its_day((of, time): (Day, String), zone: &Zone, now: Millis) -> String {
    let today = zone.day_of(now);
    let day = match today.since(of) {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        _ if of.parts().0 == today.parts().0 => day(of),
        _ => day_of_year(of),
    };
    format!("{day}{NO_BREAK}{time}")
}

/// Writes the instants within a text, which are as RFC 3339 writes them in UTC, like all others of
/// a history: to the second.
pub fn with_instants(text: &str, zone: &Zone, now: Millis) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', ';', '.', ')', ':']);
        let (start, bare) = match bare.strip_prefix('(') {
            Some(bare) => ("(", bare),
            None => ("", bare),
        };
        let is_instant = bare.ends_with('Z') && bare.contains('T');
        let at = Millis::from_rfc3339(bare).ok().filter(|_| is_instant);
        let Some(at) = at else {
            words.push(word.to_owned());
            continue;
        };
        let (said, end) = (instant_to_second(at, zone, now), &word[start.len() + bare.len()..]);
        // "closed at yesterday" is no English.
        if !said.starts_with(|letter: char| letter.is_ascii_digit()) {
            words.pop_if(|word| word == "at");
        }
        words.push(format!("{start}{said}{end}"));
    }
    words.join(" ")
}

/// The same, with the time alone today: "13:51", "yesterday 13:51".
pub fn nearest(at: Millis, zone: &Zone, now: Millis) -> String {
    let (of, time) = zone.wall_clock(at);
    if of == zone.day_of(now) { time } else { instant(at, zone, now) }
}

/// The same without a word for today and yesterday: whoever reads a file does so later.
pub fn dated(at: Millis, zone: &Zone, now: Millis) -> String {
    let (of, time) = zone.wall_clock(at);
    let is_of_this_year = zone.day_of(now).parts().0 == of.parts().0;
    let day = if is_of_this_year { day(of) } else { day_of_year(of) };
    format!("{day}{NO_BREAK}{time}")
}

/// Writes a length of time in its two largest units: "45 s", "4 min", "2 h 5 min", "3 d 4 h".
pub fn length(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let two = |first: u64, unit: &str, second: u64, small: &str| match second {
        0 => format!("{first}{NO_BREAK}{unit}"),
        second => format!("{first}{NO_BREAK}{unit} {second}{NO_BREAK}{small}"),
    };
    match seconds {
        0..60 => format!("{seconds}{NO_BREAK}s"),
        60..3_600 => format!("{}{NO_BREAK}min", (seconds + 30) / 60),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        86_400.. => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Writes a size: "812 KB", "1.4 GB".
pub fn bytes(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64 / 1_000.0, "KB");
    for larger in ["MB", "GB", "TB"] {
        if size < 1_000.0 {
            break;
        }
        (size, unit) = (size / 1_000.0, larger);
    }
    let text = if size < 10.0 { format!("{size:.1}") } else { format!("{size:.0}") };
    format!("{text}{NO_BREAK}{unit}")
}

/// A word of the program that has no words here, as it is: "no_answer" becomes "no answer".
fn plain(word: &str) -> String {
    printable(word).replace('_', " ")
}

/// Says a survey's state in words, with its reason where it has one.
pub fn state(state: &str, reason: Option<&str>) -> String {
    match (state, reason) {
        ("scheduled", _) => "waits for its time".to_owned(),
        ("sending", _) => "is being sent".to_owned(),
        ("uncertain", _) => "uncertain: X has not said whether it went out".to_owned(),
        ("sent", _) => "sent, no answer yet".to_owned(),
        ("answered", _) => "answered".to_owned(),
        ("suppressed", Some(reason)) => format!("not asked: {}", loss(reason)),
        ("suppressed", None) => "not asked".to_owned(),
        ("cancelled", Some("reopened")) => "called off: reopened".to_owned(),
        ("cancelled", Some("operator")) => "called off by an operator".to_owned(),
        ("cancelled", _) => "called off".to_owned(),
        ("expired", _) => "too late to ask".to_owned(),
        ("failed", Some(reason)) => format!("refused by X: {}", printable(reason)),
        ("failed", None) => "refused by X".to_owned(),
        (other, _) => plain(other),
    }
}

/// A score of a type in words where X's card has some.
pub fn of_scale(kind: SurveyType, score: u8) -> String {
    match (kind, score) {
        (SurveyType::Csat, 5) => "5, very satisfied".to_owned(),
        (SurveyType::Csat, 4) => "4, satisfied".to_owned(),
        (SurveyType::Csat, 3) => "3, neither".to_owned(),
        (SurveyType::Csat, 2) => "2, dissatisfied".to_owned(),
        (SurveyType::Csat, 1) => "1, very dissatisfied".to_owned(),
        (SurveyType::Nps, 10) => "10, promoter".to_owned(),
        (SurveyType::Nps, 8) => "8, passive".to_owned(),
        (SurveyType::Nps, 6) => "6, detractor".to_owned(),
        (_, score) => score.to_string(),
    }
}

/// The name of a type.
pub fn kind(kind: SurveyType) -> &'static str {
    match kind {
        SurveyType::Csat => "CSAT",
        SurveyType::Nps => "NPS",
    }
}

/// What a score of that type is.
pub fn meaning(kind: SurveyType) -> &'static str {
    match kind {
        SurveyType::Csat => "share of 4 and 5",
        SurveyType::Nps => "share of 9 and 10 less share of 0 to 6",
    }
}

/// A breakdown's name and that of many of its groups.
pub fn breakdown(by: GroupBy) -> (&'static str, &'static str) {
    match by {
        GroupBy::Nothing => ("Everything", "everything"),
        GroupBy::Agent => ("Agent", "agents"),
        GroupBy::Team => ("Team", "teams"),
        GroupBy::Tag => ("Tag", "tags"),
        GroupBy::Language => ("Language", "languages"),
        GroupBy::Source => ("Source", "sources"),
        GroupBy::Account => ("Account", "accounts"),
        GroupBy::Week => ("Week", "weeks"),
        GroupBy::Question => ("Question", "questions"),
        GroupBy::Rule => ("Rule", "rules"),
        GroupBy::Variant => ("Variant", "variants"),
    }
}

/// The name of a group of a breakdown. `None` is the group of the surveys without one.
pub fn group(by: GroupBy, key: Option<&str>) -> String {
    match (key, by) {
        (None, by) => format!("(no {})", by.as_str()),
        (Some(key), GroupBy::Language) => language(key),
        (Some(key), _) => name(key),
    }
}

/// A name from outside. It may turn no writing direction and hide nothing.
pub fn name(text: &str) -> String {
    printable(text)
}

/// A comment from outside with its line breaks. What HTML cannot hold is replaced.
pub fn comment(text: &str) -> String {
    let shown = text.chars().map(|letter| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::survey::{Reason, State};

    fn of(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn between(from: &str, to: &str) -> String {
        days(Days { from: of(from), to: of(to) })
    }

    #[test]
    fn thousands_stand_apart_and_minus_is_a_minus() {
        let numbers = [0, 999, 1_418, 1_000_000];
        assert_eq!(numbers.map(count), ["0", "999", "1\u{202f}418", "1\u{202f}000\u{202f}000"]);
        assert_eq!(counted(1, "answer", "answers"), "1\u{a0}answer");
        assert_eq!(score(SurveyType::Nps, -12.04), "−12.0");
        assert_eq!(score(SurveyType::Csat, 78.289), "78.3\u{a0}%");
        assert_eq!(on_scale(SurveyType::Nps, -50.0), "−50");
        assert_eq!(interval(-7.64, -0.04), "−7.6 to 0.0");
    }

    #[test]
    fn days_say_once_what_both_ends_share() {
        assert_eq!(between("2026-11-02", "2026-11-29"), "2 to 29\u{a0}November 2026");
        assert_eq!(between("2026-11-29", "2026-11-29"), "29\u{a0}November 2026");
        assert_eq!(between("2026-10-29", "2026-11-25"), "29\u{a0}October to 25\u{a0}November 2026");
        assert_eq!(
            between("2025-12-29", "2026-01-25"),
            "29\u{a0}December 2025 to 25\u{a0}January 2026"
        );
    }

    #[test]
    fn an_instant_is_said_in_the_time_of_the_zone() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let now = Millis::from_rfc3339("2026-11-30T13:00:00Z").unwrap();
        let said = |at: &str| instant(Millis::from_rfc3339(at).unwrap(), &zone, now);
        assert_eq!(said("2026-11-29T23:30:00Z"), "today\u{a0}00:30");
        assert_eq!(said("2026-11-29T12:51:00Z"), "yesterday\u{a0}13:51");
        assert_eq!(said("2026-11-28T12:51:00Z"), "28\u{a0}Nov\u{a0}13:51");
        let of_file = dated(Millis::from_rfc3339("2026-11-30T12:51:00Z").unwrap(), &zone, now);
        assert_eq!(of_file, "30\u{a0}Nov\u{a0}13:51");
        assert_eq!(said("2025-07-28T12:51:00Z"), "28\u{a0}Jul\u{a0}2025\u{a0}14:51");
        let exact = Millis::from_rfc3339("2026-11-29T23:30:07.999Z").unwrap();
        assert_eq!(instant_to_second(exact, &zone, now), "today\u{a0}00:30:07");
    }

    #[test]
    fn instants_within_a_text_are_in_the_time_of_the_zone_too() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let now = Millis::from_rfc3339("2026-11-30T13:00:00Z").unwrap();
        let said = |text: &str| with_instants(text, &zone, now).replace('\u{a0}', " ");
        assert_eq!(
            said("closed at 2026-11-29T18:46:35.602Z, due 2026-11-30T07:00:00Z, by Zoë T Z"),
            "closed yesterday 19:46:35, due today 08:00:00, by Zoë T Z"
        );
        assert_eq!(
            said("at most 3 at 2026-11-12T10:00:00Z; v1"),
            "at most 3 at 12 Nov 11:00:00; v1"
        );
    }

    #[test]
    fn a_length_has_its_two_largest_units() {
        let lengths = [0.4, 45.0, 250.0, 3_600.0, 7_500.0, 273_600.0].map(length);
        let wanted = ["0 s", "45 s", "4 min", "1 h", "2 h 5 min", "3 d 4 h"];
        assert_eq!(lengths.map(|length| length.replace('\u{a0}', " ")), wanted);
        assert_eq!(bytes(1_400_000_000), "1.4\u{a0}GB");
    }

    #[test]
    fn every_reason_and_every_state_has_words_of_its_own() {
        let reasons = Reason::ALL.map(Reason::as_str);
        let states = ["scheduled", "sending", "uncertain", "cancelled", "expired", "failed"];
        let mut said: Vec<String> = reasons.iter().chain(&states).map(|word| loss(word)).collect();
        for (word, words) in reasons.iter().chain(&states).zip(&said) {
            assert!(!words.contains('_') && words != word, "{word}");
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), reasons.len() + states.len());
        for name in State::NAMES {
            assert_ne!(state(name, None), "", "{name}");
        }
        assert_eq!(state("suppressed", Some("throttled")), "not asked: prompted not long ago");
        assert_eq!(loss("of_a_later_version"), "of a later version");
    }

    #[test]
    fn a_comment_keeps_its_lines_and_nothing_that_html_cannot_hold() {
        assert_eq!(comment("a\nb\u{0}\u{1b}c"), "a\nb\u{fffd}\u{fffd}c");
        assert_eq!(name("a\u{202e}b\n"), "a\u{fffd}b\u{fffd}");
    }
}
