//! Makes the links of the pages: the view that one sees, changed in one thing.
//!
//! Owns the addresses of pages and files. A link leaves out what a page shows anyway.

use crate::domain::days::{Day, Days, Zone};
use crate::domain::mood::Mood;
use crate::domain::summary::GroupBy;
use crate::domain::view::{AskedPeriod, Filter, Order, View};

/// The page of results.
pub const RESULTS: &str = "/";
/// The page of comments.
pub const COMMENTS: &str = "/comments";
/// The page that lists surveys.
pub const SURVEYS: &str = "/surveys";
/// The page of the audit log.
pub const AUDIT: &str = "/audit";

/// The breakdown that the page of results shows: the one asked for, else the next finer one.
pub fn breakdown(view: &View) -> GroupBy {
    match view.by {
        GroupBy::Nothing => usual_breakdown(view),
        by => by,
    }
}

/// The breakdown of a view that asks for none.
fn usual_breakdown(view: &View) -> GroupBy {
    match (view.filters.single(Filter::Team), view.filters.single(Filter::Agent)) {
        (_, Some(_)) => GroupBy::Tag,
        (Some(_), None) => GroupBy::Agent,
        (None, None) => GroupBy::Team,
    }
}

/// The address of a page that shows the view.
pub fn page(path: &str, view: &View) -> String {
    let mut view = view.clone();
    if view.by == usual_breakdown(&view) {
        view.by = GroupBy::Nothing;
    }
    address(path, &[], &view)
}

/// The address of a file or an answer for programs with the rows that the page shows.
pub fn file(path: &str, format: Option<&'static str>, view: &View) -> String {
    let by = breakdown(view);
    let view = view.with(|view| view.by = by);
    let format = format.map(|format| ("format", format.to_owned()));
    address(path, format.as_slice(), &view)
}

fn address(path: &str, first: &[(&'static str, String)], view: &View) -> String {
    let pairs = view.pairs();
    if first.is_empty() && pairs.is_empty() {
        return path.to_owned();
    }
    let start = format!("{path}?");
    let begins_at = start.len();
    let mut query = form_urlencoded::Serializer::for_suffix(start, begins_at);
    query.extend_pairs(first).extend_pairs(&pairs);
    query.finish()
}

/// The view narrowed down to the rows of one group. `None` if no view can be.
pub fn narrowed(view: &View, by: GroupBy, key: Option<&str>, zone: &Zone) -> Option<View> {
    if by == GroupBy::Week {
        let week = of_week(view, monday_of(key?, view)?, zone);
        let days = Days { from: week.days.from.max(view.days.from), ..week.days };
        return Some(week.over(days, zone));
    }
    let filter = Filter::of(by)?;
    Some(view.with(|view| {
        view.filters.set(filter, key.unwrap_or_default());
        view.by = GroupBy::Nothing;
    }))
}

/// The view over one week. The last week ends with the view.
pub fn of_week(view: &View, monday: Day, zone: &Zone) -> View {
    let days = Days { from: monday, to: monday.plus(6).min(view.days.to) };
    view.with(|view| {
        view.by = if view.by == GroupBy::Week { GroupBy::Nothing } else { view.by };
    })
    .over(days, zone)
}

/// The Monday of a week such as `2026-W47` that the view's days touch.
pub fn monday_of(week: &str, view: &View) -> Option<Day> {
    let last = view.days.to.monday();
    let mut monday = view.days.from.monday();
    while monday <= last {
        if monday.iso_week() == week {
            return Some(monday);
        }
        monday = monday.plus(7);
    }
    None
}

/// The view without one value of a filter.
pub fn without(view: &View, filter: Filter, value: &str) -> View {
    let left: Vec<String> = view.filters.get(filter).into_iter().flatten().cloned().collect();
    view.with(|view| {
        view.filters.remove(filter);
        for other in left.into_iter().filter(|other| other != value) {
            view.filters.add(filter, other);
        }
    })
}

/// The view in another order.
pub fn ordered(view: &View, order: Order) -> View {
    view.with(|view| view.order = order)
}

/// The view with the comments of one mood.
pub fn of_mood(view: &View, mood: Option<Mood>) -> View {
    view.with(|view| {
        (view.mood, view.state) = (mood, None);
        (view.by, view.order) = (GroupBy::Nothing, Order::Usual);
    })
}

/// The list of the very surveys that the view counts. By itself the list takes in today.
pub fn surveys(view: &View) -> String {
    let view = of_mood(view, None);
    let days = view.days;
    page(SURVEYS, &over(&view, AskedPeriod::Days(days)))
}

/// The view over another period.
pub fn over(view: &View, asked: AskedPeriod) -> View {
    view.with(|view| view.asked = asked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::survey_type::SurveyType;
    use crate::domain::time::Millis;
    use crate::domain::view::Against;

    fn zone() -> Zone {
        Zone::parse("Europe/Berlin").unwrap()
    }

    fn now() -> Millis {
        Millis::from_rfc3339("2026-11-30T13:00:00Z").unwrap()
    }

    fn read(address: &str) -> View {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let pairs = pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        View::parse(pairs.filter(|(key, _)| *key != "format"), &zone(), now()).unwrap()
    }

    #[test]
    fn the_usual_view_has_the_shortest_address() {
        let view = View::usual(&zone(), now());
        assert_eq!(page(RESULTS, &view), "/");
        assert_eq!(page(RESULTS, &view.with(|view| view.by = GroupBy::Team)), "/");
        assert_eq!(page(RESULTS, &view.with(|view| view.by = GroupBy::Tag)), "/?by=tag");
        assert_eq!(file("/v1/report", None, &view), "/v1/report?by=team");
        assert_eq!(
            file("/v1/export", Some("csv"), &ordered(&view, Order::Name)),
            "/v1/export?format=csv&by=team&order=name"
        );
    }

    #[test]
    fn a_row_leads_to_its_group_and_on_to_the_next_breakdown() {
        let view = View::usual(&zone(), now());
        let billing = narrowed(&view, GroupBy::Team, Some("Billing & Co"), &zone()).unwrap();
        assert_eq!(page(RESULTS, &billing), "/?team=Billing+%26+Co");
        assert_eq!(breakdown(&billing), GroupBy::Agent);
        let nobody = narrowed(&view, GroupBy::Team, None, &zone()).unwrap();
        assert_eq!(page(RESULTS, &nobody), "/?team=");
        let week = narrowed(&view, GroupBy::Week, Some("2026-W48"), &zone()).unwrap();
        assert_eq!(page(RESULTS, &week), "/?from=2026-11-23&to=2026-11-29");
        assert_eq!(narrowed(&view, GroupBy::Week, Some("2020-W01"), &zone()), None);
        let days = Days { from: Day::parse("2026-11-04").unwrap(), to: view.days.from.plus(9) };
        let part = view.over(days, &zone());
        let first = narrowed(&part, GroupBy::Week, Some("2026-W45"), &zone()).unwrap();
        let last = narrowed(&part, GroupBy::Week, Some("2026-W46"), &zone()).unwrap();
        assert_eq!(page(RESULTS, &first), "/?from=2026-11-04&to=2026-11-08");
        assert_eq!(page(RESULTS, &last), "/?from=2026-11-09&to=2026-11-11");
        assert_eq!(narrowed(&view, GroupBy::Question, Some("csat 2"), &zone()), None);
    }

    #[test]
    fn one_of_several_values_can_be_taken_away() {
        let mut view = View::usual(&zone(), now());
        view.filters.add(Filter::Tag, "refund");
        view.filters.add(Filter::Tag, "login");
        let left = without(&view, Filter::Tag, "refund");
        assert_eq!(page(RESULTS, &left), "/?tag=login");
        assert_eq!(page(RESULTS, &without(&left, Filter::Tag, "login")), "/");
    }

    proptest! {
        #[test]
        fn every_link_is_read_as_the_view_it_was_made_of(
            team in "\\PC{0,12}", tag in "\\PC{0,12}", by in 0usize..10, order in 0usize..Order::ALL.len(),
            nps in any::<bool>(), year in any::<bool>(), period in 0usize..5,
        ) {
            let mut view = View::usual(&zone(), now());
            view.kind = nps.then_some(SurveyType::Nps);
            view.against = if year { Against::Year } else { Against::Before };
            view.asked = AskedPeriod::NAMED[period];
            view.days = view.asked.days(zone().day_of(now()));
            view.period = zone().period(view.days);
            view.filters.add(Filter::Team, team);
            view.filters.add(Filter::Tag, tag);
            view.order = Order::ALL[order];
            view.by = GroupBy::NAMED[by];
            let found = read(&page(RESULTS, &view));
            prop_assert_eq!(breakdown(&found), breakdown(&view));
            prop_assert_eq!(View { by: view.by, ..found }, view.clone());
            prop_assert_eq!(read(&file("/v1/export", Some("csv"), &view)), view);
        }
    }
}
