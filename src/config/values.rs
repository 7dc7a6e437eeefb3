//! Reads single values and checks their form.
//!
//! There is one function for each form, and its error names the problem and the remedy.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use strsim::damerau_levenshtein;

use super::defaults::NAME_CHARACTERS_MAX;
use super::duration::{format_duration, parse_duration};
use super::given::{GivenValue, Wrong};
use super::names::is_name;
use super::names::nearest;
use crate::domain::id::UserId;
use crate::domain::time_zone::of_rails;

/// What jiff calls a zone that is not known. It counts as UTC, which nobody means by it.
const UNKNOWN_ZONE: &str = "Etc/Unknown";

/// The most edits at which one name of a zone counts as another misspelt.
const ZONE_EDITS_MAX: usize = 2;

/// The units of a size and their bytes from the largest to the smallest.
const SIZE_UNITS: [(&str, usize); 2] = [("MiB", 1024 * 1024), ("KiB", 1024)];

pub(super) fn boolean(given: &GivenValue) -> Result<bool, Wrong> {
    given.boolean()
}

/// Reads a whole number within bounds.
pub(super) fn integer(bounds: RangeInclusive<u32>) -> impl Fn(&GivenValue) -> Result<u32, Wrong> {
    move |given| {
        let number = u32::try_from(given.integer()?).ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| outside(bounds.start(), bounds.end()))
    }
}

/// Reads a number within bounds. `nan` is out of all bounds.
pub(super) fn number(bounds: RangeInclusive<f64>) -> impl Fn(&GivenValue) -> Result<f64, Wrong> {
    move |given| match given.number()? {
        number if bounds.contains(&number) => Ok(number),
        _ => Err(outside(format!("{:?}", bounds.start()), format!("{:?}", bounds.end()))),
    }
}

/// Reads a length of time within bounds.
pub(super) fn duration(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&GivenValue) -> Result<Duration, Wrong> {
    move |given| {
        let (least, most) = (format_duration(*bounds.start()), format_duration(*bounds.end()));
        let form = format!(
            "write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from {least} to {most}"
        );
        let text = given.text().map_err(|wrong| Wrong::new(wrong.problem, form.as_str()))?;
        match parse_duration(text) {
            None => Err(Wrong::new("is not a length of time", form)),
            Some(length) if bounds.contains(&length) => Ok(length),
            Some(_) => Err(outside(least, most)),
        }
    }
}

/// Reads a number of bytes within bounds with or without a unit.
pub(super) fn size(bounds: RangeInclusive<usize>) -> impl Fn(&GivenValue) -> Result<usize, Wrong> {
    move |given| {
        let (least, most) = (format_size(*bounds.start()), format_size(*bounds.end()));
        let form =
            format!("write a number of bytes, or as `256KiB` or `1MiB`; from {least} to {most}");
        let bytes = match (given.integer(), given.text()) {
            (Ok(bytes), _) => Some(usize::try_from(bytes).unwrap_or(0)),
            (_, Ok(text)) => parse_size(text),
            (_, Err(wrong)) => return Err(Wrong::new(wrong.problem, form)),
        };
        match bytes {
            None => Err(Wrong::new("is not a size", form)),
            Some(bytes) if bounds.contains(&bytes) => Ok(bytes),
            Some(_) => Err(outside(least, most)),
        }
    }
}

/// Reads one of the known words and returns its meaning.
pub(super) fn choice<T: Copy>(words: &[(&str, T)]) -> impl Fn(&GivenValue) -> Result<T, Wrong> {
    move |given| {
        let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let text = given.text().map_err(|wrong| {
            Wrong::new(wrong.problem, format!("write one of {}", known.join(", ")))
        })?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let remedy = match nearest(text, words.iter().map(|(word, _)| *word)) {
                Some(word) if known.len() == 1 => format!("did you mean \"{word}\"?"),
                Some(word) => format!("did you mean \"{word}\"? It is one of {}", known.join(", ")),
                None => format!("write one of {}", known.join(", ")),
            };
            Wrong::new("is not known here", remedy)
        })
    }
}

/// Reads a text that is not blank and not too long.
pub(super) fn text(characters_max: usize) -> impl Fn(&GivenValue) -> Result<String, Wrong> {
    move |given| {
        let text = given.text()?;
        let characters = text.chars().count();
        if text.trim().is_empty() {
            Err(Wrong::new("is empty", format!("write 1 to {characters_max} characters")))
        } else if characters > characters_max {
            let problem = format!("has {characters} characters, and {characters_max} are the most");
            Err(Wrong::new(problem, "shorten it"))
        } else {
            Ok(text.to_owned())
        }
    }
}

/// Reads the name of an account, a source or a group. Names appear in paths, logs and metrics.
pub(super) fn name(given: &GivenValue) -> Result<String, Wrong> {
    match given.text()? {
        text if is_name(text) => Ok(text.to_owned()),
        _ => Err(Wrong::new(
            "is not a name",
            format!("write 1 to {NAME_CHARACTERS_MAX} of A-Z, a-z, 0-9, `.`, `_` and `-`"),
        )),
    }
}

/// Reads the id that X gave a person or a handle. The digits must be quoted because many programs
/// round numbers of that size.
pub(super) fn user_id(given: &GivenValue) -> Result<String, Wrong> {
    let text = given.text()?;
    match UserId::parse(text) {
        Ok(id) => Ok(id.to_string()),
        Err(_) if UserId::is_misspelt(text) => Err(Wrong::new(
            "has zeros before it",
            format!("write \"{}\", as X does", text.trim_start_matches('0')),
        )),
        Err(_) => Err(Wrong::new(
            "is not a user id",
            format!("write the handle's numeric id, 1 to {} digits", UserId::DIGITS_MAX),
        )),
    }
}

/// Reads the name of a time zone by `parse`. Rails' names, which help desks show, are refused with
/// the IANA name.
pub(super) fn time_zone<Z>(
    parse: impl Fn(&str) -> Option<Z>,
) -> impl Fn(&GivenValue) -> Result<Z, Wrong> {
    move |given| {
        let text = given.text()?;
        if is_offset(text) && parse(text).is_none() {
            let remedy =
                "name a zone with its rules, as Europe/Madrid: an offset has no summer time";
            return Err(Wrong::new("is an offset, and none is taken", remedy));
        }
        let name = Some(text).filter(|name| !name.eq_ignore_ascii_case(UNKNOWN_ZONE));
        name.and_then(&parse).ok_or_else(|| match (of_rails(text), nearest_zone(text)) {
            (Some(name), _) => Wrong::new("is not an IANA name", format!("write \"{name}\"")),
            (None, Some(name)) => {
                Wrong::new("is not a time zone", format!("did you mean \"{name}\"?"))
            }
            (None, None) => Wrong::new(
                "is not a time zone",
                "write an IANA name, as America/New_York or Europe/Madrid",
            ),
        })
    }
}

/// True for the offset of a clock, such as `+01:00`, `UTC+1` or `GMT-5`.
fn is_offset(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let bare = ["UTC", "GMT"].iter().find_map(|name| upper.strip_prefix(name));
    let digits = bare.unwrap_or(&upper).trim_start().strip_prefix(['+', '-']);
    digits.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
    })
}

/// Returns the IANA name that a misspelt one most likely means. Many names begin alike, so they
/// are told apart by the letters that differ.
fn nearest_zone(text: &str) -> Option<String> {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let names = names.iter().map(String::as_str);
    let names = names.filter(|name| damerau_levenshtein(text, name) <= ZONE_EDITS_MAX);
    nearest(text, names).map(str::to_owned)
}

pub(super) fn socket_address(given: &GivenValue) -> Result<SocketAddr, Wrong> {
    let quoted = "write it as \"127.0.0.1:8471\" or \"[::1]:8471\"";
    let text = given.text().map_err(|wrong| Wrong::new(wrong.problem, quoted))?;
    text.parse().map_err(|_| {
        Wrong::new("is not an IP address and a port", "write it as 127.0.0.1:8471 or [::1]:8471")
    })
}

fn outside(least: impl std::fmt::Display, most: impl std::fmt::Display) -> Wrong {
    Wrong::new("is out of bounds", format!("write a value from {least} to {most}"))
}

fn parse_size(text: &str) -> Option<usize> {
    let (count, unit_bytes) =
        SIZE_UNITS.into_iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)))?;
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    // A count that overflows is also out of every bound.
    digits.then(|| count.parse::<usize>().unwrap_or(usize::MAX).saturating_mul(unit_bytes))
}

fn format_size(bytes: usize) -> String {
    let unit = SIZE_UNITS.into_iter().find(|(_, unit_bytes)| bytes.is_multiple_of(*unit_bytes));
    unit.map_or_else(|| bytes.to_string(), |(unit, size)| format!("{}{unit}", bytes / size))
}
