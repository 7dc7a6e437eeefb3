//! Dates in the forms that X writes them.

use super::time::Millis;

/// Reads a date that X wrote. Three forms are accepted:
///
/// - `Wed Oct 10 20:19:24 +0000 2018`, also without any blanks as on X's own pages.
/// - RFC 3339 as in X's v2 calls.
/// - Epoch milliseconds.
///
/// The weekday is skipped because X's published example names the wrong one.
pub fn parse_x_date(text: &str) -> Option<Millis> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if squeezed.len() >= 12 && squeezed.bytes().all(|b| b.is_ascii_digit()) {
        return squeezed.parse().ok().map(Millis);
    }
    if squeezed.starts_with(|c: char| c.is_ascii_digit()) {
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        return Some(Millis(instant.as_millisecond()));
    }
    if !squeezed.is_ascii() || squeezed.len() < 6 {
        return None;
    }
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == &squeezed[3..6])? + 1;
    let rest = &squeezed[6..];
    // The hour has two digits. All digits before it are the day.
    let day_end = rest.find(':')?.checked_sub(2)?;
    let (day, rest) = (&rest[..day_end], &rest[day_end..]);
    let offset_start = rest.find(['+', '-'])?;
    let (time, rest) = rest.split_at(offset_start);
    let (offset, year) = (rest.get(..5)?, rest.get(5..)?);
    let day: u8 = day.parse().ok()?;
    let written = format!("{year:0>4}-{month:02}-{day:02}T{time}{}:{}", &offset[..3], &offset[3..]);
    let instant: jiff::Timestamp = written.parse().ok()?;
    Some(Millis(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_dates_are_read_spaced_and_squeezed() {
        let instant = Some(Millis(1_450_200_300_000));
        assert_eq!(parse_x_date("Tue Dec 15 17:25:00 +0000 2015"), instant);
        assert_eq!(parse_x_date("TueDec1517:25:00+00002015"), instant);
        assert_eq!(parse_x_date("Sat Dec 15 17:25:00 +0000 2015"), instant, "wrong weekday");
        assert_eq!(parse_x_date("Tue Dec 15 18:25:00 +0100 2015"), instant);
        assert_eq!(parse_x_date("2015-12-15T17:25:00.000Z"), instant);
        assert_eq!(parse_x_date("1450200300000"), instant);
        assert_eq!(
            parse_x_date("WedDec217:25:00+00002015"),
            parse_x_date("Wed Dec 02 17:25:00 +0000 2015")
        );
        assert_eq!(parse_x_date("SatDec1517:58:20+00002015"), Some(Millis(1_450_202_300_000)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "yesterday",
            "Tue Dec",
            "Tue Foo 15 17:25:00 +0000 2015",
            "Tue Dec 15",
            "日本語日本語",
        ] {
            assert_eq!(parse_x_date(wrong), None, "{wrong:?}");
        }
    }
}
