//! Rejects templates that make a very long text in few steps. A text that is set to twice itself
//! forty times is longer than any memory.
//!
//! A tag that names a value (`set`, `with`, `for`) may put only few things together. All tags
//! together may not put many together. One tag can therefore not multiply what another one made.
//! Text that is kept in a variable by emitting it is counted while it is rendered.

/// The longest template, in characters. It fits several texts of a message's length.
const TEMPLATE_CHARACTERS_MAX: usize = 20_000;
/// The most things put together in tags that name a value.
const NAMED_MAX: usize = 8;
/// The most texts put together in all tags.
const JOINED_MAX: usize = 64;

/// Checks a template. An error holds the line of the first fault and its description.
pub fn refuse(template: &str) -> Result<(), (usize, &'static str)> {
    if template.chars().count() > TEMPLATE_CHARACTERS_MAX {
        return Err((
            1,
            "the template has more than 20000 characters; leave some of its texts out",
        ));
    }
    let (mut named, mut joined, mut line) = (0, 0, 1);
    let mut rest = template;
    while let Some((start, end)) = tag(rest) {
        let (before, inner) = (&rest[..start], &rest[start..end]);
        line += before.matches('\n').count();
        let is_naming = is_naming(inner);
        let mut quote = None;
        let mut letters = inner.chars().peekable();
        let mut at = line;
        while let Some(letter) = letters.next() {
            at += usize::from(letter == '\n');
            match (quote, letter) {
                (Some(_), '\\') => drop(letters.next()),
                (Some(open), letter) if letter == open => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(letter),
                (None, '*') => return Err((at, "`*` is not taken: write the text out")),
                (None, '~' | '+') => {
                    joined += 1;
                    named += usize::from(is_naming);
                }
                (None, '[' | ',') => named += usize::from(is_naming),
                (None, _) => {}
            }
            if named > NAMED_MAX {
                return Err((
                    at,
                    "`set`, `with` and `for` put more than 8 things together: write them out where \
                     they are shown",
                ));
            }
            if joined > JOINED_MAX {
                return Err((at, "`~` and `+` stand in it more than 64 times: write the text out"));
            }
        }
        line += inner.matches('\n').count();
        rest = &rest[end..];
    }
    Ok(())
}

/// The start and the end of the next tag. A comment is not a tag.
fn tag(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        match text[start + 1..].chars().next() {
            Some('#') => from = start + text[start..].find("#}")? + 2,
            Some('{' | '%') => {
                let close = if text[start + 1..].starts_with('{') { "}}" } else { "%}" };
                return Some((start, end_of(text, start + 2, close)));
            }
            Some(_) => from = start + 1,
            None => return None,
        }
    }
}

/// The index after the end of a tag. An end within quotes does not count.
fn end_of(text: &str, start: usize, close: &str) -> usize {
    let mut quote = None;
    let mut letters = text[start..].char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => drop(letters.next()),
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, _) if text[start + at..].starts_with(close) => return start + at + close.len(),
            (None, _) => {}
        }
    }
    text.len()
}

fn is_naming(tag: &str) -> bool {
    let word = tag
        .strip_prefix("{%")
        .map(|rest| rest.trim_start_matches(['-', '+', ' ', '\t', '\r', '\n']));
    word.is_some_and(|word| ["set", "with", "for"].iter().any(|name| word.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_messages_are_written_with_is_taken() {
        for template in [
            "Hi {{ first_name | default('you') }}{{ ', ' ~ agent if agent else '' }}!",
            "{% if 'vip' in tags and team == \"a*b~c\" %}Dear {{ first_name }}{% endif %}",
            "{% set name = first_name | default('there', true) %}Hi {{ name }}{# a * b #}",
            "{%- for tag in ['vip', 'gold', 'new'] if tag in tags -%}{{ tag }}{%- endfor -%}",
            "{ not * a tag } {{ attributes['a}}*'] }} 100 % * {",
            "{{ 'it\\'s * so' }}",
        ] {
            assert_eq!(refuse(template), Ok(()), "{template}");
        }
    }

    #[test]
    fn what_makes_much_of_little_is_refused_with_its_line() {
        let doubled = format!("Hi\n{}", "{% set x = x ~ x %}\n".repeat(9));
        let nested = "{% for x in [x ~ x] %}".repeat(5) + "{{ x }}" + &"{% endfor %}".repeat(5);
        for (template, line) in [
            (doubled.as_str(), 10),
            (&nested, 1),
            (&"{%- set x = [x, x] %}".repeat(5), 1),
            (&"{% with x = (x, x) %}".repeat(9), 1),
            ("a\n{{ 'a'\n* 100 }}", 3),
            (&format!("{{{{ {}a }}}}", "a ~ ".repeat(65)), 1),
            (&"a".repeat(20_001), 1),
            ("{{ '}}' * 9", 1),
        ] {
            assert_eq!(refuse(template).map_err(|(line, _)| line), Err(line), "{template:.60}");
        }
    }
}
