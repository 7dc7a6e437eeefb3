//! Warns of settings that are valid but may be mistakes. No warning keeps surveyd from running.

mod access;
mod alerts;
mod closes;
mod policies;
mod texts;

use std::fmt;

use serde::Serialize;

use super::names::nearest;
use super::sources::scheme::EXAMPLE_HOST;
use super::{Config, ENQUEUED, Rule, SurveyConfig, format_duration};
use crate::domain::id::UserId;
use crate::domain::mapping::FieldName;
use crate::domain::policy::Mode;
use crate::domain::survey_type::SurveyType;
pub use access::of_tokens as warnings_of_tokens;
pub use closes::{CloseOnRecord, of_closes as warnings_of_closes};

/// A warning that an operator should see before prompts go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The key's path, such as `accounts.acme.survey.message`.
    pub key: String,
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  {}", self.key, self.problem, self.remedy)
    }
}

/// The least length in characters that X demands of this password.
const PASSWORD_LEAST: usize = 20;

/// Returns every warning about the configuration.
pub fn warnings(config: &Config) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let passwords = config.x.webhook.iter().flat_map(|webhook| &webhook.passwords);
    if passwords.into_iter().any(|it| it.expose().chars().count() < PASSWORD_LEAST) {
        warnings.push(Warning {
            key: "x.webhook.password".into(),
            problem: format!(
                "is shorter than the {PASSWORD_LEAST} random characters that X demands"
            ),
            remedy: "make one by `openssl rand -base64 24`, and tell it to X".into(),
        });
    }
    if !config.http.listen.ip().is_loopback() {
        warnings.push(Warning {
            key: "http.listen".into(),
            problem: "is open to other machines, and plain HTTP: whoever is between can read along".into(),
            remedy: "listen on 127.0.0.1 behind a proxy that speaks TLS, or close the port to all but that proxy".into(),
        });
    }
    access::of_access(config, &mut warnings);
    warnings.extend(of_zone("report.time_zone", config.report.time_zone.name()));
    of_sources(config, &mut warnings);
    for account in &config.accounts {
        let token = account.access_token.expose();
        warnings.extend(of_token(&account.name, token, &account.user_id));
        for (rule, survey) in account.surveys() {
            let key = match rule {
                None => format!("accounts.{}.survey", account.name),
                Some(rule) => format!("accounts.{}.rules.{}", account.name, rule.name),
            };
            if let Some(rule) = rule {
                of_rule(config, &key, rule, &mut warnings);
            }
            // Settings that a rule inherits were already checked in the survey.
            let own = rule.map(|_| &account.survey);
            if rule.is_none_or(|rule| !rule.skip) {
                of_survey(&key, survey, own, &mut warnings);
            }
        }
        if account.survey.test {
            warnings.push(Warning {
                key: format!("accounts.{}.survey.test", account.name),
                problem: match account.mode {
                    Mode::Live => "is true: people are asked all the same, and X and `surveyd report` leave their answers out",
                    Mode::Dry => "is true: once mode is live people are asked all the same, and X and `surveyd report` leave their answers out",
                }
                .into(),
                remedy: "set it to false once the texts are right".into(),
            });
        }
        if account.survey.holdout >= 1.0 || account.survey.sample <= 0.0 {
            warnings.push(Warning {
                key: format!("accounts.{}.survey", account.name),
                problem: "sample and holdout leave nobody to ask".into(),
                remedy: "raise sample or lower holdout".into(),
            });
        }
    }
    policies::of_policies(config, &mut warnings);
    alerts::of_alerts(config, &mut warnings);
    warnings
}

/// Warns if an access token belongs to a handle other than `user_id`.
pub fn of_token(account: &str, access_token: &str, user_id: &str) -> Option<Warning> {
    let owner = owner_of(access_token).filter(|owner| owner != user_id)?;
    Some(Warning {
        key: format!("accounts.{account}.access_token"),
        problem: format!(
            "begins with {owner}, the id of the handle that it is of, and user_id is {user_id}"
        ),
        remedy: "take the token of the handle that prompts are sent from, or correct user_id"
            .into(),
    })
}

/// Returns the id of the handle that owns a token. X's access tokens begin with this id and a
/// hyphen.
pub fn owner_of(access_token: &str) -> Option<String> {
    let (id, _) = access_token.split_once('-')?;
    UserId::parse(id).ok().map(|id| id.to_string())
}

fn of_sources(config: &Config, warnings: &mut Vec<Warning>) {
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    let of_http =
        config.sources.iter().map(|source| (&source.name, &source.accounts, "has its secret"));
    let of_files =
        config.spools.iter().map(|spool| (&spool.name, &spool.accounts, "can write to its folder"));
    for (name, accounts, who) in of_http.chain(of_files) {
        if accounts.is_empty() && names.len() > 1 {
            warnings.push(Warning {
                key: format!("sources.{name}.account"),
                problem: format!(
                    "is missing: whoever {who} can have prompts sent from each of the {} accounts, and \
                     call off their surveys",
                    names.len()
                ),
                remedy: "name the account that it is for, or several by accounts = [\"…\", \"…\"]".into(),
            });
        }
    }
    for source in &config.sources {
        if source.scheme.signed_address().is_some_and(|address| address.contains(EXAMPLE_HOST)) {
            warnings.push(Warning {
                key: format!("sources.{}.signed", source.name),
                problem: format!("still names {EXAMPLE_HOST}: no signature can fit"),
                remedy: "write the address that the help desk posts to".into(),
            });
        }
        let Some(mapping) = &source.mapping else { continue };
        let is_told = |field| !mapping.field(field).0.is_empty();
        if mapping.each.is_some() && !is_told(FieldName::EventId) && !is_told(FieldName::ClosedAt) {
            warnings.push(Warning {
                key: format!("sources.{}.each", source.name),
                problem: "takes several events of a delivery, and neither event_id nor closed_at tells one from its \
                          repetition: what was taken before the database failed would be taken again"
                    .into(),
                remedy: "say where event_id or closed_at stands in each of them".into(),
            });
        }
        for (key, conditions) in [("closed", &mapping.closed), ("reopened", &mapping.reopened)] {
            let mut headers = conditions.iter().flat_map(|condition| condition.headers());
            if let Some(header) = headers.find(|header| source.scheme.leaves_open(header)) {
                warnings.push(Warning {
                    key: format!("sources.{}.{key}", source.name),
                    problem: format!(
                        "looks at the header {header}, which the signature says nothing of: who has \
                         caught one delivery can send it again as another event"
                    ),
                    remedy: "look at a place of the body that says the same".into(),
                });
            }
        }
    }
}

/// Warns of names in a rule that no close can ever bring.
fn of_rule(config: &Config, key: &str, rule: &Rule, warnings: &mut Vec<Warning>) {
    let watched = config.watched.iter().map(|watched| watched.name.as_str());
    let spools = config.spools.iter().map(|spool| spool.name.as_str());
    let known = config.sources.iter().map(|source| source.name.as_str());
    let known: Vec<_> = known.chain(spools).chain(watched).chain([ENQUEUED]).collect();
    for name in rule.when.source.iter().filter(|name| !known.contains(&name.as_str())) {
        let meant = nearest(name, known.iter().copied());
        warnings.push(Warning {
            key: format!("{key}.when.source"),
            problem: format!("names {name:?}, and there is no source of that name"),
            remedy: match meant {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => "name a source as [[sources]] does".into(),
            },
        });
    }
    for language in rule.when.language.iter().filter(|language| texts::is_name(language)) {
        warnings.push(Warning {
            key: format!("{key}.when.language"),
            problem: format!("names {language:?}, and help desks tell a language by its code"),
            remedy: "write the code, such as en, es or pt-BR".into(),
        });
    }
}

fn of_survey(
    key: &str,
    survey: &SurveyConfig,
    own: Option<&SurveyConfig>,
    warnings: &mut Vec<Warning>,
) {
    if survey.kind == SurveyType::Nps && own.is_none_or(|own| own.kind != SurveyType::Nps) {
        warnings.push(Warning {
            key: format!("{key}.type"),
            problem: "some of X's clients show an nps card badly: its encrypted chat prints the \
                      card's raw id, where it shows a csat card"
                .into(),
            remedy: "try it with test = true in the clients that your customers use, or ask csat"
                .into(),
        });
    }
    let mut texts = Vec::new();
    if own.is_none_or(|own| own.texts != survey.texts) {
        texts.push((key.to_owned(), &survey.texts));
    }
    if own.is_none_or(|own| own.variants != survey.variants) {
        for variant in survey.variants.iter().filter(|variant| variant.texts != survey.texts) {
            texts.push((format!("{key}.variants.{}", variant.name), &variant.texts));
        }
    }
    for (key, texts) in texts {
        texts::of_texts(&key, texts, warnings);
    }
    if let Some(hours) = &survey.quiet_hours
        && own.is_none_or(|own| own.quiet_hours != survey.quiet_hours)
    {
        let of_zone = |name| of_zone(&format!("{key}.quiet_hours.time_zone"), name);
        warnings.extend(hours.zone.iana_name().and_then(of_zone));
        let asleep = asleep_seconds(hours.from, hours.to);
        if asleep >= survey.expire_after.as_secs() {
            warnings.push(Warning {
                key: format!("{key}.quiet_hours"),
                problem: format!(
                    "last as long as expire_after = \"{}\": what closes when they begin expires \
                     before they end",
                    format_duration(survey.expire_after)
                ),
                remedy: "lengthen expire_after, if a later prompt is better than none".into(),
            });
        }
    }
}

/// Names of the tz database that stand for no place. Some keep one offset all year. The others
/// follow the summer time of the region that uses them most.
const ABBREVIATIONS: [&str; 12] = [
    "EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "WET", "CET", "MET", "EET",
    "GMT",
];

fn of_zone(key: &str, name: &str) -> Option<Warning> {
    let offset = name.strip_prefix("Etc/GMT").or_else(|| name.strip_prefix("GMT"));
    let is_offset = offset.is_some_and(|rest| rest.starts_with(['+', '-']));
    let is_short = ABBREVIATIONS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let problem = match (is_offset, is_short) {
        (true, _) => "is a fixed offset: it keeps no summer time, and its + means behind UTC",
        (_, true) => "is an abbreviation: it stands for no place, and may keep no summer time",
        _ => return None,
    };
    Some(Warning {
        key: key.to_owned(),
        problem: format!("\"{name}\" {problem}"),
        remedy: "name a place where people live, as America/New_York or Europe/Madrid".into(),
    })
}

/// Returns the length of the quiet hours in seconds on a clock without summer time.
fn asleep_seconds(from: jiff::civil::Time, to: jiff::civil::Time) -> u64 {
    let minute = |time: jiff::civil::Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
    let minutes = (minute(to) - minute(from)).rem_euclid(24 * 60);
    u64::try_from(minutes).unwrap_or(0) * 60
}
