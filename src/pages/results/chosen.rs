//! How often each score was given, beside the period before.

use serde::Serialize;

use super::ResultsPage;
use crate::domain::mood::Mood;
use crate::domain::summary::{ComparedGroup, Group};
use crate::domain::survey_type::SurveyType;
use crate::pages::charts::{Bar, bar};
use crate::pages::{links, words};

#[derive(Serialize)]
pub struct ScoreBars {
    lead: String,
    bars: Vec<ScoreBar>,
}

#[derive(Serialize)]
struct ScoreBar {
    label: String,
    bar: Bar,
    count: String,
    share: String,
    /// The comments that came with such scores.
    href: String,
}

/// `None` if the distribution is hidden or nobody answered.
pub fn chosen(page: &ResultsPage<'_>, total: &ComparedGroup) -> Option<ScoreBars> {
    let now = shares(&total.group)?;
    let before = total.before.as_ref().and_then(shares);
    let most = now.iter().chain(before.iter().flatten()).copied().fold(0.0, f64::max);
    let scores = page.kind.scores().zip(now.iter().enumerate());
    let score = |(score, (place, share)): (u8, (usize, &f64))| {
        let mood = Mood::ALL.into_iter().find(|mood| mood.scores(page.kind).contains(&score));
        let earlier = before.as_ref().map(|before| before[place]);
        ScoreBar {
            label: words::of_scale(page.kind, score),
            bar: bar(class(page.kind, score), *share, earlier, most),
            count: words::count(total.group.distribution[place]),
            share: words::per_cent(*share),
            href: links::page(links::COMMENTS, &links::of_mood(page.view, mood)),
        }
    };
    let mut bars: Vec<ScoreBar> = scores.map(score).collect();
    bars.reverse();
    Some(ScoreBars { lead: lead(page, total, before.is_some()), bars })
}

/// The share of each score in per cent, from the lowest on.
fn shares(group: &Group) -> Option<Vec<f64>> {
    let answers: u64 = group.distribution.iter().sum();
    let share = |count: &u64| 100.0 * *count as f64 / answers as f64;
    (answers > 0).then(|| group.distribution.iter().map(share).collect())
}

/// CSAT has a colour for each score. NPS has one for each of its three groups.
fn class(kind: SurveyType, score: u8) -> String {
    let is = |mood: Mood| mood.scores(kind).contains(&score);
    match kind {
        SurveyType::Csat => format!("b{score}"),
        SurveyType::Nps if is(Mood::Happy) => "b5".to_owned(),
        SurveyType::Nps if is(Mood::Middling) => "b3".to_owned(),
        SurveyType::Nps => "b1".to_owned(),
    }
}

fn lead(page: &ResultsPage<'_>, total: &ComparedGroup, is_compared: bool) -> String {
    let tick = if is_compared { " The dark tick is the period before." } else { "" };
    let group = &total.group;
    let mean = |group: &Group| group.mean.map(|mean| format!("{mean:.2}"));
    let before = total.before.as_ref().and_then(mean);
    let words = match (page.kind, mean(group), before) {
        (SurveyType::Csat, Some(now), Some(before)) => format!("Mean {now}, before {before}."),
        (SurveyType::Csat, Some(now), None) => format!("Mean {now}."),
        (SurveyType::Csat, None, _) => String::new(),
        (SurveyType::Nps, ..) => {
            let share = |from: usize, to: usize| {
                let counts = group.distribution.iter().skip(from).take(to + 1 - from);
                let answers: u64 = group.distribution.iter().sum();
                words::per_cent(100.0 * counts.sum::<u64>() as f64 / answers as f64)
            };
            let (promoters, passives, detractors) = (share(9, 10), share(7, 8), share(0, 6));
            format!("Promoters {promoters}, passives {passives}, detractors {detractors}.")
        }
    };
    format!("{words}{tick}").trim_start().to_owned()
}
