//! The choices at the head of a page: what the view may be narrowed down to, as links.
//!
//! Each choice is a link, so all of it works without a script and every state has an address. Only
//! days of one's own are typed into a form.

use serde::Serialize;

use super::words::capitalised;
use super::{links, words};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::summary::GroupBy;
use crate::domain::survey::State;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Against, AskedPeriod, Filter, View};

/// What a viewer can choose from: what occurs among the results that they may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    /// The types that have results.
    pub kinds: Vec<SurveyType>,
    pub accounts: Vec<String>,
    pub teams: Vec<String>,
    /// Empty where nothing is chosen by agent.
    pub agents: Vec<String>,
    pub languages: Vec<String>,
}

/// A link among others of its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tab {
    pub label: String,
    pub href: String,
    pub is_here: bool,
}

/// A file with the rows of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileLink {
    pub label: &'static str,
    /// What is in it.
    pub about: &'static str,
    pub href: String,
}

/// A choice that opens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Menu {
    pub label: &'static str,
    pub chosen: String,
    pub is_in_use: bool,
    pub options: Vec<Tab>,
    /// How many options there is no room for.
    pub left_out: Option<String>,
}

/// A value that the view is narrowed down to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chip {
    pub filter: String,
    pub value: String,
    /// The view without the value.
    pub href: String,
}

/// The form for days of one's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DaysForm {
    pub action: &'static str,
    /// The days in use, or what the form is for.
    pub label: String,
    pub from: String,
    pub to: String,
    /// The last day that can be asked for: today.
    pub last: String,
    pub is_in_use: bool,
    /// All else that the view asks for.
    pub kept: Vec<(&'static str, String)>,
}

/// The choices of one page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterBar {
    /// What is chosen, for screens on which the choices are folded away.
    pub chosen: String,
    pub periods: Vec<Tab>,
    pub days: DaysForm,
    pub menus: Vec<Menu>,
    pub chips: Vec<Chip>,
    pub files: Vec<FileLink>,
    /// What the days leave out although they were asked for.
    pub note: Option<&'static str>,
    pub zone: String,
}

/// The most options of a menu. A breakdown shows all of them.
const OPTIONS_MAX: usize = 60;

/// Makes the choices of the page at `path`. `kind` is the type that the page shows, if only one.
pub fn bar(
    path: &'static str,
    view: &View,
    (zone, now): (&Zone, Millis),
    kind: Option<SurveyType>,
    choices: &Choices,
) -> FilterBar {
    let today = zone.day_of(now);
    let mut menus = Vec::new();
    if choices.kinds.len() > 1
        && let Some(kind) = kind
    {
        menus.push(questions(path, view, kind, choices));
    }
    if path == links::RESULTS {
        menus.push(against(path, view));
    }
    for (filter, values, all) in [
        (Filter::Account, &choices.accounts, "All accounts"),
        (Filter::Team, &choices.teams, "All teams"),
        (Filter::Agent, &choices.agents, "All agents"),
        (Filter::Language, &choices.languages, "All languages"),
    ] {
        let is_chosen_here = filter != Filter::Agent || !values.is_empty();
        if values.len() > 1 || (view.filters.get(filter).is_some() && is_chosen_here) {
            menus.push(narrowing(path, view, filter, values, all));
        }
    }
    if path == links::SURVEYS {
        menus.push(states(path, view));
    }
    let period = match view.asked {
        AskedPeriod::Days(_) => words::days(view.days),
        asked => period_name(asked),
    };
    let others = menus.iter().map(|menu| menu.chosen.clone());
    let chosen: Vec<String> = std::iter::once(period).chain(others).collect();
    FilterBar {
        chosen: chosen.join(" · "),
        periods: periods(path, view, today),
        days: days_form(path, view, today),
        menus,
        chips: chips(path, view),
        files: files(view, kind, today),
        note: match view.asked {
            AskedPeriod::Days(days) if days.to > view.days.to => {
                Some("Days after today are left out.")
            }
            _ => None,
        },
        zone: zone.name().to_owned(),
    }
}

/// A period in a few words.
fn period_name(asked: AskedPeriod) -> String {
    match asked {
        AskedPeriod::Last7Days => "7 days".to_owned(),
        AskedPeriod::Last28Days => "28 days".to_owned(),
        AskedPeriod::Last90Days => "90 days".to_owned(),
        AskedPeriod::LastMonth => "Last month".to_owned(),
        AskedPeriod::LastYear => "12 months".to_owned(),
        AskedPeriod::Days(days) => words::days(days),
    }
}

fn periods(path: &str, view: &View, today: Day) -> Vec<Tab> {
    let tab = |asked: AskedPeriod, label: String| Tab {
        label,
        href: links::page(path, &links::over(view, asked)),
        is_here: view.asked == asked,
    };
    let running = AskedPeriod::Days(Days { from: today, to: today });
    let named = AskedPeriod::NAMED.into_iter().map(|asked| tab(asked, period_name(asked)));
    std::iter::once(tab(running, "Today".to_owned())).chain(named).collect()
}

fn days_form(path: &'static str, view: &View, today: Day) -> DaysForm {
    let rest = links::over(view, AskedPeriod::Last28Days);
    let is_today = view.days == Days { from: today, to: today };
    let is_in_use = matches!(view.asked, AskedPeriod::Days(_)) && !is_today;
    DaysForm {
        action: path,
        label: if is_in_use { words::days(view.days) } else { "Other days".to_owned() },
        from: view.days.from.to_string(),
        to: view.days.to.to_string(),
        last: today.to_string(),
        is_in_use,
        kept: rest.pairs(),
    }
}

fn questions(path: &str, view: &View, kind: SurveyType, choices: &Choices) -> Menu {
    let tab = |of: &SurveyType| Tab {
        label: words::kind(*of).to_owned(),
        href: links::page(path, &view.with(|view| view.kind = Some(*of))),
        is_here: *of == kind,
    };
    let options = choices.kinds.iter().map(tab).collect();
    let chosen = words::kind(kind).to_owned();
    Menu { label: "Question", chosen, is_in_use: false, options, left_out: None }
}

fn against(path: &str, view: &View) -> Menu {
    let name = |against: Against| match (against, view.asked) {
        (Against::Nothing, _) => "Nothing".to_owned(),
        (Against::Before, AskedPeriod::LastMonth) => "Month before".to_owned(),
        (Against::Before, AskedPeriod::LastYear) => "12 months before".to_owned(),
        (Against::Before, _) => match view.days.len() {
            1 => "Day before".to_owned(),
            days => format!("{days} days before"),
        },
        (Against::Year, _) => "A year before".to_owned(),
    };
    let tab = |against: Against| Tab {
        label: name(against),
        href: links::page(path, &view.with(|view| view.against = against)),
        is_here: view.against == against,
    };
    let options = [Against::Before, Against::Year, Against::Nothing].map(tab);
    let chosen = name(view.against);
    Menu { label: "Against", chosen, is_in_use: false, options: options.into(), left_out: None }
}

/// What became of the surveys of a list.
fn states(path: &str, view: &View) -> Menu {
    let tab = |label: String, state: Option<&'static str>| Tab {
        label,
        href: links::page(path, &view.with(|view| view.state = state)),
        is_here: view.state == state,
    };
    let name = |state: &str| capitalised(words::state(state, None).split(':').next().unwrap_or(""));
    let all = tab("Everything".to_owned(), None);
    let some = State::NAMES.map(|state| tab(name(state), Some(state)));
    Menu {
        label: "What became of it",
        chosen: view.state.map_or_else(|| "Everything".to_owned(), name),
        is_in_use: view.state.is_some(),
        options: std::iter::once(all).chain(some).collect(),
        left_out: None,
    }
}

fn narrowing(path: &str, view: &View, filter: Filter, values: &[String], all: &str) -> Menu {
    let used = view.filters.get(filter);
    let everything = Tab {
        label: all.to_owned(),
        href: links::page(path, &view.with(|view| view.filters.remove(filter))),
        is_here: used.is_none(),
    };
    let tab = |value: &String| Tab {
        label: value_name(filter, value),
        href: links::page(path, &view.with(|view| view.filters.set(filter, value.as_str()))),
        is_here: view.filters.single(filter) == Some(value),
    };
    let shown = values.iter().take(OPTIONS_MAX).map(tab);
    let left_out = values.len().saturating_sub(OPTIONS_MAX) as u64;
    let chosen = match used.map(|used| used.iter().collect::<Vec<_>>()).as_deref() {
        None => all.to_owned(),
        Some([value]) => value_name(filter, value),
        Some(values) => {
            let many = filter_name(filter).1;
            format!("{} {many}", values.len())
        }
    };
    Menu {
        label: filter_name(filter).0,
        chosen,
        is_in_use: used.is_some(),
        options: std::iter::once(everything).chain(shown).collect(),
        left_out: (left_out > 0).then(|| format!("and {} more", words::count(left_out))),
    }
}

/// The name of a filter and of many of its values.
pub(super) fn filter_name(filter: Filter) -> (&'static str, &'static str) {
    let by = GroupBy::parse(filter.as_str()).expect("every filter is a breakdown too");
    words::breakdown(by)
}

/// A value of a filter as people read it.
pub(super) fn value_name(filter: Filter, value: &str) -> String {
    match filter {
        _ if value.is_empty() => format!("without {}", filter.as_str()),
        Filter::Language => words::language(value),
        _ => words::name(value),
    }
}

fn chips(path: &str, view: &View) -> Vec<Chip> {
    let values = view
        .filters
        .iter()
        .flat_map(|(filter, values)| values.iter().map(move |value| (filter, value.as_str())));
    let chip = |(filter, value): (Filter, &str)| Chip {
        filter: filter_name(filter).0.to_owned(),
        value: value_name(filter, value),
        href: links::page(path, &links::without(view, filter, value)),
    };
    values.map(chip).collect()
}

/// The rows of the page as files. What the page chose by itself is written down in their address.
fn files(view: &View, kind: Option<SurveyType>, today: Day) -> Vec<FileLink> {
    let view = view.with(|view| {
        view.kind = view.kind.or(kind);
        if view.days != view.asked.days(today) {
            view.asked = AskedPeriod::Days(view.days);
        }
    });
    let rows = |label: &'static str, format: &'static str, about: &'static str| FileLink {
        label,
        about,
        href: links::file("/v1/export", Some(format), &view),
    };
    vec![
        rows("Excel", "xlsx", "a row for each survey"),
        rows("CSV", "csv", "the same rows"),
        rows("Parquet", "parquet", "the same, for DuckDB, pandas and warehouses"),
        rows("JSON Lines", "jsonl", "the same, for programs"),
        FileLink {
            label: "JSON",
            about: "these numbers, without a row of anybody",
            href: links::file("/v1/report", None, &view),
        },
    ]
}

#[cfg(test)]
mod tests;
