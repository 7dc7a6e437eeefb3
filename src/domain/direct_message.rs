//! Recognises a prompt among its account's Direct Messages.
//!
//! Feedback carries an external id, but a Direct Message carries none. It only has its writer, its
//! reader, its instant and its text.

use super::id::UserId;
use super::time::Millis;

/// A Direct Message as X lists it. X's ids are numbers that are kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectMessage {
    pub id: String,
    pub sender: String,
    pub recipient: String,
    /// The instant by X's clock.
    pub created_at: Millis,
    pub text: String,
}

/// What is known of a prompt that may have been sent.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    pub sender: &'a UserId,
    pub recipient: &'a UserId,
    /// The text as it was sent.
    pub text: &'a str,
    /// Everything that the request may have caused at X dates from `from` to `to` by X's clock.
    /// Both ends are included.
    pub from: Millis,
    pub to: Millis,
}

impl Trace<'_> {
    pub fn is_left_by(&self, message: &DirectMessage) -> bool {
        message.sender == self.sender.as_str()
            && message.recipient == self.recipient.as_str()
            && (self.from..=self.to).contains(&message.created_at)
            && reads_alike(&message.text, self.text)
    }
}

/// What an account's prompts to one person may have left among their messages.
#[derive(Clone, Debug, Default)]
pub struct PromptTraces<'a> {
    /// The messages of the prompts whose message ids X has reported.
    pub known: Vec<String>,
    /// The traces of the other prompts.
    pub others: Vec<Trace<'a>>,
}

impl PromptTraces<'_> {
    /// True if the message is probably surveyd's own. An agent may write a prompt's very words.
    /// That counts as a prompt only while the prompt's own message is not known.
    pub fn have_left(&self, message: &DirectMessage) -> bool {
        self.known.contains(&message.id) || self.others.iter().any(|one| one.is_left_by(message))
    }
}

/// True if X may have made one text of the other. X replaces every link by a t.co link and may
/// append one, and it trims the text.
fn reads_alike(listed: &str, sent: &str) -> bool {
    without_links(listed).eq(without_links(sent))
}

/// The letters of a text without its links and without the blanks between its words.
fn without_links(text: &str) -> impl Iterator<Item = char> {
    // A message does not keep U+0000 on its way.
    text.split_whitespace().flat_map(|word| word[..link_at(word)].chars()).filter(|c| *c != '\0')
}

/// Where a link begins in a word. It extends to the word's end in both texts alike.
fn link_at(word: &str) -> usize {
    let bytes = word.as_bytes();
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let mut start = 0;
    while start < bytes.len() {
        let length = bytes[start..].iter().take_while(|byte| is_host(byte)).count();
        let run = &word[start..start + length];
        let is_scheme = ["http", "https"].iter().any(|scheme| run.eq_ignore_ascii_case(scheme));
        if is_scheme && word[start + length..].starts_with("://") {
            return start;
        }
        // X makes links of bare names too: `acme.example/help`.
        if is_host_name(run) {
            return start;
        }
        start += length.max(1);
        while !word.is_char_boundary(start) {
            start += 1;
        }
    }
    word.len()
}

fn is_host_name(run: &str) -> bool {
    let mut labels = run.split('.');
    labels.next().is_some_and(|first| !first.is_empty())
        && labels.any(|label| label.len() > 1 && label.bytes().all(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_reads_alike_whatever_x_made_of_its_links_and_blanks() {
        for (listed, sent) in [
            ("How did we do?", "How did we do?"),
            ("How did we do?", "  How did\n\nwe  do? "),
            ("How did we do? https://t.co/Ab12", "How did we do?"),
            ("How did we do?https://t.co/Ab12", "How did we do?"),
            (
                "See https://t.co/Ab12 or https://t.co/Cd34.",
                "See https://a.example/x?y=1 or HTTP://b.",
            ),
            ("Help (https://t.co/Ab12) is there", "Help (acme.example/help) is there"),
            ("Hilfe:https://t.co/Ab12", "Hilfe:www.acme.example"),
            ("見てhttps://t.co/Ab12", "見てhttps://acme.example/見"),
            ("a & b < c", "a & b < c"),
            ("", "https://acme.example"),
        ] {
            assert!(reads_alike(listed, sent), "{listed:?} and {sent:?}");
        }
    }

    #[test]
    fn another_text_reads_otherwise() {
        for (listed, sent) in [
            ("How did we do", "How did we do?"),
            ("how did we do?", "How did we do?"),
            ("How did we do, Ana?", "How did we do, Ben?"),
            ("Bye", "How did we do?"),
            ("", "How did we do?"),
            ("3.5 of 5?", "4.5 of 5?"),
        ] {
            assert!(!reads_alike(listed, sent), "{listed:?} and {sent:?}");
        }
    }

    #[test]
    fn a_message_is_the_prompts_only_by_all_its_marks() {
        let id = |id: &str| UserId::parse(id).unwrap();
        let (sender, recipient) = (id("12"), id("34"));
        let text = "How did we do?";
        let (from, to) = (Millis(1_000), Millis(2_000));
        let trace = Trace { sender: &sender, recipient: &recipient, text, from, to };
        let message = DirectMessage {
            id: "7".into(),
            sender: "12".into(),
            recipient: "34".into(),
            created_at: from,
            text: text.into(),
        };
        assert!(trace.is_left_by(&message));
        assert!(trace.is_left_by(&DirectMessage { created_at: to, ..message.clone() }));
        for other in [
            DirectMessage { sender: "34".into(), recipient: "12".into(), ..message.clone() },
            DirectMessage { recipient: "35".into(), ..message.clone() },
            DirectMessage { created_at: Millis(999), ..message.clone() },
            DirectMessage { created_at: Millis(2_001), ..message.clone() },
            DirectMessage { text: "Hello".into(), ..message.clone() },
        ] {
            assert!(!trace.is_left_by(&other), "{other:?}");
        }
    }

    #[test]
    fn a_prompt_whose_message_is_known_is_told_by_its_id_and_no_more_by_its_text() {
        let id = |id: &str| UserId::parse(id).unwrap();
        let (sender, recipient) = (id("12"), id("34"));
        let text = "How did we do?";
        let (from, to) = (Millis(1_000), Millis(2_000));
        let trace = Trace { sender: &sender, recipient: &recipient, text, from, to };
        let message = |id: &str, text: &str| DirectMessage {
            id: id.into(),
            sender: "12".into(),
            recipient: "34".into(),
            created_at: from,
            text: text.into(),
        };
        let known = PromptTraces { known: vec!["7".into()], others: Vec::new() };
        assert!(known.have_left(&message("7", "shown otherwise")));
        assert!(!known.have_left(&message("8", text)));
        let unknown = PromptTraces { known: Vec::new(), others: vec![trace] };
        assert!(unknown.have_left(&message("8", text)));
        assert!(!unknown.have_left(&message("8", "Hello")));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(words in prop::collection::vec("\\PC{0,12}", 0..6)) {
            let sent = words.join(" ");
            let listed = format!("{} https://t.co/Ab12 ", words.join("\n "));
            prop_assert!(reads_alike(&listed, &sent));
        }
    }
}
