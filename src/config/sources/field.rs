//! Reads the places, conditions and fields of a mapping.

use std::collections::BTreeMap;

use toml::Value;

use super::super::given::{GivenTable, GivenValue, Wrong, noun, quoted};
use crate::config::names::nearest;
use crate::domain::mapping::{Choice, Condition, ConditionTest, Field, PayloadPath, Take};

/// The keys of a choice that is written as a table.
const KEYS: [&str; 7] = ["at", "is", "all", "when", "values", "default", "split"];

const PLACE_FORM: &str = "write a JSON Pointer as \"/ticket/id\", or \"header:X-Name\"";
const FIELD_FORM: &str =
    "write a JSON Pointer as \"/ticket/id\", { at = \"…\", default = \"…\" }, or a list of those";

/// Reads one place or several. The first place that gives a value wins.
pub fn read(given: &GivenValue) -> Result<Field, Wrong> {
    match given {
        GivenValue::Variable(text) => Ok(Field(vec![Choice::of(Take::At(parse(text)?))])),
        GivenValue::File(value) => of(value),
    }
}

/// Reads a table of fields by name.
pub fn read_table(given: &GivenValue) -> Result<BTreeMap<String, Field>, Wrong> {
    match given {
        GivenValue::File(Value::Table(table)) => table
            .iter()
            .map(|(name, value)| match of(value) {
                Ok(field) => Ok((name.clone(), field)),
                Err(wrong) => Err(within(name, wrong)),
            })
            .collect(),
        GivenValue::File(_) | GivenValue::Variable(_) => {
            Err(Wrong::new("is not a table", "write { order = \"/ticket/order\" }"))
        }
    }
}

pub fn place(given: &GivenValue) -> Result<PayloadPath, Wrong> {
    parse(given.text()?)
}

pub fn places(given: &GivenValue) -> Result<Vec<PayloadPath>, Wrong> {
    match given {
        GivenValue::File(Value::Array(list)) => list.iter().map(entry).collect(),
        single => Ok(vec![place(single)?]),
    }
}

/// Reads which values must stand at which places.
pub fn condition(table: &GivenTable) -> Result<Condition, Wrong> {
    let tests = table.iter().map(|(place, value)| {
        let texts = match value {
            Value::Array(list) => list.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
            _ => vec![scalar(value)?],
        };
        let tests = texts.iter().map(|text| {
            ConditionTest::parse(text).ok_or_else(|| {
                let problem = format!("compares with {text:?}, which is no place");
                Wrong::new(problem, "write the place behind =, as \"=/ticket/owner_id\"")
            })
        });
        Ok((parse(place)?, tests.collect::<Result<_, _>>()?))
    });
    Ok(Condition(tests.collect::<Result<_, Wrong>>()?))
}

fn of(value: &Value) -> Result<Field, Wrong> {
    match value {
        Value::Array(list) => {
            let choices = list.iter().map(choices);
            Ok(Field(choices.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
        }
        single => choices(single).map(Field),
    }
}

/// Reads one choice. Its default follows as a second choice.
fn choices(value: &Value) -> Result<Vec<Choice>, Wrong> {
    let table = match value {
        Value::String(text) => return Ok(vec![Choice::of(Take::At(parse(text)?))]),
        Value::Table(table) => table,
        other => {
            let problem = format!("is {}, not a place", noun(other));
            return Err(Wrong::new(problem, FIELD_FORM));
        }
    };
    if let Some(key) = table.keys().find(|key| !is_known(key)) {
        let remedy = match nearest(key, KEYS.into_iter()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("remove it; a choice takes {}", KEYS.join(", ")),
        };
        return Err(Wrong::new(format!("holds the unknown key `{key}`"), remedy));
    }
    let when = match table.get("when") {
        None => Condition::default(),
        Some(Value::Table(table)) => condition(table)?,
        Some(_) => {
            let remedy = "write when = { \"/channel\" = \"twitter\" }";
            return Err(Wrong::new("holds a `when` that is not a table", remedy));
        }
    };
    let values = match table.get("values") {
        None => BTreeMap::new(),
        Some(Value::Table(table)) => table
            .iter()
            .map(|(from, to)| Ok((from.clone(), scalar(to)?)))
            .collect::<Result<_, Wrong>>()?,
        Some(_) => {
            let remedy = "write values = { \"admin\" = \"agent\" }";
            return Err(Wrong::new("holds `values` that are not a table", remedy));
        }
    };
    let split = table.get("split").map(scalar).transpose()?.filter(|split| !split.is_empty());
    let take = match (table.get("at"), table.get("is"), table.get("all")) {
        (Some(at), None, None) => Some(Take::At(entry(at)?)),
        (None, Some(text), None) => Some(Take::Is(scalar(text)?)),
        (None, None, Some(all)) => Some(Take::All(places(&GivenValue::File(all.clone()))?)),
        (None, None, None) if table.contains_key("default") => None,
        _ => {
            let problem = "must have one of `at`, `is` and `all`";
            return Err(Wrong::new(problem, FIELD_FORM));
        }
    };
    let default = table.get("default").map(scalar).transpose()?;
    let mut choices = Vec::new();
    let choice = |take| Choice { take, when: when.clone(), values: BTreeMap::new(), split: None };
    choices.extend(take.map(|take| Choice { values, split, ..choice(take) }));
    choices.extend(default.map(|text| choice(Take::Is(text))));
    Ok(choices)
}

fn is_known(key: &str) -> bool {
    KEYS.contains(&key)
}

fn entry(value: &Value) -> Result<PayloadPath, Wrong> {
    match value {
        Value::String(text) => parse(text),
        other => Err(Wrong::new(format!("is {}, not a place", noun(other)), PLACE_FORM)),
    }
}

fn parse(text: &str) -> Result<PayloadPath, Wrong> {
    PayloadPath::parse(text)
        .ok_or_else(|| Wrong::new(format!("names {}, which is no place", quoted(text)), PLACE_FORM))
}

fn scalar(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        other => Err(Wrong::new(
            format!("holds {} where a text belongs", noun(other)),
            "put it in quotes",
        )),
    }
}

fn within(name: &str, wrong: Wrong) -> Wrong {
    Wrong { problem: format!("{name} {}", wrong.problem), ..wrong }
}
