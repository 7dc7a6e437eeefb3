//! The operator's own form of a message: a minijinja template that renders to JSON.
//!
//! A value is written as JSON wherever it stands, with its quotes. So a text that a person wrote
//! cannot end the string that it stands in. `|tojson` says the same aloud. Nothing else marks a
//! text as JSON: what minijinja calls safe is written with quotes, too. Steps and size are limited.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::Value;

use crate::domain::bounded::Bounded;
use crate::domain::prompt_text::growth;

/// The longest rendered message, in bytes. It is the limit of Standard Webhooks.
pub const BYTES_MAX: usize = 20_000;
/// The most steps of one rendering.
const STEPS_MAX: u64 = 10_000;
/// The only template of an environment.
const NAME: &str = "alert";
/// The filters that a template does not have: those that could make a very long text in one step,
/// and those that mark a text as one that needs no quotes.
const NO_FILTERS: [&str; 12] = [
    "batch", "chain", "e", "escape", "format", "indent", "join", "pprint", "replace", "safe",
    "slice", "zip",
];
/// The variables that a template has. It has no functions.
const VARIABLES: [&str; 4] = ["type", "timestamp", "data", "text"];

/// A compiled template.
#[derive(Clone)]
pub struct AlertTemplate {
    compiled: Arc<Environment<'static>>,
    source: String,
}

/// Why a template makes no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("line {line}: {detail}")]
    Syntax { line: usize, detail: String },
    #[error("there is no variable {0}; there are type, timestamp, data and text")]
    Unknown(String),
    #[error("line {line}: cannot be rendered: {detail}")]
    Failed { line: usize, detail: String },
    #[error("takes more than {STEPS_MAX} steps to render: leave its loops out")]
    TooSlow,
    #[error("renders to more than {BYTES_MAX} bytes")]
    TooLong,
    #[error("line {line}: {detail}")]
    Growth { line: usize, detail: &'static str },
    #[error("renders to what is no JSON: {0}")]
    NoJson(String),
}

impl AlertTemplate {
    /// Compiles a template. It is not rendered yet.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        growth::refuse(source).map_err(|(line, detail)| TemplateError::Growth { line, detail })?;
        let mut compiled = Environment::new();
        compiled.set_auto_escape_callback(|_| AutoEscape::None);
        compiled.set_undefined_behavior(UndefinedBehavior::Chainable);
        compiled.set_fuel(Some(STEPS_MAX));
        compiled.set_formatter(emit);
        compiled.add_filter("tojson", to_json);
        for filter in NO_FILTERS {
            compiled.remove_filter(filter);
        }
        compiled.add_template_owned(NAME, source.to_owned()).map_err(|error| {
            TemplateError::Syntax { line: error.line().unwrap_or(1), detail: reason(&error) }
        })?;
        let template = compiled.get_template(NAME).expect("the template was just added");
        let mut unknown: Vec<_> = template.undeclared_variables(false).into_iter().collect();
        unknown.retain(|name| !VARIABLES.contains(&name.as_str()));
        unknown.sort();
        match unknown.into_iter().next() {
            Some(name) => Err(TemplateError::Unknown(name)),
            None => Ok(Self { compiled: Arc::new(compiled), source: source.to_owned() }),
        }
    }

    /// Renders an event and its sentence. What comes out is JSON of at most [`BYTES_MAX`] bytes.
    pub fn render(&self, event: &Value, sentence: &str) -> Result<String, TemplateError> {
        let mut variables = event.clone();
        variables["text"] = Value::from(sentence);
        let template = self.compiled.get_template(NAME).expect("the template is there");
        let mut written = Bounded::new(BYTES_MAX);
        let rendered =
            template.render_captured_to(minijinja::value::Serde(&variables), &mut written);
        rendered.map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => TemplateError::TooSlow,
            ErrorKind::WriteFailure => TemplateError::TooLong,
            _ => TemplateError::Failed { line: error.line().unwrap_or(1), detail: reason(&error) },
        })?;
        let text = String::from_utf8(written.bytes).expect("a template writes whole characters");
        match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(TemplateError::NoJson(error.to_string())),
        }
    }
}

/// What `|tojson` has made. It is not written as JSON again.
#[derive(Debug)]
struct Json(String);

impl Object for Json {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a value as JSON. What is already JSON stays as it is.
fn emit(
    output: &mut Output,
    state: &mut State,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    const EMITTED: &str = "emitted";
    let text = match value.downcast_object_ref::<Json>() {
        Some(Json(text)) => text.clone(),
        None => json_of(value)?,
    };
    let emitted = state.get_temp(EMITTED).and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
    let emitted = emitted.saturating_add(text.len());
    if emitted > BYTES_MAX {
        return Err(ErrorKind::WriteFailure.into());
    }
    state.set_temp(EMITTED, minijinja::Value::from(emitted));
    output.write_str(&text).map_err(|_| ErrorKind::WriteFailure.into())
}

fn to_json(value: &minijinja::Value) -> Result<minijinja::Value, minijinja::Error> {
    if value.downcast_object_ref::<Json>().is_some() {
        return Ok(value.clone());
    }
    json_of(value).map(|text| minijinja::Value::from_object(Json(text)))
}

fn json_of(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Ok("null".into());
    }
    serde_json::to_string(value)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

// The compiled form cannot be compared and need not be. Equal sources compile to equal templates.
impl PartialEq for AlertTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for AlertTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AlertTemplate").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(template: &str, comment: &str) -> Result<String, TemplateError> {
        let data = json!({ "score": 1, "comment": comment, "team": null });
        let event =
            json!({ "type": "detractor", "timestamp": "2026-11-22T08:00:00Z", "data": data });
        AlertTemplate::compile(template)?.render(&event, "Detractor at acme: CSAT 1 of 5")
    }

    #[test]
    fn a_value_is_written_as_json_with_and_without_the_filter() {
        let template = r#"{"a": {{ data.comment }}, "b": {{ data.comment|tojson }}, "c": {{ ("Score " ~ data.score)|tojson }}, "d": {{ data.team }}, "e": {{ data.no.such }}, "f": {{ data|tojson }}, "g": {{ text }}}"#;
        let text = rendered(template, "He said \"no\"\n").unwrap();
        let expected = r#"{"a": "He said \"no\"\n", "b": "He said \"no\"\n", "c": "Score 1", "d": null, "e": null, "f": {"comment":"He said \"no\"\n","score":1,"team":null}, "g": "Detractor at acme: CSAT 1 of 5"}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn no_comment_ends_the_string_that_it_stands_in() {
        let template = r#"{"text": {{ data.comment }}, "channel": "leads"}"#;
        for comment in
            ["\", \"channel\": \"all", "\\\", \"channel\": \"all", "\u{0}\u{2028}}", "{{ 7 }}"]
        {
            let read: Value = serde_json::from_str(&rendered(template, comment).unwrap()).unwrap();
            assert_eq!(read, json!({ "text": comment, "channel": "leads" }));
        }
    }

    #[test]
    fn no_comment_can_be_marked_as_one_that_needs_no_quotes() {
        for filter in ["safe", "e", "escape"] {
            let template = format!(r#"{{"text": "{{{{ data.comment|{filter} }}}}"}}"#);
            let refused = rendered(&template, "x").unwrap_err().to_string();
            assert_eq!(refused, format!("line 1: cannot be rendered: filter {filter} is unknown"));
            let template = format!("{{% filter {filter} %}}1{{% endfilter %}}");
            assert!(rendered(&template, "x").is_err(), "{filter}");
        }
        let comment = "\", \"channel\": \"all";
        let quoted = serde_json::to_string(comment).unwrap();
        let caught = "{% set all %}{{ data.comment }}{% endset %}";
        for (template, text) in [
            (format!("{{% autoescape true %}}{caught}{{{{ all }}}}{{% endautoescape %}}"), &quoted),
            (format!("{caught}{{{{ all }}}}"), &quoted),
            ("{{ data.comment|tojson|string }}".into(), &quoted),
            ("{{ data.comment|tojson ~ '' }}".into(), &quoted),
            ("{{ data.comment|tojson|tojson }}".into(), &comment.to_owned()),
            ("{% autoescape true %}{{ data.comment }}{% endautoescape %}".into(), &comment.into()),
        ] {
            let whole = format!(r#"{{"text": {template}, "channel": "leads"}}"#);
            let written =
                rendered(&whole, comment).unwrap_or_else(|error| panic!("{whole}: {error}"));
            let read: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(read, json!({ "text": text, "channel": "leads" }), "{template}");
        }
        // Within quotes of its own, every form breaks the message on samples, and so at `check`.
        for tag in ["{{ data.comment }}", "{{ data.comment|tojson }}", "{{ (data.comment ~ '') }}"]
        {
            assert!(rendered(&format!(r#"{{"text": "{tag}"}}"#), "x").is_err(), "{tag}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_and_says_why() {
        let refused = |template: &str| rendered(template, "x").unwrap_err().to_string();
        assert!(refused("{{ data.").starts_with("line 1: "));
        assert_eq!(
            refused("{{ comment }}"),
            "there is no variable comment; there are type, timestamp, data and text"
        );
        assert!(
            refused(r#"{"text": "{{ data.comment }}"}"#).starts_with("renders to what is no JSON")
        );
        assert_eq!(
            refused(""),
            "renders to what is no JSON: EOF while parsing a value at line 1 column 0"
        );
        let looped = |times: usize, inner: &str| {
            let (begin, end) = ("{% for part in data %}", "{% endfor %}");
            format!("[{}{inner}{}1]", begin.repeat(times), end.repeat(times))
        };
        let slow = looped(9, "");
        let too_slow = "takes more than 10000 steps to render: leave its loops out";
        assert_eq!(refused(&slow), too_slow);
        let double = "{% set a = data.comment %}".to_owned()
            + &"{% set a = a ~ a %}".repeat(14)
            + "[{{ a }}]";
        assert!(refused(&double).starts_with("line 1: `set`, `with` and `for` put more than 8"));
        for long in ["{{ text }},", "0000000000000000000000000000000000,"] {
            assert_eq!(refused(&looped(6, long)), "renders to more than 20000 bytes");
        }
        assert!(refused("{% include 'x' %}").starts_with("line 1: "), "there is no other template");
    }
}
