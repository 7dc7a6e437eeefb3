use super::*;

fn x_webhook(lines: &str) -> XWebhookConfig {
    sound(&under(&format!("[x.webhook]\n{lines}"))).x.webhook.unwrap()
}

#[test]
fn without_its_table_there_is_no_webhook() {
    assert_eq!(sound(LEAST).x.webhook, None);
}

#[test]
fn a_password_may_be_two_while_one_is_changed_for_the_other() {
    let one = x_webhook("username = \"x\"\npassword = \"new\"");
    let two = x_webhook("username = \"x\"\npassword = [\"new\", \"old\"]");
    assert_eq!((one.username.as_str(), one.passwords.as_slice()), ("x", &two.passwords[..1]));
    assert_eq!(two.passwords[1].expose(), "old");
}

#[test]
fn every_fault_of_it_is_told() {
    assert_eq!(
        faults(&under("[x.webhook]\nusername = \"x:y\"\npasword = \"p\"")),
        "surveyd.toml: x.webhook.username = \"x:y\": holds a colon
  choose one without: Basic authentication (RFC 7617) ends it there
surveyd.toml: x.webhook.password: is missing
  add `password = { file = \"…\" }` to x.webhook
surveyd.toml: x.webhook.pasword: unknown key
  did you mean `password`?"
    );
}

#[test]
fn a_short_password_is_warned_of() {
    let warned = |password: &str| {
        let text = format!("[x.webhook]\nusername = \"x\"\npassword = \"{password}\"");
        warnings(&sound(&under(&text))).iter().any(|warning| warning.key == "x.webhook.password")
    };
    assert!(warned("nineteen characters"));
    assert!(!warned("just twenty letters."));
}
