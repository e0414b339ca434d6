//! Files that must be whole or absent, some of them for their owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use builtin::clock::RandomIds;
pub use embedded::folder::make as make_folder;
use shared::port::clock::Ids as _;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: a key.
    Owner,
    /// Anybody: a certificate.
    All,
}

/// Writes the file anew: afterwards it is on disk, and at no moment was it half.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let part = write_part(path, content, readers)?;
    fs::rename(&part, path).inspect_err(|_| forget(&part))?;
    sync_name(path)
}

/// Like [`replace`], but fails with [`io::ErrorKind::AlreadyExists`] if there is such a file, also when
/// two processes try at the same time.
pub fn create(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let part = write_part(path, content, readers)?;
    let linked = fs::hard_link(&part, path);
    forget(&part);
    linked?;
    sync_name(path)
}

/// Writes a file that is not there yet, to disk. Until the folder is synced too, its name may be lost; and
/// a reader may see it half. For files in a folder that nobody knows yet.
pub fn write_new(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = open_new(path, readers)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Opens a file that is not there yet, for writing.
pub fn open_new(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if readers == Readers::Owner { 0o600 } else { 0o644 });
    options.open(path)
}

fn write_part(path: &Path, content: &[u8], readers: Readers) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", RandomIds.id()));
    let part = path.with_file_name(name);
    write_new(&part, content, readers).inspect_err(|_| forget(&part))?;
    Ok(part)
}

/// What is left of a part does no harm.
fn forget(part: &Path) {
    let _ = fs::remove_file(part);
}

/// Brings to disk the name that the file has in its folder.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Brings to disk the names that the folder holds.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_file_is_never_replaced_and_a_replaced_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.key");
        create(&path, b"one", Readers::Owner).unwrap();
        assert_eq!(create(&path, b"two", Readers::Owner).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn keys_and_folders_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make_folder(&inner).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inner), 0o700);
        create(&inner.join("key"), b"", Readers::Owner).unwrap();
        assert_eq!(mode(&inner.join("key")), 0o600);
    }
}
