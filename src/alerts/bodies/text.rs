//! Texts that others wrote, made harmless for chats.

use crate::domain::plain_text::printable;

/// What parts two characters that mean something together. It has no width.
pub const BREAK: char = '\u{200b}';

/// A text as it may be seen: its lines without what controls them or turns their direction. Blank
/// lines go.
pub fn lines(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\r']).map(|line| printable(line.trim()));
    lines.filter(|line| !line.is_empty()).collect()
}

/// The text with a break after each of these characters, so that none of them begins a mention.
pub fn broken_after(text: &str, characters: &[char]) -> String {
    let mut broken = String::with_capacity(text.len());
    for character in text.chars() {
        broken.push(character);
        if characters.contains(&character) {
            broken.push(BREAK);
        }
    }
    broken
}

/// The longest beginning of a text that fits, with "…" where something was cut off. `fits` must
/// hold for an empty text, and for each beginning of a text that it holds for.
pub fn fitting(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut_at = |end: usize| format!("{}…", &text[..end]);
    let fitting = ends.partition_point(|end| fits(&cut_at(*end)));
    match fitting.checked_sub(1) {
        Some(last) => cut_at(ends[last]),
        None => String::new(),
    }
}

/// A link that ends neither a link of Slack nor one of Markdown.
pub fn link(url: &str) -> String {
    let mut safe = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'(' | b')' | b'<' | b'>' | b'|' | b'"' | b'\\' | b'[' | b']' | b'`' | b'*' => {
                safe += &format!("%{byte:02X}");
            }
            b'!'..=b'~' => safe.push(char::from(byte)),
            _ => safe += &format!("%{byte:02X}"),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_it_still_fits() {
        for (most, expected) in [(9, "añb😀c"), (8, "añb…"), (4, "a…"), (3, "…"), (2, "")]
        {
            let fits = |text: &str| text.len() <= most;
            assert_eq!(fitting("añb😀c", fits), expected, "{most}");
        }
    }

    #[test]
    fn a_link_stays_one_link() {
        let plain = "https://s.example/surveys/0197-a?from=2026-11-01&team=a%20b";
        assert_eq!(link(plain), plain);
        assert_eq!(
            link("https://s.example/a)|<b> \"é"),
            "https://s.example/a%29%7C%3Cb%3E%20%22%C3%A9"
        );
    }

    #[test]
    fn what_turns_or_controls_a_line_is_not_kept() {
        assert_eq!(lines(" a\u{202e}b\r\n\n c\u{0}\td "), ["a\u{fffd}b", "c\u{fffd}\u{fffd}d"]);
    }
}
