//! Reads how an alert's messages are written: `format`, or a template of the operator's own.

use toml::Value;

use crate::config::fault_collector::{ConfigTable, FaultCollector};
use crate::config::given::{GivenValue, Wrong};
use crate::config::{secret, values};
use crate::domain::alert::template::{AlertTemplate, TemplateError};
use crate::domain::alert::{AlertType, Format, Told, Wanted};
use crate::domain::days::Zone;

const FORMS: &str = "write \"…\" or { file = \"…\" }";
/// The remedy where a template cannot be used.
const REMEDY: &str = "docs/alerts.md shows templates; a value is written without quotes around it, as \
                      {\"text\": {{ text }}}";

/// The formats that have a name.
const NAMED: [&str; 4] = ["standard", "slack", "teams", "mattermost"];

/// Reads `format` or `template`. The default is `standard`.
pub fn format(table: &mut ConfigTable) -> Option<Format> {
    let named = table.optional("format", values::choice(&NAMED.map(|name| (name, name))));
    let given = match table.take("template") {
        Ok(given) => given,
        Err(wrong) => return refused(table, wrong),
    };
    let Some(given) = given else {
        return Some(match named? {
            Some("slack") => Format::Slack,
            Some("teams") => Format::Teams,
            Some("mattermost") => Format::Mattermost,
            Some(_) | None => Format::Standard,
        });
    };
    if let Some(name) = named.flatten() {
        let remedy = "keep one of the two";
        let problem = format!("is given beside format = \"{name}\"");
        return refused(table, Wrong::new(problem, remedy));
    }
    let template = text(table.collector, given).and_then(|text| {
        AlertTemplate::compile(&text).map_err(|error| Wrong::new(error.to_string(), REMEDY))
    });
    match template {
        Ok(template) => Some(Format::Template(template)),
        Err(wrong) => refused(table, wrong),
    }
}

fn refused(table: &mut ConfigTable, wrong: Wrong) -> Option<Format> {
    table.fault("template", None, wrong.problem, wrong.remedy);
    None
}

/// Tries a template on made-up messages of each type that the alert is told.
pub fn tried(template: &AlertTemplate, wanted: &Wanted) -> Result<(), Wrong> {
    let types = wanted.types.iter().copied().chain([AlertType::AlertTest]);
    for alert_type in types {
        for told in Told::samples(alert_type, &wanted.name, wanted.has_comments) {
            let rendered = template.render(&told.event(), &told.sentence(&Zone::utc()));
            rendered.map_err(|error: TemplateError| {
                Wrong::new(format!("for {}: {error}", alert_type.as_str()), REMEDY)
            })?;
        }
    }
    Ok(())
}

/// Returns the text of a template from the configuration or from a file.
fn text(collector: &FaultCollector, given: GivenValue) -> Result<String, Wrong> {
    match given {
        GivenValue::Variable(text) | GivenValue::File(Value::String(text)) => Ok(text),
        GivenValue::File(Value::Table(table)) => match secret::pointer(&table) {
            Some(("file", name)) => secret::public_file(collector, name),
            _ => Err(Wrong::new("is a table that surveyd cannot follow", FORMS)),
        },
        GivenValue::File(_) => Err(Wrong::new("is neither a string nor a table", FORMS)),
    }
}
