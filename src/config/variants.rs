//! Reads `variants`. They compare different texts, questions or delays with each other.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::fault_collector::ConfigTable;
use super::format_duration;
use super::given::quoted;
use super::texts::{self, Texts};
use super::{Variant, defaults, values};

/// The group of the people whose draw falls to no variant.
pub const CONTROL: &str = "control";

/// The survey that the variants change. A faulty part is `None`.
pub(super) struct ParentSurvey<'a> {
    pub texts: Option<&'a Texts>,
    pub question_variant_id: Option<u32>,
    pub bounds: RangeInclusive<u32>,
    pub delay: Option<Duration>,
    pub expire_after: Option<Duration>,
}

/// The rounding error that a sum of shares such as 0.1 may have.
const ROUNDING: f64 = 1e-9;

pub(super) fn read(table: &mut ConfigTable, whole: ParentSurvey) -> Option<Vec<Variant>> {
    let entries = table.entries("variants")?;
    let count = entries.len();
    let mut names = BTreeSet::new();
    let mut shares = 0.0;
    let mut variants = Vec::with_capacity(count);
    for (index, (place, values)) in entries.into_iter().enumerate() {
        let mut one = table.collector.table(place, values);
        let name = one.optional("name", values::name);
        let name = name.map(|name| name.unwrap_or_else(|| letter(index)));
        if let Some(name) = &name
            && (name == CONTROL || !names.insert(name.clone()))
        {
            let problem = match name.as_str() {
                CONTROL => "is what those are called who meet no variant",
                _ => "is another variant's name, too",
            };
            one.fault("name", Some(quoted(name)), problem, "give each variant a name of its own");
        }
        let share = one.required("share", "0.5", values::number(defaults::SHARE_BOUNDS));
        shares += share.unwrap_or(0.0);
        let id = whole.question_variant_id.unwrap_or(defaults::QUESTION_VARIANT_ID);
        let id = one.or("question_variant_id", id, values::integer(whole.bounds.clone()));
        let placeholder = texts::placeholder();
        let texts = texts::read(&mut one, Some(whole.texts.unwrap_or(&placeholder)));
        let is_delayed = one.holds("delay");
        let delay = whole.delay.unwrap_or(defaults::DELAY);
        let delay = one.or("delay", delay, values::duration(defaults::DELAY_BOUNDS));
        if let (true, Some(delay), Some(expire_after)) = (is_delayed, delay, whole.expire_after) {
            refuse_too_brief(&mut one, "delay", delay, expire_after);
        }
        one.close(&[]);
        if let (Some(name), Some(share), Some(question_variant_id), Some(texts), Some(delay)) =
            (name, share, id, texts, delay)
        {
            variants.push(Variant { name, share, question_variant_id, texts, delay });
        }
    }
    if shares > 1.0 + ROUNDING {
        let problem = format!("have shares that add up to {shares:.4}");
        let remedy = "let them add up to 1.0 at most; who is left over meets the survey's own text";
        table.fault("variants", None, problem, remedy);
    }
    (variants.len() == count).then_some(variants)
}

/// Names a variant without a name by its index: `a`, `b` and so on.
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index) if index < 26 => char::from(b'a' + index).to_string(),
        _ => (index + 1).to_string(),
    }
}

/// Reports an `expire_after` that leaves no time to send a prompt after `delay`.
pub(super) fn refuse_too_brief(
    table: &mut ConfigTable,
    key: &str,
    delay: Duration,
    expire_after: Duration,
) {
    if expire_after > delay {
        return;
    }
    let (value, problem) = match key {
        "delay" => (
            delay,
            format!("is not shorter than expire_after = \"{}\"", format_duration(expire_after)),
        ),
        _ => (expire_after, format!("is not longer than delay = \"{}\"", format_duration(delay))),
    };
    let remedy = "lengthen expire_after or shorten delay: no prompt would ever go out";
    table.fault(key, Some(quoted(&format_duration(value))), problem, remedy);
}
