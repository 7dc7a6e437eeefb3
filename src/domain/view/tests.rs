use proptest::{collection, option, prelude::*, sample};

use super::*;

/// A Sunday at noon in Berlin.
const NOW: &str = "2026-11-29T11:00:00Z";

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn now() -> Millis {
    Millis::from_rfc3339(NOW).unwrap()
}

fn read(query: &str) -> Result<View, Vec<ViewFault>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    View::parse(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))), &berlin(), now())
}

fn view(query: &str) -> View {
    read(query).unwrap()
}

fn written(view: &View) -> String {
    let pairs = view.pairs().into_iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

fn days(days: Days) -> String {
    format!("{} to {}", days.from, days.to)
}

fn faults(query: &str) -> Vec<String> {
    read(query).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_choice_it_is_the_last_28_whole_days_against_those_before() {
    let usual = view("");
    assert_eq!(days(usual.days), "2026-11-01 to 2026-11-28");
    assert_eq!(usual.period.from.rfc3339(), "2026-10-31T23:00:00.000Z");
    assert_eq!(usual.period.to.rfc3339(), "2026-11-28T22:59:59.999Z");
    assert_eq!(days(usual.compared_with(&berlin()).unwrap().days), "2026-10-04 to 2026-10-31");
    assert_eq!(written(&usual), "");
}

#[test]
fn each_period_is_compared_with_its_like() {
    for (query, is, before, year) in [
        (
            "period=7d",
            "2026-11-22 to 2026-11-28",
            "2026-11-15 to 2026-11-21",
            "2025-11-23 to 2025-11-29",
        ),
        (
            "period=90d",
            "2026-08-31 to 2026-11-28",
            "2026-06-02 to 2026-08-30",
            "2025-09-01 to 2025-11-29",
        ),
        (
            "period=month",
            "2026-10-01 to 2026-10-31",
            "2026-09-01 to 2026-09-30",
            "2025-10-01 to 2025-10-31",
        ),
        (
            "period=year",
            "2025-11-01 to 2026-10-31",
            "2024-11-01 to 2025-10-31",
            "2024-11-01 to 2025-10-31",
        ),
        (
            "from=2026-11-02&to=2026-11-08",
            "2026-11-02 to 2026-11-08",
            "2026-10-26 to 2026-11-01",
            "2025-11-03 to 2025-11-09",
        ),
        (
            "from=2026-11-27",
            "2026-11-27 to 2026-11-29",
            "2026-11-24 to 2026-11-26",
            "2025-11-28 to 2025-11-30",
        ),
        (
            "to=2026-01-28",
            "2026-01-01 to 2026-01-28",
            "2025-12-04 to 2025-12-31",
            "2025-01-02 to 2025-01-29",
        ),
    ] {
        let view = view(query);
        assert_eq!(days(view.days), is, "{query}");
        assert_eq!(days(view.compared_with(&berlin()).unwrap().days), before, "{query}");
        let of_year = view.with(|view| view.against = Against::Year);
        assert_eq!(days(of_year.compared_with(&berlin()).unwrap().days), year, "{query}");
        let alone = view.with(|view| view.against = Against::Nothing);
        assert_eq!(alone.compared_with(&berlin()), None);
    }
}

#[test]
fn a_view_longer_than_a_year_is_not_compared_with_a_part_of_itself() {
    let view = view("from=2025-01-01&to=2026-06-30&against=year");
    assert_eq!(days(view.compared_with(&berlin()).unwrap().days), "2023-01-04 to 2024-07-02");
}

#[test]
fn every_fault_is_told_with_its_key_and_the_way_out() {
    assert_eq!(
        faults("question=ces&team=a&teem=b&by=mood&by=team"),
        [
            "\"teem\" is no key of a view; the keys are question, period, from, to, against, by, \
             order, mood, state, before, account, team, agent, tag, language, source, rule, variant",
            "by is given 2 times; give it once",
            "question=\"ces\" cannot be read: question is csat or nps",
            "by=\"mood\" cannot be read: by is agent, team, tag, language, source, account, week, \
             question, rule or variant",
        ]
    );
    assert_eq!(
        faults("period=28d&from=2026-11-01"),
        ["`period` stands beside days: give either `period` or `from` and `to`"]
    );
    assert_eq!(
        faults("from=2026-11-02&to=2026-11-01"),
        ["from=2026-11-02 is later than to=2026-11-01: no day lies between them"]
    );
    assert_eq!(
        faults("from=yesterday"),
        ["from=\"yesterday\" cannot be read: from is a day such as 2026-11-22"]
    );
    assert_eq!(
        faults("period=2w"),
        ["period=\"2w\" cannot be read: period is 7d, 28d, 90d, month or year"]
    );
    let many = (0..51).map(|number| format!("agent={number}")).collect::<Vec<_>>().join("&");
    assert_eq!(faults(&many), ["agent has 51 values; a view has at most 50 of them"]);
    assert_eq!(faults("from=2000-01-01&to=2026-01-01").len(), 1);
}

#[test]
fn what_a_form_leaves_empty_is_no_choice_but_an_empty_filter_means_without() {
    let view = view("question=&period=&team=&order=");
    assert_eq!(view.kind, None);
    assert_eq!(view.filters.single(Filter::Team), Some(""));
    assert_eq!(written(&view), "team=");
}

#[test]
fn a_limit_takes_away_and_never_adds() {
    let mut view = view("team=a&team=b");
    let to = |teams: &[&str]| teams.iter().map(|team| (*team).to_owned()).collect();
    view.filters.limit(Filter::Team, &to(&["b", "c"]));
    assert_eq!(view.filters.single(Filter::Team), Some("b"));
    view.filters.limit(Filter::Team, &to(&["c"]));
    assert!(view.filters.get(Filter::Team).unwrap().is_empty(), "nothing is left to see");
    view.filters.limit(Filter::Account, &to(&["acme"]));
    assert_eq!(view.filters.single(Filter::Account), Some("acme"));
}

prop_compose! {
    fn any_query()(
        question in option::of(sample::select(vec!["csat", "nps"])),
        period in sample::select(vec!["", "period=7d", "period=28d", "period=90d", "period=month",
            "period=year", "from=2026-01-02&to=2026-03-04"]),
        against in option::of(sample::select(Against::ALL.to_vec())),
        by in option::of(sample::select(GroupBy::NAMED.to_vec())),
        order in option::of(sample::select(Order::ALL.to_vec())),
        state in option::of(sample::select(crate::domain::survey::State::NAMES.to_vec())),
        filters in collection::vec((sample::select(Filter::ALL.to_vec()), "[a-z]{0,3}"), 0..6),
    ) -> String {
        let mut pairs: Vec<String> = Vec::new();
        pairs.extend(question.map(|kind| format!("question={kind}")));
        pairs.extend(Some(period.to_owned()));
        pairs.extend(against.map(|against| format!("against={}", against.as_str())));
        pairs.extend(by.map(|by| format!("by={}", by.as_str())));
        pairs.extend(order.map(|order| format!("order={}", order.as_str())));
        pairs.extend(state.map(|state| format!("state={state}")));
        pairs.extend(filters.iter().map(|(filter, value)| format!("{}={value}", filter.as_str())));
        pairs.join("&")
    }
}

proptest! {
    #[test]
    fn a_view_is_read_from_what_it_writes(query in any_query()) {
        let view = view(&query);
        prop_assert_eq!(read(&written(&view)), Ok(view));
    }
}
