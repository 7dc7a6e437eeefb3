use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;

fn overridden(variables: &[(&str, &str)]) -> Config {
    let text = format!("{LEAST}messages = {{ es = \"a\" }}\n{SOURCE}");
    read_under(&text, variables).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults_under(variables: &[(&str, &str)]) -> String {
    read_under(LEAST, variables).unwrap_err().to_string()
}

#[test]
fn a_variable_gives_a_key_any_type_of_value() {
    let config = overridden(&[
        ("SURVEYD__HTTP__LISTEN", "[::1]:9000"),
        ("SURVEYD__HTTP__MAX_BODY", "4096"),
        ("SURVEYD__X__CONCURRENCY", "3"),
        ("SURVEYD__LOG__LEVEL", "debug"),
        ("SURVEYD__ACCOUNTS__ACME__USER_ID", "77"),
        ("SURVEYD__ACCOUNTS__ACME__CONSUMER_SECRET", "from-the-variable"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY", "90s"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__SAMPLE", "0.25"),
        ("surveyd__accounts__acme__survey__test", "true"),
        ("SURVEYD__SOURCES__HELPDESK__ACCOUNT", "acme"),
        ("SURVEYD_CONFIG", "/etc/surveyd/surveyd.toml"),
        ("SURVEYDLESS", "1"),
    ]);
    let listen = "[::1]:9000".parse().unwrap();
    let http =
        Http { listen, max_body: 4096, connections_per_peer: 0, proxy: None, public_url: None };
    assert_eq!(config.http, http);
    assert_eq!((config.x.concurrency, config.log.level), (3, LogLevel::Debug));
    let account = &config.accounts[0];
    assert_eq!(account.user_id, "77");
    assert_eq!(account.consumer_secret.expose(), "from-the-variable");
    assert_eq!(format_duration(account.survey.delay), "90s");
    assert_eq!((account.survey.sample, account.survey.test), (0.25, true));
    assert_eq!(config.sources[0].account.as_deref(), Some("acme"));
}

#[test]
fn a_variable_supplies_what_the_file_leaves_out() {
    let text = with(LEAST, "access_token = \"key-3\"\n", "");
    let given = [("SURVEYD__ACCOUNTS__ACME__ACCESS_TOKEN", "key-9")];
    let config = read_under(&text, &given).unwrap();
    assert_eq!(config.accounts[0].access_token.expose(), "key-9");
}

#[test]
fn a_variable_spares_the_secret_file_that_it_stands_in_for() {
    let text = with(LEAST, "\"key-3\"", "{ file = \"/nowhere/at/all\" }");
    let given = [("SURVEYD__ACCOUNTS__ACME__ACCESS_TOKEN", "key-9")];
    assert!(read_under(&text, &given).is_ok());
}

#[test]
fn odd_characters_of_a_name_are_underscores_in_its_variable() {
    let text = with(LEAST, "\"acme\"", "\"acme-us.2\"");
    let given = [("SURVEYD__ACCOUNTS__ACME_US_2__DAILY_LIMIT", "7")];
    assert_eq!(read_under(&text, &given).unwrap().accounts[0].daily_limit, 7);
}

#[test]
fn a_variable_that_two_names_come_to_is_a_fault() {
    let second = with(LEAST, "\"acme\"", "\"a_cme\"").replace("1212121212121", "2");
    let text = with(LEAST, "\"acme\"", "\"a-cme\"") + &second;
    assert!(read(&text).is_ok());
    let given = [("SURVEYD__ACCOUNTS__A_CME__DAILY_LIMIT", "7")];
    assert_eq!(
        read_under(&text, &given).unwrap_err().to_string(),
        "\
SURVEYD__ACCOUNTS__A_CME__DAILY_LIMIT: accounts.a_cme.daily_limit: the variable stands for accounts.a-cme.daily_limit as well
  rename one of the two, or give their values in the file"
    );
}

#[test]
fn variables_change_texts_and_add_languages() {
    let config = overridden(&[
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__MESSAGES__ES", "b"),
        ("SURVEYD__ACCOUNTS__ACME__SURVEY__MESSAGES__PT_BR", "c"),
    ]);
    let texts = &config.accounts[0].survey.texts.messages;
    let expected = [("es", "b"), ("pt-br", "c")];
    assert_eq!(*texts, expected.map(|(key, text)| (key.to_owned(), text.to_owned())).into());
}

#[test]
fn a_fault_in_a_variable_is_the_variables() {
    for (name, value, fault) in [
        (
            "SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY",
            "5 minutes",
            ": accounts.acme.survey.delay = \"5 minutes\": is not a length of time
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 0s to 7d",
        ),
        (
            "surveyd__X__concurrency",
            "many",
            ": x.concurrency = \"many\": is not a whole number\n  write digits only",
        ),
        (
            "SURVEYD__ACCOUNTS__ACME__SURVEY__TEST",
            "",
            ": accounts.acme.survey.test = \"\": is not a boolean\n  write true or false",
        ),
        (
            "SURVEYD__ACCOUNTS__ACME__CONSUMER_KEY",
            "hunter2 ",
            ": accounts.acme.consumer_key: begins or ends with white space\n  remove the white space",
        ),
    ] {
        assert_eq!(faults_under(&[(name, value)]), format!("{name}{fault}"));
    }
}

#[test]
fn an_unknown_variable_is_a_fault_that_names_the_nearest_known_one() {
    for (name, remedy) in [
        ("SURVEYD__HTTP__LISEN", "did you mean SURVEYD__HTTP__LISTEN?"),
        (
            "SURVEYD__ACCOUNTS__ACNE__SURVEY__DELAY",
            "did you mean SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY?",
        ),
        ("SURVEYD__HTTP", "did you mean SURVEYD__HTTP__LISTEN?"),
        (
            "SURVEYD__WHATEVER_THIS_WAS_ONCE_GOOD_FOR",
            "unset it; a key's variable is named as SURVEYD__HTTP__LISTEN",
        ),
    ] {
        assert_eq!(
            faults_under(&[(name, "hunter2")]),
            format!("{name}: no key answers to this variable\n  {remedy}")
        );
    }
    assert_eq!(
        faults_under(&[("SURVEYD__RETENTION__SURVEYS", "1")]),
        "SURVEYD__RETENTION__SURVEYS: is not supported by this version of surveyd\n  remove it"
    );
}

#[test]
fn a_variable_that_is_no_text_is_a_fault() {
    let garbled = OsString::from_vec(vec![0xff, b'7']);
    let environment = Environment::of([("SURVEYD__X__CONCURRENCY", garbled)]);
    let shown = parse(LEAST, Path::new("surveyd.toml"), &environment).unwrap_err().to_string();
    assert_eq!(
        shown,
        "SURVEYD__X__CONCURRENCY: x.concurrency: is not UTF-8 text\n  set the variable to text"
    );
}

#[test]
fn what_is_shown_of_an_environment_holds_no_value() {
    let environment = Environment::of([("TOKEN", "hunter2")]);
    assert_eq!(environment.get("TOKEN"), Some("hunter2"));
    assert_eq!(format!("{environment:?}"), "{\"TOKEN\"}");
}
