//! Names languages by their tags, and says which tags may stand in a page.

use crate::domain::plain_text::printable;

const LANGUAGES: [(&str, &str); 40] = [
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("bn", "Bengali"),
    ("ca", "Catalan"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("fa", "Persian"),
    ("fi", "Finnish"),
    ("fil", "Filipino"),
    ("fr", "French"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("ms", "Malay"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
];

/// The name of a language by its tag. A regional tag keeps its region: "Portuguese (BR)".
pub fn language(tag: &str) -> String {
    let (main, rest) = tag.split_once(['-', '_']).unwrap_or((tag, ""));
    let known = LANGUAGES.iter().find(|(code, _)| main.eq_ignore_ascii_case(code));
    match (known, rest) {
        (Some((_, name)), "") => (*name).to_owned(),
        (Some((_, name)), rest) => format!("{name} ({})", printable(rest)),
        (None, _) => printable(tag),
    }
}

/// The tag if it may stand in `lang`: its form is that of BCP 47 (RFC 5646, section 2.1) without
/// grandfathered tags.
pub fn language_tag(tag: &str) -> Option<&str> {
    let mut parts = tag.split('-');
    let is_primary = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_further = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_formed = parts.next().is_some_and(is_primary) && parts.all(is_further);
    let ends_open = tag.rsplit('-').next().is_some_and(|last| last.len() == 1);
    (is_formed && !ends_open && tag.len() <= 35).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_tag_is_a_language() {
        for tag in ["en", "pt-BR", "zh-Hant-TW", "sr-Latn", "de-1996", "x-y", "en-x-kv"] {
            assert_eq!(language_tag(tag).is_some(), tag != "x-y", "{tag}");
        }
        for tag in ["", "e", "en_US", "en-", "-en", "en--us", "\" onload=", "en-a", "englishes1"] {
            assert_eq!(language_tag(tag), None, "{tag}");
        }
        assert_eq!(language("pt-BR"), "Portuguese (BR)");
        assert_eq!(language("EN"), "English");
        assert_eq!(language("tlh"), "tlh");
    }
}
