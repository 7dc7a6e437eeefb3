//! Reads `[[alerts]]`: who is told at once, of what and how.
//!
//! Must not send anything. A template is tried on made-up messages, because a message that cannot
//! be written would be noticed only when somebody should have been told.

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault_collector::ConfigTable;
use super::given::{GivenValue, Wrong, quoted};
use super::sources::{Around, several, standard_key, standard_secret};
use super::{Secret, access, defaults, lists, secret, urls, values};
use crate::domain::alert::{AlertType, Format, Wanted};
use crate::domain::survey_type::SurveyType;

/// A place that is told at once.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertConfig {
    /// The alert's name and what it wants to be told.
    pub wanted: Wanted,
    /// Where messages are posted to. For a chat it is a secret. Empty if the configuration was read
    /// without its secrets.
    pub url: Secret,
    pub format: Format,
    /// Messages are signed with each of these, so the receiver can change its secret without an
    /// interruption. Never empty with the format `standard`.
    pub secrets: Vec<Secret>,
    /// True if messages may go to addresses that are not of the open internet, by plain HTTP, too.
    pub may_be_private: bool,
    /// True if the file gives thresholds of its own.
    pub has_thresholds: bool,
}

impl AlertConfig {
    /// Returns the keys that messages are signed with.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.secrets.iter().filter_map(|secret| standard_key(secret.expose())).collect()
    }
}

/// The alerts as they were read.
pub(super) struct ReadAlerts {
    /// Those without a fault.
    pub sound: Vec<AlertConfig>,
    /// The names of all, the faulty ones among them.
    pub names: BTreeSet<String>,
}

/// Reads the alerts.
pub(super) fn read(root: &mut ConfigTable, around: &Around) -> ReadAlerts {
    let mut names = BTreeSet::new();
    let entries = root.entries("alerts").unwrap_or_default().into_iter();
    let alerts = entries.filter_map(|(place, entry)| {
        let mut table = root.collector.table(place, entry);
        let alert = alert(&mut table, &mut names, around);
        table.close(&[]);
        alert
    });
    let sound = alerts.collect();
    ReadAlerts { sound, names }
}

fn alert(
    table: &mut ConfigTable,
    names: &mut BTreeSet<String>,
    around: &Around,
) -> Option<AlertConfig> {
    let name = table.required("name", "\"leads\"", values::name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each alert a name of its own";
        table.fault("name", Some(quoted(name)), "is another alert's name, too", remedy);
    }
    let format = template::format(table);
    let may_be_private = table.or("allow_private", false, values::boolean);
    let url = url(table, format.as_ref(), may_be_private.unwrap_or(true));
    let secrets = secrets(table, format.as_ref());
    let (wanted, has_thresholds) = wanted(table, name, around);
    let (wanted, format) = (wanted?, format?);
    if let Format::Template(template) = &format
        && let Err(wrong) = template::tried(template, &wanted)
    {
        table.fault("template", None, wrong.problem, wrong.remedy);
    }
    Some(AlertConfig {
        wanted,
        url: url?,
        format,
        secrets: secrets?,
        may_be_private: may_be_private?,
        has_thresholds,
    })
}

/// Reads the address. Where no message is signed it is a secret: whoever has it can write there.
fn url(table: &mut ConfigTable, format: Option<&Format>, may_be_private: bool) -> Option<Secret> {
    let check = |text: &str| urls::receiver(text, may_be_private);
    let is_signed = table.holds("secret");
    match format {
        Some(Format::Slack | Format::Teams | Format::Mattermost) => {
            secret::read(table, "url", check)
        }
        Some(Format::Template(_)) if !is_signed => secret::read(table, "url", check),
        Some(Format::Standard | Format::Template(_)) | None => {
            secret::read_public(table, "url", "\"https://hooks.acme.example/surveys\"", check)
        }
    }
}

/// Reads the secrets that messages are signed with. Chats verify no signature.
fn secrets(table: &mut ConfigTable, format: Option<&Format>) -> Option<Vec<Secret>> {
    let is_needed = matches!(format, Some(Format::Standard));
    if !is_needed && !table.holds("secret") {
        return Some(Vec::new());
    }
    let secrets = secret::read_list(table, "secret", standard_secret)?;
    if secrets.len() > defaults::ALERT_SECRETS_MAX {
        let problem = format!("lists {} secrets, and a message is signed with two", secrets.len());
        table.fault("secret", None, problem, "keep the new one and the old one");
        return None;
    }
    Some(secrets)
}

/// Reads what the alert is told. Also returns whether the file gives thresholds.
fn wanted(
    table: &mut ConfigTable,
    name: Option<String>,
    around: &Around,
) -> (Option<Wanted>, bool) {
    let types = table.required("on", "[\"detractor\"]", types);
    let include = table.or("include", Vec::new(), |it| lists::chosen(it, &[("comment", ())]));
    let accounts = several(table, around);
    let teams = table.optional("teams", access::teams);
    let has_thresholds = table.holds("detractor");
    let detractor = thresholds(table.inline_table("detractor", "{ csat = 2, nps = 6 }"));
    let length = values::duration(defaults::SILENCE_AFTER_BOUNDS);
    let silence_after = table.or("silence_after", defaults::SILENCE_AFTER, length);
    let length = values::duration(defaults::WAIT_FOR_COMMENT_BOUNDS);
    let wait_for_comment = table.or("wait_for_comment", Duration::ZERO, length);
    let wanted = || {
        let accounts = accounts?;
        Some(Wanted {
            name: name?,
            types: types?,
            accounts: (!accounts.is_empty()).then(|| accounts.into_iter().collect()),
            teams: teams?,
            detractor: detractor?,
            silence_after: silence_after?,
            wait_for_comment: wait_for_comment?,
            has_comments: !include?.is_empty(),
        })
    };
    (wanted(), has_thresholds)
}

fn types(given: &GivenValue) -> Result<BTreeSet<AlertType>, Wrong> {
    let texts = lists::texts(given)?;
    if texts.iter().any(|text| text == AlertType::AlertTest.as_str()) {
        let remedy = "remove it: `surveyd alerts test NAME` sends one whenever you like";
        return Err(Wrong::new("names alert.test, which only a command sends", remedy));
    }
    let known = AlertType::CHOOSABLE.map(|it| (it.as_str(), it));
    Ok(lists::chosen(given, &known)?.into_iter().collect())
}

/// Reads the table `detractor`. A type that it leaves out keeps its default.
fn thresholds(mut table: ConfigTable) -> Option<BTreeMap<SurveyType, u8>> {
    let mut of = |kind: SurveyType, key, default| {
        // With the highest score, everybody would be a detractor.
        let (least, most) = kind.scores().into_inner();
        let score = values::integer(least.into()..=u32::from(most) - 1);
        let score = table.or(key, default, score);
        score.map(|score| (kind, u8::try_from(score).unwrap_or(most)))
    };
    let csat = of(SurveyType::Csat, "csat", defaults::DETRACTOR_CSAT);
    let nps = of(SurveyType::Nps, "nps", defaults::DETRACTOR_NPS);
    table.close(&[]);
    Some([csat?, nps?].into())
}
