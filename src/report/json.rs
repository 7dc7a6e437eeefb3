//! Writes the report as JSON for programs. It is one object with the period, a list of groups and
//! a list of totals.
//!
//! Numbers are rounded to two decimals. A hidden or absent number is `null`. A hidden distribution
//! is an empty list. `hidden` gives the reason, which is `small_group` or `differencing`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{
    summary::{self, CONFIDENCE, Compared, ComparedGroup, Estimate, PeriodChange},
    survey_type::SurveyType,
};

/// Returns the report as indented JSON text that ends in a newline.
pub fn render(compared: &Compared) -> String {
    let mut text = serde_json::to_string_pretty(&ReportJson::of(compared))
        .expect("strings, finite numbers and string keys are always JSON");
    text.push('\n');
    text
}

/// The report in the shape of its JSON. A caller can put it into a larger answer.
#[derive(Debug, Serialize)]
pub struct ReportJson<'a> {
    from: String,
    to: String,
    /// The number of prompts that a dry run did not send. Left out if zero.
    #[serde(skip_serializing_if = "is_zero")]
    dry_run: u64,
    /// How many surveys and days have changed and are not counted yet. Left out if zero.
    #[serde(skip_serializing_if = "is_zero")]
    still_to_count: u64,
    groups: Vec<ComparedJson<'a>>,
    /// All surveys of each type together. A survey with several tags counts once here.
    totals: Vec<ComparedJson<'a>>,
    /// The period that this one is compared with. Left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<AgainstJson<'a>>,
    /// The change of the total. Left out if nothing is compared, `null` if it cannot be told or if
    /// there are totals of both types.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Option<DifferenceJson>>,
}

/// A group with the group it is compared with.
#[derive(Debug, Serialize)]
struct ComparedJson<'a> {
    #[serde(flatten)]
    group: GroupJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Option<GroupJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Option<DifferenceJson>>,
}

/// The period that a report is compared with, as a whole.
#[derive(Debug, Serialize)]
struct AgainstJson<'a> {
    from: String,
    to: String,
    groups: Vec<GroupJson<'a>>,
}

/// A change in points.
#[derive(Debug, Serialize)]
struct DifferenceJson {
    points: f64,
    low: f64,
    high: f64,
    more_than_chance: bool,
}

impl DifferenceJson {
    fn of(change: &PeriodChange) -> Self {
        Self {
            points: rounded(change.difference.points),
            low: rounded(change.difference.low),
            high: rounded(change.difference.high),
            more_than_chance: change.more_than_chance,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct GroupJson<'a> {
    key: Option<&'a str>,
    #[serde(rename = "type")]
    kind: SurveyType,
    closes: u64,
    prompted: u64,
    answered: u64,
    commented: u64,
    response_rate: Option<f64>,
    immature: bool,
    score: Option<ScoreJson>,
    mean: Option<f64>,
    distribution: &'a [u64],
    median_response_seconds: Option<f64>,
    suppressed: &'a BTreeMap<String, u64>,
    /// The other closes without a prompt, by the name of their state.
    unsent: &'a BTreeMap<String, u64>,
    hidden: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ScoreJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    nps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csat: Option<f64>,
    low: f64,
    high: f64,
    confidence: u8,
}

impl<'a> ReportJson<'a> {
    pub fn of(compared: &'a Compared) -> Self {
        let report = &compared.report;
        let is_compared = compared.before.is_some();
        let row = |row: &'a ComparedGroup| ComparedJson {
            group: GroupJson::of(&row.group),
            against: is_compared.then(|| row.before.as_ref().map(GroupJson::of)),
            difference: is_compared.then(|| row.change.as_ref().map(DifferenceJson::of)),
        };
        let total = match compared.totals.as_slice() {
            [only] => only.change.as_ref().map(DifferenceJson::of),
            _ => None,
        };
        Self {
            from: report.period.from.rfc3339(),
            to: report.period.to.rfc3339(),
            dry_run: report.left_out.dry_runs,
            still_to_count: 0,
            groups: compared.rows.iter().map(row).collect(),
            totals: compared.totals.iter().map(row).collect(),
            against: compared.before.as_ref().map(AgainstJson::of),
            difference: is_compared.then_some(total),
        }
    }
}

impl ReportJson<'_> {
    /// Says that so many surveys and days are not counted yet.
    pub fn without(self, still_to_count: u64) -> Self {
        Self { still_to_count, ..self }
    }
}

impl<'a> AgainstJson<'a> {
    fn of(report: &'a summary::Report) -> Self {
        let (from, to) = (report.period.from.rfc3339(), report.period.to.rfc3339());
        Self { from, to, groups: report.groups.iter().map(GroupJson::of).collect() }
    }
}

impl<'a> GroupJson<'a> {
    fn of(group: &'a summary::Group) -> Self {
        Self {
            key: group.key.as_deref(),
            kind: group.kind,
            closes: group.closes,
            prompted: group.prompted,
            answered: group.answered,
            commented: group.commented,
            response_rate: group.response_rate.map(rounded),
            immature: group.immature,
            score: group.score.map(|score| ScoreJson::of(group.kind, score)),
            mean: group.mean.map(rounded),
            distribution: &group.distribution,
            median_response_seconds: group.median_response_seconds.map(rounded),
            suppressed: &group.suppressed,
            unsent: &group.unsent,
            hidden: group.hidden.map(summary::Hidden::as_str),
        }
    }
}

impl ScoreJson {
    /// The value's name is its type, so that no reader takes one type for the other.
    fn of(kind: SurveyType, score: Estimate) -> Self {
        let value = rounded(score.value);
        let (nps, csat) = match kind {
            SurveyType::Nps => (Some(value), None),
            SurveyType::Csat => (None, Some(value)),
        };
        let (low, high) = (rounded(score.low), rounded(score.high));
        Self { nps, csat, low, high, confidence: CONFIDENCE }
    }
}

/// Rounds to two decimals. Adding zero turns −0 into 0.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        domain::summary::{GroupBy, compare},
        report::samples,
    };

    fn parsed(report: &summary::Report) -> Value {
        serde_json::from_str(&render(&compare(report.clone(), None))).unwrap()
    }

    #[test]
    fn the_report_has_the_shape_that_programs_rely_on() {
        let report = samples::november(GroupBy::Nothing);
        let mut expected = json!({
            "from": "2026-11-01T00:00:00.000Z",
            "to": "2026-11-30T23:59:59.999Z",
            "groups": [{
                "key": "all", "type": "csat",
                "closes": 23, "prompted": 20, "answered": 16, "commented": 6,
                "response_rate": 80.0, "immature": true,
                "score": {"csat": 87.5, "low": 63.98, "high": 96.5, "confidence": 95},
                "mean": 4.38,
                "distribution": [1, 0, 1, 4, 10],
                "median_response_seconds": 250.0,
                "suppressed": {"opted_out": 1, "throttled": 2},
                "unsent": {},
                "hidden": null,
            }, {
                "key": "all", "type": "nps",
                "closes": 12, "prompted": 12, "answered": 10, "commented": 0,
                "response_rate": 83.33, "immature": false,
                "score": {"nps": 50.0, "low": -0.2, "high": 77.13, "confidence": 95},
                "mean": null,
                "distribution": [0, 0, 0, 0, 0, 0, 1, 2, 1, 3, 3],
                "median_response_seconds": 7500.0,
                "suppressed": {},
                "unsent": {},
                "hidden": null,
            }],
        });
        // Without a breakdown the groups are the totals.
        expected["totals"] = expected["groups"].clone();
        assert_eq!(parsed(&report), expected);
    }

    #[test]
    fn a_breakdown_has_the_totals_of_both_types() {
        let (by_agent, whole) =
            [GroupBy::Agent, GroupBy::Nothing].map(|by| parsed(&samples::november(by))).into();
        assert_eq!(by_agent["totals"], whole["groups"]);
        assert_eq!(by_agent["totals"].as_array().map(Vec::len), Some(2));
        let november = samples::november(GroupBy::Agent);
        let compared = compare(november.clone(), Some(november));
        let report: Value = serde_json::from_str(&render(&compared)).unwrap();
        let total = &report["totals"][0];
        assert_eq!((&total["key"], &total["against"]["closes"]), (&json!("all"), &json!(23)));
        assert_eq!(total["difference"]["more_than_chance"], false);
    }

    #[test]
    fn a_hidden_group_is_null_and_says_why() {
        let report = parsed(&samples::november(GroupBy::Agent));
        for (place, key, hidden) in [(2, "ben", "small_group"), (3, "cleo", "differencing")] {
            let group = &report["groups"][place];
            assert_eq!(group["key"], key);
            assert_eq!(group["hidden"], hidden);
            assert_eq!(group["distribution"], json!([]));
            for field in ["score", "mean", "median_response_seconds"] {
                assert_eq!(group[field], Value::Null, "{field} of {key}");
            }
        }
    }

    #[test]
    fn the_group_without_a_key_has_null_for_it() {
        let report = parsed(&samples::november(GroupBy::Agent));
        assert_eq!(report["groups"][4]["key"], Value::Null);
        assert_eq!(report["groups"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn the_fields_stand_in_the_documented_order() {
        let text = render(&compare(samples::november(GroupBy::Nothing), None));
        let found: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("      \"")?.split('"').next())
            .take(15)
            .collect();
        let expected = [
            "key",
            "type",
            "closes",
            "prompted",
            "answered",
            "commented",
            "response_rate",
            "immature",
            "score",
            "mean",
            "distribution",
            "median_response_seconds",
            "suppressed",
            "unsent",
            "hidden",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_have_two_decimals_and_no_negative_zero() {
        assert_eq!(rounded(87.456), 87.46);
        assert_eq!(rounded(-0.001).to_string(), "0");
    }
}
