use super::*;

#[test]
fn a_source_signs_by_a_scheme_that_is_known_with_a_key_that_is_long_enough() {
    let source = |line: &str, other: &str| faults(&format!("{LEAST}{}", with(SOURCE, line, other)));
    let secret = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let remedy = "write whsec_ and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` makes them";
    for (line, other, fault) in [
        (
            "\"standard\"",
            "\"zendesk\"",
            "kind = \"zendesk\": is no kind that this version of surveyd knows
  the kinds it knows: \"standard\""
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
        assert_eq!(standard_key(source.secret.expose()).unwrap(), b"1234567890123456");
        assert_eq!(source.account.as_deref(), Some("acme"));
    }
}
