use super::*;

#[test]
fn an_unknown_key_is_a_fault_that_names_the_nearest_known_one() {
    let belongs =
        "surveyd.toml: accounts.acme.delay: unknown key\n  `delay` belongs in [accounts.survey]";
    for (text, fault) in [
        (
            survey("delai = \"5m\""),
            "surveyd.toml: accounts.acme.survey.delai: unknown key\n  did you mean `delay`?",
        ),
        (under("[htpp]"), "surveyd.toml: htpp: unknown key\n  did you mean `http`?"),
        (
            under("[x]\ntimeout = \"1s\""),
            "surveyd.toml: x.timeout: unknown key\n  did you mean `send_timeout`?",
        ),
        (
            under("[http]\nLISTEN = 1"),
            "surveyd.toml: http.LISTEN: unknown key\n  did you mean `listen`?",
        ),
        (account("delay = \"5m\""), belongs),
        (
            under("interval = \"5m\""),
            "surveyd.toml: interval: unknown key\n  `interval` belongs in [poll]",
        ),
        (
            under("[log]\nuser_id = \"1\""),
            "surveyd.toml: log.user_id: unknown key\n  `user_id` belongs in [[accounts]]",
        ),
        (
            under("[log]\n\"a.b\\n\" = \"hunter2\""),
            "surveyd.toml: log.\"a.b\\n\": unknown key\n  remove it; log takes `format`, `level`",
        ),
    ] {
        assert_eq!(faults(&text), fault);
    }
}

#[test]
fn a_misspelt_secret_is_not_shown() {
    let text = with(LEAST, "consumer_secret =", "consumer_secrte =");
    let shown = faults(&text);
    assert_eq!(
        shown,
        "\
surveyd.toml: accounts.acme.consumer_secret: is missing
  add `consumer_secret = { file = \"…\" }` to accounts.acme
surveyd.toml: accounts.acme.consumer_secrte: unknown key
  did you mean `consumer_secret`?"
    );
}

#[test]
fn a_key_that_a_later_version_brings_is_told_so() {
    let text = format!("{LEAST}{SOURCE}[retention]\nsurveys = \"3650d\"\n");
    assert_eq!(
        faults(&text),
        "surveyd.toml: retention.surveys: is not supported by this version of surveyd\n  remove it"
    );
}
