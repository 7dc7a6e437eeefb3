//! Cleans a text that somebody else wrote so that it may stand in a message of the business.
//!
//! Help desks pass on what customers call themselves. X makes a link of whatever looks like an
//! address. Such a text must therefore bring no address, no line break and no invisible character
//! into a message.

/// The longest name of a person, in characters.
pub const NAME_CHARACTERS_MAX: usize = 64;
/// The longest of all other texts, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 200;

/// The name that a person may be called. `None` if cleaning leaves nothing of it.
pub fn name(text: &str) -> Option<String> {
    // X makes a link of `word.word` too, but not of `word. word`.
    let mut name = String::new();
    for letter in tidy(text, NAME_CHARACTERS_MAX).chars() {
        if name.ends_with('.') && letter.is_alphabetic() {
            name.push(' ');
        }
        name.push(letter);
    }
    let name = cut(&name, NAME_CHARACTERS_MAX).trim_end();
    // A help desk fills an absent name with a mark such as `-`.
    let name =
        if name.contains(|c: char| c.is_alphanumeric() || is_picture(c)) { name } else { "" };
    // An empty name stays because it is empty at the help desk.
    (text.is_empty() || !name.is_empty()).then(|| name.to_owned())
}

/// Any other text of a notice.
pub fn text(text: &str) -> String {
    tidy(text, TEXT_CHARACTERS_MAX)
}

/// The beginning of a text.
pub fn cut(text: &str, characters_max: usize) -> &str {
    // No text has more characters than bytes.
    if text.len() <= characters_max {
        return text;
    }
    text.char_indices().nth(characters_max).map_or(text, |(end, _)| &text[..end])
}

/// A text as a terminal or a log line may show it. A character becomes U+FFFD if it controls
/// either, turns the direction of writing or is invisible. Joiners stay after pictures and in
/// scripts that use them.
pub fn printable(text: &str) -> String {
    let mut before = None;
    let shown = text.chars().map(|letter| {
        let joins = |before: char| is_picture(before) || before >= '\u{600}';
        let is_shown = match letter {
            '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(joins),
            '\u{2028}' | '\u{2029}' => false,
            letter => !letter.is_control() && !is_invisible(letter),
        };
        before = Some(letter).filter(|_| is_shown);
        if is_shown { letter } else { char::REPLACEMENT_CHARACTER }
    });
    shown.collect()
}

fn tidy(text: &str, characters_max: usize) -> String {
    let mut seen = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_behind_picture = seen.chars().next_back().is_some_and(is_picture);
        let is_seen = match letter {
            // Many pictures consist of several.
            '\u{200D}' => is_behind_picture && letters.peek().copied().is_some_and(is_picture),
            '\u{FE0F}' => is_behind_picture,
            letter => !letter.is_control() && !is_invisible(letter),
        };
        if letter.is_whitespace() {
            if !seen.is_empty() && !seen.ends_with(' ') {
                seen.push(' ');
            }
        } else if is_seen {
            seen.push(letter);
        }
    }
    let seen = &seen[..address_at(&seen).unwrap_or(seen.len())];
    cut(seen, characters_max).trim_end().to_owned()
}

/// Where an address begins: a scheme, `www.` or the sign of an account or a mailbox.
fn address_at(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let scheme = lower.find("://").map(|at| {
        let letter = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
        lower[..at].trim_end_matches(letter).len()
    });
    // X takes the wide sign for the narrow one.
    [scheme, lower.find("www."), lower.find(['@', '\u{FF20}'])].into_iter().flatten().min()
}

/// True for an emoji or a part of one. It belongs neither to a word nor to a sentence.
fn is_picture(letter: char) -> bool {
    matches!(letter, '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{FE0F}')
}

/// True for characters without a width of their own. They are Unicode's
/// `Default_Ignorable_Code_Point`, the rest of its category `Cf`, and the blanks that are not white
/// space.
fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0x00AD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2
        | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_and_what_follows_it_is_no_part_of_a_name() {
        for (given, left) in [
            ("Ana", "Ana"),
            ("Ana María O'Neil-Núñez", "Ana María O'Neil-Núñez"),
            ("王小明", "王小明"),
            ("Ana https://evil.example/x", "Ana"),
            ("Ana HTTPS://evil.example", "Ana"),
            ("https://evil.example", ""),
            ("Ana WwW.evil.example", "Ana"),
            ("Ana ww\u{200B}w.evil.example", "Ana"),
            ("Ana @evil now", "Ana"),
            ("Ana \u{FF20}evil", "Ana"),
            ("ana@mail.example", "ana"),
            ("@ana", ""),
            ("evil.example/pay", "evil. example/pay"),
            ("St.John", "St. John"),
            ("J. R.", "J. R."),
        ] {
            assert_eq!(name(given).unwrap_or_default(), left, "{given:?}");
        }
    }

    #[test]
    fn a_name_is_one_line_of_what_can_be_seen() {
        for (given, left) in [
            ("  Ana \t\r\n Lee  ", "Ana Lee"),
            ("Ana\u{2028}Lee\u{2029}\u{85}x", "Ana Lee x"),
            ("Ana\u{1b}[31m\u{7}\0\u{9b}", "Ana[31m"),
            ("A\u{202E}n\u{2066}a\u{200F}\u{61C}", "Ana"),
            ("A\u{200B}n\u{2060}a\u{FEFF}\u{AD}\u{200D}\u{E0041}\u{3164}", "Ana"),
            ("\u{200B}\u{202E} \n", ""),
            ("\u{1F9D1}\u{1F3FD}\u{200D}\u{1F680}", "\u{1F9D1}\u{1F3FD}\u{200D}\u{1F680}"),
            ("\u{2764}\u{FE0F}\u{200D}\u{1F525}\u{200D}", "\u{2764}\u{FE0F}\u{200D}\u{1F525}"),
        ] {
            assert_eq!(name(given).unwrap_or_default(), left, "{given:?}");
        }
    }

    #[test]
    fn a_text_is_cut() {
        assert_eq!(name(&"é".repeat(9_900)), Some("é".repeat(64)));
        assert_eq!(text(&"é".repeat(9_900)), "é".repeat(200));
        assert_eq!(name(&format!("{} tail", "a".repeat(63))), Some("a".repeat(63)));
        assert_eq!(name(&"a.".repeat(64)).map(|name| name.chars().count()), Some(64));
        assert_eq!((name(""), name("@")), (Some(String::new()), None));
    }

    #[test]
    fn what_is_shown_steers_no_terminal_and_hides_nothing() {
        for (given, shown) in [
            ("Ana Núñez, 王小明 $5", "Ana Núñez, 王小明 $5"),
            ("a\u{1b}[31mb\n\u{9b}", "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}"),
            ("c-\u{202E}24\u{2066}\u{200F}\u{61C}", "c-\u{FFFD}24\u{FFFD}\u{FFFD}\u{FFFD}"),
            (
                "ad\u{200B}m\u{200D}in\u{FEFF}\u{AD}\u{E0041}",
                "ad\u{FFFD}m\u{FFFD}in\u{FFFD}\u{FFFD}\u{FFFD}",
            ),
            ("a\u{2028}b", "a\u{FFFD}b"),
            ("\u{2764}\u{FE0F}\u{200D}\u{1F525}", "\u{2764}\u{FE0F}\u{200D}\u{1F525}"),
            ("\u{645}\u{6CC}\u{200C}\u{62E}", "\u{645}\u{6CC}\u{200C}\u{62E}"),
            ("\u{202E}\u{200D}", "\u{FFFD}\u{FFFD}"),
        ] {
            assert_eq!(printable(given), shown, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_short_plain_and_stays_what_it_is(given in "\\PC{0,80}|[\\x00-\\xff]{0,80}") {
            let name_of = |given: &str| name(given).unwrap_or_default();
            for (shown, characters_max) in [(name_of(&given), 64), (text(&given), 200)] {
                prop_assert!(shown.chars().count() <= characters_max);
                let is_odd = |letter: char| letter.is_control() || is_invisible(letter);
                let of_picture = ['\u{200D}', '\u{FE0F}'];
                prop_assert!(!shown.replace(of_picture, "").chars().any(is_odd));
                prop_assert!(address_at(&shown).is_none());
            }
            prop_assert_eq!(name_of(&name_of(&given)), name_of(&given));
            prop_assert_eq!(text(&text(&given)), text(&given));
        }
    }
}
