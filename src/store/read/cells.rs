//! The counts that reports are made of, for one view.
//!
//! Most views need one dimension beside account and team. Their counts are sums of day totals.
//! Their cost grows with the days and the names. It grows slowly with the surveys, too: the
//! waits of all answers are read for the median, and each set of tags is a name of its own.
//! Other views are counted from the results of single surveys, and so are all views in a zone whose
//! days are not all there: another one than that of the totals, or a new one. Both ways give the
//! same numbers, since a day total is the sum of its results.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::conditions::{Conditions, Value, has_a_tag};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::summary::{Counts, GroupBy, GroupKey, LeftOut};
use crate::domain::survey::Reason;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::{Millis, Period};
use crate::domain::view::{Filter, View};
use crate::store::results::days::Dimension;
use crate::store::results::row::read_waits;
use crate::store::{Error, Result, Store};

/// Which of the counts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellDetail {
    /// Without the waits and the reasons of loss. They are most of what there is to read.
    Scores,
    Whole,
}

/// The counts of surveys that are in the same groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub kind: SurveyType,
    pub keys: Vec<GroupKey>,
    pub counts: Counts,
}

/// The dimension beside account and team that a filter needs.
fn of_filter(filter: Filter) -> Option<Dimension> {
    Some(match filter {
        Filter::Account | Filter::Team => return None,
        Filter::Agent => Dimension::Agent,
        Filter::Tag => Dimension::Tags,
        Filter::Language => Dimension::Language,
        Filter::Source => Dimension::Source,
        Filter::Rule => Dimension::Rule,
        Filter::Variant => Dimension::Variant,
    })
}

/// The dimension beside account and team that a breakdown needs. Weeks and the whole need none.
fn of_breakdown(by: GroupBy) -> Option<Dimension> {
    Some(match by {
        GroupBy::Nothing | GroupBy::Week | GroupBy::Account | GroupBy::Team => return None,
        GroupBy::Agent => Dimension::Agent,
        GroupBy::Tag => Dimension::Tags,
        GroupBy::Language => Dimension::Language,
        GroupBy::Source => Dimension::Source,
        GroupBy::Question => Dimension::Question,
        GroupBy::Rule => Dimension::Rule,
        GroupBy::Variant => Dimension::Variant,
    })
}

impl Store {
    /// Returns the counts of the view's surveys, tests left out.
    pub async fn cells(&self, view: &View, zone: &Zone, detail: CellDetail) -> Result<Vec<Cell>> {
        let filters = view.filters.iter().filter_map(|(filter, _)| of_filter(filter));
        let mut needed: Vec<Dimension> = filters.chain(of_breakdown(view.by)).collect();
        needed.dedup();
        let of_days = match (view.whole_days(zone), needed.as_slice()) {
            _ if view.counts_tests => None,
            (Some(days), []) => Some((days, Dimension::Whole)),
            (Some(days), [one]) => Some((days, *one)),
            _ => None,
        };
        if let Some((days, dimension)) = of_days
            && let Some(cells) = self.cells_of_days(view, zone, days, dimension, detail).await?
        {
            return Ok(cells);
        }
        self.cells_of_results(view, zone, detail).await
    }

    /// Counts by the day totals of one dimension. `None` if totals of these days are missing.
    async fn cells_of_days(
        &self,
        view: &View,
        zone: &Zone,
        days: Days,
        dimension: Dimension,
        detail: CellDetail,
    ) -> Result<Option<Vec<Cell>>> {
        let whole = are_whole(zone, days);
        let conditions = of_days(view, whole.clone(), days, dimension);
        let grouped = match view.by {
            GroupBy::Nothing => "''",
            GroupBy::Week => "cast(day as text)",
            GroupBy::Account => "account",
            GroupBy::Team => "team",
            _ => "key",
        };
        let tags = if dimension == Dimension::Tags { "key" } else { "''" };
        let scores = (0..11).map(|score| format!("cast(sum(s{score}) as bigint) as s{score}"));
        let more = match detail {
            CellDetail::Scores => "'' as waits, '' as losses",
            CellDetail::Whole => {
                "string_agg(waits, '') as waits, string_agg(losses, ' ') as losses"
            }
        };
        let sql = format!(
            "select kind, {grouped} as grouped, {tags} as tagged, \
             cast(sum(closes) as bigint) as closes, cast(sum(prompted) as bigint) as prompted, \
             cast(sum(commented) as bigint) as commented, {}, \
             max(last_unanswered_at) as last_unanswered_at, {more} \
             from day_total where {} group by 1, 2, 3",
            scores.collect::<Vec<_>>().join(", "),
            conditions.all()
        );
        let tags = view.filters.get(Filter::Tag);
        let mut rows = conditions.clone().rows(self, sql.clone()).await?;
        if rows.is_empty() {
            // Either nothing fits, or totals are missing. They may have come back just now.
            let whole = whole.clone().rows(self, format!("select 1 where {}", whole.all())).await?;
            if whole.is_empty() {
                return Ok(None);
            }
            rows = conditions.rows(self, sql).await?;
        }
        let mut cells = Vec::new();
        for row in &rows {
            let tagged: String = row.try_get("tagged")?;
            if let Some(tags) = tags
                && !has_a_tag(named(&tagged), tags)?
            {
                continue;
            }
            let (kind, grouped) = (kind(row)?, row.try_get::<String, _>("grouped")?);
            let keys = match view.by {
                GroupBy::Week => vec![week(&grouped)?],
                GroupBy::Nothing => vec![GroupKey::all()],
                GroupBy::Account => vec![GroupKey::Named(grouped)],
                by => keys(by, kind, named(&grouped))?,
            };
            let mut counts = counts_of_prompts(row)?;
            counts.closes = count(row, "closes")?;
            counts.unsent = unsent(row.try_get::<Option<String>, _>("losses")?.as_deref())?;
            cells.push(Cell { kind, keys, counts });
        }
        Ok(Some(cells))
    }

    /// Counts by the results of single surveys. A breakdown by week asks week by week.
    async fn cells_of_results(
        &self,
        view: &View,
        zone: &Zone,
        detail: CellDetail,
    ) -> Result<Vec<Cell>> {
        if view.by != GroupBy::Week {
            return self.cells_of_stretch(view, view.period, None, detail).await;
        }
        let mut cells = Vec::new();
        let mut day = zone.day_of(view.period.from);
        let last = zone.day_of(view.period.to);
        while day <= last {
            let week = Days { from: day, to: day.monday().plus(6) };
            let whole = zone.period(week);
            let (from, to) = (whole.from.max(view.period.from), whole.to.min(view.period.to));
            let key = GroupKey::Named(day.iso_week());
            let cells_of_week = self.cells_of_stretch(view, Period { from, to }, Some(key), detail);
            cells.extend(cells_of_week.await?);
            day = week.to.plus(1);
        }
        Ok(cells)
    }

    async fn cells_of_stretch(
        &self,
        view: &View,
        period: Period,
        key: Option<GroupKey>,
        detail: CellDetail,
    ) -> Result<Vec<Cell>> {
        let grouped = match view.by {
            GroupBy::Nothing | GroupBy::Week => "null",
            GroupBy::Question => "cast(question as text)",
            GroupBy::Tag => "tags",
            by => by.as_str(),
        };
        let has_tags = view.filters.get(Filter::Tag).is_some();
        let tagged = if has_tags { "tags" } else { "null" };
        let heads = format!("select kind, {grouped} as grouped, {tagged} as tagged");

        let closed = of_results(view, "closed_at", period);
        let (outcome, waits) = match detail {
            CellDetail::Scores => ("'sent'", "''"),
            CellDetail::Whole => ("outcome", "string_agg(wait, '')"),
        };
        let closes = format!(
            "{heads}, {outcome} as outcome, count(*) as closes from result where {} group by 1, 2, 3, 4",
            closed.all()
        );
        let sent = of_results(view, "sent_at", period);
        let scores = (0..11).map(|score| {
            format!("cast(sum(case when score = {score} then 1 else 0 end) as bigint) as s{score}")
        });
        let prompts = format!(
            "{heads}, count(*) as prompted, count(commented_at) as commented, {}, \
             max(case when score is null then sent_at end) as last_unanswered_at, \
             {waits} as waits from result where {} group by 1, 2, 3",
            scores.collect::<Vec<_>>().join(", "),
            sent.all()
        );
        let mut cells = Vec::new();
        for row in &closed.rows(self, closes).await? {
            let counts = count(row, "closes")?;
            let outcome: String = row.try_get("outcome")?;
            let is_sent = matches!(outcome.as_str(), "sent" | "answered");
            let unsent = (!is_sent).then_some((outcome, counts)).into_iter().collect();
            let counts = Counts { closes: counts, unsent, ..Counts::default() };
            cells.extend(cell_of_result(view, row, key.as_ref(), counts)?);
        }
        for row in &sent.rows(self, prompts).await? {
            let counts = counts_of_prompts(row)?;
            cells.extend(cell_of_result(view, row, key.as_ref(), counts)?);
        }
        Ok(cells)
    }

    /// Returns what the view's numbers leave out: tests and dry runs.
    pub async fn left_out(&self, view: &View) -> Result<LeftOut> {
        if view.counts_tests {
            return Ok(LeftOut::default());
        }
        let of_tests = |column: &str| {
            let mut conditions = of_results(view, column, view.period);
            conditions.sql[0] = "test = 1".to_owned();
            let dry = Reason::DryRun.as_str();
            let sql = format!(
                "select tags as tagged, count(*) as tests, \
                 cast(sum(case when outcome = '{dry}' then 1 else 0 end) as bigint) as dry_runs \
                 from result where {} group by 1",
                conditions.all()
            );
            conditions.rows(self, sql)
        };
        let mut left_out = LeftOut::default();
        for row in of_tests("closed_at").await? {
            if fits(view, &row)? {
                left_out.test_closes += count(&row, "tests")?;
                left_out.dry_runs += count(&row, "dry_runs")?;
            }
        }
        // The sign keeps the engine from the index of `sent_at`, which has all prompts of the
        // period. The index of tests has few rows.
        for row in of_tests("+sent_at").await? {
            if fits(view, &row)? {
                left_out.tests += count(&row, "tests")?;
            }
        }
        Ok(left_out)
    }
}

/// The condition that all totals of the days are there. It stands in the statement that reads them,
/// because another daemon may be about to empty them.
fn are_whole(zone: &Zone, days: Days) -> Conditions {
    let mut whole = Conditions::default();
    let zone = whole.place(Value::Text(zone.name().to_owned()));
    let from = whole.place(Value::Number(days.from.0.into()));
    let to = whole.place(Value::Number(days.to.0.into()));
    whole.sql.push(format!(
        "exists (select 1 from result_state where zone = {zone} and mark_from is null) \
         and not exists (select 1 from result_day where made = 0 and day >= {from} and day <= {to})"
    ));
    whole
}

/// The conditions of the view on the totals of days of one dimension, behind those in `conditions`.
fn of_days(
    view: &View,
    mut conditions: Conditions,
    days: Days,
    dimension: Dimension,
) -> Conditions {
    conditions.is("dim", dimension.as_str());
    conditions.between("day", days.from.0.into(), days.to.0.into());
    if let Some(kind) = view.kind {
        conditions.is("kind", kind.as_str());
    }
    for (filter, values) in view.filters.iter() {
        let values = values.iter().cloned();
        match filter {
            Filter::Account => conditions.one_of("account", values),
            Filter::Team => conditions.one_of("team", values.map(kept)),
            // The key is a whole set of tags. Whoever reads the rows looks at it.
            Filter::Tag => {}
            Filter::Agent | Filter::Language | Filter::Source | Filter::Rule | Filter::Variant => {
                conditions.one_of("key", values.map(kept));
            }
        }
    }
    conditions
}

/// The conditions of the view on the results with `column` in the period. The first is that they
/// are no tests. A filter of tags is not among them.
fn of_results(view: &View, column: &str, period: Period) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.sql.push(if view.counts_tests { "1 = 1" } else { "test = 0" }.to_owned());
    conditions.between(column, period.from.0, period.to.0);
    conditions.of_view(view, "");
    conditions
}

/// True if the row's tags fit the view.
fn fits(view: &View, row: &AnyRow) -> Result<bool> {
    let tagged: Option<String> = row.try_get("tagged")?;
    view.filters.get(Filter::Tag).map_or(Ok(true), |tags| has_a_tag(tagged.as_deref(), tags))
}

fn cell_of_result(
    view: &View,
    row: &AnyRow,
    key: Option<&GroupKey>,
    counts: Counts,
) -> Result<Option<Cell>> {
    if !fits(view, row)? {
        return Ok(None);
    }
    let kind = kind(row)?;
    let grouped: Option<String> = row.try_get("grouped")?;
    let keys = match (key, view.by) {
        (Some(key), _) => vec![key.clone()],
        (None, GroupBy::Nothing | GroupBy::Week) => vec![GroupKey::all()],
        (None, by) => keys(by, kind, grouped.as_deref())?,
    };
    Ok(Some(Cell { kind, keys, counts }))
}

/// The groups of a value as `result` has it.
fn keys(by: GroupBy, kind: SurveyType, value: Option<&str>) -> Result<Vec<GroupKey>> {
    let Some(value) = value else { return Ok(vec![GroupKey::Absent]) };
    Ok(match by {
        GroupBy::Tag => {
            let tags: BTreeSet<String> = serde_json::from_str(value)?;
            tags.into_iter().map(GroupKey::Named).collect()
        }
        GroupBy::Question => {
            let question = value.parse().map_err(|_| broken("a question that is no number"))?;
            vec![GroupKey::Question(kind, question)]
        }
        _ => vec![GroupKey::Named(value.to_owned())],
    })
}

/// A name as a day total keeps it. An absent name is empty.
fn kept(name: String) -> String {
    if name.is_empty() { name } else { format!("={name}") }
}

/// The name that a day total keeps.
fn named(kept: &str) -> Option<&str> {
    kept.strip_prefix('=')
}

fn kind(row: &AnyRow) -> Result<SurveyType> {
    let kind: String = row.try_get("kind")?;
    SurveyType::parse(&kind).ok_or_else(|| broken("an unknown type"))
}

fn week(day: &str) -> Result<GroupKey> {
    let day = day.parse().map_err(|_| broken("a day that is no number"))?;
    Ok(GroupKey::Named(Day(day).iso_week()))
}

fn count(row: &AnyRow, column: &str) -> Result<u64> {
    let count: Option<i64> = row.try_get(column)?;
    u64::try_from(count.unwrap_or(0)).map_err(|_| broken("a negative count"))
}

/// Reads all counts of prompts.
fn counts_of_prompts(row: &AnyRow) -> Result<Counts> {
    let waits: Option<String> = row.try_get("waits")?;
    let mut counts = Counts {
        prompted: count(row, "prompted")?,
        commented: count(row, "commented")?,
        last_unanswered_at: row.try_get::<Option<Millis>, _>("last_unanswered_at")?,
        waits_ms: read_waits(waits.as_deref().unwrap_or_default()),
        ..Counts::default()
    };
    for (score, given) in counts.scores.iter_mut().enumerate() {
        *given = count(row, SCORES[score])?;
    }
    Ok(counts)
}

const SCORES: [&str; 11] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10"];

/// Reads `throttled=3 expired=1`. One outcome may occur several times.
fn unsent(text: Option<&str>) -> Result<BTreeMap<String, u64>> {
    let mut unsent = BTreeMap::new();
    for one in text.unwrap_or_default().split_ascii_whitespace() {
        let (why, count) = one.split_once('=').ok_or_else(|| broken("a loss without a count"))?;
        let count: u64 = count.parse().map_err(|_| broken("a loss without a count"))?;
        *unsent.entry(why.to_owned()).or_default() += count;
    }
    Ok(unsent)
}

fn broken(what: &str) -> Error {
    Error::Broken(format!("a total with {what}"))
}
