//! Collects what `init` needs from options, from questions or from defaults.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::kinds::{self, DeskKind, SecretOrigin};
use crate::cli::ask::{ask, ask_secret, can_ask};
use crate::cli::{Usage, usage};
use crate::config;
use crate::domain::id::UserId;
use crate::domain::question;
use crate::domain::survey_type::SurveyType;
use crate::sandbox::{SandboxAccount, SandboxConfig};

#[derive(Args)]
#[command(next_help_heading = "Answers")]
pub struct InitArgs {
    /// The app's consumer key, in X's portal the API key
    #[arg(long, value_name = "KEY")]
    consumer_key: Option<String>,
    /// A file with the app's consumer secret
    #[arg(long, value_name = "FILE")]
    consumer_secret_file: Option<PathBuf>,
    /// The access token of the handle that prompts are sent from
    #[arg(long, value_name = "TOKEN")]
    access_token: Option<String>,
    /// A file with the secret of that token
    #[arg(long, value_name = "FILE")]
    access_token_secret_file: Option<PathBuf>,
    /// The handle's numeric id [default: the number that its access token begins with]
    #[arg(long, value_name = "N")]
    user_id: Option<String>,
    /// What surveyd calls the account [default: main]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Your privacy policy; X shows it under the question
    #[arg(long, value_name = "URL")]
    privacy_url: Option<String>,
    /// What the question calls you, 20 characters at most
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// csat or nps [default: csat]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// X's question, as `surveyd questions` lists them [default: 1]
    #[arg(long, value_name = "ID")]
    question: Option<u32>,
    /// What the Direct Message says [default: "Thanks for talking to us. How did we do?"]
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Where closes come from: standard, chatwoot, zendesk, intercom, … [default: standard]
    #[arg(long, value_name = "KIND")]
    desk: Option<String>,
    /// What surveyd calls that source, and its address [default: helpdesk]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// A file with the secret that the help desk gave
    #[arg(long, value_name = "FILE")]
    desk_secret_file: Option<PathBuf>,
}

/// The content of the files. There is deliberately no `Debug` because it holds the secrets.
pub struct InitAnswers {
    /// The address of a sandbox. `None` for X itself.
    pub base_url: Option<String>,
    pub account: String,
    pub user_id: String,
    pub consumer_key: String,
    pub consumer_secret: String,
    pub access_token: String,
    pub access_token_secret: String,
    pub privacy_url: String,
    pub display_name: String,
    pub survey_type: SurveyType,
    pub question: u32,
    pub message: String,
    pub kind: DeskKind,
    pub source: String,
    /// `None` if there is no such secret or the help desk has not shown it yet.
    pub desk_secret: Option<String>,
}

const MESSAGE: &str =
    "Thanks for talking to us{% if first_name %}, {{ first_name }}{% endif %}. How did we do?";

/// Gets each answer from its option, from the person at the terminal or from the default.
struct Asking {
    may_ask: bool,
    /// The options that are needed and were neither given nor asked for.
    missing: Vec<&'static str>,
}

impl InitAnswers {
    /// `sandbox` is the sandbox's address. If `yes` is true, nothing is asked.
    pub fn gather(given: InitArgs, sandbox: Option<String>, yes: bool) -> anyhow::Result<Self> {
        let mut asking = Asking { may_ask: !yes && can_ask(), missing: Vec::new() };
        let is_sandbox = sandbox.is_some();
        let stand_in = is_sandbox.then(|| SandboxConfig::demo(1).accounts.swap_remove(0));
        let known = |of: fn(&SandboxAccount) -> String| stand_in.as_ref().map(of);

        let consumer_key = given.consumer_key.or_else(|| known(|it| it.consumer_key.clone()));
        let consumer_key = asking.text(
            "--consumer-key",
            "Consumer key (X's portal: API key)",
            consumer_key,
            None,
            some,
        )?;
        let secret = from_file("--consumer-secret-file", given.consumer_secret_file)?;
        let secret = secret.or_else(|| known(|it| it.consumer_secret.clone()));
        let consumer_secret = asking.secret("--consumer-secret-file", "Consumer secret", secret)?;
        let token = given.access_token.or_else(|| known(|it| it.access_token.clone()));
        let access_token =
            asking.text("--access-token", "Access token of the handle", token, None, some)?;
        let secret = from_file("--access-token-secret-file", given.access_token_secret_file)?;
        let secret = secret.or_else(|| known(|it| it.access_token_secret.clone()));
        let access_token_secret =
            asking.secret("--access-token-secret-file", "Its secret", secret)?;

        let told = known(|it| it.user_id.to_string()).or_else(|| config::owner_of(&access_token));
        let user_id =
            asking.text("--user-id", "The handle's numeric id", given.user_id, told, user_id)?;
        let account = asking.asked(
            "--account",
            "A name for the account, in logs and reports",
            (given.account, Some("main".into())),
            config::check_name,
        )?;
        let url = given.privacy_url.or_else(|| known(|_| "https://example.com/privacy".into()));
        let privacy_url = asking.asked(
            "--privacy-url",
            "The address of your privacy policy",
            (url, None),
            config::check_privacy_url,
        )?;
        let name = given.display_name.or_else(|| known(|_| "Acme".into()));
        let display_name = asking.asked(
            "--display-name",
            "What the question calls you",
            (name, None),
            config::check_display_name,
        )?;

        let survey_type = asking.survey_type(given.kind)?;
        let question = match given.question {
            Some(id) => id,
            None => asking.question(survey_type, &display_name)?,
        };
        let message = given.message.unwrap_or_else(|| MESSAGE.to_owned());

        let kind = asking.desk(given.desk)?;
        let source = given.source.unwrap_or_else(|| "helpdesk".to_owned());
        let desk_secret = desk_secret(&asking, kind, given.desk_secret_file)?;
        asking.done()?;
        Ok(Self {
            base_url: sandbox,
            account,
            user_id,
            consumer_key,
            consumer_secret,
            access_token,
            access_token_secret,
            privacy_url,
            display_name,
            survey_type,
            question,
            message,
            kind,
            source,
            desk_secret,
        })
    }
}

impl Asking {
    /// Returns the given answer, else the person's answer, else the default.
    fn text(
        &mut self,
        option: &'static str,
        what: &str,
        given: Option<String>,
        default: Option<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> anyhow::Result<String> {
        match given {
            Some(text) => match check(&text) {
                Ok(()) => Ok(text),
                Err(problem) => Err(usage(option, &text, problem)),
            },
            None if self.may_ask => ask(what, default.as_deref(), check),
            None => Ok(default.unwrap_or_else(|| {
                self.missing.push(option);
                String::new()
            })),
        }
    }

    /// Returns an answer that the configuration has rules for. A given answer is checked later with
    /// the whole configuration, which reports all faults together. A person's answer is checked at
    /// once.
    fn asked(
        &mut self,
        option: &'static str,
        what: &str,
        (given, default): (Option<String>, Option<String>),
        check: impl Fn(&str) -> Result<(), String>,
    ) -> anyhow::Result<String> {
        match given {
            Some(text) => self.text(option, what, Some(text), None, some),
            None => self.text(option, what, None, default, check),
        }
    }

    fn secret(
        &mut self,
        option: &'static str,
        what: &str,
        given: Option<String>,
    ) -> anyhow::Result<String> {
        match given {
            Some(secret) => Ok(secret),
            None if self.may_ask => Ok(ask_secret(what, false, some)?.unwrap_or_default()),
            None => {
                self.missing.push(option);
                Ok(String::new())
            }
        }
    }

    fn survey_type(&mut self, given: Option<String>) -> anyhow::Result<SurveyType> {
        let what = "csat (how satisfied) or nps (how likely to recommend)";
        let check = |it: &str| kinds::survey_type(it).map(drop);
        let kind = self.text("--type", what, given, Some("csat".into()), check)?;
        kinds::survey_type(&kind).map_err(|problem| usage("--type", &kind, problem))
    }

    fn desk(&mut self, given: Option<String>) -> anyhow::Result<DeskKind> {
        let names = DeskKind::ALL.map(|kind| kind.name).join(", ");
        let what = format!("Where closes come from ({names})");
        let check = |it: &str| DeskKind::parse(it).map(drop);
        let desk = self.text("--desk", &what, given, Some("standard".into()), check)?;
        DeskKind::parse(&desk).map_err(|problem| usage("--desk", &desk, problem))
    }

    fn question(&mut self, kind: SurveyType, name: &str) -> anyhow::Result<u32> {
        let text = |id| question::text(kind, id, name).unwrap_or_default();
        let of = format!(
            "X's question: 1 is \"{}\" (all: surveyd questions {})",
            text(1),
            kind.as_str()
        );
        let check = |answer: &str| match answer.parse::<u32>() {
            Ok(id) if kind.variants().contains(&id) => Ok(()),
            _ => Err(format!(
                "is none of X's: {} to {}",
                kind.variants().start(),
                kind.variants().end()
            )),
        };
        Ok(self.text("--question", &of, None, Some("1".into()), check)?.parse()?)
    }

    /// Fails if an answer that is needed is missing.
    fn done(self) -> anyhow::Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let missing = self.missing.join(", ");
        Err(Usage(format!(
            "nobody can be asked here (no terminal, or --yes), and these are missing: {missing}. \
             To try surveyd without X's keys: --sandbox"
        ))
        .into())
    }
}

/// Returns the desk's secret from its file, or a new one if `init` makes it, or what the person at
/// the terminal enters.
fn desk_secret(
    asking: &Asking,
    kind: DeskKind,
    file: Option<PathBuf>,
) -> anyhow::Result<Option<String>> {
    if let Some(secret) = from_file("--desk-secret-file", file)? {
        return Ok(Some(secret));
    }
    match kind.secret() {
        SecretOrigin::Made(prefix) => random(prefix).map(Some),
        SecretOrigin::Told(what) if asking.may_ask => {
            let what = format!("{what}, or nothing if {} has not told it yet", kind.name);
            ask_secret(&what, true, kind.check_secret())
        }
        SecretOrigin::Told(_) | SecretOrigin::None => Ok(None),
    }
}

fn some(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("it is needed".into()) } else { Ok(()) }
}

fn user_id(text: &str) -> Result<(), String> {
    UserId::parse(text).map(drop).map_err(str::to_owned)
}

fn from_file(option: &str, file: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Ok(_) => Err(usage(option, &file.display().to_string(), "is empty")),
        Err(error) => {
            Err(usage(option, &file.display().to_string(), format!("cannot be read: {error}")))
        }
    }
}

/// Makes a secret of 24 random bytes, the least that Standard Webhooks asks for.
fn random(prefix: &str) -> anyhow::Result<String> {
    let mut bytes = [0; 24];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(format!("{prefix}{}", STANDARD.encode(bytes)))
}
