//! Writes instants in X's two ways, the JSON date and the HTTP header's date.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::domain::time::Millis;

/// Returns X's date such as `Wed Oct 10 20:19:24 +0000 2018`. Fractions of a second are cut off.
pub fn x_date(at: Millis) -> String {
    written("%a %b %d %H:%M:%S +0000 %Y", at)
}

/// Returns a `Date` header's date such as `Wed, 10 Oct 2018 20:19:24 GMT` (RFC 9110 section 5.6.7).
pub fn http_date(at: Millis) -> String {
    written("%a, %d %b %Y %H:%M:%S GMT", at)
}

/// Returns the instant in whole seconds, rounded towards the past.
pub fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1_000)
}

/// Returns the instant in whole seconds, rounded towards the future. So no limit is reported to end
/// before it does.
pub fn seconds_up(at: Millis) -> i64 {
    -(-at.0).div_euclid(1_000)
}

fn written(format: &str, at: Millis) -> String {
    // No sensible date exists outside jiff's range of years. The epoch shows at once that something
    // is wrong.
    let instant = Timestamp::from_second(seconds(at)).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format(format, &instant.to_zoned(TimeZone::UTC))
        .expect("the formats here need nothing but a date in UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_x_writes_them() {
        let at = Millis(1_539_202_764_999);
        assert_eq!(x_date(at), "Wed Oct 10 20:19:24 +0000 2018");
        assert_eq!(http_date(at), "Wed, 10 Oct 2018 20:19:24 GMT");
        assert_eq!(x_date(Millis(1_450_137_600_000)), "Tue Dec 15 00:00:00 +0000 2015");
    }

    #[test]
    fn a_day_of_the_month_has_two_digits() {
        assert_eq!(x_date(Millis(0)), "Thu Jan 01 00:00:00 +0000 1970");
    }

    #[test]
    fn seconds_are_cut_towards_the_past_and_resets_rounded_towards_the_future() {
        assert_eq!((seconds(Millis(1_999)), seconds_up(Millis(1_001))), (1, 2));
        assert_eq!((seconds(Millis(-1)), seconds_up(Millis(2_000))), (-1, 2));
    }
}
