//! The rows that the daemon keeps of a close and of its answer, once all has been told.

use rusqlite::types::Value;
use serde_json::json;
use surveyd::domain::close::Notice;
use surveyd::domain::policy::decision::{Clear, Decision, Ground, OptedOut, Throttled};
use surveyd::domain::time::Millis;

use crate::made::{ACCOUNT, Close, DAY, DELAY, Fate, one_of};
use crate::words::{Dice, comment};

/// What the daemon fills of a survey until it has ended.
pub const SURVEY: &str = "id, account, source, conversation_id, ordinal, external_id, user_id, \
     kind, question_variant_id, test, state, reason, closed_at, accepted_at, due_at, notice, \
     try_at, lease_token, attempts, begun_at, spent_at, sent_at, feedback_id, dm_id, \
     decided, decision, message";

/// What the fold fills of a feedback that has been answered.
pub const FEEDBACK: &str = "account, id, survey_id, updated_at, created_at, to_user_id, \
     external_id, kind, question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, \
     comment, comment_given_at, comment_told_at, updates, folds";

/// The share of answers with a comment.
const SAID: f64 = 0.28;
/// The share of closes that the rule matches.
const OF_RULE: f64 = 0.2;
const SCORES: [(i64, f64); 5] = [(5, 0.47), (4, 0.27), (3, 0.11), (1, 0.09), (2, 0.06)];
const MESSAGE: &str = "Hi Ana, thank you for writing to us. You talked with our team a moment ago: \
     how did we do? It takes ten seconds and helps us to get better.";

/// A row of `survey`.
pub fn survey(close: &Close, fate: Fate, notice: &Notice, dice: &mut Dice) -> Vec<Value> {
    let Close { closed_at, due_at, .. } = *close;
    let (state, ground) = match fate {
        Fate::Answered => ("answered", clear(dice)),
        Fate::Sent => ("sent", clear(dice)),
        Fate::Unsent => unsent(close, dice),
    };
    let reason = match &ground {
        Ground::Throttled(_) => Some("throttled"),
        Ground::OptedOut(_) => Some("opted_out"),
        _ => None,
    };
    let rule = (dice.share() < OF_RULE).then(|| "second-contact".to_owned());
    let variant = Some(["plain", "warm"][dice.below(2) as usize].to_owned());
    let decided = |at: i64, ground: Ground| {
        let decision =
            Decision { at: Millis(at), rule: rule.clone(), variant: variant.clone(), ground };
        text(decision.json().expect("a decision is plain data"))
    };
    let at_close = Ground::Due { due_at: Millis(due_at), delay_ms: DELAY };
    let is_sent = fate != Fate::Unsent;
    let if_sent = |value: Value| if is_sent { value } else { Value::Null };
    vec![
        text(&close.id),
        text(ACCOUNT),
        text("helpdesk"),
        text(&close.conversation_id),
        1.into(),
        text(&close.conversation_id),
        text(&close.user_id),
        text("csat"),
        12.into(),
        0.into(),
        text(state),
        reason.map_or(Value::Null, text),
        closed_at.into(),
        (closed_at + 1_500).into(),
        due_at.into(),
        text(serde_json::to_string(notice).expect("a notice is plain data")),
        due_at.into(),
        3.into(),
        i64::from(is_sent).into(),
        if_sent((due_at + 100).into()),
        if_sent(close.sent_at.into()),
        if_sent(close.sent_at.into()),
        if_sent(text(&close.feedback_id)),
        if_sent(text(&close.dm_id)),
        decided(closed_at + 1_500, at_close),
        decided(due_at + 50, ground),
        if_sent(text(MESSAGE)),
    ]
}

/// A row of `feedback`. Most people answer within the hour, some only days later.
pub fn feedback(close: &Close, now: i64, dice: &mut Dice) -> Vec<Value> {
    let waited = 20_000.0 - 5_400_000.0 * (1.0 - dice.share()).ln();
    let scored_at = (close.sent_at + waited as i64).min(now);
    let said = (dice.share() < SAID).then(|| comment(dice));
    let said_at = said.is_some().then(|| (scored_at + 60_000).min(now));
    let score = one_of(&SCORES, dice);
    let updated_at = said_at.unwrap_or(scored_at);
    let [sent, scored, last] =
        [close.sent_at, scored_at, updated_at].map(|at| Millis(at).rfc3339());
    let mut raw = json!({
        "id": close.feedback_id,
        "dm_id": close.dm_id,
        "created_at": sent,
        "updated_at": last,
        "type": "csat",
        "test": false,
        "from_user_id": "1212121212121",
        "to_user_id": close.user_id,
        "privacy_url": "https://acme.example/privacy",
        "external_id": close.conversation_id,
        "question_variant_id": 12,
        "display_name": "ACME",
        "response": {"score": {"created_at": scored, "value": score}},
    });
    if let Some(said) = &said {
        raw["response"]["text"] = json!({"created_at": last, "value": said});
    }
    let said_at = said_at.map_or(Value::Null, Value::from);
    vec![
        text(ACCOUNT),
        text(&close.feedback_id),
        text(&close.id),
        updated_at.into(),
        close.sent_at.into(),
        text(&close.user_id),
        text(&close.conversation_id),
        text("csat"),
        12.into(),
        0.into(),
        text(&close.dm_id),
        text(raw.to_string()),
        score.into(),
        scored_at.into(),
        scored_at.into(),
        said.map_or(Value::Null, Value::from),
        said_at.clone(),
        said_at,
        text(format!("{} {scored_at} {updated_at}", close.sent_at)),
        1.into(),
    ]
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn clear(dice: &mut Dice) -> Ground {
    Ground::Clear(Clear {
        throttle_ms: 30 * DAY,
        last_prompt_at: None,
        is_last_dry: false,
        prompts_of_day: dice.below(4_000) as u32,
        daily_limit: 5_000,
        sample: Some([0.8, dice.share() * 0.8]),
        pace: None,
    })
}

/// The state and the ground of a survey that was never sent.
fn unsent(close: &Close, dice: &mut Dice) -> (&'static str, Ground) {
    match dice.share() {
        drawn if drawn < 0.7 => {
            let throttled = Throttled {
                last_prompt_at: Some(Millis(close.closed_at - 9 * DAY)),
                is_uncertain: false,
                is_dry: false,
                throttle_ms: 30 * DAY,
                throttle_group: ACCOUNT.to_owned(),
                prompts_of_day: 0,
                daily_limit_per_user: 1,
            };
            ("suppressed", Ground::Throttled(throttled))
        }
        drawn if drawn < 0.8 => {
            let opted_out_at = Millis(close.closed_at - 40 * DAY);
            ("suppressed", Ground::OptedOut(OptedOut { opted_out_at, account: None, why: None }))
        }
        _ => {
            let closed_at = Millis(close.closed_at);
            ("expired", Ground::Late { closed_at, expire_after_ms: DAY })
        }
    }
}
