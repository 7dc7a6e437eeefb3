//! Quiet hours: the time of the day in which nobody is prompted. They are read on the wall clock of
//! a time zone.
//!
//! The rules of the time zones are built into this program, and so equal on every machine.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::time::Millis;

/// Quiet hours from one time of the day to another. They run over midnight if `to` is not later
/// than `from`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietHours {
    pub from: Time,
    /// The first time that is no longer quiet. No time is quiet if it equals `from`.
    pub to: Time,
    /// The account's zone. A person's own zone takes its place if it is known.
    pub zone: TimeZone,
}

/// The zone of that IANA name.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

impl QuietHours {
    /// When the quiet ends. `None` if it is not quiet. `of_person` is the name of the person's own
    /// zone. An unknown name counts as no zone.
    ///
    /// Nobody is disturbed when the clocks change. An hour that comes twice begins the quiet the
    /// first time and ends it the second time. An hour that is skipped begins or ends the quiet at
    /// the change. It is therefore always quiet while the wall clock says so.
    pub fn until(&self, of_person: Option<&str>, now: Millis) -> Option<Millis> {
        let zone = self.zone_for(of_person);
        let mut until = now;
        // Two windows may touch if the time between them is skipped.
        while let Some(end) = self.end_of_window(&zone, until) {
            until = end;
        }
        (until > now).then_some(until)
    }

    /// The zone that the hours are kept in.
    pub fn zone_for(&self, of_person: Option<&str>) -> TimeZone {
        of_person.and_then(zone).unwrap_or_else(|| self.zone.clone())
    }

    /// The end of the window that holds `now`.
    fn end_of_window(&self, zone: &TimeZone, now: Millis) -> Option<Millis> {
        if self.from == self.to {
            return None;
        }
        let at = Timestamp::from_millisecond(now.0).ok()?;
        let today = zone.to_datetime(at).date();
        // A window begins the day before at the earliest. It begins two days before if a zone has
        // skipped a whole day.
        let mut day = today.yesterday().ok()?.yesterday().ok()?;
        loop {
            if let Some(end) = self.window_of(zone, day, at) {
                return Some(Millis(end.as_millisecond()));
            }
            if day == today {
                return None;
            }
            day = day.tomorrow().ok()?;
        }
    }

    /// The end of the window that begins on that day if the window holds `at`.
    fn window_of(&self, zone: &TimeZone, day: Date, at: Timestamp) -> Option<Timestamp> {
        let last = if self.from < self.to { day } else { day.tomorrow().ok()? };
        let start = first_at(zone, day.to_datetime(self.from))?;
        let end = last_at(zone, last.to_datetime(self.to))?;
        (start <= at && at < end).then_some(end)
    }
}

/// The first instant at which the wall clock has reached that time.
fn first_at(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { after, .. } => change_behind(zone, after.to_timestamp(time).ok()?),
    }
}

/// The last instant at which the wall clock reaches that time.
fn last_at(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { after, .. } => change_behind(zone, after.to_timestamp(time).ok()?),
    }
}

/// The instant of the next change of the clocks. A skipped time computed by the new offset lies
/// before that change.
fn change_behind(zone: &TimeZone, before: Timestamp) -> Option<Timestamp> {
    zone.following(before).next().map(|change| change.timestamp())
}

#[cfg(test)]
mod tests;
