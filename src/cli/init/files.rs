//! Creates the files of `init` with their owners and modes.
//!
//! It overwrites nothing. If a step fails, it removes everything that it created.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::answers::InitAnswers;
use super::{refuse, secret_name};
use crate::config::Faults;
use crate::daemon::SERVICE_STATE;
use crate::files;

const USER: &str = "surveyd";
const DROP_IN: &str = "/etc/systemd/system/surveyd.service.d/credentials.conf";

/// The mode that the systemd unit gives. The service's group has access because its members may run
/// commands.
const SERVICE_STATE_MODE: u32 = 0o2770;

/// The locations of the files.
pub struct Locations {
    folder: PathBuf,
    /// The service's user and group if this is the service's own folder. `init` then also makes the
    /// state folder and the drop-in.
    service: Option<(u32, u32)>,
}

impl Locations {
    /// `usual` is the service's folder.
    pub fn new(folder: &Path, usual: &Path) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)?;
        if folder != usual {
            return Ok(Self { folder, service: None });
        }
        if !files::are_we_root() {
            return refuse(format!(
                "{} belongs to root: sudo surveyd init, or, for a try of your own, surveyd init --dir FOLDER",
                folder.display()
            ));
        }
        match files::user_and_group(USER) {
            Some(service) => Ok(Self { folder, service: Some(service) }),
            None => refuse(format!(
                "the user {USER} does not exist, as whom the service runs: install systemd/surveyd.sysusers as \
                 /usr/lib/sysusers.d/surveyd.conf, and run systemd-sysusers"
            )),
        }
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.join("surveyd.toml")
    }

    pub fn credentials(&self) -> PathBuf {
        self.folder.join("credentials")
    }

    /// Refuses existing files before anything is asked.
    pub fn refuse_what_is_there(&self) -> anyhow::Result<()> {
        let drop_in = self.service.map(|_| PathBuf::from(DROP_IN));
        for path in [Some(self.configuration()), drop_in].into_iter().flatten() {
            if fs::symlink_metadata(&path).is_ok() {
                return refuse(format!(
                    "{} is there already, and surveyd init overwrites nothing: change it by hand (surveyd check \
                     finds every fault), or name another folder by --dir",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// Returns the command that starts the daemon with the new files.
    pub fn start(&self) -> String {
        match self.service {
            Some(_) => "systemctl daemon-reload && systemctl enable --now surveyd".into(),
            None => format!("{} run", self.command()),
        }
    }

    /// Returns how the daemon reads a changed configuration.
    pub fn reload(&self) -> String {
        match self.service {
            Some(_) => "systemctl reload surveyd".into(),
            None => "kill -HUP its process, or end it and start it again".into(),
        }
    }

    /// Returns the command by which surveyd is called from now on, in any terminal. A try keeps its
    /// state in the working folder.
    pub fn command(&self) -> String {
        match self.service {
            Some(_) => "surveyd".into(),
            None => format!("cd {} && surveyd -c surveyd.toml", self.folder.display()),
        }
    }

    /// Returns a shell line that makes systemd pass one more secret to the service.
    pub fn line_of_drop_in(&self, name: &str) -> Option<String> {
        self.service.map(|_| format!("echo '{}' >> {DROP_IN}", self.credential(name)))
    }

    fn credential(&self, name: &str) -> String {
        format!("LoadCredential={name}:{}", self.credentials().join(name).display())
    }
}

/// The files and folders made so far. Dropping this value removes them.
#[derive(Default)]
pub struct Made {
    paths: Vec<PathBuf>,
    lines: Vec<String>,
}

impl Made {
    pub fn folders(&mut self, place: &Locations) -> anyhow::Result<()> {
        self.folder(&place.folder, 0o755, None)?;
        self.folder(&place.credentials(), 0o700, None)?;
        if let Some(service) = place.service {
            self.folder(Path::new(SERVICE_STATE), SERVICE_STATE_MODE, Some(service))?;
        }
        Ok(())
    }

    pub fn secrets(&mut self, place: &Locations, answers: &InitAnswers) -> anyhow::Result<()> {
        for (name, secret) in secrets(answers) {
            if let Some(secret) = secret {
                self.file(&place.credentials().join(name), &format!("{secret}\n"), 0o600, None)?;
            }
        }
        Ok(())
    }

    /// Writes a draft of the configuration beside its final path, checks it and puts it in place.
    pub fn configuration(
        &mut self,
        place: &Locations,
        text: &str,
        check: impl FnOnce(&Path) -> Result<(), Faults>,
    ) -> anyhow::Result<PathBuf> {
        let (file, draft) = (place.configuration(), place.folder.join("surveyd.toml.new"));
        let group = place.service.map(|(_, group)| (0, group));
        self.file(&draft, text, if group.is_some() { 0o640 } else { 0o600 }, group)?;
        check(&draft).map_err(of_answers)?;
        fs::hard_link(&draft, &file).with_context(|| cannot_make(&file))?;
        fs::remove_file(&draft)?;
        self.paths.push(file.clone());
        if let Some(line) = self.lines.last_mut() {
            *line = line.replace("surveyd.toml.new", "surveyd.toml");
        }
        Ok(file)
    }

    /// Writes the drop-in by which systemd passes the secrets to the service.
    pub fn drop_in(&mut self, place: &Locations, answers: &InitAnswers) -> anyhow::Result<()> {
        if place.service.is_none() {
            return Ok(());
        }
        let file = Path::new(DROP_IN);
        let mut text = "# Made by `surveyd init`: one line a secret.\n[Service]\n".to_owned();
        for (name, _) in secrets(answers).into_iter().filter(|(_, secret)| secret.is_some()) {
            text +=
                &format!("LoadCredential={name}:{}\n", place.credentials().join(&name).display());
        }
        self.folder(file.parent().expect("it lies in a folder"), 0o755, None)?;
        self.file(file, &text, 0o644, None)
    }

    /// Keeps the files and returns a line about each.
    pub fn keep(mut self) -> Vec<String> {
        self.paths.clear();
        std::mem::take(&mut self.lines)
    }

    fn folder(&mut self, path: &Path, mode: u32, owner: Option<(u32, u32)>) -> anyhow::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent().filter(|above| !above.is_dir()) {
            let missing: Vec<_> = above.ancestors().take_while(|path| !path.is_dir()).collect();
            files::make_folders(above).with_context(|| cannot_make(above))?;
            // The service's user goes through them.
            for made in missing.into_iter().filter(|path| !path.as_os_str().is_empty()) {
                let open = Permissions::from_mode(mode);
                fs::set_permissions(made, open).with_context(|| cannot_make(made))?;
            }
        }
        files::make_folders(path).with_context(|| cannot_make(path))?;
        self.paths.push(path.to_owned());
        self.finish(path, mode, owner)
    }

    fn file(
        &mut self,
        path: &Path,
        text: &str,
        mode: u32,
        owner: Option<(u32, u32)>,
    ) -> anyhow::Result<()> {
        let mut file = files::make(path).with_context(|| cannot_make(path))?;
        self.paths.push(path.to_owned());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
        self.finish(path, mode, owner)
    }

    fn finish(&mut self, path: &Path, mode: u32, owner: Option<(u32, u32)>) -> anyhow::Result<()> {
        if let Some((user, group)) = owner {
            chown(path, Some(user), Some(group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        self.lines.push(format!("{} (mode {mode:04o})", path.display()));
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}

/// Attributes the faults of a draft to the answers. The draft is removed and nobody could look at
/// it.
fn of_answers(mut faults: Faults) -> Faults {
    for fault in &mut faults.0 {
        fault.file = "the answers".to_owned();
    }
    faults
}

fn cannot_make(path: &Path) -> String {
    match fs::symlink_metadata(path) {
        Ok(_) => {
            format!("{} is there already, and surveyd init overwrites nothing", path.display())
        }
        Err(_) => format!("{} cannot be made", path.display()),
    }
}

/// Returns the names of the secrets with those that are known.
fn secrets(answers: &InitAnswers) -> [(String, Option<&str>); 3] {
    let InitAnswers { account, source, .. } = answers;
    [
        (format!("{account}-consumer-secret"), Some(&answers.consumer_secret)),
        (format!("{account}-access-token-secret"), Some(&answers.access_token_secret)),
        (secret_name(source), answers.desk_secret.as_ref()),
    ]
    .map(|(name, secret)| (name, secret.map(String::as_str)))
}
