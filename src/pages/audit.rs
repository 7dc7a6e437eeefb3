//! Who signed in, saw and exported what, the newest first.

use serde::Serialize;

use super::filters::{Choices, FilterBar, bar};
use super::{links, words};
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::domain::view::View;

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditLine {
    pub at: Millis,
    pub who: String,
    pub roles: String,
    pub what: String,
    pub detail: String,
    /// Where the request came from.
    pub address: String,
}

/// The page of the audit log.
pub struct AuditPage<'a> {
    /// Its period is all that the page obeys of it.
    pub view: &'a View,
    pub zone: &'a Zone,
    pub now: Millis,
    /// The newest first.
    pub entries: &'a [AuditLine],
    /// The value of `before` that leads to older ones.
    pub next: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct AuditContent {
    title: String,
    bar: FilterBar,
    entries: Vec<AuditRow>,
    /// True on a page that goes on behind another.
    is_continued: bool,
    next: Option<String>,
}

#[derive(Serialize)]
struct AuditRow {
    at: String,
    who: String,
    roles: String,
    what: String,
    detail: String,
    address: String,
}

impl AuditPage<'_> {
    pub(super) fn content(&self) -> AuditContent {
        let choices = Choices::default();
        let mut bar = bar(links::AUDIT, self.view, (self.zone, self.now), None, &choices);
        // The files hold results.
        bar.files.clear();
        let next = self.next.map(|before| {
            let view = self.view.with(|view| view.before = Some(before.to_owned()));
            links::page(links::AUDIT, &view)
        });
        AuditContent {
            title: format!("Audit, {}", words::days(self.view.days)),
            bar,
            entries: self.entries.iter().map(|entry| self.row(entry)).collect(),
            is_continued: self.view.before.is_some(),
            next,
        }
    }

    fn row(&self, entry: &AuditLine) -> AuditRow {
        // Milliseconds tell a reader nothing.
        let (day, time) = self.zone.wall_clock_to_second(entry.at);
        AuditRow {
            at: format!("{day} {time}"),
            who: words::name(&entry.who),
            roles: words::name(&entry.roles),
            what: words::name(&entry.what),
            detail: words::name(&entry.detail),
            address: words::name(&entry.address),
        }
    }
}
