//! Reads, compiles and tries out `message` and `messages`, the texts above X's card.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::defaults::LANGUAGE_CHARACTERS_MAX;
use super::fault_collector::{ConfigTable, KeyPlace};
use super::given::quoted;
use super::names::nearest;
use crate::domain::prompt_text::{
    MESSAGE_CHARACTERS_MAX, PromptTextError, TemplateFault, Templates,
};

/// The compiled texts of a survey, a rule or a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    pub message: String,
    /// The texts by language tag as the file writes the tag.
    pub messages: BTreeMap<String, String>,
    pub templates: Arc<Templates>,
}

/// Returns texts that replace the faulty texts of a survey. Its rules can still be checked with
/// them.
pub(super) fn placeholder() -> Texts {
    let templates = Templates::compile("-", &BTreeMap::new()).expect("a dash can be rendered");
    Texts { message: "-".into(), messages: BTreeMap::new(), templates: Arc::new(templates) }
}

/// Reads the texts of a table. Returns those of `base` if the table has none.
///
/// A table with any text of its own inherits no other language from `base`. Those would translate
/// another text. Returns `None` if a text is faulty.
pub(super) fn read(table: &mut ConfigTable, base: Option<&Texts>) -> Option<Texts> {
    let text = |given: &super::given::GivenValue| given.text().map(str::to_owned);
    let example = "\"Thanks for talking to us. How did we do?\"";
    let message = match base {
        None => table.required("message", example, text).map(Some),
        Some(_) => table.optional("message", text),
    };
    let messages = messages(table);
    if let (Some(None), true, Some(base)) = (&message, messages.is_empty(), base) {
        return Some(base.clone());
    }
    let is_sound = message.is_some();
    let message = message.flatten().or(base.map(|base| base.message.clone()));
    let templates = compiled(table, message.as_deref(), &messages);
    Some(Texts {
        message: message.filter(|_| is_sound)?,
        messages: messages.into_iter().map(|(language, (_, text))| (language, text)).collect(),
        templates: Arc::new(templates?),
    })
}

type MessagesByLanguage = BTreeMap<String, (KeyPlace, String)>;

/// Returns the sound texts by language with their places.
fn messages(table: &mut ConfigTable) -> MessagesByLanguage {
    let mut languages = BTreeSet::new();
    let mut messages = MessagesByLanguage::new();
    for (language, place, text) in table.texts("messages") {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=LANGUAGE_CHARACTERS_MAX).contains(&language.len()) || !language.bytes().all(letter)
        {
            let remedy = "write a language tag, as es or pt-BR";
            table.collector.fault(&place, None, "is not a language", remedy);
        } else if !languages.insert(language.to_ascii_lowercase()) {
            let problem = "is there twice: letter case does not count";
            table.collector.fault(&place, None, problem, "keep one of the two");
        } else {
            messages.insert(language, (place, text));
        }
    }
    messages
}

/// Compiles the texts and reports each one that cannot be sent.
fn compiled(
    table: &mut ConfigTable,
    message: Option<&str>,
    messages: &MessagesByLanguage,
) -> Option<Templates> {
    let texts = messages.iter().map(|(language, (_, text))| (language.clone(), text.clone()));
    // A missing message is a fault already. The dash lets the other texts be tried.
    let templates = Templates::compile(message.unwrap_or("-"), &texts.collect());
    let faults = match templates {
        Ok(templates) => return Some(templates),
        Err(faults) => faults,
    };
    for TemplateFault { language, error } in faults {
        let meant = match &error {
            PromptTextError::Unknown { variable, known } => nearest(variable, known.split(", ")),
            _ => None,
        };
        let meant = meant.map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
        let closed =
            "write a variable as {{ first_name }}, and end each {% if first_name %} by {% endif %}";
        let remedy = match &error {
            PromptTextError::Syntax { .. } => closed.to_owned(),
            _ => format!(
                "{meant}write a text that renders to 1 to {MESSAGE_CHARACTERS_MAX} characters, \
             as Hello {{{{ first_name | default('') }}}}"
            ),
        };
        match language.and_then(|language| messages.get(&language)) {
            Some((place, text)) => {
                table.collector.fault(place, Some(quoted(text)), error.to_string(), remedy);
            }
            None => table.fault("message", message.map(quoted), error.to_string(), remedy),
        }
    }
    None
}
