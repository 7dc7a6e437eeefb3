//! From close to answer, with what was lost on the way.

use serde::Serialize;

use super::ResultsPage;
use crate::domain::summary::Group;
use crate::pages::charts::{Bar, bar};
use crate::pages::{links, words};

#[derive(Serialize)]
pub struct Funnel {
    lead: String,
    stages: Vec<Stage>,
}

#[derive(Serialize)]
struct Stage {
    label: &'static str,
    bar: Bar,
    count: String,
    share: String,
    href: Option<String>,
    /// What was lost after this stage, the most first.
    losses: Vec<Loss>,
}

#[derive(Serialize)]
struct Loss {
    count: String,
    words: String,
}

pub fn funnel(page: &ResultsPage<'_>, group: &Group) -> Funnel {
    let most = group.closes.max(group.prompted) as f64;
    let share = |count: u64| match group.prompted {
        0 => String::new(),
        prompted => words::per_cent(100.0 * count as f64 / prompted as f64),
    };
    let stage = |label, class, count: u64, share, href| Stage {
        label,
        bar: bar(class, count as f64, None, most),
        count: words::count(count),
        share,
        href,
        losses: Vec::new(),
    };
    let surveys = Some(links::surveys(page.view));
    let comments = Some(links::page(links::COMMENTS, &links::of_mood(page.view, None)));
    let mut closed = stage("Closed", "f", group.closes, String::new(), surveys);
    closed.losses = losses(group);
    let of_closes = match group.closes {
        0 => String::new(),
        closes => words::per_cent(100.0 * group.prompted as f64 / closes as f64),
    };
    Funnel {
        lead: format!(
            "What was closed and what was prompted {}. The share of the prompts is of the closes, \
             the others are of the prompts.",
            page.in_this_period()
        ),
        stages: vec![
            closed,
            stage("Prompted", "f", group.prompted, of_closes, None),
            stage("Scored", "f0", group.answered, share(group.answered), None),
            stage("Commented", "f0", group.commented, share(group.commented), comments),
        ],
    }
}

/// Every close without a prompt, by what became of it.
fn losses(group: &Group) -> Vec<Loss> {
    let mut all: Vec<(&String, u64)> =
        group.suppressed.iter().chain(&group.unsent).map(|(word, count)| (word, *count)).collect();
    all.retain(|(_, count)| *count > 0);
    all.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), (*word).clone()));
    let loss = |(word, count): (&String, u64)| Loss {
        count: words::count(count),
        words: words::loss(word),
    };
    all.into_iter().map(loss).collect()
}
