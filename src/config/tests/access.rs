use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::credentials::{format_token_hash, hash_token, verify_password};
use crate::domain::access::Role;
use crate::domain::time::Millis;

/// "password" by argon2's reference implementation (`src/test.c`).
pub(super) const HASH: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

pub(super) const LOGIN: &str = r#"
[[logins]]
name = "mara"
role = "supervisor"
password_hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
"#;

/// Its hash is that of "abc".
pub(super) const TOKEN: &str = r#"
[[tokens]]
name = "warehouse"
role = "supervisor"
hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"#;

pub(super) fn login(lines: &str) -> String {
    format!("{LEAST}{LOGIN}{lines}\n")
}

fn token(lines: &str) -> String {
    format!("{LEAST}{TOKEN}{lines}\n")
}

fn set<T: Ord>(values: impl IntoIterator<Item = T>) -> std::collections::BTreeSet<T> {
    values.into_iter().collect()
}

#[test]
fn a_login_sees_everything_that_it_is_not_limited_to() {
    let config = sound(&login(""));
    let [mara] = config.logins.as_slice() else { panic!("{config:?}") };
    let viewer = &mara.viewer;
    assert_eq!((viewer.name.as_str(), &viewer.roles), ("mara", &set([Role::Supervisor])));
    assert_eq!((&viewer.accounts, &viewer.teams, &viewer.agent), (&None, &None, &None));
    assert!(verify_password("password", mara.password_hash.as_ref().unwrap()));
    assert!(!format!("{config:?}").contains("CTFhFdXPJO1aFaMaO6Mm"), "{config:?}");
}

#[test]
fn a_login_has_roles_limits_and_an_agent() {
    let text = with(&login(""), "role = \"supervisor\"", "role = [\"supervisor\", \"agent\"]")
        + "accounts = [\"acme\"]\nteams = [\"billing\", \"Rückgaben & mehr\"]\nagent = \"dana\"\n";
    let viewer = sound(&text).logins.remove(0).viewer;
    assert_eq!(viewer.roles, set([Role::Supervisor, Role::Agent]));
    assert_eq!(viewer.accounts, Some(set(["acme".to_owned()])));
    assert_eq!(viewer.teams, Some(set(["billing", "Rückgaben & mehr"].map(str::to_owned))));
    assert_eq!(viewer.agent.as_deref(), Some("dana"));
    let one = sound(&login("accounts = \"acme\"\nteams = \"billing\"")).logins.remove(0).viewer;
    assert_eq!((one.accounts.unwrap().len(), one.teams.unwrap().len()), (1, 1));
}

#[test]
fn what_is_wrong_with_a_login_is_told_with_its_remedy() {
    let roles = "\"supervisor\", \"admin\", \"auditor\", \"agent\"";
    let sixty_five = "m".repeat(65);
    let role = |value: &str| with(&login(""), "role = \"supervisor\"", &format!("role = {value}"));
    let name = |name: &str| with(&login(""), "name = \"mara\"", &format!("name = \"{name}\""));
    let hash = |hash: &str| with(&login(""), HASH, hash);
    let made = "make it with `surveyd password`";
    for (text, fault) in [
        (
            name(&sixty_five),
            format!("[0].name = \"{sixty_five}\": has 65 characters, and 64 are the most\n  shorten it"),
        ),
        (name(""), "[0].name = \"\": is empty\n  write 1 to 64 characters".into()),
        (
            name("ma\\u0007ra"),
            "[0].name = \"ma\\u{7}ra\": holds a control character\n  remove it".into(),
        ),
        (
            name("mara "),
            "[0].name = \"mara \": begins or ends with white space\n  remove the white space".into(),
        ),
        (
            role("\"superviser\""),
            format!(".mara.role = \"superviser\": \"superviser\" is not known here\n  did you mean \"supervisor\"? It is one of {roles}"),
        ),
        (
            role("[\"admin\", \"boss\"]"),
            format!(".mara.role: \"boss\" is not known here\n  write one of {roles}"),
        ),
        (
            role("[]"),
            ".mara.role: names nothing\n  write a value, or several as [\"a\", \"b\"]".into(),
        ),
        (role("\"agent\""), ".mara.agent: is missing\n  add `agent = \"dana\"` to logins.mara".into()),
        (
            login("agent = \"dana\""),
            ".mara.agent = \"dana\": is given, and role is not \"agent\"\n  add \"agent\" to role, or remove it".into(),
        ),
        (
            login("teams = []"),
            ".mara.teams: is an empty list\n  write the names of teams as notices name them, or leave it out".into(),
        ),
        (
            login("teams = [\"billing\", \"\"]"),
            ".mara.teams: holds \"\", which is empty\n  write 1 to 200 characters".into(),
        ),
        (
            login("accounts = []"),
            ".mara.accounts: is an empty list\n  write the names of some of the [[accounts]], or leave it out".into(),
        ),
        (
            login("accounts = [\"acne\"]"),
            ".mara.accounts: holds \"acne\", which is no account's name\n  did you mean \"acme\"?".into(),
        ),
        (hash("hunter2"), format!(".mara.password_hash: is no hash of a password\n  {made}")),
        (
            hash("$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m"),
            format!(".mara.password_hash: is no hash of a password\n  {made}"),
        ),
        (
            hash(&HASH.replace("argon2id", "argon2i")),
            format!(".mara.password_hash: is not made by argon2id\n  {made}"),
        ),
        (
            hash(&HASH.replace("m=65536", "m=4096")),
            format!(".mara.password_hash: asks for m = 4096, and 8192 to 262144 are taken\n  {made}"),
        ),
        (
            login("password = \"hunter2\""),
            ".mara.password: unknown key\n  did you mean `password_hash`?".into(),
        ),
    ] {
        assert_eq!(faults(&text), format!("surveyd.toml: logins{fault}"));
    }
}

#[test]
fn all_that_a_login_and_a_token_must_have_is_asked_for() {
    assert_eq!(
        faults(&format!("{LEAST}[[logins]]\n[[tokens]]\n")),
        "\
surveyd.toml: logins[0].name: is missing
  add `name = \"mara\"` to logins[0]
surveyd.toml: logins[0].role: is missing
  add `role = \"supervisor\"` to logins[0]
surveyd.toml: logins[0].password_hash: is missing
  make it with `surveyd password`, or let a proxy sign them in by http.proxy (docs/sign_in.md)
surveyd.toml: tokens[0].name: is missing
  add `name = \"warehouse\"` to tokens[0]
surveyd.toml: tokens[0].role: is missing
  add `role = \"supervisor\"` to tokens[0]
surveyd.toml: tokens[0].hash: is missing
  add `hash = \"sha256:…\"` to tokens[0]"
    );
}

#[test]
fn a_name_stands_for_one_login_and_one_token_only() {
    assert_eq!(
        faults(&format!("{LEAST}{LOGIN}{TOKEN}{LOGIN}{TOKEN}")),
        "\
surveyd.toml: logins[1].name = \"mara\": is another login's name, too
  give each login a name of its own
surveyd.toml: tokens[1].name = \"warehouse\": is another token's name, too
  give each token a name of its own
surveyd.toml: tokens[1].hash: is the hash of tokens.warehouse, too
  make each token anew with `surveyd token`"
    );
    sound(&format!("{LEAST}{LOGIN}{}", TOKEN.replace("warehouse", "mara")));
}

#[test]
fn a_hash_may_stand_in_a_file_of_its_own_and_is_read_only_where_secrets_are() {
    let folder = tempfile::tempdir().unwrap();
    let private = fs::Permissions::from_mode(0o600);
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        fs::set_permissions(folder.path().join(name), private.clone()).unwrap();
        folder.path().join(name)
    };
    write("mara-hash", &format!("{HASH}\n"));
    let text = with(&login(""), &format!("\"{HASH}\""), "{ file = \"mara-hash\" }");
    let path = write("surveyd.toml", &text);
    let whole = load(&path, &Environment::default()).unwrap();
    assert_eq!(whole.logins[0].password_hash.as_ref().unwrap().expose(), HASH);
    fs::remove_file(folder.path().join("mara-hash")).unwrap();
    let bare = load_without_secrets(&path, &Environment::default()).unwrap();
    assert_eq!(bare.logins[0].password_hash, None);
    let elsewhere = |text: &str, key: &str| with(text, key, "{ env = \"KEY\" }");
    let text = elsewhere(&elsewhere(&login(""), "\"key-2\""), "\"key-4\"") + TOKEN;
    let open = write("open.toml", &text);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = load_without_secrets(&open, &Environment::default()).unwrap_err().to_string();
    let file = open.display();
    assert_eq!(
        shown,
        format!(
            "{file}: logins.mara.password_hash: stands in a file that is open to every user of this machine
  write {{ file = \"…\" }}, or chmod o-rwx {file} and let surveyd's group read it"
        )
    );
}

#[test]
fn a_token_is_good_until_its_last_day_ends_in_the_business_zone() {
    let config = sound(&token(""));
    let [warehouse] = config.tokens.as_slice() else { panic!("{config:?}") };
    assert_eq!((warehouse.hash, warehouse.expiry), (hash_token("abc"), None));
    assert!(warehouse.is_good(Millis(i64::MAX)));
    for (zone, expires, end) in [
        ("UTC", "\"2027-06-30\"", "2027-07-01T00:00:00Z"),
        ("Europe/Berlin", "\"2027-06-30\"", "2027-06-30T22:00:00Z"),
        ("America/New_York", "2027-06-30", "2027-07-01T04:00:00Z"),
        // There the clocks are put forward at midnight, and the day begins at one.
        ("America/Santiago", "\"2026-09-05\"", "2026-09-06T04:00:00Z"),
    ] {
        let text = format!("[report]\ntime_zone = \"{zone}\"\n{}expires = {expires}\n", token(""));
        let token = sound(&text).tokens.remove(0);
        let end = Millis::from_rfc3339(end).unwrap();
        assert_eq!(token.expiry.unwrap().at, end, "{zone}");
        assert!(token.is_good(Millis(end.0 - 1)) && !token.is_good(end), "{zone}");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_told_with_its_remedy() {
    let hash = |hash: &str| with(&token(""), &format_token_hash(&hash_token("abc")), hash);
    let form = "is not sha256: and 64 digits of 0-9 and a-f\n  write the hash as `surveyd token` prints it";
    let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let date = "is not a date\n  write it as 2027-06-30, or leave it out";
    for (text, fault) in [
        (
            hash("svd_ungeheimer-token-der-hier-nicht-hingehoert"),
            "hash: is the token itself and not its hash\n  make another with `surveyd token`, which prints the hash as well".into(),
        ),
        (hash(digits), format!("hash: {form}")),
        (hash(&format!("sha256:{}", digits.to_uppercase())), format!("hash: {form}")),
        (hash("sha256:…"), format!("hash: {form}")),
        (
            with(&token(""), &format!("\"sha256:{digits}\""), "[1]"),
            "hash: is a list, not a string\n  write one string in quotes".into(),
        ),
        (token("expires = \"30.06.2027\""), format!("expires = \"30.06.2027\": {date}")),
        (token("expires = \"2027-02-29\""), format!("expires = \"2027-02-29\": {date}")),
        (token("expires = \"2027-06-30T12:00\""), format!("expires = \"2027-06-30T12:00\": {date}")),
        (token("expires = \"9999-12-31\""), format!("expires = \"9999-12-31\": {date}")),
        (token("expires = \"\""), format!("expires = \"\": {date}")),
        (
            with(&token(""), "\"supervisor\"", "\"agent\""),
            "agent: is missing\n  add `agent = \"dana\"` to tokens.warehouse".into(),
        ),
        (
            token("accounts = [\"acme\", \"acne\"]"),
            "accounts: holds \"acne\", which is no account's name\n  did you mean \"acme\"?".into(),
        ),
        (
            token("password_hash = \"x\""),
            "password_hash: unknown key\n  `password_hash` belongs in [[logins]]".into(),
        ),
    ] {
        let text = format!("{text}{LOGIN}");
        assert_eq!(faults(&text), format!("surveyd.toml: tokens.warehouse.{fault}"));
    }
}

#[test]
fn a_variable_gives_a_login_its_hash_and_a_proxy_its_addresses() {
    let text = with(&login(""), &format!("password_hash = \"{HASH}\"\n"), "");
    let config = read_under(
        &text,
        &[
            ("SURVEYD__LOGINS__MARA__PASSWORD_HASH", HASH),
            ("SURVEYD__LOGINS__MARA__ROLE", "admin, auditor"),
            ("SURVEYD__HTTP__PROXY__HEADER", "X-User"),
            ("SURVEYD__HTTP__PROXY__FROM", "127.0.0.1, 10.0.0.0/8"),
            ("SURVEYD__REPORT__TIME_ZONE", "Europe/Berlin"),
        ],
    )
    .unwrap();
    assert_eq!(config.logins[0].password_hash.as_ref().unwrap().expose(), HASH);
    assert_eq!(config.logins[0].viewer.roles, set([Role::Admin, Role::Auditor]));
    assert_eq!(config.http.proxy.unwrap().from.len(), 2);
    assert_eq!(config.report.time_zone.name(), "Europe/Berlin");
}

pub(super) fn warned(text: &str) -> Vec<String> {
    warnings(&sound(text)).iter().map(Warning::to_string).collect()
}

const OPEN: &str = "[http]\nlisten = \"0.0.0.0:8471\"\n";

#[test]
fn sign_ins_over_plain_http_are_warned_of() {
    let plain = "\
logins: sign in over plain HTTP from other machines: whoever is between can read passwords, and browsers keep the cookie __Host-surveyd over TLS only
  put a proxy that speaks TLS in front, and listen on 127.0.0.1 behind it";
    assert!(warned(&format!("{OPEN}{}", login(""))).contains(&plain.to_owned()));
    let behind = "proxy = { header = \"X-User\", from = \"10.0.0.1\" }\n";
    for text in [login(""), format!("{OPEN}{LEAST}"), format!("{OPEN}{behind}{}", login(""))] {
        assert!(!warned(&text).contains(&plain.to_owned()), "{text}");
    }
}

#[test]
fn a_token_that_has_expired_or_will_soon_is_warned_of() {
    let config = sound(&format!(
        "[report]\ntime_zone = \"Europe/Berlin\"\n{}",
        token("expires = 2027-06-30")
    ));
    let at = |now: &str| {
        let warnings = warnings_of_tokens(&config, Millis::from_rfc3339(now).unwrap());
        warnings.iter().map(Warning::to_string).collect::<Vec<_>>()
    };
    let told = |problem: &str| {
        vec![format!(
            "tokens.warehouse.expires: {problem} until the end of 2027-06-30 (Europe/Berlin)
  make another with `surveyd token`, give it to the program, then remove this one"
        )]
    };
    assert_eq!(at("2027-06-16T21:59:59Z"), Vec::<String>::new());
    assert_eq!(at("2027-06-16T22:00:00Z"), told("is near: the token is good"));
    assert_eq!(at("2027-06-30T21:59:59Z"), told("is near: the token is good"));
    assert_eq!(at("2027-06-30T22:00:00Z"), told("has passed: the token was good"));
    assert_eq!(warnings_of_tokens(&sound(&token("")), Millis(i64::MAX)), []);
}

#[test]
fn a_zone_of_the_business_that_keeps_no_summer_time_is_warned_of() {
    let of = |name: &str| warned(&under(&format!("[report]\ntime_zone = \"{name}\"")));
    assert_eq!(
        of("EST"),
        ["report.time_zone: \"EST\" is an abbreviation: it stands for no place, and may keep no summer time
  name a place where people live, as America/New_York or Europe/Madrid"]
    );
    assert_eq!(
        of("Etc/GMT+5"),
        ["report.time_zone: \"Etc/GMT+5\" is a fixed offset: it keeps no summer time, and its + means behind UTC
  name a place where people live, as America/New_York or Europe/Madrid"]
    );
    for sound in ["UTC", "Europe/Berlin"] {
        assert_eq!(of(sound), Vec::<String>::new());
    }
}
