//! Makes surveyd's files and folders with the right owner and rights.
//!
//! A file gets the owner of its folder and is open to that owner alone. So a command that root runs
//! leaves nothing that the service cannot open. A folder may also be open to its group and to
//! nobody else. Its files are then open to the group as well, whose members may run commands.
//!
//! If a file cannot be opened, this module says who owns it, who we are and what to type. For that
//! it reads `/proc` and `/etc/passwd` and nothing else.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown,
};
use std::path::{Path, PathBuf};

/// The rights to read and write for the owner alone.
const PRIVATE: u32 = 0o600;
/// The rights to read and write for the group.
const GROUP: u32 = 0o060;
/// A folder that belongs to a group. It is closed to others. All that is made in it belongs to the
/// group (setgid).
const GROUPS_FOLDER: u32 = 0o2070;
/// The rights to a new folder for the owner alone.
const PRIVATE_FOLDER: u32 = 0o700;
/// The bits of a folder's mode that are compared with [`GROUPS_FOLDER`].
const GROUPS_BITS: u32 = 0o2077;
/// A folder in which everybody may make files and delete only their own (`/tmp`).
const STICKY: u32 = 0o1000;

/// Makes a file for reading and writing with the rights that its folder calls for. An existing file
/// is an error.
pub fn make(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE).open(path)?;
    if let Err(error) = give_to_owner_of_folder(path).and_then(|()| fit_to_folder(path)) {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// Opens a file for reading and writing. Makes it if it does not exist.
pub fn open_or_make(path: &Path) -> io::Result<File> {
    match make(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            // If we are not the file's owner, the owner has to do it.
            let _ = fit_to_folder(path);
            Ok(file)
        }
        made => made,
    }
}

/// Sets a file's rights to those that its folder calls for. The group gets access only if the
/// folder is the group's. All others lose theirs.
pub fn fit_to_folder(path: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o7777;
    let wanted = mode & PRIVATE | rights_in(&folder_of(path))? & GROUP;
    if mode == wanted {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(wanted))
}

/// Returns the rights for files in a folder.
pub fn rights_in(folder: &Path) -> io::Result<u32> {
    let mode = fs::metadata(folder)?.mode();
    Ok(if mode & GROUPS_BITS == GROUPS_FOLDER { PRIVATE | GROUP } else { PRIVATE })
}

/// Makes a folder and all missing folders above it. Each one belongs to the owner of the folder
/// above and is open to that owner alone, or to the group as well if the folder above is the
/// group's.
pub fn make_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    match DirBuilder::new().mode(PRIVATE_FOLDER).create(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // An existing folder below /proc takes no other folder and returns this error.
            let parent = path.parent().filter(|parent| !parent.is_dir()).ok_or(error)?;
            make_folders(parent)?;
            make_folders(path)
        }
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => {
            made?;
            give_to_owner_of_folder(path)?;
            let mode = match rights_in(&folder_of(path))? {
                PRIVATE => PRIVATE_FOLDER,
                _ => GROUPS_FOLDER | PRIVATE_FOLDER,
            };
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        }
    }
}

/// Gives a new file or folder to the owner of the folder it lies in. If that folder is root's or is
/// shared like `/tmp`, a failure to do so is ignored.
pub fn give_to_owner_of_folder(path: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder_of(path))?;
    let made = fs::symlink_metadata(path)?;
    if made.uid() == folder.uid() {
        return Ok(());
    }
    match lchown(path, Some(folder.uid()), Some(folder.gid())) {
        Err(_) if folder.uid() == 0 || folder.mode() & STICKY != 0 => Ok(()),
        Err(error) => {
            let (owner, us) = (user(folder.uid()), user(made.uid()));
            let words = format!(
                "its folder belongs to {owner}, and this is {us}: {}",
                as_owner(folder.uid())
            );
            Err(io::Error::new(error.kind(), words))
        }
        given => given,
    }
}

/// Makes the names in a file's folder durable.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Refuses if the disk of a file's folder has fewer than `bytes` free.
pub fn require_room(path: &Path, bytes: u64) -> io::Result<()> {
    let found = rustix::fs::statvfs(folder_of(path))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if bytes <= free {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    let words = format!("it needs {} MB, and {} MB are free", megabytes(bytes), megabytes(free));
    Err(io::Error::new(ErrorKind::StorageFull, words))
}

/// Returns the folder that a path lies in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Says why we may not read and write `path` and what to type, if its owner or mode is the reason.
/// If `path` is a file, the command covers all names that begin with `file`. Whoever made one of
/// these made the others.
pub fn denied(path: &Path, file: &Path) -> Option<String> {
    refused(path, file, Us::may_use)
}

/// Says why we may not go through a folder and what to type.
pub fn hidden(folder: &Path, file: &Path) -> Option<String> {
    refused(folder, file, Us::may_enter)
}

fn refused(path: &Path, file: &Path, may: fn(&Us, &Metadata) -> bool) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let us = Us::ask()?;
    if may(&us, &found) {
        return None;
    }
    let home = match found.is_dir() {
        true => found.uid(),
        false => fs::metadata(folder_of(path)).ok()?.uid(),
    };
    let (shown, owner, me) = (path.display(), user(found.uid()), user(us.user));
    let all = match found.is_dir() {
        true => shown.to_string(),
        false => format!("{}*", file.display()),
    };
    let give = format!("chown {}: {all}", name(home).unwrap_or_else(|| home.to_string()));
    let remedy = if found.uid() == us.user {
        format!("chmod u+rwX {all}")
    } else if home == us.user {
        give
    } else if home == 0 && found.is_dir() {
        let us = name(us.user).unwrap_or_else(|| us.user.to_string());
        format!(
            "as root, chown {us}: {all}; or name a folder of {me}'s by STATE_DIRECTORY or store.url"
        )
    } else if found.uid() == home {
        as_owner(home)
    } else {
        format!("{give}, and {}", as_owner(home))
    };
    let mode = found.mode() & 0o7777;
    Some(format!("{shown} belongs to {owner} (mode {mode:04o}), and this is {me}: {remedy}"))
}

/// The user and the groups that this process acts as.
struct Us {
    user: u32,
    groups: Vec<u32>,
}

impl Us {
    /// Reads `/proc/self/status`. It lists the real, effective, saved and file system's ids and
    /// then the other groups (proc_pid_status(5)).
    fn ask() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let numbers = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
            line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
        };
        let mut groups = numbers("Groups:");
        groups.extend(numbers("Gid:").get(1));
        Some(Self { user: *numbers("Uid:").get(1)?, groups })
    }

    fn may_use(&self, found: &Metadata) -> bool {
        self.has(found, if found.is_dir() { 0o7 } else { 0o6 })
    }

    fn may_enter(&self, found: &Metadata) -> bool {
        self.has(found, 0o1)
    }

    fn has(&self, found: &Metadata, needed: u32) -> bool {
        let shift = match () {
            () if self.user == 0 => return true,
            () if self.user == found.uid() => 6,
            () if self.groups.contains(&found.gid()) => 3,
            () => 0,
        };
        (found.mode() >> shift) & needed == needed
    }
}

/// True if we may make files in a folder, as far as owners and modes say.
pub fn may_write(folder: &Path) -> bool {
    let found = fs::metadata(folder);
    found.is_ok_and(|found| Us::ask().is_none_or(|us| us.may_use(&found)))
}

/// True if we are the owner of a file or a folder.
pub fn is_ours(path: &Path) -> bool {
    let owner = fs::metadata(path).map(|found| found.uid());
    Us::ask().is_some_and(|us| owner.is_ok_and(|owner| owner == us.user))
}

pub fn are_we_root() -> bool {
    Us::ask().is_some_and(|us| us.user == 0)
}

/// Returns the ids of a user and of the group of that name. Without such a group it is the user's
/// own group.
pub fn user_and_group(name: &str) -> Option<(u32, u32)> {
    let entry = |file: &str| -> Option<Vec<String>> {
        let known = fs::read_to_string(file).ok()?;
        let mut entries = known.lines().map(|line| line.split(':').map(str::to_owned));
        entries.find_map(|mut fields| (fields.next()? == name).then(|| fields.collect()))
    };
    // name:password:uid:gid (passwd(5)), name:password:gid (group(5)).
    let user = entry("/etc/passwd")?;
    let group = entry("/etc/group").and_then(|group| group.get(1)?.parse().ok());
    Some((user.get(1)?.parse().ok()?, group.or_else(|| user.get(2)?.parse().ok())?))
}

/// Names a user in a sentence.
fn user(id: u32) -> String {
    name(id).unwrap_or_else(|| format!("user {id}"))
}

fn name(id: u32) -> Option<String> {
    let known = fs::read_to_string("/etc/passwd").ok()?;
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

fn as_owner(id: u32) -> String {
    let option = name(id).unwrap_or_else(|| format!("'#{id}'"));
    format!("run it as that user (sudo -u {option} surveyd …)")
}

/// The identity of a file whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    /// Returns the identity of the file that `path` leads to.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|found| Self::of(&found))
    }
}

/// Returns the path with `ending` added to the file's name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_was_open_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        open_or_make(&new).unwrap();
        assert_eq!(mode(&new), 0o600);
        fs::write(&old, "kept").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o664)).unwrap();
        open_or_make(&old).unwrap();
        assert_eq!((mode(&old), fs::read_to_string(&old).unwrap().as_str()), (0o600, "kept"));
    }

    #[test]
    fn in_a_folder_of_a_groups_all_is_the_groups_too() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        for (of_folder, of_files) in
            [(0o2770, 0o660), (0o770, 0o600), (0o2775, 0o600), (0o2750, 0o600), (0o1777, 0o600)]
        {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(of_folder)).unwrap();
            for (path, before) in [(&new, None), (&old, Some(0o644)), (&old, Some(0o600))] {
                let _ = fs::remove_file(path);
                if let Some(mode) = before {
                    fs::write(path, "kept").unwrap();
                    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                }
                open_or_make(path).unwrap();
                assert_eq!(mode(path), of_files, "{of_folder:o}, {before:?}");
            }
        }
    }

    #[test]
    fn a_folder_is_its_owners_alone_or_the_groups_whatever_the_umask_is() {
        let folder = tempfile::tempdir().unwrap();
        let (new, deep) = (folder.path().join("new"), folder.path().join("new/deep"));
        for (above, expected) in
            [(0o755, 0o700), (0o1777, 0o700), (0o2775, 0o700), (0o2770, 0o2770)]
        {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(above)).unwrap();
            make_folders(&deep).unwrap();
            assert_eq!((mode(&new), mode(&deep)), (expected, expected), "{above:o}");
            fs::remove_dir_all(&new).unwrap();
        }
    }

    #[test]
    fn what_root_makes_in_anothers_folder_is_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        if std::os::unix::fs::chown(&home, Some(12_345), Some(12_346)).is_err() {
            return assert_ne!(Us::ask().unwrap().user, 0, "root can give a folder away");
        }
        let (file, deep) = (home.join("file"), home.join("a/b"));
        make(&file).unwrap();
        make_folders(&deep).unwrap();
        for made in [file, home.join("a"), deep] {
            let found = fs::metadata(&made).unwrap();
            assert_eq!((found.uid(), found.gid()), (12_345, 12_346), "{}", made.display());
        }
    }

    #[test]
    fn who_may_not_is_told_whose_it_is_and_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        make(&file).unwrap();
        let found = fs::metadata(&file).unwrap();
        let owner = Us { user: found.uid().max(1), groups: vec![] };
        let other = Us { user: 54_321, groups: vec![] };
        assert!(!other.may_use(&found));
        assert!(owner.user != found.uid() || owner.may_use(&found));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o660)).unwrap();
        let found = fs::metadata(&file).unwrap();
        assert!(Us { user: 54_321, groups: vec![found.gid()] }.may_use(&found));
        assert_eq!(user(0), "root");
        assert_eq!(user(987_654), "user 987654");
    }

    #[test]
    fn a_folder_that_takes_no_other_is_an_error_and_no_loop() {
        for path in ["/proc/nope", "/proc/nope/deeper"] {
            assert!(make_folders(Path::new(path)).is_err(), "{path}");
        }
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folders(&deep).unwrap();
        assert!(deep.is_dir());
        make_folders(&deep).unwrap();
    }
}
