//! Makes one file of a page: it needs no server, loads nothing and leads nowhere.

use super::{ASSETS, Pages, ResultsPage};

/// The style sheet of all pages.
const STYLE: &str = "results.css";

impl Pages {
    /// Renders pages of results, one below the other, as one file that prints well.
    pub fn results_file(
        &self,
        title: &str,
        pages: &[ResultsPage<'_>],
    ) -> Result<String, minijinja::Error> {
        let mut content = String::new();
        for page in pages {
            let page = self.render("results.html", page.content().of_file())?;
            content.push_str(&unlinked(&page));
        }
        let style = ASSETS.iter().find(|asset| asset.name == STYLE);
        let style = style.and_then(|asset| std::str::from_utf8(asset.content).ok());
        let style = style.expect("the style sheet is one of the assets, and is text");
        let title = minijinja::HtmlEscape(title);
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} · surveyd</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
             <div class=\"page\"><main id=\"content\">\n{content}\n</main></div>\n</body>\n\
             </html>\n"
        ))
    }
}

/// Takes all links away, and what only leads on. Texts are escaped, so every tag is our own.
fn unlinked(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let (mut rest, mut is_drawing) = (page, false);
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("<nav ") {
            rest = behind(rest, "</nav>");
            continue;
        }
        if rest.starts_with("<p class=\"more\">") {
            rest = behind(rest, "</p>");
            continue;
        }
        let tag = &rest[..rest.find('>').map_or(rest.len(), |end| end + 1)];
        rest = &rest[tag.len()..];
        is_drawing = (is_drawing || tag.starts_with("<svg")) && tag != "</svg>";
        match (tag.starts_with("<a ") || tag == "</a>", is_drawing) {
            (false, _) => text.push_str(tag),
            (true, false) => {}
            // A part of a drawing keeps its title.
            (true, true) if tag == "</a>" => text.push_str("</g>"),
            (true, true) => text.push_str("<g class=\"week\">"),
        }
    }
    text.push_str(rest);
    text
}

fn behind<'t>(text: &'t str, end: &str) -> &'t str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_leads_nowhere() {
        let page = "<nav aria-label=\"x\"><a href=\"/\">All</a></nav><p><a href=\"/?team=b\">\
                    <bdi>billing</bdi></a> &lt;a&gt; · <a href=\"/s\">history</a></p>\
                    <svg><a href=\"/w\"><title>week</title><rect/></a></svg><a href=\"/\">x</a>\
                    <p class=\"more\"><a rel=\"next\" href=\"/c\">Older</a></p>";
        assert_eq!(
            unlinked(page),
            "<p><bdi>billing</bdi> &lt;a&gt; · history</p>\
             <svg><g class=\"week\"><title>week</title><rect/></g></svg>x"
        );
    }
}
