//! Writes the configuration of `init` and the steps that remain.

use super::answers::InitAnswers;
use super::files::Locations;
use super::kinds::SecretOrigin;
use super::secret_name;

/// Quotes a text for TOML. Its basic strings have the same form as JSON's.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub fn configuration(answers: &InitAnswers) -> String {
    let x = answers.base_url.as_deref().map(stand_in).unwrap_or_default();
    let InitAnswers { account, source, question, .. } = answers;
    let [name, user_id, key, token, privacy, display, message, kind] = [
        account,
        &answers.user_id,
        &answers.consumer_key,
        &answers.access_token,
        &answers.privacy_url,
        &answers.display_name,
        &answers.message,
        answers.kind.name,
    ]
    .map(quoted);
    let survey_type = quoted(answers.survey_type.as_str());
    let secret = match answers.kind.secret() {
        SecretOrigin::None if answers.kind.name == "spool" => "folder = \"closes\"\n".to_owned(),
        SecretOrigin::None => String::new(),
        SecretOrigin::Made(_) | SecretOrigin::Told(_) => {
            format!("secret = {{ file = {} }}\n", quoted(&secret_name(source)))
        }
    };
    let delay = if answers.base_url.is_some() { "delay = \"5s\"\n" } else { "" };
    format!(
        r#"# Made by `surveyd init`. `surveyd check` finds what is wrong with it; `systemctl reload surveyd`, or
# `kill -HUP` its process, puts a change in force. Every other key, with its default, stands in config/surveyd.toml of the sources.
{x}[[accounts]]
name = {name}
user_id = {user_id}
consumer_key = {key}
consumer_secret = {{ file = {consumer_secret} }}
access_token = {token}
access_token_secret = {{ file = {token_secret} }}
privacy_url = {privacy}
display_name = {display}

[accounts.survey]
type = {survey_type}
question_variant_id = {question}
message = {message}
{delay}
[[sources]]
name = {source}
kind = {kind}
account = {name}
{secret}"#,
        consumer_secret = quoted(&format!("{account}-consumer-secret")),
        token_secret = quoted(&format!("{account}-access-token-secret")),
        source = quoted(source),
    )
}

/// Returns the settings for a stand-in for X. Its events do not lag, so surveyd reads them often.
fn stand_in(base_url: &str) -> String {
    format!(
        "[x]\nbase_url = {}\nevents_horizon = \"0s\"\n\n[poll]\ninterval = \"5s\"\n\n",
        quoted(base_url)
    )
}

/// Returns the steps that remain at the help desk and then here. Each command is on a line of its
/// own.
pub fn to_do_next(place: &Locations, answers: &InitAnswers, is_sandbox: bool) -> String {
    let InitAnswers { account, source, kind, .. } = answers;
    let secret = place.credentials().join(secret_name(source));
    let secret = secret.display();
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let address = format!("address   https://YOUR-HOST/v1/sources/{source}");
    let proxy = "(surveyd listens on http://127.0.0.1:8471: put TLS before it)".to_owned();
    let at = match kind.name {
        "standard" => "In your program, which sends Standard Webhooks messages:".to_owned(),
        desk => format!("At {desk}, {}:", kind.place),
    };
    if let Some(what) = answers.waiting_secret() {
        steps.push((at, vec![address, proxy]));
        let mut lines = vec![format!("(umask 077; cat > {secret})")];
        lines.extend(place.line_of_drop_in(&secret_name(source)));
        steps.push((format!("Put {what} that it shows there into its file:"), lines));
    } else if kind.secret() != SecretOrigin::None {
        let secret = format!("secret    cat {secret}");
        steps.push((at, vec![address, secret, proxy]));
    } else if kind.name == "spool" {
        let what = "Move files of closes, one notice a line, into closes/ in the state folder.";
        steps.push((what.into(), Vec::new()));
    }
    let surveyd = place.command();
    let person = if is_sandbox { "343434343434" } else { "YOUR-OWN-NUMERIC-ID" };
    let close =
        format!("{surveyd} enqueue --account {account} --conversation try-1 --user-id {person}");
    steps.push(("Start surveyd:".into(), vec![place.start()]));
    steps.push(("Try it:".into(), vec![close]));
    let looks = vec![format!("{surveyd} explain try-1"), format!("{surveyd} status")];
    steps.push(("See what became of it, and what waits:".into(), looks));
    let file = place.configuration();
    let login = format!(
        "Let somebody see the results (docs/sign_in.md). Put the [[logins]] that this prints into {}:",
        file.display()
    );
    steps.push((login, vec!["surveyd password".into(), place.reload()]));
    let mut text = "\nTo do next".to_owned();
    for (number, (what, lines)) in steps.iter().enumerate() {
        text += &format!("\n  {}. {what}", number + 1);
        for line in lines {
            text += &format!("\n       {line}");
        }
    }
    text
}
