//! Fits texts into columns of a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns how many columns of a terminal a text takes. 山 takes two and a combining accent none.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Pads the text with spaces on the right to `width` columns.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Cuts the text to `most` columns. A text that is cut ends in "…".
pub fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let fits =
        text.chars().take_while(|letter| match room.checked_sub(letter.width().unwrap_or(0)) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        });
    fits.chain(['…']).collect()
}

/// Breaks the text at its spaces into lines of at most `most` columns. A longer word is broken too.
/// Text in backticks is there to be copied and stays in one line if it fits.
pub fn fold(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = 0;
    let most = most.max(2);
    for word in unbroken(text, most) {
        let gap = usize::from(taken > 0);
        if taken > 0 && taken + gap + word.width() > most {
            lines.push(String::new());
            taken = 0;
        } else if gap > 0 {
            lines.last_mut().expect("there is a line").push(' ');
            taken += 1;
        }
        for letter in word.chars() {
            let width = letter.width().unwrap_or(0);
            if taken + width > most {
                lines.push(String::new());
                taken = 0;
            }
            lines.last_mut().expect("there is a line").push(letter);
            taken += width;
        }
    }
    lines
}

/// Splits a text into words. A text in backticks is one word with what it touches, unless it is
/// wider than `most`.
fn unbroken(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let words = text.split(move |letter: char| {
        is_quoted ^= letter == '`';
        letter == ' ' && !is_quoted
    });
    words.flat_map(move |word| {
        let is_wide = word.width() > most;
        word.split(move |letter| is_wide && letter == ' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_at_its_spaces_and_a_long_word_where_it_must_be() {
        assert_eq!(fold("closed at noon, due at one", 12), ["closed at", "noon, due at", "one"]);
        assert_eq!(fold("山田太郎 x", 5), ["山田", "太郎", "x"]);
        assert_eq!(fold("", 5), [""]);
    }

    #[test]
    fn what_stands_in_two_columns_counts_twice() {
        assert_eq!([width("山田太郎"), width("Ana"), width("e\u{301}")], [8, 3, 1]);
        assert_eq!(left("山", 4), "山  ");
        assert_eq!(
            [cut("山田太郎", 8), cut("山田太郎", 6), cut("Ana Maria", 4)],
            ["山田太郎", "山田…", "Ana…"]
        );
    }

    #[test]
    fn a_command_to_copy_is_broken_only_where_no_line_holds_it() {
        let text = "do `a b c d`. Then go";
        assert_eq!(fold(text, 12), ["do", "`a b c d`.", "Then go"]);
        assert_eq!(fold(text, 9), ["do `a b c", "d`. Then", "go"]);
    }
}
