use std::path::Path;

use super::*;
use crate::config::{Config, Environment, format_duration, parse};

fn config(survey: &str) -> Config {
    let text = format!(
        r#"
[[accounts]]
name = "acme"
user_id = "1212121212121"
consumer_key = "key-1"
consumer_secret = "key-2"
access_token = "key-3"
access_token_secret = "key-4"
privacy_url = "https://acme.example/privacy"
[accounts.survey]
message = "How did we do?"
{survey}
"#
    );
    parse(&text, Path::new("surveyd.toml"), &Environment::default())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn person(n: u64) -> UserId {
    UserId::parse(&n.to_string()).unwrap()
}

fn tagged(tag: &str) -> Notice {
    Notice { tags: vec![tag.to_owned()], ..Notice::default() }
}

fn text(chosen: Chosen) -> String {
    chosen.templates().render(None, &std::collections::BTreeMap::new()).unwrap()
}

#[test]
fn the_first_rule_that_matches_wins_and_changes_what_it_names() {
    let config = config(
        r#"
question_variant_id = 12
messages = { es = "¿Qué tal?" }
skip_closed_by = ["auto"]
[[accounts.rules]]
name = "vip"
when = { tag = ["vip", "gold"] }
type = "nps"
message = "Dear customer, how likely are you to recommend us?"
throttle = "30d"
[[accounts.rules]]
when = { tag = "gold" }
skip = true
[[accounts.rules]]
when = { team = "sales" }
delay = "1h"
"#,
    );
    let account = &config.accounts[0];
    let of = |notice: &Notice| account.chosen("desk", Some(&person(7)), notice);
    let vip = of(&tagged("gold"));
    assert_eq!((vip.kind(), vip.question_variant_id()), (SurveyType::Nps, 0));
    assert_eq!(text(vip), "Dear customer, how likely are you to recommend us?");
    let rules = vip.rules();
    assert_eq!((rules.rule.as_deref(), rules.skip), (Some("vip"), false));
    assert_eq!(format_duration(rules.throttle), "30d");
    assert_eq!(rules.skip_closed_by, [crate::domain::close::ClosedBy::Auto]);
    let spanish = vip.templates().render(Some("es"), &Default::default()).unwrap();
    assert!(spanish.starts_with("Dear customer"), "the other languages are of another text");
    let sales = of(&Notice { team: Some("sales".into()), ..Notice::default() });
    assert_eq!(sales.rules().rule.as_deref(), Some("3"));
    assert_eq!(format_duration(sales.rules().delay), "1h");
    assert_eq!(sales.question_variant_id(), 12);
    assert_eq!(of(&tagged("other")).rules().rule, None);
}

#[test]
fn a_person_meets_one_variant_for_ever_and_each_its_share() {
    let config = config(
        r#"
variants = [{ share = 0.3, message = "One?" }, { name = "late", share = 0.2, delay = "2h" }]
"#,
    );
    let account = &config.accounts[0];
    let mut met = std::collections::BTreeMap::new();
    for n in 0..10_000 {
        let of = |notice| account.chosen("desk", Some(&person(343_434_000_000 + n)), &notice);
        let chosen = of(Notice::default());
        let name = chosen.rules().variant.unwrap();
        assert_eq!(of(tagged("vip")).rules().variant.as_ref(), Some(&name));
        let (says, waits) = (text(chosen), format_duration(chosen.rules().delay));
        match name.as_str() {
            "a" => assert_eq!((says.as_str(), waits.as_str()), ("One?", "5m")),
            "late" => assert_eq!((says.as_str(), waits.as_str()), ("How did we do?", "2h")),
            _ => assert_eq!((says.as_str(), waits.as_str()), ("How did we do?", "5m")),
        }
        *met.entry(name).or_insert(0_i32) += 1;
    }
    let shares = [("a", 3_000), ("late", 2_000), ("control", 5_000)];
    assert_eq!(met.len(), shares.len());
    for (name, wanted) in shares {
        assert!((met[name] - wanted).abs() < 250, "{name}: {}", met[name]);
    }
}

#[test]
fn a_rule_that_asks_otherwise_takes_no_part_in_the_survey_s_experiment() {
    let config = config(
        r#"
variants = [{ share = 1.0, message = "One?" }]
[[accounts.rules]]
when = { tag = "vip" }
message = "Dear customer?"
[[accounts.rules]]
when = { tag = "calm" }
throttle = "30d"
"#,
    );
    let of =
        |tag| config.accounts[0].chosen("desk", Some(&person(7)), &tagged(tag)).rules().variant;
    assert_eq!((of("vip"), of("calm"), of("none")), (None, Some("a".into()), Some("a".into())));
}
