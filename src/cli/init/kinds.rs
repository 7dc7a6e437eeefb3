//! The needs of each kind of source before its first use in the help desk's own words.

use crate::config;
use crate::domain::survey_type::SurveyType;

/// A kind of source that a few answers can set up. `mapped` is not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskKind {
    pub name: &'static str,
    /// The place in the help desk where the address is entered.
    pub place: &'static str,
    secret: SecretOrigin,
}

/// The party that makes the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// `init` makes it with this prefix before the random part.
    Made(&'static str),
    /// The help desk makes it and calls it by this name.
    Told(&'static str),
    None,
}

impl DeskKind {
    pub const ALL: [Self; 11] = [
        Self::of("standard", "as a Standard Webhooks message", SecretOrigin::Made("whsec_")),
        Self::of(
            "chatwoot",
            "Settings > Integrations > Webhooks",
            SecretOrigin::Told("the webhook's secret"),
        ),
        Self::of(
            "zendesk",
            "Admin Center > Apps and integrations > Webhooks",
            SecretOrigin::Told("the signing secret"),
        ),
        Self::of(
            "intercom",
            "Developer Hub > your app > Webhooks",
            SecretOrigin::Told("the client secret"),
        ),
        Self::of(
            "freshchat",
            "Admin > Configure > Conversation Webhooks",
            SecretOrigin::Told("the public key"),
        ),
        Self::of(
            "freshdesk",
            "Admin > Automations > Ticket updates",
            SecretOrigin::Made("surveyd:"),
        ),
        Self::of("helpscout", "Manage > Apps > Webhooks", SecretOrigin::Made("")),
        Self::of(
            "front",
            "Settings > Developers > your app > Webhooks",
            SecretOrigin::Told("the app's signing key"),
        ),
        Self::of("zammad", "Manage > Webhook, and a trigger that uses it", SecretOrigin::Made("")),
        Self::of("spool", "", SecretOrigin::None),
        Self::of("dm_inactivity", "", SecretOrigin::None),
    ];

    const fn of(name: &'static str, place: &'static str, secret: SecretOrigin) -> Self {
        Self { name, place, secret }
    }

    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name == name).ok_or_else(|| {
            if config::is_described(name) {
                return config::OF_DESCRIBED.to_owned();
            }
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name).collect();
            format!(
                "is none of {}; any other desk is written by hand, as kind \"mapped\"",
                names.join(", ")
            )
        })
    }

    pub fn secret(self) -> SecretOrigin {
        self.secret
    }

    /// Returns the check of a secret that the help desk has told.
    pub fn check_secret(self) -> fn(&str) -> Result<(), String> {
        match self.name {
            "freshchat" => config::check_public_key,
            _ => |_| Ok(()),
        }
    }
}

/// Parses the name of a survey type.
pub fn survey_type(name: &str) -> Result<SurveyType, String> {
    SurveyType::parse(name).ok_or_else(|| "is neither csat nor nps".to_owned())
}
