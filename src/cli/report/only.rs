//! Refuses names of `--only` that no result has.
//!
//! A misspelt team would look like a team without results.

use crate::cli::{NAMES_MAX, usage};
use crate::config;
use crate::domain::plain_text::printable;
use crate::domain::view::{Filter, View};
use crate::store::Store;

/// Refuses the first name that no result has. Nothing is refused by a kind of which no result has
/// any name. The totals of days must be whole.
pub async fn require_names(store: &Store, view: &View) -> anyhow::Result<()> {
    for (filter, values) in view.filters.iter().filter(|(filter, _)| *filter != Filter::Account) {
        let known = store.values_of(filter).await?;
        if known.is_empty() {
            continue;
        }
        // The empty value stands for results without any name.
        let unknown = values.iter().find(|value| !value.is_empty() && !known.contains(*value));
        if let Some(name) = unknown {
            return Err(unknown_name(filter, name, &known.into_iter().collect::<Vec<_>>()));
        }
    }
    Ok(())
}

fn unknown_name(filter: Filter, name: &str, known: &[String]) -> anyhow::Error {
    let kind = filter.as_str();
    let meant = config::nearest(name, known.iter().map(String::as_str));
    let meant = meant.map(|meant| format!(": did you mean {}?", printable(meant)));
    let shown: Vec<String> = known.iter().take(NAMES_MAX).map(|name| printable(name)).collect();
    let more = match known.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let problem = format!(
        "no close on record has such a {kind}, they have {}{more}{}",
        shown.join(", "),
        meant.unwrap_or_default()
    );
    usage("--only", &printable(&format!("{kind}={name}")), problem)
}
