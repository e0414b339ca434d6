//! The data folder.
//!
//! | name | what it is |
//! |---|---|
//! | `raincloud.db` (and `-wal`, `-shm`) | the database: `SQLite` |
//! | `ca.crt`, `ca.key` | our CA; clients and nodes trust the first, the second is the owner's greatest secret |
//! | `server.crt`, `server.key` | the server's certificate, issued anew when needed |
//! | `acme/` | a certificate from an authority and the account with it, if one is ordered |
//! | `blobs/` | what is too large for the database, such as images of firmware |
//! | `blobs.key` | signs the URLs of blobs; whoever has it can read and write all of them |
//! | `mailbox/` | letters with confirmation codes, where they are not sent by SMTP |
//! | `outbox/` | letters on their way to the mail server |
//! | `raincloud.toml` | settings, if the owner puts them here |
//! | `serving` | locked while a server runs |
//! | `backed-up` | when the newest backup was made |

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::files::{self, Readers};

/// The database's name.
pub const DATABASE: &str = "raincloud.db";
/// The name of what a server locks.
pub const SERVING: &str = "serving";
const BACKED_UP: &str = "backed-up";

/// Is this, by its path in the folder, something that is of the moment alone: made anew when it is missing,
/// or not whole?
pub fn is_passing(name: &str) -> bool {
    let beside = name.strip_prefix(DATABASE).is_some_and(|rest| ["-wal", "-shm", "-journal"].contains(&rest));
    beside
        || [SERVING, BACKED_UP].contains(&name)
        || name.split('/').any(|part| Path::new(part).extension().is_some_and(|end| end == "part"))
}

/// A data folder that exists.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder, made if there is none.
    pub fn make(path: &Path) -> anyhow::Result<Self> {
        files::make_folder(path).map_err(|error| cannot("make the data folder", path, &error))?;
        Self::open(path)
    }

    /// The folder, if it is one and can be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        match fs::read_dir(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("there is no data folder {}; name yours with --data DIR", path.display())
            }
            Err(error) => return Err(cannot("read the data folder", path, &error)),
        }
        let path = path.canonicalize().with_context(|| format!("cannot read the data folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The blobs.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The key that signs the URLs of blobs.
    pub fn blobs_key(&self) -> PathBuf {
        self.path.join("blobs.key")
    }

    /// The mailbox.
    pub fn mailbox(&self) -> PathBuf {
        self.path.join("mailbox")
    }

    /// The outbox.
    pub fn outbox(&self) -> PathBuf {
        self.path.join("outbox")
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path.join("ca.crt")
    }

    /// Remembers that a backup was made of this moment, in seconds.
    pub fn note_backup(&self, at: i64) -> io::Result<()> {
        files::replace(&self.path.join(BACKED_UP), at.to_string().as_bytes(), Readers::All)
    }

    /// The moment of the newest backup, in seconds, if there was one. Reads a small file.
    pub fn backed_up(&self) -> Option<i64> {
        fs::read_to_string(self.path.join(BACKED_UP)).ok()?.trim().parse().ok()
    }

    /// Takes the folder for one server, as long as the file that comes back is open. The system gives it
    /// back however the process ends.
    pub fn serve(&self) -> anyhow::Result<File> {
        let path = self.path.join(SERVING);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| cannot("write into the data folder", &self.path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!("another raincloud serves the data folder {} already", self.path.display()),
            Err(TryLockError::Error(error)) => Err(cannot("lock", &path, &error)),
        }
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> anyhow::Error {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "it is no folder".to_owned(),
        _ => error.to_string(),
    };
    anyhow::anyhow!("cannot {what} {}: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_a_folder() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("data");
        let folder = Folder::make(&path).unwrap();
        let serving = folder.serve().unwrap();
        assert!(folder.serve().unwrap_err().to_string().contains("another raincloud serves"));
        drop(serving);
        folder.serve().unwrap();
    }

    #[test]
    fn what_is_no_folder_is_one_clear_line() {
        let outer = tempfile::tempdir().unwrap();
        let error = Folder::open(&outer.path().join("none")).unwrap_err().to_string();
        assert!(error.starts_with("there is no data folder"), "{error}");
        let file = outer.path().join("file");
        fs::write(&file, "").unwrap();
        for error in [Folder::make(&file), Folder::open(&file), Folder::make(&file.join("x"))].map(Result::unwrap_err) {
            assert!(error.to_string().ends_with("it is no folder"), "{error}");
        }
    }
}
