//! What `--serve` adds to the demonstration: its logins, and a configuration as a business has it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::business::{ClosingConversation, VIP};
use crate::credentials::{check_password, hash_password, hash_token, make_token};
use crate::domain::close::ClosedBy;

/// The agent whose own page is shown.
const AGENT: &str = "dana";

/// How people sign in. The password is made up anew each time and shown once.
pub struct SignIn {
    password: String,
    hash: String,
}

impl SignIn {
    pub fn make() -> anyhow::Result<Self> {
        let drawn = hash_token(&make_token()?);
        let digits: Vec<String> =
            drawn.chunks(2).take(3).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
        let password = digits.join("-");
        check_password(&password).map_err(anyhow::Error::msg)?;
        let hash = hash_password(&password)?.expose();
        Ok(Self { password, hash })
    }

    /// The end of the account's survey, the rules, and who may see what.
    pub fn configuration(&self) -> String {
        format!(
            r#"
[accounts.survey.messages]
es = "Gracias por escribirnos, {{{{ first_name }}}}. ¿Qué tal lo hicimos?"
de = "Danke für deine Nachricht, {{{{ first_name }}}}. Wie waren wir?"
[[accounts.rules]]
name = "{VIP}"
when = {{ tag = "{VIP}" }}
type = "nps"
question_variant_id = 0
[[logins]]
name = "demo"
role = ["supervisor", "admin", "auditor"]
password_hash = "{hash}"
[[logins]]
name = "{AGENT}"
role = "agent"
agent = "{AGENT}"
password_hash = "{hash}"
"#,
            hash = self.hash,
        )
    }

    /// Says where the pages are and how to sign in.
    pub fn words(&self, address: SocketAddr) -> String {
        format!(
            "The results of the made-up business: http://{address}/\n  \
             sign in as demo, who may see all, or as {AGENT}, an agent, who may see little\n  \
             password of both: {}\n\
             Ctrl-C ends it and removes all.",
            self.password
        )
    }
}

/// The source of a close, and the data of its notice.
pub fn notice(of: ClosingConversation) -> (&'static str, Value) {
    let notice = of.notice;
    let data = json!({
        "conversation_id": of.id,
        "user_id": of.person.to_string(),
        "agent": notice.agent,
        "team": notice.team,
        "tags": notice.tags,
        "language": notice.language,
        "first_name": notice.first_name,
        "closed_by": notice.closed_by.map(ClosedBy::as_str),
    });
    (of.source, data)
}
