//! The text of a prompt: the Direct Message above the card. There is one template per language.
//!
//! This module decides which text a person gets. Templates are minijinja's. They know `account`,
//! `source`, `conversation_id`, `user_id`, `first_name`, `language`, `agent`, `team`, `tags`,
//! `closed_by` and `attributes`. A variable that a notice did not bring renders to nothing.
//!
//! Text is never escaped because X takes it as it is. All that a notice brought is therefore
//! cleaned first ([`plain_text`]). This happens at every rendering because a notice may be older
//! than the rule.
//!
//! No template takes long or fills the memory. Its steps and its output are limited. A text that
//! doubles itself is rejected ([`growth`]).

pub(in crate::domain) mod growth;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use minijinja::{AutoEscape, Environment, ErrorKind, Output, State};
use serde_json::{Value, json};

use super::bounded::Bounded;
use super::close::{ClosedBy, Notice};
use super::plain_text;

/// The longest Direct Message that X takes, in characters (error 354).
pub const MESSAGE_CHARACTERS_MAX: usize = 10_000;

/// The most steps of a template's rendering. A message takes some ten.
const STEPS_MAX: u64 = 10_000;
/// The most bytes that a template may emit while it renders. The limit fits the longest message in
/// the widest letters and some text kept in variables.
const EMITTED_BYTES_MAX: usize = 4 * 4 * MESSAGE_CHARACTERS_MAX;

/// The name of the template for every language without one of its own. No language tag is empty.
const DEFAULT: &str = "";

/// A survey's compiled texts.
pub struct Templates {
    /// Holds each template under its language in lower case. The default text is under [`DEFAULT`].
    compiled: Environment<'static>,
    /// The texts as the operator wrote them. They serve to compare and to show.
    sources: BTreeMap<String, String>,
}

/// Why a template yields no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptTextError {
    #[error("there is no variable {variable}; there are {known}")]
    Unknown { variable: String, known: String },
    #[error("line {line}: {detail}")]
    Syntax { line: usize, detail: String },
    #[error("line {line}: cannot be rendered{}: {detail}", data(*.bare))]
    Failed { line: usize, detail: String, bare: bool },
    #[error("renders to nothing{}", data(*.bare))]
    Empty { bare: bool },
    #[error("renders to {characters} characters, and X takes {MESSAGE_CHARACTERS_MAX}")]
    TooLong { characters: usize },
    #[error(
        "renders to more than {EMITTED_BYTES_MAX} bytes, and X takes {MESSAGE_CHARACTERS_MAX} characters"
    )]
    Endless,
    #[error("takes more than {STEPS_MAX} steps to render: leave its loops out")]
    TooSlow,
    #[error("line {line}: {detail}")]
    Growth { line: usize, detail: &'static str },
}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The language as the operator wrote it. `None` for the default text.
    pub language: Option<String>,
    pub error: PromptTextError,
}

impl Templates {
    /// Compiles a default text and those of the languages. Renders each of them twice as a proof.
    /// The first rendering has all that a notice can bring. The second has only what every notice
    /// brings.
    ///
    /// Reports every template that fails and each of them once.
    pub fn compile(
        message: &str,
        messages: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut templates = Self { compiled: environment(), sources: BTreeMap::new() };
        let mut faults = Vec::new();
        let languages = messages.iter().map(|(language, text)| (Some(language), text.as_str()));
        for (language, text) in std::iter::once((None, message)).chain(languages) {
            if let Err(error) = templates.add(language.map(String::as_str), text) {
                faults.push(TemplateFault { language: language.cloned(), error });
            }
        }
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    /// Renders the text for a person who speaks `language` from what the notice brought.
    ///
    /// The whole language is looked up first, then the language without its last subtag, and so on
    /// (`es-MX` finds `es`). Letter case does not count. A variable that is null is one that the
    /// notice did not bring.
    pub fn render(
        &self,
        language: Option<&str>,
        variables: &BTreeMap<&str, Value>,
    ) -> Result<String, PromptTextError> {
        self.render_named(self.matching(language), variables, false)
    }

    /// Every text with its language as a made-up person would read it. The default text has no
    /// language.
    pub fn tried(&self) -> Vec<(Option<&str>, String)> {
        let texts = self.sources.keys().filter_map(|name| {
            let language = (name != DEFAULT).then_some(name.as_str());
            Some((language, self.render_named(name, &sample(), false).ok()?))
        });
        texts.collect()
    }

    /// Every text with its language as a person would read it of whom the help desk tells nothing.
    pub fn tried_bare(&self) -> Vec<(Option<&str>, String)> {
        let texts = self.sources.keys().filter_map(|name| {
            let language = (name != DEFAULT).then_some(name.as_str());
            Some((language, self.render_named(name, &bare_sample(), true).ok()?))
        });
        texts.collect()
    }

    /// True if the text of that language fills in the variable of that name.
    pub fn fills_in(&self, language: Option<&str>, name: &str) -> bool {
        let source = self.sources.get(language.unwrap_or(DEFAULT)).map_or("", String::as_str);
        let filled = source.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        filled.into_iter().any(|expression| expression.contains(name))
    }

    /// The languages that have a text of their own. They are in lower case.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str).filter(|name| *name != DEFAULT)
    }

    fn add(&mut self, language: Option<&str>, text: &str) -> Result<(), PromptTextError> {
        growth::refuse(text).map_err(|(line, detail)| PromptTextError::Growth { line, detail })?;
        let name = language.map_or(String::from(DEFAULT), normal);
        self.compiled.add_template_owned(name.clone(), text.to_owned()).map_err(|error| {
            PromptTextError::Syntax { line: error.line().unwrap_or(1), detail: reason(&error) }
        })?;
        self.sources.insert(name.clone(), text.to_owned());
        self.refuse_unknown(&name)?;
        self.render_named(&name, &sample(), false)?;
        self.render_named(&name, &bare_sample(), true).map(drop)
    }

    /// Rejects unknown variables. A misspelt variable would leave a hole in what the person reads.
    fn refuse_unknown(&self, name: &str) -> Result<(), PromptTextError> {
        let Ok(template) = self.compiled.get_template(name) else { return Ok(()) };
        let known = sample();
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|variable| !known.contains_key(variable.as_str()))
            .collect();
        unknown.sort();
        match unknown.into_iter().next() {
            None => Ok(()),
            Some(variable) => {
                let names: Vec<&str> = known.keys().copied().collect();
                Err(PromptTextError::Unknown { variable, known: names.join(", ") })
            }
        }
    }

    fn matching(&self, language: Option<&str>) -> &str {
        let wanted = language.map_or(String::from(DEFAULT), normal);
        let mut rest = wanted.as_str();
        while !rest.is_empty() {
            if let Some((name, _)) = self.sources.get_key_value(rest) {
                return name;
            }
            rest = rest.rsplit_once('-').map_or("", |(shorter, _)| shorter);
        }
        DEFAULT
    }

    fn render_named(
        &self,
        name: &str,
        variables: &BTreeMap<&str, Value>,
        bare: bool,
    ) -> Result<String, PromptTextError> {
        let failed = |error: minijinja::Error| match error.kind() {
            ErrorKind::OutOfFuel => PromptTextError::TooSlow,
            ErrorKind::WriteFailure => PromptTextError::Endless,
            _ => PromptTextError::Failed {
                line: error.line().unwrap_or(1),
                detail: reason(&error),
                bare,
            },
        };
        let template = self.compiled.get_template(name).map_err(failed)?;
        let mut written = Bounded::new(EMITTED_BYTES_MAX);
        template
            .render_captured_to(minijinja::value::Serde(filled(variables)), &mut written)
            .map_err(failed)?;
        let text = String::from_utf8(written.bytes).expect("a template writes whole characters");
        if text.trim().is_empty() {
            return Err(PromptTextError::Empty { bare });
        }
        match text.chars().count() {
            characters if characters > MESSAGE_CHARACTERS_MAX => {
                Err(PromptTextError::TooLong { characters })
            }
            _ => Ok(text),
        }
    }
}

/// The environment that renders templates. It is minijinja's without the filters that make a long
/// text of a short one.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_formatter(emit);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    for filter in ["batch", "chain", "format", "indent", "pprint", "slice", "zip"] {
        environment.remove_filter(filter);
    }
    environment
}

/// Emits a value into the message or into a variable.
fn emit(
    output: &mut Output,
    state: &mut State,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    const EMITTED: &str = "emitted";
    let emitted = state.get_temp(EMITTED).and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
    let mut room = ByteLimit(EMITTED_BYTES_MAX.saturating_sub(emitted));
    write!(room, "{value}").map_err(|_| minijinja::Error::from(ErrorKind::WriteFailure))?;
    state.set_temp(EMITTED, minijinja::Value::from(EMITTED_BYTES_MAX - room.0));
    minijinja::escape_formatter(output, state, value)
}

/// minijinja's own filter within bounds.
fn replace(
    text: Cow<'_, str>,
    from: Cow<'_, str>,
    to: Cow<'_, str>,
) -> Result<String, minijinja::Error> {
    let times = text.matches(&*from).count();
    match times.saturating_mul(to.len()).saturating_add(text.len()) > EMITTED_BYTES_MAX {
        true => Err(ErrorKind::WriteFailure.into()),
        false => Ok(text.replace(&*from, &to)),
    }
}

/// minijinja's own filter within bounds.
fn join(list: minijinja::Value, between: Option<Cow<'_, str>>) -> Result<String, minijinja::Error> {
    let mut joined = String::new();
    for (index, part) in list.try_iter()?.enumerate() {
        let between = between.as_deref().filter(|_| index > 0).unwrap_or_default();
        let mut room = ByteLimit(EMITTED_BYTES_MAX.saturating_sub(joined.len()));
        if write!(room, "{between}{part}").is_err() {
            return Err(ErrorKind::WriteFailure.into());
        }
        let _ = write!(joined, "{between}{part}");
    }
    Ok(joined)
}

/// Counts the bytes that may still be written. It keeps none of them.
struct ByteLimit(usize);

impl fmt::Write for ByteLimit {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

// The compiled form cannot be compared and need not be. Equal texts compile to equal templates.
impl PartialEq for Templates {
    fn eq(&self, other: &Self) -> bool {
        self.sources == other.sources
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Templates").field(&self.sources).finish()
    }
}

/// The names of all variables.
pub fn variable_names() -> impl Iterator<Item = &'static str> {
    sample().into_keys()
}

/// Returns the variables of a template. What the notice did not bring is null or empty.
pub fn variables(
    [account, source, conversation_id, user_id]: [&str; 4],
    notice: &Notice,
) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("account", json!(account)),
        ("source", json!(source)),
        ("conversation_id", json!(conversation_id)),
        ("user_id", json!(user_id)),
        ("first_name", json!(notice.first_name)),
        ("language", json!(notice.language)),
        ("agent", json!(notice.agent)),
        ("team", json!(notice.team)),
        ("tags", json!(notice.tags)),
        ("closed_by", json!(notice.closed_by)),
        ("attributes", json!(notice.attributes)),
    ])
}

const SAMPLE_IDS: [&str; 4] = ["acme", "helpdesk", "c-42", "343434343434"];

/// All that a notice can bring with made-up values to try a template on.
fn sample() -> BTreeMap<&'static str, Value> {
    let notice = Notice {
        first_name: Some("Ana".into()),
        language: Some("es".into()),
        agent: Some("dana".into()),
        team: Some("billing".into()),
        tags: vec!["vip".into()],
        closed_by: Some(ClosedBy::Agent),
        attributes: BTreeMap::from([("order".into(), "77".into())]),
        ..Notice::default()
    };
    variables(SAMPLE_IDS, &notice)
}

/// What every notice brings.
fn bare_sample() -> BTreeMap<&'static str, Value> {
    variables(SAMPLE_IDS, &Notice::default())
}

/// The variables without those that are null. Texts are cleaned for a message. Attributes and tags
/// are always there to be looked up in.
///
/// minijinja prints null as `none` and fails on a member of a missing value. A person's text must
/// do neither.
fn filled<'a>(variables: &'a BTreeMap<&str, Value>) -> BTreeMap<&'a str, Value> {
    let mut filled = BTreeMap::from([("attributes", json!({})), ("tags", json!([]))]);
    for (name, value) in variables {
        let plain = match (*name, value) {
            ("first_name", Value::String(name)) => {
                plain_text::name(name).map_or(Value::Null, Value::from)
            }
            // These are surveyd's own words and not a notice's.
            ("account" | "source" | "user_id", value) => value.clone(),
            (_, value) => plain(value),
        };
        // A text counts as missing if nothing of it is left.
        let is_gone = plain == "" && value != "";
        if !plain.is_null() && !is_gone {
            filled.insert(*name, plain);
        }
    }
    filled
}

/// The value with all its texts cleaned and without members that are null.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => plain_text::text(text).into(),
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(members) => {
            let known = members.iter().filter(|(_, member)| !member.is_null());
            known.map(|(name, member)| (plain_text::text(name), plain(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The form of a language tag to look up by. Some help desks write `es_MX`.
fn normal(language: &str) -> String {
    language.to_ascii_lowercase().replace('_', "-")
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

fn data(bare: bool) -> &'static str {
    if bare { " where a notice brings neither first_name, language, agent nor team" } else { "" }
}

#[cfg(test)]
mod tests;
