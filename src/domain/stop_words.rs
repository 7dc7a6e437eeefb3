//! The words by which a person asks in a Direct Message for no more prompts.
//!
//! A message counts only as a whole. A person who writes `stop` alone wants prompts to stop. A
//! person who writes that their subscription did not stop wants help.

/// The words used if nothing else is set. Deliberately absent: words such as `cancel` and `end`.
/// They are more often about an order than about prompts.
pub const DEFAULT: [&str; 24] = [
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "opt out",
    "optout",
    "stopp",
    "abmelden",
    "arrêt",
    "arrêter",
    "désabonner",
    "baja",
    "parar",
    "pare",
    "sair",
    "disiscrivimi",
    "стоп",
    "отписаться",
    "إيقاف",
    "berhenti",
    "ストップ",
    "配信停止",
    "退订",
    "수신거부",
];

/// Words in the form that [`plain`] gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopWords(Vec<String>);

impl StopWords {
    /// Takes the words. The error is the first word that no message could be.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let plain = |word: &'a str| Some(plain(word)).filter(|plain| !plain.is_empty()).ok_or(word);
        words.into_iter().map(plain).collect::<Result<_, _>>().map(Self)
    }

    pub fn are_said_by(&self, message: &str) -> bool {
        // Nobody writes a page to say stop.
        message.len() <= 1_000 && self.0.contains(&plain(&without_links(message)))
    }
}

/// Removes links because X appends one for whatever is attached to a message.
fn without_links(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !word.starts_with("https://t.co/"));
    words.collect::<Vec<_>>().join(" ")
}

/// A text in lower case without punctuation and with single blanks: `Opt-out!` is `opt out`.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    // Combining marks belong to a letter. They are no punctuation and split no word.
    let is_part = |letter: char| letter.is_alphanumeric() || is_mark(letter);
    let words = lower.split(|letter| !is_part(letter)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// True if a character is a combining mark or joins letters. It covers the blocks that living
/// scripts need.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36F}' | '\u{900}'..='\u{DFF}' | '\u{E31}'..='\u{E4E}' | '\u{200C}' | '\u{200D}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_that_is_a_stop_word_and_nothing_else_is_understood() {
        let words = StopWords::new(DEFAULT).unwrap();
        for message in [
            "STOP",
            "stop",
            " Stop. ",
            "Stop!!",
            "\"stop\"",
            "Opt-out",
            "OPT  OUT",
            "unsubscribe\n",
            "BAJA",
            "Arrêt !",
            "Стоп.",
            "退订。",
            "Stop! https://t.co/Ab12",
        ] {
            assert!(words.are_said_by(message), "{message:?}");
        }
        for message in [
            "",
            "!",
            "please stop",
            "stop it",
            "It does not stop",
            "stopped",
            "nonstop",
            "stop stop",
            "stop https://acme.example",
            "cancel",
        ] {
            assert!(!words.are_said_by(message), "{message:?}");
        }
    }

    #[test]
    fn words_are_taken_in_any_script() {
        let words = StopWords::new(["Parar", "não quero", "रोकें", "СТОП", "停止"]).unwrap();
        for message in ["parar", "NÃO QUERO!", "रोकें", "стоп", "停止。"] {
            assert!(words.are_said_by(message), "{message:?}");
        }
        assert!(!words.are_said_by("停"));
    }

    #[test]
    fn a_word_without_letters_is_none() {
        assert_eq!(StopWords::new(["stop", "?!"]), Err("?!"));
        assert!(!StopWords::new([]).unwrap().are_said_by(""));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            prop_assert_eq!(plain(&plain(&text)), plain(&text));
            let _ = StopWords::new([text.as_str()]).map(|words| words.are_said_by(&text));
        }
    }
}
