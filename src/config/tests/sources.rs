use super::*;
use crate::domain::mapping::FieldName;

#[test]
fn a_source_signs_by_a_scheme_that_is_known_with_a_key_that_is_long_enough() {
    let source = |line: &str, other: &str| faults(&format!("{LEAST}{}", with(SOURCE, line, other)));
    let secret = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let remedy = "write whsec_ and the base64 of 16 random bytes or more, as `openssl rand -base64 32` makes them";
    for (line, other, fault) in [
        (
            "\"standard\"",
            "\"smartdesk\"",
            "kind = \"smartdesk\": is no kind that this version of surveyd knows
  the kinds it knows: \"standard\", \"chatwoot\", \"zendesk\", \"intercom\", \"freshchat\", \"freshdesk\", \"helpscout\", \"front\", \"zammad\", \"mapped\", \"spool\", \"dm_inactivity\""
                .to_owned(),
        ),
        (
            secret,
            "",
            "secret: is missing\n  add `secret = { file = \"…\" }` to sources.helpdesk".into(),
        ),
        (secret, "secret = \"whsec_hunter2!\"", format!("secret: is not base64\n  {remedy}")),
        (
            secret,
            "secret = \"whsec_MTIzNDU2Nzg5MDEyMzQ1\"",
            format!("secret: is 15 bytes long, and 16 are the least\n  {remedy}"),
        ),
        (
            secret,
            &format!("{secret}\naccount = \"acmee\""),
            "account = \"acmee\": is no account's name\n  did you mean \"acme\"?".into(),
        ),
        (
            secret,
            &format!("{secret}\naccount = \"other\""),
            "account = \"other\": is no account's name
  write the name of one of the [[accounts]], or leave it out"
                .into(),
        ),
        (
            secret,
            &format!("{secret}\nrate_limit = 0"),
            "rate_limit = 0: is out of bounds\n  write a value from 1 to 1000000".into(),
        ),
    ] {
        assert_eq!(source(line, other), format!("surveyd.toml: sources.helpdesk.{fault}"));
    }
    assert_eq!(
        faults(&format!("{LEAST}{SOURCE}{SOURCE}")),
        "\
surveyd.toml: sources[1].name = \"helpdesk\": is another source's name, too
  give each source a name of its own"
    );
}

#[test]
fn a_sources_secret_may_leave_its_prefix_and_its_padding_out() {
    for secret in
        ["whsec_MTIzNDU2Nzg5MDEyMzQ1Ng==", "MTIzNDU2Nzg5MDEyMzQ1Ng==", "MTIzNDU2Nzg5MDEyMzQ1Ng"]
    {
        let source = with(SOURCE, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", secret);
        let config = sound(&format!("{LEAST}{source}account = \"acme\"\n"));
        let source = config.source("helpdesk").unwrap();
        assert_eq!(standard_key(source.secrets[0].expose()).unwrap(), b"1234567890123456");
        assert_eq!(source.account.as_deref(), Some("acme"));
    }
}

/// The least file with a source of that kind under it.
fn desk(kind: &str, lines: &str) -> String {
    format!("{LEAST}[[sources]]\nname = \"desk\"\nkind = \"{kind}\"\n{lines}\n")
}

const DESKS: [&str; 8] =
    ["chatwoot", "zendesk", "intercom", "freshchat", "freshdesk", "helpscout", "front", "zammad"];

const MAPPED: &str = "signature = \"token\"\nsignature_header = \"X-Token\"\nsecret = \"s\"\n\
     closed = { \"/status\" = \"done\" }\nconversation_id = \"/id\"\nuser_id = \"/x\"\n";

#[test]
fn every_desk_needs_a_secret_and_nothing_else() {
    for kind in DESKS {
        let asked = faults(&desk(kind, ""));
        let expected = "surveyd.toml: sources.desk.secret: is missing
  add `secret = { file = \"…\" }` to sources.desk";
        assert_eq!(asked, expected, "{kind}");
        if kind != "freshchat" {
            let config = sound(&desk(kind, "secret = \"hunter2\""));
            let source = config.source("desk").unwrap();
            assert_eq!(source.kind.as_str(), kind);
            assert_eq!(source.account.as_deref(), Some("acme"));
            assert!(!source.mapping.as_ref().unwrap().closed.is_empty());
        }
    }
}

#[test]
fn a_single_key_of_a_desk_is_set_otherwise() {
    let lines = "secret = [\"old\", \"new\"]\nuser_id = \"/a/b\"\ntolerance = \"1m\"";
    let config = sound(&desk("chatwoot", lines));
    let source = config.source("desk").unwrap();
    let given = source.mapping.as_ref().unwrap().field(FieldName::UserId);
    assert_eq!(given.0[0].to_string(), "/a/b");
    assert_eq!((given.0.len(), source.secrets.len()), (1, 2));
    assert_eq!(source.scheme.tolerance.as_secs(), 60);
    assert_eq!(source.scheme.header, "X-Chatwoot-Signature");
    let variable = ("SURVEYD__SOURCES__DESK__USER_ID", "/c");
    let config = read_under(&desk("chatwoot", lines), &[variable]).unwrap();
    let mapping = config.sources[0].mapping.as_ref().unwrap();
    assert_eq!(mapping.field(FieldName::UserId).0[0].to_string(), "/c");
}

#[test]
fn a_mapped_source_says_what_its_payloads_mean() {
    assert_eq!(sound(&desk("mapped", MAPPED)).sources[0].scheme.algorithm, Algorithm::Token);
    assert_eq!(
        faults(&desk("mapped", "")),
        "\
surveyd.toml: sources.desk.signature: is missing
  add `signature = \"hmac-sha256\"` to sources.desk
surveyd.toml: sources.desk.secret: is missing
  add `secret = { file = \"…\" }` to sources.desk
surveyd.toml: sources.desk.closed: is missing
  add `closed = { \"/ticket/status\" = \"closed\" }` to sources.desk
surveyd.toml: sources.desk.conversation_id: is missing
  add `conversation_id = \"/ticket/id\"` to sources.desk
surveyd.toml: sources.desk.user_id: is missing
  add `user_id = \"/ticket/x_user_id\"` to sources.desk"
    );
    let forms = "write a JSON Pointer as \"/ticket/id\", { at = \"…\", default = \"…\" }, or a list of those";
    let form = "write a JSON Pointer as \"/ticket/id\", or \"header:X-Name\"";
    for (line, other, fault) in [
        ("\"/id\"", "\"id\"", format!("conversation_id = \"id\": names \"id\", which is no place\n  {form}")),
        ("\"/id\"", "7", format!("conversation_id = 7: is a whole number, not a place\n  {forms}")),
        ("\"/id\"", "{ att = \"/id\" }", "conversation_id: holds the unknown key `att`\n  did you mean `at`?".into()),
        ("\"/id\"", "{ at = \"/id\", is = \"x\" }", format!("conversation_id: must have one of `at`, `is` and `all`\n  {forms}")),
        ("\"done\"", "1.5", "closed: holds a number where a text belongs\n  put it in quotes".into()),
        ("{ \"/status\" = \"done\" }", "\"done\"", "closed = \"done\": is neither a table nor a list of tables
  write what must stand where, as { \"/ticket/status\" = [\"closed\", \"solved\"] }, or a list of those".into()),
        ("\"done\"", "\"=done\"", "closed: compares with \"=done\", which is no place
  write the place behind =, as \"=/ticket/owner_id\"".into()),
        ("\"X-Token\"", "\"X Token\"", "signature_header = \"X Token\": is no header's name\n  write it as X-Signature".into()),
        ("signature_header = \"X-Token\"", "", "signature_header: is missing\n  add `signature_header = \"X-Signature\"` to sources.desk".into()),
        ("\"token\"", "\"hmac-sha25\"", "signature = \"hmac-sha25\": is not known here
  did you mean \"hmac-sha256\"? It is one of \"hmac-sha1\", \"hmac-sha256\", \"sha256\", \"rsa-sha256\", \"token\", \"authorization\", \"none\"".into()),
        ("\"token\"", "\"hmac-sha256\"\nsigned = \"{ts}.{body}\"", "timestamp_header: is missing\n  add `timestamp_header = \"X-Timestamp\"` to sources.desk".into()),
        ("\"token\"", "\"hmac-sha256\"\nsigned = \"hello\"", "signed: does not hold {body}
  put {body} into it: a signature that does not speak of the body proves nothing".into()),
        ("\"token\"", "\"hmac-sha256\"\nsigned = \"{time}{body}\"", "signed = \"{time}{body}\": holds {time}, which is none of its parts
  write text with {body}, {ts} and {id} in it, as \"{ts}.{body}\"".into()),
        ("\"token\"", "\"sha256\"", "signed: does not hold {secret}, so anybody can make such a signature
  put {secret} where the sender puts it, as \"{secret}{body}\"".into()),
        ("\"token\"", "\"hmac-sha256\"\nsigned = \"{secret}{body}\"", "signed: holds {secret}, and signature is not \"sha256\"
  take {secret} out: every other signature is made with the secret anyway".into()),
        ("\"token\"", "\"token\"\nsignature_query = \"key\"", "signature_query: is given beside signature_header
  keep the one of them that the sender uses".into()),
        ("signature_header = \"X-Token\"", "signature_query = \"key=\"", "signature_query = \"key=\": is no name of a parameter
  write it as token, without ? and =".into()),
        ("\"token\"", "\"none\"", "secret: is given, and signature is \"none\"
  remove it, or name another signature: it would be checked nowhere".into()),
        ("\"s\"", "[\"s\", \"\"]", "secret[1]: is empty\n  write the secret".into()),
        ("\"s\"", "[]", "secret: is an empty list\n  write \"…\", { file = \"…\" } or { env = \"…\" }".into()),
        ("\"s\"", "\" s\"", "secret: begins or ends with white space\n  remove the white space".into()),
        ("\"s\"", "\"s\"\nuser_idd = \"/x\"", "user_idd: unknown key\n  did you mean `user_id`?".into()),
        ("\"s\"", "\"s\"\naccounts = { 3 = \"acmee\" }", "accounts.3 = \"acmee\": is no account's name\n  did you mean \"acme\"?".into()),
    ] {
        let text = desk("mapped", &with(MAPPED, line, other));
        assert_eq!(faults(&text), format!("surveyd.toml: sources.desk.{fault}"), "{other}");
    }
}

#[test]
fn a_public_key_is_one() {
    let shown = faults(&desk("freshchat", "secret = \"hunter2\""));
    assert_eq!(
        shown,
        "surveyd.toml: sources.desk.secret: is no RSA public key
  paste the public key that the desk shows, from -----BEGIN to the end"
    );
}

#[test]
fn the_secret_that_zendesk_tests_with_is_for_stand_ins_only() {
    let text = desk("zendesk", "secret = \"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==\"");
    let refused = "surveyd.toml: sources.desk.secret: is the secret that Zendesk tests with, which everybody knows
  write the webhook's own: Reveal secret on its page, or GET /api/v2/webhooks/ID/signing_secret";
    assert_eq!(faults(&text), refused);
    assert_eq!(faults(&format!("[x]\nbase_url = \"https://x.example\"\n{text}")), refused);
    sound(&format!("[x]\nbase_url = \"http://127.0.0.1:8474\"\n{text}"));
}

#[test]
fn where_there_are_several_accounts_a_desk_says_which_it_means() {
    let other = LEAST.replace("acme", "other").replace("1212121212121", "77");
    let text =
        |lines: &str| format!("{other}{}", desk("front", &format!("secret = \"s\"\n{lines}")));
    assert_eq!(
        faults(&text("")),
        "surveyd.toml: sources.desk.account: is missing, and there are several accounts
  add `account = \"acme\"` to sources.desk, or `accounts = { \"…\" = \"acme\" }` by the desk's inbox"
    );
    assert_eq!(sound(&text("account = \"other\"")).sources[0].account.as_deref(), Some("other"));
    let config = sound(&text("accounts = { inb_1 = \"other\", inb_2 = \"acme\" }"));
    let accounts = &config.sources[0].mapping.as_ref().unwrap().accounts;
    assert_eq!((config.sources[0].account.as_deref(), accounts["inb_2"].as_str()), (None, "acme"));
}

#[test]
fn what_a_source_names_of_accounts_is_a_limit() {
    let other = LEAST.replace("acme", "other").replace("1212121212121", "77");
    let both = format!("{LEAST}{other}");
    let meant = |lines: &str| {
        let source = sound(&format!("{both}{SOURCE}{lines}")).sources.remove(0);
        (source.account, source.accounts.join(" "))
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(meant(""), (None, String::new()));
    assert_eq!(meant("account = \"acme\""), (some("acme"), "acme".into()));
    assert_eq!(meant("accounts = [\"acme\", \"other\"]"), (None, "acme other".into()));
    assert_eq!(meant("accounts = \"other\""), (some("other"), "other".into()));
    let both_keys = "account = \"acme\"\naccounts = [\"other\"]";
    assert_eq!(meant(both_keys), (some("acme"), "acme other".into()));
    for (wrong, problem) in [
        ("accounts = []", "accounts: is an empty list"),
        ("accounts = [\"acmee\"]", "accounts: holds \"acmee\", which is no account's name"),
        ("accounts = { a = \"acme\" }", "accounts: is a table, not a string or a list of strings"),
    ] {
        let shown = faults(&format!("{both}{SOURCE}{wrong}"));
        assert!(shown.starts_with(&format!("surveyd.toml: sources.helpdesk.{problem}")), "{shown}");
    }
    let text = format!("{both}{SOURCE}");
    let variable = [("SURVEYD__SOURCES__HELPDESK__ACCOUNTS", "acme,other")];
    assert_eq!(read_under(&text, &variable).unwrap().sources[0].accounts, ["acme", "other"]);
    let desk = |lines: &str| {
        let lines = format!("secret = \"s\"\n{lines}");
        let source = sound(&format!("{other}{}", desk("front", &lines))).sources.remove(0);
        (source.account, source.accounts.join(" "))
    };
    assert_eq!(desk("accounts = { inb_1 = \"other\" }"), (None, "other".into()));
    let with_table = "account = \"acme\"\naccounts = { inb_1 = \"other\" }";
    assert_eq!(desk(with_table), (some("acme"), "acme other".into()));
    assert_eq!(desk("accounts = [\"acme\"]"), (some("acme"), "acme".into()));
}

#[test]
fn a_source_that_may_name_any_account_is_worth_a_second_look() {
    let other = LEAST.replace("acme", "other").replace("1212121212121", "77");
    let spool = "[[sources]]\nname = \"files\"\nkind = \"spool\"\n";
    let of = |text: &str| {
        let found = warnings(&sound(text)).into_iter();
        found
            .filter(|it| it.key.starts_with("sources."))
            .map(|it| it.to_string())
            .collect::<Vec<_>>()
    };
    let remedy = "\n  name the account that it is for, or several by accounts = [\"…\", \"…\"]";
    let told = |name: &str, who: &str| {
        format!(
            "sources.{name}.account: is missing: whoever {who} can have prompts sent from each of the \
             2 accounts, and call off their surveys{remedy}"
        )
    };
    assert_eq!(
        of(&format!("{LEAST}{other}{SOURCE}{spool}")),
        [told("helpdesk", "has its secret"), told("files", "can write to its folder")]
    );
    assert!(of(&format!("{LEAST}{SOURCE}{spool}")).is_empty());
    let named = format!("{LEAST}{other}{SOURCE}account = \"acme\"\n{spool}accounts = [\"acme\"]\n");
    assert!(of(&named).is_empty());
}

#[test]
fn an_event_that_is_told_by_a_header_nobody_signed_is_worth_a_second_look() {
    let of = |signed: &str| {
        let lines = format!(
            "secret = \"s\"\nsignature = \"hmac-sha256\"\nsignature_header = \"X-S\"\nid_header = \"X-Event\"\n\
             signed = \"{signed}\"\nconversation_id = \"/id\"\nuser_id = \"/x\"\naccount = \"acme\"\n\
             closed = {{ \"header:X-Event\" = \"closed\" }}"
        );
        warnings(&sound(&desk("mapped", &lines)))
            .iter()
            .filter(|it| it.key == "sources.desk.closed")
            .count()
    };
    assert_eq!((of("{body}"), of("{id}.{body}")), (1, 0));
    for kind in ["chatwoot", "zendesk", "intercom", "freshdesk", "helpscout", "front", "zammad"] {
        let desk = sound(&desk(kind, "secret = \"s\"\naccount = \"acme\""));
        assert!(warnings(&desk).iter().all(|it| !it.key.starts_with("sources.")), "{kind}");
    }
}

#[test]
fn a_source_takes_a_hundred_notices_a_second_unless_it_says_otherwise() {
    assert_eq!(sound(&format!("{LEAST}{SOURCE}")).sources[0].rate_limit, 6_000);
    assert_eq!(sound(&desk("front", "secret = \"s\"")).sources[0].rate_limit, 6_000);
}

#[test]
fn a_spool_is_a_folder_of_its_own_without_a_secret() {
    let least = sound(&desk("spool", ""));
    assert!(least.sources.is_empty(), "nothing is posted to a spool");
    let spool = &least.spools[0];
    assert_eq!((spool.name.as_str(), spool.account.as_deref()), ("desk", None));
    assert_eq!((spool.folder.to_str(), spool.every.as_secs()), (Some("spool"), 5));
    let config = sound(&desk("spool", "account = \"acme\"\nfolder = \"/in\"\nevery = \"1m\""));
    let spool = &config.spools[0];
    assert_eq!((spool.account.as_deref(), spool.every.as_secs()), (Some("acme"), 60));

    let other = "[[sources]]\nname = \"other\"\nkind = \"spool\"\nfolder = \"./spool/\"\n";
    let lines = "secret = \"s\"\nevery = \"1ms\"\naccount = \"acmee\"";
    assert_eq!(
        faults(&format!("{}{other}", desk("spool", lines))),
        "\
surveyd.toml: sources.desk.account = \"acmee\": is no account's name
  did you mean \"acme\"?
surveyd.toml: sources.desk.every = \"1ms\": is out of bounds
  write a value from 1s to 1h
surveyd.toml: sources.other.folder = \"spool\": is another source's folder, too
  give each spool a folder of its own
surveyd.toml: sources.desk.secret: unknown key
  remove it; sources.desk takes `name`, `kind`, `account`, `accounts`, `folder`, `every`"
    );
    for (folder, is_said) in [
        ("./x/../spool", "\"spool\": is another source's folder, too"),
        ("spool/done", "\"spool/done\": lies in another source's folder, or around it"),
        (".", "\".\": lies in another source's folder, or around it"),
    ] {
        let other = other.replace("./spool/", folder);
        let fault = faults(&format!("{}{other}", desk("spool", "")));
        assert!(fault.contains(&format!("sources.other.folder = {is_said}")), "{fault}");
    }
    let apart = other.replace("./spool/", "spool-2");
    assert_eq!(sound(&format!("{}{apart}", desk("spool", ""))).spools.len(), 2);
    assert_eq!(
        faults(&desk("spool", "folder = \" \"")),
        "surveyd.toml: sources.desk.folder = \" \": is empty
  write the folder's path, or leave it out"
    );
}

#[test]
fn a_watched_account_is_named_or_the_only_one_there_is() {
    let least = sound(&desk("dm_inactivity", ""));
    assert!(least.sources.is_empty(), "no desk posts to it");
    let watched = &least.watched[0];
    assert_eq!((watched.name.as_str(), watched.account.as_str()), ("desk", "acme"));
    assert_eq!((watched.after.as_secs(), watched.every.as_secs()), (1800, 120));
    assert_eq!(watched.stream, MessageStream::V1);
    assert!(watched.stop_words.are_said_by("Stop."));
    let lines = "stream = \"webhook\"\nafter = \"1h\"\nstop_words = []";
    let webhook = &sound(&desk("dm_inactivity", lines)).watched[0];
    assert_eq!((webhook.stream, webhook.after.as_secs()), (MessageStream::Webhook, 3600));
    assert_eq!(webhook.every.as_secs(), 900, "only what was lost is to be found");
    assert!(!webhook.stop_words.are_said_by("stop"));

    let lines = "after = \"8d\"\nstream = \"v1\"\nstop_words = [\"stop\", \"?\"]\nsecret = \"s\"";
    assert_eq!(
        faults(&desk("dm_inactivity", lines)),
        "\
surveyd.toml: sources.desk.after = \"8d\": is out of bounds
  write a value from 1s to 7d
surveyd.toml: sources.desk.stream = \"v1\": is not known here
  write one of \"v1.1\", \"v2\", \"webhook\"
surveyd.toml: sources.desk.stop_words: holds \"?\", in which there is no letter
  write whole messages, as [\"stop\", \"no more\"]
surveyd.toml: sources.desk.secret: unknown key
  remove it; sources.desk takes `name`, `kind`, `account`, `after`, `stream`, `every`, `stop_words`"
    );
    let other = LEAST.replace("acme", "other").replace("1212121212121", "77");
    assert_eq!(
        faults(&format!("{other}{}", desk("dm_inactivity", ""))),
        "surveyd.toml: sources.desk.account: is missing, and there are several accounts
  add `account = \"acme\"` to sources.desk"
    );
    let twice = desk("dm_inactivity", "after = \"0s\"").replace("\"desk\"", "\"other\"");
    let twice = twice.strip_prefix(LEAST).unwrap();
    assert_eq!(
        faults(&format!("{}{twice}", desk("dm_inactivity", ""))),
        "\
surveyd.toml: sources.other.account = \"acme\": is watched by another source, too
  leave one source for each account, and remove the other
surveyd.toml: sources.other.after = \"0s\": is out of bounds
  write a value from 1s to 7d"
    );
}

#[test]
fn a_desk_without_a_kind_leads_to_its_page() {
    let faults = faults(&with(&desk("standard", ""), "\"standard\"", "\"HubSpot\""));
    assert!(
        faults.contains("docs/sources/others.md has its block, of kind \"mapped\""),
        "{faults}"
    );
}
