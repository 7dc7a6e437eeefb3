//! Reads which results a request asks for, within what whoever asks may see.
//!
//! Owns the limits of the viewer on every number. A filter that would let a reader work out fewer
//! answers than the floor shows no score. Must not lay anything out.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;

use super::page::ErrorForm;
use super::visit::{Visit, log_failure};
use crate::domain::access::{Role, Viewer};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::plain_text::printable;
use crate::domain::summary::{Compared, Group, GroupBy, Report, compare};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{AskedPeriod, Filter, View};
use crate::pages::filters::Choices;
use crate::results::{KnownNames, Reading};
use crate::store::{self, CellDetail, Place, ResultRow};

/// How long a page waits for the last changes to be counted. It says what is left then.
const CATCH_UP: Duration = Duration::from_secs(2);

/// About so many answers at most judge the names on comments. Of more, the sets of tags alone take
/// longer to read than everything else on the page.
const JUDGED_BY: u64 = 20_000;

/// The most characters of an unknown name that are repeated.
const NAME_SHOWN_MAX: usize = 80;

/// What a request asks for.
pub struct Asked {
    /// As it was asked for. Links and the audit log use it.
    pub view: View,
    /// The view within what whoever asks may see. Everything is read by this one alone.
    pub within: View,
    pub reading: Reading,
    /// Where a list goes on. `None` at its beginning.
    pub after: Option<Place>,
    /// The names that whoever asks may see.
    pub names: KnownNames,
    /// How many surveys and days are not counted yet.
    pub left: u64,
    form: ErrorForm,
    viewer: Viewer,
}

impl Asked {
    /// Reads the query of the request. Keys in `other` belong to the address and to no view.
    pub async fn of(visit: &Visit, form: ErrorForm, other: &[&str]) -> Result<Self, Response> {
        let terms = &visit.live.results;
        let now = visit.web.clock.now();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(visit.query.as_bytes())
            .into_owned()
            .filter(|(key, _)| !other.contains(&key.as_str()))
            .collect();
        let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let view = View::parse(pairs, &terms.zone, now).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            form.refuse(StatusCode::BAD_REQUEST, &faults.join("; "))
        })?;
        let after = match view.before.as_deref().map(Place::parse) {
            None => None,
            Some(Some(place)) => Some(place),
            Some(None) => {
                let words = "before is copied from a link to a next page; this one leads nowhere";
                return Err(form.refuse(StatusCode::BAD_REQUEST, words));
            }
        };
        // A list that is narrowed by an agent or by scores tells both of each of its rows.
        let tells_answers = view.mood.is_some() || view.filters.get(Filter::Agent).is_some();
        if tells_answers && !visit.viewer().has_role(Role::Supervisor) {
            return Err(form.nothing_here());
        }
        let store = visit.web.store.clone();
        let reading = Reading {
            store,
            zone: terms.zone.clone(),
            now,
            fresh_for: terms.fresh_for,
            min_group: terms.min_group,
        };
        let mut asked = Self {
            within: limited(&view, visit.viewer()),
            view,
            reading,
            after,
            names: KnownNames::default(),
            left: 0,
            form,
            viewer: visit.viewer().clone(),
        };
        let store = &asked.reading.store;
        let caught_up = store.catch_up_results(&terms.zone, now, CATCH_UP).await;
        let left = caught_up.map_err(|error| asked.failed(&error))?;
        let store = &asked.reading.store;
        let all = store.names().await.map_err(|error| asked.failed(&error))?;
        asked.left = left;
        let (accounts, teams) = (asked.viewer.accounts.as_ref(), asked.viewer.teams.as_ref());
        asked.names = KnownNames::within(all, accounts, teams);
        let configured = visit.live.intake.accounts.keys().cloned();
        let configured = configured.filter(|name| asked.viewer.may_see_account(name));
        asked.names.accounts.extend(configured);
        let unknown =
            [Filter::Account, Filter::Team].into_iter().find_map(|filter| asked.unknown(filter));
        if let Some(refusal) = unknown {
            return Err(refusal);
        }
        Ok(asked)
    }

    /// Answers that an account or a team of the view is not there. One that this viewer may not see
    /// is answered alike, so that nobody learns which names there are.
    fn unknown(&self, filter: Filter) -> Option<Response> {
        let known = match filter {
            Filter::Account => &self.names.accounts,
            _ => &self.names.teams,
        };
        let mut values = self.view.filters.get(filter).into_iter().flatten();
        let unknown = values.find(|value| !known.contains(*value) && !value.is_empty())?;
        if !self.viewer.sees_all() {
            return Some(self.form.nothing_here());
        }
        let unknown = printable(&unknown.chars().take(NAME_SHOWN_MAX).collect::<String>());
        let words = format!("No {} is called {unknown}.", filter.as_str());
        Some(self.form.refuse(StatusCode::NOT_FOUND, &words))
    }

    /// Leaves out the days after today, as pages do. Answers a view of such days alone.
    pub fn until_today(&mut self) -> Option<Response> {
        let today = self.reading.zone.day_of(self.reading.now);
        match until_today(self.view.days, today) {
            Ok(days) => self.over(days),
            Err(words) => return Some(self.form.refuse(StatusCode::BAD_REQUEST, &words)),
        }
        None
    }

    /// Takes in the running day beside the last days, as the list of surveys does.
    pub fn with_today(&mut self) {
        let today = self.reading.zone.day_of(self.reading.now);
        self.over(with_today(&self.view, today));
    }

    fn over(&mut self, days: Days) {
        if days == self.view.days {
            return;
        }
        for view in [&mut self.view, &mut self.within] {
            show_days(view, days, &self.reading.zone);
        }
    }

    /// The report beside the one it is compared with, by a breakdown. `before` is how much is read
    /// of the latter.
    pub async fn compared(&self, by: GroupBy, before: CellDetail) -> Result<Compared, Response> {
        let view = View { by, ..self.within.clone() };
        let now = self.guarded(&view, CellDetail::Whole).await?;
        let before = match view.compared_with(&self.reading.zone) {
            Some(view) => Some(self.guarded(&view, before).await?),
            None => None,
        };
        Ok(compare(now, before))
    }

    /// The report of the view without a breakdown, as far as its scores go.
    pub async fn scores(&self) -> Result<Report, Response> {
        let view = View { by: GroupBy::Nothing, ..self.within.clone() };
        self.guarded(&view, CellDetail::Scores).await
    }

    /// How many answers there are to prompts of today. 0 if the view itself holds today.
    pub async fn answers_today(&self, kind: SurveyType) -> Result<u64, Response> {
        let today = self.reading.zone.day_of(self.reading.now);
        if self.within.days.to >= today {
            return Ok(0);
        }
        let view = View { by: GroupBy::Nothing, ..self.within.clone() };
        let view = view.over(Days { from: today, to: today }, &self.reading.zone);
        Ok(answered(&self.read(&view, CellDetail::Scores).await?, kind))
    }

    /// A report that shows no score if a filter alone would give away too few answers.
    ///
    /// A reader can take each filter away and subtract. So what a filter leaves out must be nothing
    /// or at least the floor. What the viewer may not see at all cannot be asked for.
    async fn guarded(&self, view: &View, detail: CellDetail) -> Result<Report, Response> {
        let mut report = self.read(view, detail).await?;
        let asked = self.view.filters.iter().map(|(filter, _)| filter);
        for filter in asked {
            let wider = self.view.with(|view| view.filters.remove(filter));
            let wider = View { by: GroupBy::Nothing, ..limited(&wider, &self.viewer) };
            let wider = View { period: view.period, ..wider.over(view.days, &self.reading.zone) };
            let wider = self.read(&wider, CellDetail::Scores).await?;
            for kind in SurveyType::ALL {
                let left_out = answered(&wider, kind).saturating_sub(answered(&report, kind));
                if 0 < left_out && left_out < u64::from(report.min_group) {
                    report.withhold(kind);
                }
            }
        }
        Ok(report)
    }

    async fn read(&self, view: &View, detail: CellDetail) -> Result<Report, Response> {
        self.reading.report_of(view, detail).await.map_err(|error| self.failed(&error))
    }

    /// Takes off the surveys all names that this view holds back, because too few answers stand
    /// behind them. `total` is that of the view.
    pub async fn take_off_held_names(
        &self,
        total: &Group,
        rows: &mut [ResultRow],
    ) -> Result<(), Response> {
        let sent_at = |row: &ResultRow| Some(row.survey.state.delivery()?.sent_at);
        let latest = rows.iter().filter_map(sent_at).max();
        let judged = judged_by(&self.within, &self.reading.zone, total.answered, latest);
        for by in [GroupBy::Team, GroupBy::Agent, GroupBy::Language, GroupBy::Tag] {
            if !rows.iter().any(|row| has_a_name(row, by)) {
                continue;
            }
            let view = View { by, kind: Some(total.kind), ..judged.clone() };
            let groups = self.read(&view, CellDetail::Scores).await?.groups.into_iter();
            let held = groups.filter(|group| group.score.is_none());
            let held: BTreeSet<String> = held.filter_map(|group| group.key).collect();
            rows.iter_mut().for_each(|row| take_off(row, by, &held));
        }
        Ok(())
    }

    /// What the viewer can choose from.
    pub fn choices(&self) -> Choices {
        let names = &self.names;
        Choices {
            kinds: names.kinds.iter().copied().collect(),
            accounts: names.accounts.iter().cloned().collect(),
            teams: names.teams.iter().cloned().collect(),
            agents: Vec::new(),
            languages: names.languages.iter().cloned().collect(),
        }
    }

    /// The agents of the view, whichever of them it is narrowed down to.
    pub async fn agents(&self) -> Result<Vec<String>, Response> {
        let view = self.view.with(|view| {
            view.filters.remove(Filter::Agent);
            view.by = GroupBy::Agent;
        });
        let view = limited(&view, &self.viewer);
        let report = self.read(&view, CellDetail::Scores).await?;
        let names: BTreeSet<String> =
            report.groups.into_iter().filter_map(|group| group.key).collect();
        Ok(names.into_iter().collect())
    }

    /// Answers that the database does not answer. Slow never looks empty.
    pub fn failed(&self, error: &store::Error) -> Response {
        log_failure(&self.reading.store, error, "results cannot be read");
        self.form.unavailable("The results cannot be read now. Try again in a moment.")
    }

    /// What the audit log says was seen.
    pub fn shown(&self, count: Option<u64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.view.pairs());
        let query = query.finish();
        match count {
            Some(count) => format!("{query} ({count} answers)").trim().to_owned(),
            None => query,
        }
    }
}

/// The days up to today. The error says that all of them are to come.
pub fn until_today(days: Days, today: Day) -> Result<Days, String> {
    match days.from > today {
        true => Err(format!("{} is after today, {today}: nothing has happened yet.", days.from)),
        false => Ok(Days { to: days.to.min(today), ..days }),
    }
}

/// The days of the view and, if they are the last ones, the running day beside them.
pub fn with_today(view: &View, today: Day) -> Days {
    match view.asked {
        AskedPeriod::Last7Days | AskedPeriod::Last28Days | AskedPeriod::Last90Days => {
            Days { to: today, ..view.days }
        }
        AskedPeriod::LastMonth | AskedPeriod::LastYear | AskedPeriod::Days(_) => view.days,
    }
}

/// Has the view show other days. It is still asked for as it was, for links.
pub fn show_days(view: &mut View, days: Days, zone: &Zone) {
    (view.days, view.period) = (days, zone.period(days));
}

/// The score of a survey. One outside the type's scale is none.
pub fn score(row: &ResultRow) -> Option<u8> {
    let score = u8::try_from(row.told.score?).ok()?;
    row.survey.kind.scores().contains(&score).then_some(score)
}

/// The view within what a viewer may see.
fn limited(view: &View, viewer: &Viewer) -> View {
    let mut within = view.clone();
    let limits = [(Filter::Account, &viewer.accounts), (Filter::Team, &viewer.teams)];
    for (filter, limit) in limits {
        if let Some(limit) = limit {
            within.filters.limit(filter, limit);
        }
    }
    within
}

fn answered(report: &Report, kind: SurveyType) -> u64 {
    let total = report.totals.iter().find(|total| total.kind == kind);
    total.map_or(0, |total| total.answered)
}

/// The view by which the names on some surveys are judged: as many of its days as have some 20,000
/// answers, up to the day of the latest survey. Enough answers in a part are enough in the whole.
fn judged_by(view: &View, zone: &Zone, answered: u64, latest: Option<Millis>) -> View {
    let Some(latest) = latest.filter(|_| answered > JUDGED_BY) else {
        return view.clone();
    };
    let Days { from, to } = view.days;
    let days = u64::from(view.days.len().unsigned_abs()) * JUDGED_BY / answered;
    let days = i32::try_from(days).unwrap_or(i32::MAX).max(1);
    let to = zone.day_of(latest).clamp(from, to);
    view.over(Days { from: from.max(to.plus(1 - days)), to }, zone)
}

fn has_a_name(row: &ResultRow, by: GroupBy) -> bool {
    let notice = &row.survey.notice;
    match by {
        GroupBy::Team => notice.team.is_some(),
        GroupBy::Agent => notice.agent.is_some(),
        GroupBy::Language => notice.language.is_some(),
        GroupBy::Tag => !notice.tags.is_empty(),
        _ => false,
    }
}

fn take_off(row: &mut ResultRow, by: GroupBy, held: &BTreeSet<String>) {
    let notice = &mut row.survey.notice;
    let name = match by {
        GroupBy::Team => &mut notice.team,
        GroupBy::Agent => &mut notice.agent,
        GroupBy::Language => &mut notice.language,
        _ => return notice.tags.retain(|tag| !held.contains(tag)),
    };
    name.take_if(|name| held.contains(name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::days::Day;

    #[test]
    fn names_of_a_large_view_are_judged_by_the_days_up_to_the_latest_comment() {
        let zone = Zone::utc();
        let at = |day: &str| {
            let day = Day::parse(day).unwrap();
            Some(zone.period(Days { from: day, to: day }).to)
        };
        let now = at("2026-11-30").unwrap();
        let view = |from, to| View::parse([("from", from), ("to", to)], &zone, now).unwrap();
        let year = view("2025-12-01", "2026-11-30");
        let judged = |answered, latest| judged_by(&year, &zone, answered, latest);
        assert_eq!(judged(JUDGED_BY, at("2026-03-28")), year);
        assert_eq!(judged(JUDGED_BY + 1, None), year);
        let million = 1_000_000;
        for (answered, latest, from, to) in [
            (JUDGED_BY * 2, "2026-11-30", "2026-06-02", "2026-11-30"),
            (million, "2026-03-28", "2026-03-22", "2026-03-28"),
            (million, "2025-12-03", "2025-12-01", "2025-12-03"),
            (million, "2026-12-24", "2026-11-24", "2026-11-30"),
            (million, "2025-11-01", "2025-12-01", "2025-12-01"),
            (u64::MAX / 400, "2026-03-28", "2026-03-28", "2026-03-28"),
        ] {
            assert_eq!(judged(answered, at(latest)), view(from, to), "{answered}, {latest}");
        }
    }
}
