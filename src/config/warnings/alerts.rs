//! Warns of alerts that tell nobody, tell too much, or have no link.

use super::Warning;
use crate::config::schedules::ScheduledOutput;
use crate::config::{Account, AlertConfig, Config, Secret};
use crate::domain::alert::AlertType;

pub(super) fn of_alerts(config: &Config, warnings: &mut Vec<Warning>) {
    for alert in &config.alerts {
        of_alert(config, alert, warnings);
    }
    if !config.alerts.is_empty() && config.http.public_url.is_none() {
        warnings.push(Warning {
            key: "http.public_url".into(),
            problem: "is missing: what alerts are told has no link to surveyd's pages".into(),
            remedy: "write the address that people open them by, as https://surveyd.acme.example"
                .into(),
        });
    }
}

fn of_alert(config: &Config, alert: &AlertConfig, warnings: &mut Vec<Warning>) {
    let wanted = &alert.wanted;
    let mut warn = |key: &str, problem: &str, remedy: &str| {
        warnings.push(Warning {
            key: format!("alerts.{}.{key}", wanted.name),
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        });
    };
    if wanted.has_comments {
        warn(
            "include",
            "sends what people wrote to another service: a webhook is an export, and whoever reads \
             there reads the comments, also those that are erased here",
            "leave comments out, or make sure that only those read there who may see them",
        );
    }
    let answers = [AlertType::FeedbackAnswered, AlertType::Detractor];
    if wanted.has_comments && !answers.iter().any(|answer| wanted.types.contains(answer)) {
        let remedy = "add \"detractor\" or \"feedback.answered\" to on, or remove it";
        warn("include", "names comment, and on names no answers", remedy);
    } else if wanted.has_comments && wanted.wait_for_comment.is_zero() {
        warn(
            "wait_for_comment",
            "is missing beside include = \"comment\": a comment comes after its score, and the \
             message about the score leaves at once, without it",
            "write wait_for_comment = \"2m\", or leave comments out",
        );
    }
    let has_prefix =
        |secret: &Secret| secret.expose().is_empty() || secret.expose().starts_with("whsec_");
    if !alert.secrets.iter().all(has_prefix) {
        warn(
            "secret",
            "does not begin with whsec_, by which Standard Webhooks' libraries know a secret",
            "write whsec_ before it, here and at the receiver",
        );
    }
    let is_told_digests = config.schedules.iter().any(|schedule| match &schedule.output {
        ScheduledOutput::Digest { alert, .. } => *alert == wanted.name,
        ScheduledOutput::Report { .. } | ScheduledOutput::Export { .. } => false,
    });
    if wanted.types.contains(&AlertType::Digest) && !is_told_digests {
        let problem = match wanted.types.len() {
            1 => "reaches nobody: only digests are told, and no schedule has any for this alert",
            _ => "names digest, and no schedule has any for this alert",
        };
        let remedy = format!("add [[schedules]] with to = {{ alert = \"{}\" }}", wanted.name);
        warn("on", problem, &remedy);
    }
    let told = config.accounts.iter().filter(|it| wanted.includes_account(Some(&it.name)));
    let of_answers = [AlertType::FeedbackAnswered, AlertType::Detractor, AlertType::Silence];
    let of_answers: Vec<_> =
        of_answers.into_iter().filter(|it| wanted.types.contains(it)).collect();
    if !of_answers.is_empty() && told.clone().all(is_all_tests) {
        let names: Vec<_> = of_answers.iter().map(|it| it.as_str()).collect();
        let problem = format!(
            "names {}, and all its accounts send tests: nobody is told of their answers and silences",
            names.join(" and ")
        );
        let remedy = "remove test = true once real prompts are to go out, and try the alert by \
                      `surveyd alerts test`";
        warn("on", &problem, remedy);
    }
    if alert.has_thresholds && !wanted.types.contains(&AlertType::Detractor) {
        let remedy = "add \"detractor\" to on, or remove the thresholds";
        warn("detractor", "gives thresholds, and on does not name detractor", remedy);
    }
}

/// True if no prompt of the account is a real one.
fn is_all_tests(account: &Account) -> bool {
    let mut rules = account.rules.iter().filter(|rule| !rule.skip);
    account.survey.test && rules.all(|rule| rule.survey.test)
}
