//! Reads the mapping of a source.
//!
//! Its keys say which payloads close a conversation and where the fields of the close stand.

use super::super::fault_collector::ConfigTable;
use super::super::given::{GivenValue, Wrong};
use super::field;
use crate::domain::close::ATTRIBUTES_MAX;
use crate::domain::mapping::{Condition, FieldName, Mapping, PayloadPath, is_token};

/// Reads the mapping from the table and the keys of its preset.
pub fn read(table: &mut ConfigTable) -> Option<Mapping> {
    let example = "{ \"/ticket/status\" = \"closed\" }";
    let closed = table.required("closed", example, conditions);
    let reopened = table.or("reopened", Vec::new(), conditions);
    let mut fields = Some(std::collections::BTreeMap::new());
    for name in FieldName::ALL {
        let key = name.as_str();
        let given = match name {
            FieldName::ConversationId => {
                table.required(key, "\"/ticket/id\"", field::read).map(Some)
            }
            FieldName::UserId => {
                table.required(key, "\"/ticket/x_user_id\"", field::read).map(Some)
            }
            _ => table.optional(key, field::read),
        };
        fields = fields.zip(given).map(|(mut fields, given)| {
            fields.extend(given.map(|field| (name, field)));
            fields
        });
    }
    let attributes = table.or("attributes", Default::default(), |given| {
        let fields = field::read_table(given)?;
        match fields.len() > ATTRIBUTES_MAX {
            true => Err(Wrong::new(
                format!("holds {}, and {ATTRIBUTES_MAX} are the most", fields.len()),
                "leave out those that no message and no rule needs",
            )),
            false => Ok(fields),
        }
    });
    let each = table.optional("each", |given| {
        let list = given.text()?.strip_suffix("/*").and_then(PayloadPath::parse);
        let remedy = "write \"/*\" where the body is the list, or \"/events/*\"";
        list.filter(|list| list.header().is_none())
            .ok_or_else(|| Wrong::new("names no elements of a list", remedy))
    });
    let root = table.optional("root", field::place);
    let loose = table.or("loose", Vec::new(), field::places);
    let challenge = table.optional("challenge_header", |given| match given.text()? {
        name if is_token(name) => Ok(name.to_owned()),
        _ => Err(Wrong::new("is no header's name", "write it as X-Challenge")),
    });
    Some(Mapping {
        each: each?,
        root: root?,
        loose: loose?,
        closed: closed?,
        reopened: reopened?,
        fields: fields?,
        attributes: attributes?,
        accounts: Default::default(),
        challenge: challenge?,
        is_own: false,
    })
}

/// Reads one condition or a list. It is enough that one condition of the list holds.
fn conditions(given: &GivenValue) -> Result<Vec<Condition>, Wrong> {
    use toml::Value;
    match given {
        GivenValue::File(Value::Table(table)) => Ok(vec![field::condition(table)?]),
        GivenValue::File(Value::Array(list)) => list
            .iter()
            .map(|entry| match entry {
                Value::Table(table) => field::condition(table),
                _ => Err(not_conditions()),
            })
            .collect(),
        GivenValue::File(_) | GivenValue::Variable(_) => Err(not_conditions()),
    }
}

fn not_conditions() -> Wrong {
    let remedy = "write what must stand where, as { \"/ticket/status\" = [\"closed\", \"solved\"] }, \
                  or a list of those";
    Wrong::new("is neither a table nor a list of tables", remedy)
}
