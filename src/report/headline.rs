//! Says a report in some sentences, for a message.

use super::text::score_in_words;
use crate::domain::days::Zone;
use crate::domain::plain_text::printable;
use crate::domain::summary::{Compared, Group, GroupBy, Hidden, wording};
use crate::domain::survey_type::SurveyType;

/// The most rows of a breakdown in a message.
const ROWS_MAX: usize = 10;

/// Returns the sentences, one a line: the score of each type, how it has changed, and the rows of
/// the breakdown with the most answers.
pub fn render(compared: &Compared, zone: &Zone) -> String {
    let mut lines = Vec::new();
    for kind in [SurveyType::Csat, SurveyType::Nps] {
        let Some(total) = compared.total(kind).map(|row| &row.group) else { continue };
        let name = match kind {
            SurveyType::Csat => "CSAT",
            SurveyType::Nps => "NPS",
        };
        let floor = compared.report.min_group;
        let rate = total.response_rate.map(|rate| format!(" ({rate:.1} %)")).unwrap_or_default();
        lines.push(format!(
            "{name} {}. {}, {} answered{rate}.",
            score(total, floor),
            counted(total.prompted, "prompt"),
            total.answered,
        ));
        // Without a score of its own there is nothing to add.
        if let (Some(before), Some(_)) = (&compared.before, total.score) {
            let earlier = match zone.whole_days(before.period) {
                Some(days) => days.to_string(),
                None => "the time before".to_owned(),
            };
            let comparison = compared.comparison(kind);
            lines.push(wording::headline(kind, &comparison, &earlier, total.immature).to_string());
        }
        lines.extend(breakdown(compared, kind, floor));
    }
    if lines.is_empty() {
        lines.push("Nothing was closed and nobody was prompted in this time.".to_owned());
    }
    lines.join("\n")
}

fn breakdown(compared: &Compared, kind: SurveyType, floor: u32) -> Vec<String> {
    // Without a breakdown the only row is the total.
    let mut groups: Vec<&Group> = match compared.report.by {
        GroupBy::Nothing => return Vec::new(),
        _ => compared.rows_of(kind).map(|row| &row.group).collect(),
    };
    groups.sort_by_key(|group| std::cmp::Reverse(group.answered));
    let left = groups.len().saturating_sub(ROWS_MAX);
    let mut lines: Vec<String> = groups
        .into_iter()
        .take(ROWS_MAX)
        .map(|group| {
            let name = printable(group.key.as_deref().unwrap_or("(none)"));
            format!("{name}: {}, {}", score(group, floor), counted(group.answered, "answer"))
        })
        .collect();
    if left > 0 {
        lines.push(format!("and {left} more"));
    }
    lines
}

fn score(group: &Group, floor: u32) -> String {
    match (group.hidden, group.score) {
        (Some(Hidden::SmallGroup), _) => format!("under {floor} answers"),
        (Some(Hidden::Differencing), _) => "withheld".to_owned(),
        (None, Some(score)) => score_in_words(group.kind, score),
        (None, None) => "without a score".to_owned(),
    }
}

fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::summary::compare;
    use crate::report::samples;

    #[test]
    fn a_report_is_told_in_some_sentences() {
        let november = samples::november(GroupBy::Agent);
        let told = render(&compare(november.clone(), None), &Zone::utc());
        let expected = "\
CSAT 87.5 % (64.0–96.5). 20 prompts, 16 answered (80.0 %).
ana: 90.0 % (59.6–98.2), 10 answers
cleo: withheld, 5 answers
ben: under 5 answers, 1 answer
(none): without a score, 0 answers
NPS 50.0 (−0.2 to 77.1). 12 prompts, 10 answered (83.3 %).
ana: 50.0 (−0.2 to 77.1), 10 answers";
        assert_eq!(told, expected);
        let told = render(&compare(november.clone(), Some(november)), &Zone::utc());
        let change = "So far the same as in 2026-11-01 to 2026-11-30 (87.5 %, 16 answers). The \
                      difference lies between −25.2 and +25.2. Answers may still come in.";
        assert_eq!(told.lines().nth(1), Some(change));
    }

    #[test]
    fn only_the_rows_with_the_most_answers_are_told() {
        let mut report = samples::november(GroupBy::Agent);
        let ana = report.groups[0].clone();
        report.groups = (0..12_u64)
            .map(|n| Group { key: Some(format!("a{n}")), answered: n, ..ana.clone() })
            .collect();
        let told = render(&compare(report, None), &Zone::utc());
        let rows: Vec<&str> = told.lines().filter(|line| line.starts_with('a')).collect();
        assert_eq!(rows.len(), 11, "{told}");
        assert!(rows[0].starts_with("a11: "), "{told}");
        assert_eq!(rows[10], "and 2 more");
    }
}
