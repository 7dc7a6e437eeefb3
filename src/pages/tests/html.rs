//! Reads HTML as far as tests of pages need it.

/// The text of some HTML as a browser shows it, with a space between elements.
pub fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        let shown = part.split_once('>').map_or(part, |(_, shown)| shown);
        text.push(' ');
        text.push_str(shown);
    }
    for (escaped, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&nbsp;", " "),
        ("\u{a0}", " "),
        ("\u{202f}", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(escaped, letter);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of a page from one mark to the next.
pub fn part<'h>(html: &'h str, from: &str, to: &str) -> &'h str {
    let (_, rest) = html.split_once(from).unwrap_or_else(|| panic!("no {from} in {html}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// Every tag of some HTML with the names of its attributes, without their values.
pub fn skeleton(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).map(|part| {
        let tag = part.split_once('>').map_or(part, |(tag, _)| tag);
        tag.split('"').step_by(2).collect::<Vec<_>>().concat()
    });
    tags.collect()
}

/// Every address that a page leads to.
pub fn addresses(html: &str) -> Vec<String> {
    let hrefs = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or(""));
    hrefs.map(|href| href.replace("&amp;", "&")).collect()
}
