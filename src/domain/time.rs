//! Instants and lengths of time, in milliseconds. Reads and writes instants as RFC 3339.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 0000-01-01T00:00:00Z is the first instant that RFC 3339 can write.
const FIRST_WRITABLE: Millis = Millis(-62_167_219_200_000);

/// A text that should have been an instant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no RFC 3339 instant such as 2026-11-22T08:00:00Z{hint}", hint = without_zone(.0))]
pub struct NotAnInstant(pub String);

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The instant `length` later. It saturates at the ends of time.
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(millis(length)))
    }

    /// The instant `length` earlier. It saturates at the ends of time.
    pub fn minus(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(millis(length)))
    }

    /// The time from `earlier` to this instant. Zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// True if a wait of at most `most` may end at this instant. An instant further off was set
    /// before the clock was set back, and must not put anything off.
    pub fn is_ahead(self, now: Self, most: Duration) -> bool {
        now < self && self.since(now) <= most
    }

    /// True if less than `length` has passed since this instant. An instant that is still to come
    /// was noted before the clock was set back, and is not recent.
    pub fn is_recent(self, now: Self, length: Duration) -> bool {
        self <= now && now.since(self) < length
    }

    /// The instant in UTC as RFC 3339 writes it, always with three digits of milliseconds:
    /// `2026-11-22T08:00:00.000Z`. Readers that guess one form for a whole column rely on that.
    ///
    /// An instant outside the years 0 to 9999 is written as the nearest that can be.
    pub fn rfc3339(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// Reads an RFC 3339 instant of any offset. Digits finer than a millisecond are cut off.
    ///
    /// jiff reads more of ISO 8601 than RFC 3339 allows, such as times without seconds or colons
    /// and names of zones. The form is therefore checked first. surveyd would have to accept
    /// forever what it accepts today.
    pub fn from_rfc3339(text: &str) -> Result<Self, NotAnInstant> {
        let refused = || NotAnInstant(text.to_owned());
        if !is_rfc3339_shaped(text.as_bytes()) {
            return Err(refused());
        }
        let read: Timestamp = nanoseconds(text).parse().map_err(|_| refused())?;
        Ok(Self(read.as_millisecond()))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.max(FIRST_WRITABLE).0).unwrap_or(Timestamp::MAX)
    }
}

/// The least that two instants differ by.
pub const INSTANT: Duration = Duration::from_millis(1);

/// A stretch of time. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: Millis,
    pub to: Millis,
}

impl Period {
    pub fn contains(self, at: Millis) -> bool {
        self.from <= at && at <= self.to
    }

    /// The period with the instants beside it, so that it overlaps what touches it.
    pub fn widened(self) -> Self {
        Self { from: self.from.minus(INSTANT), to: self.to.plus(INSTANT) }
    }

    /// What is left of the period without the other. An instant is in one of them alone.
    pub fn without(self, other: Self) -> Vec<Self> {
        let before = Self { to: self.to.min(other.from.minus(INSTANT)), ..self };
        let after = Self { from: self.from.max(other.to.plus(INSTANT)), ..self };
        [before, after].into_iter().filter(|left| left.from <= left.to).collect()
    }
}

/// What can be had now or at a later instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ready<T> {
    Now(T),
    /// Nothing before then.
    At(Millis),
}

/// A hint for a text that is an instant without its zone.
fn without_zone(text: &str) -> &'static str {
    match is_rfc3339_shaped(format!("{text}Z").as_bytes()) {
        true => ": add Z for UTC, or an offset such as +01:00",
        false => "",
    }
}

/// True if the text has the form `yyyy-mm-ddThh:mm:ss[.f…](Z|±hh:mm)`. The numbers are not checked.
fn is_rfc3339_shaped(text: &[u8]) -> bool {
    let fits = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'+' => matches!(byte, b'+' | b'-'),
                b'Z' => matches!(byte, b'Z' | b'z'),
                other => byte == other,
            })
    };
    let Some((whole, rest)) = text.split_at_checked("yyyy-mm-ddThh:mm:ss".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
    };
    // RFC 3339 knows no offset of a day. jiff does.
    let is_offset =
        fits(offset, b"Z") || fits(offset, b"+00:00") && &offset[1..3] < b"24".as_slice();
    fits(whole, b"0000-00-00T00:00:00") && is_offset
}

/// The text with at most nine digits in a second's fraction. RFC 3339 sets no limit, but jiff does.
fn nanoseconds(text: &str) -> Cow<'_, str> {
    let Some((whole, rest)) = text.split_once('.') else { return Cow::Borrowed(text) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match digits > 9 {
        true => Cow::Owned(format!("{whole}.{}{}", &rest[..9], &rest[digits..])),
        false => Cow::Borrowed(text),
    }
}

/// The longest wait until surveyd looks again while clocks differ. The difference may be a mistake
/// that is over by then.
const LOOK_AGAIN: Duration = Duration::from_secs(5 * 60);

/// When to look again (by surveyd's clock) at what waits for `until` on another clock. The other
/// clock shows `theirs` now.
pub fn look_again_at(until: Millis, now: Millis, theirs: Millis) -> Millis {
    match now == theirs {
        true => until,
        false => now.plus(until.since(theirs).min(LOOK_AGAIN)),
    }
}

/// A length in milliseconds. It saturates.
pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn milliseconds_are_always_written() {
        assert_eq!(Millis(1_795_334_400_000).rfc3339(), "2026-11-22T08:00:00.000Z");
        assert_eq!(Millis(1_795_334_400_120).rfc3339(), "2026-11-22T08:00:00.120Z");
        assert_eq!(Millis(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn an_instant_that_rfc3339_cannot_write_is_written_as_the_nearest_it_can() {
        assert_eq!(Millis(i64::MIN).rfc3339(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Millis(i64::MAX).rfc3339(), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn every_form_of_rfc3339_is_read() {
        let eight = Ok(Millis(1_795_334_400_000));
        for text in [
            "2026-11-22T08:00:00Z",
            "2026-11-22t08:00:00z",
            "2026-11-22 08:00:00Z",
            "2026-11-22T08:00:00.000999Z",
            "2026-11-22T08:00:00.000999999999999999999Z",
            "2026-11-22T10:30:00.0000000000+02:30",
            "2026-11-23T07:59:00+23:59",
            "2026-11-22T08:00:00+00:00",
            "2026-11-22T08:00:00-00:00",
            "2026-11-22T10:30:00+02:30",
            "2026-11-21T23:00:00-09:00",
        ] {
            assert_eq!(Millis::from_rfc3339(text), eight, "{text}");
        }
        assert_eq!(
            Millis::from_rfc3339("2016-12-31T23:59:60Z").map(Millis::rfc3339),
            Ok("2016-12-31T23:59:59.000Z".to_owned()),
            "a leap second is the second before it"
        );
    }

    #[test]
    fn what_is_no_rfc3339_is_refused() {
        for text in [
            "",
            "today",
            "2026-11-22",
            "2026-11-22T08:00Z",
            "2026-11-22T08:00:00",
            "2026-11-22T08:00:00.Z",
            "20261122T080000Z",
            "2026-11-22T08:00:00+02",
            "2026-11-22T08:00:00Z[UTC]",
            "2026-13-22T08:00:00Z",
            "2026-02-30T08:00:00Z",
            "2026-11-22T25:00:00Z",
            "2026-11-22T08:00:00+24:00",
            "2026-11-22T08:00:00-25:59",
            "2026-11-22T08:00:00+02:60",
            "2026-11-22T08:00:00.é",
            "2026-11-22T08:00:00é",
            "1795334400",
        ] {
            assert_eq!(Millis::from_rfc3339(text), Err(NotAnInstant(text.to_owned())));
        }
        let said = Millis::from_rfc3339("2026-11-22T08:00:00").unwrap_err().to_string();
        assert!(said.ends_with(": add Z for UTC, or an offset such as +01:00"), "{said}");
    }

    #[test]
    fn an_instant_of_before_the_clock_was_set_back_puts_nothing_off_and_is_not_recent() {
        let (now, minute) = (Millis(1_000_000_000), Duration::from_secs(60));
        let instant = Duration::from_millis(1);
        for (at, is_ahead, is_recent) in [
            (now.minus(minute), false, false),
            (now.minus(minute).plus(instant), false, true),
            (now, false, true),
            (now.plus(instant), true, false),
            (now.plus(minute), true, false),
            (now.plus(minute).plus(instant), false, false),
            (Millis(i64::MAX), false, false),
            (Millis(i64::MIN), false, false),
        ] {
            assert_eq!(at.is_ahead(now, minute), is_ahead, "{at:?}");
            assert_eq!(at.is_recent(now, minute), is_recent, "{at:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_period_shares_no_instant_with_what_was_read() {
        let of = |from, to| Period { from: Millis(from), to: Millis(to) };
        let left = |read| of(10, 20).without(read);
        assert_eq!(left(of(12, 15)), [of(10, 11), of(16, 20)]);
        assert_eq!(left(of(0, 10)), [of(11, 20)]);
        assert_eq!(left(of(20, 30)), [of(10, 19)]);
        assert_eq!(left(of(10, 20)), []);
        assert_eq!([left(of(0, 9)), left(of(21, 30))].concat(), [of(10, 20), of(10, 20)]);
    }

    #[test]
    fn a_wait_by_clocks_that_differ_is_looked_at_again_soon() {
        let (now, hour) = (Millis(1_000_000_000), Duration::from_secs(60 * 60));
        assert_eq!(look_again_at(now.plus(hour), now, now), now.plus(hour));
        let behind = now.minus(hour);
        assert_eq!(look_again_at(now.plus(hour), now, behind), now.plus(LOOK_AGAIN));
        let soon = Duration::from_secs(7);
        assert_eq!(look_again_at(behind.plus(soon), now, behind), now.plus(soon));
        assert_eq!(look_again_at(behind.minus(soon), now, behind), now);
    }

    proptest! {
        #[test]
        fn an_instant_that_is_written_and_read_is_the_same(ms in 0i64..253_370_000_000_000) {
            prop_assert_eq!(Millis::from_rfc3339(&Millis(ms).rfc3339()), Ok(Millis(ms)));
        }

        #[test]
        fn no_text_makes_the_reader_of_instants_panic(text in "\\PC*") {
            let _ = Millis::from_rfc3339(&text);
        }
    }
}
