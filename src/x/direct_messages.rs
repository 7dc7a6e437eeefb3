//! Reads the pages of X's two lists of Direct Messages.

use super::wire::{ITEMS_MOST, cursor};
use crate::domain::direct_message::DirectMessage;
use crate::domain::{x_json, x_message};

/// One page of an account's messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessagesPage {
    /// The messages that surveyd can read. Other items of X's list are left out.
    pub messages: Vec<DirectMessage>,
    /// `None` at the end.
    pub next_cursor: Option<String>,
}

/// Reads a page of direct_messages/events/list.
pub fn listed(body: &[u8]) -> Option<MessagesPage> {
    let body = x_json::text(body);
    let [events, next] = x_json::members(x_json::whole(&body)?, ["events", "next_cursor"])?;
    let events = x_json::items(events?, ITEMS_MOST)?;
    let messages = events.into_iter().filter_map(|event| x_message::of_v1(&x_json::small(event)?));
    Some(MessagesPage { messages: messages.collect(), next_cursor: cursor(next)? })
}

/// Reads a page of v2's dm_events. An empty page has no `data`.
pub fn listed_by_v2(body: &[u8]) -> Option<MessagesPage> {
    let body = x_json::text(body);
    let [data, meta] = x_json::members(x_json::whole(&body)?, ["data", "meta"])?;
    let events = match data.filter(|data| data.get() != "null") {
        None => Vec::new(),
        Some(events) => x_json::items(events, ITEMS_MOST)?,
    };
    let [next] = x_json::members(meta?, ["next_token"])?;
    let messages = events.into_iter().filter_map(|event| x_message::of_v2(&x_json::small(event)?));
    Some(MessagesPage { messages: messages.collect(), next_cursor: cursor(next)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

    #[test]
    fn direct_messages_are_read_as_x_lists_them() {
        let body = br#"{"next_cursor":"AB345dkfC","events":[
            {"type":"message_create","id":"1234858592","created_timestamp":"1392078023603",
             "initiated_via":{"tweet_id":"123456","welcome_message_id":"456789"},
             "message_create":{"target":{"recipient_id":"1234858592"},"sender_id":"3805104374",
              "source_app_id":"268278","message_data":{"text":"Blue &amp; &lt;Bird&gt; &amp;lt;",
              "entities":{"hashtags":[],"symbols":[],"urls":[],"user_mentions":[]}}}},
            {"type":"message_read","id":"7"},
            {"type":"message_create","id":"8","message_create":{}},
            {"type":"message_create","id":9,"created_timestamp":1392078023000,
             "message_create":{"target":{"recipient_id":17},"sender_id":9007199254740993123,
              "message_data":{"text":""}}}],
            "apps":{"268278":{"id":"268278","name":"My Care App","url":"https://example.com"}}}"#;
        let page = listed(body).unwrap();
        assert_eq!(page.next_cursor.as_deref(), Some("AB345dkfC"));
        let blue = DirectMessage {
            id: "1234858592".into(),
            sender: "3805104374".into(),
            recipient: "1234858592".into(),
            created_at: Millis(1_392_078_023_603),
            text: "Blue & <Bird> &lt;".into(),
        };
        assert_eq!(page.messages[0], blue);
        let [_, bare] = page.messages.as_slice() else { panic!("{page:?}") };
        let ids = [&bare.id, &bare.sender, &bare.recipient];
        assert_eq!(ids, ["9", "9007199254740993123", "17"]);
    }

    #[test]
    fn a_page_of_direct_messages_may_be_empty_and_not_the_last() {
        let page = listed(br#"{"events":[],"next_cursor":"x"}"#).unwrap();
        assert_eq!((page.messages.len(), page.next_cursor.as_deref()), (0, Some("x")));
        for last in [&br#"{"events":[]}"#[..], br#"{"events":[],"next_cursor":null}"#] {
            assert_eq!(listed(last).unwrap(), MessagesPage::default());
        }
        assert!(listed(br#"{"errors":[]}"#).is_none());
        assert!(listed(br#"{"events":[],"next_cursor":{}}"#).is_none());
    }

    #[test]
    fn direct_messages_are_read_as_v2_lists_them() {
        let body = br#"{"data":[
            {"id":"1582838499983564806","event_type":"MessageCreate","text":"Hi &amp; bye.","sender_id":"944480690",
             "dm_conversation_id":"944480690-17200003","created_at":"2022-10-19T20:58:00.000Z"},
            {"id":"8","event_type":"MessageCreate","text":"To a group","sender_id":"944480690",
             "dm_conversation_id":"1582838499983564000","created_at":"2022-10-19T20:58:00.000Z"},
            {"id":"9","event_type":"MessageCreate","sender_id":"5",
             "dm_conversation_id":"944480690-17200003","created_at":"2022-10-19T20:58:00.000Z"},
            {"id":"7","event_type":"ParticipantsJoin","sender_id":"5"},
            {"id":"6","event_type":"MessageCreate","sender_id":"17200003",
             "dm_conversation_id":"944480690-17200003","created_at":"2022-10-19T20:57:00.000Z"}],
            "meta":{"result_count":5,"next_token":"N","previous_token":"P"}}"#;
        let page = listed_by_v2(body).unwrap();
        assert_eq!(page.next_cursor.as_deref(), Some("N"));
        let first = DirectMessage {
            id: "1582838499983564806".into(),
            sender: "944480690".into(),
            recipient: "17200003".into(),
            created_at: Millis(1_666_213_080_000),
            text: "Hi & bye.".into(),
        };
        let [one, other] = page.messages.as_slice() else { panic!("{page:?}") };
        assert_eq!(*one, first);
        assert_eq!((other.id.as_str(), other.recipient.as_str()), ("6", "944480690"));
        assert_eq!(listed_by_v2(br#"{"meta":{"result_count":0}}"#), Some(MessagesPage::default()));
        assert_eq!(listed_by_v2(br#"{"errors":[{"title":"Forbidden"}]}"#), None);
        assert_eq!(listed_by_v2(br#"{"data":{},"meta":{}}"#), None);
    }
}
