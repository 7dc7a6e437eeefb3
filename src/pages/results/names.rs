//! Names the groups of a breakdown as people read them.

use crate::domain::question;
use crate::domain::summary::{Group, GroupBy};
use crate::pages::words;

/// The wording of a question on X's card, and its number there.
pub fn question_text(group: &Group) -> Option<(String, u32)> {
    let variant = group.key.as_deref()?.rsplit(' ').next()?.parse().ok()?;
    Some((question::text(group.kind, variant, "…")?, variant))
}

/// The name of a group. A question is named by its wording.
pub fn group_name(by: GroupBy, group: &Group) -> String {
    let text = question_text(group).filter(|_| by == GroupBy::Question);
    match (text, group.key.as_deref()) {
        (Some((text, _)), _) => text,
        (None, Some(key)) if by == GroupBy::Question => {
            format!("question {}", words::name(key.rsplit(' ').next().unwrap_or(key)))
        }
        (None, key) => words::group(by, key),
    }
}
