//! Holds the daemon's place on this machine. That is three things:
//!
//! - the state folder
//! - the locks that keep a second daemon off the same SQLite file
//! - the socket by which other commands announce new work
//!
//! There are two locks (flock(2)), because a file may have many names and a name may get another
//! file:
//!
//! - The first lock is on the database itself. So no symbolic link, hard link or bind mount leads a
//!   second daemon to it. This holds across containers. Since nobody else can hold this lock, a
//!   send on record was left by a dead daemon. This lock does not meet SQLite's own locks, which
//!   are fcntl(2)'s.
//! - The second lock is on `surveyd.db.lock`. Somebody may put another file in the place of a
//!   running daemon's database. A second daemon would then find the first one's mark and socket
//!   beside it. This lock keeps it out. Deleting the lock file lets nobody in.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, bail};
use tokio::net::UnixDatagram;
use tracing::warn;

use crate::config::{Config, Environment};
use crate::domain::time::Millis;
use crate::domain::waiting::Presence;
use crate::files::{self, FileId, beside};
use crate::store::{self, Location};

/// The folders of the service's configuration and of its state.
const SERVICE_CONFIG: &str = "/etc/surveyd";
pub const SERVICE_STATE: &str = "/var/lib/surveyd";

/// Returns the folder that relative paths of the store start in. The service manager's choice comes
/// first. Next comes the service's folder if the configuration is the service's. Otherwise it is
/// the working folder.
pub fn state_folder(environment: &Environment, config: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = environment.state_directory() {
        if folder.exists() && !folder.is_dir() {
            bail!("STATE_DIRECTORY names {}, which is no folder: name one", folder.display());
        }
        return std::path::absolute(folder).context("there is no working folder");
    }
    if config.is_some_and(|file| lies_in(file, Path::new(SERVICE_CONFIG))) {
        return Ok(PathBuf::from(SERVICE_STATE));
    }
    std::env::current_dir().context("there is no working folder")
}

/// True if the state folder is the usual one for this configuration. The service's configuration
/// usually has the service's folder. Any other configuration usually has one named by the
/// environment.
pub fn is_usual_state_folder(environment: &Environment, config: &Path) -> bool {
    let told = environment.state_directory();
    match lies_in(config, Path::new(SERVICE_CONFIG)) {
        true => told.is_none_or(|folder| folder == Path::new(SERVICE_STATE)),
        false => told.is_some(),
    }
}

/// True if a file lies in a folder or below it. Its path counts both before and after links are
/// followed.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    std::path::absolute(file).is_ok_and(|file| file.starts_with(folder))
        || real(file).zip(real(folder)).is_some_and(|(file, folder)| file.starts_with(folder))
}

/// The daemon's locks and socket, held as long as it lives. Drop this after the store. Closing the
/// lock on the database also gives up SQLite's locks.
pub struct DaemonLock {
    pub folder: PathBuf,
    database: Option<Database>,
    wakeup: Option<(Arc<UnixDatagram>, PathBuf)>,
}

/// SQLite's file and the locks on it.
struct Database {
    file: PathBuf,
    id: FileId,
    _name: File,
    _lock: File,
}

impl DaemonLock {
    /// Takes the locks. `config_file` is where the configuration was read.
    pub fn take(
        config: &Config,
        environment: &Environment,
        config_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let folder = state_folder(environment, config_file)?;
        let location = Location::parse(&config.store.url, &folder)?;
        // Many daemons may share one PostgreSQL database.
        let Some(file) = location.file() else {
            return Ok(Self { folder, database: None, wakeup: None });
        };
        complete_restore(&location, file)?;
        location.make_file()?;
        let database = Database::lock(file)?;
        for ending in [".sends", "-wal", "-shm"] {
            let path = beside(file, ending);
            if path.exists()
                && let Err(error) = files::fit_to_folder(&path)
            {
                warn!("the rights to {} cannot be set: {error}", path.display());
            }
        }
        Ok(Self { folder, database: Some(database), wakeup: bind(&beside(file, ".wake")) })
    }

    /// Fails if the database that has been opened is not the one that is locked.
    pub fn confirm(&self) -> anyhow::Result<()> {
        let Some(Database { file, id, .. }) = &self.database else { return Ok(()) };
        if FileId::at(file).ok() != Some(*id) {
            bail!("{} was replaced while surveyd started: start it again", file.display());
        }
        Ok(())
    }

    pub fn wakeups(&self) -> Wakeups {
        Wakeups(self.wakeup.as_ref().map(|(socket, _)| socket.clone()))
    }
}

/// Keeps daemons off a SQLite file while another takes its place. The file may not be there yet.
pub struct RestoreLock {
    _name: File,
    _lock: Option<File>,
}

impl RestoreLock {
    /// Takes the locks of the daemon on `file`. Fails while a daemon works on it.
    pub fn take(file: &Path) -> anyhow::Result<Self> {
        let name_path = beside(file, ".lock");
        let name = locked(open(&name_path, file)?, &name_path, file)?;
        let lock = match file.exists() {
            true => Some(locked(open(file, file)?, file, file)?),
            false => None,
        };
        Ok(Self { _name: name, _lock: lock })
    }
}

/// Completes a restore that was broken off.
fn complete_restore(location: &Location, file: &Path) -> anyhow::Result<()> {
    if !store::is_restore_unfinished(location) {
        return Ok(());
    }
    let _lock = RestoreLock::take(file)?;
    store::finish_restore(location)?;
    warn!(
        event = "store.restored",
        "a restore of {} was broken off, and is completed now",
        file.display()
    );
    Ok(())
}

impl Drop for DaemonLock {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.wakeup {
            let _ = fs::remove_file(path);
        }
    }
}

impl Database {
    fn lock(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let found = fs::metadata(file).with_context(|| format!("{shown} cannot be used"))?;
        if !found.is_file() {
            bail!("{shown} is no file: name another in store.url");
        }
        if found.nlink() > 1 {
            bail!(
                "{shown} has {} names (hard links), and its write-ahead log belongs to one of them: delete the \
                 other names (find them by `find DIR -xdev -inum {}`), or put a copy in its place",
                found.nlink(),
                found.ino()
            );
        }
        let name_path = beside(file, ".lock");
        let name = locked(open(&name_path, file)?, &name_path, file)?;
        let lock = locked(open(file, file)?, file, file)?;
        let id = FileId::of(&lock.metadata()?);
        Ok(Self { file: file.to_owned(), id, _name: name, _lock: lock })
    }
}

/// Opens a file that belongs to a database.
fn open(path: &Path, database: &Path) -> anyhow::Result<File> {
    files::open_or_make(path).map_err(|error| match files::denied(path, database) {
        Some(denied) => anyhow::anyhow!(denied),
        None => anyhow::anyhow!("{} cannot be opened: {error}", path.display()),
    })
}

/// Locks an open file or says that another daemon has it. A file that another daemon has locked is
/// never closed. That daemon may be in this process and would lose its locks.
fn locked(opened: File, path: &Path, database: &Path) -> anyhow::Result<File> {
    let fault = match opened.try_lock() {
        Ok(()) => return Ok(opened),
        Err(TryLockError::WouldBlock) => anyhow::anyhow!(
            "another surveyd works on {}: stop it first, or set another store.url",
            database.display()
        ),
        Err(TryLockError::Error(error)) => {
            anyhow::Error::from(error).context(format!("{} cannot be locked", path.display()))
        }
    };
    std::mem::forget(opened);
    Err(fault)
}

/// Binds the socket for wake-ups. Without it, closes filed on the command line are found a few
/// minutes late.
fn bind(path: &Path) -> Option<(Arc<UnixDatagram>, PathBuf)> {
    // Bind under another name first, so that the socket is closed to others before it gets its own
    // name. The lock is ours, so a socket found here was left by a crash.
    let unready = beside(path, ".new");
    let _ = fs::remove_file(&unready);
    let bound = UnixDatagram::bind(&unready).and_then(|socket| {
        files::give_to_owner_of_folder(&unready)?;
        files::fit_to_folder(&unready)?;
        fs::rename(&unready, path)?;
        Ok(socket)
    });
    match bound {
        Ok(socket) => Some((Arc::new(socket), path.to_owned())),
        Err(error) => {
            warn!("{} cannot be bound ({error})", path.display());
            None
        }
    }
}

/// Wake-ups from other commands that have filed new work.
pub struct Wakeups(Option<Arc<UnixDatagram>>);

impl Wakeups {
    pub async fn recv(&mut self) {
        let Some(socket) = &self.0 else { return std::future::pending().await };
        let mut nothing = [0_u8; 8];
        if socket.recv(&mut nothing).await.is_err() {
            // A socket that fails once would fail for ever.
            self.0 = None;
        }
    }
}

/// Tells the daemon on the same SQLite file, if there is one, that there is new work.
pub fn wake_running(location: &Location) {
    let Some(file) = location.file() else { return };
    if let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() {
        // If nobody listens, the close is found when a daemon starts.
        let _ = socket.send_to(b"1", beside(file, ".wake"));
    }
}

/// Says whether a daemon works on this SQLite file and since when. It asks by the socket, which is
/// bound as long as the daemon lives. It takes no lock, so that it does not refuse a daemon that is
/// just starting.
pub fn presence(location: &Location) -> Presence {
    let Some(file) = location.file() else { return Presence::Unknown };
    let path = beside(file, ".wake");
    let connected = std::os::unix::net::UnixDatagram::unbound()
        .and_then(|socket| socket.connect(&path).map(|()| socket));
    match connected.map_err(|error| error.kind()) {
        Ok(_) => {
            let bound_at = fs::metadata(&path).and_then(|found| found.modified()).ok();
            let since = bound_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            Presence::Works { since: since.map(|since| Millis(0).plus(since)) }
        }
        // There is no socket, or a crash has left one.
        Err(ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Presence::Nobody,
        Err(_) => Presence::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_services_configuration_is_the_services_unless_told_otherwise() {
        let nothing = Environment::default();
        let here = std::env::current_dir().unwrap();
        for (file, folder) in [
            ("/etc/surveyd/surveyd.toml", Path::new(SERVICE_STATE)),
            ("/etc/surveyd/other.toml", Path::new(SERVICE_STATE)),
            ("/etc/surveyd.toml", &here),
            ("surveyd.toml", &here),
        ] {
            assert_eq!(state_folder(&nothing, Some(Path::new(file))).unwrap(), folder, "{file}");
        }
        let told = Environment::of([("STATE_DIRECTORY", "/srv/a:/srv/b")]);
        let file = Path::new("/etc/surveyd/surveyd.toml");
        assert_eq!(state_folder(&told, Some(file)).unwrap(), Path::new("/srv/a"));
        assert!(is_usual_state_folder(&nothing, file) && !is_usual_state_folder(&told, file));
        let own = Path::new("/srv/surveyd.toml");
        assert!(is_usual_state_folder(&told, own) && !is_usual_state_folder(&nothing, own));
        let wrong = Environment::of([("STATE_DIRECTORY", "/dev/null")]);
        let said = state_folder(&wrong, Some(file)).unwrap_err().to_string();
        assert_eq!(said, "STATE_DIRECTORY names /dev/null, which is no folder: name one");
        let empty = Environment::of([("STATE_DIRECTORY", "")]);
        assert_eq!(state_folder(&empty, Some(file)).unwrap(), Path::new(SERVICE_STATE));
    }

    #[test]
    fn a_configuration_lies_where_its_links_lead() {
        let folder = tempfile::tempdir().unwrap();
        let (etc, link) = (folder.path().join("etc"), folder.path().join("link"));
        fs::create_dir(&etc).unwrap();
        fs::write(etc.join("a.toml"), "").unwrap();
        std::os::unix::fs::symlink(&etc, &link).unwrap();
        assert!(lies_in(&link.join("a.toml"), &etc));
        assert!(lies_in(&etc.join("a.toml"), &link));
        assert!(!lies_in(&folder.path().join("etcetera/a.toml"), &etc));
    }
}
