//! Records what happened in the world. It keeps the prompts that people got and the calls that were
//! refused.

use std::collections::{BTreeMap, VecDeque};

use super::api_call::ApiCall;
use super::refusal::Refusal;
use crate::domain::time::Millis;

/// The most refused calls that are kept. The count still includes all.
const REFUSALS_KEPT: usize = 10_000;

/// One prompt that reached a person. It is one Direct Message with its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredPrompt {
    pub carried_out_at: Millis,
    pub feedback_id: u64,
    pub dm_id: u64,
    pub from_user_id: u64,
    pub to_user_id: u64,
    /// The request's parameters in their order. They are decoded and otherwise unchanged.
    pub fields: Vec<(String, String)>,
}

impl DeliveredPrompt {
    /// Returns one parameter of the request.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One call that X's rules refused. Ordered faults are not recorded here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    pub at: Millis,
    pub method: String,
    pub path: String,
    /// The account's user id. Absent if the caller is not known.
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
    /// Adds a prompt. Returns how many this account has now sent to this person.
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

    /// Returns every prompt that was carried out in order.
    pub fn prompts(&self) -> &[DeliveredPrompt] {
        &self.prompts
    }

    /// Returns the latest refused calls from the oldest to the newest.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = &RefusedCall> {
        self.refused.iter()
    }

    /// Returns the number of all refused calls, even of those no longer kept.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }

    /// Returns how often each account made each call. Counts every authenticated call, even a
    /// refused one.
    pub fn calls(&self) -> &BTreeMap<(u64, ApiCall), u64> {
        &self.calls
    }
}
