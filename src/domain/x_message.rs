//! Reads a Direct Message in the forms of X's v1.1, of its webhooks and of v2.

use serde_json::Value;

use super::direct_message::DirectMessage;
use super::time::Millis;

/// Reads the form of v1.1 and webhooks. `None` for other events.
pub fn of_v1(event: &Value) -> Option<DirectMessage> {
    if event.get("type")?.as_str()? != "message_create" {
        return None;
    }
    let create = event.get("message_create")?;
    Some(DirectMessage {
        id: event.get("id").and_then(text)?,
        sender: create.get("sender_id").and_then(text)?,
        recipient: create.pointer("/target/recipient_id").and_then(text)?,
        // Epoch milliseconds as a string.
        created_at: event.get("created_timestamp").and_then(number).map(Millis)?,
        // A picture alone is a message too.
        text: unescaped(
            create.pointer("/message_data/text").and_then(Value::as_str).unwrap_or_default(),
        ),
    })
}

/// Undoes HTML's escapes of these three characters. X escapes no others.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Reads the form of v2. `None` for other events and for messages of groups.
pub fn of_v2(event: &Value) -> Option<DirectMessage> {
    if event.get("event_type")?.as_str()? != "MessageCreate" {
        return None;
    }
    let sender = event.get("sender_id").and_then(text)?;
    // A conversation of two people is named by both their ids. A group's name has another form.
    let conversation = event.get("dm_conversation_id").and_then(text)?;
    let (one, other) = conversation.split_once('-')?;
    let recipient = if sender == one { other } else { one }.to_owned();
    let is_theirs = sender == one || sender == other;
    is_theirs.then_some(DirectMessage {
        id: event.get("id").and_then(text)?,
        recipient,
        created_at: Millis::from_rfc3339(event.get("created_at")?.as_str()?).ok()?,
        text: unescaped(event.get("text").and_then(Value::as_str).unwrap_or_default()),
        sender,
    })
}

/// What a webhook delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The id of the account that it is for.
    pub to: String,
    pub messages: Vec<DirectMessage>,
}

/// The messages of the Account Activity API or of the X Activity API. Their envelopes differ.
/// `None` if the body is neither. Events that are not messages are left out.
pub fn delivered(body: &Value) -> Option<WebhookDelivery> {
    let of_activity = body.get("for_user_id").map(|to| (to, body));
    let of_x_activity = || {
        let data = body.get("data")?;
        Some((data.pointer("/filter/user_id")?, data.get("payload").unwrap_or(data)))
    };
    let (to, payload) = of_activity.or_else(of_x_activity)?;
    let events = payload.get("direct_message_events").and_then(Value::as_array);
    let messages = events.into_iter().flatten().filter_map(of_v1).collect();
    Some(WebhookDelivery { to: text(to)?, messages })
}

/// In bytes. X's ids have 19 digits.
const ID_MOST: usize = 64;

/// A string or a number written as one. A text too long for an id is none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| text.len() <= ID_MOST),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    text(value)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str) -> Value {
        json!({"type": "message_create", "id": id, "created_timestamp": "1516403560557",
            "message_create": {"target": {"recipient_id": "4337869213"}, "sender_id": "3001969357",
                "source_app_id": "13090192", "message_data": {"text": "Hello &amp; bye"}}})
    }

    #[test]
    fn messages_are_read_out_of_either_envelope() {
        let wanted = DirectMessage {
            id: "954491830116155396".into(),
            sender: "3001969357".into(),
            recipient: "4337869213".into(),
            created_at: Millis(1_516_403_560_557),
            text: "Hello & bye".into(),
        };
        let events = json!([event("954491830116155396"), {"type": "message_read", "id": "7"}]);
        let activity = json!({"for_user_id": "4337869213", "direct_message_events": events,
            "apps": {}, "users": {"3001969357": {"id": "3001969357", "name": "J"}}});
        let x_activity = json!({"data": {"event_uuid": "u", "filter": {"user_id": 4337869213_i64},
            "event_type": "dm.received", "payload": {"direct_message_events": events}}});
        for body in [activity, x_activity] {
            let to = "4337869213".to_owned();
            let wanted = WebhookDelivery { to, messages: vec![wanted.clone()] };
            assert_eq!(delivered(&body), Some(wanted), "{body}");
        }
    }

    #[test]
    fn what_is_no_message_is_none_and_what_is_no_delivery_is_refused() {
        let read = json!({"for_user_id": "1", "direct_message_mark_read_events": [{"id": "7"}]});
        assert_eq!(
            delivered(&read),
            Some(WebhookDelivery { to: "1".into(), messages: Vec::new() })
        );
        for body in [json!({}), json!([]), json!("x"), json!({"data": {"filter": {}}})] {
            assert_eq!(delivered(&body), None, "{body}");
        }
    }
}
