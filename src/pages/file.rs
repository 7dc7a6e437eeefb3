//! Makes one file of a page: it needs no server, loads nothing and leads nowhere.

use serde::Serialize;

use super::{ASSETS, PageForm, Pages, ResultsPage, words};
use crate::domain::days::Days;

/// The style sheet of all pages.
const STYLE: &str = "results.css";

/// What a file says of itself.
#[derive(Serialize)]
struct FileHead<'a> {
    accounts: String,
    made: String,
    zone: &'a str,
}

impl Pages {
    /// Renders pages of results over some days, one below the other, as one file that prints well.
    pub fn results_file(
        &self,
        days: Days,
        pages: &[ResultsPage<'_>],
    ) -> Result<String, minijinja::Error> {
        let mut content = String::new();
        if let Some(first) = pages.first() {
            let accounts: Vec<String> =
                first.choices.accounts.iter().map(|name| words::name(name)).collect();
            let (today, time) = first.zone.wall_clock(first.now);
            let head = FileHead {
                accounts: words::listed(&accounts),
                made: format!("{}, {time}", words::day_of_year(today)),
                zone: first.zone.name(),
            };
            content.push_str(&self.render("file.html", head)?);
        }
        for page in pages {
            let page = self.render("results.html", page.content(PageForm::File))?;
            content.push_str(&unlinked(&page));
        }
        let style = ASSETS.iter().find(|asset| asset.name == STYLE);
        let style = style.and_then(|asset| std::str::from_utf8(asset.content).ok());
        let style = style.expect("the style sheet is one of the assets, and is text");
        let days = words::days(days);
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Results, {days} · surveyd</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
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
    use crate::domain::view::Filter;
    use crate::pages::samples::*;
    use crate::pages::tests::{part, text};

    #[test]
    fn a_file_says_what_it_tells_of_and_when_it_was_made() {
        let mut sample = Sample::exact(|_| {});
        sample.obeyed.set(Filter::Team, "Billing");
        sample.obeyed.set(Filter::Language, "en");
        let pages = Pages::new(str::to_owned);
        let file = pages.results_file(sample.view.days, &[sample.page()]).unwrap();
        assert!(file.contains("<title>Results, 2 to 29\u{a0}November 2026 · surveyd</title>"));
        assert_eq!(
            text(part(&file, "<header class=\"top\">", "</header>")),
            "surveyd acme and acme_es · made 30 Nov 2026, 14:04; days and times of \
             Europe/Berlin"
        );
        let said = part(&file, "<div class=\"reader\">", "</div>");
        assert!(
            said.starts_with("<span>") && said.ends_with("</span>"),
            "one item, no gap: {said}"
        );
        assert_eq!(
            text(part(&file, "<h1>", "</h1>")),
            "CSAT, team Billing , language English , 2 to 29 November 2026"
        );
        let said = text(part(&file, "<section id=\"said\">", "</section>"));
        assert!(said.starts_with("What people wrote The 7 newest of 371 comments. "), "{said}");
        assert!(said.contains("Billing · Noor · English · refund · double charge · 30 Nov 13:51"));
        for word in ["today", "yesterday", "history", "Answers read"] {
            let shown = text(part(&file, "<main", "</main>"));
            assert!(!shown.contains(word), "{word}: {shown}");
        }
    }

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
