//! Texts in columns of a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many columns of a terminal a text takes: 山 takes two, a combining accent none.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text with blanks behind it, as wide as `width` columns.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// The text with blanks before it.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

/// The text, its end replaced by "…" where it is wider than `most`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_two_columns_counts_twice() {
        assert_eq!([width("山田太郎"), width("Ana"), width("e\u{301}")], [8, 3, 1]);
        assert_eq!((left("山", 4), right("山", 4)), ("山  ".to_owned(), "  山".to_owned()));
        assert_eq!(
            [cut("山田太郎", 8), cut("山田太郎", 6), cut("Ana Maria", 4)],
            ["山田太郎", "山田…", "Ana…"]
        );
    }
}
