//! Names what numbers are narrowed down to: by filters, or by the limits of whoever reads them.
//!
//! A number without the name of what it counts is read as the number of all.

use super::filters::{filter_name, value_name};
use super::words;
use crate::domain::view::{Filter, Filters};

/// The most values of a filter that are named one by one.
const NAMED_MAX: usize = 3;

/// How much a scope says of each filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeForm {
    /// "Billing": the page shows its filters elsewhere, too.
    Short,
    /// "team Billing": for a file, which shows nothing else of them.
    Full,
}

/// Names each filter in use, in a fixed order.
pub fn scope(filters: &Filters, form: ScopeForm) -> Vec<String> {
    let one = |(filter, values): (Filter, &std::collections::BTreeSet<String>)| {
        let (one, many) = filter_name(filter);
        if values.len() > NAMED_MAX {
            return format!("{} {many}", words::count(values.len() as u64));
        }
        let is_plain = form == ScopeForm::Short
            && matches!(filter, Filter::Account | Filter::Team | Filter::Agent | Filter::Language);
        let prefix = match (is_plain || values.iter().all(String::is_empty), values.len()) {
            (true, _) => String::new(),
            (false, 1) => format!("{} ", one.to_lowercase()),
            (false, _) => format!("{many} "),
        };
        let names: Vec<String> = values.iter().map(|value| value_name(filter, value)).collect();
        format!("{prefix}{}", words::listed(&names))
    };
    filters.iter().filter(|(_, values)| !values.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_is_named_as_briefly_as_its_place_allows() {
        let mut filters = Filters::default();
        assert_eq!(scope(&filters, ScopeForm::Full), [""; 0]);
        filters.set(Filter::Team, "Billing");
        filters.add(Filter::Tag, "vip");
        filters.add(Filter::Tag, "refund");
        filters.set(Filter::Language, "pt-BR");
        filters.set(Filter::Agent, "");
        assert_eq!(
            scope(&filters, ScopeForm::Short),
            ["Billing", "without agent", "tags refund and vip", "Portuguese (BR)"]
        );
        assert_eq!(
            scope(&filters, ScopeForm::Full),
            ["team Billing", "without agent", "tags refund and vip", "language Portuguese (BR)"]
        );
        for name in ["Returns", "Press", "Legal"] {
            filters.add(Filter::Team, name);
        }
        assert_eq!(scope(&filters, ScopeForm::Full)[0], "4 teams");
    }
}
