//! Whom to ask: rules, quiet hours, variants, and what is worth a second look.

use super::*;

/// The least file with a rule of those lines.
fn rule(lines: &str) -> String {
    format!("{LEAST}[[accounts.rules]]\n{lines}\n")
}

fn warned(text: &str) -> Vec<String> {
    warnings(&sound(text)).into_iter().map(|warning| warning.to_string()).collect()
}

#[test]
fn a_fault_in_whom_to_ask_is_found_by_its_place() {
    let bounds = |bounds: &str| format!("is out of bounds\n  write a value from {bounds}");
    let zone = "is not a time zone\n  write an IANA name, as America/New_York or Europe/Madrid";
    let when = "write what a close must be, as when = { tag = \"vip\" }; what holds for every \
                close belongs in [accounts.survey]";
    for (text, fault) in [
        (survey("holdout = 1.1"), format!("survey.holdout = 1.1: {}", bounds("0.0 to 1.0"))),
        (
            survey("min_agent_messages = 1001"),
            format!("survey.min_agent_messages = 1001: {}", bounds("0 to 1000")),
        ),
        (
            survey("stale_after = \"1s\""),
            format!("survey.stale_after = \"1s\": {}", bounds("1m to 365d")),
        ),
        (
            account("pacing = \"evn\""),
            "pacing = \"evn\": is not known here
  did you mean \"even\"? It is one of \"asap\", \"even\""
                .into(),
        ),
        (
            survey("quiet_hours = { from = \"21:00\" }"),
            "survey.quiet_hours.to: is missing
  add `to = \"08:00\"` to accounts.acme.survey.quiet_hours
surveyd.toml: accounts.acme.survey.quiet_hours.time_zone: is missing
  add `time_zone = \"America/New_York\"` to accounts.acme.survey.quiet_hours"
                .into(),
        ),
        (
            survey("quiet_hours = { from = \"9:00\", to = \"08:00\", time_zone = \"Mars/Base\" }"),
            format!(
                "survey.quiet_hours.from = \"9:00\": is not a time of the day
  write it as 21:00, from 00:00 to 23:59
surveyd.toml: accounts.acme.survey.quiet_hours.time_zone = \"Mars/Base\": {zone}"
            ),
        ),
        (
            survey("skip_closed_by = [\"bot\", \"robot\"]"),
            "survey.skip_closed_by: \"robot\" is not known here
  did you mean \"bot\"? It is one of \"agent\", \"customer\", \"bot\", \"auto\", \"bulk\""
                .into(),
        ),
        (rule("skip = true"), format!("rules[0].when: is missing\n  {when}")),
        (rule("when = {}\nskip = true"), format!("rules[0].when: names nothing\n  {when}")),
        (
            rule("name = \"vip\"\nwhen = { tags = \"vip\", team = [] }"),
            "rules.vip.when.team: names nothing
  write a value, or several as [\"a\", \"b\"]
surveyd.toml: accounts.acme.rules.vip.when.tags: unknown key
  did you mean `tag`?"
                .into(),
        ),
        (
            rule("when = { attributes = { plan = 7 } }\ntype = \"nps\"\nquestion_variant_id = 10"),
            format!(
                "rules[0].when.attributes.plan = 7: is a whole number, not a string or a list of \
                 strings\n  write it as \"a\", or several as [\"a\", \"b\"]
surveyd.toml: accounts.acme.rules[0].question_variant_id = 10: {}",
                bounds("0 to 9")
            ),
        ),
        (
            rule("when = { tag = \"vip\" }\ntest = true\nmessage = \"{{ frist_name }}\""),
            "rules[0].message = \"{{ frist_name }}\": there is no variable frist_name; there are \
             account, agent, attributes, closed_by, conversation_id, first_name, language, source, \
             tags, team, user_id
  did you mean first_name? write a text that renders to 1 to 10000 characters, as Hello {{ first_name | default('') }}
surveyd.toml: accounts.acme.rules[0].test: unknown key
  `test` belongs in [accounts.survey]"
                .into(),
        ),
        (
            rule("when = { tag = \"vip\" }\nexpire_after = \"1m\""),
            "rules[0].expire_after = \"1m\": is not longer than delay = \"5m\"
  lengthen expire_after or shorten delay: no prompt would ever go out"
                .into(),
        ),
        (
            survey("variants = [{ share = 0.7 }, { share = 0.7, delay = \"12h\" }]"),
            "survey.variants[1].delay = \"12h\": is not shorter than expire_after = \"12h\"
  lengthen expire_after or shorten delay: no prompt would ever go out
surveyd.toml: accounts.acme.survey.variants: have shares that add up to 1.4000
  let them add up to 1.0 at most; who is left over meets the survey's own text"
                .into(),
        ),
        (
            survey("variants = [{ name = \"control\", share = 0.5, question_variant_id = 38 }]"),
            format!(
                "survey.variants.control.name = \"control\": is what those are called who meet no \
                 variant\n  give each variant a name of its own
surveyd.toml: accounts.acme.survey.variants.control.question_variant_id = 38: {}",
                bounds("0 to 37")
            ),
        ),
    ] {
        assert_eq!(faults(&text), format!("surveyd.toml: accounts.acme.{fault}"));
    }
}

#[test]
fn a_fault_in_the_survey_hides_none_in_its_rules() {
    let text = rule("when = { tag = \"vip\" }\nsample = 2");
    let text = with(&text, "How did we do?", "{{ nobody }}");
    let shown = faults(&text);
    assert!(shown.contains("accounts.acme.survey.message = "), "{shown}");
    assert!(shown.contains("accounts.acme.rules[0].sample = 2: is out of bounds"), "{shown}");
}

#[test]
fn variables_reach_into_quiet_hours_and_rules() {
    let variables = [
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__QUIET_HOURS__FROM", "22:00"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__QUIET_HOURS__TO", "07:30"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__QUIET_HOURS__TIME_ZONE", "UTC"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__SKIP_CLOSED_BY", "auto, bulk"),
        ("SURVEYD__ACCOUNTS__ACME__RULES__VIP__SAMPLE", "0.25"),
    ];
    let text = rule("name = \"vip\"\nwhen = { tag = \"vip\" }");
    let config = read_under(&text, &variables).unwrap_or_else(|faults| panic!("{faults}"));
    let account = &config.accounts[0];
    let hours = account.survey.quiet_hours.as_ref().unwrap();
    assert_eq!((hours.from.hour(), hours.to.minute()), (22, 30));
    assert_eq!(account.survey.skip_closed_by, [ClosedBy::Auto, ClosedBy::Bulk]);
    let of_rule = &account.rules[0].survey;
    assert_eq!((of_rule.sample, of_rule.quiet_hours.as_ref()), (0.25, Some(hours)));
}

#[test]
fn a_text_that_needs_the_card_and_a_card_that_may_not_show_are_warned_of() {
    assert_eq!(warned(LEAST), [""; 0]);
    let text = with(LEAST, "How did we do?", "Tell us on the card below, {{ first_name }}.")
        + "type = \"nps\"\nmessages = { es = \"Toca el botón.\", fr = \"Merci de cartonner !\" }\n\
           variants = [{ share = 0.5, message = \"Tap here\" }]\n\
           [[accounts.rules]]\nwhen = { tag = \"vip\" }\nthrottle = \"30d\"\n\
           [[accounts.rules]]\nwhen = { tag = \"calm\" }\nskip = true\nmessage = \"Click\"\n\
           [[accounts.rules]]\nname = \"csat\"\nwhen = { team = \"b\" }\ntype = \"csat\"\n\
           message = \"Press the button\"\n";
    let alone = "makes no sense where the card does not show
  write a text that stands alone: some of X's clients show the message only";
    assert_eq!(
        warned(&text),
        [
            "accounts.acme.survey.type: some of X's clients show an nps card badly: its encrypted \
             chat prints the card's raw id, where it shows a csat card
  try it with test = true in the clients that your customers use, or ask csat"
                .to_owned(),
            format!("accounts.acme.survey.message: says \"card\", and {alone}"),
            "accounts.acme.survey.message: reads \"Tell us on the card below, .\" where the help \
             desk tells no name
  say what stands there instead, as {{ first_name | default('there') }}"
                .to_owned(),
            format!("accounts.acme.survey.messages.es: says \"botón\", and {alone}"),
            format!("accounts.acme.survey.variants.a.message: says \"tap\", and {alone}"),
            format!("accounts.acme.rules.csat.message: says \"button\", and {alone}"),
        ]
    );
}

#[test]
fn a_text_with_a_name_that_is_never_filled_in_is_warned_of() {
    let text = with(LEAST, "How did we do?", "Hi {first_name}!")
        + "messages = { english = \"Hello.\", fr = \"Bonjour {{ first_name }} !\" }\n";
    assert_eq!(
        warned(&text),
        [
            "accounts.acme.survey.message: says {first_name} to everybody: it is no variable in \
             that form
  write a variable as {{ first_name | default('there') }}",
            "accounts.acme.survey.messages.english: is for \"english\", and help desks tell a \
             language by its code
  write the code, such as en, es or pt-BR",
            "accounts.acme.survey.messages.fr: reads \"Bonjour  !\" where the help desk tells no \
             name
  say what stands there instead, as {{ first_name | default('there') }}",
        ]
    );
}

#[test]
fn a_hole_at_the_end_is_warned_of_and_the_remedy_names_its_variable() {
    let warned = |message: &str| warned(&with(LEAST, "How did we do?", message));
    assert_eq!(
        warned("{{ agent }} helped you"),
        ["accounts.acme.survey.message: reads \" helped you\" where the help desk tells no agent
  say what stands there instead, as {{ agent | default('…') }}"]
    );
    assert_eq!(
        warned("Hi {{ first_name }}"),
        ["accounts.acme.survey.message: reads \"Hi \" where the help desk tells no name
  say what stands there instead, as {{ first_name | default('there') }}"]
    );
}

#[test]
fn a_rule_for_a_source_or_a_language_that_nobody_names_is_warned_of() {
    let warned = warned(&rule("when = { source = \"helpdsk\", language = \"Spanish\" }"));
    assert_eq!(
        warned,
        [
            "accounts.acme.rules.1.when.source: names \"helpdsk\", and there is no source of that name
  name a source as [[sources]] does",
            "accounts.acme.rules.1.when.language: names \"Spanish\", and help desks tell a language by \
             its code
  write the code, such as en, es or pt-BR",
        ]
    );
}

#[test]
fn settings_that_leave_nobody_to_ask_are_warned_of() {
    let night = "quiet_hours = { from = \"20:00\", to = \"08:00\", time_zone = \"UTC\" }";
    assert_eq!(
        warned(&survey(night)),
        ["accounts.acme.survey.quiet_hours: last as long as expire_after = \"12h\": what closes \
          when they begin expires before they end
  lengthen expire_after, if a later prompt is better than none"]
    );
    assert_eq!(
        warned(&survey("sample = 0.5\nholdout = 0.5")),
        [""; 0],
        "the draws are independent: a quarter is left"
    );
    assert_eq!(
        warned(&survey("sample = 0.0")),
        [
            "accounts.acme.survey: sample and holdout leave nobody to ask\n  raise sample or lower holdout"
        ]
    );
}
