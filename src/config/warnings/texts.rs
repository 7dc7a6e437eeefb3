//! Warns of texts that a person would read with a hole or with a name that was never filled in.

use super::super::Texts;
use super::Warning;
use crate::domain::prompt_text;

/// Words that point at the card in the languages that most texts use. Some of X's clients show the
/// message without the card.
const POINTERS: [&str; 27] = [
    "card",
    "button",
    "buttons",
    "below",
    "beneath",
    "underneath",
    "tap",
    "click",
    "tarjeta",
    "botón",
    "botones",
    "abajo",
    "debajo",
    "cartão",
    "botão",
    "botões",
    "abaixo",
    "carte",
    "bouton",
    "boutons",
    "dessous",
    "karte",
    "knopf",
    "schaltfläche",
    "unten",
    "scheda",
    "pulsante",
];

/// The variables that a notice may lack.
const MAY_BE_MISSING: [&str; 4] = ["first_name", "agent", "team", "language"];

/// Warns of each text that may read badly.
pub(super) fn of_texts(key: &str, texts: &Texts, warnings: &mut Vec<Warning>) {
    let bare = texts.templates.tried_bare();
    for (language, text) in texts.templates.tried() {
        let key = match language {
            None => format!("{key}.message"),
            Some(language) => format!("{key}.messages.{language}"),
        };
        let mut warn = |problem: String, remedy: &str| {
            warnings.push(Warning { key: key.clone(), problem, remedy: remedy.to_owned() });
        };
        let lower = text.to_lowercase();
        let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
        if let Some(word) = words.find(|word| POINTERS.contains(word)) {
            warn(
                format!("says \"{word}\", and makes no sense where the card does not show"),
                "write a text that stands alone: some of X's clients show the message only",
            );
        }
        if let Some(name) = literal(&text) {
            warn(
                format!("says {name} to everybody: it is no variable in that form"),
                "write a variable as {{ first_name | default('there') }}",
            );
        }
        let of_nobody = bare.iter().find(|(known, _)| *known == language);
        if let Some((_, bare)) = of_nobody.filter(|(_, bare)| holes(bare) > holes(&text)) {
            let fills_in = |name: &&&str| texts.templates.fills_in(language, name);
            let missing = MAY_BE_MISSING.iter().find(fills_in).unwrap_or(&"first_name");
            let (lacks, instead) = match *missing {
                "first_name" => ("name", "there"),
                other => (other, "…"),
            };
            warn(
                format!("reads {bare:?} where the help desk tells no {lacks}"),
                &format!(
                    "say what stands there instead, as {{{{ {missing} | default('{instead}') }}}}"
                ),
            );
        }
        if let Some(language) = language.filter(|language| is_name(language)) {
            warn(
                format!("is for {language:?}, and help desks tell a language by its code"),
                "write the code, such as en, es or pt-BR",
            );
        }
    }
}

/// True if a language looks like its name and not like its code. A code begins with two or three
/// letters (BCP 47).
pub(super) fn is_name(language: &str) -> bool {
    language.split(['-', '_']).next().is_some_and(|first| first.chars().count() > 3)
}

/// A variable in a form that other programs write and that stays as it is here.
fn literal(text: &str) -> Option<String> {
    let forms = |name: &str| {
        [("{", "}"), ("%", "%"), ("[", "]"), ("<", ">")].map(|(a, b)| format!("{a}{name}{b}"))
    };
    prompt_text::variable_names().flat_map(forms).find(|form| text.contains(form.as_str()))
}

/// Counts the places where a word is missing: a blank before a mark, two blanks, a mark or a blank
/// at the beginning, or a blank at the end.
fn holes(text: &str) -> usize {
    let mark = |letter: char| matches!(letter, ',' | '.' | '!' | '?' | ':' | ';');
    let letters: Vec<char> = text.chars().collect();
    let pairs = letters.windows(2).filter(|pair| {
        pair[0] == ' ' && (pair[1] == ' ' || mark(pair[1])) || pair[0] == ',' && mark(pair[1])
    });
    let first = letters.first().is_some_and(|first| mark(*first) || *first == ' ');
    let last = letters.last() == Some(&' ');
    pairs.count() + usize::from(first) + usize::from(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_where_a_word_is_missing() {
        for (text, count) in [
            ("Hi , how did we do?", 1),
            ("Hi! How did we do?", 0),
            ("Hi  how", 1),
            (", how", 1),
            ("Hello, . How", 1),
            ("Merci !", 1),
            ("Hi ", 1),
        ] {
            assert_eq!(holes(text), count, "{text}");
        }
    }

    #[test]
    fn a_language_is_named_by_a_code() {
        for name in ["english", "Spanish", "español"] {
            assert!(is_name(name), "{name}");
        }
        for code in ["en", "es-MX", "fil", "zh_Hant", ""] {
            assert!(!is_name(code), "{code}");
        }
    }
}
