use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
const AFTER: Duration = Duration::from_secs(30 * 60);
const FAR: Millis = Millis(1_000_000 * MINUTE);

fn said(minute: i64, id: u64, by: Author) -> TalkMessage {
    TalkMessage { mark: MessagePosition { at: Millis(minute * MINUTE), id: id.to_string() }, by }
}

fn person(minute: i64) -> TalkMessage {
    said(minute, u64::try_from(minute).unwrap() * 2 + 10, Author::Person)
}

fn account(minute: i64) -> TalkMessage {
    said(minute, u64::try_from(minute).unwrap() * 2 + 11, Author::Account)
}

fn heard(messages: &[TalkMessage]) -> Conversation {
    let mut conversation = Conversation::default();
    for message in messages {
        conversation.hear(message.clone());
    }
    conversation
}

fn closed(first: &TalkMessage, last: &TalkMessage, agent_messages: u32) -> TalkTurn {
    TalkTurn::Closed(Closed {
        talk: first.mark.id.clone(),
        closed_at: last.mark.at.plus(AFTER),
        last_message_at: last.mark.at,
        agent_messages,
    })
}

fn reopened(first: &TalkMessage, at: Millis) -> TalkTurn {
    TalkTurn::Reopened { talk: first.mark.id.clone(), at }
}

fn minute(minute: i64) -> Millis {
    Millis(minute * MINUTE)
}

#[test]
fn a_talk_is_over_once_the_account_has_had_the_last_word_for_long_enough() {
    let messages = [person(0), account(1), person(5), account(6), account(7)];
    let mut conversation = heard(&messages);
    assert_eq!(conversation.ends_at(AFTER), Some(minute(37)));
    assert_eq!(conversation.turns(AFTER, Millis(37 * MINUTE - 1)), []);
    assert_eq!(conversation.turns(AFTER, minute(37)), [closed(&messages[0], &messages[4], 3)]);
    assert_eq!(conversation.turns(AFTER, FAR), [], "and it is over once");
    assert_eq!(conversation.ends_at(AFTER), None);
}

#[test]
fn a_person_who_waits_for_an_answer_keeps_the_talk_open() {
    let mut conversation = heard(&[person(0), account(1), person(2)]);
    assert_eq!(conversation.ends_at(AFTER), None);
    assert_eq!(conversation.turns(AFTER, FAR), []);
}

#[test]
fn what_an_account_writes_to_somebody_who_says_nothing_is_no_talk() {
    let mut conversation = heard(&[account(0), account(50)]);
    assert_eq!(conversation.ends_at(AFTER), None);
    assert_eq!(conversation.turns(AFTER, FAR), []);
}

#[test]
fn what_an_account_adds_after_the_end_neither_reopens_nor_closes() {
    let messages = [person(0), account(1), account(40), account(90)];
    let mut conversation = heard(&messages);
    assert_eq!(conversation.turns(AFTER, FAR), [closed(&messages[0], &messages[1], 1)]);
    assert_eq!(conversation.turns(AFTER, FAR), []);
}

#[test]
fn a_person_who_writes_after_the_end_reopens_the_talk_and_begins_the_next() {
    let messages = [person(0), account(1)];
    let mut conversation = heard(&messages);
    conversation.turns(AFTER, minute(31));
    let thanks = person(33);
    conversation.hear(thanks.clone());
    assert_eq!(conversation.turns(AFTER, minute(31)), [reopened(&messages[0], minute(33))]);
    let welcome = account(34);
    conversation.hear(person(35));
    conversation.hear(account(36));
    conversation.hear(welcome);
    assert_eq!(conversation.turns(AFTER, FAR), [closed(&thanks, &account(36), 2)]);
}

#[test]
fn a_person_whose_message_came_too_late_reopens_the_talk_at_its_end() {
    let messages = [person(0), account(1)];
    let mut conversation = heard(&messages);
    conversation.turns(AFTER, minute(31));
    conversation.hear(person(20));
    assert_eq!(conversation.turns(AFTER, minute(32)), [reopened(&messages[0], minute(31))]);
}

#[test]
fn the_silence_is_counted_only_where_all_was_heard() {
    // The newest come first: what lies between is still to be read.
    let mut conversation = heard(&[person(100), account(101), person(0), account(1)]);
    assert_eq!(conversation.turns(AFTER, minute(20)), []);
    for minute in [25, 50, 75] {
        conversation.hear(person(minute));
        conversation.hear(account(minute + 1));
    }
    assert_eq!(conversation.turns(AFTER, FAR), [closed(&person(0), &account(101), 5)]);
}

#[test]
fn a_talk_of_any_length_is_kept_in_little_room_and_counted_whole() {
    let mut conversation = Conversation::default();
    for minute in 0..20_000 {
        conversation.hear(person(minute));
        conversation.hear(account(minute));
        if minute % 100 == 0 {
            assert_eq!(conversation.turns(AFTER, Millis(minute * MINUTE)), []);
            assert!(conversation.said.len() <= SAID_MAX + 200);
        }
    }
    // All of it once more.
    for minute in 0..20_000 {
        conversation.hear(account(minute));
    }
    let ended = closed(&person(0), &account(19_999), 20_000);
    assert_eq!(conversation.turns(AFTER, FAR), [ended]);
}

#[test]
fn years_of_unanswered_messages_of_an_account_take_no_room() {
    let mut conversation = Conversation::default();
    for day in 0..1_000 {
        conversation.hear(account(day * 24 * 60));
        assert_eq!(conversation.turns(AFTER, minute(day * 24 * 60)), []);
        assert!(conversation.said.len() <= 2);
    }
}

#[test]
fn a_wish_for_no_more_prompts_is_heeded_once() {
    let mut conversation = Conversation::default();
    assert!(conversation.stop(minute(5)));
    assert!(!conversation.stop(minute(5)));
    assert!(!conversation.stop(minute(4)));
    assert!(conversation.stop(minute(6)));
}

#[test]
fn a_message_is_with_the_person_on_its_other_side() {
    let id = |id: &str| UserId::parse(id).unwrap();
    let message = |sender: &str, recipient: &str| DirectMessage {
        id: "7".into(),
        sender: sender.into(),
        recipient: recipient.into(),
        created_at: minute(3),
        text: "Hello".into(),
    };
    let between = |sender: &str, recipient: &str| {
        TalkMessage::between(&id("12"), &message(sender, recipient))
            .map(|(person, said)| (person, said.by))
    };
    assert_eq!(between("12", "34"), Some((id("34"), Author::Account)));
    assert_eq!(between("34", "12"), Some((id("34"), Author::Person)));
    for (sender, recipient) in [("12", "12"), ("34", "56"), ("12", "x"), ("", "12")] {
        assert_eq!(between(sender, recipient), None, "{sender} to {recipient}");
    }
}

#[test]
fn a_message_without_an_id_of_xs_is_left_out() {
    let account = UserId::parse("12").unwrap();
    for id in ["", "x", "7\0", "12345678901234567890"] {
        let message = DirectMessage {
            id: id.into(),
            sender: "34".into(),
            recipient: "12".into(),
            created_at: minute(3),
            text: String::new(),
        };
        assert_eq!(TalkMessage::between(&account, &message), None, "{id:?}");
    }
}

#[test]
fn a_talk_is_known_by_its_person_and_its_first_message() {
    let person = UserId::parse("34").unwrap();
    assert_eq!(
        conversation_id(&person, "1582838499983564806").as_str(),
        "dm-34-1582838499983564806"
    );
}

#[test]
fn ids_grow_as_numbers_do() {
    let mark = |id: &str| MessagePosition { at: minute(0), id: id.into() };
    assert!(mark("9") < mark("10"));
    assert!(mark("1582838499983564806") < mark("1582838499983564807"));
}

/// The turns of messages that are heard whole and at once, by the words of the rule.
fn by_the_words(messages: &[TalkMessage]) -> Vec<TalkTurn> {
    let mut sorted = messages.to_vec();
    sorted.sort_by(|one, other| one.mark.cmp(&other.mark));
    sorted.dedup();
    let mut turns = Vec::new();
    let mut talk: Option<(&TalkMessage, u32)> = None;
    let mut ended: Option<&TalkMessage> = None;
    for (place, said) in sorted.iter().enumerate() {
        match (said.by, &mut talk) {
            (Author::Person, None) => {
                if let Some(first) = ended.take() {
                    turns.push(reopened(first, said.mark.at));
                }
                talk = Some((said, 0));
            }
            (Author::Account, Some((_, agent_messages))) => *agent_messages += 1,
            (Author::Person, Some(_)) | (Author::Account, None) => {}
        }
        let silent_at = said.mark.at.plus(AFTER);
        let is_followed = sorted.get(place + 1).is_some_and(|next| next.mark.at < silent_at);
        if let (Author::Account, Some((first, count)), false) = (said.by, talk, is_followed) {
            turns.push(closed(first, said, count));
            ended = Some(first);
            talk = None;
        }
    }
    turns
}

fn messages() -> impl Strategy<Value = Vec<TalkMessage>> {
    // Some at the same instant, some silences exactly as long as `after`.
    let step = prop_oneof![Just(0), 1..10_i64, 25..35_i64, Just(30), 100..5_000_i64];
    prop::collection::vec((step, any::<bool>()), 0..60).prop_map(|steps| {
        let mut now = 0;
        let one = |(id, (step, is_person)): (usize, (i64, bool))| {
            now += step;
            said(now, id as u64 + 5, if is_person { Author::Person } else { Author::Account })
        };
        steps.into_iter().enumerate().map(one).collect()
    })
}

fn shuffled() -> impl Strategy<Value = (Vec<TalkMessage>, Vec<TalkMessage>)> {
    messages().prop_flat_map(|messages| {
        let twice: Vec<TalkMessage> = messages.iter().chain(&messages).cloned().collect();
        (Just(messages), Just(twice).prop_shuffle())
    })
}

fn stored(conversation: &Conversation) -> Conversation {
    serde_json::from_str(&serde_json::to_string(conversation).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_the_same_messages_gives_the_same_turns(
        (messages, shuffled) in shuffled()
    ) {
        let mut conversation = heard(&shuffled);
        prop_assert_eq!(conversation.turns(AFTER, FAR), by_the_words(&messages));
        for message in &shuffled {
            conversation.hear(message.clone());
        }
        prop_assert_eq!(conversation.turns(AFTER, FAR), [], "nor again by repetition");
    }

    #[test]
    fn however_often_one_looks_and_starts_again_the_turns_are_the_same(
        messages in messages(), looks in prop::collection::vec(0..10_000_i64, 0..30),
    ) {
        let mut looks: Vec<Millis> = looks.into_iter().map(minute).chain([FAR]).collect();
        looks.sort();
        let mut conversation = Conversation::default();
        let mut turns = Vec::new();
        for look in looks {
            // A reading reaches back into the last one.
            for message in messages.iter().filter(|said| said.mark.at <= look) {
                conversation.hear(message.clone());
            }
            turns.extend(conversation.turns(AFTER, look));
            conversation = stored(&conversation);
        }
        prop_assert_eq!(turns, by_the_words(&messages));
    }

    #[test]
    fn no_lateness_closes_a_talk_twice_or_before_its_silence(
        (_, shuffled) in shuffled(), steps in prop::collection::vec(0..500_i64, 120),
    ) {
        let mut conversation = Conversation::default();
        let mut heard_to = 0;
        let mut closed = std::collections::BTreeSet::new();
        let mut open = None;
        for (message, step) in shuffled.into_iter().zip(steps) {
            conversation.hear(message);
            heard_to += step;
            for turn in conversation.turns(AFTER, minute(heard_to)) {
                match turn {
                    TalkTurn::Closed(ended) => {
                        prop_assert!(ended.closed_at <= minute(heard_to));
                        prop_assert_eq!(ended.closed_at, ended.last_message_at.plus(AFTER));
                        prop_assert!(ended.agent_messages > 0);
                        prop_assert!(closed.insert(ended.talk.clone()), "closed twice");
                        open = Some((ended.talk, ended.closed_at));
                    }
                    TalkTurn::Reopened { talk, at } => {
                        let (last, closed_at) = open.take().expect("only what is closed reopens");
                        prop_assert_eq!(talk, last);
                        prop_assert!(at >= closed_at);
                    }
                }
            }
        }
    }
}
