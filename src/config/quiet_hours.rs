//! Reads `quiet_hours`, the daily span in which nobody is prompted.

use jiff::civil::Time;

use super::fault_collector::ConfigTable;
use super::given::{GivenValue, Wrong};
use super::values;
use crate::domain::policy::quiet_hours::{self, QuietHours};

/// Reads the quiet hours of a table. The outer `None` means that they are faulty.
pub(super) fn read(table: &mut ConfigTable) -> Option<Option<QuietHours>> {
    let is_given = table.holds("quiet_hours");
    let is_no_table = table.holds_no_table("quiet_hours");
    let mut table = table.table("quiet_hours");
    let (from, to) = (table.optional("from", time), table.optional("to", time));
    let zone = table.optional("time_zone", values::time_zone(quiet_hours::zone));
    let parts = [from.is_some_and(|at| at.is_none()), to.is_some_and(|at| at.is_none())];
    let lacks_zone = matches!(zone, Some(None));
    let is_none = !is_given && parts == [true, true] && lacks_zone;
    // A value that is not a table is one fault. Its missing keys are not faults of their own.
    if !is_none && !is_no_table {
        let examples = ["\"21:00\"", "\"08:00\""];
        for ((key, example), is_missing) in ["from", "to"].into_iter().zip(examples).zip(parts) {
            if is_missing {
                table.missing(key, example);
            }
        }
        if lacks_zone {
            table.missing("time_zone", "\"America/New_York\"");
        }
    }
    table.close(&[]);
    if is_none {
        return Some(None);
    }
    Some(Some(QuietHours { from: from??, to: to??, zone: zone?? }))
}

fn time(given: &GivenValue) -> Result<Time, Wrong> {
    let text = given.text()?;
    let wrong = || Wrong::new("is not a time of the day", "write it as 21:00, from 00:00 to 23:59");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let part = |text: &str| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_two.then(|| text.parse::<i8>().ok()).flatten().ok_or_else(wrong)
    };
    Time::new(part(hour)?, part(minute)?, 0, 0).map_err(|_| wrong())
}
