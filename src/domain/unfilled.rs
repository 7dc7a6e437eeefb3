//! Recognises texts that stand for nothing.
//!
//! An operator builds the body of a webhook from placeholders. A help desk that does not know a
//! placeholder sends it as it is. A script that has no value may send the word for that. Such a
//! text must neither name a conversation nor reach a customer.

/// The opening and the closing of a placeholder. Liquid, Handlebars and Twig use the first.
/// Salesforce uses the second, JavaScript the third and ERB the last.
const PLACEHOLDERS: [(&str, &str); 4] = [("{{", "}}"), ("{!", "}"), ("${", "}"), ("<%", "%>")];

/// The words by which Python, JavaScript, Ruby and JSON write an absent value as text.
const ABSENT: [&str; 4] = ["None", "null", "undefined", "nil"];

/// Says why a text stands for nothing, to follow the text. `None` if it stands for something.
pub fn why_nothing(text: &str) -> Option<&'static str> {
    // It names something. A person may call themselves `{{ 7 * 7 }}`.
    let names = |inner: &str| {
        let inner = inner.trim_start_matches(|letter| " =#-.".contains(letter));
        inner.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
    };
    let holds = |(opening, closing): &(&str, &str)| {
        let (_, rest) = text.split_once(opening)?;
        rest.split_once(closing).filter(|(inner, _)| names(inner))
    };
    // Few texts hold a bracket. A look for one character is quick.
    if text.contains(['{', '<']) && PLACEHOLDERS.iter().any(|brackets| holds(brackets).is_some()) {
        return Some("is a placeholder that the help desk has not filled in");
    }
    ABSENT.contains(&text.trim()).then_some("is a word for nothing")
}

/// True if the text stands for nothing.
pub fn is_unfilled(text: &str) -> bool {
    why_nothing(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_known_by_its_brackets() {
        for text in [
            "{{ticket.id}}",
            " {{ ticket.requester.first_name }} ",
            "Ticket {{ticket.id}}",
            "{!Case.Id}",
            "${case.id}",
            "<%= ticket.id %>",
        ] {
            assert!(why_nothing(text).is_some_and(|why| why.contains("placeholder")), "{text}");
        }
        for text in [
            "{{ 7 * 7 }}",
            "{% raw %}",
            "{{}}",
            "",
            "4711",
            "a {b} c",
            "{}",
            "}}{{",
            "100 %",
            "<ticket>",
            "$5",
            "None of it",
        ] {
            assert!(!is_unfilled(text), "{text}");
        }
    }

    #[test]
    fn the_words_for_an_absent_value_stand_for_nothing_alone() {
        for text in ["None", "null", "undefined", "nil", " None "] {
            assert_eq!(why_nothing(text), Some("is a word for nothing"), "{text}");
        }
        for text in ["Nonette", "NULL Müller", "nila", "none"] {
            assert!(!is_unfilled(text), "{text}");
        }
    }
}
