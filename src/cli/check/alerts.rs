//! Tries the alerts of a configuration on made-up messages, without sending any.

use serde::Serialize;

use crate::alerts::bodies;
use crate::config::{AlertConfig, Config, Warning};
use crate::domain::alert::{AlertType, Told};

/// An alert whose messages were written and read back.
#[derive(Serialize)]
pub struct TriedAlert {
    name: String,
    format: &'static str,
    on: Vec<&'static str>,
    /// The made-up messages that are sound.
    messages: usize,
}

impl TriedAlert {
    /// One line for people.
    pub fn line(&self) -> String {
        let Self { name, format, on, messages } = self;
        let on = on.join(", ");
        format!("alerts.{name}: {format}, told {on}; {messages} made-up messages are sound")
    }
}

/// Writes each type of each alert and reads the JSON. Warns of what cannot be written.
pub fn tried(config: &Config) -> (Vec<TriedAlert>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let tried = config.alerts.iter().map(|alert| {
        let wanted = &alert.wanted;
        let mut messages = 0;
        for alert_type in wanted.types.iter().copied().chain([AlertType::AlertTest]) {
            match written(alert, alert_type, config) {
                Ok(count) => messages += count,
                Err(why) => warnings.push(Warning {
                    key: format!("alerts.{}", wanted.name),
                    problem: format!("{} cannot be written: {why}", alert_type.as_str()),
                    remedy: "docs/alerts.md shows what a message is made of".into(),
                }),
            }
        }
        TriedAlert {
            name: wanted.name.clone(),
            format: alert.format.as_str(),
            on: wanted.types.iter().map(|alert_type| alert_type.as_str()).collect(),
            messages,
        }
    });
    (tried.collect(), warnings)
}

/// Writes every sample of a type. Returns how many there are.
fn written(alert: &AlertConfig, alert_type: AlertType, config: &Config) -> Result<usize, String> {
    let wanted = &alert.wanted;
    let samples = Told::samples(alert_type, &wanted.name, wanted.has_comments);
    for told in &samples {
        let body = bodies::write(&alert.format, told, &config.report.time_zone)
            .map_err(|error| error.to_string())?;
        serde_json::from_slice::<serde_json::Value>(&body).map_err(|error| error.to_string())?;
    }
    Ok(samples.len())
}
