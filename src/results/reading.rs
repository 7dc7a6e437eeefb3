//! Reads the numbers of a view. Page, report, files and API all read them here.

use std::time::Duration;

use crate::domain::days::{Day, Days, Zone};
use crate::domain::summary::{Compared, GroupBy, LeftOut, Report, Summary, Terms, compare};
use crate::domain::time::Millis;
use crate::domain::view::View;
use crate::store::{CellDetail, Result, Store};

/// What all numbers of one answer are read with.
#[derive(Clone)]
pub struct Reading {
    pub store: Store,
    pub zone: Zone,
    pub now: Millis,
    /// How long a prompt without an answer may still get one.
    pub fresh_for: Duration,
    /// The fewest answers that show a score.
    pub min_group: u32,
}

/// The weeks of a course.
const WEEKS_MIN: i32 = 13;
const WEEKS_MAX: i32 = 60;

impl Reading {
    /// The report of the view alone.
    pub async fn report(&self, view: &View) -> Result<Report> {
        self.report_of(view, CellDetail::Whole).await
    }

    /// The same. If only scores are asked for, it knows no times to answer, no reasons of loss and
    /// nothing left out. That is several times quicker.
    pub async fn report_of(&self, view: &View, detail: CellDetail) -> Result<Report> {
        let terms = Terms {
            period: view.period,
            by: view.by,
            zone: &self.zone,
            now: self.now,
            fresh_for: self.fresh_for,
            min_group: self.min_group,
        };
        let mut summary = Summary::new(&terms);
        for cell in self.store.cells(view, &self.zone, detail).await? {
            summary.add(cell.kind, &cell.keys, cell.counts);
        }
        if detail == CellDetail::Scores {
            return Ok(summary.report(LeftOut::default()));
        }
        let mut left_out = self.store.left_out(view).await?;
        left_out.dry_runs += summary.dry_runs();
        Ok(summary.report(left_out))
    }

    /// The report of the view beside that of the period it is compared with.
    pub async fn compared(&self, view: &View) -> Result<Compared> {
        let before = match view.compared_with(&self.zone) {
            Some(view) => Some(self.report(&view).await?),
            None => None,
        };
        Ok(compare(self.report(view).await?, before))
    }

    /// The weeks up to the last day of the view, the earliest first, each with its Monday. They are
    /// whole weeks but for the last, which ends with the view. They begin early enough to cover the
    /// view, as far as a course has room. Beside the totals of the view and of the period it is
    /// compared with, no week gives away fewer answers than the floor.
    pub async fn weeks(&self, view: &View) -> Result<(Vec<Day>, Report)> {
        let last = view.days.to.monday();
        let covered = last.since(view.days.from.monday()) / 7 + 1;
        let weeks = covered.clamp(WEEKS_MIN, WEEKS_MAX);
        let first = last.plus(7 * (1 - weeks));
        let days = Days { from: first, to: view.days.to };
        let course = view.over(days, &self.zone).with(|view| view.by = GroupBy::Week);
        let mondays = (0..weeks).map(|week| first.plus(7 * week)).collect();
        let mut report = self.report_of(&course, CellDetail::Scores).await?;
        for shown in [Some(view.clone()), view.compared_with(&self.zone)].into_iter().flatten() {
            let part = shown.with(|view| view.by = GroupBy::Week);
            report.withhold_beside(&self.report_of(&part, CellDetail::Scores).await?);
        }
        Ok((mondays, report))
    }
}
