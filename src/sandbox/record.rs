//! What happened, as the other side saw it: the prompts that people got, and the calls that were
//! refused.

use std::collections::{BTreeMap, VecDeque};

use super::api_call::ApiCall;
use super::refusal::Refusal;
use crate::domain::time::Millis;

/// How many refused calls are kept; the count goes on.
const REFUSALS_KEPT: usize = 10_000;

/// One prompt that reached a person. Each is one Direct Message with its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredPrompt {
    pub carried_out_at: Millis,
    pub feedback_id: u64,
    pub dm_id: u64,
    pub from_user_id: u64,
    pub to_user_id: u64,
    /// The request's parameters, decoded and otherwise as they came, in their order.
    pub fields: Vec<(String, String)>,
}

impl DeliveredPrompt {
    /// One parameter of the request.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One call that was refused by X's rules. Faults on order are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    pub at: Millis,
    pub method: String,
    pub path: String,
    /// The account; absent where it is not known who called.
    pub user_id: Option<u64>,
    pub refusal: Refusal,
}

/// The record of a world.
#[derive(Clone, Debug, Default)]
pub struct Record {
    prompts: Vec<DeliveredPrompt>,
    prompts_between: BTreeMap<(u64, u64), u32>,
    refused: VecDeque<RefusedCall>,
    refused_count: u64,
    calls: BTreeMap<(u64, ApiCall), u64>,
}

impl Record {
    /// Adds a prompt, and says the how-manieth it is from this account to this person.
    pub fn prompt(&mut self, prompt: DeliveredPrompt) -> u32 {
        let count =
            self.prompts_between.entry((prompt.from_user_id, prompt.to_user_id)).or_default();
        *count += 1;
        let number = *count;
        self.prompts.push(prompt);
        number
    }

    pub fn refuse(&mut self, call: RefusedCall) {
        self.refused_count += 1;
        if self.refused.len() == REFUSALS_KEPT {
            self.refused.pop_front();
        }
        self.refused.push_back(call);
    }

    pub fn call(&mut self, user_id: u64, call: ApiCall) {
        *self.calls.entry((user_id, call)).or_default() += 1;
    }

    /// Every prompt that was carried out, in order.
    pub fn prompts(&self) -> &[DeliveredPrompt] {
        &self.prompts
    }

    /// The latest refused calls, oldest first.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = &RefusedCall> {
        self.refused.iter()
    }

    /// All refused calls, also those no longer kept.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }

    /// How often each account made each call, authenticated, whatever came of it.
    pub fn calls(&self) -> &BTreeMap<(u64, ApiCall), u64> {
        &self.calls
    }
}
