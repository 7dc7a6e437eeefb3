//! Whether a template makes much of little: a text that is set to twice itself, forty times, is
//! longer than any memory, in as many steps.
//!
//! A tag that gives a value a name (`set`, `with`, `for`) may put few things together, and all tags
//! together not many; so what one of them starts from, the next cannot multiply. What is kept aside
//! by emitting it is counted when it is rendered.

/// The longest template, in characters: several texts of a message's length.
const TEMPLATE_CHARACTERS_MAX: usize = 20_000;
/// Things put together in tags that name a value.
const NAMED_MAX: usize = 8;
/// Texts put together in all tags.
const JOINED_MAX: usize = 64;

/// The line of a template's first fault, and what is wrong there.
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

/// Where the next tag begins and ends; a comment is none.
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

/// Behind the end of a tag; what stands in quotes does not end it.
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
