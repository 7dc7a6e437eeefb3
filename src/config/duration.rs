//! Reads and writes lengths of time as a whole number and one unit.

use std::time::Duration;

/// The units and their milliseconds from the longest to the shortest.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a length such as `90s` or `500ms`. Returns `None` for any other form.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit_at);
    let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    count.parse::<u64>().ok()?.checked_mul(unit_ms).map(Duration::from_millis)
}

/// Writes a length that [`parse_duration`] can read back. Uses the longest unit that divides it.
pub fn format_duration(length: Duration) -> String {
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    if length_ms == 0 {
        return "0s".into();
    }
    let (unit, unit_ms) = UNITS
        .into_iter()
        .find(|(_, unit_ms)| length_ms.is_multiple_of(*unit_ms))
        .expect("a millisecond divides every length");
    format!("{}{unit}", length_ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_whole_number_and_one_unit() {
        let seconds = |text| parse_duration(text).map(|length| length.as_secs_f64());
        assert_eq!(seconds("0s"), Some(0.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("15m"), Some(900.0));
        assert_eq!(seconds("12h"), Some(43_200.0));
        assert_eq!(seconds("7d"), Some(604_800.0));
        for wrong in [
            "",
            "5",
            "s",
            "5 m",
            " 5m",
            "5m ",
            "-5m",
            "+5m",
            "1.5h",
            "1h30m",
            "5M",
            "5min",
            "٥m",
            "5 minutes",
            "18446744073709551615d",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(length_ms in 0..u64::MAX) {
            let length = Duration::from_millis(length_ms);
            proptest::prop_assert_eq!(parse_duration(&format_duration(length)), Some(length));
        }
    }
}
