use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::domain::alert::{AlertType, Format};

pub(super) const ALERT: &str = r#"
[[alerts]]
name = "leads"
url = "https://hooks.acme.example/surveys"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
on = ["detractor"]
"#;

fn alert(lines: &str) -> String {
    format!("{LEAST}{ALERT}{lines}\n")
}

/// The alert in a chat, with no secret.
fn chat(format: &str) -> String {
    with(
        &alert(&format!("format = \"{format}\"")),
        "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        "",
    )
}

fn fault(lines: &str) -> String {
    faults(&alert(lines))
}

fn warned(text: &str) -> Vec<String> {
    warnings(&sound(text)).iter().map(Warning::to_string).collect()
}

#[test]
fn an_alert_with_the_least_in_it_stands_on_the_defaults() {
    let alert = sound(&alert("")).alerts.remove(0);
    let wanted = &alert.wanted;
    assert_eq!((wanted.name.as_str(), alert.format.as_str()), ("leads", "standard"));
    assert_eq!(wanted.types, [AlertType::Detractor].into());
    assert_eq!((&wanted.accounts, &wanted.teams), (&None, &None));
    assert_eq!(wanted.detractor, [(SurveyType::Csat, 2), (SurveyType::Nps, 6)].into());
    assert_eq!(format_duration(wanted.silence_after), "6h");
    assert_eq!(format_duration(wanted.wait_for_comment), "0s");
    assert!(!wanted.has_comments && !alert.may_be_private && !alert.has_thresholds);
    assert_eq!(alert.url.expose(), "https://hooks.acme.example/surveys");
    assert_eq!((alert.keys().len(), alert.keys()[0].len()), (1, 24));
    let shown = format!("{alert:?}");
    assert!(!shown.contains("hooks") && !shown.contains("MfKQ"), "{shown}");
}

#[test]
fn an_alert_takes_every_key() {
    let lines = "on = [\"feedback.answered\", \"detractor\", \"account.paused\", \"account.resumed\", \
                 \"silence\", \"digest\"]\ninclude = [\"comment\"]\naccounts = [\"acme\"]\nteams = \"billing\"\n\
                 silence_after = \"2h\"\nwait_for_comment = \"2m\"\nallow_private = true\n\
                 [alerts.detractor]\ncsat = 3\n";
    let text = with(&alert(""), "on = [\"detractor\"]\n", lines);
    let text = with(&text, "https://hooks.acme.example/surveys", "http://10.0.0.1/surveys");
    let secrets =
        "[\"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\", \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]";
    let text = with(&text, "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"", secrets);
    let alert = sound(&text).alerts.remove(0);
    let wanted = &alert.wanted;
    assert!(wanted.types.iter().copied().eq(AlertType::CHOOSABLE));
    let names = |name: &str| Some([name.to_owned()].into());
    assert_eq!((&wanted.accounts, &wanted.teams), (&names("acme"), &names("billing")));
    assert_eq!(wanted.detractor, [(SurveyType::Csat, 3), (SurveyType::Nps, 6)].into());
    assert_eq!(format_duration(wanted.silence_after), "2h");
    assert_eq!(format_duration(wanted.wait_for_comment), "2m");
    assert!(wanted.has_comments && alert.may_be_private && alert.has_thresholds);
    assert_eq!(alert.keys().len(), 2);
}

#[test]
fn variables_override_the_keys_of_an_alert() {
    let variables = [
        ("SURVEYD__ALERTS__LEADS__ON", "silence,digest"),
        ("SURVEYD__ALERTS__LEADS__DETRACTOR__NPS", "3"),
        ("SURVEYD__HTTP__PUBLIC_URL", "https://surveyd.acme.example/"),
    ];
    let config = read_under(&alert(""), &variables).unwrap();
    let wanted = &config.alerts[0].wanted;
    assert_eq!(wanted.types, [AlertType::Silence, AlertType::Digest].into());
    assert_eq!(wanted.detractor[&SurveyType::Nps], 3);
    assert_eq!(config.http.public_url.as_deref(), Some("https://surveyd.acme.example"));
}

#[test]
fn a_chat_needs_no_secret_and_a_standard_webhook_does() {
    for format in ["slack", "teams", "mattermost"] {
        let alert = sound(&chat(format)).alerts.remove(0);
        assert_eq!((alert.format.as_str(), alert.keys().len()), (format, 0));
    }
    assert_eq!(
        faults(&chat("standard")),
        "surveyd.toml: alerts.leads.secret: is missing
  add `secret = { file = \"…\" }` to alerts.leads"
    );
}

#[test]
fn every_wrong_value_is_named_with_its_remedy() {
    let all = "[[alerts]]
name = \"leads\"
url = \"hooks.acme.example\"
secret = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \"short\"]
on = [\"detracter\"]
format = \"slak\"
include = [\"coment\"]
accounts = [\"acne\"]
teams = []
detractor = { csat = 5, npss = 3 }
silence_after = \"6 hours\"
wait_for_comment = \"2d\"
alow_private = true
";
    assert_eq!(
        faults(&format!("{LEAST}{all}")),
        "\
surveyd.toml: alerts.leads.format = \"slak\": is not known here
  did you mean \"slack\"? It is one of \"standard\", \"slack\", \"teams\", \"mattermost\"
surveyd.toml: alerts.leads.url: is not a URL: relative URL without a base
  write it as https://host/path
surveyd.toml: alerts.leads.secret[1]: is not base64
  write whsec_ and the base64 of 16 random bytes or more, as `openssl rand -base64 32` makes them
surveyd.toml: alerts.leads.on: \"detracter\" is not known here
  did you mean \"detractor\"? It is one of \"feedback.answered\", \"detractor\", \"account.paused\", \"account.resumed\", \"silence\", \"digest\"
surveyd.toml: alerts.leads.include: \"coment\" is not known here
  did you mean \"comment\"?
surveyd.toml: alerts.leads.accounts: holds \"acne\", which is no account's name
  did you mean \"acme\"?
surveyd.toml: alerts.leads.teams: is an empty list
  write the names of teams as notices name them, or leave it out
surveyd.toml: alerts.leads.detractor.csat = 5: is out of bounds
  write a value from 1 to 4
surveyd.toml: alerts.leads.silence_after = \"6 hours\": is not a length of time
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 1m to 7d
surveyd.toml: alerts.leads.wait_for_comment = \"2d\": is out of bounds
  write a value from 0s to 1d
surveyd.toml: alerts.leads.detractor.npss: unknown key
  did you mean `nps`?
surveyd.toml: alerts.leads.alow_private: unknown key
  did you mean `allow_private`?"
    );
}

#[test]
fn what_an_alert_cannot_be_without_is_asked_for() {
    assert_eq!(
        faults(&format!("{LEAST}[[alerts]]\n")),
        "\
surveyd.toml: alerts[0].name: is missing
  add `name = \"leads\"` to alerts[0]
surveyd.toml: alerts[0].url: is missing
  add `url = \"https://hooks.acme.example/surveys\"` to alerts[0]
surveyd.toml: alerts[0].secret: is missing
  add `secret = { file = \"…\" }` to alerts[0]
surveyd.toml: alerts[0].on: is missing
  add `on = [\"detractor\"]` to alerts[0]"
    );
    let twice = format!("{}{ALERT}", alert(""));
    assert_eq!(
        faults(&twice),
        "surveyd.toml: alerts[1].name = \"leads\": is another alert's name, too
  give each alert a name of its own"
    );
    assert_eq!(
        faults(&with(&alert(""), "on = [\"detractor\"]", "on = \"alert.test\"")),
        "surveyd.toml: alerts.leads.on = \"alert.test\": names alert.test, which only a command sends
  remove it: `surveyd alerts test NAME` sends one whenever you like"
    );
    assert_eq!(
        faults(&with(
            &alert(""),
            "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            "secret = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]"
        )),
        "surveyd.toml: alerts.leads.secret: lists 3 secrets, and a message is signed with two
  keep the new one and the old one"
    );
}

#[test]
fn an_address_of_a_private_network_is_refused_unless_it_is_allowed() {
    let private = "set allow_private = true if the receiver stands in your own network";
    for (url, problem) in [
        ("http://hooks.acme.example/", "is plain http: whoever is between can read along"),
        ("https://127.1/", "may not be posted to: 127.0.0.1 is no address of the open internet"),
        (
            "https://0x7f000001:8443/a",
            "may not be posted to: 127.0.0.1 is no address of the open internet",
        ),
        (
            "https://[::ffff:10.0.0.1]/",
            "may not be posted to: ::ffff:10.0.0.1 is no address of the open internet",
        ),
        (
            "https://169.254.169.254/latest/meta-data",
            "may not be posted to: 169.254.169.254 is no address of the open internet",
        ),
        ("https://LOCALHOST/", "may not be posted to: localhost is this machine itself"),
    ] {
        let text = with(&alert(""), "https://hooks.acme.example/surveys", url);
        let remedy = match url.starts_with("http:") {
            true => format!("write https://, or {private}"),
            false => private.to_owned(),
        };
        assert_eq!(faults(&text), format!("surveyd.toml: alerts.leads.url: {problem}\n  {remedy}"));
        sound(&format!("{text}allow_private = true\n"));
    }
}

#[test]
fn an_address_that_nobody_can_have_is_refused_in_ones_own_network_too() {
    let of = |url: &str| with(&alert(""), "https://hooks.acme.example/surveys", url);
    let long = "a".repeat(64);
    for (host, problem) in [
        ("hooks.example:0", "has the port 0, on which nobody answers\n  write the real port"),
        ("a..b", "names a host that no look-up can find\n  write it as https://host/path"),
        ("-", "names a host that no look-up can find\n  write it as https://host/path"),
        (".", "names a host that no look-up can find\n  write it as https://host/path"),
        ("-a.example", "names a host that no look-up can find\n  write it as https://host/path"),
        ("a-.example", "names a host that no look-up can find\n  write it as https://host/path"),
        ("a*b.example", "names a host that no look-up can find\n  write it as https://host/path"),
        (&long, "names a host that no look-up can find\n  write it as https://host/path"),
    ] {
        let text = of(&format!("https://{host}/"));
        let expected = format!("surveyd.toml: alerts.leads.url: {problem}");
        assert_eq!(faults(&text), expected);
        assert_eq!(faults(&format!("{text}allow_private = true\n")), expected);
    }
    for host in ["a", "hooks_1.internal", "xn--mnchen-3ya.example", "hooks.example.", &long[1..]] {
        sound(&of(&format!("https://{host}:8443/")));
    }
}

#[test]
fn a_template_is_tried_on_every_type_before_it_is_taken() {
    let of = |template: &str| alert(&format!("template = '''{template}'''"));
    let good = r#"{"content": {{ text|tojson }}, "score": {{ data.score }}}"#;
    let config = sound(&of(good));
    assert!(matches!(config.alerts[0].format, Format::Template(_)));
    let remedy = "docs/alerts.md shows templates; a value is written without quotes around it, as \
                  {\"text\": {{ text }}}";
    for (template, problem) in [
        (
            r#"{"text": "{{ text }}"}"#,
            "for detractor: renders to what is no JSON: expected `,` or `}` at line 1 column 12",
        ),
        ("{{ comment }}", "there is no variable comment; there are type, timestamp, data and text"),
        ("hello", "for detractor: renders to what is no JSON: expected value at line 1 column 1"),
    ] {
        let expected = format!("surveyd.toml: alerts.leads.template: {problem}\n  {remedy}");
        assert_eq!(faults(&of(template)), expected);
    }
    assert_eq!(
        fault("format = \"slack\"\ntemplate = \"1\""),
        "surveyd.toml: alerts.leads.template: is given beside format = \"slack\"\n  keep one of the two"
    );
}

#[test]
fn a_template_may_stand_in_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surveyd.toml");
    let text = alert("template = { file = \"leads.json\" }");
    let read = || parse(&text, &path, &Environment::default());
    let shown = read().unwrap_err().to_string();
    assert!(
        shown.contains("alerts.leads.template: ") && shown.contains("leads.json cannot be read"),
        "{shown}"
    );
    fs::write(folder.path().join("leads.json"), "{\"text\": {{ text }}}\n").unwrap();
    let by_file = read().unwrap().alerts.remove(0).format;
    let text = alert("template = \"{\\\"text\\\": {{ text }}}\\n\"");
    assert_eq!(by_file, sound(&text).alerts.remove(0).format);
}

/// Whoever has the address of a chat's webhook can write there.
#[test]
fn an_address_is_a_secret_where_no_message_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surveyd.toml");
    let shown = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let read = load(&path, &Environment::default());
        let faults = read.err().map(|faults| faults.0).unwrap_or_default();
        faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>()
    };
    for (name, secret) in [("key", "x"), ("alert", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")] {
        let path = folder.path().join(name);
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let file = "{ file = \"key\" }";
    let least = LEAST.replace("\"key-2\"", file).replace("\"key-4\"", file);
    let standard =
        ALERT.replace("\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"", "{ file = \"alert\" }");
    assert_eq!(shown(&format!("{least}{standard}")), [] as [&str; 0]);
    let slack = format!("{least}{standard}format = \"slack\"\n");
    assert_eq!(shown(&slack), ["alerts.leads.url"]);
    let template = "template = \"{\\\"text\\\": {{ text }}}\"\n";
    let signed = format!("{least}{standard}{template}");
    assert_eq!(shown(&signed), [] as [&str; 0]);
    assert_eq!(shown(&with(&signed, "secret = { file = \"alert\" }\n", "")), ["alerts.leads.url"]);
}

#[test]
fn without_its_secrets_an_alert_is_known_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surveyd.toml");
    let text = ALERT.replace("\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"", "{ file = \"no\" }");
    fs::write(&path, format!("{LEAST}{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let alert = load_without_secrets(&path, &Environment::default()).unwrap().alerts.remove(0);
    assert_eq!((alert.wanted.name.as_str(), alert.url.expose()), ("leads", ""));
}

#[test]
fn what_an_alert_may_not_mean_is_warned_of() {
    let linked = |text: &str| format!("[http]\npublic_url = \"https://s.acme.example\"\n{text}");
    assert_eq!(warned(&linked(&alert(""))), Vec::<String>::new());
    assert_eq!(
        warned(&alert("")),
        ["http.public_url: is missing: what alerts are told has no link to surveyd's pages
  write the address that people open them by, as https://surveyd.acme.example"]
    );
    assert_eq!(
        warned(&linked(&alert("include = \"comment\"\nwait_for_comment = \"2m\""))),
        ["alerts.leads.include: sends what people wrote to another service: a webhook is an export, and whoever reads there reads the comments, also those that are erased here
  leave comments out, or make sure that only those read there who may see them"]
    );
    assert_eq!(
        warned(&linked(&alert("include = \"comment\"")))[1..],
        ["alerts.leads.wait_for_comment: is missing beside include = \"comment\": a comment comes after its score, and the message about the score leaves at once, without it
  write wait_for_comment = \"2m\", or leave comments out"]
    );
    let silence = with(&alert("include = \"comment\""), "[\"detractor\"]", "\"silence\"");
    assert_eq!(
        warned(&linked(&silence))[1..],
        ["alerts.leads.include: names comment, and on names no answers
  add \"detractor\" or \"feedback.answered\" to on, or remove it"]
    );
    assert_eq!(
        warned(&linked(&with(&alert(""), "whsec_", ""))),
        ["alerts.leads.secret: does not begin with whsec_, by which Standard Webhooks' libraries know a secret
  write whsec_ before it, here and at the receiver"]
    );
    let on = |on: &str, more: &str| {
        warned(&linked(&(with(&alert(""), "on = [\"detractor\"]", &format!("on = [{on}]")) + more)))
    };
    let schedule =
        "[[schedules]]\nname = \"monday\"\nevery = \"week\"\nto = { alert = \"leads\" }\n";
    assert_eq!(
        on("\"digest\"", ""),
        ["alerts.leads.on: reaches nobody: only digests are told, and no schedule has any for this alert
  add [[schedules]] with to = { alert = \"leads\" }"]
    );
    assert_eq!(
        on("\"digest\", \"silence\"", ""),
        ["alerts.leads.on: names digest, and no schedule has any for this alert
  add [[schedules]] with to = { alert = \"leads\" }"]
    );
    assert_eq!(on("\"digest\"", schedule), Vec::<String>::new());
    assert_eq!(
        on("\"silence\"", "detractor = { csat = 1 }\n"),
        ["alerts.leads.detractor: gives thresholds, and on does not name detractor
  add \"detractor\" to on, or remove the thresholds"]
    );
}

#[test]
fn an_alert_whose_accounts_send_tests_alone_is_warned_of() {
    let of = |on: &str, more: &str| {
        let text = with(&alert(""), "on = [\"detractor\"]", &format!("on = [{on}]"));
        let text = with(&text, "[accounts.survey]", "[accounts.survey]\ntest = true") + more;
        let mut warned = warned(&format!("[http]\npublic_url = \"https://s.example\"\n{text}"));
        warned.retain(|warning| warning.starts_with("alerts."));
        warned
    };
    assert_eq!(
        of("\"detractor\", \"silence\"", ""),
        ["alerts.leads.on: names detractor and silence, and all its accounts send tests: nobody is told of their answers and silences
  remove test = true once real prompts are to go out, and try the alert by `surveyd alerts test`"]
    );
    assert_eq!(of("\"account.paused\"", ""), Vec::<String>::new());
    let live = LEAST.replace("acme", "live").replace("1212121212121", "1212121212122");
    assert_eq!(of("\"detractor\"", &live), Vec::<String>::new(), "one account is live");
}

#[test]
fn the_address_of_the_pages_is_read_without_its_slash() {
    let of = |url: &str| under(&format!("[http]\npublic_url = \"{url}\""));
    for (url, expected) in [
        ("https://surveyd.acme.example/", "https://surveyd.acme.example"),
        ("http://127.0.0.1:8471", "http://127.0.0.1:8471"),
        ("https://acme.example/surveyd/", "https://acme.example/surveyd"),
    ] {
        assert_eq!(sound(&of(url)).http.public_url.as_deref(), Some(expected));
    }
    assert_eq!(
        faults(&of("https://s.example/?a=b")),
        "surveyd.toml: http.public_url = \"https://s.example/?a=b\": holds a query or a fragment
  end it after the host or the path"
    );
    assert_eq!(
        faults(&of("https://mara:hunter2@s.example/")),
        "surveyd.toml: http.public_url: holds a user or a password\n  write it without them"
    );
}

#[test]
fn a_remedy_leads_to_a_form_that_is_taken() {
    assert_eq!(
        fault("detractor = 2"),
        "surveyd.toml: alerts.leads.detractor = 2: is a whole number, not a table
  write it as `detractor = { csat = 2, nps = 6 }`"
    );
    assert_eq!(
        faults(&with(&alert(""), "[\"detractor\"]", "[\"detractors\", \"paused\", \"silence\"]")),
        "surveyd.toml: alerts.leads.on: \"detractors\" and \"paused\" are not known here
  for \"detractors\" did you mean \"detractor\"? for \"paused\" did you mean \"account.paused\"? It is one of \"feedback.answered\", \"detractor\", \"account.paused\", \"account.resumed\", \"silence\", \"digest\""
    );
}
