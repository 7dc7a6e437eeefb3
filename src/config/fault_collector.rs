//! Collects every fault of a configuration. It walks the tree of values and visits each key once.
//!
//! Owns three facts about keys:
//!
//! - which keys exist (exactly those that were asked for)
//! - where each key stands in the file
//! - which variable overrides it
//!
//! Must not judge the form of a value. `values` does that.

mod unknown_keys;
mod lists;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Value;

pub(super) use self::place::KeyPlace;
use self::unknown_keys::UnknownKey;
use super::environment::Environment;
use super::faults::{Fault, Faults};
use super::given::{GivenTable, GivenValue, Wrong, noun};

/// The state of one reading of the configuration, with the faults that it has met.
pub(super) struct FaultCollector<'a> {
    pub path: &'a Path,
    pub environment: &'a Environment,
    /// The permission bits of the file at `path`. `None` if the text is not from a file. It becomes
    /// `None` once the fault about secrets in an exposed file has been reported.
    pub mode: Option<u32>,
    /// If false, no secret is read or checked and an empty one stands for each.
    pub needs_secrets: bool,
    /// The overriding variables by their names in capitals. Each has its name and value as they
    /// were set.
    variables: BTreeMap<String, (String, Option<String>)>,
    /// The variables that belong to a key with that key's path. Includes variables that are not
    /// set.
    answered: BTreeMap<String, String>,
    /// The prefixes of variables whose keys a later version will support.
    later: Vec<String>,
    /// The known keys as patterns, such as `accounts.*.survey.delay`.
    pub known: BTreeSet<String>,
    unknown: Vec<UnknownKey>,
    faults: Vec<Fault>,
}

/// A table that gives up its values one by one. The caller must close it after the last key.
pub(super) struct ConfigTable<'w, 'a> {
    pub collector: &'w mut FaultCollector<'a>,
    pub place: KeyPlace,
    values: GivenTable,
    known: Vec<&'static str>,
}

impl<'a> FaultCollector<'a> {
    pub fn new(path: &'a Path, environment: &'a Environment) -> Self {
        let variables = environment.overrides().map(|(name, value)| {
            (name.to_uppercase(), (name.to_owned(), value.to_str().map(str::to_owned)))
        });
        Self {
            path,
            environment,
            mode: None,
            needs_secrets: true,
            variables: variables.collect(),
            answered: BTreeMap::new(),
            later: Vec::new(),
            known: BTreeSet::new(),
            unknown: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub fn root(&mut self, values: GivenTable) -> ConfigTable<'_, 'a> {
        self.table(KeyPlace::root(), values)
    }

    pub fn table(&mut self, place: KeyPlace, values: GivenTable) -> ConfigTable<'_, 'a> {
        ConfigTable { collector: self, place, values, known: Vec::new() }
    }

    /// Returns the configuration if there was no fault. Otherwise, returns all faults.
    pub fn finish<T>(mut self, config: Option<T>) -> Result<T, Faults> {
        for unknown in std::mem::take(&mut self.unknown) {
            let (problem, remedy) = unknown.explained(&self.known);
            self.fault(&unknown.place, None, problem, remedy);
        }
        for (name, (as_set, _)) in &self.variables {
            if !self.answered.contains_key(name) {
                let (problem, remedy) =
                    unknown_keys::variable(name, self.answered.keys(), &self.later);
                let file = self.path.display().to_string();
                let (key, variable) = (String::new(), Some(as_set.clone()));
                self.faults.push(Fault { file, key, variable, value: None, problem, remedy });
            }
        }
        config.filter(|_| self.faults.is_empty()).ok_or(Faults(self.faults))
    }

    pub fn fault(
        &mut self,
        place: &KeyPlace,
        value: Option<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.faults.push(Fault {
            file: self.path.display().to_string(),
            key: place.path.clone(),
            variable: self.variables.get(&place.variable).map(|(as_set, _)| as_set.clone()),
            value,
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Returns the value of the variable that overrides the key at `place`.
    ///
    /// The error says why the variable cannot be used.
    fn overriding(&mut self, place: &KeyPlace) -> Result<Option<String>, Wrong> {
        let other = self.answered.insert(place.variable.clone(), place.path.clone());
        let Some((_, value)) = self.variables.get(&place.variable) else { return Ok(None) };
        match (other, value) {
            (Some(other), _) if other != place.path => Err(Wrong::new(
                format!("the variable stands for {other} as well"),
                "rename one of the two, or give their values in the file",
            )
            .hidden_if(true)),
            (_, None) => Err(Wrong::new("is not UTF-8 text", "set the variable to text")),
            (_, Some(value)) => Ok(Some(value.clone())),
        }
    }
}

impl<'a> ConfigTable<'_, 'a> {
    /// Returns the table under `key` or an empty one if there is none.
    pub fn table(&mut self, key: &'static str) -> ConfigTable<'_, 'a> {
        let remedy = format!("write it as [{}] and its keys below", self.place.child(key).header());
        self.table_or(key, &remedy)
    }

    /// True if the value under `key` is a table.
    pub fn holds_table(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Table(_)))
    }

    /// The same for a table that stands on one line. `example` is such a table.
    pub fn inline_table(&mut self, key: &'static str, example: &str) -> ConfigTable<'_, 'a> {
        self.table_or(key, &format!("write it as `{key} = {example}`"))
    }

    fn table_or(&mut self, key: &'static str, remedy: &str) -> ConfigTable<'_, 'a> {
        self.known.push(key);
        let place = self.place.child(key);
        let values = match self.values.remove(key) {
            None => GivenTable::new(),
            Some(Value::Table(values)) => values,
            Some(other) => {
                let problem = format!("is {}, not a table", noun(&other));
                self.collector.fault(&place, GivenValue::File(other).shown(), problem, remedy);
                GivenTable::new()
            }
        };
        self.collector.table(place, values)
    }

    /// Returns the tables of the list under `key` with their places. A table's place is its name or
    /// else its number. Returns `None` if the value is not a list of tables.
    pub fn entries(&mut self, key: &'static str) -> Option<Vec<(KeyPlace, GivenTable)>> {
        self.known.push(key);
        let place = self.place.child(key);
        let remedy = format!("write each of them as [[{}]] and its keys below", place.header());
        let list = match self.values.remove(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let problem = format!("is {}, not a list of tables", noun(&other));
                self.collector.fault(&place, GivenValue::File(other).shown(), problem, remedy);
                return None;
            }
        };
        let mut sound = true;
        let mut names = BTreeSet::new();
        let mut entries = Vec::new();
        for (index, entry) in list.into_iter().enumerate() {
            match entry {
                Value::Table(values) => {
                    let name = place::name_of(&values).filter(|name| names.insert(name.clone()));
                    entries.push((place.entry(index, name.as_deref()), values));
                }
                other => {
                    sound = false;
                    let place = place.entry(index, None);
                    let problem = format!("is {}, not a table", noun(&other));
                    self.collector.fault(
                        &place,
                        GivenValue::File(other).shown(),
                        problem,
                        remedy.clone(),
                    );
                }
            }
        }
        sound.then_some(entries)
    }

    /// Returns the sound texts of the table under `key`. The keys of that table are free.
    ///
    /// Variables can add texts. The rest of such a variable's name becomes the key. It is turned
    /// into small letters with `-` for `_`.
    pub fn texts(&mut self, key: &'static str) -> Vec<(String, KeyPlace, String)> {
        let ConfigTable { collector, place, values, .. } = self.table(key);
        collector.known.insert(place.pattern.clone());
        let mut given: BTreeMap<_, _> =
            values.into_iter().map(|(name, value)| (name, GivenValue::File(value))).collect();
        let written: BTreeSet<_> = given.keys().map(|name| place.child(name).variable).collect();
        let beginning = format!("{}__", place.variable);
        for variable in collector.variables.keys().filter(|name| !written.contains(*name)) {
            if let Some(name) = variable.strip_prefix(&beginning) {
                given.insert(
                    name.to_lowercase().replace('_', "-"),
                    GivenValue::Variable(String::new()),
                );
            }
        }
        let mut texts = Vec::new();
        for (name, value) in given {
            let place = place.child(&name);
            let text = collector.overriding(&place).and_then(|variable| match variable {
                Some(text) => Ok(text),
                None => value.text().map(str::to_owned),
            });
            match text {
                Ok(text) => texts.push((name, place, text)),
                Err(wrong) => collector.fault(&place, value.shown(), wrong.problem, wrong.remedy),
            }
        }
        texts
    }

    /// Takes the value of `key` from its variable or else from the file.
    pub fn take(&mut self, key: &'static str) -> Result<Option<GivenValue>, Wrong> {
        self.known.push(key);
        let place = self.place.child(key);
        self.collector.known.insert(place.pattern.clone());
        let in_file = self.values.remove(key);
        let variable = self.collector.overriding(&place)?;
        Ok(variable.map(GivenValue::Variable).or(in_file.map(GivenValue::File)))
    }

    /// Reads a key that may be left out. The outer `None` means that the value is faulty.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&GivenValue) -> Result<T, Wrong>,
    ) -> Option<Option<T>> {
        let (wrong, given) = match self.take(key) {
            Ok(None) => return Some(None),
            Ok(Some(given)) => match read(&given) {
                Ok(value) => return Some(Some(value)),
                Err(wrong) => (wrong, Some(given)),
            },
            Err(wrong) => (wrong, None),
        };
        let shown = given.filter(|_| !wrong.hidden).and_then(|given| given.shown());
        self.fault(key, shown, wrong.problem, wrong.remedy);
        None
    }

    /// Reads `key` or returns its default. Returns `None` if the value is faulty.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl Fn(&GivenValue) -> Result<T, Wrong>,
    ) -> Option<T> {
        Some(self.optional(key, read)?.unwrap_or(default))
    }

    /// Reads a key that must be given. `example` appears in the remedy if it is missing. Returns
    /// `None` if the value is faulty or missing.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl Fn(&GivenValue) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.optional(key, read)?;
        if value.is_none() {
            self.missing(key, example);
        }
        value
    }

    pub fn missing(&mut self, key: &'static str, example: &str) {
        let remedy = format!("add `{key} = {example}` to {}", self.place.name());
        self.fault(key, None, "is missing", remedy);
    }

    pub fn fault(
        &mut self,
        key: &str,
        value: Option<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let place = self.place.child(key);
        self.collector.fault(&place, value, problem, remedy);
    }

    /// Adds values for the keys that the file leaves out.
    pub fn under(&mut self, values: GivenTable) {
        for (key, value) in values {
            self.values.entry(key).or_insert(value);
        }
    }

    /// Gives up the table. Its remaining keys and variables are neither read nor reported.
    pub fn abandon(self) {
        let beginning = format!("{}__", self.place.variable);
        let of_it: Vec<_> = self
            .collector
            .variables
            .keys()
            .filter(|name| name.starts_with(&beginning))
            .cloned()
            .collect();
        for name in of_it {
            self.collector.answered.entry(name).or_insert_with(|| self.place.path.clone());
        }
    }

    /// Reports every remaining key as unknown because nothing asked for it. `later` lists the keys
    /// that a later version will support.
    pub fn close(self, later: &[&str]) {
        self.collector.later.extend(later.iter().map(|key| self.place.child(key).variable));
        for (key, _) in self.values {
            self.collector.unknown.push(UnknownKey {
                place: self.place.child(&key),
                later: later.contains(&key.as_str()),
                table: self.place.name().to_owned(),
                siblings: self.known.clone(),
                key,
            });
        }
    }
}
