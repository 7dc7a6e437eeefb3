use super::*;

#[test]
fn a_handles_id_is_written_as_x_writes_it() {
    let fault = |id: &str| faults(&with(LEAST, "\"1212121212121\"", &format!("\"{id}\"")));
    assert_eq!(
        fault("0077"),
        "surveyd.toml: accounts.acme.user_id = \"0077\": has zeros before it\n  write \"77\", as X does"
    );
    for wrong in ["0", "+77", " 77", "７７", "12345678901234567890"] {
        assert!(fault(wrong).contains("is not a user id"), "{wrong}");
    }
}

#[test]
fn a_configuration_without_accounts_is_at_fault() {
    assert_eq!(
        faults(""),
        "surveyd.toml: accounts: there is no account\n  add [[accounts]] with the keys of one handle"
    );
}

#[test]
fn all_that_an_account_must_have_is_asked_for() {
    assert_eq!(
        faults("[[accounts]]"),
        "\
surveyd.toml: accounts[0].name: is missing
  add `name = \"acme\"` to accounts[0]
surveyd.toml: accounts[0].user_id: is missing
  add `user_id = \"1212121212121\"` to accounts[0]
surveyd.toml: accounts[0].consumer_key: is missing
  add `consumer_key = { file = \"…\" }` to accounts[0]
surveyd.toml: accounts[0].consumer_secret: is missing
  add `consumer_secret = { file = \"…\" }` to accounts[0]
surveyd.toml: accounts[0].access_token: is missing
  add `access_token = { file = \"…\" }` to accounts[0]
surveyd.toml: accounts[0].access_token_secret: is missing
  add `access_token_secret = { file = \"…\" }` to accounts[0]
surveyd.toml: accounts[0].privacy_url: is missing
  add `privacy_url = \"https://acme.example/privacy\"` to accounts[0]
surveyd.toml: accounts[0].survey.message: is missing
  add `message = \"Thanks for talking to us. How did we do?\"` to accounts[0].survey"
    );
}

#[test]
fn an_account_is_live_or_on_a_dry_run() {
    assert_eq!(sound(LEAST).accounts[0].mode, crate::domain::policy::Mode::Live);
    let mode = |mode: &str| {
        with(LEAST, "[accounts.survey]", &format!("mode = \"{mode}\"\n[accounts.survey]"))
    };
    assert!(sound(&mode("dry")).accounts[0].mode.is_dry());
    assert_eq!(
        faults(&mode("drye")),
        "surveyd.toml: accounts.acme.mode = \"drye\": is not known here\n  did you mean \"dry\"? It is one of \"live\", \"dry\""
    );
}

#[test]
fn a_fault_in_an_account_is_found_by_the_accounts_name() {
    let bounds = |bounds: &str| format!("is out of bounds\n  write a value from {bounds}");
    for (text, fault) in [
        (account("daily_limit = 1001"), format!("daily_limit = 1001: {}", bounds("1 to 1000"))),
        (
            account("daily_limit_per_user = 0"),
            format!("daily_limit_per_user = 0: {}", bounds("1 to 1000")),
        ),
        (
            account("display_name = \"Acme, the airline of all\""),
            "display_name = \"Acme, the airline of all\": has 24 characters, and 20 are the most\n  shorten it".into(),
        ),
        (
            account("display_name = \" \""),
            "display_name = \" \": is empty\n  write 1 to 20 characters".into(),
        ),
        (
            with(LEAST, "user_id = \"1212121212121\"", "user_id = 1212121212121"),
            "user_id = 1212121212121: is a whole number, not a string\n  put it in quotes".into(),
        ),
        (
            with(LEAST, "1212121212121", "12345678901234567890"),
            "user_id = \"12345678901234567890\": is not a user id
  write the handle's numeric id, 1 to 19 digits"
                .into(),
        ),
        (
            with(LEAST, "key-3", "key-3 "),
            "access_token: begins or ends with white space\n  remove the white space".into(),
        ),
        (survey("sample = nan"), format!("survey.sample = NaN: {}", bounds("0.0 to 1.0"))),
        (survey("sample = -0.1"), format!("survey.sample = -0.1: {}", bounds("0.0 to 1.0"))),
        (survey("delay = \"8d\"\nexpire_after = \"9d\""), format!("survey.delay = \"8d\": {}", bounds("0s to 7d"))),
        (survey("throttle = \"3651d\""), format!("survey.throttle = \"3651d\": {}", bounds("0s to 3650d"))),
        (
            survey("test = \"yes\""),
            "survey.test = \"yes\": is a string, not a boolean\n  write true or false, without quotes".into(),
        ),
        (
            survey("type = \"NPS\""),
            "survey.type = \"NPS\": is not known here
  did you mean \"nps\"? It is one of \"csat\", \"nps\""
                .into(),
        ),
        (
            survey("question_variant_id = 38"),
            format!("survey.question_variant_id = 38: {}", bounds("0 to 37")),
        ),
        (
            survey("type = \"nps\"\nquestion_variant_id = 10"),
            format!("survey.question_variant_id = 10: {}", bounds("0 to 9")),
        ),
        (
            survey("throttle_group = \"all handles\""),
            "survey.throttle_group = \"all handles\": is not a name
  write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`"
                .into(),
        ),
    ] {
        assert_eq!(faults(&text), format!("surveyd.toml: accounts.acme.{fault}"));
    }
}

#[test]
fn a_prompt_must_have_time_to_go_out() {
    assert_eq!(
        faults(&survey("delay = \"12h\"")),
        "\
surveyd.toml: accounts.acme.survey.expire_after = \"12h\": is not longer than delay = \"12h\"
  lengthen expire_after or shorten delay: no prompt would ever go out"
    );
    sound(&survey("delay = \"0s\"\nexpire_after = \"1s\"\nthrottle = \"0s\"\nsample = 0"));
}

#[test]
fn a_name_and_a_handle_stand_for_one_account_only() {
    assert_eq!(
        faults(&format!("{LEAST}{LEAST}")),
        "\
surveyd.toml: accounts[1].name = \"acme\": is another account's name, too
  give each account a name of its own
surveyd.toml: accounts[1].user_id = \"1212121212121\": is the handle of accounts.acme, too
  keep one account for each handle"
    );
    assert_eq!(
        faults(&with(LEAST, "\"acme\"", "\"the acme\"")),
        "\
surveyd.toml: accounts[0].name = \"the acme\": is not a name
  write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`"
    );
}

#[test]
fn a_text_that_could_not_be_sent_is_a_fault_at_its_language() {
    let remedy = "write a text that renders to 1 to 10000 characters, as Hello {{ first_name | default('') }}";
    let text = with(LEAST, "How did we do?", "Hi {{ first_name")
        + "messages = { es = \"\", fr = 1, \"pt BR\" = \"a\", de = \"x\", DE = \"y\" }\n";
    assert_eq!(
        faults(&text),
        "\
surveyd.toml: accounts.acme.survey.messages.fr = 1: is a whole number, not a string
  put it in quotes
surveyd.toml: accounts.acme.survey.messages.de: is there twice: letter case does not count
  keep one of the two
surveyd.toml: accounts.acme.survey.messages.\"pt BR\": is not a language
  write a language tag, as es or pt-BR
surveyd.toml: accounts.acme.survey.message = \"Hi {{ first_name\": line 1: unexpected end of input, expected end of variable block
  write a variable as {{ first_name }}, and end each {% if first_name %} by {% endif %}\nsurveyd.toml: accounts.acme.survey.messages.es = \"\": renders to nothing\n  "
            .to_owned()
            + remedy
    );
}

#[test]
fn the_texts_of_a_survey_are_taken_by_language() {
    let config = sound(&survey("messages = { es = \"¿Qué tal?\", pt-BR = \"Como foi?\" }"));
    let survey = &config.accounts[0].survey;
    assert_eq!(survey.texts.messages.len(), 2);
    let text = |language| survey.templates().render(Some(language), &BTreeMap::new()).unwrap();
    assert_eq!(
        [text("es-MX"), text("pt-br"), text("fr")],
        ["¿Qué tal?", "Como foi?", "How did we do?"]
    );
}
