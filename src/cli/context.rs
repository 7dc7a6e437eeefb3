//! What a command works with: its configuration, its environment and its database.

use std::path::{Path, PathBuf};

use super::{NAMES_MAX, migrate, usage};
use crate::clock::Clock;
use crate::config::{self, Config, Environment};
use crate::daemon;
use crate::output::note;
use crate::store::{self, Location, Store};
use crate::terminal::OutputStyle;

/// How times are shown.
#[derive(clap::Args)]
pub struct TimeStyle {
    /// Times as instants in UTC on a terminal too, instead of "2 minutes ago"
    #[arg(long)]
    pub utc: bool,
}

/// The configuration and the environment of a command.
pub struct Context {
    pub config: Config,
    pub file: PathBuf,
    pub environment: Environment,
    pub clock: Clock,
}

impl Context {
    /// Returns the style in which people see the command's results.
    pub fn style(&self, times: &TimeStyle) -> OutputStyle {
        OutputStyle::of_stdout(&self.environment, self.clock.now(), times.utc)
    }

    pub fn location(&self) -> anyhow::Result<Location> {
        let folder = daemon::state_folder(&self.environment, Some(&self.file))?;
        Ok(Location::parse(&self.config.store.url, &folder)?)
    }

    /// Describes the database's location.
    pub fn database(&self) -> anyhow::Result<String> {
        let location = self.location()?;
        let url = || self.config.store.redacted_url();
        Ok(location.file().map_or_else(url, |file| file.display().to_string()))
    }

    /// Returns the database's location and prints it if it is not the usual one.
    ///
    /// A command may run in another folder or with another state folder than the service. Its
    /// results must not be taken for those of the daemon.
    pub fn shown_location(&self) -> anyhow::Result<Location> {
        let location = self.location()?;
        let url = self.config.store.url.trim_start_matches("sqlite:").trim_start_matches("//");
        if let Some(file) = location.file()
            && !Path::new(url).is_absolute()
            && !daemon::is_usual_state_folder(&self.environment, &self.file)
        {
            note!("surveyd: the database is {}", file.display());
        }
        Ok(location)
    }

    /// Refuses an account that neither the configuration nor the database knows. Otherwise, a
    /// misspelt name would look like an account without results.
    pub async fn require_account(
        &self,
        store: &Store,
        account: Option<&str>,
    ) -> anyhow::Result<()> {
        let Some(name) = account else { return Ok(()) };
        if self.config.account(name).is_none() && store.first_close(name).await?.is_none() {
            return Err(self.unknown_account(name));
        }
        Ok(())
    }

    pub fn unknown_account(&self, name: &str) -> anyhow::Error {
        let known = self.config.accounts.iter().map(|account| account.name.as_str());
        self.unknown("--account", name, "account", known.collect())
    }

    /// Makes a usage error about an unknown name. It lists the names in the configuration.
    pub fn unknown(&self, option: &str, name: &str, noun: &str, known: Vec<&str>) -> anyhow::Error {
        let file = self.file.display();
        let meant = config::nearest(name, known.iter().copied());
        let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
        let shown = known.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
        let has = match known.len() {
            0 => "which has none".to_owned(),
            all if all > NAMES_MAX => format!("which has {shown} and {} more", all - NAMES_MAX),
            _ => format!("which has {shown}"),
        };
        usage(option, name, format!("there is no such {noun} in {file}, {has}{meant}"))
    }

    /// Opens the database. A daemon may be using it at the same time.
    pub async fn store(&self) -> anyhow::Result<Store> {
        self.attach(&self.shown_location()?).await
    }

    /// Opens the database there. If there is none, it may lie beside the configuration.
    pub async fn attach(&self, location: &Location) -> anyhow::Result<Store> {
        migrate::say_log_set_aside(location)?;
        let error = match Store::attach(location).await {
            Err(error @ store::Error::Missing(_)) => error,
            attached => return Ok(attached?),
        };
        let Some(file) = location.file().filter(|file| !file.exists()) else {
            return Err(error.into());
        };
        let folder = std::path::absolute(&self.file)?.parent().map(Path::to_owned);
        let beside = folder.zip(file.file_name()).map(|(folder, name)| (folder.join(name), folder));
        match beside.filter(|(beside, _)| beside.is_file()) {
            Some((beside, folder)) => anyhow::bail!(
                "there is no database {}, but {} lies beside the configuration. To look at that \
                 one: STATE_DIRECTORY={} before the command, or cd to that folder",
                file.display(),
                beside.display(),
                folder.display()
            ),
            None => Err(error.into()),
        }
    }
}
