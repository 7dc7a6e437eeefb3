//! `[[accounts]]` and `[accounts.survey]`: the handles, their keys and what they ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::defaults::{self, LANGUAGE_CHARACTERS_MAX};
use super::given::{Wrong, quoted};
use super::walk::{Place, Table};
use super::{Account, Secret, Survey, format_duration, secret, urls, values};
use crate::domain::message::{MESSAGE_CHARACTERS_MAX, TemplateFault, Templates};
use crate::domain::survey_type::SurveyType;

const TYPES: [(&str, SurveyType); 2] = [("csat", SurveyType::Csat), ("nps", SurveyType::Nps)];

/// The sound accounts; and the names of all of them, sound or not, for those who refer to an
/// account. No names where the list is not one, so that nothing can be said about a reference.
pub(super) fn read(root: &mut Table) -> (Vec<Account>, Option<BTreeSet<String>>) {
    let Some(entries) = root.entries("accounts") else { return (Vec::new(), None) };
    if entries.is_empty() {
        let remedy = "add [[accounts]] with the keys of one handle";
        root.fault("accounts", None, "there is no account", remedy);
    }
    let mut names = BTreeSet::new();
    let mut user_ids = BTreeMap::new();
    let accounts = entries.into_iter().filter_map(|(place, entry)| {
        account(root.walk.table(place, entry), &mut names, &mut user_ids)
    });
    (accounts.collect(), Some(names))
}

fn account(
    mut table: Table,
    names: &mut BTreeSet<String>,
    user_ids: &mut BTreeMap<String, String>,
) -> Option<Account> {
    let name = table.required("name", "\"acme\"", values::name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each account a name of its own";
        table.fault("name", Some(quoted(name)), "is another account's name, too", remedy);
    }
    let user_id = table.required("user_id", "\"1212121212121\"", values::user_id);
    if let Some(user_id) = &user_id
        && let Some(other) = user_ids.insert(user_id.clone(), table.place.path.clone())
    {
        // X's limits are the handle's: two accounts of one handle would overrun them together.
        let problem = format!("is the handle of {other}, too");
        table.fault("user_id", Some(quoted(user_id)), problem, "keep one account for each handle");
    }
    let consumer_key = oauth_key(&mut table, "consumer_key");
    let consumer_secret = oauth_key(&mut table, "consumer_secret");
    let access_token = oauth_key(&mut table, "access_token");
    let access_token_secret = oauth_key(&mut table, "access_token_secret");
    let example = "\"https://acme.example/privacy\"";
    let privacy_url = table.required("privacy_url", example, urls::privacy);
    let display_name =
        table.optional("display_name", values::text(defaults::DISPLAY_NAME_CHARACTERS_MAX));
    let daily_limit = values::integer(defaults::DAILY_LIMIT_BOUNDS);
    let daily_limit = table.or("daily_limit", defaults::DAILY_LIMIT, daily_limit);
    let per_user = values::integer(defaults::DAILY_LIMIT_PER_USER_BOUNDS);
    let per_user = table.or("daily_limit_per_user", defaults::DAILY_LIMIT_PER_USER, per_user);
    let survey = survey(table.table("survey"), name.as_deref());
    table.close(&["rules"]);
    Some(Account {
        name: name?,
        user_id: user_id?,
        consumer_key: consumer_key?,
        consumer_secret: consumer_secret?,
        access_token: access_token?,
        access_token_secret: access_token_secret?,
        privacy_url: privacy_url?,
        display_name: display_name?,
        daily_limit: daily_limit?,
        daily_limit_per_user: per_user?,
        survey: survey?,
    })
}

/// One of the four keys. White space at an end is what a copied key picks up, and X would only
/// say that the signature is wrong.
fn oauth_key(table: &mut Table, key: &'static str) -> Option<Secret> {
    secret::read(table, key, |text| match text.trim() == text {
        true => Ok(()),
        false => Err(Wrong::new("begins or ends with white space", "remove the white space")),
    })
}

fn survey(mut table: Table, account: Option<&str>) -> Option<Survey> {
    let kind = table.or("type", defaults::SURVEY_TYPE, values::choice(&TYPES));
    // Where the type is at fault, the id is held to what any type has.
    let variants = kind.unwrap_or(SurveyType::Csat).variants();
    let question_variant_id = values::integer(variants);
    let question_variant_id =
        table.or("question_variant_id", defaults::QUESTION_VARIANT_ID, question_variant_id);
    let example = "\"Thanks for talking to us. How did we do?\"";
    let message = table.required("message", example, |given| given.text().map(str::to_owned));
    let messages = messages(&mut table);
    let templates = compiled(&mut table, message.as_deref(), &messages);

    let delay = table.or("delay", defaults::DELAY, values::duration(defaults::DELAY_BOUNDS));
    let expire_after = values::duration(defaults::EXPIRE_AFTER_BOUNDS);
    let expire_after = table.or("expire_after", defaults::EXPIRE_AFTER, expire_after);
    if let (Some(delay), Some(expire_after)) = (delay, expire_after)
        && expire_after <= delay
    {
        let value = Some(quoted(&format_duration(expire_after)));
        let problem = format!("is not longer than delay = \"{}\"", format_duration(delay));
        let remedy = "lengthen expire_after or shorten delay: no prompt would ever go out";
        table.fault("expire_after", value, problem, remedy);
    }
    let throttle = values::duration(defaults::THROTTLE_BOUNDS);
    let throttle = table.or("throttle", defaults::THROTTLE, throttle);
    let sample = table.or("sample", defaults::SAMPLE, values::number(defaults::SAMPLE_BOUNDS));
    let test = table.or("test", defaults::TEST, values::boolean);
    let throttle_group = table.optional("throttle_group", values::name);
    table.close(&["quiet_hours", "skip_closed_by", "min_agent_messages"]);
    Some(Survey {
        kind: kind?,
        question_variant_id: question_variant_id?,
        message: message?,
        messages: messages.into_iter().map(|(language, (_, text))| (language, text)).collect(),
        templates: Arc::new(templates?),
        delay: delay?,
        expire_after: expire_after?,
        throttle: throttle?,
        sample: sample?,
        test: test?,
        throttle_group: throttle_group?.or(account.map(str::to_owned))?,
    })
}

type Messages = BTreeMap<String, (Place, String)>;

/// The sound texts by language, each with its place.
fn messages(table: &mut Table) -> Messages {
    let mut languages = BTreeSet::new();
    let mut messages = Messages::new();
    for (language, place, text) in table.texts("messages") {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=LANGUAGE_CHARACTERS_MAX).contains(&language.len()) || !language.bytes().all(letter)
        {
            let remedy = "write a language tag, as es or pt-BR";
            table.walk.fault(&place, None, "is not a language", remedy);
        } else if !languages.insert(language.to_ascii_lowercase()) {
            let problem = "is there twice: letter case does not count";
            table.walk.fault(&place, None, problem, "keep one of the two");
        } else {
            messages.insert(language, (place, text));
        }
    }
    messages
}

/// The texts compiled, with a fault for each that is not fit to be sent.
fn compiled(table: &mut Table, message: Option<&str>, messages: &Messages) -> Option<Templates> {
    let texts = messages.iter().map(|(language, (_, text))| (language.clone(), text.clone()));
    // A missing message is a fault already; any text that can be sent lets the others be tried.
    let templates = Templates::compile(message.unwrap_or("-"), &texts.collect());
    let faults = match templates {
        Ok(templates) => return Some(templates),
        Err(faults) => faults,
    };
    for TemplateFault { language, error } in faults {
        let remedy = format!(
            "write a text that renders to 1 to {MESSAGE_CHARACTERS_MAX} characters, \
             as Hello {{{{ first_name | default('') }}}}"
        );
        match language.and_then(|language| messages.get(&language)) {
            Some((place, text)) => {
                table.walk.fault(place, Some(quoted(text)), error.to_string(), remedy);
            }
            None => table.fault("message", message.map(quoted), error.to_string(), remedy),
        }
    }
    None
}
