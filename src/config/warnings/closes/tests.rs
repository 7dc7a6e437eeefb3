use std::path::Path;

use super::*;
use crate::config::{Environment, parse};
use crate::domain::close::ClosedBy;

fn config(survey: &str, rules: &str) -> Config {
    let text = format!(
        "[[accounts]]\nname = \"acme\"\nuser_id = \"1\"\nconsumer_key = \"k\"\n\
         consumer_secret = \"s\"\naccess_token = \"t\"\naccess_token_secret = \"u\"\n\
         privacy_url = \"https://acme.example\"\n[accounts.survey]\nmessage = \"Hello.\"\n{survey}\n{rules}\n"
    );
    parse(&text, Path::new("surveyd.toml"), &Environment::default())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn closes(source: &str, count: usize, notice: &Notice) -> Vec<CloseOnRecord> {
    let (account, source) = ("acme".to_owned(), source.to_owned());
    vec![CloseOnRecord { account, source, notice: notice.clone() }; count]
}

fn of_team(team: &str) -> Notice {
    Notice { team: Some(team.into()), ..Notice::default() }
}

fn said(config: &Config, closes: &[CloseOnRecord]) -> Vec<String> {
    of_closes(config, closes).iter().map(Warning::to_string).collect()
}

#[test]
fn a_value_that_no_close_fits_is_named_with_what_the_closes_said() {
    let rules = "[[accounts.rules]]\nwhen = { tag = \"vip\" }\nskip = true\n\
                 [[accounts.rules]]\nwhen = { team = [\"Tier-2\", \"refunds\", \"sales\"] }\nskip = true";
    let config = config("", rules);
    let mut all = closes("helpdesk", 15, &of_team("billing"));
    all.extend(closes("helpdesk", 4, &of_team("sales")));
    assert_eq!(said(&config, &all), Vec::<String>::new(), "of 19 nothing is concluded");
    all.extend(closes("helpdesk", 1, &of_team("tier 2")));
    assert_eq!(
        said(&config, &all),
        [
            "accounts.acme.rules.1.when.tag: \"vip\" fitted none of the last 20 closes of helpdesk; \
             they named none\n  correct it, or take it away if no close will ever be so",
            "accounts.acme.rules.2.when.team: \"Tier-2\" fitted none of the last 20 closes of helpdesk; \
             they named tier 2, billing, sales\n  write \"tier 2\", if that is meant",
            "accounts.acme.rules.2.when.team: \"refunds\" fitted none of the last 20 closes of helpdesk; \
             they named billing, sales, tier 2\n  correct it, or take it away if no close will ever be so",
        ]
    );
    // Elsewhere it is known, if only by one close.
    all.extend(closes("files", 1, &Notice { tags: vec!["vip".into()], ..of_team("refunds") }));
    assert_eq!(said(&config, &all).len(), 1);
}

#[test]
fn languages_closers_and_sources_are_looked_at_as_the_policy_does() {
    let survey = "messages = { es = \"Hola.\", fr = \"Bonjour.\" }\nskip_closed_by = [\"auto\"]\n\
                  min_agent_messages = 1";
    let rules = "[[accounts.rules]]\nwhen = { source = \"help-desk\" }\nskip = true";
    let config = config(survey, rules);
    let spanish = Notice {
        language: Some("es_MX".into()),
        closed_by: Some(ClosedBy::Agent),
        ..Notice::default()
    };
    let mut all = closes("helpdesk", 20, &spanish);
    all.extend(closes("files", 30, &spanish));
    let keys = |closes: &[CloseOnRecord]| -> Vec<String> {
        of_closes(&config, closes).into_iter().map(|warning| warning.key).collect()
    };
    assert_eq!(
        keys(&all),
        [
            "accounts.acme.survey.min_agent_messages",
            "accounts.acme.survey.messages.fr",
            "accounts.acme.survey.skip_closed_by",
            "accounts.acme.rules.1.when.source",
        ]
    );
    let last = of_closes(&config, &all).pop().unwrap();
    assert_eq!(
        last.problem,
        "\"help-desk\" fitted none of the last 30 closes of files and 20 of helpdesk; they named \
         helpdesk, files"
    );
    let auto =
        Notice { closed_by: Some(ClosedBy::Auto), agent_messages: Some(0), ..Notice::default() };
    all.extend(closes("files", 1, &Notice { language: Some("fr".into()), ..auto }));
    all.extend(closes("help-desk", 1, &Notice::default()));
    assert_eq!(keys(&all), Vec::<String>::new());
}

#[test]
fn nobody_is_named_who_is_not_configured_and_the_output_has_an_end() {
    let names: Vec<String> = (0..30).map(|n| format!("\"agent {n}\"")).collect();
    let rules = format!(
        "[[accounts.rules]]\nwhen = {{ agent = \"Dana-Lee\", attributes = {{ order = \"77\" }} }}\nskip = true\n\
         [[accounts.rules]]\nwhen = {{ agent = [{}] }}\nskip = true",
        names.join(", ")
    );
    let config = config("", &rules);
    let of = |agent: &str| Notice {
        agent: Some(agent.into()),
        attributes: BTreeMap::from([("order".to_owned(), "4711".to_owned())]),
        ..Notice::default()
    };
    let mut all = closes("helpdesk", 20, &of("mara@acme.example"));
    all.extend(closes("helpdesk", 1, &of("dana lee")));
    let said = said(&config, &all);
    assert_eq!(said.len(), WARNINGS_MOST + 1);
    assert!(said[0].contains("they named dana lee and 1 more"), "{}", said[0]);
    assert!(said[1].contains("they named another"), "{}", said[1]);
    assert!(said[WARNINGS_MOST].contains("12 more configured values"), "{said:?}");
    let all = said.concat();
    assert!(!all.contains("mara") && !all.contains("4711"), "{all}");
}

#[test]
fn a_limit_of_a_login_or_a_token_that_no_close_has_is_named_with_what_it_may_mean() {
    let hash =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let more = format!(
        "[[logins]]\nname = \"mara\"\nrole = [\"supervisor\", \"agent\"]\nteams = [\"biling\", \"sales\"]\n\
         agent = \"dna\"\npassword_hash = \"{hash}\"\n\
         [[logins]]\nname = \"lee\"\nrole = \"supervisor\"\nteams = [\"sales\"]\naccounts = [\"acme\"]\n\
         password_hash = \"{hash}\"\n\
         [[tokens]]\nname = \"wall\"\nrole = \"supervisor\"\nteams = \"refunds\"\n\
         hash = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n"
    );
    let config = config("", &more);
    let billing = Notice { agent: Some("dana".into()), ..of_team("billing") };
    let mut all = closes("helpdesk", 19, &billing);
    assert_eq!(said(&config, &all), Vec::<String>::new(), "of 19 nothing is concluded");
    all.extend(closes("helpdesk", 1, &of_team("sales")));
    assert_eq!(
        said(&config, &all),
        [
            "logins.mara.teams: \"biling\" fitted none of the last 20 closes of helpdesk; they named \
             billing, sales\n  did you mean \"billing\"?",
            "logins.mara.agent: \"dna\" fitted none of the last 20 closes of helpdesk; they named \
             another\n  did you mean \"dana\"?",
            "tokens.wall.teams: \"refunds\" fitted none of the last 20 closes of helpdesk; they named \
             billing, sales\n  correct it, or take it away if no close will ever be so",
        ]
    );
    // What another account has is nothing to whoever may not see it.
    for close in &mut all {
        close.account = "globex".into();
    }
    let keys = of_closes(&config, &all).into_iter().map(|warning| warning.key);
    let of_lee = keys.filter(|key| key.starts_with("logins.lee")).count();
    assert_eq!(of_lee, 0, "nothing is known of that account");
}

#[test]
fn a_team_of_an_alert_or_a_schedule_that_no_close_has_is_named_with_what_it_may_mean() {
    let more = "[[alerts]]\nname = \"leads\"\nurl = \"https://hooks.acme.example/\"\n\
                secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\non = \"detractor\"\n\
                teams = [\"biling\", \"sales\"]\n\
                [[schedules]]\nname = \"monday\"\nevery = \"week\"\nto = { folder = \"reports\" }\n\
                accounts = [\"acme\"]\nteams = \"sale\"\n";
    let config = config("", more);
    let mut all = closes("helpdesk", 19, &of_team("billing"));
    all.extend(closes("helpdesk", 1, &of_team("sales")));
    assert_eq!(
        said(&config, &all),
        [
            "alerts.leads.teams: \"biling\" fitted none of the last 20 closes of helpdesk; they named \
             billing, sales\n  did you mean \"billing\"?",
            "schedules.monday.teams: \"sale\" fitted none of the last 20 closes of helpdesk; they \
             named billing, sales\n  did you mean \"sales\"?",
        ]
    );
    all.iter_mut().for_each(|close| close.account = "globex".into());
    let keys: Vec<_> = of_closes(&config, &all).into_iter().map(|warning| warning.key).collect();
    assert_eq!(keys, ["alerts.leads.teams"], "the schedule is limited to acme");
}
