use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::fault_collector::FaultCollector;
use super::super::given::{GivenTable, from_toml};
use super::access::{HASH, LOGIN, TOKEN};
use super::alerts::ALERT;
use super::schedules::SCHEDULE;
use super::*;
use crate::domain::access::{Role, Viewer};
use crate::domain::mapping::FieldName;

const SHIPPED: &str = include_str!("../../../config/surveyd.toml");

/// The shipped file with its example account and source switched on.
fn with_examples() -> String {
    let mut text = String::new();
    for line in SHIPPED.lines() {
        let key = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        text.push_str(key.unwrap_or(line));
        text.push('\n');
    }
    text
}

/// Reads a file among the secrets that the examples name.
fn read_with_secrets(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("acme-consumer-key", "key-1"),
        ("acme-consumer-secret", "key-2"),
        ("acme-access-token", "key-3"),
        ("acme-access-token-secret", "key-4"),
        ("helpdesk-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("own-desk-secret", "hunter2"),
        ("x-webhook-password", "hunter2"),
        ("mara-password-hash", HASH),
        ("alert-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let path = folder.path().join("surveyd.toml");
    parse(text, &path, &Environment::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// What is given as an example because it has no default.
const EXAMPLES: &str = r#"
messages = { es = "Gracias por escribirnos. ¿Qué tal lo hicimos?" }
quiet_hours = { from = "21:00", to = "08:00", time_zone = "America/New_York" }
stale_after = "7d"
variants = [{ name = "short", share = 0.5, message = "How did we do?" }]
[[accounts.rules]]
name = "vip"
when = { tag = "vip", language = ["es", "pt"], attributes = { plan = "gold" } }
message = "Thanks for your trust in us. How did we do?"
"#;

#[test]
fn the_shipped_file_says_what_the_defaults_are() {
    // What has no default is given as the examples give it; all else is left out.
    let text = with(
        LEAST,
        "How did we do?",
        "Thanks for talking to us, {{ first_name | default('') }}. How did we do?",
    ) + EXAMPLES
        + SOURCE
        + "account = \"acme\"\nrate_limit = 6000\n";
    let text = with(&text, "[accounts.survey]", "display_name = \"Acme\"\n[accounts.survey]");
    let mut shipped = read_with_secrets(&with_examples());
    let webhook = shipped.x.webhook.take().unwrap();
    assert_eq!((webhook.username.as_str(), webhook.passwords.len()), ("x", 1));
    assert_eq!(shipped.log.format.take(), Some(LogFormat::Json));
    let mapped = shipped.sources.pop().unwrap();
    let spool = shipped.spools.pop().unwrap();
    let watched = shipped.watched.pop().unwrap();
    let login = shipped.logins.pop().unwrap();
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let viewer = Viewer {
        name: "mara".into(),
        roles: [Role::Supervisor, Role::Agent].into(),
        accounts: names(&["acme"]),
        teams: names(&["billing"]),
        agent: Some("mara".into()),
    };
    assert_eq!(
        (login.viewer, login.password_hash.unwrap().expose()),
        (viewer.clone(), HASH.into())
    );
    let token = shipped.tokens.pop().unwrap();
    let viewer = Viewer { name: "warehouse".into(), ..viewer };
    assert_eq!((token.viewer, token.hash), (viewer, [0; 32]));
    assert_eq!(token.expiry.unwrap().day.to_string(), "2027-06-30");
    let proxy = shipped.http.proxy.take().unwrap();
    assert_eq!(proxy.header, "X-Forwarded-User");
    assert!(proxy.trusts("127.0.0.1".parse().unwrap()));
    assert_eq!(shipped.http.public_url.take().as_deref(), Some("https://surveyd.acme.example"));
    let retention = std::mem::take(&mut shipped.retention);
    let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
    assert_eq!((retention.text, retention.raw), (days(365), days(90)));
    let alerts = std::mem::take(&mut shipped.alerts);
    let schedules = std::mem::take(&mut shipped.schedules);
    assert_eq!(shipped, sound(&text));
    told_as_without_defaults(&alerts, &schedules);
    assert_eq!(mapped.mapping.unwrap().fields.len(), FieldName::ALL.len());
    let least = sound(&format!("{LEAST}[[sources]]\nname = \"files\"\nkind = \"spool\"\n"));
    let (account, accounts) = (Some("acme".to_owned()), vec!["acme".to_owned()]);
    assert_eq!(spool, SpoolConfig { account, accounts, ..least.spools[0].clone() });
    let least = sound(&format!("{LEAST}[[sources]]\nname = \"dms\"\nkind = \"dm_inactivity\"\n"));
    assert_eq!(watched, least.watched[0]);
}

/// The examples of alerts and schedules say what their defaults are.
fn told_as_without_defaults(alerts: &[AlertConfig], schedules: &[ScheduleConfig]) {
    let on = "on = [\"detractor\", \"account.paused\", \"account.resumed\", \"silence\", \"digest\"]\n\
              accounts = [\"acme\"]\nteams = [\"billing\"]";
    let text = with(ALERT, "on = [\"detractor\"]", on);
    let limits = "by = \"team\"\naccounts = [\"acme\"]\nteams = [\"billing\"]\n";
    let least = sound(&format!("{LEAST}{text}{SCHEDULE}{limits}"));
    let expected = AlertConfig { has_thresholds: true, ..least.alerts[0].clone() };
    assert_eq!((alerts.len(), &alerts[0]), (2, &expected));
    assert_eq!((schedules.len(), &schedules[0]), (2, &least.schedules[0]));
    assert_eq!(alerts[1].format.as_str(), "template");
    assert!(
        matches!(&schedules[1].output, ScheduledOutput::Digest { alert, .. } if alert == "leads")
    );
}

#[test]
fn the_shipped_file_alone_asks_for_an_account_and_nothing_else() {
    let shown = faults(SHIPPED);
    assert_eq!(
        shown,
        "surveyd.toml: accounts: there is no account\n  add [[accounts]] with the keys of one handle"
    );
}

#[test]
fn the_shipped_file_shows_every_key_there_is() {
    let environment = Environment::default();
    let mut collector = FaultCollector::new(Path::new("surveyd.toml"), &environment);
    let others =
        ["mapped", "spool", "dm_inactivity"].map(|kind| SOURCE.replace("standard", kind)).concat();
    let more = "[x.webhook]\nusername = \"x\"\n[http.proxy]\nheader = \"X-User\"\n";
    let text = format!("{LEAST}{SOURCE}{others}{more}{LOGIN}{TOKEN}{ALERT}{SCHEDULE}");
    super::super::read(collector.root(from_toml(&text).unwrap()));
    let known = collector.known;
    assert!(known.len() > 40, "{known:?}");
    let shown = from_toml(&with_examples()).unwrap();
    for pattern in known {
        assert!(holds(&shown, &pattern), "{pattern} is not in config/surveyd.toml");
    }
}

#[test]
fn every_key_of_the_shipped_file_has_its_sentence() {
    let lines: Vec<_> = SHIPPED.lines().collect();
    for (before, line) in lines.iter().zip(&lines[1..]) {
        let key = line.strip_prefix('#').unwrap_or(line);
        if key.starts_with(|first: char| first.is_ascii_lowercase()) {
            assert!(before.starts_with("# ") && before.ends_with('.'), "above {line}: {before}");
        }
    }
}

/// Whether a file gives the key of that pattern, in any table of each list.
fn holds(values: &GivenTable, pattern: &str) -> bool {
    let (key, rest) = pattern.split_once('.').unwrap_or((pattern, ""));
    match values.get(key) {
        None => false,
        Some(_) if rest.is_empty() => true,
        Some(toml::Value::Table(inner)) => holds(inner, rest),
        Some(toml::Value::Array(list)) => {
            let rest = rest.strip_prefix("*.").unwrap();
            list.iter().any(|entry| holds(entry.as_table().unwrap(), rest))
        }
        Some(_) => false,
    }
}
