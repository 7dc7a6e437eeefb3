//! Reads tables with free keys whose values are one text or several.

use std::collections::BTreeMap;

use toml::Value;

use super::ConfigTable;
use crate::config::given::GivenValue;
use crate::config::lists;

impl ConfigTable<'_, '_> {
    /// True if the file or a variable gives a value at or below `key`.
    pub fn holds(&self, key: &str) -> bool {
        let variable = self.place.child(key).variable;
        let beginning = format!("{variable}__");
        self.values.contains_key(key)
            || self
                .collector
                .variables
                .keys()
                .any(|name| *name == variable || name.starts_with(&beginning))
    }

    /// True if `key` is given as text or a list instead of a table. A variable on `key` counts as
    /// text.
    pub fn is_list(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Array(_) | Value::String(_)))
            || self.collector.variables.contains_key(&self.place.child(key).variable)
    }

    /// True if the file gives `key` a value that is not a table.
    pub fn holds_no_table(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_table())
    }

    /// Returns the texts of the table under `key` by their keys. Returns `None` if one of them is
    /// faulty.
    pub fn lists(&mut self, key: &'static str) -> Option<BTreeMap<String, Vec<String>>> {
        let ConfigTable { collector, place, values, .. } = self.table(key);
        collector.known.insert(place.pattern.clone());
        let mut sound = true;
        let mut lists = BTreeMap::new();
        for (name, value) in values {
            let place = place.child(&name);
            let given = match collector.overriding(&place) {
                Ok(variable) => variable.map_or(GivenValue::File(value), GivenValue::Variable),
                Err(wrong) => {
                    sound = false;
                    collector.fault(&place, None, wrong.problem, wrong.remedy);
                    continue;
                }
            };
            match lists::texts(&given) {
                Ok(texts) => {
                    lists.insert(name, texts);
                }
                Err(wrong) => {
                    sound = false;
                    collector.fault(&place, given.shown(), wrong.problem, wrong.remedy);
                }
            }
        }
        sound.then_some(lists)
    }
}
