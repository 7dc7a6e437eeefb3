//! Carries out `POST /1.1/feedback/create.json`, which sends one Direct Message with a feedback
//! card.

use serde_json::Value;

use super::events::EventType;
use super::feedback::{QuestionKind, SandboxFeedback};
use super::form::Parameters;
use super::limits::Allowance;
use super::people::Person;
use super::record::DeliveredPrompt;
use super::refusal::Refusal;
use super::world::World;
use crate::domain::time::Millis;

const EXTERNAL_ID_CHARACTERS: usize = 256;
const DISPLAY_NAME_CHARACTERS: usize = 20;
const MESSAGE_CHARACTERS: usize = 10_000;

/// The epoch of X's ids. Their upper bits count milliseconds from this instant.
const ID_EPOCH: i64 = 1_288_834_974_657;

/// A prompt whose parameters are valid.
struct Checked {
    survey: QuestionKind,
    to_user_id: u64,
    message: String,
    privacy_url: String,
    external_id: Option<String>,
    question_variant_id: u32,
    display_name: Option<String>,
    test: bool,
}

impl World {
    /// Carries a prompt out or refuses it. In both cases it also returns the rest of the account's
    /// day.
    pub(super) fn create(
        &mut self,
        account: usize,
        parameters: &Parameters,
        now: Millis,
    ) -> (Result<Value, Refusal>, Allowance) {
        let result = self.prompt(account, parameters, now);
        let account = &self.accounts[account];
        (result, self.days.entry(account.user_id).or_default().allowance(account, now))
    }

    fn prompt(
        &mut self,
        account: usize,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let (checked, person) = self.admit(account, parameters, now)?;
        let (from_user_id, to_user_id) = (self.accounts[account].user_id, checked.to_user_id);
        let dm_id = self.say(from_user_id, to_user_id, &checked.message, now);
        let id = self.next_id(now);
        let feedback = SandboxFeedback {
            id,
            dm_id,
            created_at: now,
            updated_at: now,
            survey: checked.survey,
            test: checked.test,
            from_user_id,
            to_user_id,
            privacy_url: checked.privacy_url,
            external_id: checked.external_id,
            question_variant_id: checked.question_variant_id,
            display_name: checked.display_name,
            score: None,
            text: None,
        };
        let number = self.record.prompt(DeliveredPrompt {
            carried_out_at: now,
            feedback_id: id,
            dm_id,
            from_user_id,
            to_user_id,
            fields: parameters.all().to_vec(),
        });
        self.events.add(EventType::Created, &feedback, now);
        self.plan_answers(&feedback, number, person.plan);
        let answer = feedback.to_json();
        self.feedback.insert(id, feedback);
        Ok(answer)
    }

    /// Sends a prompt's Direct Message without creating feedback for it.
    pub(super) fn message_only(
        &mut self,
        account: usize,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<(), Refusal> {
        let (checked, _) = self.admit(account, parameters, now)?;
        let from_user_id = self.accounts[account].user_id;
        self.say(from_user_id, checked.to_user_id, &checked.message, now);
        Ok(())
    }

    /// Refuses a prompt or counts it in the account's day.
    fn admit(
        &mut self,
        account: usize,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<(Checked, Person), Refusal> {
        let checked = check(parameters)?;
        let account = &self.accounts[account];
        let (from_user_id, to_user_id) = (account.user_id, checked.to_user_id);
        let day = self.days.entry(from_user_id).or_default();
        if day.allowance(account, now).remaining == 0 {
            return Err(Refusal::rate_limited().because("the account's 24 hours are spent"));
        }
        let person = self.people.find(to_user_id, self.seed, &self.behaviour);
        person.messageable()?;
        if !day.admits(account, to_user_id, now) {
            return Err(
                Refusal::rate_limited().because("the recipient had a prompt within 24 hours")
            );
        }
        day.record(to_user_id, now);
        Ok((checked, person))
    }

    /// Returns an id like X's. It is unique and grows with time.
    pub(super) fn next_id(&mut self, now: Millis) -> u64 {
        let since = u64::try_from(now.0 - ID_EPOCH).unwrap_or(0);
        (since << 22) + self.next_number()
    }
}

fn check(parameters: &Parameters) -> Result<Checked, Refusal> {
    let survey = parameters.required("type")?;
    let survey = QuestionKind::named(survey)
        .ok_or_else(|| Refusal::invalid("type", "neither csat nor nps"))?;
    let to_user_id = parameters.required_number("to_user_id")?;
    let message = parameters.required("message")?.to_owned();
    if message.chars().count() > MESSAGE_CHARACTERS {
        return Err(Refusal::message_too_long());
    }
    let privacy_url = parameters.required("privacy_url")?.to_owned();
    if !is_web_address(&privacy_url) {
        return Err(Refusal::invalid_url());
    }
    // X's API may accept a question that the phone then does not show. The sandbox refuses it, so
    // that a client notices at once.
    let question_variant_id = parameters.optional_number("question_variant_id")?.unwrap_or(0);
    if question_variant_id > survey.last_variant() {
        return Err(Refusal::invalid("question_variant_id", "no such question"));
    }
    let test = match parameters.optional("test") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::invalid("test", "neither true nor false")),
    };
    Ok(Checked {
        survey,
        to_user_id,
        message,
        privacy_url,
        external_id: at_most(parameters, "external_id", EXTERNAL_ID_CHARACTERS)?,
        question_variant_id,
        display_name: at_most(parameters, "display_name", DISPLAY_NAME_CHARACTERS)?,
        test,
    })
}

fn at_most(
    parameters: &Parameters,
    name: &str,
    characters: usize,
) -> Result<Option<String>, Refusal> {
    match parameters.optional(name) {
        Some(value) if value.chars().count() > characters => {
            Err(Refusal::invalid(name, format!("more than {characters} characters")))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

fn is_web_address(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}
